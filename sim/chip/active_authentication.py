"""Active authentication from the chip's side (ICAO Doc 9303-11, 6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sim.chip import der
from sim.chip.keys import Random, SigningKey
from sim.chip.rsa import RsaNumbers
from sim.chip.security_infos import active_authentication_info

CHALLENGE_SIZE = 8

_TRAILERS = {
    "sha1": b"\xbc",
    "sha224": b"\x38\xcc",
    "sha256": b"\x34\xcc",
    "sha384": b"\x36\xcc",
    "sha512": b"\x35\xcc",
}


@dataclass(frozen=True)
class ActiveRsa:
    """ISO/IEC 9796-2, signature scheme 1 with partial recovery (6.1.2.2).

    `least` is the production function of that standard's annex B.4, min(s, n - s), in place
    of the plain one of B.6.
    """

    key: RsaNumbers = field(repr=False)
    hash_name: str = "sha256"
    least: bool = False

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo of DG15."""
        return self.key.public_key_info

    @property
    def infos(self) -> tuple[bytes, ...]:
        """DG14 says nothing of RSA."""
        return ()

    def sign(self, challenge: bytes, random: Random) -> bytes:
        """The signature of M1 (the chip's own nonce) and M2 (the challenge)."""
        trailer = _TRAILERS[self.hash_name]
        digest_size = len(der.digest(self.hash_name, b""))
        own = random(self.key.size - 1 - digest_size - len(trailer))
        digest = der.digest(self.hash_name, own + challenge)
        representative = b"\x6a" + own + digest + trailer
        signed = self.key.private(int.from_bytes(representative, "big"))
        if self.least:
            signed = min(signed, self.key.n - signed)
        return signed.to_bytes(self.key.size, "big")


@dataclass(frozen=True)
class ActiveEcdsa:
    """ECDSA in the plain format r || s (6.1.2.3), or in DER as some chips answer."""

    key: SigningKey = field(repr=False)
    in_der: bool = False

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo of DG15."""
        return self.key.public_key_info

    @property
    def infos(self) -> tuple[bytes, ...]:
        """What DG14 must say of it (9.2.5)."""
        return (active_authentication_info(self.key.hash_name),)

    def sign(self, challenge: bytes, _random: Random) -> bytes:
        """The signature of the challenge, nothing else."""
        encoded = self.key.sign(challenge)
        if self.in_der:
            return encoded
        r, s = decode_dss_signature(encoded)
        size = self.key.order_size
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@dataclass(frozen=True)
class ActiveReplay:
    """No key at all: a signature that the true chip gave once answers every challenge."""

    true: ActiveRsa | ActiveEcdsa
    signature: bytes = field(repr=False)

    @property
    def public_key_info(self) -> bytes:
        """The true chip's."""
        return self.true.public_key_info

    @property
    def infos(self) -> tuple[bytes, ...]:
        """The true chip's."""
        return self.true.infos

    def sign(self, _challenge: bytes, _random: Random) -> bytes:
        """The recorded signature."""
        return self.signature


ActiveKey = ActiveRsa | ActiveEcdsa | ActiveReplay
