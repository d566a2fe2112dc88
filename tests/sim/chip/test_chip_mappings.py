"""The chip's side of PACE's worked examples, its prime fields, and its scripted faults."""

from __future__ import annotations

import re
import subprocess

import foreign
import pytest
from chip_samples import SELECT_APPLICATION, PaceTerminal
from pace_examples import CHIP_MAPPING, DH_GENERIC, DH_INTEGRATED, ECDH_INTEGRATED

from drivers.passport.chip.modp import MODP_GROUPS
from sim.chip.apdu import Command
from sim.chip.bac import access_keys
from sim.chip.card import Card, CardState, Chip, card_of, transact
from sim.chip.chip_authentication import AgreementKey
from sim.chip.der import tlv
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.model import EF_CARD_SECURITY, Behaviour, Features
from sim.chip.pace import CAN, PaceFault, PaceMapping, PaceProfile
from sim.chip.prime_fields import FIELDS, PrimeFieldGroup, group_of
from sim.chip.specimens import SPECIMENS, named_files
from sim.chip.tlv import data_objects, one_object

AES_128 = CipherSuite.AES_128
EXAMPLES = {
    "G.2": (DH_GENERIC, PaceProfile(AES_128, 0)),
    "H.1": (ECDH_INTEGRATED, PaceProfile(AES_128, 13, PaceMapping.INTEGRATED)),
    "H.2": (DH_INTEGRATED, PaceProfile(AES_128, 0, PaceMapping.INTEGRATED)),
    "I.1": (CHIP_MAPPING, PaceProfile(AES_128, 13, PaceMapping.CHIP)),
}
MRZ_TEXT = {"G.2": "T22000129364081251010318", "I.1": "C11T002JM496081222310314"}


def static_key(example):
    """The chip's private key of I.1, which follows from its mapping key and its data."""
    order = group_of(13).order
    factor = pow(int(example["factor"], 16), -1, order)
    return AgreementKey(13, int(example["chip_map"], 16) * factor % order, key_id=13)


