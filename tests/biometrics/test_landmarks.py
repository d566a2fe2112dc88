"""dlib's 68-point predictor made small: the same points, and malformed files named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics import image
from biometrics.convert import integers, landmarks
from biometrics.errors import WeightsMalformed
from biometrics.landmarks import Landmarks68
from biometrics.models import store
from biometrics.models.manifest import load_manifest
from biometrics.pipeline import Pipeline
from biometrics.types import Tier


def coded(value: int) -> bytes:
    """One of dlib's integers."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    mantissa, exponent = np.frexp(value)
    return coded(int(mantissa * 2**24)) + coded(int(exponent) - 24)


@given(st.lists(st.integers(-(2**55), 2**55), min_size=1, max_size=3000))
def test_integers_are_found_and_read_as_they_were_written(numbers: list[int]) -> None:
    data = b"".join(coded(number) for number in numbers)
    at = integers.starts(data)
    assert integers.values(data + bytes(8), at).tolist() == numbers


def test_long_runs_fall_into_step() -> None:
    numbers = np.random.default_rng(1).integers(-(2**30), 2**30, 60_000).tolist()
    data = b"".join(coded(number) for number in numbers)
    assert integers.values(data + bytes(8), integers.starts(data)).tolist() == numbers


@given(st.binary(min_size=1, max_size=200))
def test_arbitrary_bytes_are_malformed_or_numbers(data: bytes) -> None:
    try:
        at = integers.starts(data)
        integers.values(data + bytes(8), at)
    except WeightsMalformed:
        return
    assert at[0] == 0


def tiny() -> bytes:
    """A predictor of two points: one cascade of one tree with one split."""
    shape = [coded(1), coded(-4), coded(-1), *map(real, (0.25, 0.5, 0.75, 0.5))]
    leaves = [coded(2)]
    for step in ((0.125, 0.0, 0.0, 0.0), (0.0, 0.25, 0.0, 0.0)):
        leaves += [coded(-4), coded(-1), *map(real, step)]
    tree = [coded(1), coded(1), coded(1), coded(0), coded(1), real(0.5), *leaves]
    anchors = [coded(1), coded(2), coded(0), coded(1)]
    offsets = [coded(1), coded(2), *map(real, (0.0, 0.0, 0.0, 0.0))]
    return b"".join([*shape, *tree, *anchors, *offsets])


def test_a_small_predictor_is_read_and_written() -> None:
    made = landmarks.read(landmarks.write(landmarks.parse(tiny())))
    assert made.initial.tolist() == [0.25, 0.5, 0.75, 0.5]
    assert made.pixels.tolist() == [[[[0, 1]]]]
    assert made.thresholds.tolist() == [[[0.5]]]
    steps = made.leaves.astype(np.float32) @ made.basis
    assert np.allclose(steps[0, 0], [[0.125, 0, 0, 0], [0, 0.25, 0, 0]], atol=1e-3)


@given(st.integers(0, len(tiny()) - 1), st.integers(0, 255))
def test_a_changed_or_cut_predictor_is_malformed_or_read(at: int, byte: int) -> None:
    data = tiny()
    for broken in (data[:at], data[:at] + bytes([byte]) + data[at + 1 :]):
        try:
            landmarks.parse(broken)
        except WeightsMalformed as fault:
            assert fault.diagnosis


@given(st.integers(0, 80), st.integers(0, 255))
def test_a_changed_small_file_is_refused_or_read(at: int, byte: int) -> None:
    data = landmarks.write(landmarks.parse(tiny()))
    at %= len(data)
    for broken in (data[:at], data + b"x", data[:at] + bytes([byte]) + data[at + 1 :]):
        try:
            landmarks.read(broken)
        except WeightsMalformed as fault:
            assert fault.diagnosis


def test_its_points_are_dlibs(packaged: Path, shared: Callable[..., Path]) -> None:
    dlib = pytest.importorskip("dlib")
    from biometrics.dlib_models import packaged_weights

    model = load_manifest().model("dlib_landmarks68")
    ours = Landmarks68(landmarks.read(store.read(packaged, model)))
    theirs = dlib.shape_predictor(str(packaged_weights(model.made_from)))
    pipeline = Pipeline(Tier.PACKAGED, packaged, None, 220, lambda: 0)
    strays = []
    for person in sorted(shared("faces", "lfw_dev").iterdir())[:40:2]:
        picture = image.decode(sorted(person.glob("*.jpg"))[0].read_bytes())
        face = pipeline.face(picture)
        if face is None:
            continue
        left, top, right, low = (round(side) for side in face.box[:4])
        parts = theirs(picture, dlib.rectangle(left, top, right - 1, low - 1)).parts()
        points = np.array([(part.x, part.y) for part in parts])
        stray = np.hypot(*(ours.find(picture, face) - points).T)
        strays.append(stray.mean() / face.eye_distance_px)
    assert len(strays) >= 15
    assert np.mean(strays) < 0.03
    assert max(strays) < 0.06
