"""The journal's only writer: one thread that makes records durable and takes receipts.

Whatever waits is written with one commit. An identity is joined here, from the vault, so
that it never passes the core. A journal that fails says so (`AppendFailed`), and the core
closes the lane.
"""

from __future__ import annotations

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
        self._waiting: queue.Queue[Append | bytes | None] = queue.Queue(MAX_WAITING)
        self.written = Written(journal.last_seq, journal.receipt_seq)
        self.oldest_unsent_at_ns: int | None = None

    def append(self, command: Append) -> None:
        """Queue one record; a full queue is a failed journal, never a lost record unseen."""
        self._offer(command, command)

    def receipt(self, data: bytes) -> None:
        """Queue one receipt; dropped when the queue is full: receipts come again."""
        self._offer(data, None)

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

    def _offer(self, item: Append | bytes, command: Append | None) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            if command is not None:
                self._put(
                    AppendFailed(
                        ticket=command.ticket, kind=command.kind, detail="the journal is too slow"
                    )
                )

    def _take(self) -> tuple[list[Append], list[bytes], bool]:
        batch: list[Append] = []
        receipts: list[bytes] = []
        item = self._waiting.get()
        while True:
            if item is None:
                return batch, receipts, True
            if isinstance(item, Append):
                batch.append(item)
            else:
                receipts.append(item)
            if len(batch) + len(receipts) >= MAX_BATCH:
                return batch, receipts, False
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return batch, receipts, False

    def _write(self, batch: list[Append]) -> None:
        at_ns, utc = self._clock(), self._utc()
        entries = [
            Entry(
                command.kind,
                command.ticket,
                at_ns,
                utc,
                command.facts,
                self._identity(command.holder) if command.holder else None,
            )
            for command in batch
        ]
        try:
            records = self._journal.append_many(entries)
        except (StorageError, RecordMalformed) as error:
            log.error("records not durable: %s", error.diagnosis)
            for command in batch:
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
