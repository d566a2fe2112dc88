"""The central system's records, idempotent on (gate, epoch, seq), in SQLite or PostgreSQL.

A record that comes again is recognised; another one at the same place is never written
over the first, no matter who signed it. What cannot be stored goes to the quarantine.

Every statement here runs in both databases; what differs is behind `Tables`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sync.centre.audit import AuditFinding, audit
from sync.centre.live_copies import LiveCopies
from sync.centre.quarantine import MAX_QUARANTINED, Quarantine
from sync.centre.registry import Registry
from sync.centre.schema import SCHEMA, Tables
from sync.centre.types import LogEnd, LogRow, LogStanding, LogStart, NewRow
from sync.log.chain import Stored
from sync.log.database import Database
from sync.log.encoding import GENESIS, decode_record
from sync.log.errors import RecordMalformed, StorageCorrupt
from sync.log.hpke import OpeningKey
from sync.log.keys import VerifyingKey
from sync.log.merkle import HASH_BYTES, Frontier, Nodes, leaf_hash, stored_place
from sync.log.types import HourKey, Item, Record

_NOTHING = (-1, b"", 0, b"")
_NO_MORE = (2**63, b"", 0, b"")

MAX_HOURS = 10_000
"""So many keys of hours, still sealed, are remembered."""


class CentreStore(Registry):
    """The central system's database. One thread at a time may use it."""

    def __init__(
        self,
        place: Path | str,
        *,
        max_quarantined: tuple[int, int] = MAX_QUARANTINED,
        read_only: bool = False,
    ) -> None:
        """Open, create or migrate; check integrity. Read-only: beside a collector.

        Args:
            place: a file of SQLite, or the address of a PostgreSQL database.
            max_quarantined: how many messages, and bytes of them, are quarantined at most.
            read_only: change nothing.

        Raises:
            StorageError: see `Database.open_writer`, `PostgresTables`.
        """
        super().__init__(_open(place, read_only=read_only))
        self.live = LiveCopies(self._db)
        self.quarantine = Quarantine(self._db, max_quarantined)
        self._hours: dict[tuple[str, str, int], bytes] = {}
        if not read_only:
            self._adopt()

    def logs(self) -> list[tuple[str, str, LogEnd]]:
        """Every gate's logs: gate, epoch, and how far each goes."""
        return [(row.gate, row.epoch, row.end) for row in self.log_rows()]

    def standing(self) -> list[LogStanding]:
        """Every log as an operator sees it."""
        rows = self._db.rows(
            "SELECT gate, epoch, l.seq, head_size, heard_utc, coalesce(revoked_utc, ''),"
            " (SELECT count(*) FROM erasures e WHERE e.log = l.log), r.encoded"
            " FROM logs l JOIN gates USING (gate)"
            " LEFT JOIN records r ON r.log = l.log AND r.seq = l.seq ORDER BY l.log"
        )
        return [LogStanding(*row) for row in rows]

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make everything inside durable together. See `Database.transaction`."""
        return self._db.transaction()

    def log(self, gate: str, epoch: str) -> LogRow:
        """One log; an empty one if nothing is stored of it."""
        row = self._db.one(
            "SELECT seq, commitment, peaks, checkpoint, head_size, head FROM logs"
            " WHERE gate = ? AND epoch = ?",
            (gate, epoch),
        )
        if row is None:
            return LogRow(gate, epoch, 0, bytes.fromhex(GENESIS), b"", "", 0, "")
        return LogRow(gate, epoch, *row)

    def log_rows(self) -> list[LogRow]:
        """Every log, in the order in which they began."""
        rows = self._db.rows(
            "SELECT gate, epoch, seq, commitment, peaks, checkpoint, head_size, head FROM logs"
            " ORDER BY log"
        )
        return [LogRow(*row) for row in rows]

    def head_of(self, gate: str, epoch: str) -> tuple[int, str]:
        """The newest size of its log that a gate signed, and that note."""
        return self.log(gate, epoch)[-2:]

    def peaks_of(self, gate: str, epoch: str) -> bytes:
        """The stored peaks of a log's tree."""
        return self.log(gate, epoch).peaks

    def start_of(self, gate: str, epoch: str) -> LogStart:  # noqa: ARG002 (one shape for all)
        """The central system has every log from its first record on."""
        return LogStart()

    def nodes(self, gate: str, epoch: str) -> Nodes:
        """The nodes of a log's tree. Its function raises `StorageCorrupt` for a missing one."""
        log = self._id(gate, epoch)

        def node(level: int, index: int) -> bytes:
            seq, offset = (index + 1, 0) if level == 0 else stored_place(level, index)
            query = "SELECT commitment, nodes FROM records WHERE log = ? AND seq = ?"
            row = self._db.one(query, (log, seq))
            if row is not None and level == 0:
                return leaf_hash(row[0])
            if row is not None and len(row[1] or b"") >= offset + HASH_BYTES:
                return bytes(row[1][offset : offset + HASH_BYTES])
            raise StorageCorrupt(f"a node of the tree of {gate} is missing")

        return node

    def hashes(self, gate: str, epoch: str, first_seq: int, last_seq: int) -> list[bytes]:
        """The commitments stored from one place to another, in order."""
        rows = self._db.rows(
            "SELECT commitment FROM records WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (self._id(gate, epoch), first_seq, last_seq),
        )
        return [commitment for (commitment,) in rows]

    def add(self, gate: str, epoch: str, new: Sequence[NewRow]) -> None:
        """Write records; `save` follows with the state of the log that they lead to.

        The caller has checked that they follow, and holds the gate in a transaction.
        """
        log = self._id(gate, epoch)
        if log is None:
            log = self._write(self.log(gate, epoch), "")
        self._db.copy_in(
            "secrets",
            ("log", "seq", "salt", "key_id", "wrapped"),
            [(log, seq, item.salt, item.key_id, item.wrapped) for seq, item, _ in new if item.salt],
        )
        self._db.copy_in(
            "records",
            ("log", "seq", "commitment", "encoded", "nodes"),
            [(log, seq, item.commitment, item.encoded, nodes) for seq, item, nodes in new],
        )

    def save(self, row: LogRow, hours: Sequence[HourKey], heard_utc: str) -> None:
        """Write a log's new state and the hours' keys that came with its records."""
        log = self._write(row, heard_utc)
        for hour in hours:
            self._db.run(
                "INSERT INTO hour_keys VALUES (?, ?, ?)", (log, hour.key_id, hour.for_centre)
            )

    def _write(self, row: LogRow, heard_utc: str) -> int:
        """Write the state of a log; give its number."""
        log: int = self._db.value(
            "INSERT INTO logs (gate, epoch, seq, commitment, peaks, checkpoint, head_size, head,"
            " heard_utc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gate, epoch) DO UPDATE"
            " SET seq = excluded.seq, commitment = excluded.commitment, peaks = excluded.peaks,"
            " checkpoint = excluded.checkpoint, head_size = excluded.head_size,"
            " head = excluded.head, heard_utc = excluded.heard_utc RETURNING log",
            (*row, heard_utc),
        )
        return log

    def erase(self, gate: str, epoch: str, seq: int, note: str) -> None:
        """Erase a record: contents, salt and key go, commitment and note stay.

        The caller holds a transaction.
        """
        place = (self._id(gate, epoch), seq)
        self._db.run("INSERT INTO erasures VALUES (?, ?, ?)", (*place, note))
        self.live.drop_one(gate, epoch, seq)
        self._db.run("DELETE FROM secrets WHERE log = ? AND seq = ?", place)
        self._db.run("UPDATE records SET encoded = ? WHERE log = ? AND seq = ?", (b"", *place))

    def forget_deleted(self) -> None:
        """After erasures: see `Database.forget_deleted`."""
        self._db.forget_deleted()

    def erasures(self, gate: str, epoch: str) -> list[tuple[int, str]]:
        """The notes of what was erased from a log, by place."""
        query = "SELECT seq, note FROM erasures WHERE log = ? ORDER BY seq"
        return [(seq, note) for seq, note in self._db.rows(query, (self._id(gate, epoch),))]

    def hour_keys(self, gate: str, epoch: str) -> dict[int, bytes]:
        """The keys of a log's hours, sealed for the central system, by their numbers."""
        query = "SELECT key_id, for_centre FROM hour_keys WHERE log = ?"
        rows = self._db.rows(query, (self._id(gate, epoch),))
        return {row[0]: row[1] for row in rows}

    def hour_key(self, gate: str, epoch: str, key_id: int) -> bytes:
        """The key of an hour, sealed for the central system; empty if there is none."""
        place = (gate, epoch, key_id)
        if place not in self._hours:
            query = "SELECT for_centre FROM hour_keys WHERE log = ? AND key_id = ?"
            found = self._db.value(query, (self._id(gate, epoch), key_id))
            if found is None:
                return b""
            if len(self._hours) >= MAX_HOURS:
                self._hours.clear()
            self._hours[place] = bytes(found)  # once stored it never changes
        return self._hours[place]

    def item(self, gate: str, epoch: str, seq: int) -> Item | None:
        """One record with what belongs to it."""
        row = self._db.one(
            "SELECT commitment, encoded, salt, coalesce(key_id, 0), wrapped FROM records r"
            " LEFT JOIN secrets s ON s.log = r.log AND s.seq = r.seq"
            " WHERE r.log = ? AND r.seq = ?",
            (self._id(gate, epoch), seq),
        )
        if row is None:
            return None
        return Item(
            commitment=row[0],
            encoded=row[1],
            salt=row[2] or b"",
            key_id=row[3],
            wrapped=row[4] or b"",
        )

    def count(self, gate: str | None = None) -> int:
        """Number of records, of one gate or of all."""
        if gate is None:
            return int(self._db.value("SELECT count(*) FROM records"))
        query = "SELECT count(*) FROM records WHERE log IN (SELECT log FROM logs WHERE gate = ?)"
        return int(self._db.value(query, (gate,)))

    def records(self, gate: str) -> Iterator[Record]:
        """Go through a gate's records: epochs as they began, each in order.

        Those that were erased are left out.

        Raises:
            RecordMalformed: stored bytes are no record; the audit says which.
        """
        for log_gate, epoch, _ in self.logs():
            if log_gate == gate:
                for row in self.stored(gate, epoch):
                    if row.encoded:
                        yield decode_record(row.encoded)

    def orphan(self) -> tuple[str, str, int] | None:
        """A record whose log is not listed, or what belongs to a record that is not there."""
        row = self._db.one(
            "SELECT log, seq, encoded FROM records WHERE log NOT IN (SELECT log FROM logs) LIMIT 1"
        )
        if row is not None:
            try:
                record = decode_record(row[2])
            except RecordMalformed:
                return (f"log {row[0]}", "", row[1])
            return (record.gate, record.epoch, row[1])
        row = self._db.one(
            "SELECT log, seq FROM secrets s WHERE NOT EXISTS"
            " (SELECT 1 FROM records r WHERE r.log = s.log AND r.seq = s.seq) LIMIT 1"
        )
        return None if row is None else (f"log {row[0]}", "", row[1])

    def stored(self, gate: str, epoch: str) -> Iterator[Stored]:
        """Go through one log's rows in order.

        Two walks side by side, each along its own key, instead of a join: PostgreSQL plans a
        join by its statistics, and for a table that was filled since they were taken it chose
        one that looks at every secret for every record.
        """
        log = (self._id(gate, epoch),)
        rows = self._db.each(
            "SELECT seq, commitment, encoded, nodes FROM records WHERE log = ? ORDER BY seq", log
        )
        secrets = self._db.each(
            "SELECT seq, salt, key_id, wrapped FROM secrets WHERE log = ? ORDER BY seq", log
        )
        with contextlib.closing(rows), contextlib.closing(secrets):
            place, salt, key_id, wrapped = _NOTHING
            for seq, commitment, encoded, nodes in rows:
                while place < seq:
                    place, salt, key_id, wrapped = next(secrets, _NO_MORE)
                mine = (salt, nodes, key_id, wrapped) if place == seq else (b"", nodes, 0, b"")
                yield Stored(seq, commitment, encoded, *mine)

    def audit(
        self, key: VerifyingKey | None = None, opening: OpeningKey | None = None
    ) -> list[AuditFinding]:
        """Check every log as of one moment; see `sync.centre.audit`."""
        with self._db.snapshot():
            return audit(self, key, opening)

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Everything read inside is as of one moment, beside a collector."""
        return self._db.snapshot()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _id(self, gate: str, epoch: str) -> int | None:
        """Give the number by which other tables name a log."""
        query = "SELECT log FROM logs WHERE gate = ? AND epoch = ?"
        found: int | None = self._db.value(query, (gate, epoch))
        return found

    def _adopt(self) -> None:
        """Give the records of an older version their tree."""
        for gate, epoch in self._db.rows("SELECT gate, epoch FROM logs WHERE peaks IS NULL"):
            with self._db.transaction():
                frontier = Frontier()
                log = self._id(gate, epoch)
                for row in list(self.stored(gate, epoch)):
                    self._db.run(
                        "UPDATE records SET nodes = ? WHERE log = ? AND seq = ?",
                        (frontier.append(leaf_hash(row.commitment)), log, row.seq),
                    )
                self._db.run("UPDATE logs SET peaks = ? WHERE log = ?", (frontier.peaks, log))


def _open(place: Path | str, *, read_only: bool) -> Tables:
    """Open the database that an address or a path names."""
    if isinstance(place, str):
        from sync.centre.postgres import PostgresTables

        return PostgresTables(place, read_only=read_only)
    return (Database.open_reader if read_only else Database.open_writer)(place, SCHEMA)
