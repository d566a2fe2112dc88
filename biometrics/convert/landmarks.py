"""dlib's 68-point predictor made small: a cascade of regression trees (Kazemi, Sullivan 2014).

Its file is 100 MB of integers, of which nearly all are the leaves: a step of 136 coordinates
each. Those steps span few directions. So a leaf is kept as weights of `RANK` directions in
half precision, a fifteenth of the size, and the points move by less than the predictor's own
error. dlib takes seconds to load its file; this one needs no parsing.

The file made here, all little-endian: the magic, six uint32 (cascades, trees, splits of a
tree, pixels, points, directions), then the arrays of `Predictor` in their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biometrics.convert.integers import starts, values
from biometrics.errors import WeightsMalformed

MAGIC = b"egate landmarks\x01"
RANK = 24
STRESSED = slice(36, 48)  # the eyes: small movements that are to be kept
STRESS = 3.0
BASIS_UNIT = 1024.0  # directions are rounded to this, so that every machine makes one file
MAX_CASCADES, MAX_TREES, MAX_DEPTH, MAX_PIXELS, MAX_POINTS = 32, 2000, 6, 4000, 255

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Predictor:
    """The cascade. Coordinates are in the unit square of a face's box, x and y in turn.

    `initial` (2 x points), `basis` (directions, 2 x points), `pixels` compared at each split
    (cascades, trees, splits, 2), `thresholds` (cascades, trees, splits), `leaves` (cascades,
    trees, splits + 1, directions), `anchors` (cascades, pixels): the point that a pixel goes
    with, and `offsets` from it (cascades, pixels, 2).
    """

    initial: Floats
    basis: Floats
    pixels: NDArray[np.uint16]
    thresholds: Floats
    leaves: NDArray[np.float16]
    anchors: NDArray[np.uint8]
    offsets: Floats


class _Numbers:
    """The file's numbers, taken in order."""

    def __init__(self, data: bytes) -> None:
        self._at = starts(data)
        self._data = data + bytes(8)
        self._next = 0

    def integers(self, count: int) -> NDArray[np.int64]:
        if count < 0 or self._next + count > self._at.size:
            raise WeightsMalformed("landmarks end too early")
        part = self._at[self._next : self._next + count]
        self._next += count
        return values(self._data, part)

    def reals(self, count: int) -> NDArray[np.float64]:
        pairs = self.integers(2 * count).reshape(-1, 2)
        if (np.abs(pairs[:, 1]) > 200).any():
            raise WeightsMalformed("landmarks hold a number that is not finite")
        return np.ldexp(pairs[:, 0].astype(np.float64), pairs[:, 1].astype(np.int32))

    def size(self, lowest: int, highest: int) -> int:
        value = int(self.integers(1)[0])
        if not lowest <= value <= highest:
            raise WeightsMalformed(f"landmarks: {value} is outside {lowest}..{highest}")
        return value

    def back(self, count: int) -> None:
        self._next -= count

    def exactly(self, *wanted: int) -> None:
        if tuple(self.integers(len(wanted)).tolist()) != wanted:
            raise WeightsMalformed("landmarks: not a predictor of equal trees")

    def end(self) -> None:
        if self._next != self._at.size:
            raise WeightsMalformed("landmarks go on after their end")


