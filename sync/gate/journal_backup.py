"""Backups of a journal: records in one file, keys and salts in another, kept apart.

The records' file alone gives no identity, and none can be guessed from it. A restore puts
the two together, and repeats every erasure that the log states before anyone can read.
Until then each file lies where only its owner looks, so that what is there is complete.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sync.gate.journal_schema import SCHEMA
from sync.log.chain import erased_by
from sync.log.database import Database
from sync.log.errors import RecordMalformed, StorageUnavailable

SECRETS = ("secrets", "hour_keys")


def backup(journal: Path, records: Path, keys: Path) -> None:
    """Copy a journal, which may be in use, into two new files.

    Raises:
        StorageError: it cannot be read, or one of the files exists or cannot be written.
    """
    with _new_file(records) as whole, _new_file(keys) as apart:
        source = Database.open_reader(journal, SCHEMA)
        try:
            source.run("VACUUM INTO ?", (str(whole),))
        finally:
            source.close()
        shutil.copyfile(whole, apart)
        _drop(whole, SECRETS)
        _drop(apart, ("outbox", "crossings", "records"))


def restore(records: Path, keys: Path | None, journal: Path) -> int:
    """Put a backup together as a new file; give the number of erasures that were repeated.

    Without the keys the result proves the log but shows no identity.

    Raises:
        StorageError: a file is missing or of another kind, or the new one exists.
    """
    for path in (records, *([] if keys is None else [keys])):
        Database.open_reader(path, SCHEMA).close()
    with _new_file(journal) as staged:
        shutil.copyfile(records, staged)
        return _put_together(staged, keys)


def _put_together(journal: Path, keys: Path | None) -> int:
    """Add the keys to a backup's records; give the number of erasures that were repeated."""
    database = Database.open_writer(journal, SCHEMA)
    try:
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
        database.run("PRAGMA foreign_keys=OFF")
        for table in tables:
            database.run(f"DELETE FROM {table}")  # noqa: S608 - our own names
        database.run("VACUUM")
        database.rows("PRAGMA journal_mode=DELETE")  # readable where nothing can be written
    finally:
        database.close()


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Give a place for a file of the owner's own, which is at `path` once the block is done.

    Raises:
        StorageUnavailable: there is one already, or it cannot be written.
    """
    if path.exists():
        raise StorageUnavailable(f"{path.name} exists already")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".egate-") as folder:
            staged = Path(folder) / path.name
            yield staged
            staged.chmod(0o600)
            staged.rename(path)
    except OSError as error:
        raise StorageUnavailable(f"{path.name}: {error.strerror}") from error
