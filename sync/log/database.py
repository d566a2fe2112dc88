"""SQLite as both ends use it: durable transactions, one writer, typed errors.

The only file of `sync` that imports SQLite. WAL with `synchronous=FULL` keeps every
acknowledged commit through a power cut; `NORMAL` does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from sync.log.errors import (
    StorageBusy,
    StorageCorrupt,
    StorageError,
    StorageFailed,
    StorageForeign,
    StorageUnavailable,
)

Row = tuple[Any, ...]

WAL_LIMIT_BYTES = 8 * 1024 * 1024
"""To so much the write-ahead log is cut when it begins again, however long a reader made it."""

BUSY_TIMEOUT_S = 2.0
"""A reader meets the writer's checkpoint for milliseconds; longer than this is a fault."""

_INCREMENTAL = 2
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Schema:
    """What a kind of database looks like, through its versions.

    Attributes:
        application_id: SQLite's mark of the kind of file.
        migrations: `migrations[n]` are the statements that take version n to n + 1.
        readable_from: the oldest version that this program's readers understand.
    """

    def __init__(
        self,
        application_id: int,
        migrations: Sequence[tuple[str, ...]],
        readable_from: int | None = None,
    ) -> None:
        self.application_id = application_id
        self.migrations = tuple(migrations)
        self.readable_from = self.version if readable_from is None else readable_from

    @property
    def version(self) -> int:
        """The version that this program writes."""
        return len(self.migrations)


