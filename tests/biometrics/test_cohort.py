"""Continuous evaluation: a fixed cohort, counted at the end of each verification."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from face_records import dg2

from biometrics import cohort
from biometrics.device import VisionDevice
from biometrics.errors import ModelRefused
from biometrics.match import Template
from biometrics.models.manifest import Calibration, Point, Weighting
from biometrics.pipeline import Pipeline
from biometrics.track import LEAST_FRAMES
from biometrics.types import Prepare, StartVerify, StopVerify, Tier, VerifyEnded, VerifyLimits
from gate_agent.commands.models import register

MODELS = {"one": "ab" * 32}
CALIBRATION = Calibration(
    provenance="none",
    impostor_pairs=1,
    networks=(Weighting(model="one", mean=0, deviation=1, weight=1),),
    points=(Point(fmr=1e-2, threshold=0.5),),
)


def axis(number: int) -> Template:
    return Template({"one": np.eye(8, dtype=np.float32)[number]})


def test_who_reaches_the_threshold_is_counted(tmp_path: Path) -> None:
    path = tmp_path / cohort.file_name("packaged")
    path.write_bytes(cohort.write([axis(0), axis(1), axis(0)], MODELS))
    made = cohort.read(path, MODELS, ["one"])
    assert made.count(axis(0), CALIBRATION, 0.5) == (3, 2)
    assert made.count(axis(4), CALIBRATION, 0.5) == (3, 0)


def test_a_cohort_of_other_models_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cohort.npz"
    path.write_bytes(cohort.write([axis(0)], MODELS))
    with pytest.raises(ModelRefused, match="other models"):
        cohort.read(path, {"one": "cd" * 32}, ["one"])
    for broken in (b"", b"PK\x03\x04", path.read_bytes()[:100]):
        path.write_bytes(broken)
        with pytest.raises(ModelRefused, match="not a cohort"):
            cohort.read(path, MODELS, ["one"])
    with pytest.raises(ValueError, match="faces"):
        cohort.write([], MODELS)


def test_a_verification_ends_with_its_counts(
    packaged: Path, shared: Callable[..., Path], tmp_path: Path
) -> None:
    import argparse

    people = [p for p in sorted(shared("faces", "lfw_dev").iterdir()) if len(list(p.iterdir())) > 1]
    installed, pictures = tmp_path / "models", tmp_path / "people"
    shutil.copytree(packaged, installed)
    pictures.mkdir()
    for number, person in enumerate(people[10:16]):
        shutil.copy(sorted(person.glob("*.jpg"))[0], pictures / f"{number}.jpg")
    (pictures / "broken.jpg").write_bytes(b"no picture")
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    asked = parser.parse_args(
        ["models", "cohort", "--images", str(pictures), "--store", str(installed)]
    )
    assert asked.run(asked) == 0
    pipeline = Pipeline(Tier.PACKAGED, installed, None, 100, lambda: 0)
    device = VisionDevice(lambda: pipeline, frame_age_max_ms=500)
    first, second = (path.read_bytes() for path in sorted(people[0].glob("*.jpg"))[:2])
    device.command(Prepare(ticket=1, portrait="h"), {"h": bytearray(dg2(first))}, 0)
    limits = VerifyLimits(fmr=1e-3, budget_ms=5_000, frame_budget_ms=250)
    device.command(StartVerify(ticket=1, limits=limits), {}, 0)
    for number in range(LEAST_FRAMES):
        device.step(second, number * 125_000_000, number * 125_000_000)
    device.command(StopVerify(ticket=1), {}, 0)
    ended = device.events()[-1]
    assert isinstance(ended, VerifyEnded)
    assert (ended.impostor_comparisons, ended.impostor_matches) == (6, 0)
