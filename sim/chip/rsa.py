"""RSA from a seed: key generation and the private operation, by number theory alone.

OpenSSL's generator takes no seed, and a simulation needs the same key on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from math import gcd

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa

from sim.chip import der

_EXPONENT = 65_537


@dataclass(frozen=True)
class RsaNumbers:
    """A key as numbers, for signature schemes that no library offers."""

    n: int
    e: int
    d: int = field(repr=False)

    @classmethod
    def of(cls, private: rsa.RSAPrivateKey) -> RsaNumbers:
        """The numbers of a private key."""
        numbers = private.private_numbers()
        return cls(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d)

    @property
    def size(self) -> int:
        """Bytes of the modulus."""
        return (self.n.bit_length() + 7) // 8

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 3279, 2.3.1)."""
        key = der.sequence(der.integer(self.n), der.integer(self.e))
        algorithm = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
        return der.sequence(algorithm, der.bits(key))

    def private(self, representative: int) -> int:
        """RSASP1 (RFC 8017, 5.2.1)."""
        return int(gmpy2.powmod(representative, self.d, self.n))


def generate(random: Callable[[int], bytes], bits: int) -> rsa.RSAPrivateKey:
    """A key of exactly `bits` bits, wholly determined by what `random` gives."""
    while True:
        p, q = sorted((_prime(random, bits // 2), _prime(random, bits // 2)), reverse=True)
        phi = (p - 1) * (q - 1)
        if p != q and gcd(_EXPONENT, phi) == 1:
            break
    d = pow(_EXPONENT, -1, phi)
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key()


def _prime(random: Callable[[int], bytes], bits: int) -> int:
    """The first prime from a drawn number on whose two highest bits are set."""
    drawn = int.from_bytes(random(bits // 8), "big") | 3 << (bits - 2)
    return int(gmpy2.next_prime(drawn))


def pss_signature(key: RsaNumbers, hash_name: str, data: bytes) -> bytes:
    """RSASSA-PSS (RFC 8017, 8.1.1) whose salt derives from the message and the key."""
    digest = der.digest(hash_name, data)
    salt = der.digest(hash_name, key.d.to_bytes(key.size, "big") + digest)
    em_bits = key.n.bit_length() - 1
    em_size = (em_bits + 7) // 8
    hashed = der.digest(hash_name, bytes(8) + digest + salt)
    block = bytes(em_size - len(salt) - len(hashed) - 2) + b"\x01" + salt
    mask = _mask(hash_name, hashed, len(block))
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
    masked[0] &= 0xFF >> (8 * em_size - em_bits)
    encoded = bytes(masked) + hashed + b"\xbc"
    return key.private(int.from_bytes(encoded, "big")).to_bytes(key.size, "big")


def _mask(hash_name: str, seed: bytes, size: int) -> bytes:
    """MGF1 (RFC 8017, B.2.1)."""
    step = hashlib.new(hash_name, usedforsecurity=False).digest_size
    blocks = (der.digest(hash_name, seed + i.to_bytes(4, "big")) for i in range(-(-size // step)))
    return b"".join(blocks)[:size]
