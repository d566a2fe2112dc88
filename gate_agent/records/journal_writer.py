"""The journal's only writer: one thread that makes records durable and takes receipts.

Everything that waits is written with one commit. An identity is joined here, from the vault, so
that it never passes the core; it is taken when the record is asked for, because the vault
may be wiped before the record is written. A journal that fails is reported (`AppendFailed`),
and the core closes the lane. On a full disk the reserve goes first: what was asked for is
still written, and the lane closes to automatic use until there is room again. Nothing that
is unsent is ever dropped.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from drivers.types import DeviceFailed, DeviceId, DeviceReady
from firmware_cfg.codes import Code
from gate_agent.core.facts import plain_facts
from gate_agent.core.messages import Append
from gate_agent.records.night_trim import NightTrim
from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.reserve import Reserve
from sync.log.errors import (
    ReceiptAhead,
    ReceiptConflict,
    ReceiptRefused,
    RecordMalformed,
    StorageError,
)
from sync.log.keys import VerifyingKey
from sync.log.types import Appended, AppendFailed

log = logging.getLogger("egate.journal")

T = TypeVar("T")

MAX_WAITING = 1024
MAX_BATCH = 64
LOOK_S = 1.0
"""How often the storage is looked at when nothing is to be written."""

TRIM_PAUSE_S = 0.02
"""Between two steps of trimming the queue is waited for so long."""


class Written(NamedTuple):
    """How far journal and central system are. `alarm` is one line, "" if all is well."""

    last_seq: int
    receipt_seq: int
    alarm: str = ""


class Limits(NamedTuple):
    """From where on the journal's size and its oldest unsent record are alarms."""

    size_bytes: int = 4 * 1024**3
    unsent_s: int = 72 * 3600


