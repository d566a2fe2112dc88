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

from sync.chain import Problem, verify_chain
from sync.database import Database, Schema
from sync.encoding import GENESIS, decode_record
from sync.errors import EnrolmentRefused
from sync.keys import VerifyingKey
from sync.types import Record

MAX_QUARANTINED = 10_000
"""Later ones are counted by their reason, and not kept."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

SCHEMA = Schema(
    application_id=0x65676331,
    migrations=[
        (
            """CREATE TABLE gates (
                gate TEXT PRIMARY KEY,
                public_key BLOB NOT NULL,
                enrolled_utc TEXT NOT NULL
            ) STRICT""",
            """CREATE TABLE logs (
                gate TEXT NOT NULL REFERENCES gates (gate),
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                sha256 TEXT NOT NULL,
                PRIMARY KEY (gate, epoch)
            ) STRICT""",
            """CREATE TABLE records (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                sha256 TEXT NOT NULL,
                received_utc TEXT NOT NULL,
                encoded BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, seq),
                FOREIGN KEY (gate, epoch) REFERENCES logs (gate, epoch)
            ) STRICT""",
            """CREATE TABLE quarantine (
                reason TEXT NOT NULL,
                sha256 BLOB NOT NULL,
                gate TEXT NOT NULL,
                first_utc TEXT NOT NULL,
                times INTEGER NOT NULL,
                payload BLOB,
                PRIMARY KEY (reason, sha256)
            ) STRICT""",
        ),
    ],
)


class Reason(StrEnum):
    """Why a message was put apart instead of being stored."""

    MALFORMED = "malformed"  # no batch, too long, or not canonical
    UNKNOWN_GATE = "unknown_gate"  # nobody enrolled that gate
    FORGED = "forged"  # not signed with the enrolled key
    INCONSISTENT = "inconsistent"  # records that do not match their batch
    CONFLICT = "conflict"  # another record is stored at that place
    BROKEN_CHAIN = "broken_chain"  # does not follow the record before


class LogEnd(NamedTuple):
    """The newest record of a gate's log, and its hash; 0 and `GENESIS` for none."""

    seq: int
    sha256: str


class Quarantined(NamedTuple):
    """A message that was put apart. `gate` is what it claims, "" if it claims nothing."""

    reason: str
    gate: str
    first_utc: str
    times: int
    sha256: str


class Finding(NamedTuple):
    """What an audit found wrong, and where."""

    gate: str
    epoch: str
    seq: int
    what: str


class CentreStore:
    """The central system's database, open for writing. One thread at a time may use it."""

    def __init__(self, path: Path, *, max_quarantined: int = MAX_QUARANTINED) -> None:
        """Open, create or migrate; check integrity.

        Raises:
            StorageError: see `Database.open_writer`.
        """
        self._db = Database.open_writer(path, SCHEMA)
        self._max_quarantined = max_quarantined
        self._kept = int(self._db.value("SELECT count(*) FROM quarantine"))

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
        self._db.run("INSERT OR IGNORE INTO gates VALUES (?, ?, ?)", (gate, key.raw, utc))

    def key_of(self, gate: str) -> VerifyingKey | None:
        """The key that a gate was enrolled with, or None."""
        raw = self._db.value("SELECT public_key FROM gates WHERE gate = ?", (gate,))
        return None if raw is None else VerifyingKey(raw)

    def gates(self) -> list[str]:
        """The gates that are enrolled."""
        return [gate for (gate,) in self._db.rows("SELECT gate FROM gates ORDER BY gate")]

    def logs(self) -> list[tuple[str, str, LogEnd]]:
        """Every gate's logs: gate, epoch, and how far each goes."""
        rows = self._db.rows("SELECT gate, epoch, seq, sha256 FROM logs ORDER BY rowid")
        return [(gate, epoch, LogEnd(seq, sha256)) for gate, epoch, seq, sha256 in rows]

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make everything inside durable together. See `Database.transaction`."""
        return self._db.transaction()

    def end_of(self, gate: str, epoch: str) -> LogEnd:
        """How far a gate's log goes."""
        row = self._db.one(
            "SELECT seq, sha256 FROM logs WHERE gate = ? AND epoch = ?", (gate, epoch)
        )
        return LogEnd(0, GENESIS) if row is None else LogEnd(*row)

    def hashes(self, gate: str, epoch: str, first_seq: int, last_seq: int) -> list[str]:
        """The hashes stored from one place to another, in order."""
        rows = self._db.rows(
            "SELECT sha256 FROM records WHERE gate = ? AND epoch = ? AND seq BETWEEN ? AND ?"
            " ORDER BY seq",
            (gate, epoch, first_seq, last_seq),
        )
        return [sha256 for (sha256,) in rows]

    def extend(
        self, gate: str, epoch: str, rows: Sequence[tuple[int, str, bytes]], utc: str
    ) -> None:
        """Add records (`seq`, hash, canonical bytes) after the end of a log.

        The caller has checked that they follow it, and holds a transaction.
        """
        self._db.run(
            "INSERT INTO logs VALUES (?, ?, ?, ?) ON CONFLICT (gate, epoch)"
            " DO UPDATE SET seq = excluded.seq, sha256 = excluded.sha256",
            (gate, epoch, rows[-1][0], rows[-1][1]),
        )
        self._db.run_many(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
            [(gate, epoch, seq, sha256, utc, encoded) for seq, sha256, encoded in rows],
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

        Raises:
            RecordMalformed: stored bytes are no record; `audit` says which.
        """
        for log_gate, epoch, _ in self.logs():
            if log_gate == gate:
                for _, _, encoded in self._rows(gate, epoch):
                    yield decode_record(encoded)

    def quarantined(self) -> list[Quarantined]:
        """The messages that were put apart, at most its limit and one a reason."""
        rows = self._db.rows(
            "SELECT reason, gate, first_utc, times, sha256 FROM quarantine ORDER BY rowid"
        )
        return [
            Quarantined(reason, gate, utc, times, sha256.hex())
            for reason, gate, utc, times, sha256 in rows
        ]

    def audit(self) -> list[Finding]:
        """Check every log: hashes, chain, contiguity, and the end that receipts confirm."""
        findings: list[Finding] = []
        for gate, epoch, end in self.logs():
            problems = verify_chain(self._rows(gate, epoch), gate, epoch)
            stored = self._db.one(
                "SELECT seq, sha256 FROM records WHERE gate = ? AND epoch = ?"
                " ORDER BY seq DESC LIMIT 1",
                (gate, epoch),
            )
            if stored != tuple(end):
                problems.append(Problem(end.seq, "the log does not end where receipts say"))
            findings += [Finding(gate, epoch, seq, what) for seq, what in problems]
        orphan = self._db.one(
            "SELECT gate, epoch, seq FROM records WHERE (gate, epoch) NOT IN"
            " (SELECT gate, epoch FROM logs) LIMIT 1"
        )
        if orphan is not None:
            gate, epoch, seq = orphan
            findings.append(Finding(gate, epoch, seq, "records of a log that is not listed"))
        return findings

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _rows(self, gate: str, epoch: str) -> Iterator[tuple[int, str, bytes]]:
        """Go through one log's rows in order."""
        rows = self._db.each(
            "SELECT seq, sha256, encoded FROM records WHERE gate = ? AND epoch = ? ORDER BY seq",
            (gate, epoch),
        )
        return ((seq, sha256, encoded) for seq, sha256, encoded in rows)
