"""What a lane begins with after a restart, from the records of its journal."""

from __future__ import annotations

from example_facts import facts_of as example
from msgspec.structs import replace

from gate_agent.core.counter import Counters, Kept, Unchecked
from gate_agent.core.facts import Facts, SystemFacts, plain_facts
from gate_agent.core.reasons import Reason
from gate_agent.core.record_blocks import CounterFacts
from gate_agent.records.kept_passages import kept_passages
from sync.log.types import Record, RecordKind


def record(facts: Facts, seq: int = 1) -> Record:
    return Record(
        gate="g1",
        epoch="e",
        seq=seq,
        kind=facts.kind,
        ticket=0,
        at_ns=0,
        utc="2026-12-01T00:00:00.000Z",
        previous="0" * 64,
        facts=plain_facts(facts),
    )


FINISH = replace(example(RecordKind.FINISH), counters=CounterFacts(exit=8, entry=2, bits=24))
NOTED = replace(example(RecordKind.OFFICER), action="acknowledge", note="seen")
PASSED = SystemFacts(
    event="passage",
    mode="evacuation",
    passages_exit=2,
    passages_entry=1,
    uncounted=True,
    counters=CounterFacts(exit=10, entry=3, bits=24),
)


def test_the_newest_counters_are_kept():
    assert kept_passages(map(record, (PASSED, NOTED, FINISH))) == Kept(
        counters=Counters(exit=8, entry=2, bits=24)
    )


def test_what_passed_waits_for_a_note():
    kept = kept_passages(map(record, (FINISH, PASSED, PASSED)))
    assert kept == Kept(
        counters=Counters(exit=10, entry=3, bits=24),
        unchecked=Unchecked(exit=4, entry=2, unknown=True),
        note_due=True,
        alarms=(Reason.FIRE,),
    )


def test_a_fire_and_a_forced_door_wait_for_a_note_and_nothing_else_does():
    for facts, due in (
        (SystemFacts(event="mode", mode="evacuation"), True),
        (SystemFacts(event="mode", mode="auto"), False),
        (SystemFacts(event="door_forced", door="exit", mode="auto"), True),
        (SystemFacts(event="counter_jumped", mode="auto"), False),
    ):
        assert kept_passages([record(facts)]).note_due is due
        assert not kept_passages([record(facts), record(NOTED)]).note_due


def test_an_acknowledgement_without_a_note_ends_nothing():
    plain = replace(example(RecordKind.OFFICER), action="acknowledge")
    assert kept_passages([record(PASSED), record(plain)]).note_due


def test_records_of_other_versions_are_passed_over():
    odd = replace(record(PASSED), facts={"event": 7})
    assert kept_passages([odd]) == Kept()


FORCED = SystemFacts(event="door_forced", door="exit", mode="auto")
LOST = SystemFacts(event="device_failed", mode="out_of_service")
AUTO = SystemFacts(event="mode", mode="auto")
ADMITTED = replace(FINISH, outcome="admitted")


def test_the_alarm_is_that_of_what_happened():
    kept = kept_passages(map(record, (FORCED, replace(PASSED, mode="out_of_service"), FORCED)))
    assert kept.alarms == (Reason.DOOR_FORCED, Reason.UNCHECKED_PASSAGE)
    assert kept_passages(map(record, (FORCED, NOTED))).alarms == ()


def test_where_the_records_do_not_reach_back_a_note_is_due_unless_the_lane_served_since():
    window = [record(LOST, seq) for seq in range(2, 40)]
    kept = kept_passages(window)
    assert (kept.note_due, kept.unchecked.unknown, kept.alarms) == (True, True, ())
    for proof in (AUTO, ADMITTED, NOTED):
        assert not kept_passages([*window, record(proof, 40), record(LOST, 41)]).note_due
    served = kept_passages([record(ADMITTED, 9), record(FORCED, 10), record(LOST, 11)])
    assert (served.note_due, served.alarms) == (True, (Reason.DOOR_FORCED,))
    assert not kept_passages([record(LOST, 1), record(LOST, 2)]).note_due
    assert not kept_passages([]).note_due
