"""Quality of a live face: named components, and guidance for the traveller about the worst.

Components follow ISO/IEC 29794-5 and BSI TR-03121-3 (pose, eye distance, head size, light).
Each has a value in its own unit, a value of 0..100 on a fixed scale (more is better), and
whether the profile's limit holds. Without limits every component is reported as good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from biometrics import align, image
from biometrics.detect import DetectedFace
from biometrics.image import Picture
from biometrics.landmarks import EYES, LIPS, NOSE, Points, mouth_openness
from biometrics.models.manifest import Contract
from biometrics.onnx import OnnxSession, as_input
from biometrics.types import Guidance, QualityComponent
from firmware_cfg.profile import QualityLimits

EYE_DISTANCE_FULL_PX = 120.0  # BSI TR-03121-3: what a gate's camera is to reach
ANGLE_ZERO_DEG = 45.0
HEAD_TO_EYES = 3.7  # height of a head, crown to chin, over the distance of its eyes
SHARPNESS_SCALE = 250.0  # variance of the Laplacian on the aligned 112 px face
DARK, BRIGHT = 60.0, 200.0  # mean luminance outside of which exposure loses value
CLIPPED_LOW, CLIPPED_HIGH = 8, 247
LEARNED_ZERO, LEARNED_FULL = 0.55, 0.62  # of the learned grade; its median is 0.607
EYES_ZERO, EYES_FULL = 0.37, 0.77  # `eyes.openness`; its median is 0.78
MOUTH_ZERO = 0.8  # gap between the lips over their width
EYES_OPEN = "eyes_open"
LEARNED = "unified_quality_score"
SIMPLE = ("inter_eye_distance", "yaw", "sharpness", "exposure")
COMPETING_SHARE = 0.5  # a second face at least this wide might be meant


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
    where no 68 `marks` were taken. A detector's own points follow a tilted head in part only:
    the roll is the marks' where there are some.
    """
    if face.layout == "yunet":
        nose, mouth = face.points[2], face.points[3:5].mean(0)
        yaw, pitch, roll = _pose(face.eyes, nose, mouth, _YUNET_HEAD)
        if marks is not None:
            roll = _level(marks[EYES[0]].mean(0), marks[EYES[1]].mean(0))[2]
        return yaw, pitch, roll
    if marks is not None:
        eyes = (marks[EYES[0]].mean(0), marks[EYES[1]].mean(0))
        return _pose(eyes, marks[NOSE].mean(0), marks[LIPS].mean(0), _MARKS_HEAD)
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


def _scaled(value: float) -> int:
    return round(100 * min(max(value, 0.0), 1.0))


def _component(name: str, native: float, value: float, *, ok: bool) -> QualityComponent:
    return QualityComponent(
        id=name, native=round(float(native), 3), value=_scaled(value), ok=bool(ok)
    )


def _size(
    face: DetectedFace, picture: Picture, limits: QualityLimits | None
) -> list[QualityComponent]:
    eyes = face.eye_distance_px
    head = HEAD_TO_EYES * eyes / picture.shape[0]
    return [
        _component(
            "inter_eye_distance",
            eyes,
            eyes / EYE_DISTANCE_FULL_PX,
            ok=limits is None or eyes >= limits.eye_distance_min_px,
        ),
        _component(
            "head_size",
            head,
            1.0 - max(0.0, head - 0.75) * 2,
            ok=limits is None or head <= limits.head_height_max_ratio,
        ),
    ]


def _turned(
    face: DetectedFace, marks: Points | None, limits: QualityLimits | None
) -> list[QualityComponent]:
    yaw, pitch, roll = pose_deg(face, marks)
    rows: list[tuple[str, float | None, float]] = [
        ("yaw", yaw, limits.yaw_max_deg if limits else math.inf),
        ("pitch", pitch, limits.pitch_max_deg if limits else math.inf),
        ("roll", roll, limits.roll_max_deg if limits else math.inf),
    ]
    return [
        _component(name, angle, 1 - abs(angle) / ANGLE_ZERO_DEG, ok=abs(angle) <= limit)
        for name, angle, limit in rows
        if angle is not None
    ]


