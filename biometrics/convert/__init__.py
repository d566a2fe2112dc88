"""Conversion of dlib's network weights to ONNX."""

from __future__ import annotations

import hashlib
from pathlib import Path

from biometrics.convert.dat import parse
from biometrics.convert.graph import build
from biometrics.errors import WeightsMalformed

__all__ = ["MAX_DAT_BYTES", "convert", "convert_bytes"]

MAX_DAT_BYTES = 64 * 1024 * 1024


def convert_bytes(data: bytes) -> bytes:
    """Turn dlib's serialised face recognition network into an ONNX file.

    Raises:
        WeightsMalformed: the bytes are not such a network.
    """
    if len(data) > MAX_DAT_BYTES:
        raise WeightsMalformed(f"weights of {len(data)} bytes exceed {MAX_DAT_BYTES}")
    return build(parse(data))


def convert(dat: Path, out: Path) -> str:
    """Convert the file `dat`, write ONNX to `out` whole or not at all, and give its SHA-256.

    Raises:
        WeightsMalformed: the file is not such a network, or is too large.
        OSError: a file cannot be read or written.
    """
    if dat.stat().st_size > MAX_DAT_BYTES:
        raise WeightsMalformed(f"{dat.name} exceeds {MAX_DAT_BYTES} bytes")
    onnx = convert_bytes(dat.read_bytes())
    partial = out.with_name(out.name + ".part")
    partial.write_bytes(onnx)
    partial.replace(out)
    return hashlib.sha256(onnx).hexdigest()
