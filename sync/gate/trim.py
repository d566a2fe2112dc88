"""Trimming: what the central system has, and no one needs here any more, leaves the journal.

Records go from the oldest on, as many as are confirmed by a countersigned receipt, older than
the window that stays, and before the first record of a crossing without an end. A SYSTEM
record states first up to where; then they go in small steps, each one transaction, so that
no record waits for long. What stays is proven from the peaks of the tree at the trim point
(RFC 6962 section 2.1), with which the newest receipt's root must agree: a loss is a gap or a
beginning without that, a trim is neither.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import msgspec

from sync.gate.journal_check import stated_erasures
from sync.gate.journal_schema import STORED, TrimPoint, stored, trim_point
from sync.log.chain import LogCheck
from sync.log.database import Database
from sync.log.errors import StorageCorrupt
from sync.log.types import RecordKind

STEP_RECORDS = 50
"""So many go in one transaction: a few milliseconds."""

STEP_PAGES = 64
"""So many free pages are given back in one transaction."""

LOOK_RECORDS = 500
MAX_STATED = 100_000
"""One statement covers so many records at most."""


class _Age(msgspec.Struct):
    """What decides whether a record may go."""

    utc: str
    ticket: int


_AGES = msgspec.msgpack.Decoder(_Age)


class Trimmer:
    """Goes through what may leave one journal (`place`: gate and epoch)."""

    def __init__(self, database: Database, place: tuple[str, str]) -> None:
        """Go on with what an earlier run stated and did not finish."""
        self._db = database
        self._place = place
        self._point = trim_point(database)
        self._stated_seq, self._to_seq = self._point.stated_seq, self._point.to_seq
        self._looked_seq = self._point.seq

    @property
    def point(self) -> TrimPoint:
        """Up to where records have gone."""
        return self._point

    @property
    def pending(self) -> bool:
        """Whether records that were stated are still there."""
        return self._to_seq > self._point.seq

    def look(self, before_utc: str, receipt_seq: int) -> int | None:
        """Look at some more records; give the last that may go, once that is known.

        Args:
            before_utc: RFC 3339 with milliseconds; what is younger stays, and what follows it.
            receipt_seq: what the central system has not confirmed stays.

        Raises:
            StorageCorrupt: a record cannot be read.
        """
        unfinished = {
            ticket for (ticket,) in self._db.rows("SELECT ticket FROM crossings WHERE finished = 0")
        }
        rows = self._db.rows(
            "SELECT seq, encoded FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (self._looked_seq, receipt_seq, LOOK_RECORDS),
        )
        ended = len(rows) < LOOK_RECORDS
        for seq, encoded in rows:
            if encoded and not _may_go(seq, encoded, before_utc, unfinished):
                ended = True
                break
            self._looked_seq = seq
        if not ended and self._looked_seq - self._point.seq < MAX_STATED:
            return None
        found, self._looked_seq = self._looked_seq, self._point.seq
        return found

    def stated(self, stated_seq: int, to_seq: int) -> None:
        """The log states that records up to `to_seq` go."""
        self._stated_seq, self._to_seq = stated_seq, to_seq

    def remove(self) -> int:
        """Check the next few records, and remove them; give their number.

        Raises:
            StorageCorrupt: they are not in order: nothing goes until someone has looked.
            StorageFailed: nothing was changed.
        """
        old = self._point
        check = LogCheck(
            *self._place,
            roots={},
            erased=_Erasures(self._db),
            frontier=old.frontier,
            previous=old.commitment,
        )
        query = f"{STORED} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {STEP_RECORDS}"
        rows = [stored(row) for row in self._db.rows(query, (old.seq, self._to_seq))]
        problems = check.walk(rows)
        if problems or not rows:
            seq, what = problems[0] if problems else (old.seq + 1, "the record is missing")
            raise StorageCorrupt(_not_trimmed(seq, what))
        receipt = self._db.value("SELECT receipt FROM journal") or b""
        new = TrimPoint(
            rows[-1].seq,
            rows[-1].commitment.hex(),
            check.frontier,
            self._stated_seq,
            self._to_seq,
            receipt,
        )
        with self._db.transaction():
            self._forget(new)
        self._point, self._looked_seq = new, new.seq
        return len(rows)

    def _forget(self, new: TrimPoint) -> None:
        """Delete what is no longer needed up to the new trim point, and note what is."""
        run = self._db.run
        run(
            "DELETE FROM crossings WHERE finished = 1"
            " AND ticket < (SELECT max(ticket) FROM crossings)"
            " AND ticket IN (SELECT ticket FROM records WHERE seq <= ? AND kind = ?)",
            (new.seq, RecordKind.FINISH.value),
        )
        run("DELETE FROM secrets WHERE seq <= ?", (new.seq,))
        run("DELETE FROM records WHERE seq <= ?", (new.seq,))
        run(
            "DELETE FROM hour_keys WHERE id < (SELECT max(id) FROM hour_keys) AND id <"
            " (SELECT key_id FROM secrets WHERE key_id > 0 ORDER BY seq LIMIT 1)"
        )
        run(
            "INSERT OR REPLACE INTO trimmed VALUES (1, ?, ?, ?, ?, ?, ?)",
            (
                new.seq,
                bytes.fromhex(new.commitment),
                new.frontier.peaks,
                new.stated_seq,
                new.to_seq,
                new.receipt,
            ),
        )


class Trimmed(NamedTuple):
    """What one step of trimming did: records that went; whether nothing is left to do."""

    records: int
    done: bool


class _Erasures:
    """The places that the log states were erased; read only when one is asked for."""

    def __init__(self, database: Database) -> None:
        self._db: Database | None = database
        self._places: set[int] = set()

    def __contains__(self, seq: object) -> bool:
        if self._db is not None:
            self._places, self._db = stated_erasures(self._db), None
        return seq in self._places


def _may_go(seq: int, encoded: bytes, before_utc: str, unfinished: Container[int]) -> bool:
    """Whether a record is old enough, and of no crossing without an end."""
    try:
        age = _AGES.decode(encoded)
    except msgspec.MsgspecError as error:
        raise StorageCorrupt(_not_trimmed(seq, "the record cannot be read")) from error
    return age.utc < before_utc and age.ticket not in unfinished


def _not_trimmed(seq: int, what: str) -> str:
    return f"record {seq}: {what}: nothing is trimmed, run `egate journal verify`"