def _position(face: DetectedFace, picture: Picture, *, limited: bool) -> list[QualityComponent]:
    """Offsets of the face's middle from the picture's; good while the head is all inside."""
    rows, columns = picture.shape[:2]
    left, right = face.eyes
    x, y = (left + right) / 2
    reach = HEAD_TO_EYES / 2 * face.eye_distance_px
    across, along = x / columns - 0.5, y / rows - 0.5
    return [
        _component(
            "horizontal_position",
            across,
            1 - 2 * abs(across),
            ok=not limited or reach * 0.8 <= x <= columns - reach * 0.8,
        ),
        _component(
            "vertical_position",
            along,
            1 - 2 * abs(along),
            ok=not limited or reach * 0.8 <= y <= rows - reach,
        ),
    ]


def _expression(
    marks: Points | None, openness: float | None, limits: QualityLimits | None
) -> list[QualityComponent]:
    """Eyes open and mouth closed; each only where it could be measured."""
    parts = []
    if openness is not None:
        value = (openness - EYES_ZERO) / (EYES_FULL - EYES_ZERO)
        ok = limits is None or _scaled(value) >= limits.eyes_open_min
        parts.append(_component(EYES_OPEN, openness, value, ok=ok))
    if marks is not None:
        mouth = mouth_openness(marks)
        value = 1 - mouth / MOUTH_ZERO
        ok = limits is None or _scaled(value) >= limits.mouth_closed_min
        parts.append(_component("mouth_closed", mouth, value, ok=ok))
    return parts


def _pixels(aligned: Picture, limits: QualityLimits | None) -> list[QualityComponent]:
    luminance = image.grey(aligned)
    detail = image.laplacian_variance(luminance)
    sharpness = 1 - math.exp(-detail / SHARPNESS_SCALE)
    mean = float(luminance.mean())
    clipped = float(((luminance < CLIPPED_LOW) | (luminance > CLIPPED_HIGH)).mean())
    level = min(1.0, mean / DARK, (255 - mean) / (255 - BRIGHT))
    exposure = level * (1 - clipped)
    return [
        _component(
            "sharpness",
            detail,
            sharpness,
            ok=limits is None or _scaled(sharpness) >= limits.sharpness_min,
        ),
        _component(
            "exposure",
            mean,
            exposure,
            ok=limits is None or _scaled(exposure) >= limits.exposure_min,
        ),
    ]


def _light(aligned: Picture, limits: QualityLimits | None) -> list[QualityComponent]:
    """Evenness of light over both cheeks, and contrast (ISO/IEC 29794-5, 7.3)."""
    luminance = image.grey(aligned)
    halves = [np.bincount(luminance[zone].ravel() >> 3, minlength=32) for zone in _CHEEKS]
    shared = np.minimum(*(half / half.sum() for half in halves)).sum()
    share = np.bincount(luminance.ravel(), minlength=256) / luminance.size
    entropy = -float((share[share > 0] * np.log2(share[share > 0])).sum())
    return [
        _component(
            "illumination_uniformity",
            float(shared),
            float(shared),
            ok=limits is None or _scaled(float(shared)) >= limits.illumination_uniformity_min,
        ),
        _component(
            "dynamic_range",
            entropy,
            entropy / 8,
            ok=limits is None or _scaled(entropy / 8) >= limits.dynamic_range_min,
        ),
    ]


_CHEEKS = (np.s_[58:86, 24:48], np.s_[58:86, 64:88])  # in ArcFace's frame of 112 px


