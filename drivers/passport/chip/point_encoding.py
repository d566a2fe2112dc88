"""A field element to a point of a curve (Doc 9303-11, 4.4.3.3.2 and B.2), for integrated mapping.

Defined where the field's prime is 3 modulo 4, so not on secp224r1. All curves here have
cofactor 1.
"""

from __future__ import annotations

from drivers.passport.errors import SessionDead


def encodes(p: int) -> bool:
    """Whether field elements of this prime can be made points."""
    return p % 4 == 3


def point_of(p: int, a: int, b: int, element: int) -> tuple[int, int]:
    """The affine point of y^2 = x^3 + ax + b over GF(p) that belongs to a field element.

    Raises:
        SessionDead: the element is 0, 1 or -1, which belong to no point.
        ValueError: there is no such encoding over this field.
    """
    if not encodes(p):
        raise ValueError("points are encoded over primes of 3 modulo 4 alone")
    alpha = -element * element % p
    divisor = (alpha + alpha * alpha) % p
    if not divisor:
        raise SessionDead("integrated mapping: the field element belongs to no point")
    first = -b * pow(a, -1, p) * (1 + pow(divisor, -1, p)) % p
    second = alpha * first % p
    square = (pow(first, 3, p) + a * first + b) % p
    root = pow(square, p - 1 - (p + 1) // 4, p)
    if root * root * square % p == 1:
        return first, root * square % p
    return second, root * pow(element, 3, p) * square % p
