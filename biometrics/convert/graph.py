"""The network of `dat` as an ONNX graph, with what is constant folded into the convolutions.

Three facts decide whether the output is dlib's: the input is (x - mean) / 256, not / 255;
branches of unequal shape are added after zero-padding *both at the end* of channels, rows
and columns; nothing is normalised at the output. The first convolution has no padding, so
the input's scale and mean fold into it exactly and the graph takes plain RGB 0..255.
Where tags stand says what they do: a single one remembers a block's input, two in a row end
the convolutional branch and go back to the block's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from biometrics.convert import protobuf
from biometrics.convert.dat import (
    AddSkip,
    Affine,
    Conv,
    Dense,
    Floats,
    Layer,
    Network,
    Pool,
    Relu,
    Tag,
)
from biometrics.errors import WeightsMalformed

OPSET = 13
INPUT, OUTPUT = "rgb", "embedding"
Shape = tuple[int, int, int]


@dataclass
class _Builder:
    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(
        self,
        operator: str,
        inputs: list[str],
        shape: Shape,
        attributes: dict[str, int | list[int]] | None = None,
        output: str = "",
    ) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(protobuf.node(operator, inputs, name, attributes))
        self.shapes[name] = shape
        return name

    def constant(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors.append(protobuf.tensor(name, values))
        return name

    def pad_to(self, name: str, shape: Shape) -> str:
        have = self.shapes[name]
        if have == shape:
            return name
        pads = [0, 0, 0, 0, 0, *(want - is_ for want, is_ in zip(shape, have, strict=True))]
        return self.add("Pad", [name, self.constant(np.array(pads, np.int64))], shape)


def _extent(size: int, window: int, stride: int, padding: int) -> int:
    out = (size + 2 * padding - window) // stride + 1
    if out < 1 or padding >= max(window, 1):
        raise WeightsMalformed("a window does not fit its map")
    return out


def _fold_input(conv: Conv, network: Network) -> Conv:
    """Let the first convolution take RGB 0..255.

    `math.fsum` rounds once, so that every machine writes the same file.
    """
    if conv.padding or conv.weights.shape[1] != 3:
        raise WeightsMalformed("the first convolution does not take an unpadded RGB image")
    wide = conv.weights.astype(np.float64) / 256.0
    means = np.array(network.mean_rgb, np.float64).reshape(1, 3, 1, 1)
    shift = [math.fsum((row * means[0]).ravel().tolist()) for row in wide]
    bias = conv.bias.astype(np.float64) - np.array(shift)
    return Conv(wide.astype(np.float32), bias.astype(np.float32), conv.stride, conv.padding)


def _fold_affine(conv: Conv, affine: Affine) -> Conv:
    gamma = affine.gamma.astype(np.float64)
    if gamma.size != conv.bias.size:
        raise WeightsMalformed("an affine layer does not fit its convolution")
    weights = conv.weights.astype(np.float64) * gamma.reshape(-1, 1, 1, 1)
    bias = conv.bias.astype(np.float64) * gamma + affine.beta.astype(np.float64)
    return Conv(weights.astype(np.float32), bias.astype(np.float32), conv.stride, conv.padding)


def _fold(network: Network) -> list[Layer]:
    folded: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Affine):
            if not folded or not isinstance(folded[-1], Conv):
                raise WeightsMalformed("an affine layer without a convolution")
            folded[-1] = _fold_affine(folded[-1], layer)
        elif not folded:
            if not isinstance(layer, Conv):
                raise WeightsMalformed("the first layer is not a convolution")
            folded.append(_fold_input(layer, network))
        else:
            folded.append(layer)
    return folded


def _conv(builder: _Builder, name: str, conv: Conv) -> str:
    filters, channels, window, _ = conv.weights.shape
    have, rows, cols = builder.shapes[name]
    if channels != have:
        raise WeightsMalformed("a convolution does not fit its input")
    shape = (
        filters,
        _extent(rows, window, conv.stride, conv.padding),
        _extent(cols, window, conv.stride, conv.padding),
    )
    inputs = [name, builder.constant(conv.weights), builder.constant(conv.bias)]
    attributes: dict[str, int | list[int]] = {
        "kernel_shape": [window, window],
        "strides": [conv.stride] * 2,
        "pads": [conv.padding] * 4,
    }
    return builder.add("Conv", inputs, shape, attributes)


def _pool(builder: _Builder, name: str, pool: Pool) -> str:
    channels, rows, cols = builder.shapes[name]
    if pool.size == 0:
        if pool.kind != "avg":
            raise WeightsMalformed("a global maximum")
        return builder.add("GlobalAveragePool", [name], (channels, 1, 1))
    shape = (
        channels,
        _extent(rows, pool.size, pool.stride, pool.padding),
        _extent(cols, pool.size, pool.stride, pool.padding),
    )
    attributes: dict[str, int | list[int]] = {
        "kernel_shape": [pool.size] * 2,
        "strides": [pool.stride] * 2,
        "pads": [pool.padding] * 4,
    }
    return builder.add(
        "MaxPool" if pool.kind == "max" else "AveragePool", [name], shape, attributes
    )


def _dense(builder: _Builder, name: str, weights: Floats) -> str:
    if builder.shapes[name] != (weights.shape[0], 1, 1):
        raise WeightsMalformed("the dense layer does not fit its input")
    flat = builder.add("Flatten", [name], (weights.shape[0], 1, 1), {"axis": 1})
    shape = (weights.shape[1], 1, 1)
    return builder.add("MatMul", [flat, builder.constant(weights)], shape, output=OUTPUT)


class _Walk:
    """Follows the layers from input to output, remembering the two ends of a block."""

    def __init__(self, network: Network) -> None:
        self.builder = _Builder()
        self.builder.shapes[INPUT] = (3, network.size_px, network.size_px)
        self.at = INPUT
        self.block_input = ""
        self.branch = ""

    def tag(self, *, second: bool) -> None:
        if not second:
            self.block_input, self.branch = self.at, ""
        elif not self.block_input:
            raise WeightsMalformed("a skip without a block")
        else:
            self.branch, self.at = self.at, self.block_input

    def add_skip(self) -> None:
        other = self.branch or self.block_input
        if not other:
            raise WeightsMalformed("an addition without a block")
        mine, theirs = self.builder.shapes[self.at], self.builder.shapes[other]
        a, b, c = (max(pair) for pair in zip(mine, theirs, strict=True))
        inputs = [self.builder.pad_to(other, (a, b, c)), self.builder.pad_to(self.at, (a, b, c))]
        self.at = self.builder.add("Add", inputs, (a, b, c))
        self.block_input = self.branch = ""

    def layer(self, layer: Layer) -> None:
        if isinstance(layer, Conv):
            self.at = _conv(self.builder, self.at, layer)
        elif isinstance(layer, Relu):
            self.at = self.builder.add("Relu", [self.at], self.builder.shapes[self.at])
        elif isinstance(layer, Pool):
            self.at = _pool(self.builder, self.at, layer)
        elif isinstance(layer, AddSkip):
            self.add_skip()
        elif isinstance(layer, Dense):
            self.at = _dense(self.builder, self.at, layer.weights)


def build(network: Network) -> bytes:
    """Write the network as ONNX: `rgb` (n, 3, size, size) 0..255 -> `embedding` (n, 128).

    Raises:
        WeightsMalformed: the layers do not fit one another.
    """
    walk = _Walk(network)
    layers = _fold(network)
    position = 0
    while position < len(layers):
        layer = layers[position]
        if not isinstance(layer, Tag):
            walk.layer(layer)
        elif position + 1 < len(layers) and isinstance(layers[position + 1], Tag):
            walk.tag(second=True)
            position += 1
        else:
            walk.tag(second=False)
        position += 1
    if walk.at != OUTPUT:
        raise WeightsMalformed("the last layer is not the dense layer")
    outputs = walk.builder.shapes[OUTPUT][0]
    return protobuf.model(
        walk.builder.nodes,
        walk.builder.tensors,
        protobuf.value_info(INPUT, ["n", 3, network.size_px, network.size_px]),
        protobuf.value_info(OUTPUT, ["n", outputs]),
        OPSET,
    )
