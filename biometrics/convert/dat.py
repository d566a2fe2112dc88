"""Reading dlib's serialised face recognition network.

The encoding (dlib's `serialize.h`, `dnn/core.h`, `dnn/layers.h`): integers are a control
byte (bit 7 the sign, low nibble the count of little-endian bytes of the magnitude);
floating point scalars are two such integers, mantissa then exponent of two; tensors are a
version, four extents and raw little-endian float32. A layer writes its version, then all of
the network under it, then its own details: so all versions come first, outermost to
innermost, and the details follow from the input to the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biometrics.errors import WeightsMalformed

MAX_LAYERS = 1024
MAX_STRING_BYTES = 64
MAX_TENSOR_VALUES = 8_000_000
MAX_EXTENT = 100_000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Conv:
    """Convolution: `weights` (out, in, rows, cols), one bias an output channel."""

    weights: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True)
class Affine:
    """Per channel scale and shift: what is left of batch normalisation."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class Pool:
    """Maximum or average over windows; `size` 0 is the whole map."""

    kind: str
    size: int
    stride: int
    padding: int


@dataclass(frozen=True)
class AddSkip:
    """Adds the remembered branch, zero-padded at the end to a common shape."""


@dataclass(frozen=True)
class Tag:
    """One tag or skip layer. What it does follows from its neighbours (see `graph`)."""


@dataclass(frozen=True)
class Dense:
    """y = x W, with `weights` (inputs, outputs) and no bias."""

    weights: Floats


Layer = Conv | Affine | Relu | Pool | AddSkip | Tag | Dense


@dataclass(frozen=True)
class Network:
    """The network from input to output. `mean_rgb` is subtracted, then the input is /256."""

    mean_rgb: tuple[float, float, float]
    size_px: int
    layers: tuple[Layer, ...]


