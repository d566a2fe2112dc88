"""Backups of a journal: records in one file, keys and salts in another, kept apart.

Whoever finds the records' file alone reads no identity and can guess none. A restore puts
the two together, and repeats every erasure that the log tells of before anybody can read.
"""

from __future__ import annotations

import os
from pathlib import Path

from sync.chain import erased_by
from sync.database import Database
from sync.errors import RecordMalformed, StorageUnavailable
from sync.journal_schema import SCHEMA

SECRETS = ("secrets", "hour_keys")


def backup(journal: Path, records: Path, keys: Path) -> None:
    """Copy a journal, which may be in use, into two new files.

    Raises:
        StorageError: it cannot be read, or one of the files exists or cannot be written.
    """
    for path in (records, keys):
        _must_be_new(path)
    source = Database.open_reader(journal, SCHEMA)
    try:
        source.run("VACUUM INTO ?", (str(records),))
    finally:
        source.close()
    records.chmod(0o600)
    _new_file(keys, records.read_bytes())
    _drop(records, SECRETS)
    _drop(keys, ("outbox", "crossings"))
    with_records = Database.open_writer(keys, SCHEMA)
    try:
        with_records.run("PRAGMA secure_delete=ON")
        with_records.run("PRAGMA foreign_keys=OFF")
        with_records.run("DELETE FROM records")
        with_records.run("VACUUM")
    finally:
        with_records.close()


def restore(records: Path, keys: Path | None, journal: Path) -> int:
    """Put a backup together as a new file; give the number of erasures that were repeated.

    Without the keys the result proves the log but shows no identity.

    Raises:
        StorageError: a file is missing or of another kind, or the new one exists.
    """
    _must_be_new(journal)
    for path in (records, *([] if keys is None else [keys])):
        Database.open_reader(path, SCHEMA).close()
    _new_file(journal, records.read_bytes())
    database = Database.open_writer(journal, SCHEMA)
    try:
        database.run("PRAGMA secure_delete=ON")
        erased: set[int] = set()
        query = "SELECT encoded FROM records WHERE kind = 'system' AND encoded <> x''"
        for (data,) in database.rows(query):
            try:
                erased.update(erased_by(data))
            except RecordMalformed:
                continue  # `verify` reports it
        if keys is not None:
            database.run("ATTACH DATABASE ? AS kept", (str(keys),))
        with database.transaction():
            if keys is not None:
                for table in SECRETS:
                    database.run(f"INSERT OR IGNORE INTO {table} SELECT * FROM kept.{table}")  # noqa: S608 - our own names
            database.run("DELETE FROM secrets WHERE seq NOT IN (SELECT seq FROM records)")
            for seq in sorted(erased):
                database.run("DELETE FROM secrets WHERE seq = ?", (seq,))
                database.run("UPDATE records SET encoded = x'' WHERE seq = ?", (seq,))
        return len(erased)
    finally:
        database.close()


def _drop(path: Path, tables: tuple[str, ...]) -> None:
    """Empty tables so that nothing of them stays in the file."""
    database = Database.open_writer(path, SCHEMA)
    try:
        database.run("PRAGMA secure_delete=ON")
        for table in tables:
            database.run(f"DELETE FROM {table}")  # noqa: S608 - our own names
        database.run("VACUUM")
    finally:
        database.close()


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise StorageUnavailable(f"{path.name} exists already")


def _new_file(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageUnavailable(f"{path.name}: {error.strerror}") from error
