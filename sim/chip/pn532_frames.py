"""PN532 frames as the PN532 itself sends and understands them (NXP UM0701-02, 6.2.1)."""

from __future__ import annotations

from enum import Enum
from zlib import adler32

ACK_FRAME = bytes.fromhex("0000FF00FF00")
ERROR_FRAME = bytes.fromhex("0000FF01FF7F8100")
"""Syntax error on the application level (6.2.1.5)."""

FROM_HOST = 0xD4
TO_HOST = 0xD5
LARGEST_PACKET = 265
"""Frame identifier, command code and at most 263 bytes: an InDataExchange with 262 of data."""

_START = b"\x00\xff"


class Control(Enum):
    """A frame without a packet."""

    ACK = "ack"
    NACK = "nack"


def encode(packet: bytes) -> bytes:
    """A normal information frame, or an extended one above 255 bytes."""
    size = len(packet)
    if size <= 0xFF:
        head = bytes((size, -size & 0xFF))
    else:
        high, low = size >> 8, size & 0xFF
        head = bytes((0xFF, 0xFF, high, low, -(high + low) & 0xFF))
    return b"\x00" + _START + head + packet + bytes((-_byte_sum(packet) & 0xFF, 0x00))


def _byte_sum(packet: bytes) -> int:
    """Sum of all bytes, modulo 256: up to 256 bytes the lower half of an Adler-32 begun at 0."""
    return (adler32(packet[:256], 0) + adler32(packet[256:], 0)) & 0xFF


class FrameReader:
    """Finds frames in a byte stream; what fails its checksum is passed over in silence."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes | Control]:
        """Take bytes, give the packets (identifier first) and control frames found."""
        buffer = self._buffer
        buffer += data
        found: list[bytes | Control] = []
        while (at := buffer.find(_START)) >= 0:
            if at:
                del buffer[:at]
            taken = self._take()
            if taken is None:
                return found
            size, item = taken
            del buffer[:size]
            if item is not None:
                found.append(item)
        del buffer[:-1]  # a start code may be split between its two bytes
        return found

    def _take(self) -> tuple[int, bytes | Control | None] | None:
        """(bytes consumed, what they were) at a start code; None while incomplete."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        size, checksum, start = buffer[2], buffer[3], 4
        if size == 0x00 and checksum == 0xFF:
            return 4, Control.ACK
        if size == 0xFF and checksum == 0x00:
            return 4, Control.NACK
        if size == 0xFF and checksum == 0xFF:
            if len(buffer) < 7:
                return None
            size, start = buffer[4] << 8 | buffer[5], 7
            good = (buffer[4] + buffer[5] + buffer[6]) & 0xFF == 0
        else:
            good = (size + checksum) & 0xFF == 0
        if not good or not 0 < size <= LARGEST_PACKET:
            return 2, None
        end = start + size
        if len(buffer) < end + 1:
            return None
        packet = bytes(buffer[start:end])
        if (_byte_sum(packet) + buffer[end]) & 0xFF:
            return 2, None
        return end + 1, packet
