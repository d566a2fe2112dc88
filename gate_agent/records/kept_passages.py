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
from gate_agent.core.record_blocks import CounterFacts
from sync.log.types import Record, RecordKind

LATEST_RECORDS = 2_000
"""As many records are read; a lane that waits for a note writes few."""

KINDS = (RecordKind.FINISH, RecordKind.OFFICER, RecordKind.SYSTEM)


def kept_passages(records: Iterable[Record]) -> Kept:
    """Fold records, oldest first, into what the lane begins with."""
    kept = Kept()
    for record in records:
        if record.kind not in KINDS:
            continue
        try:
            facts = facts_of(record)
        except msgspec.ValidationError:
            continue  # of another version, which knew no counters
        match facts:
            case FinishFacts():
                kept = _counted(kept, facts.counters)
            case OfficerFacts() if isinstance(facts.note, str):
                kept = msgspec.structs.replace(kept, unchecked=Unchecked(), note_due=False)
            case SystemFacts():
                kept = _followed(_counted(kept, facts.counters), facts)
    return kept


def _counted(kept: Kept, counters: CounterFacts | msgspec.UnsetType) -> Kept:
    if not isinstance(counters, CounterFacts):
        return kept
    known = Counters(exit=counters.exit, entry=counters.entry, bits=counters.bits)
    return msgspec.structs.replace(kept, counters=known)


def _followed(kept: Kept, facts: SystemFacts) -> Kept:
    """What a record about the lane itself adds: passages, and that a note is due."""
    if facts.event == "passage":
        before = kept.unchecked
        passed = Unchecked(
            exit=before.exit + (facts.passages_exit or 0),
            entry=before.entry + (facts.passages_entry or 0),
            unknown=before.unknown or facts.uncounted is True,
        )
        return msgspec.structs.replace(kept, unchecked=passed, note_due=True)
    fire = facts.event == "mode" and facts.mode == Mode.EVACUATION.value
    if fire or facts.event == "door_forced":
        return msgspec.structs.replace(kept, note_due=True)
    return kept
