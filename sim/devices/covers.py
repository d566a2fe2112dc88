"""Dark glasses and masks painted over a face, for measuring whether they are noticed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.devices.camera import Image, painted

Colour = tuple[int, int, int]
Eyes = tuple[tuple[float, float], tuple[float, float]]

LENS_WIDE, LENS_HIGH, LENS_BELOW = 0.72, 0.52, 0.08  # in distances of the eyes, as all here
_BRIDGE = ((-0.3, -0.03), (0.3, -0.03), (0.3, 0.03), (-0.3, 0.03))
# A mask's outline: across from the middle between the eyes, and down from it.
_MASK = (
    (0.0, 0.32), (0.35, 0.45), (0.98, 0.55), (0.98, 1.0), (0.8, 1.45), (0.42, 1.85), (0.0, 1.95),
    (-0.42, 1.85), (-0.8, 1.45), (-0.98, 1.0), (-0.98, 0.55), (-0.35, 0.45),
)  # fmt: skip


def glasses(picture: Image, eyes: Eyes, colour: Colour, *, round_lenses: bool) -> Image:
    """A copy with opaque glasses.

    Args:
        picture: RGB.
        eyes: their middles, the image's left first.
        colour: of the lenses, RGB.
        round_lenses: ellipses; else rectangles.
    """
    out = picture
    for side in (-0.5, 0.5):
        out = painted(out, _placed(_lens(side, round_lenses=round_lenses), eyes), colour)
    return painted(out, _placed(np.array(_BRIDGE), eyes), colour)


def mask(picture: Image, eyes: Eyes, colour: Colour) -> Image:
    """A copy with a mask from the nose to the chin; arguments as for `glasses`."""
    return painted(picture, _placed(np.array(_MASK), eyes), colour)


def _lens(side: float, *, round_lenses: bool) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    across, down = np.cos(turn), np.sin(turn)
    if not round_lenses:
        longest = np.maximum(abs(across), abs(down))
        across, down = across / longest, down / longest
    shape = np.stack([across * LENS_WIDE / 2, down * LENS_HIGH / 2], 1)
    return np.asarray(shape + np.array([side, LENS_BELOW]), np.float64)


def _placed(points: NDArray[np.float64], eyes: Eyes) -> NDArray[np.float64]:
    """Points in distances of the eyes, in the picture's pixels."""
    along = np.subtract(eyes[1], eyes[0])
    turn = np.array([along, (-along[1], along[0])])
    return np.asarray(points @ turn + np.add(*eyes) / 2, np.float64)
