"""The journal read beside its writer: what `egate sync` needs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from sync.gate.journal_check import check_journal, signed_root
from sync.gate.journal_schema import (
    SCHEMA,
    STORED,
    TrimPoint,
    commitment_at,
    nodes_of,
    stored,
    trim_point,
)
from sync.log.chain import Problem, Stored
from sync.log.database import Database
from sync.log.encoding import decode_record, read_receipt
from sync.log.envelope import RecordPlace, gate_hour, open_identity
from sync.log.errors import ReceiptConflict, SealBroken, StorageUnavailable
from sync.log.keys import VerifyingKey
from sync.log.merkle import root_of
from sync.log.types import Contents, HourKey, Item, Receipt

MAX_UNSENT_RECORDS = 1000


class Outgoing(NamedTuple):
    """Records as they are sent, and the root of the log up to the last of them."""

    contents: Contents
    root: bytes


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
        """The records after a place, in order, in their canonical bytes; none for erased ones.

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

    def outgoing(self, after_seq: int, max_bytes: int) -> Outgoing:
        """The records after a place as they are sent, and the root of the log behind them.

        At least one if there is any; otherwise no more than about `max_bytes` or
        `MAX_UNSENT_RECORDS`.
        """
        items: list[Item] = []
        size = 0
        query = (
            "SELECT commitment, encoded, coalesce(salt, x''), coalesce(key_id, 0),"
            " coalesce(wrapped, x'') FROM records LEFT JOIN secrets USING (seq)"
            " WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        for row in self._db.each(query, (after_seq, MAX_UNSENT_RECORDS)):
            size += len(row[1])
            if items and size > max_bytes:
                break
            leaf, encoded, salt, key_id, wrapped = row
            items.append(
                Item(commitment=leaf, encoded=encoded, salt=salt, key_id=key_id, wrapped=wrapped)
            )
        used = sorted({item.key_id for item in items} - {0})
        hours = [
            HourKey(
                key_id=key_id,
                for_centre=self._db.value(
                    "SELECT for_centre FROM hour_keys WHERE id = ?", (key_id,)
                ),
            )
            for key_id in used
        ]
        root = root_of(after_seq + len(items), nodes_of(self._db))
        return Outgoing(Contents(items=tuple(items), keys=tuple(hours)), root)

    def verify(self, key: VerifyingKey | None = None) -> list[Problem]:
        """Check the whole journal; see `sync.gate.journal_check`."""
        return check_journal(self._db, self.gate, self.epoch, 0, key)

    def receipt(self) -> Receipt | None:
        """The newest receipt, unchecked."""
        data = self._db.value("SELECT receipt FROM journal")
        return None if data is None else read_receipt(data)

    def begins_with(self, receipt: Receipt, key: VerifyingKey) -> bool:
        """Whether what a receipt confirms is the beginning of this log.

        Raises:
            ReceiptForged: it confirms another place than it names.
            ReceiptConflict: it ends before what this journal keeps, which cannot be sent again.
        """
        kept_from = self.trimmed().seq + 1
        if receipt.seq < kept_from - 1:
            raise ReceiptConflict(
                f"the central system was set back to record {receipt.seq}, and this gate keeps"
                f" records from {kept_from} on: restore a newer backup of the central system"
            )
        if receipt.commitment != commitment_at(self._db, receipt.seq):
            return False
        return receipt.seq == 0 or signed_root(receipt, key) == root_of(
            receipt.seq, nodes_of(self._db)
        )

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything read inside is as of one moment, whatever the agent does beside it."""
        return self._db.snapshot()

    def kept(self) -> int:
        """How many records are here."""
        return int(self._db.value("SELECT count(*) FROM records"))

    def trimmed(self) -> TrimPoint:
        """Up to where records were removed, and what the rest is proven from."""
        return trim_point(self._db)

    def root(self) -> bytes:
        """The root of the whole log."""
        return root_of(self.last_seq(), nodes_of(self._db))

    def stored(self, last_seq: int) -> Iterator[Stored]:
        """Go through the rows up to a place, in order."""
        for row in self._db.each(f"{STORED} WHERE seq <= ? ORDER BY seq", (last_seq,)):
            yield stored(row)

    def table(self, name: str) -> Iterator[dict[str, Any]]:
        """Go through the rows of one table, by column; see `Database.table`."""
        return self._db.table(name)

    def identity(self, seq: int, own: bytes) -> dict[str, str]:
        """Decrypt the identity of a record with the gate's own key.

        Raises:
            SealBroken: there is none, it was erased, or the gate keeps no key any more.
        """
        row = self._db.one(
            "SELECT encoded, wrapped, coalesce(for_gate, x'') FROM records JOIN secrets"
            " USING (seq) LEFT JOIN hour_keys ON id = key_id WHERE seq = ?",
            (seq,),
        )
        record = decode_record(row[0]) if row and row[0] else None
        if row is None or record is None or not isinstance(record.identity, bytes):
            raise SealBroken(f"record {seq} holds no sealed identity")
        place = RecordPlace(self.gate, self.epoch, seq)
        return open_identity(place, record.identity, row[1], gate_hour(row[2], own))

    def replaced(self) -> bool:
        """Whether another file has taken the journal's place since it was opened."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def close(self) -> None:
        """Close the database."""
        self._db.close()
