"""Pictures: decoding with limits, resizing, warping, encoding. The one file that imports OpenCV.

A picture in this package is an array of rows x columns x 3 bytes, RGB. Whatever comes from
outside has its format and extents read from the coded stream itself before a decoder sees
it, so that a small file cannot ask for a large allocation.
"""

from __future__ import annotations

import base64
import math
import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from biometrics import jpeg2000
from biometrics.errors import ImageRefused

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

MAX_PIXELS = 16_000_000
MAX_CODED_BYTES = 8 * 1024 * 1024
MAX_SIDE_PX = 8192
MAX_JPEG_SCANS = 64
EDGE_LOW, EDGE_HIGH = 25, 60  # gradients of Canny's edges
MAX_OUTLINES = 500
STRAIGHT = 1.045  # a hull's area over that of its four corners, where the sides are straight
Coded = bytes | bytearray
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SOF_SUPPORTED = (0xC0, 0xC1, 0xC2)
_SOF_OTHER = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)

cv2.setNumThreads(1)  # a lane shares its cores: parallelism is between stages, not inside them
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _jpeg_extent(data: Coded) -> tuple[int, int]:
    """Columns and rows from the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ImageRefused("JPEG: marker expected")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or marker in (0x00, 0xD8, 0xD9, 0xDA):
            raise ImageRefused("JPEG: no frame header")
        if marker in _SOF_OTHER:
            raise ImageRefused("JPEG: process not supported")
        if marker in _SOF_SUPPORTED:
            if at + 9 > len(data):
                raise ImageRefused("JPEG: frame header cut short")
            rows, columns = struct.unpack_from(">HH", data, at + 5)
            if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
                raise ImageRefused(f"JPEG: more than {MAX_JPEG_SCANS} scans")
            return columns, rows
        at += 2 + length
    raise ImageRefused("JPEG: no frame header")


def extent(data: Coded) -> tuple[str, int, int]:
    """Format (`jpeg`, `jpeg2000` or `png`), columns and rows of a coded picture.

    Raises:
        ImageRefused: neither of these formats, or no extents in it.
    """
    if data[:2] == b"\xff\xd8":
        return "jpeg", *_jpeg_extent(data)
    if data[:4] == jpeg2000.CODESTREAM or data[:12] == jpeg2000.SIGNATURE:
        coding = jpeg2000.read(data)
        return "jpeg2000", coding.right, coding.low
    if data[:8] == _PNG_SIGNATURE and data[12:16] == b"IHDR" and len(data) >= 24:
        columns, rows = struct.unpack_from(">II", data, 16)
        return "png", columns, rows
    raise ImageRefused("neither JPEG nor JPEG 2000 nor PNG")


def decode(data: Coded, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a JPEG, JPEG 2000 or PNG picture to RGB; grey becomes three equal channels.

    A picture that says how it was held (Exif orientation) is turned upright. Opacity is left
    out, samples of more than eight bits are scaled down.

    Raises:
        ImageRefused: it is too long, too large, of another format or damaged.
    """
    if len(data) > MAX_CODED_BYTES:
        raise ImageRefused(f"picture is longer than {MAX_CODED_BYTES} bytes")
    if not data:
        raise ImageRefused("an empty file")
    kind, columns, rows = extent(data)
    if not (0 < columns <= MAX_SIDE_PX and 0 < rows <= MAX_SIDE_PX):
        raise ImageRefused(f"{kind}: {columns}x{rows} is outside the limits")
    if columns * rows > max_pixels:
        raise ImageRefused(f"{kind}: {columns}x{rows} exceeds {max_pixels} pixels")
    if kind == "jpeg2000":
        return _decoded_jpeg2000(data)
    picture = _decoded(data, cv2.IMREAD_COLOR_RGB, kind)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ImageRefused(f"{kind}: does not decode")
    return picture


def _decoded(data: Coded, how: int, kind: str) -> Picture:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        raise ImageRefused(f"{kind}: does not decode") from error
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise ImageRefused(f"{kind}: does not decode")
    return np.ascontiguousarray(picture)


