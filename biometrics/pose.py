"""How a head is turned: yaw, pitch and roll from points of its face."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from biometrics.detect import DetectedFace
from biometrics.landmarks import EYES, LIPS, NOSE, Points


class _Head(NamedTuple):
    """Depth in front of the plane of the eyes and height under it, in eye distances.

    An average head as a detector marks it, looking straight ahead.
    """

    nose_depth: float
    nose_drop: float
    mouth_depth: float
    mouth_drop: float


_YUNET_HEAD = _Head(0.60, 0.60, 0.30, 1.00)
_MARKS_HEAD = _Head(0.50, 0.69, 0.25, 1.12)  # nose from tip to base, all of the lips
_NOSE_BASE_DEPTH = 0.42


def pose_deg(face: DetectedFace, marks: Points | None = None) -> tuple[float, float | None, float]:
    """Yaw, pitch and roll in degrees, from a weak-perspective view of an average head.

    Yaw is positive when the face turns to the image's right, pitch when it looks down, roll
    when the image's right eye is lower. Pitch needs the mouth: None for dlib's five points
    where no 68 `marks` were taken. Where there are some, they count: YuNet's points follow a
    tilted or turned head in part only.
    """
    if marks is not None:
        eyes = (marks[EYES[0]].mean(0), marks[EYES[1]].mean(0))
        return _pose(eyes, marks[NOSE].mean(0), marks[LIPS].mean(0), _MARKS_HEAD)
    if face.layout == "yunet":
        nose, mouth = face.points[2], face.points[3:5].mean(0)
        return _pose(face.eyes, nose, mouth, _YUNET_HEAD)
    left, right = face.eyes
    axis, distance, roll = _level(left, right)
    yaw = float((face.points[4] - (left + right) / 2) @ axis) / distance / _NOSE_BASE_DEPTH
    return math.degrees(math.atan(yaw)), None, roll


def _level(left: Points, right: Points) -> tuple[Points, float, float]:
    """The direction from eye to eye, their distance, and its roll in degrees."""
    along = right - left
    distance = max(float(math.hypot(*along)), 1e-6)
    return along / distance, distance, math.degrees(math.atan2(along[1], along[0]))


def _pose(
    eyes: tuple[Points, Points], nose: Points, mouth: Points, head: _Head
) -> tuple[float, float | None, float]:
    axis, distance, roll = _level(*eyes)
    down = np.array([-axis[1], axis[0]])
    middle = (eyes[0] + eyes[1]) / 2
    yaw = math.degrees(math.atan(float((nose - middle) @ axis) / distance / head.nose_depth))
    drop = max(float((mouth - middle) @ down), 1e-6)
    ratio = float((nose - middle) @ down) / drop
    rise = ratio * head.mouth_drop - head.nose_drop
    return yaw, math.degrees(math.atan(rise / (head.nose_depth - ratio * head.mouth_depth))), roll
