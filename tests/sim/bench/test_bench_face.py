"""The bench: its figures' shape and arithmetic, on a clock of its own; no figure is asserted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biometrics import dlib_models, image
from biometrics.errors import ModelMissing
from sim.bench.face import FRAME_COLUMNS, FRAME_ROWS, bench, compose


class Ticks:
    """Each look at the clock is a millisecond later."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns


def test_every_stage_is_measured_side_by_side(packaged: Path, shared: Callable[..., Path]) -> None:
    photographs = sorted(shared("faces", "lfw_dev").glob("A*/*_0001.jpg"))[:2]
    with warnings.catch_warnings():
        # face_recognition's own module path is not ours to mend
        warnings.simplefilter("ignore", DeprecationWarning)
        found = bench(packaged, photographs, 2, Ticks())
    stages = found["stages"]
    assert {"embed.dlib_bin", "embed.onnx", "embed.onnx_flip", "frame.packaged"} <= set(stages)
    assert all(values["n"] == 2 and values["p50_ms"] >= 1 for values in stages.values())
    assert found["ratios"]["dlib_bin / embed.onnx"] == 1.0
    assert found["parity"]["cosine"] >= 0.9999
    assert found["parity"]["max_abs_difference"] < 1e-5
    assert found["parity"]["chips"] == 2
    assert found["tier"] == "packaged"


def test_a_composed_face_is_as_wide_as_asked_and_in_the_middle() -> None:
    photograph = np.zeros((400, 300, 3), np.uint8)
    photograph[100:200, 150:250] = 255
    frame = compose(photograph, dlib_models.Box(150, 100, 250, 200, 1.0), 220)
    assert frame.shape == (FRAME_ROWS, FRAME_COLUMNS, 3)
    rows, columns = np.nonzero(frame[..., 0] == 255)
    assert columns.max() - columns.min() + 1 == pytest.approx(220, abs=2)
    assert (columns.max() + columns.min()) / 2 == pytest.approx(FRAME_COLUMNS / 2, abs=2)
    assert (rows.max() + rows.min()) / 2 == pytest.approx(FRAME_ROWS / 2, abs=2)


def test_without_faces_or_models_there_is_nothing_to_measure(
    packaged: Path, tmp_path: Path
) -> None:
    path = tmp_path / "empty.jpg"
    path.write_bytes(image.encode_jpeg(np.full((200, 200, 3), 90, np.uint8)))
    with pytest.raises(ModelMissing, match="no photograph"):
        bench(packaged, [path], 1, Ticks())
    with pytest.raises(ModelMissing, match="not installed"):
        bench(tmp_path, [path], 1, Ticks())
    with pytest.raises(ValueError, match="round"):
        bench(packaged, [path], 0, Ticks())
