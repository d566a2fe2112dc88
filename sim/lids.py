"""Closed lids, painted over the open eyes of a photograph.

The eye gives way to the skin around it, and a line of lashes lies where the lids meet. What is
painted serves the simulated camera, and to measure how closed eyes are told from open ones.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Point = tuple[float, float]

HALF_WIDTH, OVER, UNDER = 0.28, 0.145, 0.13  # of an eye's opening, in distances of the eyes
LASHES_AT, LASHES_HIGH = 0.06, 0.04  # below the middle at the corners' height, and thickness
LASHES_DARK = 0.6
GRAIN = 3.0  # deviation of the skin's grain, in grey levels
_SUBPIXEL = 4


def shut(picture: Image, eyes: tuple[Point, Point], softness_px: float = 0.0) -> Image:
    """A copy with both eyes closed.

    Args:
        picture: colour, in either order of its channels.
        eyes: middles of the eyes' openings, the image's left first.
        softness_px: deviation of a blur over what was painted, for a soft photograph.
    """
    (x0, y0), (x1, y1) = eyes
    apart = math.hypot(x1 - x0, y1 - y0)
    turn = np.array([[x1 - x0, y1 - y0], [y0 - y1, x1 - x0]]) / max(apart, 1e-6)
    generator = np.random.default_rng(0)
    out = picture.copy()
    for middle in eyes:
        out = _shut_one(out, np.array(middle), turn, apart, softness_px, generator)
    return out


def _shut_one(
    picture: Image,
    middle: NDArray[np.float64],
    turn: NDArray[np.float64],
    apart: float,
    softness_px: float,
    generator: np.random.Generator,
) -> Image:
    across = np.linspace(-1, 1, 17)
    bow = 1 - across**2
    upper = np.stack([across * HALF_WIDTH, -OVER * bow], 1)
    lower = np.stack([across * HALF_WIDTH, UNDER * bow], 1)[::-1]
    meeting = np.stack([across * HALF_WIDTH, LASHES_AT * bow], 1)
    opening = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(
        opening, [_placed(np.vstack([upper, lower]), middle, turn, apart)], 255, 8, _SUBPIXEL
    )
    skin: Any = cv2.inpaint(picture, opening, max(3.0, 0.08 * apart), cv2.INPAINT_TELEA)
    line = np.zeros(picture.shape[:2], np.float32)
    thick = max(1, round(LASHES_HIGH * apart))
    cv2.polylines(line, [_placed(meeting, middle, turn, apart)], False, 1.0, thick, 16, _SUBPIXEL)
    lashes: Any = cv2.GaussianBlur(line, (0, 0), max(0.5, 0.012 * apart))
    shade = 1 - LASHES_DARK * np.clip(lashes, 0, 1)[..., None]
    grain = generator.normal(0, GRAIN, picture.shape) * (opening > 0)[..., None]
    painted = np.clip(skin * shade + grain, 0, 255).astype(np.uint8)
    if not softness_px:
        return painted
    soft = cv2.GaussianBlur(painted, (0, 0), softness_px)
    near: Any = cv2.dilate(opening, np.ones((5, 5), np.uint8))
    return np.where(near[..., None] > 0, soft, painted).astype(np.uint8)


def _placed(
    points: NDArray[np.float64],
    middle: NDArray[np.float64],
    turn: NDArray[np.float64],
    apart: float,
) -> NDArray[np.int32]:
    """Points of an eye's own frame in the picture, in sixteenths of a pixel."""
    return np.round((points @ turn * apart + middle) * 2**_SUBPIXEL).astype(np.int32)
