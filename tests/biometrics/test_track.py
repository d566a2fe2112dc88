"""What several frames say together: flat faces that turn, and grades that are averaged."""

from __future__ import annotations

import numpy as np
import pytest

from biometrics.detect import DetectedFace
from biometrics.dlib_models import Box
from biometrics.models.manifest import Calibration, Point, Weighting
from biometrics.pad import NOT_RUN
from biometrics.plane import PlaneWatch, parallax
from biometrics.track import LEAST_FRAMES, Track
from biometrics.types import Liveness, LivenessState

# Eyes, nose tip, mouth corners in eye distances; z towards the camera.
SOLID = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.6, 0.5], [-0.4, 1, 0], [0.4, 1, 0]])
FLAT = SOLID * (1, 1, 0)
HALL = np.full((720, 1280, 3), 120, np.uint8)
CALIBRATION = Calibration(
    provenance="none",
    impostor_pairs=1,
    networks=(Weighting(model="one", mean=0, deviation=1, weight=1),),
    points=(Point(fmr=1e-2, threshold=0.5),),
)


def turned(head: np.ndarray, degrees: float, noise_px: float = 0.0, seed: int = 0) -> DetectedFace:
    """A head (or a picture of one) turned about the vertical axis, eyes 100 px apart."""
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    points = (head @ turn.T)[:, :2] * 100 + (640, 300)
    points += np.random.default_rng(seed).normal(0, noise_px, points.shape)
    return DetectedFace(Box(520, 240, 760, 480, 1.0), points, "yunet")


def test_the_nose_of_a_picture_stays_in_its_plane() -> None:
    still = turned(SOLID, 0).points
    for degrees in (20, 35, 50):
        shrunk, moved = parallax(turned(FLAT, 0).points, turned(FLAT, degrees).points)
        assert shrunk == pytest.approx(1 - np.cos(np.radians(degrees)), abs=1e-6)
        assert moved == pytest.approx(0, abs=1e-6)
        shrunk, moved = parallax(still, turned(SOLID, degrees).points)
        assert moved == pytest.approx(0.5 * np.tan(np.radians(degrees)), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_that_turns_is_flat_and_a_head_is_not(seed: int) -> None:
    swing = [0, 5, 10, 25, 45, 50, 52, 48, 50, 47, 0, -46, -50]
    evidence = {}
    for name, head in (("flat", FLAT), ("solid", SOLID)):
        watch = PlaneWatch()
        grades = [watch.look(turned(head, a, 1.0, seed * 100 + n)) for n, a in enumerate(swing)]
        evidence[name] = grades
    assert evidence["flat"][-1] >= 0.8
    assert max(evidence["solid"]) == 0.0


def test_who_does_not_turn_proves_nothing() -> None:
    watch = PlaneWatch()
    assert max(watch.look(turned(FLAT, 3 * (n % 3), 1.0, n)) for n in range(30)) == 0.0


def test_too_few_frames_are_not_run_and_grades_are_averaged() -> None:
    track = Track(CALIBRATION)
    states = []
    for number, grade in enumerate((0.9, 0.9, 0.2, 0.9, 0.1, 0.1, 0.1)):
        track.add_frame(HALL, turned(SOLID, 0), number * 125_000_000)
        found = track.liveness(Liveness(state=LivenessState.BONA_FIDE, score=grade), 0.5)
        states.append((found.state, found.score))
    assert states[: LEAST_FRAMES - 1] == [(LivenessState.NOT_RUN, None)] * (LEAST_FRAMES - 1)
    assert states[2] == (LivenessState.BONA_FIDE, pytest.approx(2.0 / 3))
    assert states[4] == (LivenessState.BONA_FIDE, pytest.approx(3.0 / 5))
    assert states[6] == (LivenessState.ATTACK, pytest.approx(1.4 / 5))


def test_without_a_network_nothing_is_called_bona_fide() -> None:
    track = Track(CALIBRATION)
    for number in range(6):
        track.add_frame(HALL, turned(SOLID, 0), number * 125_000_000)
        assert track.liveness(NOT_RUN, 0.5) == NOT_RUN
    assert track.settled