class LearnedQuality:
    """A network that grades how useful a face is for comparison (contract `lightqnet`)."""

    def __init__(self, session: OnnxSession, contract: Contract) -> None:
        self._session = session
        self._contract = contract

    def grade(
        self, picture: Picture, face: DetectedFace, limits: QualityLimits | None = None
    ) -> QualityComponent:
        """The learned grade of one face; its native values lie in a narrow band."""
        crop = align.arcface(picture, face, self._contract.size_px)
        output = self._session.run({self._contract.input: as_input(self._contract, [crop])})
        native = float(next(iter(output.values())).ravel()[0])
        crop.fill(0)
        value = (native - LEARNED_ZERO) / (LEARNED_FULL - LEARNED_ZERO)
        ok = limits is None or _scaled(value) >= limits.unified_quality_min
        return _component(LEARNED, native, value, ok=ok)


def competitors(face: DetectedFace, faces: Sequence[DetectedFace]) -> int:
    """How many other faces are large enough to be the traveller's."""
    width = face.box.right - face.box.left
    wide = [other.box.right - other.box.left for other in faces if other is not face]
    return sum(1 for other in wide if other >= COMPETING_SHARE * width)


def place(
    face: DetectedFace,
    faces: Sequence[DetectedFace],
    picture: Picture,
    limits: QualityLimits | None,
) -> tuple[QualityComponent, ...]:
    """Components of a face's place in the picture: alone, near enough, in the middle.

    Args:
        face: the one to judge.
        faces: all that were found in the picture.
        picture: RGB.
        limits: of the profile; None has none.
    """
    others = competitors(face, faces)
    return (
        _component(
            "single_face_present", others, 1 / (1 + others), ok=limits is None or not others
        ),
        *_size(face, picture, limits),
        *_position(face, picture, limited=limits is not None),
    )


def appearance(
    face: DetectedFace,
    aligned: Picture,
    limits: QualityLimits | None,
    marks: Points | None = None,
    openness: float | None = None,
) -> tuple[QualityComponent, ...]:
    """Components of the face itself: pose, expression, sharpness and light.

    Args:
        face: the one to judge.
        aligned: the face in ArcFace's frame of 112 px.
        limits: of the profile; None has none.
        marks: the face's 68 points, where they were taken.
        openness: of its eyes (`biometrics.eyes`), where it was measured.
    """
    return (
        *_turned(face, marks, limits),
        *_expression(marks, openness, limits),
        *_pixels(aligned, limits),
        *_light(aligned, limits),
    )


def usefulness(components: Sequence[QualityComponent]) -> float:
    """How useful a face is for comparison, 0..100: the learned grade, else the weakest part."""
    values = {part.id: float(part.value) for part in components}
    return values.get(LEARNED, min((values[name] for name in SIMPLE if name in values), default=0))


def guidance(components: Sequence[QualityComponent]) -> Guidance:
    """What to ask of the traveller: about the first limit missed.

    The order of `place`, then `appearance`, is the order in which a traveller can act: be
    alone, come to the right place, then look straight; light and movement last. Left and right
    are the traveller's own: a face at the image's left stands too far to its own right.
    """
    for component in components:
        if not component.ok:
            return _advice(component)
    return Guidance.NONE


def _advice(component: QualityComponent) -> Guidance:
    if component.id == "horizontal_position":
        return Guidance.MOVE_LEFT if component.native < 0 else Guidance.MOVE_RIGHT
    if component.id == "vertical_position":
        return Guidance.MOVE_DOWN if component.native < 0 else Guidance.MOVE_UP
    return _ADVICE[component.id]


_ADVICE = {
    "single_face_present": Guidance.ONE_PERSON,
    "inter_eye_distance": Guidance.TOO_FAR,
    "head_size": Guidance.TOO_NEAR,
    "yaw": Guidance.LOOK_STRAIGHT,
    "pitch": Guidance.LOOK_STRAIGHT,
    "roll": Guidance.LOOK_STRAIGHT,
    EYES_OPEN: Guidance.OPEN_EYES,
    "mouth_closed": Guidance.CLOSE_MOUTH,
    "sharpness": Guidance.HOLD_STILL,
    "exposure": Guidance.LIGHT,
    "illumination_uniformity": Guidance.LIGHT,
    "dynamic_range": Guidance.LIGHT,
    "unified_quality_score": Guidance.HOLD_STILL,
}
