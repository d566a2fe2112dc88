"""Signing keys of the demo country: algorithms, their DER descriptions, where keys come from.

Live, keys come from injected randomness; in a simulation they are derived from a seed, and
every byte signed with them is the same on every machine: ECDSA nonces are always those of
RFC 6979.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sim.chip import der

Random = Callable[[int], bytes]


class Algorithm(StrEnum):
    """Key, parameter encoding and signature scheme of a certificate authority or signer."""

    ECDSA_P256 = "ecdsa_p256"
    ECDSA_BRAINPOOL = "ecdsa_brainpoolP256r1"
    ECDSA_P256_EXPLICIT = "ecdsa_p256_explicit"
    ECDSA_BRAINPOOL_EXPLICIT = "ecdsa_brainpoolP256r1_explicit"
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


@dataclass(frozen=True)
class _Curve:
    """Domain parameters as RFC 5639 and SEC 2 print them."""

    oid: str
    implementation: ec.EllipticCurve
    p: str
    a: str
    b: str
    g: str
    n: str


_P256 = _Curve(
    "1.2.840.10045.3.1.7",
    ec.SECP256R1(),
    p="FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
    a="FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC",
    b="5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B",
    g="046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",
    n="FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
)
_BRAINPOOL = _Curve(
    "1.3.36.3.3.2.8.1.1.7",
    ec.BrainpoolP256R1(),
    p="A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
    a="7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
    b="26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
    g="048BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262"
    "547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
    n="A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
)
_CURVES = {
    Algorithm.ECDSA_P256: _P256,
    Algorithm.ECDSA_P256_EXPLICIT: _P256,
    Algorithm.ECDSA_BRAINPOOL: _BRAINPOOL,
    Algorithm.ECDSA_BRAINPOOL_EXPLICIT: _BRAINPOOL,
}


def _explicit_parameters(curve: _Curve) -> bytes:
    """SpecifiedECDomain (SEC 1, C.2), the form that Doc 9303-12 asks of signers."""
    prime = bytes.fromhex(curve.p)
    return der.sequence(
        der.integer(1),
        der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(int.from_bytes(prime, "big"))),
        der.sequence(der.octets(bytes.fromhex(curve.a)), der.octets(bytes.fromhex(curve.b))),
        der.octets(bytes.fromhex(curve.g)),
        der.integer(int(curve.n, 16)),
        der.integer(1),
    )


@dataclass(frozen=True)
class SigningKey:
    """A private key with its algorithm: signs, and describes itself in DER."""

    algorithm: Algorithm
    hash_name: str
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)

    @property
    def public_point(self) -> bytes:
        """The value of subjectPublicKey."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            numbers = self.private.public_key().public_numbers()
            return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        modulus = self.private.public_key().public_numbers()
        return der.sequence(der.integer(modulus.n), der.integer(modulus.e))

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            curve = _CURVES[self.algorithm]
            explicit = self.algorithm in (
                Algorithm.ECDSA_P256_EXPLICIT,
                Algorithm.ECDSA_BRAINPOOL_EXPLICIT,
            )
            parameters = _explicit_parameters(curve) if explicit else der.oid(curve.oid)
            identifier = der.sequence(der.oid(_OID_EC), parameters)
        else:
            identifier = der.sequence(der.oid(_OID_RSA), der.NULL)
        return der.sequence(identifier, der.bits(self.public_point))

    @property
    def signature_identifier(self) -> bytes:
        """AlgorithmIdentifier of the signatures this key makes."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
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

    def sign(self, data: bytes) -> bytes:
        """Sign by this key's scheme; ECDSA in DER, its nonce by RFC 6979."""
        digest = _HASHES[self.hash_name]
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(digest, deterministic_signing=True))
        if self.algorithm is Algorithm.RSA_PSS:
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return self.private.sign(data, pss, digest)
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
        """A new key.

        RSA keys are generated by OpenSSL's own generator, so only live sources give them.

        Raises:
            ValueError: an RSA key was asked of a seeded source.
        """
        curve = _CURVES.get(algorithm)
        if curve is not None:
            # 64 bits more than the order make the reduction's bias negligible (FIPS 186-5, A.2.1).
            scalar = int.from_bytes(self._random(40), "big") % (int(curve.n, 16) - 1) + 1
            private = ec.derive_private_key(scalar, curve.implementation)
            return SigningKey(algorithm, hash_name, private)
        if self._deterministic:
            raise ValueError("RSA keys cannot be derived from a seed")
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
