"""What is signed is verified as it was signed; what is odd about it stands beside the verdict."""

from datetime import date
from typing import get_args

import pytest
from odd_sods import COUNTRY, GROUPS, ID_DATA, contents_of, odd_sod, security_object

from drivers.passport import tlv
from drivers.passport.errors import SodError
from drivers.passport.inspection.checks import DIFFER_BY_FILLERS
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.cms import parse_signed_data
from drivers.passport.trust.conformance import JUDGED, MEANINGS, Deviation
from drivers.passport.trust.passive_authentication import authenticate_sod
from drivers.passport.trust.store import TrustStore
from drivers.types import Result
from firmware_cfg.profile import DeviationCode
from sim.chip import der

TRUST = TrustStore([parse_certificate(COUNTRY.csca.certificate.der)], accept_demo=True)
KEY_ID = der.tlv(0x80, COUNTRY.signer.certificate.key_id)
OTHER_KEY_ID = der.tlv(0x80, bytes(20))
RDNS = contents_of(COUNTRY.signer.certificate.issuer)


def reordered_issuer():
    parts, rest = [], RDNS
    while rest:
        size = 2 + rest[1]
        parts, rest = [rest[:size], *parts], rest[size:]
    return der.sequence(der.sequence(*parts), der.integer(COUNTRY.signer.certificate.serial))


def judged(sod):
    found = authenticate_sod(sod, TRUST, date(2026, 5, 4))
    return found, {check.id: check for check in found.checks}


