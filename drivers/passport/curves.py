"""Elliptic curves of Doc 9303-12, 4.4.3: by name, or by explicit parameters.

Explicit parameters are accepted only where **all** of p, a, b, G, n and h are those of a
named curve (CVE-2020-0601 is what happens otherwise).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from drivers.passport.errors import AlgorithmUnknown


class Parameters(NamedTuple):
    """Domain parameters of a curve over a prime field; the base point as it is encoded."""

    p: int
    a: int
    b: int
    base: bytes
    n: int
    h: int


class NamedCurve(NamedTuple):
    """A curve we know, its field size in bytes, and whether `cryptography` has it."""

    name: str
    size: int
    native: ec.EllipticCurve | None
    foreign: Any  # ecdsa.curves.Curve


_NATIVE: dict[str, ec.EllipticCurve] = {
    "secp224r1": ec.SECP224R1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}

_OIDS = {
    "1.2.840.10045.3.1.1": "secp192r1",
    "1.3.132.0.33": "secp224r1",
    "1.2.840.10045.3.1.7": "secp256r1",
    "1.3.132.0.34": "secp384r1",
    "1.3.132.0.35": "secp521r1",
    "1.3.36.3.3.2.8.1.1.1": "brainpoolP160r1",
    "1.3.36.3.3.2.8.1.1.3": "brainpoolP192r1",
    "1.3.36.3.3.2.8.1.1.5": "brainpoolP224r1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.9": "brainpoolP320r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}


@cache
def _foreign() -> dict[str, Any]:
    # Imported when a curve is first needed: building its tables takes a while.
    from ecdsa import curves

    return {
        "secp192r1": curves.NIST192p,
        "secp224r1": curves.NIST224p,
        "secp256r1": curves.NIST256p,
        "secp384r1": curves.NIST384p,
        "secp521r1": curves.NIST521p,
        "brainpoolP160r1": curves.BRAINPOOLP160r1,
        "brainpoolP192r1": curves.BRAINPOOLP192r1,
        "brainpoolP224r1": curves.BRAINPOOLP224r1,
        "brainpoolP256r1": curves.BRAINPOOLP256r1,
        "brainpoolP320r1": curves.BRAINPOOLP320r1,
        "brainpoolP384r1": curves.BRAINPOOLP384r1,
        "brainpoolP512r1": curves.BRAINPOOLP512r1,
    }


@cache
def _by_parameters() -> dict[Parameters, str]:
    table: dict[Parameters, str] = {}
    for name, curve in _foreign().items():
        field, generator = curve.curve, curve.generator
        p = int(field.p())
        for form in ("uncompressed", "compressed", "hybrid"):
            base = generator.to_bytes(form)
            made = int(field.a()) % p, int(field.b()) % p, base, int(curve.order), 1
            table[Parameters(p, *made)] = name
    return table


def by_oid(oid: str) -> NamedCurve:
    """The curve of a namedCurve object identifier.

    Raises:
        AlgorithmUnknown: not a curve of Doc 9303-12.
    """
    name = _OIDS.get(oid)
    if name is None:
        raise AlgorithmUnknown(f"curve {oid}")
    return _named(name)


def by_name(name: str) -> NamedCurve:
    """The curve of this name.

    Raises:
        AlgorithmUnknown: not a curve of Doc 9303-12.
    """
    if name not in _foreign():
        raise AlgorithmUnknown(f"curve {name}")
    return _named(name)


def by_parameters(parameters: Parameters) -> NamedCurve:
    """The curve whose parameters are all these.

    Raises:
        AlgorithmUnknown: no named curve has them.
    """
    p = parameters.p
    if p <= 0:
        raise AlgorithmUnknown("explicit parameters over no field")
    reduced = parameters._replace(a=parameters.a % p, b=parameters.b % p)
    name = _by_parameters().get(reduced)
    if name is None:
        raise AlgorithmUnknown("explicit parameters of no named curve")
    return _named(name)


def _named(name: str) -> NamedCurve:
    foreign = _foreign()[name]
    size = (int(foreign.curve.p()).bit_length() + 7) // 8
    return NamedCurve(name, size, _NATIVE.get(name), foreign)


def warm_up() -> None:
    """Build the tables now (0.2 s), so that no traveller waits for them."""
    _by_parameters()
