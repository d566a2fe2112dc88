"""Every forgery changes what it says, and nothing else."""

import hashlib

import pytest
from asn1crypto import cms
from chip_samples import AT, HOLDER, country, passport
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from ecdsa import BadSignatureError, VerifyingKey
from ecdsa.util import sigdecode_der

from drivers.types import CHECK_IDS
from sim.chip.curves import Group
from sim.chip.faults import FAULTS
from sim.chip.forgeries import FORGERIES, SPECIAL_FORGERIES
from sim.chip.keys import Algorithm
from sim.chip.mrz import check_digit
from sim.chip.personalise import EF_COM, EF_DG1, EF_DG2, EF_SOD, personalise
from sim.chip.portrait import placeholder_portrait
from sim.chip.specimens import SPECIMENS

GENUINE = passport()
FILE_NAMES = {EF_COM: "COM", EF_SOD: "SOD", EF_DG1: "DG1", EF_DG2: "DG2"}

CHANGES = {
    "altered_dg1": {"DG1", "print"},
    "altered_dg2": {"DG2"},
    "hidden_dg2": {"DG2"},
    "garbled_portrait": set(),  # the sample's portrait is the placeholder already
    "com_sod_mismatch": {"COM"},
    "com_lists_less": {"COM"},
    "hidden_dg1": {"DG1"},
    "swapped_dg1": {"DG1", "print"},
    "huge_portrait": {"SOD", "DG2"},
    "truncated_sod": {"SOD"},
    "hidden_sod": {"SOD"},
    "altered_attributes": {"SOD"},
    "reordered_issuer": {"SOD"},
    "same_key_identifier": {"SOD"},
    "signer_as_authority": {"SOD"},
    "revoked_ds": {"SOD"},
    "expired_csca": {"SOD"},
    "foreign_signer": {"SOD"},
    "printed_other_birth_date": {"print"},
    "printed_other_expiry": {"print"},
    "printed_other_nationality": {"print"},
    "printed_other_sex": {"print"},
    "broken_sod_signature": {"SOD"},
    "altered_sod_hash": {"SOD", "DG2"},
    "stolen_certificate": {"SOD"},
    "swapped_sod": {"SOD"},
    "unknown_csca": {"SOD"},
    "self_signed_ds": {"SOD"},
    "expired_ds": {"SOD"},
    "future_ds": {"SOD"},
    "wrong_issuing_state": {"SOD", "DG1", "print"},
    "expired_document": {"SOD", "DG1", "print"},
    "printed_other_name": {"print"},
    "printed_other_number": {"print"},
    "printed_bad_check_digit": {"print"},
}


def forged(name):
    return FORGERIES[name].apply(GENUINE)


def embedded_signer(document):
    info = cms.ContentInfo.load(document.files[EF_SOD][4:], strict=True)
    (certificate,) = info["content"]["certificates"]
    return x509.load_der_x509_certificate(certificate.chosen.dump())


def listed_hashes(document):
    return {
        fid: hashlib.sha256(document.files[fid]).digest() in document.files[EF_SOD]
        for fid in (EF_DG1, EF_DG2)
        if fid in document.files
    }


@pytest.mark.parametrize("name", list(FORGERIES))
def test_changes_what_it_says(name):
    document = forged(name)
    changed = {
        label for fid, label in FILE_NAMES.items() if document.files.get(fid) != GENUINE.files[fid]
    }
    if document.printed != GENUINE.printed:
        changed.add("print")
    assert changed == CHANGES[name]


@pytest.mark.parametrize("name", list(FORGERIES))
def test_is_the_same_each_time(name):
    first, second = forged(name), forged(name)
    assert dict(first.files) == dict(second.files)
    assert first.printed == second.printed


@pytest.mark.parametrize("name", list(FORGERIES))
def test_names_a_check_of_the_vocabulary(name):
    assert FORGERIES[name].name == name
    assert FORGERIES[name].caught_by.split(".")[0] in CHECK_IDS


@pytest.mark.parametrize("name", list(FAULTS))
def test_faults_name_a_check_or_none(name):
    caught_by = FAULTS[name].caught_by
    assert caught_by == "" or caught_by.split(".")[0] in CHECK_IDS


