"""Hidden eyes and mouths: drawn faces for the measure, photographs with covers for both tiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics import image, occlusion
from biometrics.pipeline import Pipeline
from biometrics.quality import guidance
from biometrics.types import Guidance, Tier
from gate_agent.commands.face_models import PICTURE_LIMITS
from sim.bench.occlusion import LABELLED, Counted, measure, read_labels
from sim.devices.covers import Eyes, glasses, mask
from sim.devices.photos import default_photographs, missing

SKIN = (190, 140, 120)


def framed(*, skin: tuple[int, int, int] = SKIN, light: float = 1.0) -> image.Picture:
    """A face in ArcFace's frame: skin, two eyes with lashes, lips with a dark line."""
    picture = np.empty((112, 112, 3))
    picture[:] = skin
    for x in (38, 74):
        picture[50:54, x - 6 : x + 7] = np.array(skin) * 0.3
    picture[88:92, 42:70] = np.array(skin) * [0.8, 0.5, 0.5]
    picture[92:94, 42:70] = np.array(skin) * 0.3
    picture[94:99, 42:70] = np.array(skin) * [0.9, 0.6, 0.6]
    return np.clip(picture * light, 0, 255).astype(np.uint8)


@given(
    st.sampled_from([(240, 200, 180), (190, 140, 120), (120, 80, 60), (75, 50, 40)]),
    st.floats(0.5, 1.05),
)
def test_neither_skin_nor_light_hides_a_face(skin: tuple[int, int, int], light: float) -> None:
    seen = occlusion.measured(framed(skin=skin, light=light))
    assert min(seen) > 0.6


def test_dark_lenses_hide_eyes_alone() -> None:
    picture = framed()
    for x in (38, 74):
        picture[42:64, x - 14 : x + 15] = 25
    seen = occlusion.measured(picture)
    assert seen.eyes < 0.3
    assert seen.mouth > 0.6


@pytest.mark.parametrize("colour", [(240, 240, 240), (30, 30, 30), (110, 160, 220), SKIN])
def test_cloth_hides_the_mouth(colour: tuple[int, int, int]) -> None:
    picture = framed()
    picture[68:, 20:92] = colour
    assert occlusion.measured(picture).mouth < 0.4


@given(st.integers(0, 255))
def test_a_flat_picture_is_measured_as_hidden(level: int) -> None:
    seen = occlusion.measured(np.full((112, 112, 3), level, np.uint8))
    assert seen.mouth == 0.0


@pytest.fixture(scope="module", params=[Tier.PACKAGED, Tier.RECOMMENDED])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    folder = request.getfixturevalue(request.param.value)
    return Pipeline(request.param, folder, PICTURE_LIMITS, 220, lambda: 0)


@pytest.fixture(scope="module", params=["a2.jpg", "b1.jpg", "c1.png"])
def photograph(request: pytest.FixtureRequest) -> image.Picture:
    folder: Path = default_photographs()
    if missing(folder):
        pytest.skip("the demo's photographs are absent: run `make prepare`")
    return image.decode((folder / request.param).read_bytes())


def test_covers_ask_for_their_removal_in_both_tiers(
    pipeline: Pipeline, photograph: image.Picture
) -> None:
    face = pipeline.face(photograph)
    assert face is not None
    (x0, y0), (x1, y1) = (eye.tolist() for eye in face.eyes)
    eyes: Eyes = ((x0, y0), (x1, y1))
    plain = {part.id: part for part in pipeline.examine(photograph).quality}
    assert plain["eyes_visible"].ok
    assert plain["mouth_visible"].ok
    dark = glasses(photograph, eyes, (28, 24, 20), round_lenses=True)
    assert guidance(pipeline.examine(dark).quality) is Guidance.TAKE_OFF_GLASSES
    for colour in ((225, 228, 230), (90, 140, 190)):
        worn = pipeline.examine(mask(photograph, eyes, colour))
        # dlib's detector finds no face under some masks, or another one
        if worn.face is not None and abs(worn.face.box.left - face.box.left) < face.eye_distance_px:
            assert guidance(worn.quality) is Guidance.UNCOVER_FACE


def test_the_labelled_list_is_whole_and_counted(
    pipeline: Pipeline, photograph: image.Picture, tmp_path: Path
) -> None:
    labels = read_labels(LABELLED.read_text(encoding="utf-8"))
    assert len(labels) == 320
    assert len({name.split("/")[0] for name in labels}) > 200
    (tmp_path / "x.jpg").write_bytes(image.encode_jpeg(photograph, 95))
    found = measure(pipeline, tmp_path, {"x.jpg": "clear", "absent.jpg": "clear"}, lambda *_: None)
    assert found["clear"] == Counted(pictures=1, no_face=0, hidden=0)
    assert found["glasses, black"].pictures == 1


@pytest.mark.parametrize("text", ["a/b.jpg", "a/b.jpg veiled", "../b.jpg clear"])
def test_a_line_that_is_no_label_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_labels(f"# remark\n{text}\n")