class Database:
    """One connection. Not to be used from two threads at the same time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int | None) -> None:
        """Use `open_writer` or `open_reader` instead."""
        self.path = path
        self._connection = connection
        self._lock = lock

    @classmethod
    def open_writer(cls, path: Path, schema: Schema) -> Database:
        """Open for writing, create or migrate as needed, check integrity.

        Raises:
            StorageBusy: another process has it open for writing.
            StorageCorrupt: it fails SQLite's integrity check.
            StorageForeign: another kind of file, or written by a newer program.
            StorageUnavailable: it cannot be created or opened.
            StorageFailed: disk full, I/O error.
        """
        lock = _take_lock(path)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.close(handle)
            database = cls(path, _connect(f"file:{_quoted(path)}?mode=rw"), lock)
        except OSError as error:
            os.close(lock)
            raise StorageUnavailable(f"{path.name}: {error.strerror}") from error
        except StorageError:
            os.close(lock)
            raise
        try:
            database._prepare(schema)
        except StorageError:
            database.close()
            raise
        return database

    @classmethod
    def open_reader(cls, path: Path, schema: Schema) -> Database:
        """Open read-only, beside a writer.

        Raises:
            StorageUnavailable: it does not exist, is being made, or cannot be opened.
            StorageForeign: another kind of file, or a version that this program cannot read.
        """
        database = cls(path, _connect(f"file:{_quoted(path)}?mode=ro"), None)
        try:
            found = (database.value("PRAGMA application_id"), database.value("PRAGMA user_version"))
        except StorageError as error:
            database.close()
            raise StorageUnavailable(error.diagnosis) from error
        if found == (0, 0):
            database.close()
            raise StorageUnavailable(f"{path.name} is being created")
        known = range(schema.readable_from, schema.version + 1)
        if found[0] != schema.application_id or found[1] not in known:
            database.close()
            raise StorageForeign(f"{path.name} is another kind or version of database")
        return database

    def _prepare(self, schema: Schema) -> None:
        """Check the file, set durability, bring the schema up to date."""
        problems = self.rows("PRAGMA quick_check(3)")
        if problems != [("ok",)]:
            raise StorageCorrupt(f"{self.path.name}: {problems[0][0]}")
        self.rows("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file, and of an older one's VACUUM
        if self.value("PRAGMA journal_mode=WAL") != "wal":
            raise StorageFailed(f"{self.path.name}: the file system does not support WAL")
        self.rows(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        self.rows("PRAGMA synchronous=FULL")
        self.rows("PRAGMA foreign_keys=ON")
        self.rows("PRAGMA secure_delete=ON")
        found = self.value("PRAGMA application_id")
        version = self.value("PRAGMA user_version")
        if found not in (0, schema.application_id) or version > schema.version:
            raise StorageForeign(f"{self.path.name} is another kind or newer version of database")
        if version == schema.version:
            return
        with self.transaction():
            for statements in schema.migrations[version:]:
                for statement in statements:
                    self.run(statement)
            self.run(f"PRAGMA application_id={schema.application_id}")
            self.run(f"PRAGMA user_version={schema.version}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is durable when the block ends, or nothing of it is there.

        Raises:
            StorageFailed: it could not be made durable.
        """
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            # SQLite rolls back by itself after some errors; rolling back twice is one.
            if self._connection.in_transaction:
                self.run("ROLLBACK")
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is as of one moment, whatever a writer does beside it."""
        self.run("BEGIN")
        try:
            yield
        finally:
            self.run("ROLLBACK")

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute one statement; give the number of rows it changed."""
        with _translated(self.path):
            return self._connection.execute(sql, parameters).rowcount

    def run_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each row of parameters."""
        with _translated(self.path):
            self._connection.executemany(sql, parameters)

    def hold(self, table: str, columns: Sequence[str], values: Sequence[str]) -> list[Row]:
        """Give rows by the values of their first column.

        A writing transaction is alone from its beginning, so there is nothing to lock.
        """
        sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {columns[0]} = ?"  # noqa: S608
        return [row for value in values for row in self.rows(sql, (value,))]

    def copy_in(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert many rows into a table."""
        places = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 (ours)
        self.run_many(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Execute a query; give all its rows. The query itself carries the limit."""
        with _translated(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Generator[Row, None, None]:
        """Execute a query and go through its rows without holding them all."""
        with _translated(self.path), contextlib.closing(self._connection.cursor()) as cursor:
            yield from cursor.execute(sql, parameters)

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Execute a query; give its first row."""
        with _translated(self.path), contextlib.closing(self._connection.cursor()) as cursor:
            row: Row | None = cursor.execute(sql, parameters).fetchone()
            return row

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Execute a query; give the first column of its first row, or None."""
        row = self.one(sql, parameters)
        return None if row is None else row[0]

    def table(self, name: str) -> Generator[dict[str, Any], None, None]:
        """Go through a table's rows, each by the names of its columns, for a person to inspect.

        `name` is one of the schema's tables.
        """
        from sqlite_utils import Database as Tables

        with _translated(self.path):
            tables = Tables(self._connection, recursive_triggers=False, execute_plugins=False)
            yield from tables.table(name).rows

    def forget_deleted(self) -> None:
        """Let nothing of what was deleted stay in the write-ahead log, if no reader needs it.

        In the database itself `secure_delete` has overwritten it.
        """
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def free_pages(self) -> tuple[int, int]:
        """How many of the file's pages are free, and how many it has."""
        return int(self.value("PRAGMA freelist_count")), int(self.value("PRAGMA page_count"))

    @property
    def shrinks(self) -> bool:
        """Whether `shrink` works: a file of an older version is made able by `rebuild`."""
        return bool(self.value("PRAGMA auto_vacuum") == _INCREMENTAL)

    def shrink(self, pages: int) -> None:
        """Give up to so many free pages back to the file system."""
        self.rows(f"PRAGMA incremental_vacuum({int(pages)})")

    def rebuild(self) -> None:
        """Write the whole file again, as small as it can be; takes twice its room meanwhile.

        Raises:
            StorageFailed: nothing was changed: no room, or a transaction is under way.
        """
        self.run("VACUUM")

    def close(self) -> None:
        """Close, and let another process become the writer."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _quoted(path: Path) -> str:
    """Give a path as it stands in an SQLite URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _connect(uri: str) -> sqlite3.Connection:
    """Open a connection in autocommit mode: transactions are begun by name."""
    try:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )
        connection.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        return connection
    except sqlite3.Error as error:
        raise StorageUnavailable(f"the database cannot be opened: {error}") from error


def _take_lock(path: Path) -> int:
    """Become the writer: the lock goes away with the process, however that ends."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        handle = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"{lock_path.name}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StorageBusy(f"{path.name} has another writer") from error
    return handle


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours. SQLite's text names statements, never values."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind = StorageCorrupt if code in _CORRUPT else StorageFailed
        raise kind(f"{path.name}: {error}") from error
