"""Face records as a chip holds them, built for tests."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray


def tlv(tag: str, value: bytes) -> bytes:
    size = len(value)
    if size < 128:
        return bytes.fromhex(tag) + bytes([size]) + value
    return bytes.fromhex(tag) + b"\x83" + size.to_bytes(3, "big") + value


def record(coded: bytes, points: int = 0, width: int = 1, height: int = 1) -> bytes:
    """A face record of ISO/IEC 19794-5 with one image."""
    body = bytes(8 * points) + struct.pack(">BBHHBBHH", 1, 0, width, height, 1, 2, 0, 0) + coded
    face = struct.pack(">IH", 20 + len(body), points) + bytes(14) + body
    return b"FAC\x00010\x00" + struct.pack(">IH", 14 + len(face), 1) + face


def dg2(coded: bytes, block: str = "5F2E", points: int = 0) -> bytes:
    header = tlv("A1", bytes.fromhex("8101028702010188020008"))
    template = tlv("7F60", header + tlv(block, record(coded, points)))
    return tlv("75", tlv("7F61", tlv("02", b"\x01") + template))


def jpeg2000(picture: NDArray[np.uint8]) -> bytes:
    """An RGB picture as JPEG 2000 at half its raw size."""
    flipped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jp2", flipped, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 500])
    return coded.tobytes()
