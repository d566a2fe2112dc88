"""Open and closed eyes, drawn: a disc or a line, in any skin, light, size and roll."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biometrics import eyes, image


def drawn(
    *, closed: bool, skin: float = 170, dark: float = 60, apart: float = 100, roll_deg: float = 0
) -> tuple[image.Picture, tuple[eyes.Points, eyes.Points]]:
    """Two eyes on even skin, and their middles."""
    half = apart / 2 * np.array([np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))])
    middles = (np.array([150.0, 100.0]) - half, np.array([150.0, 100.0]) + half)
    rows, columns = np.mgrid[0:200, 0:300].astype(float)
    picture = np.full((200, 300), skin)
    for x, y in middles:
        along = ((columns - x) * half[0] + (rows - y) * half[1]) / (apart / 2) / apart
        down = ((rows - y) * half[0] - (columns - x) * half[1]) / (apart / 2) / apart
        iris = (np.hypot(along, down) < 0.085) & (down > -0.06)
        line = (np.abs(along) < 0.2) & (np.abs(down - 0.04 * np.cos(along * 7)) < 0.02)
        picture[line if closed else iris] = dark
    return np.repeat(picture.astype(np.uint8)[..., None], 3, 2), middles


@settings(max_examples=25)
@given(
    skin=st.floats(90, 240),
    depth=st.floats(0.3, 0.8),
    apart=st.floats(45, 160),
    roll_deg=st.floats(-15, 15),
)
def test_an_iris_counts_and_a_line_does_not(
    skin: float, depth: float, apart: float, roll_deg: float
) -> None:
    found = []
    for closed in (False, True):
        picture, middles = drawn(
            closed=closed, skin=skin, dark=skin * (1 - depth), apart=apart, roll_deg=roll_deg
        )
        share = eyes.openness(picture, middles)
        assert share is not None
        found.append(share)
    assert found[0] > 0.75
    assert found[1] < 0.35


@pytest.mark.parametrize("case", ["flat", "small", "coinciding"])
def test_a_picture_that_allows_no_answer_gets_none(case: str) -> None:
    picture, middles = drawn(closed=False, apart=25 if case == "small" else 100)
    if case == "flat":
        picture[:] = 120
    if case == "coinciding":
        middles = (middles[0], middles[0])
    assert eyes.openness(picture, middles) is None


def test_eyes_at_the_edge_of_a_picture_are_no_fault() -> None:
    picture, _ = drawn(closed=False)
    for middle in (np.array([-40.0, -40.0]), np.array([299.0, 199.0])):
        eyes.openness(picture, (middle, middle + np.array([60.0, 0.0])))
