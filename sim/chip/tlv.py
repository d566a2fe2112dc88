"""Data objects as the chip parses them: BER-TLV of ISO/IEC 7816-4, tags of one or two bytes."""

from __future__ import annotations


def read_length(body: bytes, at: int) -> tuple[int | None, int]:
    """Decode a BER length of up to three bytes; (None, at) when there is none."""
    first = body[at] if at < len(body) else None
    if first is None or first == 0x80 or first > 0x82:
        return None, at
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    digits = body[at + 1 : at + 1 + count]
    return (int.from_bytes(digits, "big"), at + 1 + count) if len(digits) == count else (None, at)


def data_objects(body: bytes) -> dict[int, bytes] | None:
    """Data objects by tag, each at most once; None when malformed."""
    objects: dict[int, bytes] = {}
    at = 0
    while at < len(body):
        tag, at = body[at], at + 1
        if tag & 0x1F == 0x1F and at < len(body):
            tag, at = tag << 8 | body[at], at + 1
        size, at = read_length(body, at)
        if size is None or at + size > len(body) or tag in objects:
            return None
        objects[tag] = body[at : at + size]
        at += size
    return objects


def one_object(body: bytes, tag: int) -> bytes | None:
    """The value of the single data object that `body` must be; None when it is not."""
    objects = data_objects(body)
    if objects is None or set(objects) != {tag}:
        return None
    return objects[tag]
