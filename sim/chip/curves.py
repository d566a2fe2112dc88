"""Standardised elliptic curve domain parameters (ICAO Doc 9303-11, table 13) and their points.

Point arithmetic is the `ecdsa` package's: `cryptography` knows neither all of these curves
nor addition of points, which the Generic Mapping needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from ecdsa import SigningKey, curves
from ecdsa.ellipticcurve import INFINITY, PointJacobi
from ecdsa.util import sigencode_der

from sim.chip import der

Random = Callable[[int], bytes]

CURVES: dict[int, Any] = {
    8: curves.NIST192p,
    9: curves.BRAINPOOLP192r1,
    10: curves.NIST224p,
    11: curves.BRAINPOOLP224r1,
    12: curves.NIST256p,
    13: curves.BRAINPOOLP256r1,
    14: curves.BRAINPOOLP320r1,
    15: curves.NIST384p,
    16: curves.BRAINPOOLP384r1,
    17: curves.BRAINPOOLP512r1,
    18: curves.NIST521p,
}
"""By the identifier of PACEInfo's parameterId."""

NAMES: dict[int, str] = {
    8: "secp192r1",
    9: "brainpoolP192r1",
    10: "secp224r1",
    11: "brainpoolP224r1",
    12: "secp256r1",
    13: "brainpoolP256r1",
    14: "brainpoolP320r1",
    15: "secp384r1",
    16: "brainpoolP384r1",
    17: "brainpoolP512r1",
    18: "secp521r1",
}
"""As the standards print them (SEC 2, RFC 5639)."""


class Group:
    """One curve's group: scalars, points, and their encoding without compression.

    Args:
        parameter_id: 8 to 18 of table 13.
        generator: another one than the standard's, which only a forger takes.
    """

    def __init__(self, parameter_id: int, generator: PointJacobi | None = None) -> None:
        curve = CURVES[parameter_id]
        self._curve = curve.curve
        self.order = int(curve.order)
        self.p, self.a, self.b = (int(v()) for v in (self._curve.p, self._curve.a, self._curve.b))
        self.size = (self.p.bit_length() + 7) // 8
        self.public_tag = 0x86
        self.generator: PointJacobi = curve.generator if generator is None else generator
        self._name = curve.name

    @property
    def ecdsa_curve(self) -> Any:
        """The curve as the `ecdsa` package's keys take it."""
        return curves.Curve(self._name, self._curve, self.generator, None)

    def scalar(self, random: Random) -> int:
        """A private key in 1 to order - 1; 64 bits more than the order make it unbiased."""
        drawn = random((self.order.bit_length() + 7) // 8 + 8)
        return int.from_bytes(drawn, "big") % (self.order - 1) + 1

    def encode(self, point: Any) -> bytes:
        """04, x, y (9.4.5 and TR-03111, 3.2.1)."""
        return b"\x04" + self.x(point) + self.field(int(point.y()))

    def x(self, point: Any) -> bytes:
        """The x-coordinate as a field element: what a key agreement gives."""
        return self.field(int(point.x()))

    def field(self, element: int) -> bytes:
        """A field element in as many bytes as the prime has; negative ones stand for p - x."""
        return (element % self.p).to_bytes(self.size, "big")

    def decode(self, encoded: bytes) -> PointJacobi | None:
        """A point of the curve from its uncompressed form; None for anything else."""
        if len(encoded) != 1 + 2 * self.size or encoded[0] != 4:
            return None
        x, y = (
            int.from_bytes(part, "big")
            for part in (encoded[1:][: self.size], encoded[1 + self.size :])
        )
        # The package's own decoder does not look whether the point lies on the curve.
        if max(x, y) >= self.p or not self._curve.contains_point(x, y):
            return None
        return PointJacobi(self._curve, x, y, 1, self.order)

    def integrated(self, element: int) -> PointJacobi | None:
        """The generator of integrated mapping (Doc 9303-11, B.2), by square roots; None for none.

        B.3 of the same appendix gives the negative of this point for some elements. Secrets do not
        differ by that: a key agreement gives the x-coordinate alone.

        Raises:
            ValueError: the prime is not 3 modulo 4.
        """
        p, a, b = self.p, self.a, self.b
        if p % 4 != 3:
            raise ValueError("integrated mapping is not defined on this curve")
        alpha = -pow(element, 2, p) % p
        denominator = a * alpha * (1 + alpha) % p
        if not denominator:
            return None
        x = -b * (1 + alpha + alpha * alpha) * pow(denominator, -1, p) % p
        square = (pow(x, 3, p) + a * x + b) % p
        y = pow(square, (p + 1) // 4, p)
        if y * y % p != square:
            x, y = alpha * x % p, -pow(element, 3, p) * y % p
        return PointJacobi(self._curve, x, y, 1, self.order)

    def is_infinity(self, point: Any) -> bool:
        """Whether a sum or a product came out as the neutral element."""
        return bool(point == INFINITY)


def explicit_parameters(group: Group) -> bytes:
    """ECParameters with everything spelt out (SEC 1, C.2), the form Doc 9303-12 asks for."""
    return der.sequence(
        der.integer(1),
        der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(group.p)),
        der.sequence(der.octets(group.field(group.a)), der.octets(group.field(group.b))),
        der.octets(group.encode(group.generator)),
        der.integer(group.order),
        der.integer(1),
    )


def sign_ecdsa(parameter_id: int, scalar: int, hash_name: str, data: bytes) -> bytes:
    """ECDSA in DER with the nonce of RFC 6979, on any of the curves."""
    function = getattr(hashlib, hash_name)
    key = SigningKey.from_secret_exponent(scalar, CURVES[parameter_id], function)
    signature: bytes = key.sign_deterministic(data, hashfunc=function, sigencode=sigencode_der)
    return signature
