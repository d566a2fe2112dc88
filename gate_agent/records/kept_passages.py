"""What a journal holds of passages: the counters, and what passed since a supervisor's last note.

Read once at the start, so that people who passed while the agent did not run are counted, and a
lane that waits for a note waits for it after a restart too.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gate_agent.core.counter import Counters, Kept, Unchecked
from gate_agent.core.facts import FinishFacts, OfficerFacts, SystemFacts, facts_of
from gate_agent.core.messages import Mode
from gate_agent.core.reasons import Reason
from gate_agent.core.record_blocks import CounterFacts
from sync.log.types import Record, RecordKind

LATEST_RECORDS = 2_000
"""As many records are read. A lane that serves leaves a proof of it among so many."""

SERVED = ("admitted", "accepted")
"""Outcomes of crossings that a lane which waits for a note does not come to."""

KINDS = (RecordKind.FINISH, RecordKind.OFFICER, RecordKind.SYSTEM)


def kept_passages(records: Iterable[Record]) -> Kept:
    """Fold the newest records of a log, oldest first, into what the lane begins with.

    Where they do not reach back to the log's beginning and hold neither a note nor any sign that
    the lane served, a note may be due from before them: then it is.
    """
    kept, settled = Kept(), True
    for number, record in enumerate(records):
        settled = record.seq == 1 if not number else settled
        if record.kind not in KINDS:
            continue
        try:
            facts = facts_of(record)
        except msgspec.ValidationError:
            continue  # of another version, which knew no counters
        match facts:
            case FinishFacts():
                kept = _counted(kept, facts.counters)
                settled = settled or facts.outcome in SERVED
            case OfficerFacts() if isinstance(facts.note, str):
                kept, settled = Kept(counters=kept.counters), True
            case SystemFacts():
                kept = _followed(_counted(kept, facts.counters), facts)
                settled = settled or (facts.event == "mode" and facts.mode == Mode.AUTO.value)
    return kept if settled else _assumed(kept)


def _assumed(kept: Kept) -> Kept:
    """The same with a note that is due for what is not known."""
    unchecked = msgspec.structs.replace(kept.unchecked, unknown=True)
    return msgspec.structs.replace(kept, unchecked=unchecked, note_due=True)


def _counted(kept: Kept, counters: CounterFacts | msgspec.UnsetType) -> Kept:
    if not isinstance(counters, CounterFacts):
        return kept
    known = Counters(exit=counters.exit, entry=counters.entry, bits=counters.bits)
    return msgspec.structs.replace(kept, counters=known)


def _followed(kept: Kept, facts: SystemFacts) -> Kept:
    """What a record about the lane itself adds: passages, and that a note is due, for what."""
    evacuated = facts.mode == Mode.EVACUATION.value
    if facts.event == "passage":
        passed = Unchecked(
            exit=facts.passages_exit or 0,
            entry=facts.passages_entry or 0,
            unknown=facts.uncounted is True,
        )
        kept = msgspec.structs.replace(kept, unchecked=kept.unchecked.plus(passed))
        return _stopped(kept, Reason.FIRE if evacuated else Reason.UNCHECKED_PASSAGE)
    if facts.event == "door_forced":
        return _stopped(kept, Reason.DOOR_FORCED)
    if facts.event == "mode" and evacuated:
        return _stopped(kept, Reason.FIRE)
    return kept


def _stopped(kept: Kept, alarm: Reason) -> Kept:
    alarms = kept.alarms if alarm in kept.alarms else (*kept.alarms, alarm)
    return msgspec.structs.replace(kept, note_due=True, alarms=alarms)
