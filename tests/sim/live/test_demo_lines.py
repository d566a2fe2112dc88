"""Whose crossing a line of the demo is about."""

from __future__ import annotations

from pathlib import Path

from sim.live.demo import LaneRun
from sim.live.setup import LanePlace
from sim.live.supervisor import Child
from sim.people.live_officer import LiveOfficer


def lane() -> LaneRun:
    home = Path("lane1")
    place = LanePlace(
        number=1,
        gate="demo-1",
        run_dir=home,
        state_dir=home,
        keys=home,
        profile=home,
        camera_port=1,
    )
    officer = LiveOfficer(home, bytes(32), bytes, lambda: 0)
    return LaneRun(place, officer, Child(name="lane1.hardware", argv=(), log=home))


def test_two_in_a_mantrap_end_in_the_order_of_their_arrival() -> None:
    run = lane()
    run.arrive("Ann")
    run.arrive("Bob")
    assert [run.end_crossing(), run.end_crossing()] == ["Ann", "Bob"]


def test_who_begins_again_after_a_restart_of_the_agent_keeps_the_name() -> None:
    run = lane()
    run.arrive("Ann")
    assert [run.end_crossing(), run.end_crossing()] == ["Ann", "Ann"]
    run.arrive("Bob")
    assert run.end_crossing() == "Bob"


def test_after_a_restart_of_the_hardware_no_one_gets_anothers_name() -> None:
    run = lane()
    run.arrive("Ann")
    assert run.end_crossing() == "Ann"
    run.arrive("Bob")
    run.partial = b'{"event": "arr'
    run.begin_again()
    assert run.partial == b""
    assert run.end_crossing() == "Bob"  # the crossing that the restart cut off
    run.arrive("Ann")
    assert run.end_crossing() == "Ann"
