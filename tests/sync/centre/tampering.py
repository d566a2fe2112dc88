"""An intruder with the central system's database, and an auditor who looks for what was changed.

As a program, `python tests/sync/centre/tampering.py COUNT [SEED]` does COUNT random single changes
in SQLite and as many in PostgreSQL and says which were not found.
"""

# ruff: noqa: S608 (the tables are ours)

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from record_support import CENTRE_KEYS, GATE_KEY, STRANGER_KEY, UTC, fill, open_journal, seeded

from sync.centre.audit import AuditFinding, audit
from sync.centre.collector import collect
from sync.centre.heads import check_heads, write_heads
from sync.centre.office import erase
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import seal_batch
from sync.log.errors import StorageFailed
from sync.log.keys import SigningKey
from sync.log.notes import Checkpoint, origin_of, sign_checkpoint
from sync.log.types import Batch, RecordKind

PERSON = {"surname": "EXAMPLE", "given_names": "ANN"}
EVIDENCE = ("gates", "logs", "records", "secrets", "hour_keys", "erasures")
STATUS = {("logs", "heard_utc")}
"""What the central system notes for operators, unsigned."""


def payloads(journal: Journal, key: SigningKey, step: int = 7) -> list[bytes]:
    """A journal as its gate sends it."""
    origin = origin_of(journal.gate, journal.epoch)
    made = []
    with closing(JournalReader(journal.path)) as reader:
        items = reader.outgoing(0, 10**9).contents
        for first in range(0, len(items.items), step):
            part = items.items[first : first + step]
            used = {item.key_id for item in part}
            keys = tuple(hour for hour in items.keys if hour.key_id in used)
            root = journal_root(journal, first + len(part))
            batch = Batch(
                gate=journal.gate,
                epoch=journal.epoch,
                first_seq=first + 1,
                sealed=b"",
                checkpoint=sign_checkpoint(Checkpoint(origin, first + len(part), root), key),
            )
            contents = type(items)(items=part, keys=keys)
            public = CENTRE_KEYS.public.sealing
            made.append(seal_batch(batch, contents, key, public, seeded(first)))
    return made


def journal_root(journal: Journal, size: int) -> bytes:
    from sync.log.merkle import root_of

    return root_of(size, journal.nodes)


def populate(store: CentreStore, folder: Path) -> Path:
    """Two gates, one of them revoked; identities; erasures by the gate and by the centre."""
    heads = folder / "heads"
    for name, key, seed in (("gate-1", GATE_KEY, 0), ("gate-2", STRANGER_KEY, 9)):
        store.enrol(name, key.public, UTC)
        with closing(open_journal(folder / f"{name}.db", name, seed)) as journal:
            fill(journal, 12)
            for ticket in range(20, 28):
                journal.append(RecordKind.DECISION, ticket, ticket, UTC, {"n": ticket}, PERSON)
            journal.erase([3, 15], 0, UTC, "asked for")
            fill(journal, 4)
            assert collect(store, CENTRE_KEYS, payloads(journal, key), UTC).quarantined == ()
        erase(store, CENTRE_KEYS.signing, (name, None), [5, 16], UTC, "asked for")
    store.revoke("gate-2", UTC)
    write_heads(heads, store, CENTRE_KEYS.signing)
    return heads


def findings(store: CentreStore, heads: Path) -> list[AuditFinding]:
    key = CENTRE_KEYS.signing.public
    return audit(store, key, CENTRE_KEYS.opening) + check_heads(heads, store, key)


class Change(NamedTuple):
    """What the intruder did."""

    kind: str
    table: str
    column: str


