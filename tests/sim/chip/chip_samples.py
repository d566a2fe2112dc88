"""A genuine passport and the terminal's half of BAC, for the chip's tests."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from sim.chip import der
from sim.chip.apdu import Command
from sim.chip.bac import access_keys, derive_keys
from sim.chip.curves import Group
from sim.chip.der import tlv
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import Algorithm, KeySource, seeded_random
from sim.chip.mrz import Holder
from sim.chip.personalise import personalise
from sim.chip.pki import found_country
from sim.chip.portrait import placeholder_portrait
from sim.chip.secure_messaging import (
    Session3Des,
    SessionAes,
    decrypt_3des,
    encrypt_3des,
    pad,
    retail_mac,
    unpad,
)

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOLDER = Holder(
    surname="ERIKSSON",
    given_names="ANNA MARIA",
    number="L898902C3",
    birth_date=date(1974, 8, 12),
    sex="F",
    expiry=date(2032, 4, 15),
    optional="ZE184226B",
)
SELECT_APPLICATION = bytes.fromhex("00A4040C07A0000002471001")


def country(algorithm=Algorithm.ECDSA_P256, seed=b"utopia"):
    if algorithm in (Algorithm.RSA_PKCS1, Algorithm.RSA_PSS):
        keys = KeySource.live(seeded_random(seed))
    else:
        keys = KeySource.seeded(seed)
    return found_country(keys, AT, algorithm=algorithm)


def passport(**changes):
    return personalise(replace(HOLDER, **changes), placeholder_portrait(), country())


class Terminal:
    """The inspection system's half, in the standard's steps; `send` carries an APDU."""

    def __init__(self, send, access_key_text):
        self.send = send
        self.keys = access_keys(access_key_text)
        self.session = None

    def authenticate(self):
        """SELECT, GET CHALLENGE, EXTERNAL AUTHENTICATE; the last status word."""
        assert self.send(SELECT_APPLICATION) == b"\x90\x00"
        challenge = self.send(bytes.fromhex("0084000008"))[:8]
        own, half = bytes(range(8)), bytes(range(16))
        cryptogram = encrypt_3des(self.keys.enc, own + challenge + half)
        token = cryptogram + retail_mac(self.keys.mac, cryptogram)
        answer = self.send(bytes.fromhex("0082000028") + token + b"\x28")
        if len(answer) == 2:
            return answer.hex()
        assert retail_mac(self.keys.mac, answer[:32]) == answer[32:40]
        plain = decrypt_3des(self.keys.enc, answer[:32])
        assert plain[:16] == challenge + own
        seed = bytes(a ^ b for a, b in zip(half, plain[16:], strict=True))
        counter = int.from_bytes(challenge[4:] + own[4:], "big")
        self.session = Session3Des(*derive_keys(seed), counter)
        return answer[40:].hex()

    def protected(self, command, *, extended=False):
        """Send one command protected: (status word, plain data)."""
        self._advance()
        body = b""
        if command.data:
            cryptogram = self.session.encrypt(pad(command.data, self.session.BLOCK))
            odd = command.ins & 1
            body += der.tlv(0x85 if odd else 0x87, b"" if odd else b"\x01", cryptogram)
        if command.le:
            size = 2 if command.le > 256 else 1
            body += der.tlv(0x97, (command.le % (1 << 8 * size)).to_bytes(size, "big"))
        header = bytes((0x0C, command.ins, command.p1, command.p2))
        body += der.tlv(0x8E, self.session.checksum(pad(header, self.session.BLOCK) + body))
        if extended:
            raw = header + b"\x00" + len(body).to_bytes(2, "big") + body + b"\x00\x00"
        else:
            raw = header + bytes([len(body)]) + body + b"\x00"
        answer = self.send(raw)
        if answer is None or len(answer) == 2:
            return answer, b""
        self._advance()
        covered, status = answer[:-12], answer[-2:]
        assert answer[-12:-10] == b"\x8e\x08"
        assert self.session.checksum(covered) == answer[-10:-2]
        assert covered[-4:] == b"\x99\x02" + status
        if covered[0] == 0x99:
            return status, b""
        at = 2 if covered[1] < 0x80 else 2 + (covered[1] & 0x7F)
        cryptogram = covered[at + (covered[0] == 0x87) : -4]
        return status, unpad(self.session.decrypt(cryptogram))

    def read_file(self, fid, chunk=0xDF, *, extended=False):
        """A whole file in READ BINARY commands of `chunk` bytes."""
        status, _ = self.protected(Command(0, 0xA4, 2, 0x0C, fid.to_bytes(2, "big"), 0))
        assert status == b"\x90\x00", status.hex()
        content = b""
        while True:
            at = len(content)
            command = Command(0, 0xB0, at >> 8, at & 0xFF, b"", chunk)
            status, part = self.protected(command, extended=extended)
            content += part
            if status == b"\x62\x82" or status == b"\x6b\x00":
                return content
            if status != b"\x90\x00":
                return status

    def _advance(self):
        self.session = replace(self.session, ssc=self.session.ssc + 1)


class PaceTerminal(Terminal):
    """The same by PACE; its arithmetic is the group's, its tokens and keys are its own."""

    def __init__(self, send, secret, profile, password):
        self.send = send
        self.profile = profile
        self.password = password
        encoded = secret.encode()
        if password == 1:
            encoded = hashlib.sha1(encoded, usedforsecurity=False).digest()
        self.key = kdf(profile.suite, encoded, 3)
        self.session = None
        self.steps = 0

    def authenticate(self):
        """MSE:Set AT and the chain of GENERAL AUTHENTICATE; the last status word."""
        profile, group = self.profile, Group(self.profile.parameter_id)
        oid = der.oid(profile.protocol)
        data = b"\x80" + oid[1:] + bytes((0x83, 1, self.password))
        answer = self.send(bytes((0, 0x22, 0xC1, 0xA4, len(data))) + data)
        if answer != b"\x90\x00":
            return answer.hex()
        z = self._step(b"", 0x80)
        if len(z) == 2:
            return z.hex()
        nonce = int.from_bytes(self._decrypt(z), "big")
        ours, theirs = 0x1234567, self._step(tlv(0x81, group.encode(group.generator * 0x1234567)))
        if len(theirs) == 2:
            return theirs.hex()
        generator = group.generator * nonce + group.decode(theirs) * ours
        own = group.encode(generator * 0x7654321)
        chip_key = self._step(tlv(0x83, own))
        if len(chip_key) == 2:
            return chip_key.hex()
        secret = group.x(group.decode(chip_key) * 0x7654321)
        enc, mac = kdf(profile.suite, secret, 1), kdf(profile.suite, secret, 2)
        kind = Session3Des if profile.suite is CipherSuite.TRIPLE_DES else SessionAes
        token = self._token(mac, tlv(0x7F49, oid, tlv(0x86, chip_key)))
        answer = self._step(tlv(0x85, token), last=True)
        if len(answer) == 2:
            return answer.hex()
        assert answer == self._token(mac, tlv(0x7F49, oid, tlv(0x86, own)))
        self.session = kind(enc, mac, 0)
        return "9000"

    def _step(self, content, _tag=0, *, last=False):
        self.steps += 1
        data = tlv(0x7C, content)
        header = bytes((0 if last else 0x10, 0x86, 0, 0, len(data)))
        answer = self.send(header + data + b"\x00")
        if answer[-2:] != b"\x90\x00":
            return answer[-2:]
        outer = 2 if answer[1] < 0x80 else 2 + (answer[1] & 0x7F)
        inner = answer[outer:-2]
        return inner[2:] if inner[1] < 0x80 else inner[2 + (inner[1] & 0x7F) :]

    def _decrypt(self, z):
        if self.profile.suite is CipherSuite.TRIPLE_DES:
            return decrypt_3des(self.key, z)
        run = Cipher(AES(self.key), modes.CBC(bytes(16))).decryptor()
        return run.update(z)

    def _token(self, mac, data):
        if self.profile.suite is CipherSuite.TRIPLE_DES:
            return retail_mac(mac, data)
        run = CMAC(AES(mac))
        run.update(data)
        return run.finalize()[:8]


def kdf(suite, secret, counter):
    """KDF of Doc 9303-11, 9.7.1, without the optional parity."""
    size = {"3des": 16, "aes128": 16, "aes192": 24, "aes256": 32}[suite]
    name = "sha1" if size == 16 else "sha256"
    return hashlib.new(name, secret + bytes((0, 0, 0, counter))).digest()[:size]
