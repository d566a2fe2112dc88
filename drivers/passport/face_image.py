"""DG2's structure down to the image (Doc 9303-10, 4.7.2; ISO/IEC 19794-5:2005).

Only sizes and signatures are looked at: the image itself is decoded in the vision
process, after its hash is good. The header's width and height are the header's claim.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.errors import FormatUnknown, TlvError
from drivers.passport.files import FILE_TAGS

GROUP_TEMPLATE = 0x7F61
INSTANCE_TEMPLATE = 0x7F60
COUNT = 0x02
BLOCKS = (0x5F2E, 0x7F2E)
RECORD_MAGIC = b"FAC\x00010\x00"
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
        width_px, height_px: as the record's header claims.
        data: the image file.
    """

    coding: str
    width_px: int
    height_px: int
    data: bytes


def parse_dg2(dg2: bytes) -> FaceImage:
    """The first image of a DG2 with ISO/IEC 19794-5:2005 records.

    Raises:
        TlvError: the structure is malformed, or sizes in it contradict one another.
        FormatUnknown: the record or its image is of another format.
    """
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
    return _face_record(block)


def _face_record(block: bytes) -> FaceImage:
    if block[:8] != RECORD_MAGIC:
        raise FormatUnknown("DG2: no face record of ISO/IEC 19794-5:2005")
    if len(block) < RECORD_HEADER + FACE_HEADER + IMAGE_HEADER:
        raise TlvError("DG2: face record cut short")
    faces = int.from_bytes(block[12:14], "big")
    size = int.from_bytes(block[14:18], "big")
    points = int.from_bytes(block[18:20], "big")
    start = RECORD_HEADER + FACE_HEADER + FEATURE_POINT * points + IMAGE_HEADER
    end = RECORD_HEADER + size
    if not faces or not start < end <= len(block):
        raise TlvError("DG2: lengths of the face record contradict one another")
    header = block[start - IMAGE_HEADER : start]
    data = block[start:end]
    if data.startswith(JPEG):
        coding = "JPEG"
    elif data.startswith(JPEG2000):
        coding = "JPEG 2000"
    else:
        raise FormatUnknown("DG2: image is neither JPEG nor JPEG 2000")
    width, height = int.from_bytes(header[2:4], "big"), int.from_bytes(header[4:6], "big")
    return FaceImage(coding, width, height, data)
