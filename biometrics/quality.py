"""Quality of a live face: named components, and guidance for the traveller about the worst.

Components follow ISO/IEC 29794-5 and BSI TR-03121-3 (pose, eye distance, head size, light).
Each has a value in its own unit, a value of 0..100 on a fixed scale (more is better), and
whether the profile's limit holds. Without limits every component that was measured is reported
as good. One that the picture does not allow to measure is never good; one that the installed
models cannot measure on any picture is no part of the tier (`unmeasurable`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from biometrics import align, image
from biometrics.detect import DetectedFace
from biometrics.eyes import LEAST_APART_PX
from biometrics.image import Picture
from biometrics.landmarks import Points, mouth_openness
from biometrics.models.manifest import Contract
from biometrics.occlusion import Visible
from biometrics.onnx import OnnxSession, as_input
from biometrics.pose import pose_deg
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
MOUTH_CLOSED = "mouth_closed"
PITCH = "pitch"
EXPOSURE = "exposure"
MIDDLE_LIGHT = (DARK + BRIGHT) / 2
HIDDEN = ("mouth_visible", "eyes_visible")
DIM = 50  # value of exposure under which eyes that cannot be measured are laid to the light
LEARNED = "unified_quality_score"
SIMPLE = ("inter_eye_distance", "yaw", "sharpness", EXPOSURE)
COMPETING_SHARE = 0.5  # a second face at least this wide might be meant


class CloseLook(NamedTuple):
    """What was measured of eyes and mouth.

    Attributes:
        marks: the face's 68 points; None where their predictor is not installed.
        openness: of its eyes (`biometrics.eyes`); None where it could not be measured.
        visible: whether something hides them (`biometrics.occlusion`).
    """

    marks: Points | None
    openness: float | None
    visible: Visible


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
        (PITCH, pitch, limits.pitch_max_deg if limits else math.inf),
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


def _unmeasured(name: str) -> QualityComponent:
    return QualityComponent(id=name, native=None, value=0, ok=False)


def unmeasurable(layout: str, *, marks: bool) -> tuple[str, ...]:
    """Components that are no part of a tier: its models cannot measure them on any picture.

    Args:
        layout: of the detector's points (`DetectedFace.layout`).
        marks: whether the predictor of 68 points is installed.
    """
    if marks:
        return ()
    return (EYES_OPEN, MOUTH_CLOSED) if layout == "yunet" else (PITCH, MOUTH_CLOSED)


def _hidden(seen: Visible, limits: QualityLimits | None) -> list[QualityComponent]:
    """Whether mouth and eyes are to be seen; a white mask makes eyes look dark beside it."""
    rows = [
        ("mouth_visible", seen.mouth, limits.mouth_visible_min if limits else 0),
        ("eyes_visible", seen.eyes, limits.eyes_visible_min if limits else 0),
    ]
    return [_component(name, part, part, ok=_scaled(part) >= limit) for name, part, limit in rows]


def _expression(
    face: DetectedFace, close: CloseLook, limits: QualityLimits | None
) -> list[QualityComponent]:
    """Eyes open and mouth closed, where the tier can measure them."""
    parts = []
    if close.openness is not None:
        value = (close.openness - EYES_ZERO) / (EYES_FULL - EYES_ZERO)
        ok = limits is None or _scaled(value) >= limits.eyes_open_min
        parts.append(_component(EYES_OPEN, close.openness, value, ok=ok))
    elif EYES_OPEN not in unmeasurable(face.layout, marks=close.marks is not None):
        parts.append(_unmeasured(EYES_OPEN))
    if close.marks is not None:
        mouth = mouth_openness(close.marks)
        value = 1 - mouth / MOUTH_ZERO
        ok = limits is None or _scaled(value) >= limits.mouth_closed_min
        parts.append(_component(MOUTH_CLOSED, mouth, value, ok=ok))
    return parts


def _sharpness(aligned: Picture, limits: QualityLimits | None) -> QualityComponent:
    detail = image.laplacian_variance(image.grey(aligned))
    sharpness = 1 - math.exp(-detail / SHARPNESS_SCALE)
    ok = limits is None or _scaled(sharpness) >= limits.sharpness_min
    return _component("sharpness", detail, sharpness, ok=ok)


def _exposure(aligned: Picture, limits: QualityLimits | None) -> QualityComponent:
    luminance = image.grey(aligned)
    mean = float(luminance.mean())
    clipped = float(((luminance < CLIPPED_LOW) | (luminance > CLIPPED_HIGH)).mean())
    level = min(1.0, mean / DARK, (255 - mean) / (255 - BRIGHT))
    exposure = level * (1 - clipped)
    ok = limits is None or _scaled(exposure) >= limits.exposure_min
    return _component(EXPOSURE, mean, exposure, ok=ok)


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
    face: DetectedFace, aligned: Picture, limits: QualityLimits | None, close: CloseLook | None
) -> tuple[QualityComponent, ...]:
    """Components of the face itself: light, what hides it, pose, expression, sharpness.

    Args:
        face: the one to judge.
        aligned: the face in ArcFace's frame of 112 px.
        limits: of the profile; None has none.
        close: what was measured of eyes and mouth; None for a face that is not in its place yet.
    """
    marks = close.marks if close is not None else None
    return (
        _exposure(aligned, limits),
        *_light(aligned, limits),
        *(() if close is None else _hidden(close.visible, limits)),
        *_turned(face, marks, limits),
        *(() if close is None else _expression(face, close, limits)),
        _sharpness(aligned, limits),
    )


def usefulness(components: Sequence[QualityComponent]) -> float:
    """How useful a face is for comparison, 0..100: the learned grade, else the weakest part."""
    values = {part.id: float(part.value) for part in components}
    return values.get(LEARNED, min((values[name] for name in SIMPLE if name in values), default=0))


def guidance(components: Sequence[QualityComponent]) -> Guidance:
    """What to ask of the traveller: about the first limit missed.

    The order of `place`, then `appearance`, is the order in which a traveller can act: be
    alone, come to the right place, then look straight; and in which one fault explains another:
    light before what seems hidden, a mask before glasses and pose, movement last. Left and right
    are the traveller's own: a face at the image's left stands too far to its own right.
    """
    for component in components:
        if not component.ok:
            return _advice(component, components)
    return Guidance.NONE


def _advice(component: QualityComponent, components: Sequence[QualityComponent]) -> Guidance:
    native = component.native or 0.0
    if component.id == "horizontal_position":
        return Guidance.MOVE_LEFT if native < 0 else Guidance.MOVE_RIGHT
    if component.id == "vertical_position":
        return Guidance.MOVE_DOWN if native < 0 else Guidance.MOVE_UP
    if component.id == EXPOSURE:
        return Guidance.TOO_DARK if native < MIDDLE_LIGHT else Guidance.TOO_BRIGHT
    if component.id == EYES_OPEN and component.native is None:
        return _eyes_unmeasured({part.id: part for part in components})
    light = next((part for part in components if part.id == EXPOSURE), None)
    if light is not None and component.id in HIDDEN and light.value < DIM:
        return _advice(light, ())  # where light is far too poor, nothing is seen to be hidden
    if light is not None and component.id == "sharpness" and not _in_light(light):
        return _advice(light, ())  # measured in grey levels: such a face has fewer of them
    return _ADVICE[component.id]


def _in_light(exposure: QualityComponent) -> bool:
    """Whether a face is neither dark nor bright as a whole; a few clipped pixels are neither."""
    return DARK <= (exposure.native or 0.0) <= BRIGHT


def _eyes_unmeasured(by_name: Mapping[str, QualityComponent]) -> Guidance:
    """Why eyes gave no answer: too few pixels, too little light, or something before them."""
    distance, exposure = by_name.get("inter_eye_distance"), by_name.get(EXPOSURE)
    if distance is not None and (distance.native or 0.0) < LEAST_APART_PX:
        return Guidance.TOO_FAR
    if exposure is not None and exposure.value < DIM:
        return _advice(exposure, ())
    return Guidance.TAKE_OFF_GLASSES


_ADVICE = {
    "single_face_present": Guidance.ONE_PERSON,
    "inter_eye_distance": Guidance.TOO_FAR,
    "head_size": Guidance.TOO_NEAR,
    "yaw": Guidance.LOOK_STRAIGHT,
    PITCH: Guidance.LOOK_STRAIGHT,
    "roll": Guidance.LOOK_STRAIGHT,
    "mouth_visible": Guidance.UNCOVER_FACE,
    "eyes_visible": Guidance.TAKE_OFF_GLASSES,
    EYES_OPEN: Guidance.OPEN_EYES,
    MOUTH_CLOSED: Guidance.CLOSE_MOUTH,
    "sharpness": Guidance.HOLD_STILL,
    "illumination_uniformity": Guidance.LIGHT,
    "dynamic_range": Guidance.LIGHT,
    LEARNED: Guidance.HOLD_STILL,
}
