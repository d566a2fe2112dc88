"""Whether eyes are open, from the size of dark structure in them (granulometry; Serra 1982).

An iris is a dark disc about as high as wide, a closed lid a dark line, whatever the skin and
the light. Filling dark structure with a small disc (a grey-scale closing) takes the line away
and leaves the iris; a large disc takes both. The share of the dark that only the large disc
fills is the iris's. It needs no network and no more points than the two eyes.

Half-closed, strongly smiling and naturally narrow eyes lie between; pictures too coarse or
of too little contrast give no answer.
"""

from __future__ import annotations

import math

import numpy as np

from biometrics import image
from biometrics.detect import DetectedFace
from biometrics.image import Picture
from biometrics.landmarks import EYES, Points

APART_PX = 64  # distance of the eyes at which the grain is measured
SIDE_PX = 56  # of the part looked at, for one eye
LINE_PX, IRIS_PX = 7, 17  # discs: the thickest line of lashes, and more than an iris
REACH_X_PX, REACH_Y_PX = 11, 6  # around an eye's middle, without its brow
SMOOTHING_PX = 0.5
LEAST_APART_PX = 30.0
LEAST_DARK = 2.0  # mean depth of the dark, in grey levels, under which a part is flat


def openness_of(picture: Picture, face: DetectedFace, marks: Points | None) -> float | None:
    """Share of the iris in the dark of the eyes, 0 (a line) .. 1; mean of both.

    Args:
        picture: RGB.
        face: one in it.
        marks: its 68 points, where they were taken. Without them only dlib's points serve,
            which mark the corners of an eye: other detectors' follow the lid of a closed one.

    Returns:
        None where the picture does not allow an answer.
    """
    if marks is not None:
        return openness(picture, (marks[EYES[0]].mean(0), marks[EYES[1]].mean(0)))
    return openness(picture, face.eyes) if face.layout == "dlib" else None


def openness(picture: Picture, middles: tuple[Points, Points]) -> float | None:
    """The same for two middles of eyes in the picture's pixels, the image's left first."""
    along = middles[1] - middles[0]
    apart = math.hypot(*along)
    if apart < LEAST_APART_PX:
        return None
    turn = np.array([along, (-along[1], along[0])]) / apart * (APART_PX / apart)
    shares = []
    for middle in middles:
        matrix = np.hstack([turn, (SIDE_PX / 2 - turn @ middle)[:, None]])
        part = image.warp(picture, matrix, SIDE_PX)
        shares.append(_share(image.grey(part)))
        part.fill(0)
    found = [share for share in shares if share is not None]
    return float(np.mean(found)) if len(found) == len(shares) else None


def _share(luminance: Picture) -> float | None:
    """Share of the dark that the small disc leaves unfilled; None where there is no dark."""
    smooth = image.blurred(luminance, SMOOTHING_PX)
    middle = SIDE_PX // 2
    window = np.s_[
        middle - REACH_Y_PX : middle + REACH_Y_PX + 1,
        middle - REACH_X_PX : middle + REACH_X_PX + 1,
    ]
    line, all_dark = (
        image.closed(smooth, size)[window].astype(np.int64) for size in (LINE_PX, IRIS_PX)
    )
    dark = float((all_dark - smooth[window]).mean())
    return None if dark < LEAST_DARK else float((all_dark - line).mean()) / dark
