"""What a camera on a column sees: the geometry, and a lane whose column does not move."""

from __future__ import annotations

import pytest

from drivers.camera.aim import View, steer
from firmware_cfg.profile import Column
from sim.day.run import Day, run
from sim.devices.column import SimColumn
from sim.devices.column_view import place_of
from sim.lane.virtual_lane import VirtualLane
from sim.scenario.catalogue import find
from sim.scenario.scenario import load

SETTINGS = Column(port="virtual")


def looking(view: View) -> SimColumn:
    column = SimColumn()
    column.vertical, column.zoom = view
    return column


@pytest.mark.parametrize("face_cm", [112, 125, 147, 160, 192])
def test_the_driver_brings_a_face_to_its_place(face_cm: float) -> None:
    view = View(SETTINGS.home, SETTINGS.zoom_widest)
    for _ in range(6):
        place = place_of(face_cm, looking(view), SETTINGS)
        assert place is not None
        view = steer(place.seen, view, SETTINGS)
    place = place_of(face_cm, looking(view), SETTINGS)
    assert place is not None
    assert place.whole
    assert abs(place.seen.middle - SETTINGS.face_at) <= SETTINGS.dead_band
    assert abs(place.seen.height - SETTINGS.face_height) <= SETTINGS.dead_band


def test_a_face_outside_of_the_picture_is_not_seen() -> None:
    assert place_of(100, looking(View(SETTINGS.highest, 0)), SETTINGS) is None


def test_a_face_that_is_cut_off_is_seen_and_not_whole() -> None:
    place = place_of(115, looking(View(SETTINGS.home, 0)), SETTINGS)
    assert place is not None
    assert not place.whole


class StandingStill(VirtualLane):
    """A lane whose column does not answer."""

    def start(self) -> None:
        if self.column is not None:
            self.column.freeze(frozen=True)
            self.column.vertical = SETTINGS.home
        super().start()


class StillDay(Day):
    lane_class = StandingStill


def test_a_column_that_stands_still_costs_the_tall_and_the_seated_their_comparison() -> None:
    result = run(load(find("camera_column")), "still", day_class=StillDay)
    outcomes = {row.name: (row.outcome, row.reasons) for row in result.cast}
    assert outcomes["Ines Halvorsen"] == ("admitted", ())
    for name in ("Otto Linqvist", "Nadir Whitcombe"):
        assert outcomes[name][0] == "refused"
        assert "face_quality" in outcomes[name][1]
