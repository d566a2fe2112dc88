"""The central system's records, idempotent on (gate, epoch, seq).

A record that comes again is recognised; another one at the same place is never written
over the first, whoever signed it. What cannot be stored is kept apart (quarantine) with
the reason, within a limit, so that a flood of rubbish cannot fill the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sync.centre.audit import Finding, LogEnd, audit
from sync.centre.schema import SCHEMA, nodes_of
from sync.chain import Stored
from sync.database import Database
from sync.encoding import GENESIS, decode_record
from sync.errors import EnrolmentRefused
from sync.keys import VerifyingKey
from sync.merkle import Frontier, Nodes, leaf_hash
from sync.types import HourKey, Item, Record

MAX_QUARANTINED = 10_000
"""Later ones are counted by their reason, and not kept."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Reason(StrEnum):
    """Why a message was put apart instead of being stored."""

    MALFORMED = "malformed"  # no batch, too long, or not canonical
    UNKNOWN_GATE = "unknown_gate"  # nobody enrolled that gate
    FORGED = "forged"  # not signed with the enrolled key
    INCONSISTENT = "inconsistent"  # records that do not match their batch
    CONFLICT = "conflict"  # another record is stored at that place
    BROKEN_CHAIN = "broken_chain"  # does not follow the record before
    UNREADABLE = "unreadable"  # not encrypted for this central system
    REVOKED = "revoked"  # the gate's key is not accepted any more
    FORK = "fork"  # the signed tree is not the one that follows from the records


class NewRow(NamedTuple):
    """A record to store: its place, what came with it, the nodes of the tree it completes."""

    seq: int
    item: Item
    nodes: bytes


class Standing(NamedTuple):
    """One log as an operator sees it. `head_size` is the newest size that the gate signed."""

    gate: str
    epoch: str
    seq: int
    head_size: int
    heard_utc: str
    revoked_utc: str
    erased: int


class Quarantined(NamedTuple):
    """A message that was put apart. `gate` is what it claims, "" if it claims nothing."""

    reason: str
    gate: str
    first_utc: str
    times: int
    sha256: str


