"""DG2: a portrait in the record formats a passport chip stores.

A facial record of ISO/IEC 19794-5:2005 or 39794-5:2019 inside a CBEFF biometric information
template (ISO/IEC 7816-11), as Doc 9303-10, 4.7.2 lays out.
"""

from __future__ import annotations

from sim.chip import der

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_JP2 = b"\x00\x00\x00\x0cjP  "


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


def tagged_data_group_2(image: bytes, _width: int, _height: int) -> bytes:
    """EF.DG2 with one portrait in an ISO/IEC 39794-5 record of mandatory elements, sizeless."""
    header = der.tlv(0xA1, der.tlv(0x87, b"\x01\x01"), der.tlv(0x88, b"\x00\x2a"))
    kind = 3 if image.startswith(_JP2) else 2  # Annex A, ImageDataFormatCode
    about = der.tlv(0xA1, der.tlv(0xA0, der.tlv(0x80, bytes((kind,)))))
    picture = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x80, image), about))
    representation = der.tlv(0x30, der.tlv(0x80, b"\x00"), der.tlv(0xA1, picture))
    version = der.tlv(0xA0, der.tlv(0x80, b"\x03"), der.tlv(0x81, b"\x07\xe3"))
    record = der.tlv(0x65, version, der.tlv(0xA1, representation))
    instance = der.tlv(0x7F60, header, der.tlv(0x7F2E, der.tlv(0xA1, record)))
    return der.tlv(0x75, der.tlv(0x7F61, der.tlv(0x02, b"\x01"), instance))


def _facial_record(image: bytes, width: int, height: int) -> bytes:
    block_size = 20 + 12 + len(image)
    coding = 1 if image.startswith(_JP2) else 0
    return b"".join(
        (
            b"FAC\x00010\x00",
            (14 + block_size).to_bytes(4, "big"),
            (1).to_bytes(2, "big"),
            # Facial information: length, no feature points, the rest unspecified.
            block_size.to_bytes(4, "big") + bytes(2) + bytes(14),
            # Image information: full frontal, JPEG or JPEG 2000, size, sRGB24, source unspecified.
            bytes((1, coding)) + width.to_bytes(2, "big") + height.to_bytes(2, "big"),
            b"\x01\x02" + bytes(4),
            image,
        )
    )


def picture_size(image: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, or of a JPEG 2000 by its image header box.

    Raises:
        ValueError: it is neither.
    """
    if not image.startswith(_JP2):
        return jpeg_size(image)
    at = image.find(b"ihdr")
    if at < 0 or len(image) < at + 12:
        raise ValueError("not a JPEG 2000 image")
    height, width = image[at + 4 : at + 8], image[at + 8 : at + 12]
    return int.from_bytes(width, "big"), int.from_bytes(height, "big")


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

    For simulations that do not decode it: the size is what costs time on the chip.

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


_WIDTH, _HEIGHT, _STEP = 413, 531, 8
_DC_LENGTHS = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
_DC_CODES = ("00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110")


def drawn_portrait(size: int = 15_000) -> bytes:
    """A portrait that decodes: a drawn head of 413x531 in grey, as a baseline JPEG.

    Only the mean of each block of 8x8 is coded, so that its bytes are the same everywhere; a
    comment makes up the rest of `size`.

    Raises:
        ValueError: `size` is under 6000 bytes.
    """
    quantisation = b"\xff\xdb\x00\x43\x00" + bytes((_STEP,)) * 64
    frame = b"\xff\xc0\x00\x0b\x08" + _HEIGHT.to_bytes(2, "big") + _WIDTH.to_bytes(2, "big")
    frame += b"\x01\x01\x11\x00"
    dc_table = b"\xff\xc4\x00\x1f\x00" + _DC_LENGTHS + bytes(range(12))
    ac_table = b"\xff\xc4\x00\x14\x10" + bytes((1,)) + bytes(15) + b"\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + _entropy_coded()
    parts = quantisation + frame + dc_table + ac_table + scan
    filler = size - len(parts) - len(_SOI) - len(_EOI) - 4
    if filler < 0 or size < 6_000:
        raise ValueError("too small for a drawn portrait")
    comment = b"\xff\xfe" + (filler + 2).to_bytes(2, "big") + bytes(filler)
    return _SOI + comment + parts + _EOI


def _entropy_coded() -> bytes:
    """DC differences by the Huffman code of T.81, K.3.1; a block ends at once after them."""
    bits, last = [], 0
    for y in range(-(-_HEIGHT // 8)):
        for x in range(-(-_WIDTH // 8)):
            level = _grey(x * 8 + 4, y * 8 + 4) - 128
            difference, last = level - last, level
            category = abs(difference).bit_length()
            value = difference if difference > 0 else difference + (1 << category) - 1
            bits.append(_DC_CODES[category] + (f"{value:0{category}b}" if category else "") + "0")
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    coded = bytes(int(stream[i : i + 8], 2) for i in range(0, len(stream), 8))
    return coded.replace(b"\xff", b"\xff\x00")


def _grey(x: int, y: int) -> int:
    """A head before a light wall, from a few ellipses."""

    def inside(cx: int, cy: int, rx: int, ry: int) -> bool:
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    if inside(152, 235, 20, 9) or inside(260, 235, 20, 9) or inside(206, 375, 42, 10):
        return 60
    if inside(206, 265, 118, 165):
        return 190 - abs(x - 206) // 6
    if inside(206, 215, 142, 175):
        return 45
    if inside(206, 560, 215, 130):
        return 80
    return 225 - y // 30
