"""The journal's only writer: one thread that makes records durable and takes receipts.

Whatever waits is written with one commit. An identity is joined here, from the vault, so
that it never passes the core; it is taken when the record is asked for, because the vault
may be wiped before the record is written. A journal that fails says so (`AppendFailed`),
and the core closes the lane.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from drivers.types import DeviceFailed, DeviceId, DeviceReady
from sync.errors import ReceiptRefused, RecordMalformed, StorageError
from sync.journal import Entry, Journal
from sync.keys import VerifyingKey
from sync.types import Append, Appended, AppendFailed

log = logging.getLogger("egate.journal")

MAX_WAITING = 1024
MAX_BATCH = 64


class Written(NamedTuple):
    """How far journal and central system are."""

    last_seq: int
    receipt_seq: int


class _Asked(NamedTuple):
    """One record asked for, with who it is about."""

    command: Append
    identity: Mapping[str, str] | None


class JournalWriter:
    """Serves `Append` commands and receipts.

    Args:
        journal: open for writing; used by `run`'s thread alone.
        centre_key: the central system's key, None before enrolment: receipts are refused.
        put: puts an event into the inbox.
        identity: `identity(holder) -> fields`, from the vault.
        clock: monotonic nanoseconds; `utc`: RFC 3339 with milliseconds.
    """

    def __init__(
        self,
        journal: Journal,
        centre_key: VerifyingKey | None,
        put: Callable[[Any], None],
        identity: Callable[[str], Mapping[str, str]],
        clock: Callable[[], int],
        utc: Callable[[], str],
    ) -> None:
        self._journal = journal
        self._centre_key = centre_key
        self._put = put
        self._identity = identity
        self._clock = clock
        self._utc = utc
        self._waiting: queue.Queue[_Asked | bytes | None] = queue.Queue(MAX_WAITING)
        self.written = Written(journal.last_seq, journal.receipt_seq)
        self.oldest_unsent_at_ns: int | None = None

    def append(self, command: Append) -> None:
        """Queue one record; a full queue is a failed journal, never a lost record unseen."""
        identity = self._identity(command.holder) if command.holder else None
        try:
            self._waiting.put_nowait(_Asked(command, identity))
        except queue.Full:
            self._put(
                AppendFailed(
                    ticket=command.ticket, kind=command.kind, detail="the journal is too slow"
                )
            )

    def receipt(self, data: bytes) -> None:
        """Queue one receipt; dropped when the queue is full: receipts come again."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(data)

    def stop(self) -> None:
        """End `run` after what is queued."""
        self._waiting.put(None)

    def run(self) -> None:
        """Write until `stop`; the body of one thread. Closes the journal."""
        self._put(DeviceReady(device=DeviceId.JOURNAL, identity=f"epoch {self._journal.epoch}"))
        try:
            while True:
                batch, receipts, ended = self._take()
                if batch:
                    self._write(batch)
                for data in receipts:
                    self._acknowledge(data)
                self._report()
                if ended:
                    return
        finally:
            self._journal.close()

    def _take(self) -> tuple[list[_Asked], list[bytes], bool]:
        batch: list[_Asked] = []
        receipts: list[bytes] = []
        item = self._waiting.get()
        while True:
            if item is None:
                return batch, receipts, True
            if isinstance(item, _Asked):
                batch.append(item)
            else:
                receipts.append(item)
            if len(batch) + len(receipts) >= MAX_BATCH:
                return batch, receipts, False
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return batch, receipts, False

    def _write(self, batch: list[_Asked]) -> None:
        at_ns, utc = self._clock(), self._utc()
        entries = [
            Entry(
                command.kind,
                command.ticket,
                at_ns,
                utc,
                command.facts,
                identity,
            )
            for command, identity in batch
        ]
        try:
            records = self._journal.append_many(entries)
        except (StorageError, RecordMalformed) as error:
            log.error("records not durable: %s", error.diagnosis)
            for command, _ in batch:
                self._put(
                    AppendFailed(ticket=command.ticket, kind=command.kind, detail=error.diagnosis)
                )
            self._put(
                DeviceFailed(
                    device=DeviceId.JOURNAL, code=120, retryable=False, diagnosis=error.diagnosis
                )
            )
            return
        for record in records:
            self._put(Appended(ticket=record.ticket, kind=record.kind, seq=record.seq))

    def _acknowledge(self, data: bytes) -> None:
        if self._centre_key is None:
            log.warning("a receipt came before this gate knows its central system's key")
            return
        try:
            self._journal.acknowledge(data, self._centre_key)
        except (ReceiptRefused, StorageError) as error:
            log.warning("receipt refused: %s", error.diagnosis)

    def _report(self) -> None:
        self.written = Written(self._journal.last_seq, self._journal.receipt_seq)
        oldest = self._journal.oldest_unsent()
        self.oldest_unsent_at_ns = oldest.at_ns if oldest else None