class CentreStore:
    """The central system's database, open for writing. One thread at a time may use it."""

    def __init__(
        self, path: Path, *, max_quarantined: int = MAX_QUARANTINED, read_only: bool = False
    ) -> None:
        """Open, create or migrate; check integrity. Read-only: beside a collector.

        Raises:
            StorageError: see `Database.open_writer`.
        """
        opener = Database.open_reader if read_only else Database.open_writer
        self._db = opener(path, SCHEMA)
        self._max_quarantined = max_quarantined
        self._kept = int(self._db.value("SELECT count(*) FROM quarantine"))
        if not read_only:
            self._adopt()

    def enrol(self, gate: str, key: VerifyingKey, utc: str) -> None:
        """Accept records of this gate, signed with this key. Enrolling again is no change.

        Raises:
            EnrolmentRefused: the gate is enrolled with another key, or its name cannot
                stand in a topic.
            StorageFailed: it could not be written.
        """
        if not _NAME.fullmatch(gate):
            raise EnrolmentRefused("a gate's name has 1 to 64 letters, digits, dots and dashes")
        known = self.key_of(gate)
        if known is not None and known != key:
            raise EnrolmentRefused(f"gate {gate} is enrolled with another key")
        self._db.run("INSERT OR IGNORE INTO gates VALUES (?, ?, ?, NULL)", (gate, key.raw, utc))

    def revoke(self, gate: str, utc: str) -> None:
        """Accept nothing from this gate any more; what it sent stays.

        Raises:
            EnrolmentRefused: it is not enrolled.
        """
        query = "UPDATE gates SET revoked_utc = coalesce(revoked_utc, ?) WHERE gate = ?"
        if not self._db.run(query, (utc, gate)):
            raise EnrolmentRefused(f"gate {gate} is not enrolled")

    def revoked(self, gate: str) -> bool:
        """Whether the gate was revoked."""
        return bool(self._db.value("SELECT revoked_utc FROM gates WHERE gate = ?", (gate,)))

    def key_of(self, gate: str) -> VerifyingKey | None:
        """The key that a gate was enrolled with, or None."""
        raw = self._db.value("SELECT public_key FROM gates WHERE gate = ?", (gate,))
        return None if raw is None else VerifyingKey(raw)

    def gates(self) -> list[str]:
        """The gates that are enrolled."""
        return [gate for (gate,) in self._db.rows("SELECT gate FROM gates ORDER BY gate")]

    def logs(self) -> list[tuple[str, str, LogEnd]]:
        """Every gate's logs: gate, epoch, and how far each goes."""
        rows = self._db.rows(
            "SELECT gate, epoch, seq, commitment, checkpoint FROM logs ORDER BY rowid"
        )
        return [(gate, epoch, LogEnd(*end)) for gate, epoch, *end in rows]

    def standing(self) -> list[Standing]:
        """Every log as an operator sees it."""
        rows = self._db.rows(
            "SELECT gate, epoch, seq, head_size, heard_utc, coalesce(revoked_utc, ''),"
            " (SELECT count(*) FROM erasures e WHERE (e.gate, e.epoch) = (l.gate, l.epoch))"
            " FROM logs l JOIN gates USING (gate) ORDER BY l.rowid"
        )
        return [Standing(*row) for row in rows]

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make everything inside durable together. See `Database.transaction`."""
        return self._db.transaction()

    def end_of(self, gate: str, epoch: str) -> LogEnd:
        """How far a gate's log goes."""
        row = self._db.one(
            "SELECT seq, commitment, checkpoint FROM logs WHERE gate = ? AND epoch = ?",
            (gate, epoch),
        )
        return LogEnd(0, GENESIS, "") if row is None else LogEnd(*row)

    def head_of(self, gate: str, epoch: str) -> tuple[int, str]:
        """The newest size of its log that a gate signed, and that note."""
        row = self._db.one(
            "SELECT head_size, head FROM logs WHERE gate = ? AND epoch = ?", (gate, epoch)
        )
        return (0, "") if row is None else (row[0], row[1])

    def nodes(self, gate: str, epoch: str) -> Nodes:
        """The nodes of a log's tree."""
        return nodes_of(self._db, gate, epoch)

    def hashes(self, gate: str, epoch: str, first_seq: int, last_seq: int) -> list[str]:
        """The commitments stored from one place to another, in order."""
        rows = self._db.rows(
            "SELECT commitment FROM records WHERE gate = ? AND epoch = ? AND seq BETWEEN ? AND ?"
            " ORDER BY seq",
            (gate, epoch, first_seq, last_seq),
        )
        return [commitment for (commitment,) in rows]

    def extend(
        self, gate: str, epoch: str, rows: Sequence[NewRow], keys: Sequence[HourKey], utc: str
    ) -> None:
        """Add records after the end of a log, with the hours' keys that they use.

        The caller has checked that they follow it, and holds a transaction.
        """
        self._db.run(
            "INSERT INTO logs (gate, epoch, seq, commitment) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (gate, epoch)"
            " DO UPDATE SET seq = excluded.seq, commitment = excluded.commitment",
            (gate, epoch, rows[-1].seq, rows[-1].item.commitment.hex()),
        )
        self._db.run_many(
            "INSERT INTO records (gate, epoch, seq, commitment, received_utc, encoded, nodes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (gate, epoch, seq, item.commitment.hex(), utc, item.encoded, nodes)
                for seq, item, nodes in rows
            ],
        )
        self._db.run_many(
            "INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?)",
            [
                (gate, epoch, seq, item.salt, item.key_id, item.wrapped)
                for seq, item, _ in rows
                if item.salt
            ],
        )
        self._db.run_many(
            "INSERT OR IGNORE INTO hour_keys VALUES (?, ?, ?, ?)",
            [(gate, epoch, key.key_id, key.for_centre) for key in keys],
        )

    def confirm(self, gate: str, epoch: str, note: str) -> None:
        """Keep the countersigned note of the log as it is now."""
        self._db.run(
            "UPDATE logs SET checkpoint = ? WHERE gate = ? AND epoch = ?", (note, gate, epoch)
        )

    def hear(self, gate: str, epoch: str, size: int, note: str, utc: str) -> None:
        """Note the size of its log that a gate has signed, and when it was heard."""
        self._db.run(
            "INSERT INTO logs (gate, epoch, seq, commitment) VALUES (?, ?, 0, ?)"
            " ON CONFLICT DO NOTHING",
            (gate, epoch, GENESIS),
        )
        self._db.run(
            "UPDATE logs SET heard_utc = ?1,"
            " head = CASE WHEN ?2 >= head_size THEN ?3 ELSE head END,"
            " head_size = max(?2, head_size) WHERE gate = ?4 AND epoch = ?5",
            (utc, size, note, gate, epoch),
        )

    def erase(self, gate: str, epoch: str, seq: int, note: str) -> None:
        """Erase a record: contents, salt and key go, commitment and note stay.

        The caller holds a transaction.
        """
        place = (gate, epoch, seq)
        self._db.run("INSERT INTO erasures VALUES (?, ?, ?, ?)", (*place, note))
        self._db.run("DELETE FROM secrets WHERE (gate, epoch, seq) = (?, ?, ?)", place)
        self._db.run("UPDATE records SET encoded = x'' WHERE (gate, epoch, seq) = (?, ?, ?)", place)

    def forget_deleted(self) -> None:
        """After erasures: see `Database.forget_deleted`."""
        self._db.forget_deleted()

    def erasures(self, gate: str, epoch: str) -> list[tuple[int, str]]:
        """The notes of what was erased from a log, by place."""
        rows = self._db.rows(
            "SELECT seq, note FROM erasures WHERE gate = ? AND epoch = ? ORDER BY seq",
            (gate, epoch),
        )
        return [(seq, note) for seq, note in rows]

    def hour_key(self, gate: str, epoch: str, key_id: int) -> bytes:
        """The key of an hour, sealed for the central system; empty if there is none."""
        found = self._db.value(
            "SELECT for_centre FROM hour_keys WHERE (gate, epoch, key_id) = (?, ?, ?)",
            (gate, epoch, key_id),
        )
        return b"" if found is None else bytes(found)

    def item(self, gate: str, epoch: str, seq: int) -> Item | None:
        """One record with what belongs to it."""
        row = self._db.one(
            "SELECT commitment, encoded, coalesce(salt, x''), coalesce(key_id, 0),"
            " coalesce(wrapped, x'') FROM records LEFT JOIN secrets USING (gate, epoch, seq)"
            " WHERE (gate, epoch, seq) = (?, ?, ?)",
            (gate, epoch, seq),
        )
        if row is None:
            return None
        return Item(
            commitment=bytes.fromhex(row[0]),
            encoded=row[1],
            salt=row[2],
            key_id=row[3],
            wrapped=row[4],
        )

    def quarantine(self, reason: Reason, gate: str, payload: bytes, utc: str) -> None:
        """Put a message apart. The same one again is counted, not kept twice."""
        digest = hashlib.sha256(payload).digest()
        seen = "UPDATE quarantine SET times = times + 1 WHERE reason = ? AND sha256 = ?"
        if self._db.run(seen, (reason, digest)):
            return
        if self._kept >= self._max_quarantined:
            digest, gate, payload = b"", "", b""
            if self._db.run(seen, (reason, digest)):
                return
        self._db.run(
            "INSERT INTO quarantine VALUES (?, ?, ?, ?, 1, ?)",
            (reason, digest, gate, utc, payload),
        )
        self._kept += 1

    def count(self, gate: str | None = None) -> int:
        """Number of records, of one gate or of all."""
        return int(
            self._db.value("SELECT count(*) FROM records WHERE ?1 IS NULL OR gate = ?1", (gate,))
        )

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

    def quarantined(self) -> list[Quarantined]:
        """The messages that were put apart, at most its limit and one a reason."""
        rows = self._db.rows(
            "SELECT reason, gate, first_utc, times, sha256 FROM quarantine ORDER BY rowid"
        )
        return [
            Quarantined(reason, gate, utc, times, sha256.hex())
            for reason, gate, utc, times, sha256 in rows
        ]

    def orphan(self) -> tuple[str, str, int] | None:
        """A record whose log is not listed, if there is one."""
        row = self._db.one(
            "SELECT gate, epoch, seq FROM records WHERE (gate, epoch) NOT IN"
            " (SELECT gate, epoch FROM logs) LIMIT 1"
        )
        return None if row is None else (row[0], row[1], row[2])

    def audit(self, key: VerifyingKey | None = None) -> list[Finding]:
        """Check every log; see `sync.centre.audit`."""
        return audit(self, key)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def stored(self, gate: str, epoch: str) -> Iterator[Stored]:
        """Go through one log's rows in order."""
        rows = self._db.each(
            "SELECT seq, commitment, encoded, coalesce(salt, x''), nodes FROM records"
            " LEFT JOIN secrets USING (gate, epoch, seq) WHERE gate = ? AND epoch = ? ORDER BY seq",
            (gate, epoch),
        )
        for seq, commitment, encoded, salt, nodes in rows:
            yield Stored(seq, bytes.fromhex(commitment), encoded, salt, nodes)

    def _adopt(self) -> None:
        """Give records of an older version their place in the tree of their log."""
        logs = self._db.rows("SELECT DISTINCT gate, epoch FROM records WHERE nodes IS NULL")
        with self._db.transaction():
            for gate, epoch in logs:
                frontier = Frontier()
                for row in list(self.stored(gate, epoch)):
                    nodes = frontier.append(leaf_hash(row.commitment))
                    self._db.run(
                        "UPDATE records SET nodes = ? WHERE (gate, epoch, seq) = (?, ?, ?)",
                        (nodes, gate, epoch, row.seq),
                    )
