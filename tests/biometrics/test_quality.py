"""Quality components: each moves the right way and asks for the right thing."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics import align, image, quality
from biometrics.detect import DetectedFace
from biometrics.dlib_models import Box
from biometrics.occlusion import Visible
from biometrics.types import Guidance, QualityComponent
from firmware_cfg.profile import QualityLimits

LIMITS = QualityLimits()
FRAME = np.zeros((720, 1280, 3), np.uint8)
# Eyes, nose tip and mouth corners of the average head used for pose, in eye distances:
# x to the image's right, y down, z towards the camera.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.60, 0.60], [-0.4, 1.00, 0.30], [0.4, 1.00, 0.30]])


def face(
    x: float = 640, y: float = 330, eyes_px: float = 100, yaw: float = 0, pitch: float = 0,
    roll: float = 0,
) -> DetectedFace:  # fmt: skip
    """The average head, turned and seen without perspective."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    points = (HEAD @ (turn_z @ turn_y @ turn_x).T)[:, :2] * eyes_px + [x, y]
    half = eyes_px * 1.1
    return DetectedFace(Box(x - half, y - half, x + half, y + 1.6 * half, 1.0), points, "yunet")


def aligned(blur_px: float = 0.0, gain: float = 1.0, offset: float = 0.0) -> image.Picture:
    noise = np.random.default_rng(3).integers(0, 60, (112, 112, 1), dtype=np.uint8)
    grey = noise + np.linspace(50, 140, 112).astype(np.uint8)[:, None, None]
    picture = np.ascontiguousarray(np.broadcast_to(grey, (112, 112, 3)))
    if blur_px:
        side = round(112 / blur_px)
        picture = image.resize(image.resize(picture, side, side), 112, 112)
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


def components(
    given_face: DetectedFace, chip: image.Picture | None = None, **kw: Any
) -> dict[str, Any]:
    faces = kw.pop("faces", [given_face])
    chip = aligned() if chip is None else chip
    place = quality.place(given_face, faces, FRAME, LIMITS)
    rows = (*place, *quality.appearance(given_face, chip, LIMITS, kw.pop("close", None)))
    return {"guidance": quality.guidance(rows), **{row.id: row for row in rows}}


def test_a_good_face_needs_no_guidance() -> None:
    found = components(face())
    assert found.pop("guidance") is Guidance.NONE
    assert len(found) == 12
    assert all(row.ok and 0 <= row.value <= 100 for row in found.values())


@pytest.mark.parametrize(
    ("given_face", "wanted"),
    [
        (face(eyes_px=35), Guidance.TOO_FAR),
        (face(eyes_px=200), Guidance.TOO_NEAR),
        (face(x=60), Guidance.MOVE_LEFT),
        (face(x=1230), Guidance.MOVE_RIGHT),
        (face(y=40), Guidance.MOVE_DOWN),
        (face(y=690), Guidance.MOVE_UP),
        (face(yaw=30), Guidance.LOOK_STRAIGHT),
        (face(yaw=-30), Guidance.LOOK_STRAIGHT),
        (face(pitch=30), Guidance.LOOK_STRAIGHT),
        (face(roll=20), Guidance.LOOK_STRAIGHT),
    ],
)
def test_guidance_by_geometry(given_face: DetectedFace, wanted: Guidance) -> None:
    assert components(given_face)["guidance"] is wanted


@pytest.mark.parametrize(
    ("chip", "wanted"),
    [
        (aligned(blur_px=12), Guidance.HOLD_STILL),
        (aligned(offset=140), Guidance.TOO_BRIGHT),
        (aligned(gain=0.1), Guidance.TOO_DARK),
        (aligned(blur_px=4, gain=0.35), Guidance.TOO_DARK),  # too dark to be sharp
        (aligned(blur_px=12, gain=1.02), Guidance.HOLD_STILL),
        (aligned(gain=0.1, offset=110), Guidance.LIGHT),
    ],
)
def test_guidance_by_pixels(chip: image.Picture, wanted: Guidance) -> None:
    assert components(face(), chip)["guidance"] is wanted


def test_a_second_person_of_like_size_must_leave() -> None:
    main, second, far = face(), face(x=1000, eyes_px=70), face(x=300, eyes_px=30)
    assert components(main, faces=[main, second])["guidance"] is Guidance.ONE_PERSON
    assert components(main, faces=[main, far])["guidance"] is Guidance.NONE


@given(yaw=st.floats(-40, 40), pitch=st.floats(-25, 25), roll=st.floats(-40, 40))
def test_pose_is_recovered_from_the_average_head(yaw: float, pitch: float, roll: float) -> None:
    one_axis = [face(yaw=yaw), face(pitch=pitch), face(roll=roll)]
    got = [quality.pose_deg(f) for f in one_axis]
    assert got[0][0] == pytest.approx(yaw, abs=0.01)
    assert got[1][1] == pytest.approx(pitch, abs=0.01)
    assert got[2][2] == pytest.approx(roll, abs=0.01)