DEFAULT_LIMITS = Limits()


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
        identity: `identity(holder, inspection_day) -> fields`, from the vault; "" for no day.
        clock: monotonic nanoseconds; `utc`: RFC 3339 with milliseconds.
        reserve: the room kept next to the journal, None where nothing is kept (simulation).
        limits: see `Limits`.
        trim: removes what is no longer needed while nothing is to be written; None: nothing goes.
    """

    def __init__(
        self,
        journal: Journal,
        centre_key: VerifyingKey | None,
        put: Callable[[Any], None],
        identity: Callable[[str, str], Mapping[str, str]],
        clock: Callable[[], int],
        utc: Callable[[], str],
        reserve: Reserve | None = None,
        limits: Limits = DEFAULT_LIMITS,
        trim: NightTrim | None = None,
    ) -> None:
        self._journal = journal
        self._trim = trim
        self._reserve = reserve
        self._limits = limits
        self._ready = self._failing = False
        self._look_ns = 0
        self._dispute = ""
        self._ending = False
        self._began = (journal.last_seq, clock())
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
        holder, day = command.holder, command.inspection_day
        identity = self._identity(holder, day) if holder else None
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
        """End `run` after what is queued. Never blocks, whatever became of `run`."""
        self._ending = True
        with contextlib.suppress(queue.Full):  # `run` looks up anyway after what is queued
            self._waiting.put_nowait(None)

    def run(self) -> None:
        """Write until `stop`; the body of one thread. Closes the journal."""
        try:
            while True:
                self._tend()
                batch, receipts, ended = self._take()
                if batch:
                    self._write(batch)
                for data in receipts:
                    self._acknowledge(data)
                if self._trim is not None and self._ready and not (batch or receipts or ended):
                    self._trim.step(self._journal)
                self._report()
                if ended:
                    return
        finally:
            self._journal.close()

    def _tend(self) -> None:
        """Keep the reserve filled; report when the journal is in order (again)."""
        if self._ready and (self._reserve is None or self._reserve.there):
            return
        now_ns = self._clock()
        if self._failing and now_ns < self._look_ns:
            return
        self._look_ns = now_ns + int(LOOK_S * 1e9)
        if not (self._reserve is None or self._reserve.fill()):
            if not self._failing:
                self._fail(
                    Code.JOURNAL_DISK_LOW,
                    "no room for the journal's reserve: free space on its disk",
                )
        elif self._journal.writes():
            self._ready, self._failing = True, False
            identity = f"epoch {self._journal.epoch}"
            self._put(DeviceReady(device=DeviceId.JOURNAL, identity=identity))

    def _fail(self, code: Code, diagnosis: str) -> None:
        """The lane must close to automatic use, until the journal is in order again."""
        self._ready, self._failing = False, True
        log.error("%s", diagnosis)
        self._put(
            DeviceFailed(device=DeviceId.JOURNAL, code=code, retryable=True, diagnosis=diagnosis)
        )

    def _take(self) -> tuple[list[_Asked], list[bytes], bool]:
        batch: list[_Asked] = []
        receipts: list[bytes] = []
        try:
            trimming = self._trim is not None and self._trim.under_way
            item = self._waiting.get(timeout=TRIM_PAUSE_S if trimming else LOOK_S)
            while True:
                if isinstance(item, _Asked):
                    batch.append(item)
                elif item is not None:
                    receipts.append(item)
                if len(batch) + len(receipts) >= MAX_BATCH:
                    return batch, receipts, False
                item = self._waiting.get_nowait()
        except queue.Empty:
            return batch, receipts, self._ending

    def _write(self, batch: list[_Asked]) -> None:
        at_ns, utc = self._clock(), self._utc()
        entries = [
            JournalEntry(
                command.kind,
                command.ticket,
                at_ns,
                utc,
                plain_facts(command.facts),
                identity,
            )
            for command, identity in batch
        ]
        try:
            records = self._with_reserve(lambda: self._journal.append_many(entries))
        except (StorageError, RecordMalformed) as error:
            for command, _ in batch:
                self._put(
                    AppendFailed(ticket=command.ticket, kind=command.kind, detail=error.diagnosis)
                )
            self._fail(Code.JOURNAL_NOT_DURABLE, f"records not durable: {error.diagnosis}")
            return
        for record in records:
            self._put(Appended(ticket=record.ticket, kind=record.kind, seq=record.seq))

    def _with_reserve(self, action: Callable[[], T]) -> T:
        """Do what writes; if it fails, once more with the room of the reserve."""
        try:
            return action()
        except StorageError as error:
            if self._reserve is None or not self._reserve.release():
                raise
            self._fail(
                Code.JOURNAL_DISK_LOW, f"{error.diagnosis}: on its reserve; free space on its disk"
            )
            return action()

    def _acknowledge(self, data: bytes) -> None:
        key = self._centre_key
        if key is None:
            log.warning("a receipt came before this gate knows its central system's key")
            return
        try:
            self._with_reserve(lambda: self._journal.acknowledge(data, key))
        except (ReceiptConflict, ReceiptAhead) as error:
            # The past is in dispute: a restored backup, a copy of this gate, or a false centre.
            self._dispute = f"{error.diagnosis}: was a backup restored, or a gate copied?"
            log.error("%s", self._dispute)
        except (ReceiptRefused, StorageError) as error:
            log.warning("receipt refused: %s", error.diagnosis)

    def _report(self) -> None:
        oldest = self._journal.oldest_unsent()
        at_ns = None
        if oldest is not None:
            # What was written before this start has another clock's time: it counts from here.
            last_seq, began_ns = self._began
            at_ns = began_ns if oldest.seq <= last_seq else oldest.at_ns
        self.oldest_unsent_at_ns = at_ns
        alarm = self._alarm(0 if at_ns is None else self._clock() - at_ns)
        if alarm and alarm != self.written.alarm:
            log.error("%s", alarm)
        self.written = Written(self._journal.last_seq, self._journal.receipt_seq, alarm)

    def _alarm(self, unsent_ns: int) -> str:
        """What an operator must know of the journal: disputes, age, size; "" if all is well."""
        if self._dispute:
            return self._dispute
        if unsent_ns >= self._limits.unsent_s * 1_000_000_000:
            hours = unsent_ns // 3_600_000_000_000
            return f"records have waited {hours} h for the centre: look at its link"
        size = self._journal.size_bytes()
        if size >= self._limits.size_bytes:
            return (
                f"the journal has {size // 1_000_000} MB: its disk may not last;"
                ' see the runbook, "The journal grows"'
            )
        if self._trim is not None and self._trim.alarm:
            return self._trim.alarm
        return ""
