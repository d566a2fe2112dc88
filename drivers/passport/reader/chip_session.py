"""One inspection over a PN532 of its own: no lane, no line reader (`drivers.ports.Machine`)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from drivers.errors import DriverFault, PortLost
from drivers.passport.chip.apdu import Emit, Reconnect, Send, Steps
from drivers.passport.errors import BudgetExceeded, LinkEnded, ReaderGone
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.reader.conversation import converse
from drivers.passport.reader.pn532 import MS
from drivers.passport.reader.pn532_commands import set_speed, start_up
from drivers.passport.reader.pn532_runner import CHIP, Job, Pn532Runner
from drivers.ports import Emission, Output
from drivers.types import Check, DeviceId
from firmware_cfg.profile import ChipReader


class ChipSession:
    """Starts a PN532, finds a chip and inspects it, once.

    Args:
        inspection: what to do with the chip.
        profile: the contactless reader's profile.
        budget_ms: the most that all of it may take.

    Attributes:
        checks: the result, once there is one.
        ended: why the conversation ended early, if it did.
        fault: the reader's fault, if it had one.
        apdus, bytes: commands exchanged, and bytes of commands and responses.
    """

    device = DeviceId.READER
    ports = (CHIP,)

    def __init__(self, inspection: Inspection, profile: ChipReader, budget_ms: int) -> None:
        self.checks: tuple[Check, ...] | None = None
        self.ended: LinkEnded | None = None
        self.fault: DriverFault | None = None
        self.apdus = 0
        self.bytes = 0
        self._inspection = inspection
        self._profile = profile
        self._budget_ns = budget_ms * MS
        self._until_ns: int | None = None
        self._events: list[Emission] = []
        self._runner = Pn532Runner(self._events.append)

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return self._until_ns is not None and not self._runner.busy

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due = [at for at in (self._runner.due_ns, self._until_ns) if at is not None]
        return None if self.done else min(due, default=None)

    def opened(self, port: str, now_ns: int) -> None:  # noqa: ARG002 (there is one port)
        """The port is open: begin.

        Raises:
            DriverFault: the reader's.
        """
        if self._until_ns is None:
            self._until_ns = now_ns + self._budget_ns
            self._guard(lambda: self._runner.start(self._job(), now_ns))

    def lost(self, port: str, now_ns: int) -> None:  # noqa: ARG002 (there is one port)
        """The port went away: end.

        Raises:
            PortLost: always.
        """
        self._runner.stop(ReaderGone("the port went away"))
        self.fault = PortLost("the port went away")
        raise self.fault

    def command(self, command: Any, now_ns: int) -> None:  # noqa: ARG002 (there is none)
        """There are no commands.

        Raises:
            TypeError: always.
        """
        raise TypeError("a chip session takes no commands")

    def receive(self, port: str, data: bytes, now_ns: int) -> None:  # noqa: ARG002
        """Bytes arrived.

        Raises:
            DriverFault: the reader's.
        """
        self._guard(lambda: self._runner.receive(data, now_ns))

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: the reader's.
        """
        if self._until_ns is not None and now_ns >= self._until_ns and self._runner.busy:
            self._runner.stop(BudgetExceeded("the time for the chip is used up"))
            return
        self._guard(lambda: self._runner.expire(now_ns))

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        return self._runner.output()

    def events(self) -> list[Emission]:
        """Take what happened."""
        events = list(self._events)
        self._events.clear()
        return events

    def wipe(self, ticket: int) -> None:  # noqa: ARG002 (there is one document)
        """Overwrite and drop what was read."""
        for buffer in self._inspection.reader.files.values():
            buffer[:] = bytes(len(buffer))
        self._inspection.reader.files.clear()

    def _job(self) -> Job:
        baud = self._profile.baud
        started = yield from start_up(baud, self._profile.baud_max)
        yield from converse(self._watched(self._inspection.run()), self._profile)
        # The next user of the port expects the PN532 as it is after power-up.
        yield from set_speed(started.baud, baud)

    def _watched(self, steps: Steps[tuple[Check, ...]]) -> Generator[Any, Any, None]:
        """The same steps, counted; notes why they were ended."""
        resume = steps.__next__
        try:
            while True:
                op: Send | Emit | Reconnect = resume()
                try:
                    answer = yield op
                except LinkEnded as ended:
                    self.ended = ended
                    resume = _thrower(steps, ended)
                    continue
                if isinstance(op, Send):
                    self.apdus += 1
                    self.bytes += len(op.apdu) + len(answer)
                resume = _sender(steps, answer)
        except StopIteration as end:
            self.checks = end.value

    def _guard(self, call: Any) -> None:
        try:
            call()
        except DriverFault as fault:
            self.fault = fault
            raise


def _sender(steps: Steps[Any], answer: Any) -> Any:
    return lambda: steps.send(answer)


def _thrower(steps: Steps[Any], error: LinkEnded) -> Any:
    return lambda: steps.throw(error)
