"""Every coding of a portrait in JPEG 2000: codestreams and files put together from grey parts."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from biometrics import image, jpeg2000
from biometrics.errors import ImageRefused

ROWS, COLUMNS = 128, 96
RAMP = np.broadcast_to(np.linspace(30, 225, COLUMNS), (ROWS, COLUMNS)).astype(np.uint8)
GREY, SRGB, SYCC = 17, 16, 18
Plane = NDArray[Any]


def segments(codestream: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Marker segments up to the tile's data, and that data."""
    found, at = [], 2
    while codestream[at : at + 2] != b"\xff\x93":
        size = struct.unpack_from(">H", codestream, at + 2)[0]
        found.append((codestream[at : at + 2], codestream[at + 4 : at + 2 + size]))
        at += 2 + size
    return found, codestream[at + 2 : -2]


def codestream(
    planes: list[Plane], *, bits: int = 8, signed: tuple[int, ...] = (), thinned: int = 1
) -> bytes:
    """One lossless codestream of several planes, in the order component by component.

    Each plane is coded alone by OpenCV and its packets are put one after the other. OpenCV codes
    8 or 16 bits: a sample of `bits` is raised by what its decoder will take away.
    """
    rows, columns = planes[0].shape
    made = []
    for plane in planes:
        raised = plane if bits in (8, 16) else plane.astype(np.uint16) + 2**15 - 2 ** (bits - 1)
        if bits < 8:
            raised = (plane.astype(np.int32) + 128 - 2 ** (bits - 1)).astype(np.uint8)
        lossless = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
        coded = cv2.imencode(".jp2", raised, lossless)[1].tobytes()
        made.append(segments(coded[coded.index(jpeg2000.CODESTREAM) :]))
    body = b"".join(data for _, data in made)
    whole = b"\xff\x4f"
    for marker, given_content in made[0][0]:
        content = given_content
        if marker == b"\xff\x51":
            content = given_content[:2] + struct.pack(
                ">8IH", columns, rows, 0, 0, columns, rows, 0, 0, len(planes)
            )
            for number in range(len(planes)):
                step = thinned if number in (1, 2) else 1
                content += bytes((bits - 1 | (0x80 if number in signed else 0), step, step))
        if marker == b"\xff\x52":
            content = content[:1] + b"\x04" + content[2:]  # CPRL
        if marker == b"\xff\x90":
            content = struct.pack(">HIBB", 0, 14 + len(body), 0, 1)
        if marker != b"\xff\x64":
            whole += marker + struct.pack(">H", 2 + len(content)) + content
    return whole + b"\xff\x93" + body + b"\xff\xd9"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def jp2(stream: bytes, space: int, *more: bytes, components: int = 1) -> bytes:
    header = box(b"ihdr", struct.pack(">IIHBBBB", ROWS, COLUMNS, components, 7, 7, 0, 0))
    header += box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))
    file = jpeg2000.SIGNATURE + box(b"ftyp", b"jp2 \x00\x00\x00\x00jp2 ")
    return file + box(b"jp2h", header + b"".join(more)) + box(b"jp2c", stream)


def colours() -> list[Plane]:
    return [RAMP, RAMP[::-1, ::-1].copy(), np.full_like(RAMP, 90)]


