"""The chain of a log: each record holds the hash of the one before.

Whoever changes, removes or reorders a stored record must change every later one, and the
central system has their hashes. Both ends check their own copy with `verify_chain`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sync.encoding import GENESIS, decode_record, record_sha256
from sync.errors import RecordMalformed

MAX_PROBLEMS = 1000


class Problem(NamedTuple):
    """Something is wrong at a place of the log."""

    seq: int
    what: str


def verify_chain(
    rows: Iterator[tuple[int, str, bytes]], gate: str, epoch: str, start: int = 0
) -> list[Problem]:
    """Check stored records (`seq`, hash in hex, canonical bytes), in order of `seq`.

    From a `start` other than 0 the row at `start` itself only anchors the chain.
    """
    problems: list[Problem] = []
    expected, previous = start or 1, GENESIS
    for seq, stored, data in rows:
        anchoring = start > 0 and seq == start
        found: str | None = None
        if seq != expected:
            found = f"records {expected} to {seq - 1} are missing"
        elif record_sha256(data) != stored:
            found = "the content does not match its hash"
        else:
            found = _record_problem(data, (gate, epoch, seq), None if anchoring else previous)
        if found is not None and len(problems) < MAX_PROBLEMS:
            problems.append(Problem(seq, found))
        expected, previous = seq + 1, record_sha256(data)
    return problems


def _record_problem(data: bytes, place: tuple[str, str, int], previous: str | None) -> str | None:
    """Say what is wrong with one record, or None."""
    try:
        record = decode_record(data)
    except RecordMalformed as error:
        return error.diagnosis
    if (record.gate, record.epoch, record.seq) != place:
        return "the record names another gate, journal or place"
    if previous is not None and record.previous != previous:
        return "the record does not follow the one before"
    return None
