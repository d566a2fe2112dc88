"""How a JPEG 2000 picture is coded: extents, components, colour, palette (ISO/IEC 15444-1).

Decoders differ in what they take: OpenCV's refuses a bare codestream of one component, two
components, signed samples and fewer than eight bits, and it does not apply a palette. What a
picture says about itself is therefore read here, and `plain_file` hands the decoder one form
that it takes: a JP2 file of unsigned samples. Palette, channel order and colour conversion
are then ours (`biometrics.image`).
"""

from __future__ import annotations

import math
import struct
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biometrics.errors import ImageRefused

CODESTREAM = b"\xff\x4f\xff\x51"
SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
MAX_TILES = 256
MAX_COMPONENTS = 4
MAX_BITS = 16
MAX_BOXES = 64
_COMPONENTS_AT = 42  # the SIZ segment's rows of components, from the codestream's first byte
_COD = b"\xff\x52"
_TILE = b"\xff\x90"
_GREY, _SRGB, _SYCC = 17, 16, 18  # annex I.5.3.3: enumerated colour spaces

Colour = Literal["grey", "rgb", "ycc"]
_COLOURS: dict[int, Colour] = {_GREY: "grey", _SRGB: "rgb", _SYCC: "ycc"}


class Component(NamedTuple):
    """One component of a codestream; `across` and `down` are its sub-sampling, 1 for none."""

    bits: int
    signed: bool
    across: int
    down: int


class Channel(NamedTuple):
    """Where a channel's samples are: in a component, or looked up in a column of the palette."""

    component: int
    column: int | None = None


class Coding(NamedTuple):
    """What a JPEG 2000 picture says about itself.

    Attributes:
        right, low: extents of the reference grid, which nothing in the picture exceeds.
        left, top: where the picture begins on it.
        components: of the codestream.
        reversible: whether its wavelet is the lossless one.
        colour: of the channels in `shown`.
        shown: one channel (grey) or three; opacity is left out.
        palette: entries x columns, scaled to 0..255; None without one.
    """

    right: int
    low: int
    left: int
    top: int
    components: tuple[Component, ...]
    reversible: bool
    colour: Colour
    shown: tuple[Channel, ...]
    palette: NDArray[np.uint8] | None

    @property
    def on_one_grid(self) -> bool:
        """Whether each component has a sample for each pixel, from the grid's origin on."""
        whole = all((part.across, part.down) == (1, 1) for part in self.components)
        return whole and self.left == self.top == 0


def read(data: bytes | bytearray) -> Coding:
    """What a codestream or a JP2 file says about itself.

    Raises:
        ImageRefused: it contradicts itself, or exceeds the limits.
    """
    header = b"" if data[:4] == CODESTREAM else _header(data)
    at = _codestream_at(data)
    right, low, left, top, components = _size(data, at)
    channels, palette = _channels(header, len(components))
    colour = _colour(header, components, len(channels))
    return Coding(
        right=right,
        low=low,
        left=left,
        top=top,
        components=components,
        reversible=_reversible(data, at),
        colour=colour,
        shown=_shown(header, channels, 1 if colour == "grey" else 3),
        palette=palette,
    )


def plain_codestream(data: bytes | bytearray, coding: Coding) -> bytearray:
    """The codestream with its samples declared unsigned, and of eight bits at least.

    A decoder adds half the range to unsigned samples (annex G.1): a signed sample comes out
    raised by it, and where fewer than eight bits are declared eight, one of them by half of 256.
    """
    plain = bytearray(data[_codestream_at(data) :])
    few = max(part.bits for part in coding.components) < 8
    for number, part in enumerate(coding.components):
        plain[_COMPONENTS_AT + 3 * number] = (8 if few else part.bits) - 1
    return plain


