"""Keeps a PN532 at work: starts it, checks it while it is idle, starts it again after a fault.

It runs one generator at a time: start-up, a health check, or an inspection. A fault ends the
generator, which still emits what it has. Faults at the raised speed make it give that up,
until the port is opened again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.errors import DriverFault
from drivers.passport.chip.apdu import Steps
from drivers.passport.errors import BudgetExceeded, LinkEnded, ReaderGone
from drivers.passport.reader.conversation import converse
from drivers.passport.reader.pn532 import MS
from drivers.passport.reader.pn532_commands import Calls, Started, health_check, start_up
from drivers.passport.reader.pn532_runner import Job, Pn532Runner
from drivers.ports import Emission, Output
from firmware_cfg.profile import ChipReader

RESTART_NS = 1_000 * MS
IDLE_CHECK_NS = 5_000 * MS
MAX_FAST_FAULTS = 2
"""Faults at the raised speed before it is given up, until the port is opened again."""


class Pn532Supervisor:
    """A PN532 on a port of its own.

    Args:
        profile: the contactless reader's profile.
        emit: receives what an inspection emits.
        on_started: called once the PN532 is started, with its identity.
        on_idle: called when a generator has ended and the PN532 is left idle.

    Attributes:
        is_open: whether the port is there.
        ready: whether the PN532 is started and may inspect.
        ticket: whose document is being inspected.
    """

    def __init__(
        self,
        profile: ChipReader,
        emit: Callable[[Emission], None],
        *,
        on_started: Callable[[str], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._profile = profile
        self._runner = Pn532Runner(emit)
        self._on_started = on_started
        self._on_idle = on_idle
        self._baud = profile.baud
        self._fast_faults = 0
        self._restart_ns: int | None = None
        self._inspection_until_ns: int | None = None
        self.is_open = False
        self.ready = False
        self.ticket: int | None = None

    @property
    def busy(self) -> bool:
        """Whether the PN532 starts, proves that it works, or reads a chip."""
        return self._runner.busy

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self._runner.due_ns
        for at_ns in (self._inspection_until_ns, self._restart_ns):
            if at_ns is not None and (due_ns is None or at_ns < due_ns):
                due_ns = at_ns
        return due_ns

    def opened(self, now_ns: int) -> None:
        """The port was opened (again): start the PN532.

        Raises:
            DriverFault: the PN532's.
        """
        self.is_open = True
        self.stop(ReaderGone("the port was opened again"), now_ns)
        self._runner.reset()
        self.ready = False
        self._fast_faults = 0
        self._start(self._start_up(), now_ns)

    def lost(self, now_ns: int) -> None:
        """The port went away: end what was under way; `opened` starts again."""
        self.is_open = self.ready = False
        self.stop(ReaderGone("the port went away"), now_ns)
        self._runner.reset()
        self._restart_ns = None

    def inspect(self, ticket: int, steps: Steps[Any], until_ns: int, now_ns: int) -> None:
        """Carry out an inspection, until `until_ns` at the latest.

        Raises:
            DriverFault: the PN532's.
        """
        self.ticket = ticket
        self._inspection_until_ns = until_ns
        self._start(converse(steps, self._profile), now_ns)

    def stop(self, error: LinkEnded, now_ns: int) -> None:
        """End the generator now; an inspection emits what it has."""
        self._runner.stop(error)
        self._rest(now_ns)

    def schedule_restart(self, now_ns: int) -> None:
        """Start the PN532 again in a while; until then it is not ready."""
        self.ready = False
        self._restart_ns = now_ns + RESTART_NS

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived.

        Raises:
            DriverFault: the PN532's.
        """
        self._drive(self._runner.receive, data, now_ns)

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: the PN532's.
        """
        if self._inspection_until_ns is not None and now_ns >= self._inspection_until_ns:
            self.stop(BudgetExceeded("the time for the chip is used up"), now_ns)
        if self._restart_ns is not None and now_ns >= self._restart_ns:
            self._restart(now_ns)
        self._drive(self._runner.expire, now_ns)

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        return self._runner.output()

    def _start_up(self) -> Job:
        baud, baud_max = self._profile.baud, self._profile.baud_max
        raised = baud if self._fast_faults >= MAX_FAST_FAULTS else baud_max
        return self._started(start_up(baud, baud_max, raised))

    def _started(self, steps: Calls[Started]) -> Job:
        started = yield from steps
        self._baud = started.baud
        self.ready = True
        self._on_started(started.identity)

    def _start(self, job: Job, now_ns: int) -> None:
        self._restart_ns = None
        self._drive(self._runner.start, job, now_ns)

    def _drive(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let the PN532 go on; after a generator rest, after a fault start again.

        The last of the arguments is the time.

        Raises:
            DriverFault: after the generator has emitted what it has.
        """
        was_busy = self._runner.busy
        now_ns: int = arguments[-1]
        try:
            call(*arguments)
        except DriverFault:
            self._fast_faults += self._baud > self._profile.baud
            self._baud = self._profile.baud
            self.ticket = self._inspection_until_ns = None
            self.schedule_restart(now_ns)
            raise
        if was_busy and not self._runner.busy:
            self._rest(now_ns)

    def _rest(self, now_ns: int) -> None:
        self.ticket = self._inspection_until_ns = None
        self._restart_ns = now_ns + IDLE_CHECK_NS
        self._on_idle()

    def _restart(self, now_ns: int) -> None:
        self._restart_ns = None
        if self.is_open and self.ticket is None:
            self._start(health_check() if self.ready else self._start_up(), now_ns)
