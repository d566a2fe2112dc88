"""Where a camera on a column sees a face: the geometry that the column's driver steers by.

The column's units are those of its profile (`firmware_cfg.profile.Column`): a face at 1.00 m is
at -160, one at 1.95 m at 160.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.camera.aim import FacePosition
from firmware_cfg.profile import Column
from sim.devices.column import SimColumn

UNITS_PER_CM = 320 / 95
CM_AT_ZERO = 147.5
FACE_CM = 24.0
"""From chin to crown."""


class FacePlace(NamedTuple):
    """Where a face is in the picture, and whether all of it is in it."""

    seen: FacePosition
    whole: bool


def place_of(face_cm: float, column: SimColumn, settings: Column) -> FacePlace | None:
    """Where the picture shows a face at this height above the floor; None outside of it."""
    magnified = 2.0 ** ((column.zoom - settings.zoom_widest) / settings.zoom_per_double)
    picture = settings.vertical_per_picture / magnified
    lower = column.vertical - (face_cm - CM_AT_ZERO) * UNITS_PER_CM
    middle = settings.face_at + lower / picture
    height = FACE_CM * UNITS_PER_CM / picture
    if not 0.0 <= middle <= 1.0:
        return None
    whole = middle - height / 2 >= 0.0 and middle + height / 2 <= 1.0
    return FacePlace(FacePosition(middle, height), whole)
