"""Secure messaging (ICAO Doc 9303-11, 9.8): 3DES after BAC, AES after PACE or CA."""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from drivers.passport import tlv
from drivers.passport.chip.apdu import WHAT_THERE_IS, Command, Response, Steps, transmit
from drivers.passport.errors import SessionDead, TlvError

DO_DATA = 0x87
DO_DATA_ODD = 0x85
DO_LE = 0x97
DO_STATUS = 0x99
DO_MAC = 0x8E
MAC_BYTES = 8


class SessionCipher(Protocol):
    """The block cipher of a session: encryption and an 8-byte authentication code."""

    block: int

    def encrypt(self, plain: bytes, ssc: bytes) -> bytes:
        """CBC encryption of whole blocks."""

    def decrypt(self, cipher: bytes, ssc: bytes) -> bytes:
        """CBC decryption of whole blocks."""

    def mac(self, data: bytes) -> bytes:
        """Authentication code over padded data; padding is the cipher's."""


def pad(data: bytes, block: int) -> bytes:
    """Padding method 2 of ISO/IEC 9797-1: 80 00 .. 00."""
    return data + b"\x80" + bytes(block - 1 - len(data) % block)


def unpad(data: bytes) -> bytes:
    """Remove padding method 2.

    Raises:
        SessionDead: there is none.
    """
    stripped = data.rstrip(b"\x00")
    if not stripped or stripped[-1] != 0x80:
        raise SessionDead("padding of a protected response is wrong")
    return stripped[:-1]


def derive_key_3des(seed: bytes, counter: int) -> bytes:
    """KDF for 3DES (Doc 9303-11, 9.7.1.1): 16 bytes, odd parity."""
    digest = hashlib.sha1(seed + counter.to_bytes(4, "big"), usedforsecurity=False).digest()
    return bytes((b & 0xFE) | (bin(b >> 1).count("1") + 1) % 2 for b in digest[:16])


def derive_key_aes(seed: bytes, counter: int, key_bytes: int) -> bytes:
    """KDF for AES (Doc 9303-11, 9.7.1.2): SHA-1 for 128 bits, else SHA-256."""
    data = seed + counter.to_bytes(4, "big")
    if key_bytes == 16:
        return hashlib.sha1(data, usedforsecurity=False).digest()[:16]
    return hashlib.sha256(data).digest()[:key_bytes]


class TripleDes:
    """3DES in CBC with zero IV, and the retail MAC (ISO/IEC 9797-1 algorithm 3)."""

    block = 8

    def __init__(self, k_enc: bytes, k_mac: bytes) -> None:
        iv = bytes(8)
        # Keys are given as K1 K2 K1: the two-key form by itself is deprecated.
        enc = k_enc + k_enc[:8]
        self._cbc = Cipher(TripleDES(enc), modes.CBC(iv))
        # The retail MAC is single DES up to the last block: K1 K1 K1 is single DES.
        self._single = Cipher(TripleDES(k_mac[:8] * 3), modes.CBC(iv))
        self._last = TripleDES(k_mac + k_mac[:8])

    def encrypt(self, plain: bytes, ssc: bytes) -> bytes:  # noqa: ARG002 (AES needs it)
        """CBC encryption of whole blocks."""
        return self._cbc.encryptor().update(plain)

    def decrypt(self, cipher: bytes, ssc: bytes) -> bytes:  # noqa: ARG002 (AES needs it)
        """CBC decryption of whole blocks."""
        return self._cbc.decryptor().update(cipher)

    def mac(self, data: bytes) -> bytes:
        """Retail MAC, with padding method 2."""
        padded = pad(data, 8)
        head, tail = padded[:-8], padded[-8:]
        chained = self._single.encryptor().update(head)[-8:] if head else bytes(8)
        return Cipher(self._last, modes.CBC(chained)).encryptor().update(tail)


class Aes:
    """AES in CBC with the encrypted send sequence counter as IV, and CMAC cut to 8 bytes."""

    block = 16

    def __init__(self, k_enc: bytes, k_mac: bytes) -> None:
        self._key = algorithms.AES(k_enc)
        # Made once for all messages: a key schedule costs more than a message's blocks.
        self._block = Cipher(self._key, modes.ECB()).encryptor()  # noqa: S305 - one block alone
        self._cmac = CMAC(algorithms.AES(k_mac))
        self._cbc = Cipher(self._key, modes.CBC(bytes(16))).decryptor()

    def encrypt(self, plain: bytes, ssc: bytes) -> bytes:
        """CBC encryption of whole blocks."""
        return Cipher(self._key, modes.CBC(self._iv(ssc))).encryptor().update(plain)

    def decrypt(self, cipher: bytes, ssc: bytes) -> bytes:
        """CBC decryption of whole blocks."""
        # A block's plain text depends on the cipher text block before it and on no other, so
        # the IV may be that block: one context opens every message, and its plain text goes.
        return self._cbc.update(self._iv(ssc) + cipher)[16:]

    def mac(self, data: bytes) -> bytes:
        """CMAC over padded data, the first 8 bytes."""
        cmac = self._cmac.copy()
        cmac.update(pad(data, 16))
        return cmac.finalize()[:MAC_BYTES]

    def _iv(self, ssc: bytes) -> bytes:
        return self._block.update(ssc)