SHAPES = {
    "as prescribed": ({}, ()),
    "with NULL parameters": ({"null": True}, ()),
    "id-data": ({"kind": ID_DATA}, ("content_type_data",)),
    "id-data in version 1": (
        {"kind": ID_DATA, "version": 1},
        ("content_type_data", "signed_data_version"),
    ),
    "another type": ({"kind": "1.3.6.1.4.1.32473.77"}, ("content_type_other",)),
    "the first drafts' type": ({"kind": "1.3.27.1.1.1"}, ()),
    "version 1": ({"version": 1}, ("signed_data_version",)),
    "version 0": ({"version": 0}, ("signed_data_version",)),
    "version 77": ({"version": 77}, ("signed_data_version",)),
    "raw, as PKCS 7 digests": (
        {"raw": True, "version": 1, "digested": contents_of},
        ("content_not_octets", "signed_data_version"),
    ),
    "no signed attributes": ({"bare": True}, ("no_signed_attributes",)),
    "id-data without attributes": (
        {"bare": True, "kind": ID_DATA},
        ("content_type_data", "no_signed_attributes"),
    ),
    "raw, without attributes": (
        {"bare": True, "raw": True, "version": 1, "digested": contents_of},
        ("content_not_octets", "signed_data_version", "no_signed_attributes"),
    ),
    "raw, all of it digested": ({"raw": True}, ("content_not_octets",)),
}
ACCEPTED = {
    "by key identifier": ({"sid": KEY_ID, "signer_version": 3}, ()),
    "by key identifier in version 1": ({"sid": KEY_ID}, (Deviation.SIGNER_INFO_VERSION,)),
    "by another key identifier": (
        {"sid": OTHER_KEY_ID, "signer_version": 3},
        (Deviation.SIGNER_IDENTIFIER,),
    ),
    "issuer in another order": ({"sid": reordered_issuer()}, (Deviation.SIGNER_IDENTIFIER,)),
    "attributes in another order": ({"reverse": True}, (Deviation.ATTRIBUTE_ORDER,)),
    "another digest listed": ({"listed": ("sha1", "sha512")}, (Deviation.DIGEST_ALGORITHMS,)),
    "no digest listed": ({"listed": ()}, (Deviation.DIGEST_ALGORITHMS,)),
    "indefinite lengths": ({"indefinite": True}, (Deviation.INDEFINITE_LENGTH,)),
    "bytes inside 77": ({"trailing": bytes(9)}, (Deviation.TRAILING_BYTES,)),
    "bytes after 77": ({"after": bytes(9)}, ()),
    "LDS version 0 with its versions": (
        {"content": security_object("0108", 0)},
        (Deviation.LDS_VERSION,),
    ),
    "LDS version 1 without": ({"content": security_object(number=1)}, (Deviation.LDS_VERSION,)),
    "LDS 1.8": ({"content": security_object("0108")}, ()),
    "LDS version 7": ({"content": security_object(number=7)}, (Deviation.LDS_VERSION,)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_signed_is_verified_as_it_was_signed(name):
    shape, codes = SHAPES[name]
    found, checks = judged(odd_sod(**shape))
    assert checks["sod_signature"].result is Result.SUCCESSFUL
    assert checks["ds_chain"].result is Result.SUCCESSFUL
    assert found.trusted
    for number, content in GROUPS.items():
        assert found.hash_check(number, content).result is Result.SUCCESSFUL
    finding = checks["sod_conformance"]
    assert finding.codes == codes
    assert finding.result is (Result.UNDETERMINED if codes else Result.SUCCESSFUL)
    assert all(MEANINGS[Deviation(code)] in finding.detail for code in codes)


@pytest.mark.parametrize("name", ACCEPTED)
def test_how_it_was_written_is_named_and_accepted(name):
    shape, deviations = ACCEPTED[name]
    found, checks = judged(odd_sod(**shape))
    assert found.trusted
    finding = checks["sod_conformance"]
    assert (finding.result, finding.codes) == (Result.SUCCESSFUL, ())
    assert finding.detail == ", ".join(f"accepted: {MEANINGS[item]}" for item in deviations)


FORGED = security_object(groups={1: b"\x61\x05other", 2: b"\x75\x03two"})


@pytest.mark.parametrize("name", [*SHAPES, *ACCEPTED])
def test_another_content_under_the_same_signature_is_never_believed(name):
    shape, _ = (SHAPES | ACCEPTED)[name]
    found, checks = judged(odd_sod(**shape | {"carried": FORGED}))
    assert checks["sod_signature"].result is Result.FAILED
    assert checks["sod_conformance"].result is Result.UNDETERMINED
    assert not found.trusted


@pytest.mark.parametrize("name", [*SHAPES, *ACCEPTED])
def test_another_signature_is_never_believed(name):
    shape, _ = (SHAPES | ACCEPTED)[name]
    sod = bytearray(odd_sod(**shape))
    at = sod.index(COUNTRY.signer.certificate.der) + len(COUNTRY.signer.certificate.der)
    tail = sod[at:].rstrip(b"\0")
    sod[at + len(tail) - 1] ^= 1
    found, _ = judged(bytes(sod))
    assert not found.trusted


@pytest.mark.parametrize("raw", [b"\x05\x00", b"\x02\x01\x05", b"\x0c\x04text"])
def test_a_content_that_is_no_security_object_is_failed(raw):
    _, checks = judged(odd_sod(content=raw, raw=True, version=1, digested=contents_of))
    assert checks["sod_signature"].result is Result.FAILED


def test_a_type_that_was_not_signed_is_failed():
    sod = odd_sod(kind=ID_DATA)
    first = sod.index(der.oid(ID_DATA))
    renamed = sod[:first] + der.oid("1.2.840.113549.1.7.5") + sod[first + len(der.oid(ID_DATA)) :]
    _, checks = judged(renamed)
    assert checks["sod_signature"].result is Result.FAILED


def test_signed_attributes_are_no_content_of_their_own():
    """Their signature is good over their own bytes: those bytes must not pass for the content."""
    signed = parse_signed_data(tlv.unwrap(odd_sod(), 0x77)).signer.signed_attributes[0]
    for raw in (False, True):
        shape = {"content": signed, "bare": True, "raw": raw}
        _, checks = judged(odd_sod(**shape))
        assert checks["sod_signature"].result is Result.FAILED


def test_lists_of_states_need_signed_attributes():
    with pytest.raises(SodError, match="no signed attributes"):
        parse_signed_data(tlv.unwrap(odd_sod(bare=True), 0x77))


def test_the_profile_names_the_deviations_that_are_judged():
    known = {item.value for item in JUDGED} | {DIFFER_BY_FILLERS}
    assert set(get_args(DeviationCode)) == known
    assert set(MEANINGS) == set(Deviation)
