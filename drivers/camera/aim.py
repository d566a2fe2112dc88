"""Where a camera column should look: a pure function of where the face is.

Every traveller fits: one of 1.40 m, of 2.00 m, one in a wheelchair. The column goes to
where the face would be in its place, and no further than it can; small errors are left
alone, because a column that hunts blurs every picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from firmware_cfg.profile import Column

LEAST = 0.01  # of the picture: no face is smaller


class FacePosition(NamedTuple):
    """Where a face is in the picture: middle from the top, and height, as shares of it."""

    middle: float
    height: float


class View(NamedTuple):
    """Where the column looks: its height and zoom, in its own units."""

    vertical: int
    zoom: int


def home(column: Column) -> View:
    """Where most travellers are."""
    return View(column.home, column.zoom_widest)


def steer(face: FacePosition, view: View, column: Column) -> View:
    """Where to look next; the same view when the face is where it should be."""
    vertical, zoom = view
    error = face.middle - column.face_at
    if abs(error) > column.dead_band:
        magnified = 2.0 ** ((zoom - column.zoom_widest) / column.zoom_per_double)
        vertical -= round(error * column.vertical_per_picture / magnified)
    elif abs(face.height - column.face_height) > column.dead_band:
        # Zoom only once the face is in the middle, or it would be zoomed out of the picture.
        larger = max(column.face_height, LEAST) / max(face.height, LEAST)
        zoom += round(math.log2(larger) * column.zoom_per_double)
    return View(
        min(max(vertical, column.lowest), column.highest),
        min(max(zoom, column.zoom_widest), column.zoom_closest),
    )