def play(name, behaviour=None):
    """The chip's answers to the terminal of an example, without status words, and its session."""
    example, profile = EXAMPLES[name]
    agreement = (static_key(example),) if "factor" in example else ()
    text = MRZ_TEXT.get(name, "irrelevant")
    features = Features(pace=(profile,), agreement=agreement)
    card = Card(
        {}, access_keys(text), behaviour or Behaviour(), features=features, access_key_text=text
    )
    order = profile.group.order
    scalars = [example[k] for k in ("chip_map", "chip") if k in example]
    drawn = [(int(s, 16) % order - 1).to_bytes((order.bit_length() + 7) // 8 + 8) for s in scalars]
    drawn = iter([bytes.fromhex(example["nonce"]), *drawn])
    state, answers = CardState(), []

    def random(size):
        value = next(drawn)
        assert len(value) == size
        return value

    protocol = bytes.fromhex(example["oid"])
    sent = [(0x00, 0x22, 0xC1A4, tlv(0x80, protocol) + tlv(0x83, b"\x01"))]
    mapping = example.get("terminal_map_key") or example["additional"]
    inner = [b"", tlv(0x81, bytes.fromhex(mapping))]
    inner += [
        tlv(tag, bytes.fromhex(example[key]))
        for tag, key in ((0x83, "terminal_key"), (0x85, "terminal_token"))
    ]
    sent += [(0x10, 0x86, 0, tlv(0x7C, content)) for content in inner]
    sent[-1] = (0x00, *sent[-1][1:])
    for cla, ins, parameters, data in sent:
        raw = bytes((cla, ins)) + parameters.to_bytes(2, "big") + bytes([len(data)]) + data
        state, answer = transact(card, state, raw + (b"\x00" if ins == 0x86 else b""), random)
        if answer[-2:] != b"\x90\x00":
            return answer.hex(), None
        answers.append(answer[:-2])
    return [data_objects(one_object(answer, 0x7C)) for answer in answers[1:]], state.session


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_chip_answers_as_in_the_worked_example(name):
    example, _ = EXAMPLES[name]
    (nonce, mapped, agreed, confirmed), session = play(name)
    if name in MRZ_TEXT:
        assert nonce[0x80].hex().upper() == example["encrypted"]
    assert mapped[0x82].hex().upper() == example.get("chip_map_key", "")
    assert agreed[0x84].hex().upper() == example["chip_key"]
    assert confirmed[0x86].hex().upper() == example["chip_token"]
    assert confirmed.get(0x8A, b"").hex().upper() == example.get("chip_data", "")
    assert session is not None


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_chip_with_a_wrong_mapping_refuses_the_terminals_token(name):
    refusal, session = play(name, Behaviour(pace_fault=PaceFault.WRONG_MAPPING))
    assert refusal == "6300"
    assert session is None


def test_faults_of_the_last_answer_are_in_it():
    good = play("I.1")[0][-1]
    wrong = play("I.1", Behaviour(pace_fault=PaceFault.WRONG_TOKEN))[0][-1]
    assert (wrong[0x86] != good[0x86], wrong[0x8A]) == (True, good[0x8A])
    assert 0x8A not in play("I.1", Behaviour(pace_fault=PaceFault.NO_CHIP_DATA))[0][-1]
    short = play("I.1", Behaviour(pace_fault=PaceFault.BAD_CHIP_DATA))[0][-1][0x8A]
    assert good[0x8A].startswith(short)
    assert len(short) == len(good[0x8A]) - 1


def test_chip_authentication_mapping_needs_its_key():
    example, profile = EXAMPLES["I.1"]
    card = Card({}, access_keys("x"), features=Features(pace=(profile,)), access_key_text="x")
    data = tlv(0x80, bytes.fromhex(example["oid"])) + tlv(0x83, b"\x01")
    raw = bytes.fromhex("0022C1A4") + bytes([len(data)]) + data
    assert transact(card, CardState(), raw, seeded_random(b"x"))[1].hex() == "6a80"


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_an_additional_nonce_of_another_size_is_refused(size):
    profile = EXAMPLES["H.1"][1]
    card = Card({}, access_keys("x"), features=Features(pace=(profile,)), access_key_text="x")
    state, random = CardState(), seeded_random(b"x")
    data = tlv(0x80, bytes.fromhex(ECDH_INTEGRATED["oid"])) + tlv(0x83, b"\x01")
    state, _ = transact(card, state, bytes.fromhex("0022C1A4") + bytes([len(data)]) + data, random)
    state, _ = transact(card, state, bytes.fromhex("10860000027C0000"), random)
    data = tlv(0x7C, tlv(0x81, bytes(size)))
    raw = bytes.fromhex("10860000") + bytes([len(data)]) + data + b"\x00"
    assert transact(card, state, raw, random)[1].hex() == "6a80"


# --- prime fields -----------------------------------------------------------------------


@pytest.mark.parametrize("number", list(FIELDS))
def test_both_tables_of_prime_fields_are_those_of_openssl(number):
    openssl = foreign.program("openssl", "openssl")
    command = [openssl, "genpkey", "-genparam", "-algorithm", "DHX"]
    command += ["-pkeyopt", f"dh_rfc5114:{number + 1}"]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    parsed = subprocess.run([openssl, "asn1parse"], input=made, capture_output=True, check=True)
    theirs = [int(n, 16) for n in re.findall(rb"INTEGER +:([0-9A-F]+)", parsed.stdout)]
    field, ours = FIELDS[number], MODP_GROUPS[number]
    assert theirs == [field.p, field.generator, field.order]
    assert theirs == [ours.p, ours.generator, ours.q]


@pytest.mark.parametrize("number", list(FIELDS))
def test_elements_come_back_and_others_are_refused(number):
    group = PrimeFieldGroup(number)
    element = group.generator * group.scalar(seeded_random(b"field"))
    assert group.decode(group.encode(element)) == element
    for value in (0, 1, group.p - 1, group.p, 2):
        assert group.decode(value.to_bytes(group.size + 1, "big").lstrip(b"\x00")) is None
    assert group.decode(bytes(2) + group.x(element)) is None
    assert group.integrated(0) is None
    assert group.integrated(1) is None


# --- EF.CardSecurity --------------------------------------------------------------------


def test_card_security_is_signed_and_readable_after_pace_alone(tmp_path):
    specimen = SPECIMENS["pace_cam_aes128_brainpoolP256r1"]
    made = specimen.personalisation()
    content = made.master_files[EF_CARD_SECURITY]
    sod, anchor = tmp_path / "security.der", tmp_path / "csca.pem"
    sod.write_bytes(content)
    openssl = foreign.program("openssl", "openssl")
    command = [openssl, "x509", "-inform", "DER", "-out", str(anchor)]
    subprocess.run(command, input=specimen.country.csca.certificate.der, check=True)
    command = [openssl, "cms", "-verify", "-inform", "DER", "-in", str(sod), "-CAfile", str(anchor)]
    command += ["-purpose", "any", "-attime", "1705311000"]
    verified = subprocess.run(command, capture_output=True, check=False)
    assert verified.returncode == 0, verified.stderr
    assert all(profile.info in verified.stdout for profile in made.features.pace)
    assert all(info in verified.stdout for key in made.features.agreement for info in key.infos)
    files = named_files(made)
    assert files["CARDSECURITY.bin"] == content
    assert files["SOD.bin"] == made.files[0x011D]
    chip = Chip(card_of(made), seeded_random(b"chip"))
    assert chip.transmit(bytes.fromhex("00A4020C02011D"))[0].hex() == "6982"
    _mapped, generic = made.features.pace
    reader = PaceTerminal(lambda raw: chip.transmit(raw)[0], made.features.can, generic, CAN)
    assert reader.authenticate() == "9000"
    assert reader.read_file(EF_CARD_SECURITY) == content
    assert reader.protected(Command(0, 0xA4, 4, 12, SELECT_APPLICATION[5:], 0))[0] == b"\x90\x00"
    assert reader.read_file(0x011D) == made.files[0x011D]


def test_other_chips_have_no_card_security():
    made = SPECIMENS["pace_aa_ca"].personalisation()
    assert EF_CARD_SECURITY not in made.master_files
