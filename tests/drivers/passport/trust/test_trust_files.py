"""Trust stores from files: real lists, CRLs made here, and what is neither."""

from base64 import b64encode
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from hypothesis import given
from hypothesis import strategies as st
from reader_bench import country, passport

from drivers.passport.errors import DocumentError
from drivers.passport.trust.audit import SignatureState, audit
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.files import Kind, assemble, parse_file, signer_trust
from drivers.passport.trust.files import given_store as store_given
from drivers.passport.trust.passive_authentication import authenticate_sod
from drivers.passport.trust.revocation import Defect, Revocation, parse_revocation_list
from drivers.passport.trust.store import TrustStore
from drivers.types import Result

DATA = Path(__file__).parents[5] / "shared" / "data" / "chip"
if not DATA.exists():
    DATA = Path(__file__).parents[6] / "shared" / "data" / "chip"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="shared/data/chip is absent")
AT = date(2026, 11, 22)
SOD = passport().files[0x011D]
KEY = ec.derive_private_key(7, ec.SECP256R1())


@pytest.fixture(scope="module")
def german():
    folder = DATA / "masterlist"
    return {
        kind: parse_file(next(folder.glob(pattern)).read_bytes())[0]
        for kind, pattern in (("list", "*.ml"), ("csca", "*.cer"))
    }


@needs_data
def test_every_certificate_of_the_german_list_is_judged(german):
    assert german["list"].unreadable == 0
    judged = [result for _, result in audit(german["list"].certificates)]
    assert len(judged) == 588
    assert judged.count(SignatureState.SELF_SIGNED) == 375
    assert judged.count(SignatureState.LINK) == 201
    assert judged.count(SignatureState.ORPHAN) == 12


@needs_data
def test_a_list_counts_only_beside_the_certificate_that_its_signer_chains_to(german):
    sod = (DATA / "sod" / "SOD_AU.bin").read_bytes()
    alone = authenticate_sod(sod, assemble([german["list"]]), AT)
    assert not alone.trusted
    assert result(alone, "ds_chain") is Result.UNDETERMINED
    beside = authenticate_sod(sod, assemble([german["list"], german["csca"]]), AT)
    assert beside.trusted
    assert signer_trust(german["list"], store_given([german["csca"]])).trusted


