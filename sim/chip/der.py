"""DER by hand (ITU-T X.690): just what an issuer of travel documents has to encode.

The reader parses with a library; writing the same structures byte by byte here keeps one
hand's misunderstanding of that library from hiding on both sides.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

SEQUENCE = 0x30
SET = 0x31
NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"


def tlv(tag: int, *parts: bytes) -> bytes:
    """Tag (one or two bytes), definite length, and the parts as value."""
    value = b"".join(parts)
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length(len(value)) + value


def length(size: int) -> bytes:
    """The shortest definite length field for `size` bytes."""
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of encoded parts."""
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """SET OF, its elements in DER's ascending order."""
    return tlv(SET, *sorted(parts))


def integer(value: int) -> bytes:
    """INTEGER of a non-negative number."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    """BIT STRING with `unused` bits at its end."""
    return tlv(0x03, bytes([unused]), value)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form, arcs of any size."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, b"".join(_base128(arc) for arc in (40 * first + second, *rest)))


def _base128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | (arc & 0x7F))
    return bytes(reversed(digits))


def printable(text: str) -> bytes:
    """PrintableString; the country name must be one (Doc 9303-12, table 6)."""
    return tlv(0x13, text.encode("ascii"))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(0x0C, text.encode())


def instant(at: datetime) -> bytes:
    """Time: UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5)."""
    at = at.astimezone(UTC)
    if 1950 <= at.year < 2050:
        return tlv(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def explicit(number: int, *parts: bytes) -> bytes:
    """Context-specific constructed tag [number]."""
    return tlv(0xA0 | number, *parts)


def digest(name: str, data: bytes) -> bytes:
    """Hash by its hashlib name."""
    return hashlib.new(name, data, usedforsecurity=False).digest()