def test_blur_lowers_sharpness_step_by_step() -> None:
    values = [components(face(), aligned(blur_px=b))["sharpness"].native for b in (0, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def test_darkness_and_glare_lower_exposure_step_by_step() -> None:
    dark = [components(face(), aligned(gain=g))["exposure"].value for g in (1, 0.4, 0.2, 0.05)]
    glare = [components(face(), aligned(offset=o))["exposure"].value for o in (0, 90, 120, 180)]
    assert dark == sorted(set(dark), reverse=True)
    assert glare == sorted(set(glare), reverse=True)


@given(st.floats(20, 300), st.floats(20, 300))
def test_more_pixels_between_the_eyes_are_never_worse(a: float, b: float) -> None:
    small, large = sorted((a, b))
    low = components(face(eyes_px=small))["inter_eye_distance"]
    high = components(face(eyes_px=large))["inter_eye_distance"]
    assert low.value <= high.value
    assert low.ok <= high.ok


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(-180, 180))
def test_a_similarity_is_recovered(seed: int, scale: float, angle: float) -> None:
    points = np.random.default_rng(seed).normal(size=(5, 2)) * 50
    a = np.radians(angle)
    turn = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    matrix = align.similarity(points, points @ turn.T + [3, -7])
    assert matrix == pytest.approx(np.hstack([turn, [[3], [-7]]]), abs=1e-6)


def test_coinciding_points_give_no_scale() -> None:
    matrix = align.similarity(np.zeros((5, 2)), align.ARCFACE_FROM_YUNET)
    assert np.isfinite(matrix).all()
    assert image.warp(FRAME, matrix, 112).shape == (112, 112, 3)


@pytest.mark.parametrize("side", [40, 112, 300, 1500])
def test_warping_keeps_positions_at_any_scale(side: int) -> None:
    picture = np.zeros((side, side, 3), np.uint8)
    picture[side // 2 :, side // 4 :] = 255
    scale = 112 / side
    seen = image.warp(picture, np.array([[scale, 0, 0], [0, scale, 0]]), 112)
    assert seen[70:110, 40:110].mean() > 250
    assert seen[2:50].mean() < 5
    assert seen[:, 2:20].mean() < 5


def test_light_from_one_side_and_fog_are_reported() -> None:
    even = aligned()
    side = even.copy()
    side[:, :56] //= 4
    fog = (even // 8 + 120).astype(np.uint8)
    values = [components(face(), chip) for chip in (even, side, fog)]
    assert values[1]["illumination_uniformity"].value < values[0]["illumination_uniformity"].value
    assert values[2]["dynamic_range"].value < values[0]["dynamic_range"].value


def looked(openness: float | None, eyes: float = 1, mouth: float = 1) -> quality.CloseLook:
    marks = np.zeros((68, 2))
    marks[36:42], marks[42:48] = (-0.5, 0), (0.5, 0)
    marks[30:36], marks[48:68] = (0, 0.69), (0, 1.12)
    return quality.CloseLook(marks, openness, Visible(eyes, mouth))


def test_what_could_not_be_measured_is_not_good() -> None:
    unmeasured = components(face(), close=looked(None))
    assert unmeasured["eyes_open"] == QualityComponent(
        id="eyes_open", native=None, value=0, ok=False
    )
    assert unmeasured["guidance"] is Guidance.TAKE_OFF_GLASSES
    without_limits = quality.appearance(face(), aligned(), None, looked(None))
    assert [part.id for part in without_limits if not part.ok] == ["eyes_open"]


@pytest.mark.parametrize(
    ("given_face", "gain", "close", "wanted"),
    [
        (face(), 1.0, looked(0.8), Guidance.NONE),
        (face(), 1.0, looked(0.3), Guidance.OPEN_EYES),
        (face(), 1.0, looked(0.8, eyes=0.3), Guidance.TAKE_OFF_GLASSES),
        (face(), 1.0, looked(0.8, mouth=0.3), Guidance.UNCOVER_FACE),
        (face(), 1.0, looked(None, eyes=0.3, mouth=0.3), Guidance.UNCOVER_FACE),
        (face(), 0.2, looked(None), Guidance.TOO_DARK),
        (face(), 0.2, looked(0.8, mouth=0.3), Guidance.TOO_DARK),
        (face(), 0.2, looked(0.8, eyes=0.3), Guidance.TOO_DARK),
        (face(), 2.0, looked(0.8, mouth=0.3), Guidance.TOO_BRIGHT),
    ],
)
def test_what_hides_a_face_has_advice_of_its_own(
    given_face: DetectedFace, gain: float, close: quality.CloseLook, wanted: Guidance
) -> None:
    assert components(given_face, aligned(gain=gain), close=close)["guidance"] is wanted


def test_eyes_of_too_few_pixels_are_asked_to_come_nearer() -> None:
    near = msgspec.structs.replace(LIMITS, eye_distance_min_px=10)
    small = face(eyes_px=20)
    rows = (
        *quality.place(small, [small], FRAME, near),
        *quality.appearance(small, aligned(), near, looked(None)),
    )
    assert quality.guidance(rows) is Guidance.TOO_FAR


@pytest.mark.parametrize(
    ("layout", "missing"),
    [("dlib", {"pitch", "mouth_closed"}), ("yunet", {"eyes_open", "mouth_closed"})],
)
def test_a_tier_without_68_points_names_what_it_cannot_measure(
    layout: Literal["dlib", "yunet"], missing: set[str]
) -> None:
    assert set(quality.unmeasurable(layout, marks=False)) == missing
    assert quality.unmeasurable(layout, marks=True) == ()
    points = face().points if layout == "yunet" else align.ARCFACE_FROM_DLIB * 2 + 400
    seen = DetectedFace(face().box, points, layout)
    look = quality.CloseLook(None, None if layout == "yunet" else 0.8, Visible(1, 1))
    measured = {part.id for part in quality.appearance(seen, aligned(), LIMITS, look)}
    whole = {"yaw", "pitch", "roll", "eyes_open", "mouth_closed"}
    assert whole - measured == missing
