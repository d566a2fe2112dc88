"""Evidence of a print or a screen over several frames, on rendered scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biometrics import image, medium
from biometrics.detect import DetectedFace
from biometrics.dlib_models import Box
from biometrics.medium import MediumWatch
from biometrics.pad import NOT_RUN, fused
from biometrics.pipeline import Pipeline
from biometrics.track import Track
from biometrics.types import Liveness, LivenessState, Observation, Tier
from firmware_cfg.profile import QualityLimits
from sim.devices.camera import Scene, SceneRenderer
from sim.devices.photos import HANDLES, default_photographs, missing

FRAMES = 8
EXPECTED_FACE_PX = 220


@pytest.fixture(scope="module", params=[Tier.PACKAGED, Tier.RECOMMENDED])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    folder = request.getfixturevalue(request.param.value)
    return Pipeline(request.param, folder, QualityLimits(), EXPECTED_FACE_PX, lambda: 0)


@pytest.fixture(scope="module")
def renderer() -> SceneRenderer:
    folder: Path = default_photographs()
    if missing(folder):
        pytest.skip("the demo's photographs are absent: run `make prepare`")
    return SceneRenderer(folder, seed=1, lane=1)


def walk_in(
    pipeline: Pipeline, renderer: SceneRenderer, handle: str, *, printed: bool, replayed: bool
) -> list[Observation]:
    track = Track(pipeline.calibration)
    seen = []
    for frame in range(FRAMES):
        scene = Scene(handle, min(1.0, 0.5 + frame / 10), printed=printed, replayed=replayed)
        picture = image.decode(renderer.render(scene, frame))
        reference = pipeline.reference(picture)
        assert not hasattr(reference, "reason")
        look = pipeline.observe(picture, frame * 125_000_000, reference, 1e-3, None, track)  # type: ignore[arg-type]
        seen.append(look.observation)
    return seen


@pytest.mark.parametrize("kind", ["print", "screen"])
@pytest.mark.parametrize("handle", HANDLES[::2])
def test_a_portrait_on_a_medium_is_an_attack_before_anything_is_compared(
    pipeline: Pipeline, renderer: SceneRenderer, handle: str, kind: str
) -> None:
    seen = walk_in(pipeline, renderer, handle, printed=kind == "print", replayed=kind == "screen")
    states = [frame.liveness.state for frame in seen]
    assert LivenessState.ATTACK in states
    found = states.index(LivenessState.ATTACK)
    assert found <= 4
    assert all(frame.match is None for frame in seen[:found])
    assert LivenessState.BONA_FIDE not in states


@pytest.mark.parametrize("handle", HANDLES)
def test_a_traveller_is_no_attack(pipeline: Pipeline, renderer: SceneRenderer, handle: str) -> None:
    seen = walk_in(pipeline, renderer, handle, printed=False, replayed=False)
    assert all(frame.liveness.state is not LivenessState.ATTACK for frame in seen)
    assert any(frame.match for frame in seen)


def scene(x: int, y: int, margin: bool) -> tuple[image.Picture, DetectedFace]:
    """A grey hall with a face's box at x, y; with or without a white margin around it."""
    picture = np.full((480, 640, 3), 120, np.uint8)
    if margin:
        picture[y - 90 : y + 110, x - 80 : x + 80] = 250
        picture[y - 78 : y + 98, x - 68 : x + 68] = 100
    eyes = np.array(
        [[x - 20, y - 10], [x + 20, y - 10], [x, y + 10], [x - 15, y + 30], [x + 15, y + 30]]
    )
    return picture, DetectedFace(
        Box(x - 45, y - 50, x + 45, y + 50, 1.0), eyes.astype(np.float64), "yunet"
    )


def test_a_margin_that_goes_with_the_face_grows_into_evidence() -> None:
    watch = MediumWatch()
    grades = [watch.look(*scene(200 + 25 * n, 200, True)) for n in range(6)]
    assert grades == [0.4, 0.8, 0.9, 1.0, 1.0, 1.0]


def test_a_margin_that_stays_while_the_face_moves_is_none() -> None:
    watch = MediumWatch()
    backdrop, _ = scene(300, 220, True)
    grades = []
    for n in (-30, -15, 0, 15, 30):
        _, face = scene(300 + n, 220, False)
        small = DetectedFace(
            Box(*(np.array(face.box[:4]) * 0.7 + np.array([300, 220] * 2) * 0.3), 1.0),
            face.points * 0.7 + np.array([300, 220]) * 0.3, "yunet",
        )  # fmt: skip
        grades.append(watch.look(backdrop, small))
    assert max(grades) <= 0.4


def test_one_margin_by_chance_is_forgotten() -> None:
    watch = MediumWatch()
    assert watch.look(*scene(300, 200, True)) == 0.4
    assert watch.look(*scene(300, 200, False)) == 0.0


def test_a_plain_picture_or_one_too_small_has_no_margin() -> None:
    assert medium.margins(*scene(300, 200, False)) == []
    _, face = scene(300, 200, False)
    assert medium.margins(np.zeros((4, 4, 3), np.uint8), face) == []


LIVE = Liveness(state=LivenessState.BONA_FIDE, score=0.9)
FAKE = Liveness(state=LivenessState.ATTACK, score=0.1)


@pytest.mark.parametrize(
    ("by_model", "evidence", "state"),
    [
        (LIVE, 0.0, LivenessState.BONA_FIDE),
        (LIVE, 0.4, LivenessState.NOT_RUN),
        (LIVE, 0.8, LivenessState.ATTACK),
        (FAKE, 0.0, LivenessState.ATTACK),
        (NOT_RUN, 0.0, LivenessState.NOT_RUN),
        (NOT_RUN, 0.4, LivenessState.NOT_RUN),
        (NOT_RUN, 0.8, LivenessState.ATTACK),
    ],
)
def test_fusion(by_model: Liveness, evidence: float, state: LivenessState) -> None:
    found = fused(by_model, evidence, 0.5)
    assert found.state is state
    assert (found.score is None) == (state is LivenessState.NOT_RUN)
