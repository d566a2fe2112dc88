"""Modbus RTU framing: the CRC and the silence between frames.

Modbus over Serial Line V1.02, 2.5.1 and 6.2.2. What is asked and answered is in
`drivers.turnstile.modbus_requests`.
"""

from __future__ import annotations

from functools import lru_cache

from drivers.turnstile.half_duplex import character_ns

FRAME_MAX_BYTES = 256
FIXED_T35_BAUD = 19_200
FIXED_T35_NS = 1_750_000


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_OF_BYTE = tuple(_crc_of_byte(byte) for byte in range(256))


@lru_cache(256)  # a poll asks the same all day, and mostly receives the same
def crc16(data: bytes) -> int:
    """CRC-16 of Modbus: polynomial 0xA001 reflected, initial 0xFFFF (Serial Line 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    return crc


def seal(body: bytes) -> bytes:
    """Append the CRC, low byte first."""
    return body + crc16(body).to_bytes(2, "little")


def sealed(frame: bytes | bytearray) -> bool:
    """Whether the last two bytes are the CRC of those before."""
    if len(frame) < 4:
        return False
    return frame[-2] | frame[-1] << 8 == crc16(bytes(frame[:-2]))


def silence_ns(baud: int) -> int:
    """t3.5, the silence between frames; fixed above 19,200 baud (Serial Line 2.5.1.1)."""
    return FIXED_T35_NS if baud > FIXED_T35_BAUD else character_ns(baud) * 7 // 2
