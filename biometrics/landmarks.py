"""Sixty-eight points of a face (iBUG's mark-up), from the small file of `convert.landmarks`."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics.convert.landmarks import Predictor
from biometrics.detect import DetectedFace
from biometrics.image import Picture

Points = NDArray[np.float64]

EYES = (slice(36, 42), slice(42, 48))  # left of the image first
NOSE = slice(30, 36)
LIPS = slice(48, 68)
INNER_LIPS = slice(60, 68)
UPRIGHT_DEG = 8.0  # a smaller roll is left to the predictor


def five_points(marks: Points) -> Points:
    """Eye centres, nose tip and mouth corners, left of the image first (layout `yunet`)."""
    eyes = [marks[eye].mean(0) for eye in EYES]
    return np.array([*eyes, marks[30], marks[48], marks[54]])


def mouth_openness(marks: Points) -> float:
    """Gap between the inner lips over the distance of the mouth's inner corners."""
    lips = marks[INNER_LIPS]
    gap = np.hypot(*(lips[1:4] - lips[[7, 6, 5]]).T).mean()
    return float(gap / max(float(np.hypot(*(lips[0] - lips[4]))), 1e-6))


def _turn(left: Points, right: Points) -> complex:
    """The direction from one eye to the other as a number of length 1."""
    along = complex(*(right - left))
    return along / abs(along) if along else 1 + 0j


def _upright(turn: complex) -> complex:
    """The turn, or none where it is small."""
    return 1 + 0j if abs(math.degrees(cmath.phase(turn))) <= UPRIGHT_DEG else turn


class Landmarks68:
    """The predictor, run with numpy."""

    def __init__(self, predictor: Predictor) -> None:
        cascades, trees, splits, _ = predictor.pixels.shape
        self._p = predictor
        self._initial = predictor.initial.reshape(-1, 2) @ (1, 1j)
        self._offsets = predictor.offsets @ (1, 1j)
        self._basis = predictor.basis.astype(np.float64)
        centred = self._initial - self._initial.mean()
        self._centred = centred.conj() / (np.abs(centred) ** 2).sum()
        self._pixels = predictor.pixels.transpose(0, 3, 1, 2).reshape(cascades, 2, -1)
        self._thresholds = predictor.thresholds.reshape(cascades, -1)
        self._leaves = predictor.leaves.reshape(cascades, trees * (splits + 1), -1)
        self._root = np.arange(trees) * splits
        self._depth = int(splits + 1).bit_length() - 1

    def find(self, picture: Picture, face: DetectedFace) -> Points:
        """68 rows of x, y in the picture's pixels.

        The predictor begins with an upright face and finds one that is tilted only in part: the
        frame is turned by the roll that the detector's points give, where that is not small.

        Args:
            picture: RGB.
            face: one that the front end found; dlib's box serves as it is, another detector's
                is replaced by one framed so that its points fall where the mean face's are.
        """
        turn = _turn(*face.eyes)
        points = self._fitted(picture, face, turn)
        rest = _turn(*(points[eye].mean(0) for eye in EYES)) / turn
        if _upright(rest) == 1:
            return points
        return self._fitted(picture, face, turn * rest)

    def _fitted(self, picture: Picture, face: DetectedFace, turn: complex) -> Points:
        left, top, right, bottom = self._frame(face)
        wide, high = right - left - 1, bottom - top - 1
        corner = complex(left, top)
        middle, turn = corner + complex(wide, high) / 2, _upright(turn)
        shape = self._initial.copy()

        def place(points: Any) -> NDArray[np.complex128]:
            upright = np.asarray(corner + (points.real * wide + 1j * points.imag * high))
            return upright if turn == 1 else middle + (upright - middle) * turn

        rows, columns = picture.shape[:2]
        for number in range(self._p.anchors.shape[0]):
            like = (self._centred * shape).sum()
            at = place(like * self._offsets[number] + shape[self._p.anchors[number]])
            x = np.floor(at.real + 0.5).astype(np.int64)
            y = np.floor(at.imag + 0.5).astype(np.int64)
            inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
            sampled = picture[np.where(inside, y, 0), np.where(inside, x, 0)].astype(np.int64)
            light = np.where(inside, (sampled[:, 0] + sampled[:, 1] + sampled[:, 2]) // 3, 0)
            shape += self._step(number, light)
        found = place(shape)
        return np.stack([found.real, found.imag], 1)

    def _frame(self, face: DetectedFace) -> tuple[int, int, int, int]:
        if face.layout == "dlib":
            left, top, right, bottom = (round(side) for side in face.box[:4])
            return left, top, right, bottom
        mean = five_points(np.stack([self._initial.real, self._initial.imag], 1))
        size = face.eye_distance_px / (mean[1, 0] - mean[0, 0])
        left, top = (round(float(side)) for side in face.points.mean(0) - size * mean.mean(0))
        return left, top, left + max(round(size), 2), top + max(round(size), 2)

    def _step(self, number: int, light: NDArray[np.int64]) -> NDArray[np.complex128]:
        """What the trees of one cascade add to the shape."""
        one, other = light[self._pixels[number]]
        right = (one - other <= self._thresholds[number]).astype(np.int64)
        node = np.zeros(self._root.size, np.int64)
        for _ in range(self._depth):
            node += node + 1 + right[self._root + node]
        # the root of tree t is at t * splits, its first leaf at t * (splits + 1)
        leaf = self._root + np.arange(self._root.size) + node - (2**self._depth - 1)
        step = self._leaves[number][leaf].astype(np.float32).sum(0) @ self._basis
        return np.asarray(step.reshape(-1, 2) @ (1, 1j), np.complex128)
