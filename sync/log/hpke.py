"""Public-key encryption: RFC 9180 (HPKE), base mode, one message per encapsulation.

The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. `cryptography` opens.
Sealing is written out here, because `cryptography` takes the ephemeral key from the operating
system and ours comes from the caller's source of randomness.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sync.log.errors import KeyRefused, SealBroken

KEY_BYTES = 32
TAG_BYTES = 16
OVERHEAD_BYTES = KEY_BYTES + TAG_BYTES

_OPENING = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEM = b"KEM\x00\x20"
_SUITE = b"HPKE\x00\x20\x00\x01\x00\x02"
_VERSION = b"HPKE-v1"


class SealingKey:
    """The public half: encrypts. Equal keys compare and hash equal."""

    def __init__(self, raw: bytes) -> None:
        """Take the 32 bytes of RFC 7748.

        Raises:
            KeyRefused: they are no X25519 public key.
        """
        try:
            self._key = X25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise KeyRefused("bytes are no X25519 public key") from error
        self.raw = bytes(raw)

    def seal(self, data: bytes, info: bytes, random: Callable[[int], bytes]) -> bytes:
        """Encrypt for the owner of the private half: encapsulated key, then ciphertext.

        Args:
            data: what to encrypt.
            info: what it is for; opening needs the same.
            random: source of the ephemeral key.

        Raises:
            KeyRefused: the public key is one of the few that give no secret.
        """
        ephemeral = X25519PrivateKey.from_private_bytes(random(KEY_BYTES))
        sent = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(self._key)
        except ValueError as error:
            raise KeyRefused("an X25519 public key of low order") from error
        key, nonce = _schedule(shared, sent + self.raw, info)
        return sent + AESGCM(key).encrypt(nonce, data, b"")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)


class OpeningKey:
    """The private half: decrypts. Shows nothing of itself."""

    def __init__(self, raw: bytes) -> None:
        """Take 32 secret bytes, from the caller's source of randomness.

        Raises:
            KeyRefused: they are not 32.
        """
        if len(raw) != KEY_BYTES:
            raise KeyRefused(f"an X25519 private key has {KEY_BYTES} bytes, not {len(raw)}")
        self.private = X25519PrivateKey.from_private_bytes(raw)
        self.public = SealingKey(self.private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> OpeningKey:
        """Make a key from a source of randomness."""
        return cls(random(KEY_BYTES))

    def open(self, data: bytes, info: bytes) -> bytes:
        """Decrypt what was sealed for this key and purpose.

        Raises:
            SealBroken: it was not, or was changed.
        """
        if len(data) < OVERHEAD_BYTES:
            raise SealBroken("a sealed message is too short")
        try:
            return _OPENING.decrypt(data, self.private, info)
        except InvalidTag as error:
            raise SealBroken("a sealed message does not open with this key") from error


def _schedule(shared: bytes, kem_context: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Give key and base nonce: RFC 9180 sections 4.1 and 5.1, mode 0, empty psk."""
    kem_key = _extract(_KEM, b"", b"eae_prk", shared)
    secret = _expand(_KEM, kem_key, b"shared_secret", kem_context, KEY_BYTES)
    psk_id_hash = _extract(_SUITE, b"", b"psk_id_hash", b"")
    info_hash = _extract(_SUITE, b"", b"info_hash", info)
    context = b"\x00" + psk_id_hash + info_hash
    prk = _extract(_SUITE, secret, b"secret", b"")
    return (
        _expand(_SUITE, prk, b"key", context, 32),
        _expand(_SUITE, prk, b"base_nonce", context, 12),
    )


def _extract(suite: bytes, salt: bytes, label: bytes, data: bytes) -> bytes:
    """LabeledExtract: HMAC with the salt as key (RFC 5869)."""
    return hmac.digest(salt or bytes(32), _VERSION + suite + label + data, hashlib.sha256)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand, for at most one block."""
    labelled = length.to_bytes(2, "big") + _VERSION + suite + label + info
    return hmac.digest(prk, labelled + b"\x01", hashlib.sha256)[:length]