class SecureMessaging:
    """One session: protects commands and opens responses, counting both.

    Every error kills the session, as Doc 9303-11, 9.8 demands of both sides.
    """

    def __init__(self, cipher: SessionCipher, ssc: bytes) -> None:
        self._cipher = cipher
        self._ssc = int.from_bytes(ssc, "big")

    def protect(self, command: Command) -> Command:
        """The protected form of a command (Doc 9303-11, 9.8.4)."""
        ssc = self._count()
        header = bytes([command.cla | 0x0C, command.ins, command.p1, command.p2])
        body = b""
        if command.data:
            secret = self._cipher.encrypt(pad(command.data, self._cipher.block), ssc)
            odd = command.ins & 1
            body = tlv.encode(DO_DATA_ODD, secret) if odd else tlv.encode(DO_DATA, b"\x01" + secret)
        if command.le is not None:
            # 256 is one zero byte in short length; above it, two bytes.
            size = 1 if command.le <= 256 else 2
            body += tlv.encode(DO_LE, (command.le % (1 << 8 * size)).to_bytes(size, "big"))
        covered = ssc + pad(header, self._cipher.block) + body
        # The MAC pads its input itself; without data objects the header's own padding is it.
        mac = self._cipher.mac(covered if body else ssc + header)
        data = body + tlv.encode(DO_MAC, mac)
        # Chips that know short length alone would refuse to be asked for what there is otherwise.
        long = command.le is not None and command.le > 223 and command.le != WHAT_THERE_IS
        extended = len(data) > 255 or long
        return Command(
            header[0], header[1], header[2], header[3], data, le=65_536 if extended else 256
        )

    def open(self, response: Response) -> Response:
        """The plain form of a protected response (Doc 9303-11, 9.8.5).

        Raises:
            SessionDead: not protected, or not by this session's keys.
        """
        ssc = self._count()
        if not response.data:
            raise SessionDead(f"unprotected answer {response.sw:04X} under secure messaging")
        try:
            objects = tlv.read_all(response.data)
        except TlvError as error:
            raise SessionDead("protected response is not BER-TLV") from error
        self._check_mac(response.data, objects, ssc)
        status = tlv.find(objects, DO_STATUS)
        if status is not None and len(status) != 2:
            raise SessionDead("processing status of a protected response is malformed")
        sw = response.sw if status is None else int.from_bytes(status, "big")
        return Response(self._plain(objects, ssc), sw)

    def transmit(self, command: Command) -> Steps[Response]:
        """Send a command under this session."""
        # Fetching with 61xx and 6Cxx belongs to the transport, below secure messaging.
        return self.open((yield from transmit(self.protect(command))))

    def _count(self) -> bytes:
        block = self._cipher.block
        self._ssc = (self._ssc + 1) % (1 << 8 * block)
        return self._ssc.to_bytes(block, "big")

    def _check_mac(self, data: bytes, objects: list[tlv.Tlv], ssc: bytes) -> None:
        tail = objects[-1]
        if tail.tag != DO_MAC or len(tail.value) != MAC_BYTES:
            raise SessionDead("protected response without authentication code")
        covered = data[: -len(tlv.encode(DO_MAC, tail.value))]
        if not hmac.compare_digest(self._cipher.mac(ssc + covered), tail.value):
            raise SessionDead("authentication code of a protected response is wrong")

    def _plain(self, objects: list[tlv.Tlv], ssc: bytes) -> bytes:
        secret = tlv.find(objects, DO_DATA)
        if secret is not None:
            if not secret.startswith(b"\x01"):
                raise SessionDead("padding indicator of a protected response is unknown")
            secret = secret[1:]
        else:
            secret = tlv.find(objects, DO_DATA_ODD)
        if secret is None:
            return b""
        if not secret or len(secret) % self._cipher.block:
            raise SessionDead("cryptogram is not in whole blocks")
        return unpad(self._cipher.decrypt(secret, ssc))