def _trees(
    numbers: _Numbers, trees: int, splits: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Pixels, thresholds and leaves of one cascade; each tree repeats its sizes."""
    row = 1 + 4 * splits + 1 + (splits + 1) * (2 + 2 * width)
    table = numbers.integers(trees * row).reshape(trees, row)
    nodes = table[:, 1 : 1 + 4 * splits].reshape(trees, splits, 4)
    leaves = table[:, 2 + 4 * splits :].reshape(trees, splits + 1, 2 + 2 * width)
    alike = (table[:, 0] == splits).all() and (table[:, 1 + 4 * splits] == splits + 1).all()
    if not alike or not (leaves[..., :2] == (-width, -1)).all():
        raise WeightsMalformed("landmarks: not a predictor of equal trees")
    floats = [
        np.ldexp(part[..., 0].astype(np.float64), np.clip(part[..., 1], -200, 200).astype(np.int32))
        for part in (nodes[..., 2:4], leaves[..., 2:].reshape(trees, splits + 1, width, 2))
    ]
    return nodes[..., :2], floats[0], floats[1]


def parse(data: bytes) -> Predictor:
    """Read dlib's file to its last byte and make it small.

    Raises:
        WeightsMalformed: anything is not as this format has it.
    """
    numbers = _Numbers(data)
    numbers.exactly(1)
    width = -numbers.size(-2 * MAX_POINTS, -2)
    numbers.exactly(-1)
    initial = numbers.reals(width)
    cascades = numbers.size(1, MAX_CASCADES)
    trees, splits, found = 0, 0, []
    for _ in range(cascades):
        trees = numbers.size(1, MAX_TREES) if not trees else _same(numbers, trees)
        splits = splits or _peek_splits(numbers)
        found.append(_trees(numbers, trees, splits, width))
    numbers.exactly(cascades)
    pixels = 0
    anchors, offsets = [], []
    for _ in range(cascades):
        pixels = _same(numbers, pixels) if pixels else numbers.size(1, MAX_PIXELS)
        anchors.append(numbers.integers(pixels))
    numbers.exactly(cascades)
    for _ in range(cascades):
        numbers.exactly(pixels)
        offsets.append(numbers.reals(2 * pixels).reshape(pixels, 2))
    numbers.end()
    compared = np.stack([part[0] for part in found])
    anchored = np.stack(anchors)
    inside = (compared >= 0).all() and (compared < pixels).all()
    if not inside or not ((anchored >= 0) & (anchored < width // 2)).all():
        raise WeightsMalformed("landmarks point outside themselves")
    basis, leaves = _reduced(np.stack([part[2] for part in found]))
    return Predictor(
        initial=initial.astype(np.float32),
        basis=basis,
        pixels=compared.astype(np.uint16),
        thresholds=np.stack([part[1] for part in found]).astype(np.float32),
        leaves=leaves,
        anchors=anchored.astype(np.uint8),
        offsets=np.stack(offsets).astype(np.float32),
    )


def _same(numbers: _Numbers, wanted: int) -> int:
    numbers.exactly(wanted)
    return wanted


def _peek_splits(numbers: _Numbers) -> int:
    """The size of the first tree, which `_trees` reads again."""
    splits = numbers.size(1, 2**MAX_DEPTH - 1)
    numbers.back(1)
    return splits


def _reduced(steps: NDArray[np.float64]) -> tuple[Floats, NDArray[np.float16]]:
    """Directions that the leaves' steps span, and each leaf as weights of them."""
    flat = steps.reshape(-1, steps.shape[-1])
    stress = np.ones(flat.shape[1])
    stress[2 * STRESSED.start : 2 * STRESSED.stop] = STRESS
    _, directions = np.linalg.eigh((flat * stress).T @ (flat * stress))
    rank = min(RANK, flat.shape[1])
    basis = (directions[:, ::-1][:, :rank] / stress[:, None]).T
    basis = basis * np.sign(basis[np.arange(rank), np.abs(basis).argmax(1)])[:, None]
    basis = np.round(basis * BASIS_UNIT) / BASIS_UNIT
    weights = flat @ np.linalg.pinv(basis)
    return basis.astype(np.float32), weights.astype(np.float16).reshape(*steps.shape[:-1], rank)


def write(predictor: Predictor) -> bytes:
    """The small file."""
    cascades, trees, splits, _ = predictor.pixels.shape
    sizes = [cascades, trees, splits, predictor.anchors.shape[1], predictor.initial.size // 2]
    head = np.array([*sizes, predictor.basis.shape[0]], "<u4").tobytes()
    arrays = [getattr(predictor, name) for name in _KINDS]
    coded = [a.astype(k).tobytes() for a, k in zip(arrays, _KINDS.values(), strict=True)]
    return b"".join([MAGIC, head, *coded])


_KINDS = {
    "initial": "<f4",
    "basis": "<f4",
    "pixels": "<u2",
    "thresholds": "<f4",
    "leaves": "<f2",
    "anchors": "u1",
    "offsets": "<f4",
}


def read(data: bytes) -> Predictor:
    """Read the small file; the arrays lie in `data` itself.

    Raises:
        WeightsMalformed: it is not such a file.
    """
    at = len(MAGIC) + 24
    if data[: len(MAGIC)] != MAGIC or len(data) < at:
        raise WeightsMalformed("not a file of landmarks")
    c, t, s, p, n, r = (int(v) for v in np.frombuffer(data, "<u4", 6, len(MAGIC)))
    sane = c <= MAX_CASCADES and t <= MAX_TREES and s < 2**MAX_DEPTH and p <= MAX_PIXELS
    if not sane or n > MAX_POINTS or r > 2 * n:
        raise WeightsMalformed("a file of landmarks with impossible sizes")
    shapes = [(2 * n,), (r, 2 * n), (c, t, s, 2), (c, t, s), (c, t, s + 1, r), (c, p), (c, p, 2)]
    arrays = []
    for kind, shape in zip(_KINDS.values(), shapes, strict=True):
        count = math.prod(shape)
        if len(data) < at + count * np.dtype(kind).itemsize:
            raise WeightsMalformed("a file of landmarks is cut short")
        arrays.append(np.frombuffer(data, kind, count, at).reshape(shape))
        at += arrays[-1].nbytes
    if at != len(data):
        raise WeightsMalformed("a file of landmarks is too long")
    return Predictor(*arrays)