class Intruder:
    """Changes one thing inside a transaction that is rolled back afterwards."""

    def __init__(self, store: CentreStore, heads: Path, rng: random.Random) -> None:
        self._store = store
        self._db = store._db
        self._heads = heads
        self._rng = rng
        self._rows = {table: self._db.rows(f"SELECT * FROM {table}") for table in EVIDENCE}
        self._columns = {table: self._names(table) for table in EVIDENCE}

    def change(self) -> tuple[Change, list[AuditFinding]]:
        """Change something that the database does not refuse; say what, and what was found."""
        while True:
            self._db.run("BEGIN")
            try:
                kind = self._rng.choice(
                    (self._flip, self._flip, self._flip, self._delete, self._swap)
                )
                change = kind()
            except StorageFailed:  # another row is at that place
                self._db.run("ROLLBACK")
                continue
            try:
                return change, findings(self._store, self._heads)
            finally:
                self._db.run("ROLLBACK")

    def _names(self, table: str) -> list[str]:
        cursor = self._db._connection.execute(f"SELECT * FROM {table}")  # type: ignore[attr-defined]
        return [column[0] for column in cursor.description]

    def _table(self) -> str:
        return self._rng.choice([table for table in EVIDENCE if self._rows[table]])

    def _where(self, table: str, row: tuple[Any, ...]) -> tuple[str, list[Any]]:
        """The row's primary key."""
        count = 1 if table in ("gates", "logs") else 2
        names = self._columns[table][:count]
        return " AND ".join(f"{name} = ?" for name in names), list(row[:count])

    def _set(self, table: str, row: tuple[Any, ...], column: str, value: Any) -> None:
        where, key = self._where(table, row)
        if table == "gates":
            self._loosen()
        assert self._db.run(f"UPDATE {table} SET {column} = ? WHERE {where}", [value, *key]) == 1

    def _loosen(self) -> None:
        """An intruder does not mind foreign keys."""
        if hasattr(self._db, "path"):
            self._db.run("PRAGMA defer_foreign_keys=ON")
        else:
            self._db.run("ALTER TABLE logs DROP CONSTRAINT IF EXISTS logs_gate_fkey")

    def _flip(self) -> Change:
        """One bit of one value."""
        while True:
            table = self._table()
            row = self._rng.choice(self._rows[table])
            n = self._rng.randrange(len(row))
            column = self._columns[table][n]
            if row[n] in (None, b"", "") or (table, column) in STATUS:
                continue
            if table == "logs" and column == "gate":
                self._loosen()
            self._set(table, row, column, self._flipped(row[n]))
            return Change("flip", table, column)

    def _flipped(self, value: Any) -> Any:
        if isinstance(value, int):
            return value ^ (1 << self._rng.randrange(6))
        data = bytearray(value if isinstance(value, bytes) else value.encode())
        place = self._rng.randrange(len(data))
        if isinstance(value, bytes):
            data[place] ^= 1 << self._rng.randrange(8)
            return bytes(data)
        data = bytearray(value.encode("latin-1", "replace"))
        place = self._rng.randrange(len(data))
        data[place] = data[place] ^ 1 or 2
        return data.decode("latin-1")

    def _delete(self) -> Change:
        """One row, or a tail of rows."""
        table = self._table()
        if table in ("gates", "logs"):
            self._loosen()
        row = self._rng.choice(self._rows[table])
        where, key = self._where(table, row)
        if table in ("records", "secrets") and self._rng.random() < 0.3:
            changed = self._db.run(f"DELETE FROM {table} WHERE log = ? AND seq >= ?", key)
            assert changed
            return Change("truncate", table, "")
        self._db.run(f"DELETE FROM {table} WHERE {where}", key)
        if table == "logs":
            for other in ("records", "secrets", "hour_keys", "erasures"):
                self._db.run(f"DELETE FROM {other} WHERE log = ?", key)
        return Change("delete", table, "")

    def _swap(self) -> Change:
        """The contents of two rows, each in the place of the other."""
        while True:
            table = self._rng.choice(("records", "secrets", "erasures", "hour_keys", "logs"))
            if len(self._rows[table]) < 2:
                continue
            one, two = self._rng.sample(self._rows[table], 2)
            keys = 1 if table == "logs" else 2
            if table == "logs":
                names = [n for n in self._columns[table][keys:] if n not in ("gate", "epoch")]
            else:
                names = self._columns[table][keys:]
            changed = False
            for name in names:
                n = self._columns[table].index(name)
                if (table, name) not in STATUS and one[n] != two[n]:
                    self._set(table, one, name, two[n])
                    self._set(table, two, name, one[n])
                    changed = True
            if changed:
                return Change("swap", table, "")


def campaign(
    place: Path | str, folder: Path, count: int, seed: int
) -> tuple[Counter[str], list[Change]]:
    """Do `count` changes; give how many of each kind there were, and what was not found."""
    done: Counter[str] = Counter()
    missed: list[Change] = []
    with closing(CentreStore(place)) as store:
        heads = populate(store, folder)
        assert findings(store, heads) == []
        intruder = Intruder(store, heads, random.Random(seed))
        for _ in range(count):
            change, found = intruder.change()
            done[f"{change.kind} {change.table}"] += 1
            placed = change.table not in ("records", "secrets") or any(each.seq for each in found)
            if not found or not placed:
                missed.append(change)
        assert findings(store, heads) == []
    return done, missed


def main() -> int:
    from postgres_server import PostgresServer

    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    missed = 0
    with tempfile.TemporaryDirectory() as name, PostgresServer() as server:
        for kind in ("sqlite", "postgresql"):
            folder = Path(name) / kind
            folder.mkdir()
            place = folder / "centre.db" if kind == "sqlite" else server.database()
            done, lost = campaign(place, folder, count, seed)
            print(f"{kind}: {sum(done.values())} changes, {len(lost)} not found {lost[:5]}")
            print("  " + ", ".join(f"{name} {times}" for name, times in sorted(done.items())))
            missed += len(lost)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