@needs_data
def test_an_altered_list_is_not_believed(german):
    der = bytearray(german["list"].der)
    der[len(der) // 2] ^= 1
    try:
        sources = parse_file(bytes(der))
    except DocumentError:
        return
    assert not signer_trust(sources[0], store_given([german["csca"]])).trusted


def result(found, name):
    return next(check for check in found.checks if check.id == name).result


def authority(key=KEY, name="Country", **builder):
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "UT"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(builder.get("issuer", subject))
        .public_key(key.public_key())
        .serial_number(builder.get("serial", 1))
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=builder.get("ca", True), path_length=None), True)
        .sign(builder.get("signer", key), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def crl(serials, issuer, key=KEY, until=datetime(2027, 1, 1, tzinfo=UTC)):
    name = x509.load_der_x509_certificate(issuer).subject
    since = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(since).next_update(until)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_crl_revokes_what_it_lists_and_clears_the_rest_while_it_is_current():
    issuer = authority()
    signer = parse_certificate(authority(serial=77, ca=False))
    listed = parse_revocation_list(crl([77], issuer))
    assert listed.signed_by(parse_certificate(issuer))
    assert listed.status(signer, AT) is Revocation.REVOKED
    empty = parse_revocation_list(crl([], issuer))
    assert empty.status(signer, AT) is Revocation.GOOD
    assert empty.status(signer, date(2028, 1, 1)) is Revocation.UNKNOWN
    assert empty.status(signer, None) is Revocation.UNKNOWN
    other = parse_revocation_list(crl([77], issuer, ec.derive_private_key(8, ec.SECP256R1())))
    assert not other.signed_by(parse_certificate(issuer))


def simulated(**store):
    anchor = parse_certificate(country().csca.certificate.der)
    return TrustStore([anchor], accept_demo=True, **store)


def test_a_known_defect_of_the_signer_fails_or_leaves_open():
    signer = authenticate_sod(SOD, simulated(), AT).signer.certificate
    for kind, defects, revocation in (
        ("1.1", Result.FAILED, Result.FAILED),
        ("1.4", Result.FAILED, Result.UNDETERMINED),
        ("2.2", Result.UNDETERMINED, Result.UNDETERMINED),
    ):
        known = Defect(
            signer.issuer, signer.serial, None, None, "sha256", (f"0.4.0.127.0.7.3.1.5.{kind}",)
        )
        found = authenticate_sod(SOD, simulated(defects=[known]), AT)
        assert result(found, "defects") is defects
        assert result(found, "ds_revocation") is revocation
    elsewhere = Defect(signer.issuer, signer.serial + 1, None, None, "sha256", ("1.1",))
    found = authenticate_sod(SOD, simulated(defects=[elsewhere]), AT)
    assert result(found, "defects") is Result.SUCCESSFUL
    assert result(authenticate_sod(SOD, simulated(), AT), "defects") is Result.UNDETERMINED


def test_a_link_certificate_of_an_unproven_list_is_trusted_through_its_anchor():
    old, new = KEY, ec.derive_private_key(9, ec.SECP256R1())
    anchor = parse_certificate(authority(old))
    name = x509.load_der_x509_certificate(authority(old)).subject
    link = parse_certificate(authority(new, name="Country 2", issuer=name, signer=old))
    new_name = x509.load_der_x509_certificate(link.der).subject
    signer = parse_certificate(authority(old, "Signer", issuer=new_name, signer=new, ca=False))
    root = parse_certificate(authority(new, name="Country 2"))
    for listed in ([link], [root, link], [link, root]):
        found = TrustStore([anchor], unproven=listed).find(signer)
        assert found is not None
        assert found.trusted
    assert not TrustStore([anchor], unproven=[root]).find(signer).trusted
    stranger = TrustStore([], unproven=[link]).find(signer)
    assert stranger is not None
    assert not stranger.trusted


def entry(attribute, der):
    """One entry as the ICAO PKD writes it: Base64, folded."""
    text = f"{attribute}:: {b64encode(der).decode()}"
    folded = "\n ".join(text[at : at + 76] for at in range(0, len(text), 76))
    return f"dn: cn=x,o=dsc,c=UT,dc=data,dc=download,dc=pkd\nobjectClass: top\n{folded}\nsn: 1\n\n"


ISSUER = authority()
LDIF = "version: 1\n\n" + entry("userCertificate;binary", ISSUER)
LISTED = entry("certificateRevocationList;binary", crl([77], ISSUER))
PEM = x509.load_der_x509_certificate(ISSUER).public_bytes(serialization.Encoding.PEM)
BROKEN = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
BUNDLE = pkcs7.serialize_certificates(
    [x509.load_der_x509_certificate(ISSUER)] * 2, serialization.Encoding.PEM
)


@pytest.mark.parametrize(
    ("data", "kinds", "unreadable"),
    [
        ((LDIF + LISTED).encode(), [Kind.CERTIFICATE, Kind.CRL], 0),
        ((LDIF + LISTED).replace("\n", "\r\n").encode(), [Kind.CERTIFICATE, Kind.CRL], 0),
        (("# of the PKD\n" + LISTED).encode(), [Kind.CRL], 0),
        ((LDIF + entry("pkdMasterListContent", b"none")).encode(), [Kind.CERTIFICATE], 1),
        (BROKEN + PEM + BROKEN, [Kind.CERTIFICATE], 2),
        (b"\xef\xbb\xbf" + PEM, [Kind.CERTIFICATE], 0),
        (b"text before\r\n" + PEM.replace(b"\n", b"\r\n"), [Kind.CERTIFICATE], 0),
        (BUNDLE, [Kind.CERTIFICATE] * 2, 0),
        (pem.unarmor(BUNDLE)[2] + b"\n", [Kind.CERTIFICATE] * 2, 0),
    ],
)
def test_files_of_several_objects(data, kinds, unreadable):
    found = parse_file(data)
    assert [source.kind for source in found] == kinds
    assert sum(source.unreadable for source in found) == unreadable
    assert found[0].unreadable == unreadable


@pytest.mark.parametrize(
    "data",
    [b"dn: c=UT\n", b"dn: c=UT\nuserCertificate;binary:: ?\n", b"version: 1\n", BROKEN * 2],
)
def test_files_of_nothing(data):
    with pytest.raises(DocumentError):
        parse_file(data)


@needs_data
def test_a_master_list_out_of_the_pkd(german):
    (found,) = parse_file(entry("pkdMasterListContent", german["list"].der).encode())
    assert found.kind is Kind.MASTER_LIST
    assert [c.der for c in found.certificates] == [c.der for c in german["list"].certificates]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_trust_file(data):
    with pytest.raises(DocumentError):
        parse_file(data)


@given(st.text(max_size=80))
def test_arbitrary_text_after_a_name_is_no_trust_file(text):
    with pytest.raises(DocumentError):
        parse_file(f"dn: c=UT\nuserCertificate;binary:: {text}\n".encode())


@given(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 6))
def test_spliced_files_raise_only_our_errors(at, insert, cut):
    issuer = authority()
    for der in (issuer, crl([77], issuer)):
        try:
            sources = parse_file(der[:at] + insert + der[at + cut :])
        except DocumentError:
            continue
        assert {source.kind for source in sources} <= set(Kind)
