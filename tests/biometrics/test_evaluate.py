"""Error rates: pairs, failures, thresholds and intervals on synthetic templates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics import calibrate, report
from biometrics.evaluate import (
    compare_all,
    equal_error_rate,
    rate,
    summary,
    threshold_at,
)
from biometrics.gallery import Gallery
from biometrics.models.manifest import Calibration, Likelihood, Point, Weighting

NETWORK = Weighting(model="net", mean=0.0, deviation=1.0, weight=1.0)
CALIBRATION = Calibration(
    provenance="made up",
    impostor_pairs=1,
    networks=(NETWORK,),
    points=(Point(fmr=1e-2, threshold=0.5),),
)


def gallery(
    counts: list[int], noise: float, seed: int = 1, failed: tuple[int, ...] = ()
) -> Gallery:
    """Persons as random directions in 64 dimensions, their pictures near them."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(counts)), counts)
    centres = generator.normal(size=(len(counts), 64))
    rows = centres[person] + noise * generator.normal(size=(len(person), 64))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    acquired = np.ones(len(person), np.bool_)
    acquired[list(failed)] = False
    rows[~acquired] = 0
    quality = generator.uniform(0, 100, len(person)).astype(np.float32)
    return Gallery(person, acquired, {"net": rows.astype(np.float32)}, quality)


def test_every_pair_is_compared_once() -> None:
    made = gallery([1, 2, 4], 0.1)
    found = compare_all(CALIBRATION, made, made)
    assert found.genuine.size == 0 + 1 + 6
    assert found.impostor.size == 3
    assert (found.reference < found.probe).all()
    assert found.identities == 3
    assert found.genuine.dtype == found.impostor.dtype == np.float32


def test_a_failure_is_a_non_match_at_every_threshold() -> None:
    made = gallery([2] * 50, 0.01, failed=(0,))
    found = compare_all(CALIBRATION, made, made)
    result = summary(found, CALIBRATION, ["1e-2", "0.5"], seed=1)
    assert result["failures_to_acquire"] == 1
    assert np.isnan(found.genuine).sum() == 1
    for key in ("1e-2", "0.5"):
        assert result["fnmr"][key]["value"] == pytest.approx(1 / 50)
        assert result["fnmr_acquired"][key]["value"] == 0
    assert result["calibrated"]["0.01"]["fnmr"] == pytest.approx(1 / 50)
    assert np.isnan(found.impostor).sum() == 49


def test_several_probes_are_combined_and_beat_one() -> None:
    made = gallery([4] * 60, 1.5)
    single = summary(compare_all(CALIBRATION, made, made), CALIBRATION, ["1e-2"], 1)
    several = compare_all(CALIBRATION, made, made, probes=3)
    assert several.genuine.size == 240
    assert several.impostor.size == 60 * 59 // 2
    combined = summary(several, CALIBRATION, ["1e-2"], 1)
    assert combined["fnmr"]["1e-2"]["value"] < single["fnmr"]["1e-2"]["value"]
    assert combined["eer"] < single["eer"]


def test_persons_with_too_few_pictures_have_no_combined_comparison() -> None:
    made = gallery([1, 2, 3], 0.1)
    found = compare_all(CALIBRATION, made, made, probes=3)
    assert (found.genuine.size, found.impostor.size) == (0, 0)
    result = summary(found, CALIBRATION, ["1e-3"], 1)
    assert result["eer"] is None
    assert result["fnmr"]["1e-3"]["value"] is None


def test_a_combined_probe_without_its_failures() -> None:
    made = gallery([3, 3], 0.1, failed=(1,))
    found = compare_all(CALIBRATION, made, made, probes=2)
    # picture 1 as reference fails; 0 is compared with 2 alone, 2 with 0 alone
    assert np.isnan(found.genuine[:3]).tolist() == [False, True, False]


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=200),
    st.floats(1e-4, 0.9),
)
def test_a_threshold_keeps_its_rate(values: list[int], fmr: float) -> None:
    scores = np.array(values, np.float32) / 7
    threshold = threshold_at(scores, fmr)
    assert threshold is not None
    assert (scores.astype(np.float64) >= threshold).mean() <= fmr
    assert threshold_at(np.append(scores, np.float32(np.nan)), fmr) == threshold


def test_no_impostor_no_threshold() -> None:
    assert threshold_at(np.full(3, np.nan, np.float32), 1e-2) is None