def _decoded_jpeg2000(data: Coded) -> Picture:
    coding = jpeg2000.read(data)
    if not coding.on_one_grid:
        return _decoded_on_grids(data, coding)
    plain = jpeg2000.plain_file(data, coding)
    count = len(coding.components)
    how = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH if count == 2 else cv2.IMREAD_UNCHANGED
    try:
        planes = np.atleast_3d(_decoded(plain, how, "jpeg2000"))
    finally:
        plain[:] = bytes(len(plain))
    if planes.shape != (coding.low, coding.right, 3 if count == 2 else count):
        raise ImageRefused("jpeg2000: does not decode")
    if count >= 3:  # OpenCV gives blue first
        planes = planes[..., [2, 1, 0, 3][:count]]
    parts = [
        jpeg2000.shades(planes[..., channel.component], coding, channel) for channel in coding.shown
    ]
    picture = np.stack(parts if len(parts) == 3 else parts * 3, 2)
    if coding.colour == "ycc":
        picture = np.asarray(cv2.cvtColor(picture[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB), np.uint8)
    return np.ascontiguousarray(picture)


def _decoded_on_grids(data: Coded, coding: jpeg2000.Coding) -> Picture:
    """Components that are sub-sampled or shifted: FFmpeg's decoder takes them, OpenCV's does not.

    It is given the bytes in a name (RFC 2397), so that no file of them is made. It takes
    luminance for a film's, 16..235, which is put right again.
    """
    order = tuple(channel.component for channel in coding.shown)
    odd = any(part.bits != 8 or part.signed for part in coding.components)
    if coding.palette is not None or odd or order not in ((0,), (0, 1, 2)):
        raise ImageRefused("jpeg2000: components on different grids do not decode")
    plain = jpeg2000.plain_codestream(data, coding)
    named = "data:image/jp2;base64," + base64.b64encode(plain).decode("ascii")
    plain[:] = bytes(len(plain))
    capture = cv2.VideoCapture(named, cv2.CAP_FFMPEG)
    try:
        good, picture = capture.read()
    finally:
        capture.release()
    extent_px = (coding.low - coding.top, coding.right - coding.left, 3)
    if not good or picture.shape != extent_px or picture.dtype != np.uint8:
        raise ImageRefused("jpeg2000: components on different grids do not decode")
    if coding.colour == "ycc":
        picture = picture.astype(np.float32) * (219 / 255) + 16
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def encode_jpeg(picture: Picture, quality: int = 85) -> bytes:
    """Encode RGB as a JPEG file of the given quality, 1..100."""
    flipped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", flipped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return coded.tobytes()


def encode_jpeg2000(picture: Picture, max_bytes: int) -> bytes:
    """Encode RGB as a JPEG 2000 file of at most `max_bytes`, as fine as that allows.

    Raises:
        ImageRefused: not even the coarsest coding is as small as that.
    """
    flipped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    for rate in range(min(1000, max_bytes * 1000 // picture.size), 0, -1):
        setting = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, rate]
        _, coded = cv2.imencode(".jp2", flipped, setting)
        if coded.nbytes <= max_bytes:
            return coded.tobytes()
    raise ImageRefused(f"JPEG 2000: does not fit {max_bytes} bytes")


def frame(picture: Picture, matrix: Matrix, columns: int, rows: int) -> Picture:
    """Take columns x rows through the 2x3 `matrix`, finely; the edge goes on outside."""
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / max(scale, 0.02)), np.uint8)
    framed = cv2.warpAffine(
        picture, matrix, (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(framed, np.uint8)


def upright(picture: Picture, degrees: int, *, mirror: bool) -> Picture:
    """A picture turned clockwise by a multiple of 90 degrees, then mirrored if wanted: a copy."""
    turned = np.rot90(picture, -degrees // 90)
    return np.array(turned[:, ::-1] if mirror else turned, np.uint8, order="C")


def resize(picture: Picture, columns: int, rows: int) -> Picture:
    """Resize; areas are averaged when shrinking, so that nothing aliases."""
    if (columns, rows) == (picture.shape[1], picture.shape[0]):
        return picture
    shrinking = columns < picture.shape[1]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=method), np.uint8)


def warp(picture: Picture, matrix: Matrix, size_px: int) -> Picture:
    """Take a size_px square through the 2x3 `matrix` (picture to square); black outside.

    Where the square is less than half as fine as the picture, the needed part of the picture
    is averaged down first: sampling alone would alias.
    """
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    factor = int(1 / scale) if scale > 0 else 1
    if factor >= 2:
        inverse = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        corners = np.array([[0, 0, 1], [size_px, 0, 1], [0, size_px, 1], [size_px, size_px, 1]])
        reach = corners @ inverse.T
        rows, columns = picture.shape[:2]
        left, top = np.clip(np.floor(reach.min(0)) - factor, 0, [columns - 1, rows - 1]).astype(int)
        right, low = np.clip(np.ceil(reach.max(0)) + factor, 1, [columns, rows]).astype(int)
        part = picture[top : max(low, top + 1), left : max(right, left + 1)]
        small = resize(part, max(1, part.shape[1] // factor), max(1, part.shape[0] // factor))
        fx, fy = part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]
        # centre of small pixel (u, v) lies at left + (u + .5) * fx - .5 in the picture
        to_picture = np.array(
            [[fx, 0, left + fx / 2 - 0.5], [0, fy, top + fy / 2 - 0.5], [0, 0, 1]]
        )
        picture, matrix = small, matrix @ to_picture
    return np.asarray(
        cv2.warpAffine(picture, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR), np.uint8
    )


def quadrilaterals(
    luminance: Picture,
    least_px: float,
    most_px: float,
    ends: tuple[bool, bool, bool, bool] = (False, False, False, False),
) -> list[Matrix]:
    """Outlines in a grey picture that are four straight sides and little else.

    Args:
        luminance: a grey picture, of a few hundred pixels a side.
        least_px: smallest area wanted, in pixels.
        most_px: largest one.
        ends: at which sides (left, top, right, bottom) the camera's picture ends; there an
            outline that leaves the picture is closed.

    Returns:
        For each one its four corners as rows of x, y.
    """
    thick = np.ones((3, 3), np.uint8)
    edges = np.asarray(cv2.dilate(cv2.Canny(luminance, EDGE_LOW, EDGE_HIGH), thick), np.uint8)
    borders = (edges[:, 0], edges[0], edges[:, -1], edges[-1])
    for border, ended in zip(borders, ends, strict=True):
        if ended:
            border[:] = 255
    outlines, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in sorted(outlines, key=len, reverse=True)[:MAX_OUTLINES]:
        hull = cv2.convexHull(outline)
        area = cv2.contourArea(hull)
        if not least_px <= area <= most_px:
            continue
        corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, closed=True), closed=True)
        if len(corners) == 4 and area <= STRAIGHT * cv2.contourArea(corners):
            found.append(corners.reshape(4, 2).astype(np.float64))
    return found


def grey(picture: Picture) -> Picture:
    """Luminance, 0..255."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def chromaticity(picture: Picture) -> NDArray[np.float32]:
    """The a and b of CIELAB: colour without its luminance."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:], np.float32)


def blurred(luminance: Picture, deviation_px: float) -> Picture:
    """A grey picture, smoothed by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(luminance, (0, 0), deviation_px), np.uint8)


def closed(luminance: Picture, size_px: int) -> Picture:
    """Grey-scale closing: dark structure that a disc of this (odd) size does not fit in is filled.

    The disc holds the pixels whose middles lie within half its size of its own.
    """
    reach = np.arange(size_px) - size_px // 2
    disc = (np.hypot(reach[:, None], reach) <= size_px / 2).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(luminance, cv2.MORPH_CLOSE, disc), np.uint8)


def laplacian_variance(luminance: Picture) -> float:
    """Variance of the Laplacian: how much fine structure a grey picture has."""
    return float(cv2.Laplacian(luminance, cv2.CV_64F).var())