def plain_file(data: bytes | bytearray, coding: Coding) -> bytearray:
    """A JP2 file of the same samples: grey of one or two components, else RGB."""
    count = len(coding.components)
    space = _GREY if count < 3 else _SRGB
    rows, columns = coding.low - coding.top, coding.right - coding.left
    image_header = _box(b"ihdr", struct.pack(">IIHBBBB", rows, columns, count, 255, 7, 0, 0))
    depths = _box(b"bpcc", bytes(max(part.bits, 8) - 1 for part in coding.components))
    colour = _box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))
    order = b""
    if count == 2 and coding.shown[0].component == 1:  # opacity comes first
        order = _box(b"cdef", struct.pack(">7H", 2, 0, 1, 0, 1, 0, 1))
    file = bytearray(SIGNATURE + _box(b"ftyp", b"jp2 \x00\x00\x00\x00jp2 "))
    file += _box(b"jp2h", image_header + depths + colour + order)
    codestream = plain_codestream(data, coding)
    file += struct.pack(">I4s", 8 + len(codestream), b"jp2c") + codestream
    codestream[:] = bytes(len(codestream))
    return file


def shades(decoded: NDArray[Any], coding: Coding, channel: Channel) -> NDArray[np.uint8]:
    """One channel as 0..255, from the decoded samples of its component."""
    bits = coding.components[channel.component].bits
    values = decoded.astype(np.int32)
    few = max(part.bits for part in coding.components) < 8
    if few and coding.reversible:
        values = values - 128 + (1 << (bits - 1))
    elif few:
        values >>= 8 - bits
    if channel.column is None or coding.palette is None:
        return _scaled(values, bits)
    index = np.clip(values, 0, len(coding.palette) - 1)
    return np.asarray(coding.palette[index, channel.column], np.uint8)


