"""DG2's structure down to the image (Doc 9303-10, 4.7.2; ISO/IEC 19794-5 and 39794-5).

Only sizes and signatures are looked at: the image itself is decoded in the vision
process, after its hash is good. The header's width and height are the header's claim.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.errors import FormatUnknown, TlvError
from drivers.passport.file_ids import FILE_TAGS

GROUP_TEMPLATE = 0x7F61
INSTANCE_TEMPLATE = 0x7F60
COUNT = 0x02
BLOCKS = (0x5F2E, 0x7F2E)
RECORD_MAGIC = b"FAC\x00010\x00"
TAGGED_RECORD = 0x65  # ISO/IEC 39794-5, annex A: FaceImageDataBlock
# From that record to the first representation's image and to what it says about itself.
TAGGED_IMAGE = (0xA1, 0x30, 0xA1, 0xA0, 0xA0)
RECORD_HEADER = 14
FACE_HEADER = 20
FEATURE_POINT = 8
IMAGE_HEADER = 12
JPEG = b"\xff\xd8\xff"
JPEG2000 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")


class FaceImage(NamedTuple):
    """The first face image of DG2.

    Attributes:
        coding: "JPEG" or "JPEG 2000", by the image's own first bytes.
        width_px, height_px: as the record's header claims; 0 where it claims nothing.
        data: the image file.
    """

    coding: str
    width_px: int
    height_px: int
    data: bytes


def parse_dg2(dg2: bytes) -> FaceImage:
    """The first image of a DG2 with records of ISO/IEC 19794-5:2005 or ISO/IEC 39794-5.

    A bare record of the former is taken as well.

    Raises:
        TlvError: the structure is malformed, or sizes in it contradict one another.
        FormatUnknown: the record or its image is of another format.
    """
    if dg2.startswith(RECORD_MAGIC):
        return _face_record(dg2)
    group = tlv.unwrap(tlv.unwrap(dg2, FILE_TAGS["DG2"]), GROUP_TEMPLATE)
    objects = tlv.read_all(group)
    count = tlv.find(objects, COUNT)
    instance = tlv.find(objects, INSTANCE_TEMPLATE)
    if count is None or instance is None or len(count) != 1 or not 1 <= count[0] <= 9:
        raise TlvError("DG2: no biometric information template")
    inner = tlv.read_all(instance)
    block = next((item.value for item in inner if item.tag in BLOCKS), None)
    if block is None:
        raise TlvError("DG2: no biometric data block")
    return _face_record(block) if block[:4] == RECORD_MAGIC[:4] else _tagged_record(block)


def _tagged_record(block: bytes) -> FaceImage:
    """The first image of an ISO/IEC 39794-5 record; sizes in it are optional, and not read."""
    value = _child(block, 0xA1) if block.startswith(b"\xa1") else None
    if value is None or (value := _child(value, TAGGED_RECORD)) is None:
        raise FormatUnknown("DG2: neither a record of ISO/IEC 19794-5 nor of 39794-5")
    for tag in (*TAGGED_IMAGE, 0x80):
        value = _child(value, tag)
        if value is None:
            raise TlvError("DG2: tagged face record without its first image")
    return FaceImage(_coding(value), 0, 0, value)


def _child(value: bytes, tag: int) -> bytes | None:
    return tlv.find(tlv.read_all(value), tag)


def _coding(data: bytes) -> str:
    if data.startswith(JPEG):
        return "JPEG"
    if data.startswith(JPEG2000):
        return "JPEG 2000"
    raise FormatUnknown("DG2: image is neither JPEG nor JPEG 2000")


def _face_record(block: bytes) -> FaceImage:
    if block[:8] != RECORD_MAGIC:
        raise FormatUnknown("DG2: no face record of ISO/IEC 19794-5:2005")
    if len(block) < RECORD_HEADER + FACE_HEADER + IMAGE_HEADER:
        raise TlvError("DG2: face record cut short")
    faces = int.from_bytes(block[12:14], "big")
    size = int.from_bytes(block[14:18], "big")
    points = int.from_bytes(block[18:20], "big")
    start = RECORD_HEADER + FACE_HEADER + FEATURE_POINT * points + IMAGE_HEADER
    # Some states count a few bytes too many or too few: of one face, all that follows is.
    end = len(block) if faces == 1 else RECORD_HEADER + size
    if not faces or not start < end <= len(block):
        raise TlvError("DG2: lengths of the face record contradict one another")
    header = block[start - IMAGE_HEADER : start]
    data = block[start:end]
    width, height = int.from_bytes(header[2:4], "big"), int.from_bytes(header[4:6], "big")
    return FaceImage(_coding(data), width, height, data)
