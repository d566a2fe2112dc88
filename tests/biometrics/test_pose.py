"""How a head is turned, against truth: photographs turned by known angles, both tiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from biometrics import image
from biometrics.pipeline import Pipeline
from biometrics.types import Tier
from gate_agent.commands.face_models import PICTURE_LIMITS
from sim.devices.camera import Scene, SceneRenderer
from sim.devices.photos import default_photographs, missing

TOLERANCE_DEG = 3.0


@pytest.fixture(scope="module", params=[Tier.PACKAGED, Tier.RECOMMENDED])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    folder = request.getfixturevalue(request.param.value)
    return Pipeline(request.param, folder, PICTURE_LIMITS, 220, lambda: 0)


@pytest.fixture(scope="module")
def photographs() -> Path:
    folder: Path = default_photographs()
    if missing(folder):
        pytest.skip("the demo's photographs are absent: run `make prepare`")
    return folder


def tilted(picture: image.Picture, degrees: float) -> image.Picture:
    """The picture turned clockwise: the image's right eye sinks."""
    rows, columns = picture.shape[:2]
    middle = (columns / 2 - 0.5, rows / 2 - 0.5)
    matrix = cv2.getRotationMatrix2D(middle, -degrees, 1.0)
    turned = cv2.warpAffine(picture, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def component(pipeline: Pipeline, picture: image.Picture, name: str) -> float:
    native = {part.id: part.native for part in pipeline.examine(picture).quality}[name]
    assert native is not None
    return native


@pytest.mark.parametrize("name", ["a1.jpg", "c1.png"])
def test_roll_is_measured_as_it_is(pipeline: Pipeline, photographs: Path, name: str) -> None:
    picture = image.decode((photographs / name).read_bytes())
    level = tilted(picture, -component(pipeline, picture, "roll"))
    for degrees in (-30, -20, -10, -5, 5, 10, 20, 30):
        seen = pipeline.examine(tilted(level, degrees))
        roll = next(part for part in seen.quality if part.id == "roll")
        assert roll.native == pytest.approx(degrees, abs=TOLERANCE_DEG)
        assert roll.ok is (abs(degrees) <= 10)


def test_roll_of_many_people(pipeline: Pipeline, shared: Callable[..., Path]) -> None:
    folders = sorted(shared("faces", "lfw_dev").iterdir())[5:1400:120]
    missed = []
    for folder in folders:
        picture = image.decode(sorted(folder.glob("*.jpg"))[0].read_bytes())
        level = component(pipeline, picture, "roll")
        missed += [
            abs(component(pipeline, tilted(picture, degrees), "roll") - level - degrees)
            for degrees in (-25, 10, 20)
        ]
    assert np.median(missed) < 0.5
    assert np.mean([error <= TOLERANCE_DEG for error in missed]) >= 0.95


def test_yaw_and_pitch_have_their_sign_and_grow(pipeline: Pipeline, photographs: Path) -> None:
    renderer = SceneRenderer(photographs, seed=1, lane=1)
    yaws = [
        component(pipeline, image.decode(renderer.render(Scene("a1", turned_deg=turn), 3)), "yaw")
        for turn in (-24, -12, 0, 12, 24)
    ]
    assert yaws == sorted(yaws)
    assert yaws[0] < -5 < 5 < yaws[-1]
    picture = image.decode((photographs / "c1.png").read_bytes())
    pitches = [
        component(pipeline, nodded(picture, amount), "pitch") for amount in (-0.12, 0.0, 0.12)
    ]
    assert pitches == sorted(pitches)
    assert pitches[2] - pitches[0] > 3


def nodded(picture: image.Picture, amount: float) -> image.Picture:
    """The nose, which stands before the face's plane, moved down as in a nod."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    y, x = NOSE_AT[0] * picture.shape[0], NOSE_AT[1] * picture.shape[1]
    reach = NOSE_REACH * picture.shape[0]
    near = np.exp(-(((columns - x) / reach) ** 2) - ((rows - y) / reach) ** 2)
    source = (rows - amount * reach * 2 * near).astype(np.float32)
    return np.asarray(cv2.remap(picture, columns, source, cv2.INTER_LINEAR), np.uint8)


NOSE_AT, NOSE_REACH = (0.25, 0.437), 0.03  # shares of the photograph
