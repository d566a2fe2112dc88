"""Whether something hides the eyes or the mouth: dark glasses, a mask, a hand, a scarf.

ISO/IEC 29794-5, 7.4 (eyes visible, mouth occlusion, face occlusion). Nothing is learned: both
measures compare parts of one face with each other, so that neither skin nor light counts.

- Eyes: between brow and cheek skin is about as light as the cheek. Behind dark glasses even
  the light quarter of it is dark.
- Mouth: lips and what is between them stand out from row to row; cloth does not. Skin under the
  eyes and around the mouth has one colour; cloth seldom has it.

Glasses that one can look through hide nothing. Limits were set on drawn glasses and masks over
150 pictures of people whose pictures `docs/face.md` does not report on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biometrics import align, image
from biometrics.detect import DetectedFace
from biometrics.image import Picture
from biometrics.landmarks import Points, five_points

DARK_LENS = 0.42  # of the cheek's luminance, at which a score is one half
FLAT_MOUTH = 0.11  # of the mouth's luminance: variation from row to row, likewise
OTHER_COLOUR = 20.0  # distance in CIELAB's a and b of mouth and cheek, likewise
SMOOTHING_PX = 0.8
# Places in ArcFace's frame of 112 px.
_EYES = (np.s_[48:60, 30:47], np.s_[48:60, 65:82])
_CHEEKS = (np.s_[66:80, 26:42], np.s_[66:80, 70:86])
_MOUTH_ROWS = np.s_[80:108, 46:66]
_MOUTH = np.s_[78:108, 36:76]
_SKIN = (np.s_[58:64, 28:84], np.s_[50:62, 52:60])  # under the eyes, the bridge of the nose


class Visible(NamedTuple):
    """How well eyes and mouth are to be seen, 0 (hidden) .. 1; one half is doubtful."""

    eyes: float
    mouth: float


def visible(picture: Picture, face: DetectedFace, marks: Points | None) -> Visible:
    """How well the eyes and the mouth of a face are to be seen.

    Args:
        picture: RGB.
        face: one in it.
        marks: its 68 points, where they were taken; the detector's own are less exact.
    """
    if marks is None:
        framed = align.arcface(picture, face)
    else:
        matrix = align.similarity(five_points(marks), align.ARCFACE_FROM_YUNET)
        framed = image.warp(picture, matrix, 112)
    found = measured(framed)
    framed.fill(0)
    return found


def measured(framed: Picture) -> Visible:
    """The same for a face in ArcFace's frame of 112 px."""
    luminance = image.grey(framed)
    cheek = max(float(np.median(luminance[part])) for part in _CHEEKS)
    lens = max(float(np.percentile(luminance[part], 75)) for part in _EYES)
    eyes = _half_at(lens / max(cheek, 1.0), DARK_LENS)
    mouth = _half_at(_relief(luminance), FLAT_MOUTH)
    if eyes >= 0.5:  # else glasses cover the skin that the mouth is compared with
        mouth = min(mouth, 1 - min(_other_colour(framed) / (2 * OTHER_COLOUR), 1.0))
    return Visible(eyes, mouth)


def _relief(luminance: Picture) -> float:
    rows = image.blurred(luminance, SMOOTHING_PX)[_MOUTH_ROWS].mean(1)
    level = np.linspace(rows[0], rows[-1], len(rows))
    return float(np.ptp(rows - level)) / max(float(rows.mean()), 1.0)


def _other_colour(framed: Picture) -> float:
    colours = image.chromaticity(framed)
    skin = np.median(np.concatenate([colours[part].reshape(-1, 2) for part in _SKIN]), 0)
    return float(np.hypot(*(np.median(colours[_MOUTH].reshape(-1, 2), 0) - skin)))


def _half_at(value: float, half: float) -> float:
    return min(value / (2 * half), 1.0)
