"""What makes a run fast changes nothing: the recorded inbox is the same to the last bit."""

from __future__ import annotations

import msgspec
import pytest

from sim.day.run import RunOptions, run, run_scenario
from sim.lane.recorded_chip import Transcripts
from sim.scenario.catalogue import find
from sim.scenario.scenario import Scenario, parse
from sim.search.random_day import random_day
from sim.search.soak import examine
from sim.wires.replayed_reading import ReadingDevice
from sim.wires.skipped_polls import QuietDevice

FULL = RunOptions("live", every_byte=True)
DAYS = (
    "first_day",
    "ordinary/quiet_hour",
    "passage/holds_the_door",
    "passage/mantrap_walk_away",
    "hardware/turnstile_silent",
    "hardware/noisy_bus",
    "hardware/stiff_doors",
    "power/cut_while_crossing",
    "power/fire",
)


@pytest.mark.parametrize("name", DAYS[:1] + DAYS[2:])
def test_quiet_polls_and_recorded_chips_change_nothing(name: str) -> None:
    fast, full = run_scenario(find(name)), run_scenario(find(name), options=FULL)
    assert fast.trace_sha256 == full.trace_sha256
    assert fast.rows == full.rows
    assert fast.counts == full.counts
    assert (fast.wire["quiet_bytes_counted"] > 0) == (name != "hardware/noisy_bus")
    assert full.wire["quiet_bytes_counted"] == 0


@pytest.mark.parametrize("seed", [3, 12, 30])
def test_nor_on_random_days(seed: int) -> None:
    day = random_day(seed)
    assert run(day, "fast").trace_sha256 == run(day, "full", options=FULL).trace_sha256


def test_the_bytes_are_counted_right() -> None:
    day = parse(ONE.encode())
    fast, full = run(day, "fast"), run(day, "full", options=RunOptions(every_byte=True))
    everything = full.wire["carried_bytes"]
    counted = fast.wire["carried_bytes"] + fast.wire["quiet_bytes_counted"]
    assert abs(counted - everything) <= 0.01 * everything
    assert fast.wire["carried_bytes"] < 0.9 * everything


