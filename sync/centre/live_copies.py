"""Copies of records that were seen before their turn, while older ones are still on their way.

They are no part of any log: no receipt counts them and no audit. When the log comes to
their places its records must be the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.centre.schema import Tables
from sync.centre.types import NewRow


class LiveCopies:
    """One table of the central system's store."""

    def __init__(self, tables: Tables) -> None:
        self._db = tables

    def last_seq(self, gate: str, epoch: str) -> int:
        """The newest record of a log that waits here for its turn; 0 without any."""
        query = "SELECT coalesce(max(seq), 0) FROM live WHERE gate = ? AND epoch = ?"
        return int(self._db.value(query, (gate, epoch)))

    def commitments(self, gate: str, epoch: str, first_seq: int, last_seq: int) -> dict[int, bytes]:
        """Commitments from one place to another, as far as they were seen."""
        rows = self._db.rows(
            "SELECT seq, commitment FROM live WHERE gate = ? AND epoch = ? AND seq BETWEEN ? AND ?",
            (gate, epoch, first_seq, last_seq),
        )
        return {row[0]: row[1] for row in rows}

    def keep(self, gate: str, epoch: str, rows: Sequence[NewRow], utc: str) -> None:
        """Keep copies until their turn comes. The caller holds a transaction."""
        for row in rows:
            item = (row.item.commitment, row.item.encoded)
            self._db.run(
                "INSERT INTO live VALUES (?, ?, ?, ?, ?, ?)", (gate, epoch, row.seq, *item, utc)
            )

    def drop(self, gate: str, epoch: str, last_seq: int) -> None:
        """Forget copies whose turn has come."""
        query = "DELETE FROM live WHERE gate = ? AND epoch = ? AND seq <= ?"
        self._db.run(query, (gate, epoch, last_seq))

    def drop_one(self, gate: str, epoch: str, seq: int) -> None:
        """Forget the copy of a record that is erased."""
        query = "DELETE FROM live WHERE gate = ? AND epoch = ? AND seq = ?"
        self._db.run(query, (gate, epoch, seq))
