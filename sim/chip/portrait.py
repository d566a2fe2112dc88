"""DG2: a portrait in the record formats a passport chip stores.

ISO/IEC 19794-5:2005 facial record inside a CBEFF biometric information template
(ISO/IEC 7816-11), as Doc 9303-10, 4.7.2 lays out.
"""

from __future__ import annotations

from sim.chip import der

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"


def data_group_2(jpeg: bytes, width: int, height: int) -> bytes:
    """EF.DG2 with one portrait. `width` and `height` in pixels go into the record's header."""
    record = _facial_record(jpeg, width, height)
    header = der.tlv(
        0xA1,
        der.tlv(0x80, b"\x01\x01"),  # patron header version 1.1
        der.tlv(0x81, b"\x02"),  # biometric type: facial features
        der.tlv(0x82, b"\x00"),  # subtype: none given
        der.tlv(0x87, b"\x01\x01"),  # format owner: ISO/IEC JTC 1/SC 37
        der.tlv(0x88, b"\x00\x08"),  # format type: 19794-5
    )
    instance = der.tlv(0x7F60, header, der.tlv(0x5F2E, record))
    return der.tlv(0x75, der.tlv(0x7F61, der.tlv(0x02, b"\x01"), instance))


def _facial_record(jpeg: bytes, width: int, height: int) -> bytes:
    block_size = 20 + 12 + len(jpeg)
    return b"".join(
        (
            b"FAC\x00010\x00",
            (14 + block_size).to_bytes(4, "big"),
            (1).to_bytes(2, "big"),
            # Facial information: length, no feature points, the rest unspecified.
            block_size.to_bytes(4, "big") + bytes(2) + bytes(14),
            # Image information: full frontal, JPEG, size, sRGB24, source unspecified.
            b"\x01\x00" + width.to_bytes(2, "big") + height.to_bytes(2, "big"),
            b"\x01\x02" + bytes(4),
            jpeg,
        )
    )


def jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height from the frame header of a JPEG (ITU-T T.81, B.2.2).

    Raises:
        ValueError: there is no frame header where one must be.
    """
    at = 2
    while jpeg[:2] == _SOI and at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = jpeg[at + 5 : at + 7], jpeg[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise ValueError("not a JPEG image")


def placeholder_portrait(size: int = 15_000) -> bytes:
    """A portrait's worth of constant bytes with the marker structure of a 413x531 JPEG.

    For simulations in which nobody decodes it: the size is what costs time on the chip.

    Raises:
        ValueError: `size` is under 200 bytes.
    """
    if size < 200:
        raise ValueError("too small for a JPEG's markers")
    app0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    frame = b"\xff\xc0\x00\x0b\x08" + (531).to_bytes(2, "big") + (413).to_bytes(2, "big")
    frame += b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    head = _SOI + app0 + frame + scan
    filler = bytes(i * 7 % 251 for i in range(size - len(head) - len(_EOI)))
    return head + filler + _EOI
