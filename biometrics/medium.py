"""Evidence of a medium that carries a face: the margin of a print, the bezel of a screen.

It needs no model. A margin shows as two outlines of four straight sides, one inside the other,
around the face. A door or a poster behind a person may look like that in one picture; what
carries the face keeps its place and size in the face's own frame of reference while the face
comes nearer and sways. So one frame proves little, and frames that agree prove more.

A person who stands still in front of such a poster looks like a print to this check and
goes to an officer. One side of the margin may lie outside the picture. A print held so that
more of its edges do, or cut out along the head, shows no margin: absence of evidence is
no evidence of a genuine face.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from biometrics import image
from biometrics.detect import DetectedFace
from biometrics.image import Picture

FACE_PX = 64  # size at which outlines are looked for
REACH = 2.5  # of the face's size, to each side of its middle
LEAST, MOST = 1.5, 20.0  # area of an outline over that of the face's square
MARGIN_LEAST, MARGIN_MOST = 1.06, 1.7  # area of the outer outline over the inner one's
CONCENTRIC = 0.2  # distance of their middles, in sizes of the face
CUT_PX = 3.0
AGREE = 0.25  # how far a corner may stray between frames, in eye distances
FRAMES = 12  # remembered
GRADES = (0.0, 0.4, 0.8, 0.9, 1.0)  # by the number of frames that agree

Corners = NDArray[np.float64]


def margins(picture: Picture, face: DetectedFace) -> list[Corners]:
    """Outer outlines of margins around a face: four corners each, in the picture's pixels."""
    box = face.box
    size = max(box.right - box.left, box.bottom - box.top, 1.0)
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    rows, columns = picture.shape[:2]
    left, top = max(0, round(x - REACH * size)), max(0, round(y - REACH * size))
    right, low = min(columns, round(x + REACH * size)), min(rows, round(y + REACH * size))
    if right - left < 8 or low - top < 8:
        return []
    scale = min(1.0, FACE_PX / size)
    part = picture[top:low, left:right]
    small = image.resize(
        part, max(8, round(part.shape[1] * scale)), max(8, round(part.shape[0] * scale))
    )
    unit = (size * scale) ** 2
    ends = (left == 0, top == 0, right == columns, low == rows)
    outlines = [
        corners / scale + (left, top)
        for corners in image.quadrilaterals(image.grey(small), LEAST * unit, MOST * unit, ends)
        if _cut(corners, small) <= 1
    ]
    sides = np.array(
        [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    )
    around = [_ordered(corners) for corners in outlines if _holds(corners, sides)]
    return [outer for outer in around if any(_margin(outer, inner, size) for inner in around)]


def _cut(corners: Corners, part: Picture) -> int:
    """At how many sides of the part an outline ends: a medium may reach out of the picture."""
    rows, columns = part.shape[:2]
    x, y = corners.T
    return sum(bool((near <= CUT_PX).sum() >= 2) for near in (x, y, columns - 1 - x, rows - 1 - y))


def _ordered(corners: Corners) -> Corners:
    """Corners clockwise in the picture, from the upper left."""
    middle = corners.mean(0)
    angles = np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0])
    return corners[np.argsort(angles)]


def _area(corners: Corners) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _holds(corners: Corners, points: Corners) -> bool:
    """Whether a convex outline holds every point."""
    ordered = _ordered(corners)
    along = np.roll(ordered, -1, axis=0) - ordered
    to = points[None] - ordered[:, None]
    return bool((along[:, None, 0] * to[..., 1] - along[:, None, 1] * to[..., 0] >= 0).all())


def _margin(outer: Corners, inner: Corners, size: float) -> bool:
    apart = float(math.hypot(*(outer.mean(0) - inner.mean(0))))
    ratio = _area(outer) / max(_area(inner), 1.0)
    return apart <= CONCENTRIC * size and MARGIN_LEAST <= ratio <= MARGIN_MOST


def _stray(a: Corners, b: Corners) -> float:
    """Mean distance of corresponding corners."""
    return float(np.hypot(*(a - b).T).mean())


class MediumWatch:
    """Evidence over the frames of one verification."""

    def __init__(self) -> None:
        self._seen: deque[list[Corners]] = deque(maxlen=FRAMES)
        self._most = 0

    def look(self, picture: Picture, face: DetectedFace) -> float:
        """Take one frame into account; the evidence so far, 0 (none) .. 1.

        A margin in this frame that no other agrees with counts for this frame alone.
        """
        left, right = face.eyes
        along = (right - left) / max(face.eye_distance_px, 1.0)
        turn = np.array([along, (-along[1], along[0])])
        middle = (left + right) / 2
        now = [
            (corners - middle) @ turn.T / max(face.eye_distance_px, 1.0)
            for corners in margins(picture, face)
        ]
        agreeing = max((self._agreeing(corners) for corners in now), default=0)
        self._seen.append(now)
        self._most = max(self._most, agreeing if agreeing > 1 else 0)
        return GRADES[min(max(self._most, agreeing), len(GRADES) - 1)]

    def _agreeing(self, corners: Corners) -> int:
        """How many frames, this one included, show this outline at its place by the face."""
        return 1 + sum(
            any(_stray(corners, other) <= AGREE for other in frame) for frame in self._seen
        )
