"""The central system's tables: what they hold, in SQLite through their versions.

gates, logs  who may send; how far each log goes, the peaks of its tree, what was signed
records      commitments, nodes of the trees, canonical bytes (none once erased)
secrets      beside each record: the salt, and the wrapped key of its identity
hour_keys    the keys of hours, sealed for the central system
erasures     signed notes of what was erased
live         copies of records that were seen before their turn; no part of any log
tokens       hashes of enrolment tokens that were used
quarantine   messages that cannot be stored, with the reason

The same tables in PostgreSQL: `sync.centre.postgres`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, Protocol

from sync.log.database import Schema


class Tables(Protocol):
    """A database as the store needs it: `sync.log.database` or `sync.centre.postgres`.

    Statements hold `?` for parameters. Errors are `StorageError`s.
    """

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Everything inside is durable when the block ends, or nothing of it is there."""

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Everything read inside is as of one moment."""

    def hold(
        self, table: str, columns: Sequence[str], values: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """Keep every other writer off some rows until the transaction ends; give the rows.

        They are those whose first column has one of the values, and are taken in its order,
        so that no two wait for each other.
        """

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Execute one statement; give the number of rows it changed."""

    def copy_in(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert many rows into a table."""

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a query; give all its rows."""

    def each(
        self, statement: str, parameters: Sequence[Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """Execute a query and go through its rows without holding them all."""

    def one(self, statement: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Execute a query; give its first row."""

    def value(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Execute a query; give the first column of its first row, or None."""

    def forget_deleted(self) -> None:
        """Let nothing of what was deleted stay in the database's files."""

    def close(self) -> None:
        """Close the connection."""


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
        (
            "ALTER TABLE gates ADD COLUMN revoked_utc TEXT",
            "ALTER TABLE logs RENAME COLUMN sha256 TO commitment",
            "ALTER TABLE logs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE logs ADD COLUMN head_size INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE logs ADD COLUMN head TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE logs ADD COLUMN heard_utc TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE records RENAME COLUMN sha256 TO commitment",
            "ALTER TABLE records ADD COLUMN nodes BLOB",
            """CREATE TABLE secrets (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                salt BLOB NOT NULL,
                key_id INTEGER NOT NULL,
                wrapped BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, seq)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE hour_keys (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                key_id INTEGER NOT NULL,
                for_centre BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, key_id)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE erasures (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                note TEXT NOT NULL,
                PRIMARY KEY (gate, epoch, seq)
            ) STRICT, WITHOUT ROWID""",
        ),
        (
            """CREATE TABLE logs3 (
                log INTEGER PRIMARY KEY,
                gate TEXT NOT NULL REFERENCES gates (gate),
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                commitment BLOB NOT NULL,
                peaks BLOB,
                checkpoint TEXT NOT NULL,
                head_size INTEGER NOT NULL,
                head TEXT NOT NULL,
                heard_utc TEXT NOT NULL,
                UNIQUE (gate, epoch)
            ) STRICT""",
            (
                "INSERT INTO logs3 (gate, epoch, seq, commitment, checkpoint, head_size, head,"
                " heard_utc) SELECT gate, epoch, seq, unhex(commitment), checkpoint, head_size,"
                " head, heard_utc FROM logs ORDER BY rowid"
            ),
            """CREATE TABLE records3 (
                log INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                commitment BLOB NOT NULL,
                encoded BLOB NOT NULL,
                nodes BLOB,
                PRIMARY KEY (log, seq)
            ) STRICT""",
            (
                "INSERT INTO records3 SELECT log, r.seq, unhex(r.commitment), encoded, nodes"
                " FROM records r JOIN logs3 USING (gate, epoch)"
            ),
            """CREATE TABLE secrets3 (
                log INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                salt BLOB NOT NULL,
                key_id INTEGER NOT NULL,
                wrapped BLOB NOT NULL,
                PRIMARY KEY (log, seq)
            ) STRICT, WITHOUT ROWID""",
            (
                "INSERT INTO secrets3 SELECT log, s.seq, salt, key_id, wrapped"
                " FROM secrets s JOIN logs3 USING (gate, epoch)"
            ),
            """CREATE TABLE hour_keys3 (
                log INTEGER NOT NULL,
                key_id INTEGER NOT NULL,
                for_centre BLOB NOT NULL,
                PRIMARY KEY (log, key_id)
            ) STRICT, WITHOUT ROWID""",
            (
                "INSERT INTO hour_keys3 SELECT log, key_id, for_centre"
                " FROM hour_keys JOIN logs3 USING (gate, epoch)"
            ),
            """CREATE TABLE erasures3 (
                log INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                note TEXT NOT NULL,
                PRIMARY KEY (log, seq)
            ) STRICT, WITHOUT ROWID""",
            (
                "INSERT INTO erasures3 SELECT log, e.seq, note"
                " FROM erasures e JOIN logs3 USING (gate, epoch)"
            ),
            "DROP TABLE erasures",
            "DROP TABLE hour_keys",
            "DROP TABLE secrets",
            "DROP TABLE records",
            "DROP TABLE logs",
            "ALTER TABLE logs3 RENAME TO logs",
            "ALTER TABLE records3 RENAME TO records",
            "ALTER TABLE secrets3 RENAME TO secrets",
            "ALTER TABLE hour_keys3 RENAME TO hour_keys",
            "ALTER TABLE erasures3 RENAME TO erasures",
            """CREATE TABLE tokens (
                sha256 BLOB PRIMARY KEY,
                gate TEXT NOT NULL,
                used_utc TEXT NOT NULL
            ) STRICT, WITHOUT ROWID""",
        ),
        (
            """CREATE TABLE live (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                commitment BLOB NOT NULL,
                encoded BLOB NOT NULL,
                seen_utc TEXT NOT NULL,
                PRIMARY KEY (gate, epoch, seq)
            ) STRICT, WITHOUT ROWID""",
        ),
    ],
)
