"""DG2: real records, damaged ones and arbitrary bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from face_records import dg2, jpeg2000, record, tlv
from hypothesis import given, settings
from hypothesis import strategies as st

from biometrics import image, portrait
from biometrics.errors import ImageRefused, PortraitMalformed


def photograph(columns: int = 60, rows: int = 80) -> image.Picture:
    x = np.linspace(0, 255, columns).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(x[None, :, None], (rows, columns, 3)))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("bsi2008/Datagroup2.bin", (531, 413)),  # its header claims 337x449
        ("loes2006/ef0102.bin", (598, 449)),
        ("dg2/ISO19794_Test1_Data.bin", (70, 148)),
        ("dg2/ICAO_39794_5_AP_DG2_MandFields.dat", (531, 413)),
    ],
)
def test_published_records(name: str, shape: tuple[int, int], shared: Callable[..., Path]) -> None:
    picture = portrait.decode(shared("chip", name).read_bytes())
    assert picture.shape == (*shape, 3)
    assert picture.std() > 10


def test_a_length_beyond_the_file_is_malformed() -> None:
    file = bytearray(dg2(image.encode_jpeg(photograph())))
    assert file[:2] == b"\x75\x83"
    file[4] += 1
    with pytest.raises(PortraitMalformed, match="exceeds its container"):
        portrait.extract(bytes(file))


@pytest.mark.parametrize("coded", [jpeg2000(photograph()), image.encode_jpeg(photograph())])
def test_a_picture_cut_short_anywhere_in_its_header_is_malformed(coded: bytes) -> None:
    for size in range(140):
        with pytest.raises(PortraitMalformed):
            portrait.decode(dg2(coded[:size]))


@pytest.mark.parametrize("size", range(4, 42, 3))
def test_a_bare_codestream_cut_short_is_malformed(size: int) -> None:
    coded = jpeg2000(photograph())
    at = coded.index(b"\xff\x4f\xff\x51")
    with pytest.raises(PortraitMalformed, match="no image size"):
        portrait.decode(dg2(coded[at : at + size]))


@pytest.mark.parametrize("block", ["5F2E", "7F2E"])
@pytest.mark.parametrize("points", [0, 3])
def test_jpeg_and_jpeg2000_inside(block: str, points: int) -> None:
    for coded in (
        image.encode_jpeg(photograph()),
        jpeg2000(photograph()),
    ):
        file = dg2(coded, block, points)
        assert portrait.extract(file) == coded
        assert portrait.decode(file).shape == (80, 60, 3)


@pytest.mark.parametrize("off", [-8, -1, 1, 8])
def test_lengths_that_a_state_miscounted_leave_the_picture_whole(off: int) -> None:
    coded = image.encode_jpeg(photograph())
    right = struct.pack(">I", 20 + 12 + len(coded)), struct.pack(">I", 46 + len(coded))
    wrong = struct.pack(">I", 32 + len(coded) + off), struct.pack(">I", 46 + len(coded) + off)
    for face, whole in ((wrong[0], right[1]), (right[0], wrong[1]), wrong):
        file = dg2(coded).replace(right[0], face).replace(right[1], whole)
        assert file != dg2(coded)
        assert portrait.extract(file) == coded


@pytest.mark.parametrize(
    "build",
    [
        lambda c: b"",
        lambda c: dg2(c)[:-1],
        lambda c: dg2(c, "5F2F"),
        lambda c: tlv("61", tlv("7F61", b"")),
        lambda c: tlv("75", b""),
        lambda c: dg2(c).replace(b"FAC\x00", b"FACE"),
        lambda c: b"\x75\x80\x00\x00",
        lambda c: b"\x75\x85\x00\x00\x00\x00\x01\x00",
        lambda c: b"\x75\x84\xff\xff\xff\xff\x00",
        lambda c: b"FAC\x00010\x00" + struct.pack(">IH", 0xFFFFFFFF, 1) + bytes(40),
        lambda c: record(c, points=0).replace(b"\x00\x01\x00\x00", b"\xff\xff\x00\x00", 1)[:30],
        lambda c: bytes(portrait.MAX_DG2_BYTES + 1),
    ],
)
def test_malformed_files(build: object) -> None:
    with pytest.raises(PortraitMalformed):
        portrait.decode(build(image.encode_jpeg(photograph())))  # type: ignore[operator]


def test_the_coded_stream_is_limited_not_the_header() -> None:
    coded = bytearray(image.encode_jpeg(photograph()))
    at = coded.index(b"\xff\xc0")
    coded[at + 5 : at + 9] = struct.pack(">HH", 8000, 8000)
    with pytest.raises(PortraitMalformed, match="exceeds"):
        portrait.decode(dg2(bytes(coded)))
    coded2 = bytearray(jpeg2000(photograph()))
    at = coded2.index(b"\xff\x4f\xff\x51")
    coded2[at + 8 : at + 16] = struct.pack(">II", 7000, 7000)
    with pytest.raises(PortraitMalformed, match=r"tiles|exceeds"):
        portrait.decode(dg2(bytes(coded2)))


def test_a_png_is_no_portrait() -> None:
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 10, 10) + bytes(30)
    with pytest.raises(PortraitMalformed, match="neither"):
        portrait.decode(dg2(png))


def test_a_jpeg_of_many_scans_is_refused() -> None:
    coded = image.encode_jpeg(photograph())
    bomb = coded[:-2] + b"\xff\xda" * (image.MAX_JPEG_SCANS + 1) + coded[-2:]
    with pytest.raises(ImageRefused, match="scans"):
        image.decode(bomb)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_the_typed_error(data: bytes) -> None:
    for file in (data, tlv("75", data), tlv("75", tlv("7F61", data)), b"FAC\x00" + data):
        with pytest.raises(PortraitMalformed):
            portrait.decode(file)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), jpeg=st.booleans())
def test_damaged_pictures_decode_or_raise_the_typed_error(data: st.DataObject, jpeg: bool) -> None:
    picture = photograph()
    coded = image.encode_jpeg(picture) if jpeg else jpeg2000(picture)
    damaged = bytearray(dg2(coded))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = portrait.decode(bytes(damaged))
    except PortraitMalformed:
        return
    assert decoded.size <= 3 * portrait.MAX_PIXELS


# Two colours, 16 x 16, red above blue: inverted CMYK with Adobe's marker.
CMYK_JPEG = (
    "ffd8ffee000e41646f626500640000000000ffdb00430006040506050406060506070706080a100a0a09090a"
    "140e0f0c1017141818171416161a1d251f1a1b231c1616202c20232627292a29191f2d302d283025282928ff"
    "c000140800100010044311004d11005911004b1100ffc4001600010101000000000000000000000000000007"
    "08ffc40014100100000000000000000000000000000000ffda000e0443004d0059004b00003f00b021492354"
    "8030e284d40003ffd9"
)


SAMPLINGS = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def two_colours() -> image.Picture:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8], picture[8:] = (200, 40, 60), (30, 90, 180)
    return picture


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_coding_of_a_jpeg(progressive: int, sampling: int) -> None:
    flipped = cv2.cvtColor(two_colours(), cv2.COLOR_RGB2BGR)
    how = [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    how += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    coded = cv2.imencode(".jpg", flipped, how)[1].tobytes()
    decoded = portrait.decode(dg2(coded)).astype(int)
    assert abs(decoded[[3, 12]] - two_colours()[[3, 12]]).max() < 12
    grey = cv2.imencode(".jpg", flipped[..., 0], how[:4])[1].tobytes()
    assert abs(portrait.decode(dg2(grey)).astype(int) - flipped[..., :1]).max() < 12


def test_a_jpeg_of_four_inks() -> None:
    decoded = portrait.decode(dg2(bytes.fromhex(CMYK_JPEG))).astype(int)
    assert abs(decoded[[3, 12]] - two_colours()[[3, 12]]).max() < 12
