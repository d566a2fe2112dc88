"""Just enough of protocol buffers and of ONNX's messages to write a graph, and to look into one.

Field numbers are those of ONNX's published schema (`onnx.proto3`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FLOAT = 1  # TensorProto.DataType
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7  # AttributeProto.AttributeType


def varint(value: int) -> bytes:
    """Encode an unsigned integer, seven bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """One integer field."""
    return varint(field << 3 | VARINT) + varint(value)


def block(field: int, value: bytes | str) -> bytes:
    """One field of bytes, text or an embedded message."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | BYTES) + varint(len(raw)) + raw


def tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    """A TensorProto with its values in `raw_data`."""
    kind = FLOAT if values.dtype == np.float32 else 7
    raw = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
    dims = b"".join(number(1, extent) for extent in values.shape)
    return dims + number(2, kind) + block(8, name) + block(9, raw)


def node(
    operator: str,
    inputs: Sequence[str],
    output: str,
    attributes: Mapping[str, int | Sequence[int]] | None = None,
) -> bytes:
    """A NodeProto of the default operator set with one output."""
    body = b"".join(block(1, name) for name in inputs)
    body += block(2, output) + block(3, output) + block(4, operator)
    for name, value in (attributes or {}).items():
        if isinstance(value, int):
            payload = number(3, value) + number(20, _ATTRIBUTE_INT)
        else:
            payload = b"".join(number(8, item) for item in value) + number(20, _ATTRIBUTE_INTS)
        body += block(5, block(1, name) + payload)
    return body


def value_info(name: str, extents: Sequence[int | str]) -> bytes:
    """A ValueInfoProto of a float tensor; a text extent is a free dimension."""
    dims = b"".join(
        block(1, number(1, extent) if isinstance(extent, int) else block(2, extent))
        for extent in extents
    )
    return block(1, name) + block(2, block(1, number(1, FLOAT) + block(2, dims)))


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    given: bytes,
    result: bytes,
    opset: int,
) -> bytes:
    """A ModelProto of one graph, in the default domain."""
    graph = b"".join(block(1, item) for item in nodes) + block(2, "egate")
    graph += b"".join(block(5, item) for item in tensors) + block(11, given) + block(12, result)
    opsets = block(8, block(1, "") + number(2, opset))
    return number(1, 8) + block(2, "egate") + block(7, graph) + opsets


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("truncated protobuf")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Walk a message: field number and its integer or bytes.

    Raises:
        ValueError: the bytes are not a protobuf message.
    """
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(data, at)
            yield field, value
            continue
        if wire == BYTES:
            length, at = _read_varint(data, at)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise ValueError("unknown protobuf wire type")
        if length > len(data) - at:
            raise ValueError("truncated protobuf")
        yield field, data[at : at + length]
        at += length
