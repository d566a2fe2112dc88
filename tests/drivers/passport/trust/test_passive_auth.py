"""Passive authentication: real security objects, every algorithm, and every alteration."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_bench import HOLDER, country, passport, trust_of

from drivers.passport import curves
from drivers.passport.errors import (
    AlgorithmUnknown,
    DemoMaterialRefused,
    DocumentError,
    SignatureInvalid,
)
from drivers.passport.inspection.evidence import Judge
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.cms import verify_signed_data
from drivers.passport.trust.files import parse_file
from drivers.passport.trust.passive_authentication import authenticate_sod, com_sod_check
from drivers.passport.trust.signatures import HASHES, parse_public_key, verify
from drivers.passport.trust.sod import parse_sod
from drivers.passport.trust.states import ALPHA2, same_state
from drivers.passport.trust.store import TrustStore
from drivers.types import CHECK_IDS, Result
from sim.chip.keys import Algorithm
from sim.chip.personalise import personalise
from sim.chip.portrait import placeholder_portrait

DATA = Path(__file__).parents[5] / "shared" / "data" / "chip"
if not DATA.exists():
    DATA = Path(__file__).parents[6] / "shared" / "data" / "chip"
AT = date(2026, 11, 22)
GENUINE = passport()
SOD = GENUINE.files[0x011D]
TRUST = trust_of(country())

needs_data = pytest.mark.skipif(not DATA.exists(), reason="shared/data/chip is absent")


def result_of(found, name):
    return next(check for check in found.checks if check.id == name).result


@pytest.fixture(scope="module")
def german_list():
    files = list((DATA / "masterlist").glob("*.ml"))
    (source,) = parse_file(files[0].read_bytes())
    return source.certificates


@needs_data
def test_german_list_is_whole(german_list):
    assert len(german_list) == 588


@needs_data
@pytest.mark.parametrize("name", ["AU", "DE", "FR", "US"])
def test_real_security_objects_chain_to_real_anchors(german_list, name):
    expected = {
        item["country"]: item for item in json.loads((DATA / "sod" / "expected.json").read_text())
    }[name]
    sod = (DATA / "sod" / f"SOD_{name}.bin").read_bytes()
    found = authenticate_sod(sod, TrustStore(german_list), AT)
    assert found.trusted
    assert found.anchor.country == name
    assert sorted(found.security_object.hashes) == expected["dgs"]
    assert found.security_object.hash_name == expected["digest"]
    altered = bytearray(sod)
    altered[-1] ^= 1
    assert not authenticate_sod(bytes(altered), TrustStore(german_list), AT).trusted


BSI = {"COM": "EF_COM", "SOD": "EF_SOD"} | {f"DG{n}": f"Datagroup{n}" for n in (1, 2, 3, 14)}
SDU = {"COM": "ef011E", "SOD": "ef011D", "DG1": "ef0101", "DG2": "ef0102", "DG15": "ef010F"}


@needs_data
@pytest.mark.parametrize(
    ("folder", "names", "scheme"),
    [("bsi2008", BSI, "ecdsa sha1"), ("loes2006", SDU, "rsa sha256")],
)
def test_specimens_of_issuers(folder, names, scheme):
    files = {name: (DATA / folder / f"{stem}.bin").read_bytes() for name, stem in names.items()}
    checks = {
        check.id: check
        for check in Judge(trust=TrustStore(), at=AT, clock=lambda: 0).verdict(files, None)
    }
    assert checks["sod_signature"].result is Result.SUCCESSFUL
    assert checks["sod_signature"].detail == scheme
    assert checks["ds_chain"].result is Result.UNDETERMINED
    assert checks["com_sod"].result is Result.SUCCESSFUL
    hashed = {name for name in names if name.startswith("DG")}
    assert {f"dg_hash.{name}" for name in hashed} == {c for c in checks if c.startswith("dg_")}
    assert all(checks[f"dg_hash.{name}"].result is Result.SUCCESSFUL for name in hashed)
    assert checks["mrz_dg1"].result is Result.UNDETERMINED
    assert checks["issuing_state"].result is Result.SUCCESSFUL
    assert "JPEG 2000" in checks["face_image"].detail


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha512"])
def test_every_algorithm_of_the_simulated_issuer(algorithm, hash_name):
    issuer = country(algorithm)
    sod = personalise(HOLDER, placeholder_portrait(300), issuer, hash_name=hash_name).files[0x011D]
    found = authenticate_sod(sod, trust_of(issuer), AT)
    assert found.trusted, found.checks
    assert result_of(found, "ds_validity") is Result.SUCCESSFUL


@given(st.integers(0, len(SOD) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_any_altered_byte_of_the_security_object_is_untrusted_or_changes_nothing(at, flip):
    altered = bytearray(SOD)
    altered[at] ^= flip
    found = authenticate_sod(bytes(altered), TRUST, AT)
    if found.trusted:
        assert found.security_object.hashes == parse_sod(SOD).hashes


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_security_object(data):
    assert not authenticate_sod(data, TRUST, AT).trusted
    assert com_sod_check(data, parse_sod(SOD)).result is Result.FAILED
    with pytest.raises(DocumentError):
        parse_certificate(data)


@given(st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 8))
@settings(max_examples=300)
def test_spliced_certificates_raise_only_our_errors(at, insert, cut):
    der = country().csca.certificate.der
    spliced = der[:at] + insert + der[at + cut :]
    try:
        certificate = parse_certificate(spliced)
        parse_public_key(certificate.public_key_info)
        trust_of(country()).issuer(certificate)
    except DocumentError:
        return


def test_explicit_parameters_must_all_be_those_of_the_curve():
    known = curves.by_oid("1.3.36.3.3.2.8.1.1.7")
    right = curves.Parameters(
        int(known.foreign.curve.p()),
        int(known.foreign.curve.a()),
        int(known.foreign.curve.b()),
        known.foreign.generator.to_bytes("uncompressed"),
        int(known.foreign.order),
        1,
    )
    assert curves.by_parameters(right).name == "brainpoolP256r1"
    for name in curves.Parameters._fields:
        was = getattr(right, name)
        altered = was[:-1] + bytes([was[-1] ^ 1]) if isinstance(was, bytes) else was + 1
        with pytest.raises(AlgorithmUnknown):
            curves.by_parameters(right._replace(**{name: altered}))


def test_signature_of_another_scheme_is_invalid():
    signed = parse_sod(SOD).signed
    key = parse_public_key(signed.certificates[0].public_key_info)
    for name in HASHES:
        scheme = replace(signed.signer.scheme, hash_name=name)
        if scheme == signed.signer.scheme:
            verify(key, scheme, signed.signer.signature, signed.signer.signed_attributes[0])
            continue
        with pytest.raises(SignatureInvalid):
            verify(key, scheme, signed.signer.signature, signed.signer.signed_attributes[0])


def test_wrong_signer_identifier_is_recorded_and_not_hidden():
    signed = parse_sod(SOD).signed
    wrong = replace(signed, signers=(replace(signed.signer, serial=1, subject_key_id=None),))
    assert verify_signed_data(signed).identified
    assert not verify_signed_data(wrong).identified


def test_one_good_signer_of_several_is_enough_and_none_is_not():
    signed = parse_sod(SOD).signed
    bad = replace(signed.signer, signature=bytes(len(signed.signer.signature)))
    assert verify_signed_data(replace(signed, signers=(bad, signed.signer))).info is signed.signer
    with pytest.raises(SignatureInvalid):
        verify_signed_data(replace(signed, signers=(bad, bad)))


def test_signed_content_type_must_be_the_contents():
    signed = parse_sod(SOD).signed
    with pytest.raises(SignatureInvalid):
        verify_signed_data(replace(signed, content_type="1.2.840.113549.1.7.1"))


def test_csca_of_another_state_does_not_sign_for_this_one():
    anchor = parse_certificate(country().csca.certificate.der)
    rogue = TrustStore([replace(anchor, country="XX")], accept_demo=True)
    found = authenticate_sod(SOD, rogue, AT)
    assert result_of(found, "ds_chain") is Result.FAILED
    assert not found.trusted


def test_demo_material_is_refused_unless_accepted():
    marked = parse_certificate(country().csca.certificate.der)
    assert marked.demo
    with pytest.raises(DemoMaterialRefused):
        TrustStore([marked])
    unmarked = TrustStore([replace(marked, demo=False)])
    assert result_of(authenticate_sod(SOD, unmarked, AT), "ds_chain") is Result.FAILED


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, Result.UNDETERMINED),
        (date(2026, 11, 22), Result.SUCCESSFUL),
        (date(2060, 1, 1), Result.FAILED),
        (date(2000, 1, 1), Result.FAILED),
    ],
)
def test_validity_on_a_day(at, expected):
    found = authenticate_sod(SOD, TRUST, at)
    assert result_of(found, "ds_validity") is expected
    assert result_of(found, "csca_validity") is expected


def test_states_of_the_standard():
    assert len(set(ALPHA2)) >= 260
    assert same_state("D", "de") is True
    assert same_state("GBD", "GB") is True
    assert same_state("GBD", "BM") is True
    assert same_state("GBR", "BM") is False
    assert same_state("UTO", "UT") is True
    assert same_state("FRA", "DE") is False
    assert same_state("QQQ", "DE") is None


def test_verdict_on_files_has_every_check_once():
    files = {"SOD": SOD, "DG1": GENUINE.files[0x0101]}
    printed = parse([GENUINE.printed.text[:44], GENUINE.printed.text[44:]])
    checks = Judge(trust=TRUST, at=AT, clock=lambda: 0).verdict(files, printed)
    ids = [check.id for check in checks]
    assert len(ids) == len(set(ids))
    assert {i.partition(".")[0] for i in ids} == set(CHECK_IDS)
    found = {check.id: check.result for check in checks}
    assert found["dg_hash.DG1"] is Result.SUCCESSFUL
    assert found["dg_hash.DG2"] is Result.UNDETERMINED
    assert found["mrz_dg1"] is Result.SUCCESSFUL
    assert found["com_sod"] is Result.UNDETERMINED


@given(st.dictionaries(st.sampled_from(["COM", "SOD", "DG1", "DG2"]), st.binary(max_size=200)))
def test_verdict_on_arbitrary_files_is_a_verdict(files):
    checks = Judge(trust=TRUST, at=AT, clock=lambda: 0).verdict(files, None)
    assert {check.id.partition(".")[0] for check in checks} == set(CHECK_IDS)
    assert Result.SUCCESSFUL not in {check.result for check in checks}
