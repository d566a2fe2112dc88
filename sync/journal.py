"""The gate's journal: what is appended here survives power loss and cannot change unseen.

One transaction holds the record, its place in the outbox, the hash that chains it to the
record before, and the state of its crossing. The agent is the only writer; `egate sync`
reads beside it through `JournalReader`. An outbox row is released by a receipt that the
central system signed after its own COMMIT, never because a broker took the message.
Order is `seq`, never a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sync.chain import MAX_PROBLEMS, Problem, verify_chain
from sync.database import Database, Schema
from sync.encoding import GENESIS, decode_record, encode_record, open_receipt, record_sha256
from sync.errors import (
    ReceiptAhead,
    ReceiptConflict,
    ReceiptForeign,
    RecordMalformed,
    StorageCorrupt,
    StorageForeign,
    StorageUnavailable,
)
from sync.keys import VerifyingKey
from sync.types import Record, RecordKind

EPOCH_BYTES = 16
CHECKED_AT_START = 1000
"""So many of the newest records are verified at every start; `verify` does them all."""

MAX_APPEND = 1000
MAX_UNSENT_RECORDS = 1000

SCHEMA = Schema(
    application_id=0x65676A31,
    migrations=[
        (
            """CREATE TABLE journal (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                demo INTEGER NOT NULL,
                receipt_seq INTEGER NOT NULL,
                receipt BLOB
            ) STRICT""",
            """CREATE TABLE records (
                seq INTEGER PRIMARY KEY,
                kind TEXT NOT NULL,
                ticket INTEGER NOT NULL,
                sha256 BLOB NOT NULL,
                encoded BLOB NOT NULL
            ) STRICT""",
            "CREATE TABLE outbox (seq INTEGER PRIMARY KEY REFERENCES records (seq)) STRICT",
            """CREATE TABLE crossings (
                ticket INTEGER PRIMARY KEY,
                finished INTEGER NOT NULL
            ) STRICT""",
            "CREATE INDEX unfinished ON crossings (ticket) WHERE finished = 0",
        ),
    ],
)

_CROSSING_KINDS = (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION)


class Entry(NamedTuple):
    """What the writer says about one record; the journal adds place, epoch and chain.

    `at_ns` is the lane's monotonic clock, `utc` RFC 3339 with milliseconds. `ticket` is 0
    for what belongs to no crossing.
    """

    kind: RecordKind
    ticket: int
    at_ns: int
    utc: str
    facts: Mapping[str, Any]
    identity: Mapping[str, str] | None = None


class Journal:
    """The journal of one gate, open for writing. One thread at a time may use it."""

    def __init__(self, database: Database, *, gate: str, epoch: str, demo: bool) -> None:
        """Use `open` instead."""
        self._db = database
        self.gate = gate
        self.epoch = epoch
        self.demo = demo
        self._seq = int(database.value("SELECT coalesce(max(seq), 0) FROM records"))
        newest = database.value("SELECT sha256 FROM records WHERE seq = ?", (self._seq,))
        self._newest_sha256 = GENESIS if newest is None else newest.hex()
        self._receipt_seq = int(database.value("SELECT receipt_seq FROM journal"))

    @classmethod
    def open(
        cls, path: Path, *, gate: str, random: Callable[[int], bytes], demo: bool = False
    ) -> Journal:
        """Open the journal, make it if there is none, check its integrity.

        Args:
            path: the database file; its directory must exist.
            gate: the gate's name, which must be the one that the journal was made for.
            random: source of the epoch, asked once when the journal is made.
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
            journal = cls(database, gate=gate, epoch=row[1], demo=demo)
            problems = list(journal.verify(after_seq=max(0, journal._seq - CHECKED_AT_START)))
            if problems:
                raise StorageCorrupt(f"{path.name}: record {problems[0].seq}: {problems[0].what}")
        except BaseException:
            database.close()
            raise
        return journal

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
        return self.append_many([Entry(kind, ticket, at_ns, utc, facts, identity)])[0]

    def append_many(self, entries: Sequence[Entry]) -> list[Record]:
        """Make several records durable with one commit: all of them or none.

        Raises:
            RecordMalformed: the facts of one are not plain data, or there are more than
                `MAX_APPEND` entries.
            StorageFailed: they could not be made durable; nothing was written.
        """
        if len(entries) > MAX_APPEND:
            raise RecordMalformed(f"{len(entries)} records at once exceed {MAX_APPEND}")
        seq, previous = self._seq, self._newest_sha256
        encoded: list[bytes] = []
        for entry in entries:
            seq += 1
            data = encode_record(self._record(entry, seq, previous))
            previous = record_sha256(data)
            encoded.append(data)
        records = [decode_record(data) for data in encoded]
        if not records:
            return []
        with self._db.transaction():
            for record, data in zip(records, encoded, strict=True):
                self._insert(record, data)
        self._seq, self._newest_sha256 = seq, previous
        return records

    def _record(self, entry: Entry, seq: int, previous: str) -> Record:
        """Give an entry its place in the chain."""
        return Record(
            gate=self.gate,
            epoch=self.epoch,
            seq=seq,
            kind=entry.kind,
            ticket=entry.ticket,
            at_ns=entry.at_ns,
            utc=entry.utc,
            previous=previous,
            facts=dict(entry.facts),
            identity=None if entry.identity is None else dict(entry.identity),
            demo=self.demo,
        )

    def _insert(self, record: Record, data: bytes) -> None:
        """Write one record, its outbox row, and the state of its crossing."""
        digest = bytes.fromhex(record_sha256(data))
        self._db.run(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
            (record.seq, record.kind.value, record.ticket, digest, data),
        )
        self._db.run("INSERT INTO outbox VALUES (?)", (record.seq,))
        if record.ticket and record.kind in _CROSSING_KINDS:
            self._db.run("INSERT OR IGNORE INTO crossings VALUES (?, 0)", (record.ticket,))
        elif record.ticket and record.kind is RecordKind.FINISH:
            self._db.run("INSERT OR REPLACE INTO crossings VALUES (?, 1)", (record.ticket,))

    def acknowledge(self, receipt: bytes, key: VerifyingKey) -> int:
        """Release what the central system confirms; give how far it has followed now.

        Receipts are cumulative and may come again, late, or in any order: an older one
        is checked like any other and changes nothing.

        Raises:
            ReceiptRefused: see its subclasses. `ReceiptConflict` is an alarm: the
                central system and this gate disagree about the past.
            StorageFailed: it could not be written down.
        """
        message = open_receipt(receipt, key)
        if (message.gate, message.epoch) != (self.gate, self.epoch):
            raise ReceiptForeign("a receipt is for another gate or journal")
        if not 0 <= message.seq <= self._seq:
            raise ReceiptAhead(f"a receipt names record {message.seq} of {self._seq}")
        ours = self._db.value("SELECT sha256 FROM records WHERE seq = ?", (message.seq,))
        if message.record_sha256 != (GENESIS if ours is None else ours.hex()):
            raise ReceiptConflict(f"the central system holds another record {message.seq}")
        if message.seq > self._receipt_seq:
            with self._db.transaction():
                self._db.run("DELETE FROM outbox WHERE seq <= ?", (message.seq,))
                self._db.run(
                    "UPDATE journal SET receipt_seq = ?, receipt = ?", (message.seq, receipt)
                )
            self._receipt_seq = message.seq
        return self._receipt_seq

    def unfinished_tickets(self) -> list[int]:
        """Crossings that were decided, judged or actuated, but have no FINISH.

        After a restart nobody knows what became of them: they go to an officer.
        """
        rows = self._db.rows("SELECT ticket FROM crossings WHERE finished = 0 ORDER BY ticket")
        return [ticket for (ticket,) in rows]

    def last_ticket(self) -> int:
        """The highest ticket of any record; 0 without one. The next one must be higher."""
        return int(self._db.value("SELECT coalesce(max(ticket), 0) FROM crossings"))

    def oldest_unsent(self) -> Record | None:
        """The oldest record that the central system has not confirmed."""
        data = self._db.value(
            "SELECT encoded FROM records WHERE seq = (SELECT min(seq) FROM outbox)"
        )
        return None if data is None else decode_record(data)

    def records(self, after_seq: int = 0) -> Iterator[Record]:
        """Go through the records in order.

        Raises:
            RecordMalformed: stored bytes are no record; `verify` says which.
        """
        query = "SELECT encoded FROM records WHERE seq > ? ORDER BY seq"
        for (data,) in self._db.each(query, (after_seq,)):
            yield decode_record(data)

    def verify(self, after_seq: int = 0) -> list[Problem]:
        """Check hashes, chain, contiguity and outbox after a place; at most `MAX_PROBLEMS`."""
        query = "SELECT seq, sha256, encoded FROM records WHERE seq >= ? ORDER BY seq"
        rows = (
            (seq, sha256.hex(), data) for seq, sha256, data in self._db.each(query, (after_seq,))
        )
        problems = verify_chain(rows, self.gate, self.epoch, start=after_seq)
        expected = self._seq - self._receipt_seq
        if self._db.one("SELECT count(*), coalesce(min(seq), ?) FROM outbox", (self._seq + 1,)) != (
            expected,
            self._receipt_seq + 1,
        ):
            problems.append(Problem(self._receipt_seq, "the outbox does not match the receipt"))
        return problems[:MAX_PROBLEMS]

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class JournalReader:
    """The journal read beside its writer: what `egate sync` needs, and nothing else."""

    def __init__(self, path: Path) -> None:
        """Open read-only.

        Raises:
            StorageUnavailable: there is no journal yet.
            StorageForeign: another kind or version of database.
        """
        self._db = Database.open_reader(path, SCHEMA)
        row = None
        try:
            self._inode = path.stat().st_ino
            row = self._db.one("SELECT gate, epoch, demo FROM journal")
        except OSError as error:
            raise StorageUnavailable(f"{path.name}: {error.strerror}") from error
        finally:
            if row is None:
                self._db.close()
        if row is None:
            raise StorageUnavailable(f"{path.name} is being created")
        self.path = path
        self.gate: str = row[0]
        self.epoch: str = row[1]
        self.demo = bool(row[2])

    def last_seq(self) -> int:
        """The newest record's place; 0 when there is none."""
        return int(self._db.value("SELECT coalesce(max(seq), 0) FROM records"))

    def receipt_seq(self) -> int:
        """Everything up to here is with the central system."""
        return int(self._db.value("SELECT receipt_seq FROM journal"))

    def unsent(self, after_seq: int, max_bytes: int) -> list[bytes]:
        """The records after a place, in order, in their canonical bytes.

        At least one if there is any; otherwise no more than `max_bytes` or
        `MAX_UNSENT_RECORDS`.
        """
        taken: list[bytes] = []
        size = 0
        query = "SELECT encoded FROM records WHERE seq > ? ORDER BY seq LIMIT ?"
        for (data,) in self._db.each(query, (after_seq, MAX_UNSENT_RECORDS)):
            size += len(data)
            if taken and size > max_bytes:
                break
            taken.append(data)
        return taken

    def replaced(self) -> bool:
        """Whether another file has taken the journal's place since it was opened."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def close(self) -> None:
        """Close the database."""
        self._db.close()
