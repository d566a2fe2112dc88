"""The portrait inside data group 2 of a travel document's chip.

ICAO Doc 9303-10, 4.7.2: `75` holds a biometric information group template `7F61`, that holds
a count `02` and templates `7F60`; each has a header `A1` and a biometric data block, `5F2E`
or, when constructed, `7F2E`. The block is a face record of ISO/IEC 19794-5 (a binary header)
or of ISO/IEC 39794-5 (tagged). Extents in its header are not trusted: the coded stream's
own ones are limited before it is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from biometrics import image
from biometrics.errors import ImageRefused, PortraitMalformed
from biometrics.image import Picture

MAX_DG2_BYTES = 512 * 1024
MAX_PIXELS = 4_000_000
MAX_RECORDS = 8
MAX_FEATURE_POINTS = 500

_DG2, _GROUP, _TEMPLATE, _COUNT = 0x75, 0x7F61, 0x7F60, 0x02
_BLOCK, _BLOCK_CONSTRUCTED = 0x5F2E, 0x7F2E
_RECORD_HEADER = struct.Struct(">4s4sIH")  # ISO/IEC 19794-5:2005, 5.4
_FACE_HEADER = struct.Struct(">IH3s3sH3s3s")  # 5.5: length, points, person, mask, pose
_IMAGE_HEADER = struct.Struct(">BBHHBBHH")  # 5.7: type, coding, extents, colour, source
_POINT_BYTES = 8
# From the block to the 2D image of the first representation, ISO/IEC 39794-5 annex A.
_TAGGED_PATH = (0xA1, 0x65, 0xA1, 0x30, 0xA1, 0xA0, 0xA0, 0x80)


def _tlv(data: memoryview, at: int) -> tuple[int, memoryview, int]:
    """One BER-TLV object of definite length: tag, value, offset after it."""
    try:
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
            if tag & 0x80:
                raise PortraitMalformed("DG2: tag of more than two bytes")
        length = data[at]
        at += 1
        if length > 0x7F:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise PortraitMalformed("DG2: length not definite")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
    except IndexError as error:
        raise PortraitMalformed("DG2: cut short") from error
    if at + length > len(data):
        raise PortraitMalformed("DG2: a length exceeds its container")
    return tag, data[at : at + length], at + length


def _objects(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(data):
        tag, value, at = _tlv(data, at)
        yield tag, value


def _child(data: memoryview, *wanted: int) -> tuple[int, memoryview]:
    for count, (tag, value) in enumerate(_objects(data)):
        if tag in wanted:
            return tag, value
        if count >= MAX_RECORDS:
            break
    raise PortraitMalformed(f"DG2: no object {wanted[0]:X}")


def _binary_record(block: memoryview) -> memoryview:
    """The first image of an ISO/IEC 19794-5 record."""
    try:
        magic, version, _, count = _RECORD_HEADER.unpack_from(block, 0)
        at = _RECORD_HEADER.size
        face_length, points, *_ = _FACE_HEADER.unpack_from(block, at)
    except struct.error as error:
        raise PortraitMalformed("face record: header cut short") from error
    if magic != b"FAC\0" or not version.startswith(b"0"):
        raise PortraitMalformed("face record: unknown format")
    if not 1 <= count <= MAX_RECORDS or points > MAX_FEATURE_POINTS:
        raise PortraitMalformed("face record: header contradicts the block")
    start = at + _FACE_HEADER.size + points * _POINT_BYTES + _IMAGE_HEADER.size
    # Some states count a few bytes too many or too few: of one face, all that follows is.
    end = len(block) if count == 1 else at + face_length
    if not start < end <= len(block):
        raise PortraitMalformed("face record: no image")
    return block[start:end]


def _tagged_record(block: memoryview) -> memoryview:
    """The first image of an ISO/IEC 39794-5 record."""
    for tag in _TAGGED_PATH:
        _, block = _child(block, tag)
    return block


def extract(dg2: bytes | bytearray) -> memoryview:
    """The coded picture of the first face in DG2 (or in a bare ISO/IEC 19794-5 record), in place.

    Raises:
        PortraitMalformed: it is not such a file, or exceeds the limits.
    """
    if len(dg2) > MAX_DG2_BYTES:
        raise PortraitMalformed(f"DG2 of {len(dg2)} bytes exceeds {MAX_DG2_BYTES}")
    view = memoryview(dg2)
    if dg2[:4] == b"FAC\0":
        return _binary_record(view)
    _, group = _child(view, _DG2)
    _, templates = _child(group, _GROUP)
    _, template = _child(templates, _TEMPLATE)
    _, block = _child(template, _BLOCK, _BLOCK_CONSTRUCTED)
    if bytes(block[:4]) == b"FAC\0":
        return _binary_record(block)
    return _tagged_record(block)


def decode(dg2: bytes | bytearray) -> Picture:
    """The portrait of DG2 as RGB; no coded copy of it is left.

    Raises:
        PortraitMalformed: the record or the picture in it cannot be read.
    """
    coded = bytearray(extract(dg2))
    try:
        kind, _, _ = image.extent(coded)
        if kind == "png":
            raise PortraitMalformed("portrait: neither JPEG nor JPEG 2000")
        return image.decode(coded, MAX_PIXELS)
    except ImageRefused as refusal:
        raise PortraitMalformed(f"portrait: {refusal.diagnosis}") from refusal
    finally:
        coded[:] = bytes(len(coded))
