"""A production device on the heap: its machine, its peers, and the wires between them.

Bytes go both ways over `sim.wire`, with the line's speed, latency and faults. One alarm
stands for everything that is to happen next. A fault of the machine becomes the same
`DeviceFailed` that the live thread makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from drivers.errors import DriverFault
from drivers.ports import Emission, Machine, SetBaud
from drivers.types import DeviceFailed
from sim.kernel import Alarm, Kernel
from sim.wire import Wire


class Peer(Protocol):
    """The other end of a line: a simulated device."""

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived."""

    def output(self) -> bytes:
        """Take what is to be sent."""

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come."""


class Line(NamedTuple):
    """One serial line: the peer and a wire in each direction."""

    peer: Peer
    to_peer: Wire
    to_machine: Wire


class WiredDevice:
    """A machine with its lines. `emit` takes what it reports.

    `touch` is to be called whenever somebody has done something to a peer.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: Machine,
        lines: dict[str, Line],
        emit: Callable[[Emission], None],
    ) -> None:
        self.machine = machine
        self.lines = lines
        self._kernel = kernel
        self._emit = emit
        self._alarm: Alarm | None = None
        self._alarm_ns = -1

    def open(self, now_ns: int) -> None:
        """Open every port."""
        for port in self.machine.ports:
            self._call(self.machine.opened, port, now_ns)
        self.touch()

    def command(self, command: Any, now_ns: int) -> None:
        """Hand over one command."""
        self._call(self.machine.command, command, now_ns)
        self.touch()

    def wipe(self, ticket: int) -> None:
        """Drop what is held for a ticket."""
        self.machine.wipe(ticket)

    def touch(self) -> None:
        """See when something is to happen next."""
        dues = [self.machine.due_ns]
        for line in self.lines.values():
            dues += (line.peer.due_ns, line.to_peer.due_ns, line.to_machine.due_ns)
        due_ns = min((due for due in dues if due is not None), default=None)
        if self._alarm is not None and self._alarm.pending:
            if self._alarm_ns == due_ns:
                return
            self._alarm.cancel()
        self._alarm = None
        if due_ns is not None:
            self._alarm_ns = due_ns
            self._alarm = self._kernel.at(due_ns, self._wake)

    def _wake(self, now_ns: int) -> None:
        for port, line in self.lines.items():
            data = line.to_peer.take(now_ns)
            if data:
                line.peer.receive(data, now_ns)
            due_ns = line.peer.due_ns
            if due_ns is not None and due_ns <= now_ns:
                line.peer.expire(now_ns)
            line.to_machine.send(line.peer.output(), now_ns)
            data = line.to_machine.take(now_ns)
            if data:
                self._call(self.machine.receive, port, data, now_ns)
        due_ns = self.machine.due_ns
        if due_ns is not None and due_ns <= now_ns:
            self._call(self.machine.expire, now_ns)
        self.touch()

    def _call(self, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except DriverFault as fault:
            failed = DeviceFailed(
                device=self.machine.device,
                code=fault.code,
                retryable=fault.retryable,
                diagnosis=fault.diagnosis,
            )
            self._emit(Emission(failed, {}))
        for op in self.machine.output():
            line = self.lines[op.port]
            if isinstance(op, SetBaud):
                line.to_peer.set_baud(op.baud)
                line.to_machine.set_baud(op.baud)
            else:
                line.to_peer.send(op.data, self._kernel.now_ns)
        for emission in self.machine.events():
            self._emit(emission)
