"""BER-TLV of chip files and secure messaging (ITU-T X.690, ISO/IEC 7816-4 5.2.2).

Lengths are checked against the data or an explicit limit before anything is copied.
Indefinite lengths do not occur in Doc 9303 files and are refused.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.passport.errors import TlvError

MAX_TAG_BYTES = 3
MAX_LENGTH_BYTES = 4
MAX_CHILDREN = 256


class Head(NamedTuple):
    """Tag, number of bytes of tag and length together, and length of the value."""

    tag: int
    size: int
    length: int

    @property
    def total(self) -> int:
        """Bytes of the whole object."""
        return self.size + self.length


class Tlv(NamedTuple):
    """One data object."""

    tag: int
    value: bytes


def read_head(data: bytes | bytearray, offset: int = 0) -> Head:
    """Read tag and length at `offset`; the value need not be there.

    Raises:
        TlvError: the head is cut short, too long, or has an indefinite length.
    """
    end = len(data)
    position = offset
    if position >= end:
        raise TlvError("no tag")
    tag = data[position]
    position += 1
    if tag & 0x1F == 0x1F:
        while True:
            if position >= end or position - offset >= MAX_TAG_BYTES:
                raise TlvError("tag cut short or too long")
            byte = data[position]
            position += 1
            tag = tag << 8 | byte
            if not byte & 0x80:
                break
    if position >= end:
        raise TlvError("no length")
    length = data[position]
    position += 1
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= MAX_LENGTH_BYTES:
            raise TlvError(f"length of {count} bytes")
        if position + count > end:
            raise TlvError("length cut short")
        length = int.from_bytes(data[position : position + count], "big")
        position += count
    return Head(tag, position - offset, length)


def read(data: bytes, offset: int = 0) -> tuple[Tlv, int]:
    """Read one object at `offset`, and where the next begins.

    Raises:
        TlvError: the object does not lie within `data`.
    """
    head = read_head(data, offset)
    start = offset + head.size
    if start + head.length > len(data):
        raise TlvError(f"value of {head.length} bytes is cut short")
    return Tlv(head.tag, bytes(data[start : start + head.length])), start + head.length


def read_all(data: bytes) -> list[Tlv]:
    """Read a sequence of objects that fills `data` exactly.

    Raises:
        TlvError: an object is cut short, or there are more than `MAX_CHILDREN`.
    """
    objects: list[Tlv] = []
    offset = 0
    while offset < len(data):
        if len(objects) >= MAX_CHILDREN:
            raise TlvError(f"more than {MAX_CHILDREN} objects")
        item, offset = read(data, offset)
        objects.append(item)
    return objects


def unwrap(data: bytes, tag: int) -> bytes:
    """Value of the object `tag` at the start of `data`; bytes after it are ignored.

    Raises:
        TlvError: another tag, or cut short.
    """
    item, _ = read(data)
    if item.tag != tag:
        raise TlvError(f"tag {item.tag:X} instead of {tag:X}")
    return item.value


def find(objects: list[Tlv], tag: int) -> bytes | None:
    """Value of the first object with this tag."""
    for item in objects:
        if item.tag == tag:
            return item.value
    return None


def encode(tag: int, value: bytes) -> bytes:
    """Encode one object with the shortest length."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(raw)]) + raw
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value
