"""Guidance over rendered frames of the simulated camera, down to the traveller's sentences."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fake_lane import referred

from biometrics import image
from biometrics.match import Template
from biometrics.pipeline import Pipeline
from biometrics.track import EYES_PATIENCE, Track
from biometrics.types import Guidance, Tier
from firmware_cfg.profile import QualityLimits
from gate_agent.console.sentences import LANGUAGES
from gate_agent.console.traveller_view import traveller_view
from gate_agent.lane_api.api import FaceView, Step
from sim.bench.eyes import Counted, measure
from sim.devices.camera import EMPTY, Scene, SceneRenderer
from sim.devices.photos import default_photographs, missing

TURNED_DEG = {Tier.PACKAGED: 32.0, Tier.RECOMMENDED: 45.0}  # one finds faces less turned


@pytest.fixture(scope="module", params=[Tier.PACKAGED, Tier.RECOMMENDED])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    folder = request.getfixturevalue(request.param.value)
    return Pipeline(request.param, folder, QualityLimits(), 220, lambda: 0)


@pytest.fixture(scope="module")
def renderer() -> SceneRenderer:
    folder: Path = default_photographs()
    if missing(folder):
        pytest.skip("the demo's photographs are absent: run `make prepare`")
    return SceneRenderer(folder, seed=1, lane=1)


def shown(pipeline: Pipeline, renderer: SceneRenderer, scene: Scene) -> Guidance:
    """What the frame asks for; the traveller's page must say it in each of its languages."""
    observation = pipeline.observe(renderer.render(scene, 3), 0, None, 1e-3).observation
    face = FaceView(guidance=observation.guidance, faces=observation.faces)
    view = msgspec.structs.replace(referred(1), step=Step.VERIFYING, face=face)
    hint = traveller_view(view).hint
    if observation.guidance is Guidance.NONE:
        assert hint is None
    else:
        assert hint is not None
        assert len({hint[language] for language in LANGUAGES}) == len(LANGUAGES)
        assert all(hint[language].strip() for language in LANGUAGES)
    return observation.guidance


@pytest.mark.parametrize(
    ("scene", "guidance"),
    [
        (Scene("b1"), Guidance.NONE),
        (EMPTY, Guidance.NO_FACE),
        (Scene("b1", 0.0), Guidance.TOO_FAR),
        (Scene("b1", 2.8), Guidance.TOO_NEAR),
        (Scene("b1", aside=-0.42), Guidance.MOVE_LEFT),
        (Scene("b1", aside=0.42), Guidance.MOVE_RIGHT),
        (Scene("b1", above=0.33), Guidance.MOVE_DOWN),
        (Scene("b1", above=-0.47), Guidance.MOVE_UP),
        (Scene("b1", people=2), Guidance.ONE_PERSON),
    ],
)
def test_the_traveller_gets_guidance(
    pipeline: Pipeline, renderer: SceneRenderer, scene: Scene, guidance: Guidance
) -> None:
    assert shown(pipeline, renderer, scene) is guidance


def test_who_turns_away_is_asked_to_look_straight(
    pipeline: Pipeline, renderer: SceneRenderer
) -> None:
    turned = Scene("b1", turned_deg=TURNED_DEG[pipeline.tier])
    assert shown(pipeline, renderer, turned) is Guidance.LOOK_STRAIGHT


@pytest.mark.parametrize("handle", ["a1", "b1", "c1"])
def test_who_closes_the_eyes_is_asked_to_open_them(
    pipeline: Pipeline, renderer: SceneRenderer, handle: str
) -> None:
    assert shown(pipeline, renderer, Scene(handle)) is Guidance.NONE
    assert shown(pipeline, renderer, Scene(handle, asleep=True)) is Guidance.OPEN_EYES


@pytest.mark.parametrize("handle", ["a1", "a2", "a3", "b1", "c1"])
def test_closing_the_eyes_shows_in_both_tiers(
    pipeline: Pipeline, renderer: SceneRenderer, handle: str
) -> None:
    found = []
    for asleep in (False, True):
        seen = pipeline.examine(_decoded(renderer.render(Scene(handle, asleep=asleep), 3)))
        found.append({part.id: part.value for part in seen.quality})
    assert found[1]["eyes_open"] <= found[0]["eyes_open"] - 5
    assert found[0].keys() == found[1].keys()
    assert {"eyes_open", "mouth_closed", "pitch"} <= found[0].keys()


def test_eyes_that_stay_narrow_are_compared_in_the_end(
    pipeline: Pipeline, renderer: SceneRenderer
) -> None:
    reference = pipeline.reference(renderer.render(Scene("b1"), 3))
    assert isinstance(reference, Template)
    track, looks = Track(pipeline.calibration), []
    for number in range(EYES_PATIENCE + 4):
        frame = renderer.render(Scene("b1", asleep=True), 3)
        look = pipeline.observe(frame, number * 120_000_000, reference, 1e-3, track=track)
        looks.append(look.observation)
    for seen in looks[:EYES_PATIENCE]:
        assert (seen.guidance, seen.match) == (Guidance.OPEN_EYES, None)
    assert looks[-1].guidance is Guidance.NONE
    assert looks[-1].match is not None


def test_the_bench_counts_painted_lids_and_false_alarms(
    pipeline: Pipeline, renderer: SceneRenderer, tmp_path: Path
) -> None:
    for handle in ("a1", "c1"):
        (tmp_path / handle).mkdir()
        (tmp_path / handle / "1.jpg").write_bytes(renderer.render(Scene(handle), 3))
    found = measure(pipeline, sorted(tmp_path.glob("*/*.jpg")), lambda _done, _total: None)
    assert found["open"] == Counted(pictures=2, undetermined=0, closed=0)
    assert found["painted"] == Counted(pictures=2, undetermined=0, closed=2)


def _decoded(jpeg: bytes) -> image.Picture:
    return image.decode(jpeg)
