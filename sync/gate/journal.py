"""The gate's journal: what is appended here survives power loss and cannot change unseen.

One transaction holds the record, its place in the outbox, its leaf and the nodes of the
Merkle tree that it completes, and the state of its crossing. The agent is the only writer;
`egate sync` reads beside it through `sync.gate.journal_reader`. An outbox row is released by a
receipt that the central system signed after its own COMMIT, never because a broker took the
message. Order is `seq`, never a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sync.gate.draft import Drafter, Drafts, JournalEnd, JournalEntry
from sync.gate.journal_check import check_journal
from sync.gate.journal_schema import SCHEMA, TrimPoint, nodes_of
from sync.gate.receipts import check_receipt, release
from sync.gate.trim import STEP_PAGES, Trimmed, Trimmer
from sync.log.chain import Problem, Stored, erased_by
from sync.log.database import Database
from sync.log.encoding import (
    GENESIS,
    decode_record,
)
from sync.log.envelope import Sealed, Sealer
from sync.log.errors import (
    RecordMalformed,
    StorageCorrupt,
    StorageError,
    StorageForeign,
)
from sync.log.keys import VerifyingKey
from sync.log.merkle import Frontier, Nodes, leaf_hash, root_of
from sync.log.types import TRIM, Erasure, Record, RecordKind, Trim

EPOCH_BYTES = 16
CHECKED_AT_START = 1000
"""So many of the newest records are verified at every start; `verify` does them all."""

MAX_APPEND = 1000
_CROSSING_KINDS = (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION)


class Journal:
    """The journal of one gate, open for writing. One thread at a time may use it."""

    def __init__(
        self,
        database: Database,
        place: tuple[str, str],
        random: Callable[[int], bytes],
        sealer: Sealer | None,
        *,
        demo: bool,
    ) -> None:
        """Use `open` instead."""
        self._db = database
        self.gate, self.epoch = place
        self.demo = demo
        self._drafter = Drafter(place, random, sealer, demo=demo)
        self.nodes: Nodes = nodes_of(database)
        self._seq = int(database.value("SELECT coalesce(max(seq), 0) FROM records"))
        self._adopt()
        self._frontier = Frontier.of(self._seq, self.nodes)
        self._trimmer = Trimmer(database, place)
        self._key_id = int(database.value("SELECT coalesce(max(id), 0) FROM hour_keys"))
        self._receipt_seq = int(database.value("SELECT receipt_seq FROM journal"))

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        gate: str,
        random: Callable[[int], bytes],
        sealer: Sealer | None = None,
        demo: bool = False,
    ) -> Journal:
        """Open the journal, make it if there is none, check its integrity.

        Args:
            path: the database file; its directory must exist.
            gate: the gate's name, which must be the one that the journal was made for.
            random: source of the epoch, asked once when the journal is made, and of salts.
            sealer: encrypts identities; without it a record with one is refused.
            demo: whether its records are marked as a demonstration's.

        Raises:
            StorageError: see `Database.open_writer`; also `StorageCorrupt` for a broken
                chain among the newest records, `StorageForeign` for another gate's
                journal, or one whose demo mark differs.
        """
        database = Database.open_writer(path, SCHEMA)
        try:
            row = database.one("SELECT gate, epoch, demo FROM journal")
            if row is None:
                row = (gate, random(EPOCH_BYTES).hex(), int(demo))
                database.run("INSERT INTO journal VALUES (1, ?, ?, ?, 0, NULL)", row)
            if row[0] != gate or bool(row[2]) != demo:
                raise StorageForeign(f"{path.name} is the journal of another gate or purpose")
            journal = cls(database, (gate, row[1]), random, sealer, demo=demo)
            problems = list(journal.verify(after_seq=max(0, journal._seq - CHECKED_AT_START)))
            if problems:
                raise StorageCorrupt(f"{path.name}: record {problems[0].seq}: {problems[0].what}")
        except BaseException:
            database.close()
            raise
        return journal

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._db.path

    def size_bytes(self) -> int:
        """What the database takes on the disk, with its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def writes(self) -> bool:
        """Whether it can be written now: makes a row durable that comes and goes."""
        try:
            with self._db.transaction():
                self._db.run("INSERT INTO crossings VALUES (-1, 1)")
                self._db.run("DELETE FROM crossings WHERE ticket = -1")
        except StorageError:
            return False
        return True

    @property
    def last_seq(self) -> int:
        """The newest record's place; 0 when there is none."""
        return self._seq

    @property
    def receipt_seq(self) -> int:
        """Everything up to here is with the central system."""
        return self._receipt_seq

    def append(
        self,
        kind: RecordKind,
        ticket: int,
        at_ns: int,
        utc: str,
        facts: Mapping[str, Any],
        identity: Mapping[str, str] | None = None,
    ) -> Record:
        """Make one record durable; it survives power loss once this returns.

        Raises:
            RecordMalformed: the facts are not plain data.
            StorageFailed: it could not be made durable; nothing was written.
        """
        return self.append_many([JournalEntry(kind, ticket, at_ns, utc, facts, identity)])[0]

    def append_many(self, entries: Sequence[JournalEntry]) -> list[Record]:
        """Make several records durable with one commit: all of them or none.

        Raises:
            RecordMalformed: the facts of one are not plain data, or there are more than
                `MAX_APPEND` entries.
            StorageFailed: they could not be made durable; nothing was written.
        """
        if len(entries) > MAX_APPEND:
            raise RecordMalformed(f"{len(entries)} records at once exceed {MAX_APPEND}")
        return self._write(entries, ())

    def erase(self, seqs: Sequence[int], at_ns: int, utc: str, reason: str) -> Record:
        """Erase records: contents, salts and keys go, commitments stay; log it as an event.

        Raises:
            RecordMalformed: one is not there, was erased, or states an erasure or a trim.
            StorageFailed: nothing was changed.
        """
        for seq in seqs:
            data = self._db.value("SELECT encoded FROM records WHERE seq = ?", (seq,))
            if not data or _must_stay(data):
                raise RecordMalformed(f"record {seq} cannot be erased")
        facts = msgspec.to_builtins(Erasure(seqs=sorted(set(seqs)), reason=reason))
        record = self._write([JournalEntry(RecordKind.SYSTEM, 0, at_ns, utc, facts)], seqs)[0]
        self._db.forget_deleted()
        return record

    def trim(self, before_utc: str, kept_days: int, at_ns: int, utc: str) -> Trimmed:
        """Do one small step of trimming: look, state, remove, or give room back.

        What goes: see `sync.gate.trim`. Call it again until it is done.

        Args:
            before_utc: records from then on stay; RFC 3339 with milliseconds.
            kept_days: what the statement says about the window.
            at_ns: now by the lane's monotonic clock, for the statement.
            utc: now, for the statement.

        Raises:
            StorageCorrupt: what was to go is not in order; nothing went.
            StorageFailed: this step was not done.
        """
        trimmer = self._trimmer
        if trimmer.pending:
            return Trimmed(trimmer.remove(), done=False)
        to_seq = trimmer.look(before_utc, self._receipt_seq)
        if to_seq is None:
            return Trimmed(0, done=False)
        if to_seq <= trimmer.point.seq:
            return Trimmed(0, done=True)
        root = root_of(to_seq, self.nodes).hex()
        facts = msgspec.to_builtins(Trim(to_seq=to_seq, root=root, kept_days=kept_days))
        statement = JournalEntry(RecordKind.SYSTEM, 0, at_ns, utc, facts)
        trimmer.stated(self._write([statement], ())[0].seq, to_seq)
        return Trimmed(0, done=False)

    def shrink(self, spare_share: float) -> bool:
        """Give some free room of the file back; whether more than the spare share is left.

        `spare_share`: so much of the file may stay free, to be written again.
        """
        free, whole = self._db.free_pages()
        if free <= spare_share * whole:
            return False
        if self._db.shrinks:
            self._db.shrink(STEP_PAGES)
        return self._db.free_pages()[0] < free

    def rebuild(self) -> None:
        """Write the file again, as small as it can be; no record can be appended meanwhile.

        Raises:
            StorageFailed: there is no room for a second copy; nothing was changed.
        """
        self._db.rebuild()
        self._db.forget_deleted()

    @property
    def can_shrink(self) -> bool:
        """Whether free room goes back to the disk; a file of an older version needs `rebuild`."""
        return self._db.shrinks

    def forget_deleted(self) -> None:
        """Leave nothing of what went in the write-ahead log, and make that small."""
        self._db.forget_deleted()

    @property
    def trimmed(self) -> TrimPoint:
        """Up to where records were removed."""
        return self._trimmer.point

    def _write(self, entries: Sequence[JournalEntry], erasing: Sequence[int]) -> list[Record]:
        """Make records durable, and erasures with the records that state them."""
        end = JournalEnd(self._frontier, self.newest, self._key_id)
        try:
            return self._commit(self._drafter.draft(entries, end), erasing)
        except BaseException:
            self._drafter.abandon()
            raise

    def _commit(self, drafts: Drafts, erasing: Sequence[int]) -> list[Record]:
        """Write everything in one transaction."""
        rows, hour, frontier = drafts
        if not rows:
            return []
        with self._db.transaction():
            if hour is not None:
                first_seq = self._seq + 1
                self._db.run(
                    "INSERT INTO hour_keys VALUES (?, ?, ?, ?)",
                    (hour.key_id, first_seq, hour.for_centre, hour.for_gate),
                )
            for record, row, sealed in rows:
                self._insert(record, row, sealed)
            for seq in erasing:
                self._db.run("DELETE FROM secrets WHERE seq = ?", (seq,))
                self._db.run("UPDATE records SET encoded = x'' WHERE seq = ?", (seq,))
        self._seq, self._frontier = frontier.size, frontier
        self._key_id = self._key_id if hour is None else hour.key_id
        return [record for record, _, _ in rows]

    @property
    def newest(self) -> str:
        """The commitment to the newest record, in hex; `GENESIS` when there is none."""
        found = self._db.value("SELECT commitment FROM records WHERE seq = ?", (self._seq,))
        return GENESIS if found is None else str(found.hex())

    def _insert(self, record: Record, row: Stored, sealed: Sealed | None) -> None:
        """Write one record with its leaf, secrets, outbox row, and the state of its crossing."""
        self._db.run(
            "INSERT INTO records (seq, kind, ticket, commitment, encoded, nodes)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (row.seq, record.kind.value, record.ticket, row.commitment, row.encoded, row.nodes),
        )
        key_id, wrapped = (0, b"") if sealed is None else (sealed.key_id, sealed.wrapped)
        self._db.run(
            "INSERT INTO secrets VALUES (?, ?, ?, ?)", (row.seq, row.salt, key_id, wrapped)
        )
        self._db.run("INSERT INTO outbox VALUES (?)", (row.seq,))
        if record.ticket and record.kind in _CROSSING_KINDS:
            self._db.run("INSERT OR IGNORE INTO crossings VALUES (?, 0)", (record.ticket,))
        elif record.ticket and record.kind is RecordKind.FINISH:
            self._db.run("INSERT OR REPLACE INTO crossings VALUES (?, 1)", (record.ticket,))

    def _adopt(self) -> None:
        """Give records of an older version their place in the tree."""
        done = self._db.value(
            "SELECT coalesce(min(seq), ?) FROM records WHERE nodes IS NULL", (self._seq + 1,)
        )
        frontier = Frontier.of(done - 1, self.nodes)
        query = "SELECT seq, commitment FROM records WHERE seq >= ? ORDER BY seq"
        with self._db.transaction():
            for seq, leaf in self._db.rows(query, (done,)):
                nodes = frontier.append(leaf_hash(leaf))
                self._db.run("UPDATE records SET nodes = ? WHERE seq = ?", (nodes, seq))

    def acknowledge(self, receipt: bytes, key: VerifyingKey) -> int:
        """Release what the central system confirms; give how far it has followed now.

        Receipts are cumulative and may come again, late, or in any order: an older one
        is checked like any other and changes nothing.

        Raises:
            ReceiptRefused: see its subclasses. `ReceiptConflict` is an alarm: the
                central system and this gate disagree about the past.
            StorageFailed: it could not be written down.
        """
        place = (self.gate, self.epoch)
        seq = check_receipt(self._db, place, self._seq, receipt, key).seq
        if seq > self._receipt_seq:
            release(self._db, seq, receipt, self._key_id)
            self._receipt_seq = seq
        return self._receipt_seq

    def unfinished_tickets(self) -> list[int]:
        """Crossings that were decided, judged or actuated, but have no FINISH.

        After a restart it is not known what became of them: they go to an officer.
        """
        rows = self._db.rows("SELECT ticket FROM crossings WHERE finished = 0 ORDER BY ticket")
        return [ticket for (ticket,) in rows]

    def last_ticket(self) -> int:
        """The highest ticket of any record; 0 without one. The next one must be higher."""
        return int(self._db.value("SELECT coalesce(max(ticket), 0) FROM crossings"))

    def oldest_unsent(self) -> Record | None:
        """The oldest record that the central system has not confirmed."""
        data = self._db.value(
            "SELECT encoded FROM records WHERE seq = (SELECT min(seq) FROM outbox JOIN records"
            " USING (seq) WHERE encoded <> x'')"
        )
        return None if data is None else decode_record(data)

    def records(self, after_seq: int = 0) -> Iterator[Record]:
        """Go through the records in order, without those that were erased.

        Raises:
            RecordMalformed: stored bytes are no record; `verify` says which.
        """
        query = "SELECT encoded FROM records WHERE seq > ? AND encoded <> x'' ORDER BY seq"
        for (data,) in self._db.each(query, (after_seq,)):
            yield decode_record(data)

    def verify(self, after_seq: int = 0, key: VerifyingKey | None = None) -> list[Problem]:
        """Check everything after a place; see `sync.gate.journal_check`."""
        return check_journal(self._db, self.gate, self.epoch, after_seq, key)

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def _must_stay(data: bytes) -> bool:
    """Whether a record states what became of others, which its erasure would leave unexplained."""
    return bool(erased_by(data)) or decode_record(data).facts.get("event") == TRIM
