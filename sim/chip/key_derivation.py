"""Keys of passwords and of sessions by cipher suite (ICAO Doc 9303-11, 9.7)."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sim.chip.bac import derive_keys
from sim.chip.secure_messaging import SecureSession, Session3Des, SessionAes, encrypt_3des
from sim.chip.secure_messaging import aes_mac as cmac
from sim.chip.secure_messaging import retail_mac as retail

_FOR_PASSWORD = b"\x00\x00\x00\x03"


class CipherSuite(StrEnum):
    """Cipher and key length of secure messaging."""

    TRIPLE_DES = "3des"
    AES_128 = "aes128"
    AES_192 = "aes192"
    AES_256 = "aes256"

    @property
    def arc(self) -> int:
        """Last arc of the protocol identifiers of PACE and chip authentication."""
        return list(CipherSuite).index(self) + 1


KEY_SIZES = {
    CipherSuite.TRIPLE_DES: 16,
    CipherSuite.AES_128: 16,
    CipherSuite.AES_192: 24,
    CipherSuite.AES_256: 32,
}


def _aes_key(suite: CipherSuite, secret: bytes, counter: bytes) -> bytes:
    name = "sha1" if suite is CipherSuite.AES_128 else "sha256"
    digest = hashlib.new(name, secret + counter, usedforsecurity=False).digest()
    return digest[: KEY_SIZES[suite]]


def new_session(suite: CipherSuite, secret: bytes) -> SecureSession:
    """Session keys from a shared secret; the counter begins at zero (9.8.6.3, 9.8.7.3)."""
    if suite is CipherSuite.TRIPLE_DES:
        return Session3Des(*derive_keys(secret), 0)
    enc, mac = (_aes_key(suite, secret, bytes((0, 0, 0, counter))) for counter in (1, 2))
    return SessionAes(enc, mac, 0)


def encrypt_nonce(suite: CipherSuite, password: bytes, nonce: bytes) -> bytes:
    """E(K, s) in CBC mode with a zero IV, K from the encoded password (9.7.3)."""
    if suite is CipherSuite.TRIPLE_DES:
        digest = hashlib.sha1(password + _FOR_PASSWORD, usedforsecurity=False).digest()
        return encrypt_3des(digest[:16], nonce)
    key = _aes_key(suite, password, _FOR_PASSWORD)
    run = Cipher(AES(key), modes.CBC(bytes(16))).encryptor()
    return run.update(nonce) + run.finalize()


def token_mac(session: SecureSession, data: bytes) -> bytes:
    """Authentication token of 8 bytes (4.4.3.4): no padding but the algorithm's own."""
    return cmac(session.mac, data) if isinstance(session, SessionAes) else retail(session.mac, data)
