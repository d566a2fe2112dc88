"""Both tiers on real pairs, and what their detectors do with odd pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biometrics import calibrate, image
from biometrics.errors import ImageRefused, ModelMissing, Uncalibrated
from biometrics.match import Template, compare
from biometrics.pipeline import Pipeline, Unusable
from biometrics.types import LivenessState, Tier
from firmware_cfg.profile import QualityLimits

PAIRS = 12


def still() -> int:
    return 0


@pytest.fixture(scope="module", params=[Tier.PACKAGED, Tier.RECOMMENDED])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    folder = request.getfixturevalue(request.param.value)
    return Pipeline(request.param, folder, None, 100, still)


def test_genuine_pairs_match_and_impostors_do_not(
    pipeline: Pipeline, shared: Callable[..., Path]
) -> None:
    folder = shared("faces", "lfw_dev")
    several = [p for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) >= 4]
    references, matched = [], 0
    for person in several[:PAIRS]:
        first, second = sorted(person.glob("*.jpg"))[:2]
        reference = pipeline.reference(first.read_bytes())
        assert isinstance(reference, Template)
        seen = pipeline.observe(second.read_bytes(), 0, reference, 1e-3).observation
        assert seen.match is not None
        matched += seen.match.score >= seen.match.threshold
        references.append(reference)
    assert matched >= PAIRS - 1
    crossed = [
        compare(a, b, pipeline.calibration, 1e-4)
        for i, a in enumerate(references)
        for b in references[:i]
    ]
    assert all(match.score < match.threshold for match in crossed)


def test_a_template_matches_itself_and_is_of_length_one(
    pipeline: Pipeline, shared: Callable[..., Path]
) -> None:
    path = min(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))
    made = pipeline.reference(path.read_bytes())
    assert isinstance(made, Template)
    for embedding in made.embeddings.values():
        assert np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-6)
    itself = compare(made, made, pipeline.calibration, 1e-4)
    assert itself.score >= itself.threshold
    mirrored = pipeline.reference(np.ascontiguousarray(image.decode(path.read_bytes())[:, ::-1]))
    assert isinstance(mirrored, Template)
    other = compare(made, mirrored, pipeline.calibration, 1e-4)
    assert other.score >= other.threshold


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (33, 47), (720, 1280), (400, 1)])
def test_pictures_without_a_face(pipeline: Pipeline, shape: tuple[int, int]) -> None:
    empty = np.full((*shape, 3), 128, np.uint8)
    assert pipeline.reference(empty) == Unusable("no_face")
    assert pipeline.observe(empty, 0, None, 1e-3).observation.faces == 0


def test_unreadable_bytes_and_uncalibrated_rates(pipeline: Pipeline) -> None:
    with pytest.raises(ImageRefused):
        pipeline.reference(b"nothing")
    with pytest.raises(Uncalibrated):
        pipeline.observe(b"nothing", 0, None, 1e-7)


def test_a_large_frame_finds_the_same_face(pipeline: Pipeline, shared: Callable[..., Path]) -> None:
    path = min(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))
    small = image.decode(path.read_bytes())
    frame = np.full((720, 1280, 3), 100, np.uint8)
    frame[100:600, 300:800] = image.resize(small, 500, 500)
    reference = pipeline.reference(small)
    assert isinstance(reference, Template)
    look = pipeline.observe(frame, 5, reference, 1e-3)
    assert look.observation.faces == 1
    assert look.observation.frame_at_ns == 5
    assert look.observation.match is not None
    assert look.observation.match.score >= look.observation.match.threshold


def test_limits_keep_a_poor_face_from_being_compared(
    packaged: Path, shared: Callable[..., Path]
) -> None:
    path = min(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))
    strict = Pipeline(Tier.PACKAGED, packaged, QualityLimits(eye_distance_min_px=120.0), 100, still)
    made = strict.reference(path.read_bytes())
    assert isinstance(made, Template)
    seen = strict.observe(path.read_bytes(), 0, made, 1e-3).observation
    assert seen.guidance == "too_far"
    assert seen.match is None


def test_a_tier_that_is_not_installed_is_missing(packaged: Path) -> None:
    with pytest.raises(ModelMissing, match="yunet_n"):
        Pipeline(Tier.RECOMMENDED, packaged, None, 100, still)


def test_attack_detection_is_graded_and_apart_from_the_comparison(
    recommended: Path, shared: Callable[..., Path]
) -> None:
    pipeline = Pipeline(Tier.RECOMMENDED, recommended, None, 220, still)
    assert pipeline.models.pad
    for path in sorted(shared("faces", "pad_samples").glob("*.jpg")):
        seen = pipeline.observe(path.read_bytes(), 0, None, 1e-3).observation
        assert seen.liveness.score is not None
        assert 0 <= seen.liveness.score <= 1
        live = "_T" in path.name
        wanted = LivenessState.BONA_FIDE if live else LivenessState.ATTACK
        assert seen.liveness.state is wanted, path.name


def test_the_packaged_tier_says_that_attack_detection_did_not_run(
    packaged: Path, shared: Callable[..., Path]
) -> None:
    path = min(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))
    pipeline = Pipeline(Tier.PACKAGED, packaged, None, 100, still)
    assert not pipeline.models.pad
    seen = pipeline.observe(path.read_bytes(), 0, None, 1e-3).observation
    assert seen.liveness.state is LivenessState.NOT_RUN
    assert seen.liveness.score is None


def test_a_threshold_is_reached_by_no_more_than_its_share() -> None:
    scores = np.random.default_rng(1).normal(size=10_000)
    for fmr in (1e-2, 1e-3):
        assert (scores >= calibrate.threshold(scores, fmr)).sum() == fmr * scores.size
    ties = np.repeat([0.0, 1.0], [990, 10])
    assert (ties >= calibrate.threshold(ties, 5e-3)).sum() == 0


def test_the_learned_grade_is_reported_where_its_model_is(
    recommended: Path, shared: Callable[..., Path]
) -> None:
    path = min(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))
    pipeline = Pipeline(Tier.RECOMMENDED, recommended, None, 100, still)
    sharp = image.decode(path.read_bytes())
    coarse = image.resize(image.resize(sharp, 40, 40), 250, 250)
    graded = []
    for picture in (sharp, coarse):
        found = {part.id: part for part in pipeline.examine(picture).quality}
        graded.append(found["unified_quality_score"])
    assert graded[0].native > graded[1].native
    assert graded[0].value > graded[1].value
