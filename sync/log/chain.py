"""Checks of a stored log: contiguity, contents, the link from record to record, the tree.

Each record holds the commitment to the one before and is itself a leaf of the log's
Merkle tree. To change, remove or reorder a stored record is to change every later one
and the tree; roots of the tree are signed by both ends. Gate, central system and
auditor check their own copy with `verify_log`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

from sync.log.encoding import GENESIS, commitment, decode_record
from sync.log.errors import RecordMalformed
from sync.log.merkle import Frontier, leaf_hash
from sync.log.types import ERASURE, Record

MAX_PROBLEMS = 1000


class Problem(NamedTuple):
    """Something is wrong at a place of the log."""

    seq: int
    what: str


class Stored(NamedTuple):
    """A record as it is stored. Without `encoded` it was erased; `nodes` as in `sync.log.merkle`.

    `wrapped` is the key of its identity, wrapped with the key `key_id` of its hour.
    """

    seq: int
    commitment: bytes
    encoded: bytes
    salt: bytes
    nodes: bytes | None
    key_id: int = 0
    wrapped: bytes = b""


Inspect = Callable[[Stored, Record], str | None]
"""What else is wrong with a row whose record could be read, or None."""


def erased_by(data: bytes) -> list[int]:
    """Give the places that a record states were erased."""
    facts = decode_record(data).facts
    seqs = facts.get("seqs", ()) if facts.get("event") == ERASURE else ()
    return [seq for seq in seqs if isinstance(seq, int)]


class LogCheck:
    """Goes through a log once and notes what is wrong.

    Args:
        gate: the gate's name.
        epoch: the journal's epoch.
        roots: signed roots by size, compared when the walk comes to them.
        erased: places that may stand without a record.
        frontier: where to begin; the start of the log if None.
        previous: the commitment, in hex, that the first record must name.
        inspect: looks at every record that could be read.
    """

    def __init__(
        self,
        gate: str,
        epoch: str,
        *,
        roots: Mapping[int, bytes],
        erased: Container[int],
        frontier: Frontier | None = None,
        previous: str = GENESIS,
        inspect: Inspect | None = None,
    ) -> None:
        self._inspect = inspect
        self._log = (gate, epoch)
        self._roots = roots
        self._erased = erased
        self.frontier = Frontier() if frontier is None else frontier.copy()
        self._previous = previous
        self._expected = self.frontier.size + 1
        self.problems: list[Problem] = []

    def walk(self, rows: Iterable[Stored]) -> list[Problem]:
        """Check rows in order of `seq`; give everything found so far, within a limit."""
        for row in rows:
            found = self._row(row)
            if found is not None:
                self.report(row.seq, found)
            self._expected, self._previous = row.seq + 1, row.commitment.hex()
        return self.problems

    def report(self, seq: int, what: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(seq, what))

    def _row(self, row: Stored) -> str | None:
        """What is wrong with one row, or None."""
        missing = row.seq != self._expected
        nodes = self.frontier.append(leaf_hash(row.commitment))
        if missing:
            return f"records {self._expected} to {row.seq - 1} are missing"
        found = self._content(row)
        if found is None and row.nodes is not None and row.nodes != nodes:
            found = "the stored nodes of the tree do not follow from the records"
        root = self._roots.get(row.seq)
        if found is None and root is not None and root != self.frontier.root():
            found = "the tree up to here is not the one that was signed"
        return found

    def _content(self, row: Stored) -> str | None:
        """What is wrong with what a row holds, or None."""
        if not row.encoded:
            return None if row.seq in self._erased else "the record is gone without an erasure"
        if commitment(row.salt, row.encoded) != row.commitment:
            return "the content does not match its commitment"
        try:
            record = decode_record(row.encoded)
        except RecordMalformed as error:
            return error.diagnosis
        if (record.gate, record.epoch, record.seq) != (*self._log, row.seq):
            return "the record names another gate, journal or place"
        if record.version > 1 and not row.salt:
            return "the record stands without its salt"
        if record.previous != self._previous:
            return "the record does not follow the one before"
        return None if self._inspect is None else self._inspect(row, record)