class _Reader:
    """dlib's primitives over one buffer; every length is checked before it is used."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def take(self, count: int) -> bytes:
        end = self.offset + count
        if end > len(self._data):
            raise WeightsMalformed(f"weights end inside a value at byte {self.offset}")
        piece = self._data[self.offset : end]
        self.offset = end
        return piece

    def integer(self) -> int:
        control = self.take(1)[0]
        count = control & 0x0F
        if control & 0x70 or not 1 <= count <= 8:
            raise WeightsMalformed(f"not an integer at byte {self.offset - 1}")
        value = int.from_bytes(self.take(count), "little")
        return -value if control & 0x80 else value

    def small(self, highest: int) -> int:
        at = self.offset
        value = self.integer()
        if not 0 <= value <= highest:
            raise WeightsMalformed(f"{value} at byte {at} is outside 0..{highest}")
        return value

    def real(self) -> float:
        at = self.offset
        mantissa, exponent = self.integer(), self.integer()
        if not -2000 <= exponent <= 2000:
            raise WeightsMalformed(f"number at byte {at} is not finite")
        try:
            return math.ldexp(float(mantissa), exponent)
        except OverflowError as error:
            raise WeightsMalformed(f"number at byte {at} is not finite") from error

    def boolean(self) -> bool:
        byte = self.take(1)
        if byte not in (b"0", b"1"):
            raise WeightsMalformed(f"not a boolean at byte {self.offset - 1}")
        return byte == b"1"

    def text(self) -> str:
        raw = self.take(self.small(MAX_STRING_BYTES))
        if not raw.isascii():
            raise WeightsMalformed(f"layer name before byte {self.offset} is not ASCII")
        return raw.decode("ascii")

    def version(self, wanted: int) -> None:
        at = self.offset
        if self.integer() != wanted:
            raise WeightsMalformed(f"unknown version at byte {at}")

    def shape(self) -> tuple[int, int, int, int]:
        a, b, c, d = (self.small(MAX_TENSOR_VALUES) for _ in range(4))
        if a * b * c * d > MAX_TENSOR_VALUES:
            raise WeightsMalformed(f"tensor before byte {self.offset} is too large")
        return a, b, c, d

    def tensor(self) -> Floats:
        self.version(2)
        count = math.prod(self.shape())
        values = np.frombuffer(self.take(4 * count), dtype="<f4")
        if not np.isfinite(values).all():
            raise WeightsMalformed(f"tensor before byte {self.offset} is not finite")
        return values

    def alias(self) -> tuple[int, int, int, int]:
        self.version(1)
        return self.shape()


def _conv(reader: _Reader) -> Conv:
    values = reader.tensor()
    filters = reader.small(MAX_EXTENT)
    rows, cols, stride_y, stride_x, pad_y, pad_x = (reader.small(64) for _ in range(6))
    shape, bias_shape = reader.alias(), reader.alias()
    for _ in range(4):
        reader.real()
    count = math.prod(shape)
    square = rows == cols and stride_y == stride_x and pad_y == pad_x and stride_y > 0
    if (
        not square
        or (shape[0], shape[2], shape[3]) != (filters, rows, cols)
        or bias_shape != (1, filters, 1, 1)
        or count == 0
        or values.size != count + filters
    ):
        raise WeightsMalformed(f"convolution before byte {reader.offset} contradicts itself")
    return Conv(values[:count].reshape(shape), values[count:], stride_y, pad_y)


def _affine(reader: _Reader) -> Affine:
    values = reader.tensor()
    gamma, beta, mode = reader.alias(), reader.alias(), reader.small(1)
    channels = gamma[1]
    if gamma != (1, channels, 1, 1) or beta != gamma or mode or values.size != 2 * channels:
        raise WeightsMalformed(f"affine layer before byte {reader.offset} contradicts itself")
    return Affine(values[:channels], values[channels:])


def _pool(reader: _Reader, kind: str) -> Pool:
    rows, cols, stride_y, stride_x, pad_y, pad_x = (reader.small(64) for _ in range(6))
    if rows != cols or stride_y != stride_x or pad_y != pad_x or stride_y == 0:
        raise WeightsMalformed(f"pooling before byte {reader.offset} is not square")
    return Pool(kind, rows, stride_y, pad_y)


def _dense(reader: _Reader) -> Dense:
    outputs, inputs = reader.small(MAX_EXTENT), reader.small(MAX_EXTENT)
    values = reader.tensor()
    shape, _bias = reader.alias(), reader.alias()
    mode = reader.small(1)
    for _ in range(4):
        reader.real()
    if mode != 1 or shape[:2] != (inputs, outputs) or values.size != inputs * outputs:
        raise WeightsMalformed(f"dense layer before byte {reader.offset} contradicts itself")
    if values.size == 0:
        raise WeightsMalformed(f"dense layer before byte {reader.offset} is empty")
    return Dense(values.reshape(inputs, outputs))


def _details(reader: _Reader) -> Layer:
    name = reader.text()
    if name == "con_4":
        return _conv(reader)
    if name == "affine_":
        return _affine(reader)
    if name == "relu_":
        return Relu()
    if name in ("max_pool_2", "avg_pool_2"):
        return _pool(reader, name[:3])
    if name == "add_prev_":
        return AddSkip()
    if name == "fc_2":
        return _dense(reader)
    raise WeightsMalformed(f"unknown layer {name!r} before byte {reader.offset}")


def _tail(reader: _Reader) -> None:
    """State of training: flags and three tensors that a released network leaves empty."""
    for _ in range(3):
        reader.boolean()
    for _ in range(3):
        if reader.tensor().size:
            raise WeightsMalformed(f"training state before byte {reader.offset}")


def parse(data: bytes) -> Network:
    """Read a whole serialised network, to its last byte.

    Raises:
        WeightsMalformed: anything is not as this format has it.
    """
    reader = _Reader(data)
    reader.version(1)
    if reader.text() != "loss_metric_2":
        raise WeightsMalformed("not a metric network")
    reader.real()
    reader.real()
    versions: list[int] = []
    while (value := reader.integer()) in (1, 2, 3):
        versions.append(value)
        if len(versions) > MAX_LAYERS:
            raise WeightsMalformed(f"more than {MAX_LAYERS} layers")
    if not 0 <= value <= MAX_STRING_BYTES or reader.take(value) != b"input_rgb_image_sized":
        raise WeightsMalformed("the input is not an RGB image of fixed size")
    mean = (reader.real(), reader.real(), reader.real())
    rows, cols = reader.small(1024), reader.small(1024)
    if rows != cols or rows == 0:
        raise WeightsMalformed("the input is not square")
    layers: list[Layer] = []
    for version in reversed(versions):
        if version == 1:
            layers.append(Tag())
            continue
        layers.append(_details(reader))
        _tail(reader)
        if version == 3:
            reader.integer()  # sample expansion factor: how training batched
    if reader.offset != len(data):
        raise WeightsMalformed(f"{len(data) - reader.offset} bytes after the last layer")
    return Network(mean, rows, tuple(layers))
