"""Days at a lane with two doors: every way people behave, and what breaks."""

from __future__ import annotations

import msgspec
import pytest

from sim.day.run import Result, run
from sim.scenario.catalogue import find
from sim.scenario.scenario import Scenario, load, parse

ONE = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
limit_s = 300
[[lanes]]
number = 1
topology = "mantrap"
[[travellers]]
name = "Ann Example"
lane = 1
document = { number = "X1", birth_date = 1980-01-01, expiry = 2030-01-01 }
[[travellers]]
name = "Bob Example"
lane = 1
document = { number = "X2", birth_date = 1980-01-01, expiry = 2030-01-01 }
expect = { outcome = "admitted" }
"""


def day(behaviour: str = "normal") -> Scenario:
    """A traveller who behaves so, and an ordinary one after them."""
    scenario = parse(ONE.encode())
    first, second = scenario.travellers
    first = msgspec.structs.replace(first, behaviour=behaviour)
    return msgspec.structs.replace(scenario, travellers=(first, second))


def ends(result: Result) -> list[tuple[str, tuple[str, ...]]]:
    return [(row.outcome, row.reasons) for row in result.cast]


@pytest.mark.parametrize(
    ("behaviour", "outcome", "reasons", "out"),
    [
        ("normal", "admitted", (), 1),
        ("wheelchair", "admitted", (), 1),
        ("badly_placed", "admitted", (), 1),
        ("child", "referred", ("tailgating", "several_persons"), 0),
        ("tailgated", "referred", ("tailgating", "several_persons"), 0),
        ("turns_back", "abandoned", ("walked_away",), 0),
        ("walks_away", "abandoned", ("walked_away",), 0),
        ("leaves_bag", "abandoned", ("left_object",), 1),
        ("holds_door", "abandoned", ("passage_timeout",), 1),
    ],
)
def test_each_behaviour_ends_as_it_should_and_the_next_traveller_is_served(
    behaviour: str, outcome: str, reasons: tuple[str, ...], out: int
) -> None:
    result = run(day(behaviour), "day")
    assert ends(result) == [(outcome, reasons), ("admitted", ())]
    assert (result.violations, result.problems) == ([], ())
    assert result.passed_persons == {1: out + 1}


@pytest.mark.parametrize(
    "name", ["mantrap_two_in_the_chamber", "mantrap_walk_away", "mantrap_forced_door"]
)
def test_the_library_days_pass(name: str) -> None:
    assert run(load(find(name)), name).problems == ()


def test_another_person_is_refused_inside_and_goes_back_by_the_entry() -> None:
    scenario = day()
    first, second = scenario.travellers
    face = msgspec.structs.replace(first.face, live="other")
    first = msgspec.structs.replace(first, face=face)
    result = run(msgspec.structs.replace(scenario, travellers=(first, second)), "day")
    assert ends(result) == [("refused", ("face_no_match",)), ("admitted", ())]
    assert result.passed_persons == {1: 1}
    assert any(row.what == "step" and row.value == "going_back" for row in result.rows)


def test_a_day_comes_out_the_same_again() -> None:
    assert run(day(), "day").trace_sha256 == run(day(), "day").trace_sha256
