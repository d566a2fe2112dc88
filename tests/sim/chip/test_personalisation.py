"""What the demo country issues, judged by OpenSSL, asn1crypto and the standard's specimen."""

import hashlib
import shutil
import subprocess
from dataclasses import replace
from datetime import date, timedelta

import pytest
from asn1crypto import cms, x509
from chip_samples import AT, HOLDER, country, passport
from cryptography import x509 as pyca

from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.demo_mark import DEMO_MARK_OID
from sim.chip.keys import Algorithm, KeySource
from sim.chip.mrz import Holder, check_digit, td3
from sim.chip.personalise import EF_COM, EF_DG1, EF_DG2, EF_SOD, personalise
from sim.chip.pki import found_country
from sim.chip.portrait import jpeg_size, placeholder_portrait

EXPLICIT = tuple(a for a in Algorithm if a.endswith("_explicit"))
EC = [a for a in Algorithm if a.name.startswith("ECDSA")]

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="needs Debian's package openssl")


def openssl(*arguments, stdin=None):
    command = [OPENSSL, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_mrz_of_the_standards_specimen():
    lines = td3(replace(HOLDER, expiry=date(2012, 4, 15)))
    assert lines.line1 == "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    assert lines.line2 == "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
    assert lines.access_key_text == "L898902C3674081221204159"


def test_mrz_without_optional_data():
    lines = td3(replace(HOLDER, optional="", number="AB12"))
    assert lines.line2[:9] == "AB12<<<<<"
    assert lines.line2[28:43] == "<" * 15
    composite = lines.line2[0:10] + lines.line2[13:20] + lines.line2[21:43]
    assert lines.line2[43] == check_digit(composite)


@pytest.mark.parametrize("changes", [{"number": "1234567890"}, {"number": "a_b"}, {"sex": "MF"}])
def test_mrz_refuses_what_does_not_fit(changes):
    with pytest.raises(ValueError, match="machine readable zone"):
        td3(replace(HOLDER, **changes))


def test_long_names_are_cut_at_the_line():
    lines = td3(replace(HOLDER, given_names="ANNA MARIA " * 6))
    assert len(lines.line1) == len(lines.line2) == 44


@needs_openssl
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_openssl_verifies_the_security_object(algorithm, tmp_path):
    issuer = country(algorithm)
    document = personalise(HOLDER, placeholder_portrait(), issuer)
    sod, content = tmp_path / "sod.der", tmp_path / "content.der"
    sod.write_bytes(document.files[EF_SOD][4:])
    anchor = tmp_path / "csca.pem"
    openssl("x509", "-inform", "DER", "-out", str(anchor), stdin=issuer.csca.certificate.der)
    arguments = ["cms", "-verify", "-inform", "DER", "-in", str(sod), "-out", str(content)]
    # OpenSSL chains no certificate with explicit parameters: there it judges the signature.
    trust = ["-noverify"] if algorithm in EXPLICIT else ["-CAfile", str(anchor)]
    options = ["-purpose", "any", "-attime", str(int(AT.timestamp()))]
    verdict = openssl(*arguments, *trust, *options)
    assert verdict.returncode == 0, verdict.stderr.decode()
    assert hashlib.sha256(document.files[EF_DG2]).digest() in content.read_bytes()

    broken = bytearray(sod.read_bytes())
    broken[-1] ^= 1
    sod.write_bytes(broken)
    assert openssl(*arguments, *trust, *options).returncode != 0


@needs_openssl
@pytest.mark.parametrize("algorithm", EXPLICIT)
def test_openssl_knows_the_explicit_curve(algorithm):
    listed = openssl("x509", "-inform", "DER", "-noout", "-text", stdin=der_of(algorithm))
    assert b"Field Type: prime-field" in listed.stdout
    checked = openssl("ec", "-pubin", "-inform", "DER", "-check", stdin=spki_of(algorithm))
    assert checked.returncode == 0, checked.stderr.decode()


def der_of(algorithm):
    return country(algorithm).csca.certificate.der


def spki_of(algorithm):
    return country(algorithm).csca.key.public_key_info


KNOWN_TO_READERS = {"2.5.29.15", "2.5.29.19"}
"""Critical extensions that any software which verifies chains must know (RFC 5280, 4.2)."""


@needs_openssl
@pytest.mark.parametrize("algorithm", [a for a in Algorithm if a not in EXPLICIT])
def test_openssl_verifies_the_chain_of_certificates(algorithm, tmp_path):
    issuer = country(algorithm)
    files = {}
    for name, signer in (("csca", issuer.csca), ("signer", issuer.signer)):
        files[name] = tmp_path / f"{name}.pem"
        openssl("x509", "-inform", "DER", "-out", str(files[name]), stdin=signer.certificate.der)
    verify = ["verify", "-x509_strict", "-attime", str(int(AT.timestamp())), "-CAfile"]
    verdict = openssl(*verify, str(files["csca"]), str(files["signer"]))
    assert verdict.returncode == 0, verdict.stderr.decode()


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_certificates_are_well_formed_and_marked(algorithm):
    issuer = country(algorithm)
    for signer, authority in ((issuer.csca, True), (issuer.signer, False)):
        parsed = x509.Certificate.load(signer.certificate.der, strict=True)
        assert parsed.dump(force=True) == signer.certificate.der
        extensions = parsed["tbs_certificate"]["extensions"]
        by_oid = {e["extn_id"].dotted: e["critical"].native for e in extensions}
        assert by_oid[DEMO_MARK_OID] is False
        assert {kind for kind, critical in by_oid.items() if critical} <= KNOWN_TO_READERS
        assert all(int(arc) < 1 << 31 for kind in by_oid for arc in kind.split("."))
        assert parsed.subject.native["common_name"].startswith("DEMO ")
        assert parse_certificate(signer.certificate.der).demo
        assert parsed.serial_number.bit_length() == 64
        assert parsed.subject.native["country_name"] == "UT"
        assert parsed.ca is (True if authority else None)
        assert parsed.authority_key_identifier == issuer.csca.certificate.key_id
        usage = {"key_cert_sign", "crl_sign"} if authority else {"digital_signature"}
        assert parsed.key_usage_value.native == usage


@pytest.mark.parametrize("algorithm", [a for a in Algorithm if a not in EXPLICIT])
def test_the_chain_holds_for_another_library(algorithm):
    issuer = country(algorithm)
    root, leaf = (
        pyca.load_der_x509_certificate(s.certificate.der) for s in (issuer.csca, issuer.signer)
    )
    root.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(root)
    assert root.not_valid_before_utc < leaf.not_valid_before_utc < AT
    assert AT + timedelta(days=3650) < leaf.not_valid_after_utc < root.not_valid_after_utc


def test_security_object_by_asn1crypto():
    document = passport()
    tag = document.files[EF_SOD]
    assert tag[0] == 0x77
    info = cms.ContentInfo.load(tag[4:], strict=True)
    signed = info["content"]
    assert signed["version"].native == "v3"
    assert signed["encap_content_info"]["content_type"].dotted == "2.23.136.1.1.1"
    (signer,) = signed["signer_infos"]
    attributes = {a["type"].native: a["values"][0].native for a in signer["signed_attrs"]}
    content = signed["encap_content_info"]["content"].contents
    # The [0] EXPLICIT OCTET STRING's contents are the LDS security object itself.
    assert attributes["message_digest"] == hashlib.sha256(content).digest()
    assert attributes["signing_time"] == AT
    for fid in (EF_DG1, EF_DG2):
        assert hashlib.sha256(document.files[fid]).digest() in content


def test_files_carry_their_tags():
    document = passport()
    assert document.files[EF_COM].hex() == "60145f0104303130375f36063034303030305c026175"
    assert document.files[EF_DG1][:5].hex() == "615b5f1f58"
    assert document.files[EF_DG1][5:].decode() == document.printed.text
    dg2 = document.files[EF_DG2]
    assert dg2[0] == 0x75
    assert int.from_bytes(dg2[2:4], "big") == len(dg2) - 4
    record = dg2[dg2.index(b"FAC\x00010\x00") :]
    assert int.from_bytes(record[8:12], "big") == len(record)
    assert int.from_bytes(record[12:14], "big") == 1
    assert int.from_bytes(record[14:18], "big") == len(record) - 14
    image = record[14 + 20 :]
    assert (image[2:4], image[4:6]) == ((413).to_bytes(2, "big"), (531).to_bytes(2, "big"))
    assert image[12:] == document.portrait_jpeg


@pytest.mark.parametrize("algorithm", EC)
def test_the_same_seed_gives_the_same_bytes(algorithm):
    first, second = (
        personalise(HOLDER, placeholder_portrait(), country(algorithm)) for _ in range(2)
    )
    assert dict(first.files) == dict(second.files)
    other = personalise(HOLDER, placeholder_portrait(), country(algorithm, seed=b"else"))
    assert other.files[EF_SOD] != first.files[EF_SOD]


def test_a_seeds_bytes_are_pinned():
    """On any machine and with any library version: traces depend on it."""
    digest = hashlib.sha256(passport().files[EF_SOD]).hexdigest()
    assert digest == "7ef493307a46382dd677c38f4ed3eff497a3c67bddf0cdc1f3bcc1af1cb3d90a"


@pytest.mark.parametrize("algorithm", [Algorithm.RSA_PKCS1, Algorithm.RSA_PSS])
def test_a_seed_gives_the_same_rsa_key_and_signatures(algorithm):
    first, second = (
        found_country(KeySource.seeded(b"rsa"), AT, algorithm=algorithm) for _ in range(2)
    )
    assert first.csca.certificate.der == second.csca.certificate.der
    assert first.signer.certificate.der == second.signer.certificate.der
    other = found_country(KeySource.seeded(b"else"), AT, algorithm=algorithm)
    assert other.csca.certificate.der != first.csca.certificate.der


def test_a_country_needs_an_aware_day():
    with pytest.raises(ValueError, match="time zone"):
        found_country(KeySource.seeded(b""), AT.replace(tzinfo=None))


def test_placeholder_portrait():
    assert len(placeholder_portrait(15_000)) == 15_000
    assert jpeg_size(placeholder_portrait(200)) == (413, 531)
    with pytest.raises(ValueError, match="small"):
        placeholder_portrait(100)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\x89PNG" * 9, b"\xff\xd8\xff\xe0\x00\x00" * 3]
)
def test_not_a_jpeg(data):
    with pytest.raises(ValueError, match="not a JPEG"):
        jpeg_size(data)


def test_nothing_personal_in_a_repr():
    shown = repr(passport())
    assert "ERIKSSON" not in shown
    assert "L898902C3" not in shown
    assert isinstance(HOLDER, Holder)
