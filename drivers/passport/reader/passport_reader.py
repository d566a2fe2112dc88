"""The passport reader of a lane: an MRZ line reader and a PN532, as one sans-IO device.

    MRZ line -> DocumentPresented -> (ReadDocument) -> MrzRead -> ReadStep.. PortraitRead
             -> DocumentVerified, always, whatever happens on the way

After a fault of the PN532 an inspection still reports what it has; the reader starts the PN532
again by itself and sends `DeviceReady` once it is back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from drivers.errors import PortLost, ProtocolViolation
from drivers.passport import curves
from drivers.passport.chip.apdu import Steps
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import ReadCancelled, ReaderGone
from drivers.passport.inspection.checks import unread
from drivers.passport.inspection.crypto_backend import COMPUTED, CryptoBackend
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.attributes import attributes
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.conversation import conclude
from drivers.passport.reader.held_documents import DocumentData, HeldDocuments
from drivers.passport.reader.mrz_port import MRZ, MrzPort
from drivers.passport.reader.pn532 import MS
from drivers.passport.reader.pn532_runner import CHIP
from drivers.passport.reader.pn532_supervisor import Pn532Supervisor
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission, Output
from drivers.types import (
    CancelRead,
    Check,
    Condition,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    MrzRead,
    ReadDocument,
)
from firmware_cfg.profile import ChipReader, MrzReader

HANDLE_BYTES = 16

Checking = Steps[tuple[Check, ...]]


class PassportReader:
    """MRZ reader and chip reader of one lane (`drivers.ports.Machine`).

    Args:
        mrz_reader: the line reader's profile.
        chip_reader: the contactless reader's profile.
        trust: anchors; whether demo material counts is the store's matter.
        random: source of nonces and handles.
        at: the day by the gate's calendar, None while the clock is not trusted. A document
            is judged by the day on which its reading was asked for, to the end.
        clock: nanoseconds for the duration of checks; without it, the time that the
            calls bring.
        crypto: carries out what takes longest to compute.
        utc_day: the day in UTC, by which certificates are valid; without it, `at`.
    """

    device = DeviceId.READER
    ports = (MRZ, CHIP)

    def __init__(
        self,
        mrz_reader: MrzReader,
        chip_reader: ChipReader,
        *,
        trust: TrustStore,
        random: Callable[[int], bytes],
        at: Callable[[], date | None],
        clock: Callable[[], int] | None = None,
        crypto: CryptoBackend = COMPUTED,
        utc_day: Callable[[], date | None] | None = None,
    ) -> None:
        self._chip_profile = chip_reader
        self._trust = trust
        self._random = random
        self._at = at
        self._utc_day_now = utc_day if utc_day is not None else at
        self._crypto = crypto
        self._now_ns: int = 0
        self._clock = clock if clock is not None else lambda: self._now_ns
        self._identity = ""
        self._announced: tuple[Condition, ...] = ()
        self._events: list[Emission] = []
        self._documents = HeldDocuments()
        self._awaiting: ReadDocument | None = None
        self._awaiting_until_ns = 0
        self._day: date | None = None
        self._utc_day: date | None = None
        self._mrz = MrzPort(mrz_reader.framing)
        self._chip = Pn532Supervisor(
            chip_reader,
            self._events.append,
            on_started=self._on_started,
            on_idle=self._on_idle,
        )
        curves.warm_up()

    # --- Machine ----------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self._chip.due_ns
        for at_ns in (self._awaiting_until_ns if self._awaiting else None, self._mrz.due_ns):
            if at_ns is not None and (due_ns is None or at_ns < due_ns):
                due_ns = at_ns
        return due_ns

    @property
    def busy(self) -> bool:
        """Whether the PN532 is at work: starting, proving that it works, or reading a chip."""
        return self._chip.busy

    def opened(self, port: str, now_ns: int) -> None:
        """A port was opened (again): resynchronise."""
        self._now_ns = now_ns
        if port == MRZ:
            self._mrz.opened()
            self._announce()
        else:
            self._chip.opened(now_ns)

    def lost(self, port: str, now_ns: int) -> None:
        """A port went away: end what was under way; `opened` starts again.

        Raises:
            PortLost: always.
        """
        self._now_ns = now_ns
        if port == MRZ:
            self._mrz.lost()
            self._chip.ready = False  # both ports prove themselves before the next document
        else:
            self._chip.lost(now_ns)
        raise PortLost(f"reader: the {port} port went away")

    def command(self, command: Any, now_ns: int) -> None:
        """Carry out `ReadDocument` or `CancelRead`.

        Raises:
            TypeError: the command is for another device (a bug of the caller).
            DriverFault: see `drivers.errors`.
        """
        self._now_ns = now_ns
        if isinstance(command, ReadDocument):
            self._cancel(None)
            self._awaiting = command
            self._day, self._utc_day = self._at(), self._utc_day_now()
            self._awaiting_until_ns = now_ns + command.mrz_budget_ms * MS
            if self._mrz.presented is None:
                self._mrz.ask()
            self._match()
        elif isinstance(command, CancelRead):
            self._cancel(command.ticket)
        else:
            raise TypeError(f"not for a passport reader: {type(command).__name__}")

    def receive(self, port: str, data: bytes, now_ns: int) -> None:
        """Bytes arrived.

        Raises:
            DriverFault: the PN532 or the line reader does not speak its protocol.
        """
        self._now_ns = now_ns
        if port == MRZ:
            self._receive_mrz(data)
        else:
            self._chip.receive(data, now_ns)

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: the PN532 does not answer.
        """
        self._now_ns = now_ns
        self._mrz.expire(now_ns)
        if self._awaiting and now_ns >= self._awaiting_until_ns:
            why = f"no MRZ within {self._awaiting.mrz_budget_ms} ms"
            self._end_waiting(self._awaiting, why)
        self._chip.expire(now_ns)

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        out = self._mrz.output()
        return out + self._chip.output() if out else self._chip.output()

    def events(self) -> list[Emission]:
        """Take what happened."""
        events = list(self._events)
        self._events.clear()
        return events

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop everything held for this ticket; end its reading first."""
        self._cancel(ticket)
        self._documents.wipe(ticket)

    # --- readiness --------------------------------------------------------------------

    def _on_started(self, identity: str) -> None:
        self._identity = f"{identity}; {self._trust.summary}"
        self._announce()

    def _on_idle(self) -> None:
        if self._conditions != self._announced:
            self._announce()

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return self._trust.conditions(self._utc_day_now()) + self._mrz.conditions

    def _announce(self) -> None:
        if not (self._chip.ready and self._chip.is_open and self._mrz.is_open):
            return
        self._announced = self._conditions
        self._emit(
            DeviceReady(device=self.device, identity=self._identity, conditions=self._announced)
        )

    # --- the document -----------------------------------------------------------------

    def _receive_mrz(self, data: bytes) -> None:
        try:
            for found in self._mrz.receive(data, self._now_ns):
                if self._chip.ticket is not None:
                    continue  # the document being read was put down again; its zone is known
                self._mrz.present(found, self._now_ns)
                self._emit(DocumentPresented())
                self._match()
            if (Condition.MRZ_UNREADABLE in self._announced) is not bool(self._mrz.conditions):
                self._announce()
        except ProtocolViolation:
            self._chip.schedule_restart(self._now_ns)
            raise

    def _match(self) -> None:
        """A zone and a command for it are both there: read the chip."""
        command, printed = self._awaiting, self._mrz.presented
        if command is None or printed is None:
            return
        self._awaiting = self._mrz.presented = None
        data = self._documents.hold(command.ticket, printed.text)
        handle = self._new_handle()
        read = MrzRead(
            ticket=command.ticket,
            attributes=attributes(printed, self._day),
            holder=handle,
            day=self._day.isoformat() if self._day is not None else "",
        )
        self._emit(read, {handle: bytes(data.mrz)})
        self._inspect(command, self._inspection(command.ticket, printed, data))

    def _inspection(
        self, ticket: int, printed: Mrz, data: DocumentData
    ) -> Steps[tuple[Check, ...]]:
        files = FileReader()
        files.files = data.files
        return Inspection(
            ticket=ticket,
            mrz=printed,
            trust=self._trust,
            at=self._day,
            random=self._random,
            clock=self._clock,
            new_handle=self._new_handle,
            attempts=self._chip_profile.read_attempts,
            access=self._chip_profile.access,
            bac_fallback=self._chip_profile.bac_fallback,
            reader=files,
            crypto=self._crypto,
            utc_day=self._utc_day,
        ).run()

    def _inspect(self, command: ReadDocument, steps: Checking) -> None:
        if self._chip.ready:
            until_ns = self._now_ns + command.chip_budget_ms * MS
            self._chip.inspect(command.ticket, steps, until_ns, self._now_ns)
            return
        for op in conclude(steps, ReaderGone("the chip reader is not ready")):
            self._events.append(op.emission)

    def _cancel(self, ticket: int | None) -> None:
        """End the reading for a ticket; None ends any."""
        if self._awaiting is not None and ticket in (None, self._awaiting.ticket):
            self._end_waiting(self._awaiting, "cancelled")
        if self._chip.ticket is not None and ticket in (None, self._chip.ticket):
            self._chip.stop(ReadCancelled("cancelled"), self._now_ns)

    def _end_waiting(self, command: ReadDocument, why: str) -> None:
        """No zone came for a command: report that nothing was read."""
        self._awaiting = None
        checks = unread(self._clock, why)
        self._emit(DocumentVerified(ticket=command.ticket, checks=checks))

    def _new_handle(self) -> str:
        return self._random(HANDLE_BYTES).hex()

    def _emit(self, event: Any, payload: dict[str, bytes] | None = None) -> None:
        self._events.append(Emission(event, payload or {}))
