"""Signing keys of the demo country: algorithms, their DER descriptions, where keys come from.

Live, keys come from injected randomness; in a simulation they are derived from a seed, and
every byte signed with them is the same on every machine: ECDSA nonces are always those of
RFC 6979, and the salt of RSA-PSS derives from the message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sim.chip import der
from sim.chip.curves import Group, explicit_parameters, sign_ecdsa
from sim.chip.rsa import RsaNumbers, generate, pss_signature

Random = Callable[[int], bytes]


class Algorithm(StrEnum):
    """Key, parameter encoding and signature scheme of a certificate authority or signer."""

    ECDSA_P256 = "ecdsa_p256"
    ECDSA_P384 = "ecdsa_p384"
    ECDSA_P521 = "ecdsa_p521"
    ECDSA_BRAINPOOL = "ecdsa_brainpoolP256r1"
    ECDSA_P256_EXPLICIT = "ecdsa_p256_explicit"
    ECDSA_BRAINPOOL_224_EXPLICIT = "ecdsa_brainpoolP224r1_explicit"
    ECDSA_BRAINPOOL_EXPLICIT = "ecdsa_brainpoolP256r1_explicit"
    ECDSA_BRAINPOOL_320_EXPLICIT = "ecdsa_brainpoolP320r1_explicit"
    ECDSA_BRAINPOOL_384_EXPLICIT = "ecdsa_brainpoolP384r1_explicit"
    ECDSA_BRAINPOOL_512_EXPLICIT = "ecdsa_brainpoolP512r1_explicit"
    RSA_PKCS1 = "rsa_2048_pkcs1"
    RSA_PSS = "rsa_2048_pss"


HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - some states still sign with it
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_ECDSA_OIDS = {
    "sha1": "1.2.840.10045.4.1",
    "sha224": "1.2.840.10045.4.3.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_RSA_OIDS = {
    "sha1": "1.2.840.113549.1.1.5",
    "sha224": "1.2.840.113549.1.1.14",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_OID_EC = "1.2.840.10045.2.1"
_OID_RSA = "1.2.840.113549.1.1.1"
_OID_PSS = "1.2.840.113549.1.1.10"
_OID_MGF1 = "1.2.840.113549.1.1.8"


class _Curve(NamedTuple):
    """A curve by its standardised number; `oid` is None where certificates spell it out."""

    parameter_id: int
    oid: str | None
    implementation: ec.EllipticCurve | None


_CURVES = {
    Algorithm.ECDSA_P256: _Curve(12, "1.2.840.10045.3.1.7", ec.SECP256R1()),
    Algorithm.ECDSA_P384: _Curve(15, "1.3.132.0.34", ec.SECP384R1()),
    Algorithm.ECDSA_P521: _Curve(18, "1.3.132.0.35", ec.SECP521R1()),
    Algorithm.ECDSA_BRAINPOOL: _Curve(13, "1.3.36.3.3.2.8.1.1.7", ec.BrainpoolP256R1()),
    Algorithm.ECDSA_P256_EXPLICIT: _Curve(12, None, ec.SECP256R1()),
    Algorithm.ECDSA_BRAINPOOL_224_EXPLICIT: _Curve(11, None, None),
    Algorithm.ECDSA_BRAINPOOL_EXPLICIT: _Curve(13, None, ec.BrainpoolP256R1()),
    Algorithm.ECDSA_BRAINPOOL_320_EXPLICIT: _Curve(14, None, None),
    Algorithm.ECDSA_BRAINPOOL_384_EXPLICIT: _Curve(16, None, ec.BrainpoolP384R1()),
    Algorithm.ECDSA_BRAINPOOL_512_EXPLICIT: _Curve(17, None, ec.BrainpoolP512R1()),
}


@dataclass(frozen=True)
class EcKey:
    """A private key on one of the curves; `cryptography` signs where it knows the curve."""

    curve: _Curve
    scalar: int = field(repr=False)

    @property
    def point(self) -> bytes:
        """The public key, uncompressed."""
        group = Group(self.curve.parameter_id)
        return group.encode(group.generator * self.scalar)

    @property
    def parameters(self) -> bytes:
        """ECParameters: the curve's name, or everything spelt out."""
        named = self.curve.oid and der.oid(self.curve.oid)
        return named or explicit_parameters(Group(self.curve.parameter_id))

    def sign(self, data: bytes, hash_name: str) -> bytes:
        """ECDSA in DER with the nonce of RFC 6979."""
        if self.curve.implementation is None:
            return sign_ecdsa(self.curve.parameter_id, self.scalar, hash_name, data)
        private = ec.derive_private_key(self.scalar, self.curve.implementation)
        scheme = ec.ECDSA(_HASHES[hash_name], deterministic_signing=True)
        return private.sign(data, scheme)