def test_the_equal_error_rate_of_known_scores() -> None:
    genuine = np.array([1, 2, 3, 4], np.float32)
    assert equal_error_rate(genuine, genuine - 10) == 0
    assert equal_error_rate(genuine, genuine) == pytest.approx(0.5)
    half = np.append(genuine, np.full(4, np.nan, np.float32))
    assert equal_error_rate(half, genuine - 10) == pytest.approx(0.5)


def test_intervals_follow_the_seed_and_hold_the_rate() -> None:
    missed = np.random.default_rng(4).random(400) < 0.1
    person = np.repeat(np.arange(100), 4)
    first = rate(missed, person, np.random.default_rng(1))
    again = rate(missed, person, np.random.default_rng(1))
    other = rate(missed, person, np.random.default_rng(2))
    assert first is not None
    assert first == again != other
    value, (low, high) = first
    assert low < value < high


def test_correlated_pictures_widen_the_interval() -> None:
    missed = np.repeat(np.arange(100) < 10, 10)
    alone = rate(missed, np.arange(1000), np.random.default_rng(1))
    together = rate(missed, np.repeat(np.arange(100), 10), np.random.default_rng(1))
    assert alone is not None
    assert together is not None
    assert together[1][1] - together[1][0] > 2 * (alone[1][1] - alone[1][0])


def test_the_likelihood_ratio_rises_and_finds_the_truth() -> None:
    generator = np.random.default_rng(7)
    genuine, impostor = generator.normal(2, 1, 20_000), generator.normal(-2, 1, 200_000)
    found = calibrate.likelihood(genuine, impostor)
    assert found is not None
    for score in (-0.5, 0.0, 0.5, 1.0):
        assert found.ratio(score) == pytest.approx(4 * score, abs=0.8)
    grid = [found.ratio(x) for x in np.linspace(-9, 9, 400)]
    assert grid == sorted(grid)
    assert found.ratio(1e9) == found.llrs[-1] < np.log(200_000 / 0.5)


def test_a_likelihood_of_knots_out_of_order_is_refused() -> None:
    for scores, llrs in (
        ((0.0, 0.0), (1.0, 2.0)),
        ((0.0, 1.0), (2.0, 1.0)),
        ((0.0, 1.0), (1.0,) * 3),
    ):
        with pytest.raises(ValueError, match="likelihood"):
            Likelihood(scores=scores, llrs=llrs)


def test_too_few_persons_calibrate_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        calibrate.calibrate(gallery([2, 2], 0.1), [NETWORK], "")
    empty = Gallery(np.zeros(1, np.int64), np.zeros(1, np.bool_), {}, np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="too few"):
        calibrate.calibrate(empty, [NETWORK], "")


def test_a_calibration_of_a_gallery_keeps_its_rates() -> None:
    made = gallery([2] * 100, 0.8)
    found = calibrate.calibrate(made, [NETWORK], "made up")
    result = summary(compare_all(found, made, made), found, ["1e-2"], 1)
    assert result["calibrated"]["0.01"]["fmr"] <= 1e-2
    assert found.likelihood is not None
    assert found.impostor_pairs == 4950


def test_the_report_is_one_page_that_needs_nothing_and_names_no_one() -> None:
    made = gallery([3] * 60, 0.9, failed=(4,))
    found = compare_all(CALIBRATION, made, made)
    result = {"tier": "<packaged>", "chip": False, "probes": 1}
    result |= summary(found, CALIBRATION, ["1e-2", "1e-4"], 1)
    page = report.page(result, found, made, made)
    assert page.count("<svg") == 3
    assert "&lt;packaged&gt;" in page
    assert "http" not in page
    assert "not acquired" in page
    assert "fewer than ten" in page
    assert "nan" not in page


def test_the_report_of_next_to_nothing() -> None:
    made = gallery([1], 0.1)
    found = compare_all(CALIBRATION, made, made)
    result = {"tier": "packaged", "chip": False, "probes": 1}
    result |= summary(found, CALIBRATION, ["1e-2"], 1)
    assert "Too few comparisons" in report.page(result, found, made, made)


def test_discarding_by_quality_lowers_the_error() -> None:
    made = gallery([2] * 200, 0.1)
    found = compare_all(CALIBRATION, made, made)
    spoilt = np.arange(200) % 10 == 0
    found.genuine[spoilt] = -1
    points = report.discard_points(found, np.where(spoilt, 1.0, 50.0))
    assert points[0][1] == pytest.approx(0.1)
    assert points[10][1] == 0