def _scaled(values: NDArray[np.int32], bits: int) -> NDArray[np.uint8]:
    full = (1 << bits) - 1
    return ((np.clip(values, 0, full).astype(np.int32) * 255 + full // 2) // full).astype(np.uint8)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _boxes(data: bytes | bytearray | memoryview) -> list[tuple[bytes, int, int]]:
    """Boxes of a file or superbox (annex I.4): kind, first byte of the content, end."""
    found: list[tuple[bytes, int, int]] = []
    at = 0
    while at + 8 <= len(data) and len(found) < MAX_BOXES:
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1 and at + 16 <= len(data):
            length, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = len(data) if length == 0 else at + length
        found.append((kind, at + header, min(end, len(data))))
        if kind == b"jp2c" or length == 0 or length < header:
            break
        at = end
    return found


def _codestream_at(data: bytes | bytearray) -> int:
    if data[:4] == CODESTREAM:
        return 0
    for kind, start, _ in _boxes(data):
        if kind == b"jp2c":
            return start
    raise ImageRefused("JPEG 2000: no codestream")


def _header(data: bytes | bytearray) -> bytes:
    """The content of the JP2 header box; empty without one."""
    for kind, start, end in _boxes(data):
        if kind == b"jp2h":
            return bytes(data[start:end])
    return b""


def _inner(header: bytes, wanted: bytes) -> bytes | None:
    for kind, start, end in _boxes(header):
        if kind == wanted:
            return header[start:end]
    return None


def _size(data: bytes | bytearray, at: int) -> tuple[int, int, int, int, tuple[Component, ...]]:
    """Extents and components from the SIZ marker segment (A.5.1)."""
    if data[at : at + 4] != CODESTREAM or at + _COMPONENTS_AT > len(data):
        raise ImageRefused("JPEG 2000: no image size")
    grid = struct.unpack_from(">8I", data, at + 8)
    right, low, left, top, tile_columns, tile_rows, *_ = grid
    count = struct.unpack_from(">H", data, at + 40)[0]
    if not left < right or not top < low or not tile_columns or not tile_rows:
        raise ImageRefused("JPEG 2000: image size contradicts itself")
    tiles = math.ceil(right / tile_columns) * math.ceil(low / tile_rows)
    if tiles > MAX_TILES or not 1 <= count <= MAX_COMPONENTS:
        raise ImageRefused("JPEG 2000: too many tiles or components")
    rows = data[at + _COMPONENTS_AT : at + _COMPONENTS_AT + 3 * count]
    if len(rows) < 3 * count:
        raise ImageRefused("JPEG 2000: no image size")
    components = tuple(
        Component((rows[n] & 0x7F) + 1, bool(rows[n] & 0x80), rows[n + 1], rows[n + 2])
        for n in range(0, 3 * count, 3)
    )
    if not all(part.bits <= MAX_BITS and part.across and part.down for part in components):
        raise ImageRefused(f"JPEG 2000: samples of more than {MAX_BITS} bits, or of no size")
    return right, low, left, top, components


def _reversible(data: bytes | bytearray, at: int) -> bool:
    """Whether the default coding style (A.6.1) names the reversible wavelet."""
    at += 2
    while at + 4 <= len(data):
        marker, length = data[at : at + 2], struct.unpack_from(">H", data, at + 2)[0]
        if marker == _COD and at + 14 <= len(data):
            return data[at + 13] == 1
        if length < 2 or marker == _TILE:
            break
        at += 2 + length
    raise ImageRefused("JPEG 2000: no coding style")


def _channels(
    header: bytes, components: int
) -> tuple[tuple[Channel, ...], NDArray[np.uint8] | None]:
    """Channels before their order is settled (I.5.3.4 palette, I.5.3.5 component mapping)."""
    table = _inner(header, b"pclr")
    if table is None:
        return tuple(Channel(number) for number in range(components)), None
    mapping = _inner(header, b"cmap")
    palette = _palette(table)
    if mapping is None or not mapping or len(mapping) % 4:
        raise ImageRefused("JPEG 2000: a palette that nothing is mapped to")
    channels = []
    for at in range(0, len(mapping), 4):
        component, kind, column = struct.unpack_from(">HBB", mapping, at)
        if component >= components or (kind and column >= palette.shape[1]):
            raise ImageRefused("JPEG 2000: a mapping to nothing")
        channels.append(Channel(component, column if kind else None))
    return tuple(channels), palette


def _palette(table: bytes) -> NDArray[np.uint8]:
    if len(table) < 3:
        raise ImageRefused("JPEG 2000: palette cut short")
    entries, columns = struct.unpack_from(">HB", table, 0)
    depths = [(depth & 0x7F) + 1 for depth in table[3 : 3 + columns]]
    row = sum(-(-bits // 8) for bits in depths)
    signed = any(depth & 0x80 for depth in table[3 : 3 + columns])
    if not 1 <= entries <= 256 or len(depths) != columns or not columns or signed:
        raise ImageRefused("JPEG 2000: not a palette of unsigned colours")
    if max(depths) > MAX_BITS or len(table) < 3 + columns + entries * row:
        raise ImageRefused("JPEG 2000: palette cut short")
    values = np.zeros((entries, columns), np.int32)
    at = 3 + columns
    for entry in range(entries):
        for column, bits in enumerate(depths):
            size = -(-bits // 8)
            values[entry, column] = int.from_bytes(table[at : at + size], "big")
            at += size
    return np.stack([_scaled(values[:, n], bits) for n, bits in enumerate(depths)], 1)


def _colour(header: bytes, components: tuple[Component, ...], channels: int) -> Colour:
    """The colour space (I.5.3.3): as named, by an ICC profile's kind, else by the channels."""
    if channels < 3:
        return "grey"
    box = _inner(header, b"colr") or b""
    if len(box) >= 7 and box[0] == 1:
        named = _COLOURS.get(struct.unpack_from(">I", box, 3)[0])
        if named is not None:
            return named
    if len(box) >= 23 and box[0] == 2 and box[19:23] == b"GRAY":
        return "grey"
    thinned = any((part.across, part.down) != (1, 1) for part in components[1:3])
    return "ycc" if thinned else "rgb"


def _shown(header: bytes, channels: tuple[Channel, ...], colours: int) -> tuple[Channel, ...]:
    """Channels of the colours in their order (I.5.3.6); opacity is not among them."""
    order = list(range(colours))
    box = _inner(header, b"cdef")
    if box is not None and len(box) >= 2:
        rows = (len(box) - 2) // 6
        for at in range(2, 2 + 6 * min(rows, MAX_BOXES), 6):
            channel, kind, colour = struct.unpack_from(">HHH", box, at)
            if kind == 0 and 1 <= colour <= colours:
                order[colour - 1] = channel
    if max(order) >= len(channels) or len(set(order)) < colours:
        raise ImageRefused("JPEG 2000: channels that contradict one another")
    return tuple(channels[number] for number in order)
