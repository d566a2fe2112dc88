"""Doors that open and people who pass without an order: alarm, record, withdrawal, a note."""

from __future__ import annotations

import pytest
from gate_world import MS, PROFILE, REST, World, facts
from hypothesis import given
from hypothesis import strategies as st
from mantrap_world import AT_REST, Mantrap
from test_mantrap import OPEN_ENTRY, OPEN_EXIT, lane_at

from drivers.types import (
    Close,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    Door,
    Flag,
    OpenExit,
    PlantChanged,
    Zone,
)
from gate_agent.core.counter import (
    PASSAGES_AT_ONCE,
    PLAUSIBLE_PASSAGES,
    Counters,
    Kept,
    Unchecked,
    exits_since,
    most_since,
    passages_since,
)
from gate_agent.core.messages import Mode, OfficerAction
from gate_agent.core.reasons import Reason
from gate_agent.core.states import Clearing, Idle, Leaving, initial, replace
from gate_agent.loop import Loop
from sync.log.types import RecordKind

BEFORE_A_RELEASE = ("Idle", "Reading", "Verifying", "Deciding", "Admitting", "Referred", "Leaving")


def events(commands, name: str) -> list[dict]:
    return [fact for fact in facts(commands, RecordKind.SYSTEM) if fact["event"] == name]


# --- doors ------------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["exit", "entry"])
@pytest.mark.parametrize("step", BEFORE_A_RELEASE)
def test_a_barrier_that_opens_without_an_order_stops_the_lane(step, door):
    world = World().to(step)
    out = world.move(**{door: Door.OPEN})
    assert Reason.DOOR_FORCED in world.state.alarms
    assert world.state.mode is Mode.OUT_OF_SERVICE
    assert [fact["door"] for fact in events(out, "door_forced")] == [door]


def test_a_direction_that_was_opened_is_shut_once_the_zone_is_empty():
    world = World().to("Idle")
    world.move(exit=Door.OPEN, zone=Zone.ONE)
    assert isinstance(world.state.crossing, Leaving)
    assert not [command for command in world.sent if isinstance(command, Close)]
    assert [c for c in world.move(zone=Zone.EMPTY) if isinstance(c, Close)]
    assert not [c for c in world.move() if isinstance(c, Close)]


def test_a_crossing_under_way_ends_with_the_direction_shut():
    world = World().to("Verifying")
    world.move(exit=Door.OPEN)
    assert [c for c in world.move(zone=Zone.EMPTY) + world.move() if isinstance(c, Close)]


def test_an_exit_that_nothing_was_seen_of_meanwhile_is_forced_all_the_same():
    world = World().to("Idle")
    world.move(exit=Door.UNKNOWN)
    assert world.state.alarms == ()
    world.move(exit=Door.OPEN)
    assert Reason.DOOR_FORCED in world.state.alarms


def test_one_order_opens_the_exit_once():
    world = World().to("Crossing")
    world.move(exit=Door.OPEN)
    world.move(exit=Door.CLOSED)
    assert world.state.alarms == ()
    world.move(exit=Door.OPEN)
    assert world.state.alarms == (Reason.DOOR_FORCED,)
    assert isinstance(world.state.crossing, Clearing)


def test_the_other_direction_withdraws_our_own_release():
    world = World().to("Crossing")
    world.move(exit=Door.OPEN)
    world.move(entry=Door.OPEN)
    out = world.move(zone=Zone.EMPTY)
    assert [c for c in out if isinstance(c, Close)]
    world.done("close")
    out = world.move(exit=Door.CLOSED, entry=Door.CLOSED)
    assert "door_forced" in facts(out, RecordKind.FINISH)[0]["reasons"]


@pytest.mark.parametrize("step", ["Idle", "Crossing"])
def test_fire_opens_doors_without_an_alarm(step):
    world = World().to(step)
    world.move(fire=Flag.ACTIVE, exit=Door.OPEN, entry=Door.OPEN)
    assert world.state.alarms == ()


def test_a_mantrap_withdraws_a_release_that_was_not_used_yet():
    lane = lane_at("Opening")
    lane.done("open_exit")
    lane.move(**OPEN_ENTRY)
    assert lane.state.alarms == (Reason.DOOR_FORCED,)
    assert lane.commanded(Close)
    assert events(lane.sent, "door_forced")[0]["door"] == "entry"


def test_a_mantraps_door_that_opened_unseen_is_forced():
    lane = lane_at("Idle")
    lane.move(exit=Door.UNKNOWN)
    lane.move(**OPEN_EXIT)
    assert Reason.DOOR_FORCED in lane.state.alarms


# --- passages ---------------------------------------------------------------------------


MODES = {
    Mode.OUT_OF_SERVICE: lambda world: world.decide(OfficerAction.CLOSE_LANE),
    Mode.STARTING: lambda world: world.put(
        DeviceFailed(device=DeviceId.READER, code=1, retryable=True, diagnosis="")
    ),
    Mode.MAINTENANCE: lambda world: world.move(maintenance=Flag.ACTIVE),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("exits", "entries"), [(1, 0), (0, 2), (1, 1)])
