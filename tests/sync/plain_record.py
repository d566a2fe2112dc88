"""A record of no gate in particular, for tests that look at one or two of its fields."""

from __future__ import annotations

from sync.log.types import RECORD_VERSION, Record, RecordKind


def plain_record(
    utc: str, kind: RecordKind = RecordKind.SYSTEM, *, seq: int = 1, **facts: object
) -> Record:
    """A record with these facts."""
    return Record(
        version=RECORD_VERSION,
        gate="north-1",
        epoch="0" * 32,
        seq=seq,
        kind=kind,
        ticket=0 if kind is RecordKind.SYSTEM else 1,
        at_ns=5,
        utc=utc,
        previous="0" * 64,
        facts=facts,
    )
