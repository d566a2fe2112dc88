"""Secure messaging from the chip's side (ICAO Doc 9303-11, 9.8), 3DES and AES.

The session is a frozen record: every command and response gives the next one, with the send
sequence counter advanced. The cipher suite is the record's class.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from sim.chip import der
from sim.chip.apdu import Command, Response, Status
from sim.chip.tlv import data_objects

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


def aes_mac(key: bytes, data: bytes) -> bytes:
    """CMAC (SP 800-38B) cut to 8 bytes."""
    run = CMAC(AES(key))
    run.update(data)
    return run.finalize()[:8]


def _two_key(key: bytes) -> TripleDES:
    return TripleDES(key + key[:8])


@dataclass(frozen=True)
class Refusal:
    """The command's protection is wrong: the session ends with this status word, unprotected."""

    status: int


@dataclass(frozen=True)
class SecureSession(ABC):
    """Session keys and send sequence counter; a subclass is a cipher suite."""

    BLOCK: ClassVar[int]

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    ssc: int = field(repr=False)

    @abstractmethod
    def encrypt(self, data: bytes) -> bytes:
        """Encrypt whole blocks under the present counter."""

    @abstractmethod
    def decrypt(self, data: bytes) -> bytes:
        """Inverse of `encrypt`."""

    @abstractmethod
    def checksum(self, data: bytes) -> bytes:
        """MAC of 8 bytes over the send sequence counter and `data`, padding included."""

    def unwrap(self, command: Command) -> tuple[Self, Command | Refusal]:
        """Check and decrypt a protected command."""
        session = self._advanced()
        objects = data_objects(command.data)
        if objects is None or _CHECKSUM not in objects or command.data[-10:-8] != b"\x8e\x08":
            return session, Refusal(Status.SM_OBJECT_MISSING)
        header = pad(bytes((command.cla, command.ins, command.p1, command.p2)), self.BLOCK)
        covered = command.data[:-10]
        expected = session.checksum(header + covered)
        if not hmac.compare_digest(expected, objects[_CHECKSUM]):
            return session, Refusal(Status.SM_OBJECT_INCORRECT)
        data = session.plain_data(objects)
        le = _expected_length(objects.get(_EXPECTED_LENGTH))
        if data is None or le is None:
            return session, Refusal(Status.SM_OBJECT_INCORRECT)
        plain = Command(command.cla & 0xF3, command.ins, command.p1, command.p2, data, le)
        return session, plain

    def counted(self, messages: int) -> Self:
        """The session with its counter advanced by so many messages."""
        return replace(self, ssc=(self.ssc + messages) % (1 << 8 * self.BLOCK))

    def plain_data(self, objects: dict[int, bytes]) -> bytes | None:
        """What the data objects carry encrypted; None when they are malformed."""
        if _CRYPTOGRAM in objects:
            content = objects[_CRYPTOGRAM]
            if content[:1] != b"\x01":
                return None
            cryptogram = content[1:]
        elif _CRYPTOGRAM_ODD in objects:
            cryptogram = objects[_CRYPTOGRAM_ODD]
        else:
            return b""
        if not cryptogram or len(cryptogram) % self.BLOCK:
            return None
        return unpad(self.decrypt(cryptogram))

    def wrap(self, response: Response, *, odd: bool = False) -> tuple[Self, Response]:
        """Encrypt and authenticate a response; `odd` for odd instruction bytes (DO 85)."""
        session = self._advanced()
        body = b""
        if response.data:
            cryptogram = session.encrypt(pad(response.data, self.BLOCK))
            if odd:
                body = der.tlv(_CRYPTOGRAM_ODD, cryptogram)
            else:
                body = der.tlv(_CRYPTOGRAM, b"\x01", cryptogram)
        body += der.tlv(_STATUS, response.status.to_bytes(2, "big"))
        body += der.tlv(_CHECKSUM, session.checksum(body))
        return session, Response(response.status, body)

    def _advanced(self) -> Self:
        return self.counted(1)


@dataclass(frozen=True)
class Session3Des(SecureSession):
    """Two-key 3DES in CBC mode with zero IV, and Retail MAC (9.8.6)."""

    BLOCK: ClassVar[int] = _BLOCK

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt whole blocks; the counter has no part in it."""
        return encrypt_3des(self.enc, data)

    def decrypt(self, data: bytes) -> bytes:
        """Inverse of `encrypt`."""
        return decrypt_3des(self.enc, data)

    def checksum(self, data: bytes) -> bytes:
        """MAC over the send sequence counter and `data`."""
        return retail_mac(self.mac, self.ssc.to_bytes(_BLOCK, "big") + data)


@dataclass(frozen=True)
class SessionAes(SecureSession):
    """AES in CBC mode whose IV is the encrypted counter, and CMAC of 8 bytes (9.8.7)."""

    BLOCK: ClassVar[int] = 16

    def _cipher(self) -> Cipher[modes.CBC]:
        counter = self.ssc.to_bytes(self.BLOCK, "big")
        single = Cipher(AES(self.enc), modes.ECB()).encryptor()  # noqa: S305 - one block
        return Cipher(AES(self.enc), modes.CBC(single.update(counter)))

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt whole blocks under the present counter."""
        run = self._cipher().encryptor()
        return run.update(data) + run.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """Inverse of `encrypt`."""
        run = self._cipher().decryptor()
        return run.update(data) + run.finalize()

    def checksum(self, data: bytes) -> bytes:
        """MAC over the send sequence counter and `data`, padded by method 2."""
        covered = self.ssc.to_bytes(self.BLOCK, "big") + data
        return aes_mac(self.mac, pad(covered, self.BLOCK))


def wrapped_size(size: int, block: int = _BLOCK) -> int:
    """Bytes of the protected response's body for `size` bytes of plain data."""
    if not size:
        return 14
    content = 1 + size + block - size % block
    return 1 + len(der.length(content)) + content + 14


def _expected_length(content: bytes | None) -> int | None:
    if content is None:
        return 0
    if len(content) not in (1, 2):
        return None
    return int.from_bytes(content, "big") or (256 if len(content) == 1 else 65536)