OPACITY = np.where(RAMP > 120, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_components_with_and_without_opacity(count: int, bare: bool) -> None:
    planes = [RAMP] if count < 3 else colours()
    stream = codestream([*planes, OPACITY][:count] if count % 2 == 0 else planes)
    space = GREY if count < 3 else SRGB
    picture = image.decode(stream if bare else jp2(stream, space, components=count))
    assert picture.shape == (ROWS, COLUMNS, 3)
    assert np.array_equal(picture, np.stack(planes * 3 if count < 3 else planes, 2))


@pytest.mark.parametrize("bits", [4, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("count", [1, 3])
def test_other_depths_are_scaled_to_eight_bits(bits: int, count: int) -> None:
    planes = colours()[:count]
    deep = [(plane.astype(np.int64) * (2**bits - 1) // 255).astype(np.uint16) for plane in planes]
    picture = image.decode(codestream(deep, bits=bits))
    wanted = np.stack(planes * 3 if count == 1 else planes, 2).astype(int)
    assert abs(picture.astype(int) - wanted).max() <= (1 if bits > 8 else 17)


@pytest.mark.parametrize("count", [1, 3])
def test_signed_samples_are_raised_by_half_their_range(count: int) -> None:
    planes = colours()[:count]
    picture = image.decode(codestream(planes, signed=(0, 1, 2)))
    assert np.array_equal(picture, np.stack(planes * 3 if count == 1 else planes, 2))


def luminance_and_chrominance() -> tuple[list[Plane], image.Picture]:
    planes = [RAMP, np.full_like(RAMP, 110), np.full_like(RAMP, 150)]
    y, b, r = (plane.astype(float) - (128 if number else 0) for number, plane in enumerate(planes))
    red, green, blue = y + 1.402 * r, y - 0.344 * b - 0.714 * r, y + 1.772 * b
    return planes, np.clip(np.stack([red, green, blue], 2), 0, 255).astype(np.uint8)


def test_luminance_and_chrominance_become_colours() -> None:
    planes, wanted = luminance_and_chrominance()
    for signed in ((), (1, 2)):
        picture = image.decode(jp2(codestream(planes, signed=signed), SYCC, components=3))
        assert abs(picture.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("bare", [True, False])
def test_chrominance_that_is_sub_sampled(bare: bool) -> None:
    planes, wanted = luminance_and_chrominance()
    stream = codestream([planes[0], planes[1][::2, ::2], planes[2][::2, ::2]], thinned=2)
    picture = image.decode(stream if bare else jp2(stream, SYCC, components=3))
    inside = np.s_[:, 6:-6]
    assert abs(picture.astype(int) - wanted)[inside].max() <= 8


def palette(colours: list[tuple[int, int, int]]) -> tuple[bytes, bytes]:
    table = struct.pack(">HB", len(colours), 3) + b"\x07\x07\x07"
    rows = b"".join(bytes(colour) for colour in colours)
    mapping = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    return box(b"pclr", table + rows), box(b"cmap", mapping)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_palette_is_applied(bits: int) -> None:
    index = (RAMP // 100).astype(np.uint8)
    table = [(200, 30, 40), (20, 210, 60), (1, 2, 250)]
    stream = codestream([index], bits=bits)
    picture = image.decode(jp2(stream, SRGB, *palette(table)))
    assert np.array_equal(picture, np.array(table, np.uint8)[index])


def definition(*rows: tuple[int, int, int]) -> bytes:
    return box(
        b"cdef", struct.pack(">H", len(rows)) + b"".join(struct.pack(">3H", *r) for r in rows)
    )


def test_channels_in_another_order() -> None:
    red, green, blue = colours()
    swapped = definition((0, 0, 3), (1, 0, 2), (2, 0, 1))
    file = jp2(codestream([blue, green, red]), SRGB, swapped, components=3)
    assert np.array_equal(image.decode(file), np.stack([red, green, blue], 2))
    first = definition((0, 1, 0), (1, 0, 1))
    file = jp2(codestream([OPACITY, RAMP]), GREY, first, components=2)
    assert np.array_equal(image.decode(file)[..., 1], RAMP)


@pytest.mark.parametrize(
    "more",
    [
        palette([(1, 2, 3)])[:1],  # nothing is mapped to it
        (palette([(1, 2, 3)])[0], box(b"cmap", struct.pack(">HBB", 5, 1, 0) * 3)),
        (palette([(1, 2, 3)])[0], box(b"cmap", struct.pack(">HBB", 0, 1, 9) * 3)),
        (box(b"pclr", b"\x00\x05\x03\x07\x07\x07abc"), palette([(1, 2, 3)])[1]),
        (box(b"pclr", b"\x00\x01"), palette([(1, 2, 3)])[1]),
        (*palette([(1, 2, 3)]), definition((0, 0, 1), (0, 0, 2), (0, 0, 3))),
        (*palette([(1, 2, 3)]), definition((7, 0, 1))),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(more: tuple[bytes, ...]) -> None:
    with pytest.raises(ImageRefused, match="JPEG 2000"):
        image.decode(jp2(codestream([RAMP]), SRGB, *more))


@pytest.mark.parametrize(("at", "value"), [(40, b"\x00\x05"), (42, b"\x20"), (43, b"\x00")])
def test_more_than_the_limits_is_refused_before_decoding(at: int, value: bytes) -> None:
    stream = bytearray(codestream([RAMP]))
    stream[at : at + len(value)] = value
    with pytest.raises(ImageRefused, match="JPEG 2000"):
        image.extent(stream)


@settings(max_examples=60)
@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 900))
def test_damage_is_refused_and_never_a_crash(at: int, value: int, cut: int) -> None:
    file = bytearray(jp2(codestream([RAMP]), SRGB, *palette([(9, 9, 9), (20, 90, 7)])))
    file[min(at, len(file) - 1)] = value
    try:
        picture = image.decode(file[: max(100, len(file) - cut)])
    except ImageRefused:
        return
    assert picture.ndim == 3
