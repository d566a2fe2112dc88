"""Finding faces and five points in each: at the lowest resolution that the task allows.

Detection cost grows with pixels, so the picture is first shrunk to where a face of 0.6
of the expected size is still large enough for the detector. Points are then taken from the full
picture (dlib) or carried back to it (YuNet).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from biometrics import image
from biometrics.dlib_models import MIN_FACE_PX, Box, HogDetector, Landmarks5
from biometrics.image import Picture
from biometrics.onnx import Floats, OnnxSession

Points = NDArray[np.float64]

SMALLEST_SHARE = 0.6  # the smallest face looked for, as a share of the expected one
DISTANT_SHARE = 0.4  # and, where none is found, of a person who stands too far away
ANY_SIDE_PX = 640  # longest side at which a picture of unknown framing is searched first
HOG_MAX_SIDE_PX = 1600
FAINT_CONFIDENCE = -0.5  # a portrait is known to hold a face: the best candidate will do
YUNET_FACE_PX = 40  # at which the smallest face looked for is presented to YuNet
YUNET_MIN_SIDE_PX, YUNET_MAX_SIDE_PX = 160, 640
YUNET_CONFIDENCE = 0.6
YUNET_OVERLAP = 0.3
YUNET_CANDIDATES = 200
YUNET_STRIDES = (8, 16, 32)
MAX_FACES = 20


@dataclass(frozen=True)
class DetectedFace:
    """One face, in pixels of the full picture.

    `points` are five x, y rows. Layout `yunet`: eye centres (left of the image first), nose
    tip, mouth corners (likewise). Layout `dlib`: eye corners (right of the image outer, inner,
    left outer, inner), nose base. `shape` is dlib's own object for them.
    """

    box: Box
    points: Points
    layout: Literal["yunet", "dlib"]
    shape: Any = None

    @property
    def eyes(self) -> tuple[Points, Points]:
        """Eye centres, left of the image first."""
        if self.layout == "yunet":
            return self.points[0], self.points[1]
        return self.points[2:4].mean(0), self.points[0:2].mean(0)

    @property
    def eye_distance_px(self) -> float:
        """Distance of the eye centres."""
        left, right = self.eyes
        return float(math.hypot(*(right - left)))


class FrontEnd(Protocol):
    """A detector with landmarks."""

    def find(self, picture: Picture, expected_face_px: float) -> list[DetectedFace]:
        """Faces of a picture in which a face of that width is expected."""

    def find_any(self, picture: Picture) -> list[DetectedFace]:
        """Faces of a picture whose framing is unknown, e.g. a portrait."""


def main_face(faces: Sequence[DetectedFace], picture: Picture) -> DetectedFace | None:
    """The traveller's face: large and near the middle of the picture."""
    rows, columns = picture.shape[:2]

    def weight(face: DetectedFace) -> float:
        box = face.box
        off = math.hypot(
            (box.left + box.right) / 2 / columns - 0.5, (box.top + box.bottom) / 2 / rows - 0.5
        )
        return (box.right - box.left) * math.exp(-((off / 0.3) ** 2))

    return max(faces, key=weight, default=None)


def _shrunk(picture: Picture, scale: float) -> Picture:
    """Resize; whole halvings come first, because averaging four pixels is quick."""
    rows, columns = picture.shape[:2]
    halving = scale
    while halving <= 0.5 and min(picture.shape[:2]) >= 2:
        picture = image.resize(picture, picture.shape[1] // 2, picture.shape[0] // 2)
        halving *= 2
    return image.resize(picture, max(1, round(columns * scale)), max(1, round(rows * scale)))


class HogFrontEnd:
    """dlib's HOG detector and five-point predictor."""

    def __init__(self, detector: HogDetector, landmarks: Landmarks5) -> None:
        self._detector = detector
        self._landmarks = landmarks

    def find(self, picture: Picture, expected_face_px: float) -> list[DetectedFace]:
        """Faces of a picture in which a face of that width is expected."""
        for share in (SMALLEST_SHARE, DISTANT_SHARE):
            if faces := self._at(picture, min(1.0, MIN_FACE_PX / (share * expected_face_px))):
                return faces
        return []

    def find_any(self, picture: Picture) -> list[DetectedFace]:
        """Faces of a picture of unknown framing: coarse first, then finer, then a faint one."""
        longest = max(picture.shape[:2])
        tried = 0.0
        for wanted in (min(1.0, ANY_SIDE_PX / longest), 1.0, 2.0):
            scale = min(wanted, HOG_MAX_SIDE_PX / longest)
            if scale <= tried:
                continue
            tried = scale
            if faces := self._at(picture, scale):
                return faces
        faint = self._at(picture, tried, FAINT_CONFIDENCE)
        return sorted(faint, key=lambda face: -face.box.confidence)[:1]

    def _at(self, picture: Picture, scale: float, threshold: float = 0.0) -> list[DetectedFace]:
        small = _shrunk(picture, scale)
        fx, fy = picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0]
        faces: list[DetectedFace] = []
        for found in self._detector.find(small, threshold)[:MAX_FACES]:
            box = Box(
                found.left * fx,
                found.top * fy,
                found.right * fx,
                found.bottom * fy,
                found.confidence,
            )
            points, shape = self._landmarks.find(picture, box)
            faces.append(DetectedFace(box, points, "dlib", shape))
        return faces