@pytest.mark.parametrize("name", list(FORGERIES))
def test_access_works_with_the_print_unless_that_is_the_point(name):
    document = forged(name)
    same = document.printed.access_key_text == document.access_key_text
    assert same == (FORGERIES[name].caught_by != "access_control")


@pytest.mark.parametrize("name", list(FORGERIES))
def test_the_printed_check_digits_hold_unless_that_is_the_point(name):
    line2 = forged(name).printed.line2
    keyed = line2[0:10] + line2[13:20] + line2[21:43]
    good = check_digit(keyed) == line2[43]
    assert good == (name != "printed_bad_check_digit")
    for field, at in ((line2[0:9], 9), (line2[13:19], 19), (line2[21:27], 27)):
        assert check_digit(field) == line2[at]


def test_hashes():
    assert listed_hashes(GENUINE) == {EF_DG1: True, EF_DG2: True}
    assert listed_hashes(forged("altered_dg1")) == {EF_DG1: False, EF_DG2: True}
    assert listed_hashes(forged("altered_dg2")) == {EF_DG1: True, EF_DG2: False}
    assert listed_hashes(forged("altered_sod_hash")) == {EF_DG1: True, EF_DG2: True}
    assert listed_hashes(forged("swapped_sod")) == {EF_DG1: False, EF_DG2: False}


def test_signers():
    root = x509.load_der_x509_certificate(GENUINE.country.csca.certificate.der)
    for name in ("stolen_certificate", "expired_ds", "future_ds", "wrong_issuing_state"):
        embedded_signer(forged(name)).verify_directly_issued_by(root)
    with pytest.raises(InvalidSignature):
        embedded_signer(forged("unknown_csca")).verify_directly_issued_by(root)
    alone = embedded_signer(forged("self_signed_ds"))
    alone.verify_directly_issued_by(alone)
    assert embedded_signer(forged("expired_ds")).not_valid_after_utc < AT
    assert embedded_signer(forged("future_ds")).not_valid_before_utc > AT
    assert embedded_signer(forged("stolen_certificate")) == embedded_signer(GENUINE)


def test_holders():
    assert forged("expired_document").holder.expiry < AT.date()
    assert forged("wrong_issuing_state").printed.line1.startswith("P<D<<ERIKSSON")


def test_a_garbled_portrait_replaces_a_real_one():
    other = personalise(HOLDER, placeholder_portrait(9_000), country())
    garbled = FORGERIES["garbled_portrait"].apply(other)
    assert garbled.files[EF_DG2] != other.files[EF_DG2]
    assert all(listed_hashes(garbled).values())


@pytest.mark.parametrize("name", list(FORGERIES))
def test_applies_to_passports_signed_with_rsa(name):
    document = personalise(HOLDER, placeholder_portrait(9_000), country(Algorithm.RSA_PSS))
    assert FORGERIES[name].apply(document) != document


def test_a_chosen_generator_deceives_who_believes_the_certificate():
    """CVE-2020-0601: the twin's public key is the true one's, and its own parameters fit."""
    genuine = SPECIMENS["bac_ecdsa_brainpoolP256r1_explicit"].personalisation()
    document = SPECIAL_FORGERIES["chosen_generator"].apply(genuine)
    info = cms.ContentInfo.load(document.files[EF_SOD][4:], strict=True)
    twin, signer = sorted(
        (c.chosen for c in info["content"]["certificates"]), key=lambda c: c.ca is not True
    )
    true = genuine.country.csca.key
    public = twin["tbs_certificate"]["subject_public_key_info"]
    assert public["public_key"].native == true.public_point
    group = Group(13)
    base = public["algorithm"]["parameters"].chosen["base"].native
    curve = Group(13, group.decode(base)).ecdsa_curve
    believed = VerifyingKey.from_string(true.public_point, curve)
    signed = signer["signature_value"].native, signer["tbs_certificate"].dump()
    assert believed.verify(*signed, hashfunc=hashlib.sha256, sigdecode=sigdecode_der)
    judged = VerifyingKey.from_string(true.public_point, group.ecdsa_curve)
    with pytest.raises(BadSignatureError):
        judged.verify(*signed, hashfunc=hashlib.sha256, sigdecode=sigdecode_der)
