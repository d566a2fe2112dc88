"""Another author's PACE and chip authentication, libeac: against our chip and our reader."""

import hashlib
import subprocess
from pathlib import Path

import foreign
import pytest

from drivers.passport import tlv as reader_tlv
from drivers.passport.chip import pace
from drivers.passport.chip.agreement import block_cipher
from drivers.passport.chip.chip_authentication import chip_keys
from drivers.passport.chip.security_infos import pace_infos, parse_security_infos
from drivers.passport.errors import AccessDenied
from sim.chip.apdu import parse_command
from sim.chip.card import CardState, card_of, transact
from sim.chip.curves import CURVES
from sim.chip.der import oid, tlv
from sim.chip.key_derivation import CipherSuite, new_session
from sim.chip.keys import seeded_random
from sim.chip.model import EF_CARD_ACCESS, Features
from sim.chip.pace import CAN, MRZ, PaceProfile
from sim.chip.personalise import personalise
from sim.chip.portrait import placeholder_portrait
from sim.chip.prime_fields import FIELDS, group_of
from sim.chip.security_infos import security_infos
from sim.chip.specimen_features import agreement_key
from sim.chip.specimens import SPECIMENS
from sim.chip.tlv import one_object

SOURCE = Path(__file__).with_name("libeac_party.c")
CAN_TEXT = "815602"
SUITE_NAMES = {
    CipherSuite.TRIPLE_DES: "3DES-CBC-CBC",
    CipherSuite.AES_128: "AES-CBC-CMAC-128",
    CipherSuite.AES_192: "AES-CBC-CMAC-192",
    CipherSuite.AES_256: "AES-CBC-CMAC-256",
}
PARAMETER_IDS = (*FIELDS, *CURVES)
PACE_CIPHERS = {
    CipherSuite.TRIPLE_DES: "3DES",
    CipherSuite.AES_128: "AES-128",
    CipherSuite.AES_192: "AES-192",
    CipherSuite.AES_256: "AES-256",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    gcc = foreign.program("gcc", "gcc")
    foreign.file("/usr/include/eac/eac.h", "libeac-dev")
    built = tmp_path_factory.mktemp("libeac") / "party"
    command = [gcc, "-O1", str(SOURCE), "-o", str(built), "-leac", "-lcrypto"]
    compiled = subprocess.run(command, capture_output=True, check=False)
    assert compiled.returncode == 0, compiled.stderr.decode()
    return built


def protocol_name(profile):
    """As OpenSSL's table of objects has it."""
    kind = "DH" if profile.parameter_id in FIELDS else "ECDH"
    return f"id-PACE-{kind}-GM-{SUITE_NAMES[profile.suite]}"


def document(profile):
    plain = SPECIMENS["bac_ecdsa_p256"]
    made = plain.personalisation()
    features = Features(pace=(profile,), can=CAN_TEXT)
    return personalise(made.holder, placeholder_portrait(1_000), plain.country, features=features)


class Exchange:
    """The chip's side of the table, the program's lines on the other."""

    def __init__(self, program, made, profile, password, secret):
        self.card, self.state = card_of(made), CardState()
        self.random = seeded_random(b"libeac")
        kind = "raw" if password == MRZ else "can"
        arguments = [
            str(program),
            "terminal",
            protocol_name(profile),
            str(profile.parameter_id),
            kind,
            secret,
        ]
        self.terminal = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        data = tlv(0x80, oid(profile.protocol)[2:]) + tlv(0x83, bytes([password]))
        assert self.send(0, 0x22, 0xC1A4, data) == b"\x90\x00"

    def send(self, cla, ins, parameters, data):
        long = len(data) > 255
        size = b"\x00" + len(data).to_bytes(2, "big") if long else bytes([len(data)])
        raw = bytes((cla, ins)) + parameters.to_bytes(2, "big") + size + data
        raw += bytes(1 + long) if ins == 0x86 else b""
        self.state, answer = transact(self.card, self.state, raw, self.random)
        return answer

    def step(self, sent, tag, *, last=False):
        answer = self.send(0x00 if last else 0x10, 0x86, 0, tlv(0x7C, sent))
        if answer[-2:] != b"\x90\x00":
            return answer
        return one_object(one_object(answer[:-2], 0x7C), tag)

    def write(self, data):
        self.terminal.stdin.write(data.hex() + "\n")
        self.terminal.stdin.flush()

    def read(self):
        return bytes.fromhex(self.terminal.stdout.readline())

    def run(self):
        """Everything up to the chip's answer to the terminal's token."""
        with self.terminal:
            self.write(self.step(b"", 0x80))
            self.write(self.step(tlv(0x81, self.read()), 0x82))
            self.write(self.step(tlv(0x83, self.read()), 0x84))
            answer = self.step(tlv(0x85, self.read()), 0x86, last=True)
            self.write(answer)
            keys = (self.read(), self.read())
        return answer, keys, self.terminal.returncode


@pytest.mark.parametrize("parameter_id", PARAMETER_IDS)
@pytest.mark.parametrize("suite", list(CipherSuite))
def test_libeac_opens_the_chip(program, suite, parameter_id):
    profile = PaceProfile(suite, parameter_id)
    exchange = Exchange(program, document(profile), profile, CAN, CAN_TEXT)
    _answer, (enc, mac), code = exchange.run()
    assert code == 0
    session = exchange.state.session
    assert session is not None
    pairs = ((session.enc, enc), (session.mac, mac))
    if suite is CipherSuite.TRIPLE_DES:  # parity is optional: libeac leaves it as it comes
        pairs = tuple((bytes(b & 0xFE for b in x), bytes(b & 0xFE for b in y)) for x, y in pairs)
    assert all(ours == theirs for ours, theirs in pairs)


def test_libeac_opens_the_chip_with_the_mrz(program):
    profile = PaceProfile(CipherSuite.AES_128, 13)
    made = document(profile)
    encoded = hashlib.sha1(made.access_key_text.encode(), usedforsecurity=False).hexdigest()
    exchange = Exchange(program, made, profile, MRZ, encoded)
    assert exchange.run()[2] == 0
    assert exchange.state.session is not None


def test_libeac_is_refused_with_another_number(program):
    profile = PaceProfile(CipherSuite.AES_128, 13)
    exchange = Exchange(program, document(profile), profile, CAN, "000000")
    answer, _keys, code = exchange.run()
    assert answer == b"\x63\x00"
    assert code == 1
    assert exchange.state.session is None


# --- the other way round: libeac is the chip ----------------------------------------------


def open_libeac(program, profile, kind, secret, password):
    """Our reader opens libeac's chip: the session, and the chip's keys as it prints them."""
    card_access = document(profile).master_files[EF_CARD_ACCESS]
    (info,) = pace_infos(parse_security_infos(card_access))
    arguments = [str(program), "chip", protocol_name(profile), str(profile.parameter_id)]
    arguments += [kind, secret]
    party = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with party:
        steps = pace.authenticate(info, password, seeded_random(b"reader"))
        try:
            op = next(steps)
            while True:
                op = steps.send(libeac_answer(party, op.apdu))
        except StopIteration as end:
            party.stdin.close()
            keys = [bytes.fromhex(party.stdout.readline()) for _ in range(2)]
            return end.value.session, keys


def libeac_answer(party, apdu):
    """What a chip that leaves its cryptography to libeac answers to one command."""
    if apdu[1] == 0x22:
        return b"\x90\x00"
    command = parse_command(apdu)
    data = reader_tlv.unwrap(command.data, 0x7C)
    sent = reader_tlv.read_all(data)
    if sent:
        ((_tag, value),) = sent
        party.stdin.write(value.hex() + "\n")
        party.stdin.flush()
    received = bytes.fromhex(party.stdout.readline())
    if not received:
        return b"\x63\x00"
    tag = sent[0][0] + 1 if sent else 0x80
    return tlv(0x7C, tlv(tag, received)) + b"\x90\x00"


@pytest.mark.parametrize("parameter_id", PARAMETER_IDS)
@pytest.mark.parametrize("suite", list(CipherSuite))
def test_our_reader_opens_libeac(program, suite, parameter_id):
    profile = PaceProfile(suite, parameter_id)
    password = pace.can_password(CAN_TEXT)
    session, (enc, mac) = open_libeac(program, profile, "can", CAN_TEXT, password)
    theirs = block_cipher(PACE_CIPHERS[suite], enc, mac)
    ours, ssc, text = session._cipher, bytes(theirs.block), bytes(range(32))
    assert ours.encrypt(text, ssc) == theirs.encrypt(text, ssc)
    assert ours.mac(text) == theirs.mac(text)


def test_our_reader_is_refused_by_libeac_with_another_number(program):
    profile = PaceProfile(CipherSuite.AES_128, 13)
    with pytest.raises(AccessDenied):
        open_libeac(program, profile, "can", CAN_TEXT, pace.can_password("000000"))


# --- chip authentication: libeac computes with the chip's key ------------------------------


@pytest.mark.parametrize("parameter_id", PARAMETER_IDS)
def test_libeac_agrees_on_the_same_secret_as_our_reader_and_our_chip(program, parameter_id):
    key = agreement_key(parameter_id, CipherSuite.AES_128)
    infos = parse_security_infos(security_infos(key.infos))
    (offer,) = chip_keys(infos)
    scalar, public = offer.key.group.key_pair(seeded_random(b"terminal"))
    group = group_of(parameter_id)
    private = key.scalar.to_bytes((group.order.bit_length() + 7) // 8, "big").hex()
    kind = "DH" if parameter_id in FIELDS else "ECDH"
    arguments = [str(program), "agree", f"id-CA-{kind}-AES-CBC-CMAC-128", str(parameter_id)]
    party = subprocess.run(
        [*arguments, private, offer.key.public.hex()],
        input=public.hex() + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    shared = bytes.fromhex(party.stdout)
    assert shared == offer.key.group.agree(scalar, offer.key.public)
    assert new_session(CipherSuite.AES_128, shared) == key.agree(CipherSuite.AES_128, public)