@dataclass(frozen=True)
class SigningKey:
    """A private key with its algorithm: signs, and describes itself in DER."""

    algorithm: Algorithm
    hash_name: str
    private: EcKey | rsa.RSAPrivateKey = field(repr=False)

    @property
    def public_point(self) -> bytes:
        """The value of subjectPublicKey."""
        if isinstance(self.private, EcKey):
            return self.private.point
        modulus = self.private.public_key().public_numbers()
        return der.sequence(der.integer(modulus.n), der.integer(modulus.e))

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)."""
        if isinstance(self.private, EcKey):
            identifier = der.sequence(der.oid(_OID_EC), self.private.parameters)
        else:
            identifier = der.sequence(der.oid(_OID_RSA), der.NULL)
        return der.sequence(identifier, der.bits(self.public_point))

    @property
    def signature_identifier(self) -> bytes:
        """AlgorithmIdentifier of the signatures this key makes."""
        if isinstance(self.private, EcKey):
            return der.sequence(der.oid(_ECDSA_OIDS[self.hash_name]))
        if self.algorithm is Algorithm.RSA_PSS:
            digest = der.sequence(der.oid(HASH_OIDS[self.hash_name]), der.NULL)
            mask = der.sequence(der.oid(_OID_MGF1), digest)
            salt = der.integer(_HASHES[self.hash_name].digest_size)
            parameters = der.sequence(
                der.explicit(0, digest), der.explicit(1, mask), der.explicit(2, salt)
            )
            return der.sequence(der.oid(_OID_PSS), parameters)
        return der.sequence(der.oid(_RSA_OIDS[self.hash_name]), der.NULL)

    @property
    def order_size(self) -> int:
        """Bytes of a number modulo the group's order: half a plain ECDSA signature."""
        order = Group(_CURVES[self.algorithm].parameter_id).order
        return (order.bit_length() + 7) // 8

    def sign(self, data: bytes) -> bytes:
        """Sign by this key's scheme; ECDSA in DER, its nonce by RFC 6979."""
        digest = _HASHES[self.hash_name]
        if isinstance(self.private, EcKey):
            return self.private.sign(data, self.hash_name)
        if self.algorithm is Algorithm.RSA_PSS:
            return pss_signature(RsaNumbers.of(self.private), self.hash_name, data)
        return self.private.sign(data, padding.PKCS1v15(), digest)


class KeySource:
    """Where an issuer's keys and serial numbers come from."""

    def __init__(self, random: Random, *, deterministic: bool) -> None:
        self._random = random
        self._deterministic = deterministic

    @classmethod
    def live(cls, random: Random) -> KeySource:
        """Ephemeral keys from the given source of randomness."""
        return cls(random, deterministic=False)

    @classmethod
    def seeded(cls, seed: bytes) -> KeySource:
        """Keys derived from a seed: the same on every machine, worth nothing as secrets."""
        return cls(seeded_random(seed), deterministic=True)

    def key(self, algorithm: Algorithm, hash_name: str = "sha256") -> SigningKey:
        """A new key. RSA keys are OpenSSL's own where nothing need be deterministic."""
        curve = _CURVES.get(algorithm)
        if curve is not None:
            scalar = Group(curve.parameter_id).scalar(self._random)
            return SigningKey(algorithm, hash_name, EcKey(curve, scalar))
        if self._deterministic:
            return SigningKey(algorithm, hash_name, generate(self._random, 2048))
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return SigningKey(algorithm, hash_name, rsa_key)

    def serial(self) -> int:
        """A positive serial number of 64 bits."""
        return int.from_bytes(self._random(8), "big") | 1 << 63


def seeded_random(seed: bytes) -> Random:
    """A deterministic byte stream: SHA-256 over seed and counter. For simulations only."""
    counter = 0
    pool = b""

    def draw(size: int) -> bytes:
        nonlocal counter, pool
        while len(pool) < size:
            pool += hashlib.sha256(seed + counter.to_bytes(8, "big")).digest()
            counter += 1
        taken, pool = pool[:size], pool[size:]
        return taken

    return draw