def test_a_passage_in_a_lane_that_does_not_serve_alarms_by_direction(mode, exits, entries):
    world = World().to("Idle")
    MODES[mode](world)
    assert world.state.mode is mode
    out = world.move(passages_exit=7 + exits, passages_entry=entries)
    assert world.state.alarms == (Reason.UNCHECKED_PASSAGE,)
    assert world.state.unchecked == Unchecked(exit=exits, entry=entries)
    (fact,) = events(out, "passage")
    assert (fact["passages_exit"], fact["passages_entry"]) == (exits, entries)
    assert fact["counters"] == {"exit": 7 + exits, "entry": entries, "bits": 32}


@pytest.mark.parametrize("step", ["Idle", "Crossing"])
def test_a_passage_the_wrong_way_stops_the_lane(step):
    world = World().to(step)
    out = world.move(passages_entry=1)
    assert world.state.alarms == (Reason.UNCHECKED_PASSAGE,)
    assert world.state.unchecked == Unchecked(entry=1)
    assert events(out, "passage")


def test_a_passage_on_a_release_is_not_unchecked():
    world = World().to("Crossing")
    out = world.move(zone=Zone.EMPTY, passages_exit=8)
    assert facts(out, RecordKind.FINISH)[0]["passages"] == 1
    assert facts(out, RecordKind.FINISH)[0]["counters"]["exit"] == 8
    assert (world.state.unchecked, world.state.note_due) == (Unchecked(), False)


def test_passages_in_a_fire_are_counted_each_way_and_raise_no_alarm():
    world = World().to("Idle")
    world.move(fire=Flag.ACTIVE, exit=Door.OPEN)
    world.move(passages_exit=9)
    world.move(passages_exit=12, passages_entry=1)
    assert world.state.alarms == ()
    assert world.state.unchecked == Unchecked(exit=5, entry=1)
    assert len(events(world.sent, "passage")) == 2


def test_who_passed_while_the_turnstile_was_silent_is_counted():
    world = World().to("Idle")
    world.put(DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""))
    world.later(2_000)
    world.put(DeviceReady(device=DeviceId.TURNSTILE))
    world.move(passages_exit=10)
    assert world.state.unchecked == Unchecked(exit=3)
    assert world.state.mode is Mode.OUT_OF_SERVICE


@pytest.mark.parametrize("count", [0, 5, 7 + 5_000])
def test_a_device_that_started_again_makes_no_number_of_passages(count):
    world = World().to("Idle")
    world.put(DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""))
    world.move(passages_exit=count)
    assert world.state.unchecked == Unchecked(unknown=True)
    assert world.state.note_due


def test_a_counter_that_jumps_behind_closed_doors_is_recorded_and_alarms_no_one():
    world = World().to("Idle")
    out = world.move(passages_exit=100_000)
    assert events(out, "counter_jumped")[0]["counters"]["exit"] == 100_000
    assert (world.state.alarms, world.state.mode) == ((), Mode.AUTO)


def test_at_24_bits_the_traveller_at_the_wrap_is_admitted():
    world = World()
    world.plant = replace(REST, passages_exit=0xFF_FFFF, counter_bits=24)
    world.to("Crossing")
    out = world.move(zone=Zone.EMPTY, passages_exit=0)
    finish = facts(out, RecordKind.FINISH)[0]
    assert (finish["outcome"], finish["passages"]) == ("admitted", 1)
    assert world.state.unchecked == Unchecked()


def test_a_person_who_leaves_a_chamber_in_a_fire_is_counted_or_unknown():
    lane = lane_at("Idle")
    lane.move(fire=Flag.ACTIVE, **OPEN_EXIT)
    lane.move(zone=Zone.ONE)
    assert lane.state.unchecked == Unchecked(unknown=True)
    lane = lane_at("Verifying")
    lane.move(fire=Flag.ACTIVE, **OPEN_EXIT)
    lane.move(zone=Zone.EMPTY)
    assert lane.state.unchecked == Unchecked(exit=1)


# --- the note ---------------------------------------------------------------------------


def stopped(supervisors=()) -> World:
    """A lane that a passage in a fire stopped; the fire is over."""
    policy = replace(PROFILE.policy, supervisors=supervisors)
    world = World(replace(PROFILE, policy=policy)).to("Idle")
    world.move(fire=Flag.ACTIVE)
    world.move(passages_exit=9, passages_entry=1)
    world.move(fire=Flag.CLEAR)
    return world


def test_a_note_reopens_the_lane_and_is_on_record_with_what_passed():
    world = stopped()
    out = world.decide(OfficerAction.ACKNOWLEDGE, note="all left by the fire exit")
    (fact,) = facts(out, RecordKind.OFFICER)
    assert fact["note"] == "all left by the fire exit"
    assert fact["unchecked"] == {"exit": 2, "entry": 1, "uncounted": False}
    world.move()
    assert world.state.mode is Mode.AUTO
    assert (world.state.unchecked, world.state.note_due) == (Unchecked(), False)


