"""The passport reader of a lane: an MRZ line reader and a PN532, as one sans-IO device.

    MRZ line -> DocumentPresented -> (ReadDocument) -> MrzRead -> ReadStep.. PortraitRead
             -> DocumentVerified, always, whatever happens on the way

The PN532 runs one generator at a time: start-up, a check of its health while nothing is
read, or an inspection. A fault ends the generator, which still reports what it has; the
reader then starts the PN532 again by itself and says `DeviceReady` once it is back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from drivers.errors import DriverFault, PortLost, ProtocolViolation
from drivers.passport import curves
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import BudgetExceeded, LinkEnded, ReadCancelled, ReaderGone
from drivers.passport.inspection.checks import unread
from drivers.passport.inspection.crypto_backend import COMPUTED, Costly
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz import zone
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.conversation import conclude, converse
from drivers.passport.reader.pn532 import MS
from drivers.passport.reader.pn532_commands import Calls, Started, health_check, start_up
from drivers.passport.reader.pn532_runner import Job, Pn532Runner
from drivers.passport.reader.zone_reader import ZoneReader
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission, Output, Write
from drivers.types import (
    CancelRead,
    Condition,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    MrzRead,
    ReadDocument,
)
from firmware_cfg.profile import ChipReader, MrzReader

MRZ = "mrz"
CHIP = "chip"
MRZ_HOLD_NS = 5_000 * MS
"""A zone that nobody asked for is forgotten after this."""
RESTART_NS = 1_000 * MS
IDLE_CHECK_NS = 5_000 * MS
MAX_FAST_FAULTS = 2
"""Faults at the raised speed before it is given up, until the port is opened again."""
MAX_CROSSINGS = 2
HANDLE_BYTES = 16


@dataclass
class _Held:
    """What is kept of one crossing until it is wiped."""

    mrz: bytearray
    files: dict[str, bytearray] = field(default_factory=dict)

    def wipe(self) -> None:
        for buffer in (self.mrz, *self.files.values()):
            buffer[:] = bytes(len(buffer))
        self.files.clear()


class PassportReader:
    """MRZ reader and chip reader of one lane (`drivers.ports.Machine`).

    Args:
        mrz_reader: the line reader's profile.
        chip_reader: the contactless reader's profile.
        trust: anchors; whether demo material counts is the store's matter.
        random: source of nonces and handles.
        at: the day of inspection, None while the clock is not trusted.
        clock: nanoseconds for the duration of checks; without it, the time that the
            calls bring.
        costly: carries out what takes longest to compute.
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
        costly: Costly = COMPUTED,
    ) -> None:
        self._zones = ZoneReader(mrz_reader.framing)
        self._chip_profile = chip_reader
        self._trust = trust
        self._random = random
        self._at = at
        self._costly = costly
        self._now_ns: int = 0
        self._clock = clock if clock is not None else lambda: self._now_ns
        self._open: set[str] = set()
        self._ready = False
        self._identity = ""
        self._told: tuple[Condition, ...] = ()
        self._baud = chip_reader.baud
        self._fast_faults = 0
        self._events: list[Emission] = []
        self._mrz_out: list[Output] = []
        self._runner = Pn532Runner(CHIP, self._events.append)
        self._held: dict[int, _Held] = {}
        self._presented: Mrz | None = None
        self._presented_until_ns = 0
        self._awaiting: ReadDocument | None = None
        self._awaiting_until_ns = 0
        self._job_ticket: int | None = None
        self._job_until_ns: int | None = None
        self._restart_ns: int | None = None
        curves.warm_up()

    # --- Machine ----------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self._runner.due_ns
        for at_ns in (
            self._job_until_ns,
            self._restart_ns,
            self._awaiting_until_ns if self._awaiting else None,
            self._presented_until_ns if self._presented else None,
        ):
            if at_ns is not None and (due_ns is None or at_ns < due_ns):
                due_ns = at_ns
        return due_ns

    @property
    def busy(self) -> bool:
        """Whether the PN532 is at work: starting, proving that it lives, or reading a chip."""
        return self._runner.busy

    def opened(self, port: str, now_ns: int) -> None:
        """A port was opened (again): resynchronise."""
        self._now_ns = now_ns
        self._open.add(port)
        if port == MRZ:
            self._send_mrz(self._zones.reset())
            self._announce()
            return
        self._end_job(ReaderGone("the port was opened again"))
        self._runner.reset()
        self._ready = False
        self._fast_faults = 0
        self._start(self._started(self._start_up()))

    def lost(self, port: str, now_ns: int) -> None:
        """A port went away: end what was under way; `opened` starts again.

        Raises:
            PortLost: always.
        """
        self._now_ns = now_ns
        self._open.discard(port)
        self._ready = False
        if port == CHIP:
            self._end_job(ReaderGone("the port went away"))
            self._runner.reset()
            self._restart_ns = None
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
            self._awaiting_until_ns = now_ns + command.mrz_budget_ms * MS
            if self._presented is None:
                self._send_mrz(self._zones.ask())
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
            return
        self._drive(self._runner.receive, data, now_ns)

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: the PN532 does not answer.
        """
        self._now_ns = now_ns
        if self._presented and now_ns >= self._presented_until_ns:
            self._presented = None
        if self._awaiting and now_ns >= self._awaiting_until_ns:
            self._no_mrz()
        if self._job_until_ns is not None and now_ns >= self._job_until_ns:
            self._end_job(BudgetExceeded("the time for the chip is used up"))
        if self._restart_ns is not None and now_ns >= self._restart_ns:
            self._restart()
        self._drive(self._runner.expire, now_ns)

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        out, self._mrz_out = self._mrz_out, []
        return out + self._runner.output() if out else self._runner.output()

    def events(self) -> list[Emission]:
        """Take what happened."""
        events = list(self._events)
        self._events.clear()
        return events

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop everything held for this ticket; end its reading first."""
        self._cancel(ticket)
        held = self._held.pop(ticket, None)
        if held is not None:
            held.wipe()

    # --- the MRZ ----------------------------------------------------------------------

    def _receive_mrz(self, data: bytes) -> None:
        try:
            for found in self._zones.receive(data, self._now_ns):
                self._take_zone(found)
        except ProtocolViolation:
            self._schedule_restart()
            raise

    def _send_mrz(self, data: bytes) -> None:
        if data and MRZ in self._open:
            self._mrz_out.append(Write(MRZ, data))

    def _take_zone(self, found: Mrz) -> None:
        self._send_mrz(self._zones.go_on())
        if self._job_ticket is not None:
            return  # the document being read was put down again; its zone is known
        self._presented = found
        self._presented_until_ns = self._now_ns + MRZ_HOLD_NS
        self._emit(DocumentPresented())
        self._match()

    def _match(self) -> None:
        """A zone and a question for it are both there: read the chip."""
        command, printed = self._awaiting, self._presented
        if command is None or printed is None:
            return
        self._awaiting = self._presented = None
        text = bytearray(printed.text.encode("ascii"))
        held = self._hold(command.ticket, _Held(text))
        handle = self._new_handle()
        read = MrzRead(
            ticket=command.ticket,
            attributes=zone.attributes(printed, self._at()),
            holder=handle,
        )
        self._emit(read, {handle: bytes(text)})
        self._begin_inspection(command, printed, held)

    def _no_mrz(self) -> None:
        command, self._awaiting = self._awaiting, None
        if command is not None:
            checks = unread(self._clock, f"no MRZ within {command.mrz_budget_ms} ms")
            self._emit(DocumentVerified(ticket=command.ticket, checks=checks))

    def _hold(self, ticket: int, held: _Held) -> _Held:
        self._held[ticket] = held
        while len(self._held) > MAX_CROSSINGS:
            self._held.pop(next(iter(self._held))).wipe()
        return held

    # --- the chip ---------------------------------------------------------------------

    def _begin_inspection(self, command: ReadDocument, printed: Mrz, held: _Held) -> None:
        files = FileReader()
        files.files = held.files
        steps = Inspection(
            ticket=command.ticket,
            mrz=printed,
            trust=self._trust,
            at=self._at(),
            random=self._random,
            clock=self._clock,
            new_handle=self._new_handle,
            attempts=self._chip_profile.read_attempts,
            access=self._chip_profile.access,
            bac_fallback=self._chip_profile.bac_fallback,
            reader=files,
            costly=self._costly,
        ).run()
        if not self._ready:
            for op in conclude(steps, ReaderGone("the chip reader is not ready")):
                self._events.append(op.emission)
            return
        self._job_ticket = command.ticket
        self._job_until_ns = self._now_ns + command.chip_budget_ms * MS
        self._start(converse(steps, self._chip_profile))

    def _cancel(self, ticket: int | None) -> None:
        """End the reading for a ticket; None ends any."""
        if self._awaiting is not None and ticket in (None, self._awaiting.ticket):
            cancelled, self._awaiting = self._awaiting, None
            checks = unread(self._clock, "cancelled")
            self._emit(DocumentVerified(ticket=cancelled.ticket, checks=checks))
        if self._job_ticket is not None and ticket in (None, self._job_ticket):
            self._end_job(ReadCancelled("cancelled"))

    def _start_up(self) -> Calls[Started]:
        baud, baud_max = self._chip_profile.baud, self._chip_profile.baud_max
        return start_up(baud, baud_max, baud if self._fast_faults >= MAX_FAST_FAULTS else baud_max)

    def _started(self, steps: Calls[Started]) -> Job:
        started = yield from steps
        self._baud = started.baud
        self._identity = f"{started.identity}; {self._trust.summary}"
        self._ready = True
        self._announce()

    def _announce(self) -> None:
        if self._ready and len(self._open) == len(self.ports):
            self._told = self._trust.conditions(self._at())
            self._emit(
                DeviceReady(device=self.device, identity=self._identity, conditions=self._told)
            )

    def _start(self, job: Job) -> None:
        self._restart_ns = None
        self._drive(self._runner.start, job, self._now_ns)

    def _drive(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let the PN532 go on; after a job rest, after a fault start again.

        Raises:
            DriverFault: after the job has reported what it has.
        """
        was_busy = self._runner.busy
        try:
            call(*arguments)
        except DriverFault:
            self._fast_faults += self._baud > self._chip_profile.baud
            self._baud = self._chip_profile.baud
            self._job_ticket = self._job_until_ns = None
            self._schedule_restart()
            raise
        if was_busy and not self._runner.busy:
            self._rest()

    def _end_job(self, error: LinkEnded) -> None:
        """End the job now; an inspection reports what it has."""
        self._runner.stop(error)
        self._rest()

    def _rest(self) -> None:
        """Nothing to do: look after the PN532 from time to time."""
        self._job_ticket = self._job_until_ns = None
        self._restart_ns = self._now_ns + IDLE_CHECK_NS
        if self._trust.conditions(self._at()) != self._told:
            self._announce()

    def _schedule_restart(self) -> None:
        self._ready = False
        self._restart_ns = self._now_ns + RESTART_NS

    def _restart(self) -> None:
        self._restart_ns = None
        if CHIP not in self._open or self._job_ticket is not None:
            return
        self._start(health_check() if self._ready else self._started(self._start_up()))

    # --- small things -----------------------------------------------------------------

    def _new_handle(self) -> str:
        return self._random(HANDLE_BYTES).hex()

    def _emit(self, event: Any, payload: dict[str, bytes] | None = None) -> None:
        self._events.append(Emission(event, payload or {}))