class YunetFrontEnd:
    """YuNet: an anchor-free detector with five landmarks (contract `yunet_n`)."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def find(self, picture: Picture, expected_face_px: float) -> list[DetectedFace]:
        """Faces of a picture in which a face of that width is expected."""
        scale = YUNET_FACE_PX / (SMALLEST_SHARE * expected_face_px)
        longest = max(picture.shape[:2])
        side = min(max(longest * min(1.0, scale), YUNET_MIN_SIDE_PX), YUNET_MAX_SIDE_PX)
        return self._at(picture, min(1.0, side / longest))

    def find_any(self, picture: Picture) -> list[DetectedFace]:
        """Faces of a picture whose framing is unknown: at a fixed size, then at double."""
        longest = max(picture.shape[:2])
        for side in (ANY_SIDE_PX / 2, ANY_SIDE_PX):
            if faces := self._at(picture, min(side / longest, 2.0)):
                return faces
        return []

    def _at(self, picture: Picture, scale: float) -> list[DetectedFace]:
        small = _shrunk(picture, scale)
        rows, columns = small.shape[:2]
        framed = np.zeros((1, 3, -(-rows // 32) * 32, -(-columns // 32) * 32), np.float32)
        framed[0, :, :rows, :columns] = small[:, :, ::-1].transpose(2, 0, 1)
        outputs = self._session.run({"input": framed})
        values = np.concatenate(
            [_decode_stride(outputs, stride, framed.shape[3]) for stride in YUNET_STRIDES]
        )
        values = values[np.argsort(-values[:, 4], kind="stable")][:YUNET_CANDIDATES]
        back = np.array([picture.shape[1] / columns, picture.shape[0] / rows])
        faces: list[DetectedFace] = []
        for row in _suppress(values)[:MAX_FACES]:
            left, top, right, bottom = (row[:4].reshape(2, 2) * back).ravel().tolist()
            points = row[5:].reshape(5, 2) * back
            faces.append(
                DetectedFace(Box(left, top, right, bottom, float(row[4])), points, "yunet")
            )
        return faces


def _decode_stride(outputs: dict[str, Floats], stride: int, columns_px: int) -> Points:
    """Rows of left, top, right, bottom, confidence and ten coordinates, confident ones only."""
    classes = np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1)
    objects = np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1)
    confidence = np.sqrt(classes * objects)
    keep = np.flatnonzero(confidence >= YUNET_CONFIDENCE)
    columns = columns_px // stride
    cell = np.stack([keep % columns, keep // columns], axis=1).astype(np.float64)
    boxes = outputs[f"bbox_{stride}"][0, keep].astype(np.float64)
    centre = (cell + boxes[:, :2]) * stride
    half = np.exp(np.clip(boxes[:, 2:], -10, 10)) * stride / 2
    points = outputs[f"kps_{stride}"][0, keep].astype(np.float64).reshape(-1, 5, 2)
    points = ((points + cell[:, None]) * stride).reshape(-1, 10)
    return np.concatenate([centre - half, centre + half, confidence[keep, None], points], axis=1)


def _suppress(values: Points) -> list[Points]:
    """Keep the most confident of boxes that overlap; `values` come sorted by confidence."""
    kept: list[Points] = []
    for row in values:
        if all(_overlap(row, other) <= YUNET_OVERLAP for other in kept):
            kept.append(row)
    return kept


def _overlap(a: Points, b: Points) -> float:
    sides = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.clip(sides, 0, None)))
    both = float(np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2])) - shared
    return shared / both if both > 0 else 0.0