@pytest.mark.parametrize("note", ["", "   ", "x" * 281])
def test_without_a_note_the_lane_stays_closed(note):
    world = stopped()
    out = world.decide(OfficerAction.ACKNOWLEDGE, note=note)
    assert facts(out, RecordKind.OFFICER) == []
    assert events(out, "officer_ignored")[0]["why"] == "note_missing"
    assert world.state.mode is Mode.EVACUATION
    assert world.state.unchecked == Unchecked(exit=2, entry=1)


def test_the_lane_itself_asks_for_a_supervisor():
    world = stopped(supervisors=("chief",))
    out = world.decide(OfficerAction.ACKNOWLEDGE, note="seen")
    assert events(out, "officer_ignored")[0]["why"] == "not_supervisor"
    assert world.state.mode is Mode.EVACUATION
    world.decide(OfficerAction.ACKNOWLEDGE, officer="chief", note="seen")
    world.move()
    assert world.state.mode is Mode.AUTO


def test_another_alarm_needs_no_note():
    world = World().to("Idle")
    world.move(tamper=Flag.ACTIVE)
    world.move(tamper=Flag.CLEAR)
    world.decide(OfficerAction.ACKNOWLEDGE, note="")
    world.move()
    assert world.state.mode is Mode.AUTO


def test_a_forced_door_needs_a_note_too():
    world = World().to("Idle")
    world.move(exit=Door.OPEN)
    world.done("close")
    world.move(exit=Door.CLOSED)
    world.decide(OfficerAction.ACKNOWLEDGE, note="")
    assert world.state.mode is Mode.OUT_OF_SERVICE
    world.decide(OfficerAction.ACKNOWLEDGE)
    world.move()
    assert isinstance(world.state.crossing, Idle)
    assert world.state.mode is Mode.AUTO


# --- a restart --------------------------------------------------------------------------


def started(kept: Kept) -> World:
    world = World(loop=Loop(initial(PROFILE, kept=kept), PROFILE))
    world.serve()
    return world


@pytest.mark.parametrize(
    ("exits", "passed", "mode"),
    [
        (7, Unchecked(), Mode.AUTO),
        (4, Unchecked(exit=3), Mode.OUT_OF_SERVICE),
        (9, Unchecked(unknown=True), Mode.OUT_OF_SERVICE),
    ],
)
def test_counters_that_moved_while_the_agent_did_not_run_are_shown(exits, passed, mode):
    world = started(Kept(counters=Counters(exit=exits, entry=0)))
    assert (world.state.unchecked, world.state.mode) == (passed, mode)


def test_a_lane_that_waited_for_a_note_waits_for_it_after_a_restart():
    world = started(Kept(unchecked=Unchecked(exit=2), note_due=True))
    assert world.state.mode is Mode.OUT_OF_SERVICE
    assert world.state.unchecked == Unchecked(exit=2)
    world.decide(OfficerAction.ACKNOWLEDGE)
    world.move()
    assert world.state.mode is Mode.AUTO


# --- the counters themselves ------------------------------------------------------------


@given(st.data(), st.sampled_from([16, 24, 32]), st.integers(0, 400))
def test_passages_over_a_wrap_are_the_passages(data, bits, passages):
    known = data.draw(st.integers(0, (1 << bits) - 1))
    now = (known + passages) % (1 << bits)
    counted = passages_since(known, now, bits, PASSAGES_AT_ONCE)
    assert counted == (passages if passages <= PASSAGES_AT_ONCE else None)


@given(st.data(), st.sampled_from([16, 24, 32]), st.integers(1, 1_000))
def test_a_counter_that_runs_back_is_no_number(data, bits, back):
    known = data.draw(st.integers(0, (1 << bits) - 1))
    now = (known - back) % (1 << bits)
    assert passages_since(known, now, bits, PLAUSIBLE_PASSAGES) is None
    plant = replace(REST, passages_exit=now, counter_bits=bits)
    assert exits_since(known, plant) is None


def test_time_allows_more_passages():
    known = Counters(exit=0, entry=0, at_ns=0)
    assert most_since(known, 0) == PASSAGES_AT_ONCE
    assert most_since(known, 100_000 * MS) == PASSAGES_AT_ONCE + 400
    assert most_since(known, 10**18) == PLAUSIBLE_PASSAGES
    assert most_since(Counters(), 0) == PLAUSIBLE_PASSAGES


def test_nothing_known_is_nothing_passed():
    assert passages_since(None, 5, 32, 100) == 0
    assert passages_since(5, None, 32, 100) == 0
    assert AT_REST.passages_exit is None
    assert Mantrap().state.counters == Counters()
    assert OpenExit(ticket=1) not in World().to("Idle").sent
    assert PlantChanged(plant=REST).plant.counter_bits == 32