def test_a_plant_that_moves_is_not_slept_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being roused the device would repeat an old plant: then the traces differ."""
    day = parse(ONE.encode())
    right = run(day, "right").trace_sha256
    monkeypatch.setattr(QuietDevice, "rouse", lambda _self, _now_ns: None)
    assert run(day, "wrong").trace_sha256 != right


def test_a_passport_read_again_is_played_back() -> None:
    day = parse(ONE.encode())
    twice = msgspec.structs.replace(day, arrivals=())
    again = msgspec.structs.replace(
        twice.travellers[0], name="Ann Again", printed="Ann Example", at_s=25
    )
    result = run(msgspec.structs.replace(twice, travellers=(*twice.travellers, again)), "twice")
    assert result.problems == ()
    chips = result.chips
    assert chips["answers_computed"] == chips["answers_played_back"] > 10


def test_a_passport_pulled_away_the_second_time_goes_on_live() -> None:
    day = parse(ONE.encode())
    first = day.travellers[0]
    again = msgspec.structs.replace(
        first,
        name="Ann Again",
        printed="Ann Example",
        at_s=25,
        behaviour="pulls_passport_away",
        leaves_after_ms=800,
        expect=msgspec.structs.replace(
            first.expect, outcome="refused", reasons=("document_removed",)
        ),
    )
    both = msgspec.structs.replace(day, travellers=(first, again))
    fast, live = run(both, "recorded"), run(both, "live", options=RunOptions("live"))
    assert fast.problems == ()
    assert fast.trace_sha256 == live.trace_sha256


def again_and_again(**last: object) -> Scenario:
    """One passport at the lane five times; the last time as said."""
    day = parse(ONE.encode())
    first = day.travellers[0]
    times = [
        msgspec.structs.replace(first, name=f"Ann {word}", printed="Ann Example", at_s=10 + 25 * n)
        for n, word in enumerate(("One", "Two", "Three", "Four", "Five"))
    ]
    times[-1] = msgspec.structs.replace(times[-1], **last)
    return msgspec.structs.replace(day, travellers=tuple(times))


def test_a_reading_that_repeats_is_counted_and_changes_nothing() -> None:
    day = again_and_again()
    fast, full = run(day, "fast"), run(day, "full", options=FULL)
    assert fast.problems == ()
    assert fast.chips["readings_counted"] == 3
    assert fast.wire["reading_bytes_counted"] > 20_000
    assert (fast.trace_sha256, fast.rows) == (full.trace_sha256, full.rows)


@pytest.mark.parametrize("after_ms", [350, 700, 1_300])
def test_a_passport_pulled_out_of_a_repeated_reading_is_carried_from_there(after_ms: int) -> None:
    day = again_and_again(behaviour="pulls_passport_away", leaves_after_ms=after_ms)
    fast, full = run(day, "fast"), run(day, "full", options=FULL)
    assert fast.chips["readings_counted"] == 2
    assert fast.trace_sha256 == full.trace_sha256


def test_without_being_roused_the_reader_would_read_what_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = again_and_again(behaviour="pulls_passport_away", leaves_after_ms=700)
    right = run(day, "right").trace_sha256
    monkeypatch.setattr(ReadingDevice, "rouse", lambda _self, _now_ns: None)
    assert run(day, "wrong").trace_sha256 != right


def test_noise_on_the_reader_has_every_reading_carried() -> None:
    noise = '\n[[faults]]\nkind = "reader_noise"\nat_s = 80\nfor_s = 60\nlane = 1\nrate = 0.01\n'
    noisy = parse((ONE + noise).encode())
    day = msgspec.structs.replace(again_and_again(), faults=noisy.faults)
    fast, full = run(day, "fast"), run(day, "full", options=FULL)
    assert fast.chips["readings_counted"] == 1
    assert fast.trace_sha256 == full.trace_sha256


def test_what_a_run_before_knew_changes_nothing() -> None:
    day, known = again_and_again(), RunOptions(transcripts=Transcripts())
    first, second = run(day, "first", options=known), run(day, "second", options=known)
    assert (first.chips["readings_counted"], second.chips["readings_counted"]) == (3, 5)
    assert second.chips["answers_computed"] == 0
    assert second.trace_sha256 == first.trace_sha256


def test_a_fault_shifts_no_other_draw() -> None:
    """One more fault, at another lane, leaves this lane's run as it was."""
    both = ONE.replace("[[trav", "[[lanes]]\nnumber = 2\n[[trav", 1)
    more = both + '\n[[faults]]\nkind = "bus_noise"\nat_s = 2\nfor_s = 20\nlane = 2\nrate = 0.2\n'
    before, after = run(parse(both.encode()), "b"), run(parse(more.encode()), "a")
    assert before.finishes[1] == after.finishes[1]


def test_one_more_in_the_crowd_shifts_no_other_passenger() -> None:
    from sim.scenario.arrivals import people

    crowd = ONE + '\n[[arrivals]]\nname = "Flight"\ntravellers = 30\nslow = 0.2\nexpired = 0.1\n'
    some = people(parse(crowd.encode()))
    other = crowd + '\n[[arrivals]]\nname = "Other"\ntravellers = 5\n'
    more = {one.name: one for one in people(parse(other.encode()))}
    assert all(more[one.name] == one for one in some)


def test_the_examination_sees_what_a_run_says() -> None:
    day = parse(ONE.replace('"admitted"', '"refused"').encode())
    assert examine(day) == ("Ann Example: refused expected, admitted",)


ONE = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
limit_s = 200
[[lanes]]
number = 1
[[travellers]]
name = "Ann Example"
lane = 1
at_s = 10
document = { number = "X1", birth_date = 1980-01-01, expiry = 2030-01-01 }
expect = { outcome = "admitted" }
"""
