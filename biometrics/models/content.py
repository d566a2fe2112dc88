"""What is inside an ONNX file: nothing but standard operators and its own data."""

from __future__ import annotations

from biometrics.convert.protobuf import fields
from biometrics.errors import ModelRefused

MAX_DEPTH = 8
_STANDARD_DOMAINS = (b"", b"ai.onnx")
# Field numbers of ONNX's schema.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE, _NODE_DOMAIN = 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14


def check_content(name: str, data: bytes) -> None:
    """Refuse a graph that reaches outside its file or outside the standard operators.

    Raises:
        ModelRefused: external data, a custom operator, local functions, or not ONNX at all.
    """
    try:
        graphs = 0
        for field, value in fields(memoryview(data)):
            if field == _MODEL_FUNCTIONS:
                raise ModelRefused(f"{name}: defines functions of its own")
            if not isinstance(value, memoryview):
                continue
            if field == _MODEL_GRAPH:
                graphs += 1
                _graph(name, value, 0)
    except ValueError as error:
        raise ModelRefused(f"{name}: is not an ONNX file") from error
    if graphs != 1:
        raise ModelRefused(f"{name}: is not an ONNX file")


def _graph(name: str, data: memoryview, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ModelRefused(f"{name}: graphs nested deeper than {MAX_DEPTH}")
    for field, value in fields(data):
        if not isinstance(value, memoryview):
            continue
        if field == _GRAPH_NODE:
            _node(name, value, depth)
        elif field == _GRAPH_INITIALIZER:
            _tensor(name, value)
        elif field == _GRAPH_SPARSE:
            raise ModelRefused(f"{name}: has sparse tensors")


def _node(name: str, data: memoryview, depth: int) -> None:
    for field, value in fields(data):
        if field == _NODE_DOMAIN and not (
            isinstance(value, memoryview) and bytes(value) in _STANDARD_DOMAINS
        ):
            raise ModelRefused(f"{name}: has a custom operator")
        if field == _NODE_ATTRIBUTE and isinstance(value, memoryview):
            for inner, part in fields(value):
                if not isinstance(part, memoryview):
                    continue
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _tensor(name, part)
                elif inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    _graph(name, part, depth + 1)


def _tensor(name: str, data: memoryview) -> None:
    for field, value in fields(data):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise ModelRefused(f"{name}: has external data")
