"""Secure messaging from the chip's side (ICAO Doc 9303-11, 9.8), 3DES.

The session is a frozen record: every command and response gives the next one, with the send
sequence counter advanced. The cipher suite is the record's class, so that AES comes beside.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from sim.chip import der
from sim.chip.apdu import Command, Response, Status

_BLOCK = 8
_ZERO_IV = bytes(_BLOCK)
_CRYPTOGRAM = 0x87
_CRYPTOGRAM_ODD = 0x85
_EXPECTED_LENGTH = 0x97
_STATUS = 0x99
_CHECKSUM = 0x8E


def pad(data: bytes, block: int = _BLOCK) -> bytes:
    """Padding method 2 of ISO/IEC 9797-1: 80, then zeros."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(data: bytes) -> bytes | None:
    """Remove padding method 2; None when there is none."""
    stripped = data.rstrip(b"\x00")
    return stripped[:-1] if stripped[-1:] == b"\x80" else None


def encrypt_3des(key: bytes, data: bytes) -> bytes:
    """3DES-CBC with two keys and a zero IV, over whole blocks."""
    run = Cipher(_two_key(key), modes.CBC(_ZERO_IV)).encryptor()
    return run.update(data) + run.finalize()


def decrypt_3des(key: bytes, data: bytes) -> bytes:
    """Inverse of `encrypt_3des`."""
    run = Cipher(_two_key(key), modes.CBC(_ZERO_IV)).decryptor()
    return run.update(data) + run.finalize()


def retail_mac(key: bytes, data: bytes) -> bytes:
    """MAC algorithm 3 of ISO/IEC 9797-1 with DES, padding method 2 included."""
    single = Cipher(TripleDES(key[:8] * 3), modes.CBC(_ZERO_IV)).encryptor()
    last = single.update(pad(data))[-_BLOCK:]
    middle = Cipher(TripleDES(key[8:16] * 3), modes.ECB()).decryptor()  # noqa: S305 - one block
    final = Cipher(TripleDES(key[:8] * 3), modes.ECB()).encryptor()  # noqa: S305 - one block
    return final.update(middle.update(last))


def _two_key(key: bytes) -> TripleDES:
    return TripleDES(key + key[:8])


@dataclass(frozen=True)
class Refusal:
    """The command's protection is wrong: the session ends with this status word, unprotected."""

    status: int


@dataclass(frozen=True)
class Session3Des:
    """Session keys and send sequence counter."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    ssc: int = field(repr=False)

    def unwrap(self, command: Command) -> tuple[Session3Des, Command | Refusal]:
        """Check and decrypt a protected command."""
        session = self._advanced()
        objects = _data_objects(command.data)
        if objects is None or _CHECKSUM not in objects or command.data[-10:-8] != b"\x8e\x08":
            return session, Refusal(Status.SM_OBJECT_MISSING)
        header = pad(bytes((command.cla, command.ins, command.p1, command.p2)))
        covered = command.data[:-10]
        expected = session.checksum(header + covered)
        if not hmac.compare_digest(expected, objects[_CHECKSUM]):
            return session, Refusal(Status.SM_OBJECT_INCORRECT)
        data = self._plain_data(objects)
        le = _expected_length(objects.get(_EXPECTED_LENGTH))
        if data is None or le is None:
            return session, Refusal(Status.SM_OBJECT_INCORRECT)
        plain = Command(command.cla & 0xF3, command.ins, command.p1, command.p2, data, le)
        return session, plain

    def _plain_data(self, objects: dict[int, bytes]) -> bytes | None:
        if _CRYPTOGRAM in objects:
            content = objects[_CRYPTOGRAM]
            if content[:1] != b"\x01":
                return None
            cryptogram = content[1:]
        elif _CRYPTOGRAM_ODD in objects:
            cryptogram = objects[_CRYPTOGRAM_ODD]
        else:
            return b""
        if not cryptogram or len(cryptogram) % _BLOCK:
            return None
        return unpad(decrypt_3des(self.enc, cryptogram))

    def wrap(self, response: Response, *, odd: bool = False) -> tuple[Session3Des, Response]:
        """Encrypt and authenticate a response; `odd` for odd instruction bytes (DO 85)."""
        session = self._advanced()
        body = b""
        if response.data:
            cryptogram = encrypt_3des(self.enc, pad(response.data))
            if odd:
                body = der.tlv(_CRYPTOGRAM_ODD, cryptogram)
            else:
                body = der.tlv(_CRYPTOGRAM, b"\x01", cryptogram)
        body += der.tlv(_STATUS, response.status.to_bytes(2, "big"))
        body += der.tlv(_CHECKSUM, session.checksum(body))
        return session, Response(response.status, body)

    def checksum(self, data: bytes) -> bytes:
        """MAC over the send sequence counter and `data`."""
        return retail_mac(self.mac, self.ssc.to_bytes(_BLOCK, "big") + data)

    def _advanced(self) -> Session3Des:
        return Session3Des(self.enc, self.mac, (self.ssc + 1) % (1 << 64))


def wrapped_size(size: int) -> int:
    """Bytes of the protected response's body for `size` bytes of plain data."""
    if not size:
        return 14
    content = 1 + size + _BLOCK - size % _BLOCK
    return 1 + len(der.length(content)) + content + 14


def _data_objects(body: bytes) -> dict[int, bytes] | None:
    """One-byte-tag data objects, each at most once; None when malformed."""
    objects: dict[int, bytes] = {}
    at = 0
    while at < len(body):
        tag = body[at]
        size, at = read_length(body, at + 1)
        if size is None or at + size > len(body) or tag in objects:
            return None
        objects[tag] = body[at : at + size]
        at += size
    return objects


def read_length(body: bytes, at: int) -> tuple[int | None, int]:
    """Decode a BER length of up to three bytes; (None, at) when there is none."""
    first = body[at] if at < len(body) else None
    if first is None or first == 0x80 or first > 0x82:
        return None, at
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    digits = body[at + 1 : at + 1 + count]
    return (int.from_bytes(digits, "big"), at + 1 + count) if len(digits) == count else (None, at)


def _expected_length(content: bytes | None) -> int | None:
    if content is None:
        return 0
    if len(content) not in (1, 2):
        return None
    return int.from_bytes(content, "big") or (256 if len(content) == 1 else 65536)
