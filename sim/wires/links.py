"""A production device on the heap: its machine, its peers, and the wires between them.

Bytes go both ways over `sim.wires.wire`, with the line's speed, latency and faults. One alarm
stands for everything that is to happen next. A fault of the machine becomes the same
`DeviceFailed` that the live thread makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from drivers.errors import DriverFault
from drivers.ports import Emission, Machine, Output, Write
from drivers.types import DeviceFailed
from sim.wires.kernel import Alarm, Kernel
from sim.wires.wire import Wire

NEVER_NS = 1 << 63
"""A time that does not come: compared like any other, where None would need a question."""


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


class _End:
    """One line, and when something is due on it.

    The peer is asked for its time only after something was done to it: the question is a
    computation, and a turn asks it of every peer.

    Attributes:
        peer_ns: when the peer is due.
        due_ns: when peer or wires are due next.
    """

    __slots__ = ("due_ns", "peer", "peer_ns", "port", "to_machine", "to_peer")

    def __init__(self, port: str, line: Line) -> None:
        self.port = port
        self.peer, self.to_peer, self.to_machine = line
        self.peer_ns = self.due_ns = NEVER_NS

    def ask(self) -> None:
        """Ask the peer when it is due."""
        due_ns = self.peer.due_ns
        self.peer_ns = NEVER_NS if due_ns is None else due_ns

    def find_due(self) -> None:
        """Find what is due first."""
        due_ns = self.peer_ns
        at_ns = self.to_peer.due_ns
        if at_ns is not None and at_ns < due_ns:
            due_ns = at_ns
        at_ns = self.to_machine.due_ns
        if at_ns is not None and at_ns < due_ns:
            due_ns = at_ns
        self.due_ns = due_ns


class WiredDevice:
    """A machine with its lines. `emit` takes what it reports.

    `touch` is to be called after every action on a peer, `rouse` before.
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
        self._ends = tuple(_End(port, line) for port, line in lines.items())
        self._end_of = {end.port: end for end in self._ends}
        self._machine_ns = NEVER_NS
        """When the machine is due by its own clock; asked after every call of it."""
        self._alarm: Alarm | None = None
        self._alarm_ns = -1
        self._touched = self._stopped = False
        self.skipped_bytes = 0
        self._turned_ns = self._turning_ns = 0
        """When a turn was taken before the present one, and the present one."""
        self._skew_ns = 0
        """How far the machine's clock is behind the kernel's; see `sim.wires.skipped_polls`."""

    def open(self, now_ns: int) -> None:
        """Open every port."""
        for port in self.machine.ports:
            self._call(now_ns, self.machine.opened, port, now_ns - self._skew_ns)
        self.touch()

    def unplug(self, now_ns: int, *, running: bool) -> None:
        """Every line is pulled: what is under way is lost; a machine that runs notices."""
        self.rouse(now_ns)
        for line in self.lines.values():
            line.to_peer.unplug()
            line.to_machine.unplug()
        for port in self.machine.ports if running else ():
            self._call(now_ns, self.machine.lost, port, now_ns - self._skew_ns)
        self.touch()

    def replug(self, now_ns: int, *, running: bool) -> None:
        """Every line is put back; a machine that runs opens its ports again."""
        for line in self.lines.values():
            line.to_peer.replug(now_ns)
            line.to_machine.replug(now_ns)
        if running:
            self.open(now_ns)

    def stop(self, now_ns: int) -> None:
        """The machine is gone; its peers and wires stay."""
        self.rouse(now_ns)
        if self._alarm is not None:
            self._alarm.cancel()
        self._stopped = True

    def command(self, command: Any, now_ns: int) -> None:
        """Hand over one command."""
        self.rouse(now_ns)
        self._call(now_ns, self.machine.command, command, now_ns - self._skew_ns)
        self.touch()

    def wipe(self, ticket: int) -> None:
        """Drop what is held for a ticket."""
        self.machine.wipe(ticket)

    def rouse(self, now_ns: int) -> None:
        """Something is about to be done to a peer, a wire or the machine."""

    def touch(self) -> None:
        """See when something is to happen next."""
        self._touched = True
        if self._stopped:
            return
        self._ask()
        due_ns = self._due_ns()
        if self._alarm is not None and self._alarm.pending:
            if self._alarm_ns == due_ns:
                return
            self._alarm.cancel()
        self._alarm = None
        if due_ns is not None:
            self._alarm_ns = due_ns
            self._alarm = self._kernel.at(due_ns, self._wake)

    def _ask(self) -> None:
        """Ask machine and peers when they are due: others may have done something to them."""
        due_ns = self.machine.due_ns
        self._machine_ns = NEVER_NS if due_ns is None else due_ns
        for end in self._ends:
            end.ask()
            end.find_due()

    def _due_ns(self) -> int | None:
        due_ns = self._machine_ns + self._skew_ns
        for end in self._ends:
            if end.due_ns < due_ns:
                due_ns = end.due_ns
        return due_ns if due_ns < NEVER_NS else None

    def _wake(self, now_ns: int) -> None:
        self._ask()
        self._turn(now_ns)
        leap = self._kernel.leap
        while (due_ns := self._due_ns()) is not None:
            if not leap(due_ns):
                self._alarm_ns = due_ns
                self._alarm = self._kernel.at(due_ns, self._wake)
                return
            self._turn(due_ns)

    def _turn(self, now_ns: int) -> None:
        """Carry bytes both ways and let time pass, once."""
        self._turned_ns, self._turning_ns = self._turning_ns, now_ns
        touched = self._touched
        for end in self._ends:
            if touched or end.due_ns <= now_ns:
                self._serve(end, now_ns, acted=touched)
        self._touched = False
        if self._machine_ns + self._skew_ns <= now_ns:
            self._call(now_ns, self.machine.expire, now_ns - self._skew_ns)

    def _serve(self, end: _End, now_ns: int, *, acted: bool) -> None:
        """Carry what has arrived on one line, and let its peer act."""
        peer, to_peer, to_machine = end.peer, end.to_peer, end.to_machine
        at_ns = to_peer.due_ns
        if at_ns is not None and at_ns <= now_ns:
            peer.receive(to_peer.take(now_ns), now_ns)
            end.ask()
            acted = True
        if end.peer_ns <= now_ns:
            peer.expire(now_ns)
            end.ask()
            acted = True
        if acted:
            data = peer.output()
            if data:
                to_machine.send(data, now_ns)
        at_ns = to_machine.due_ns
        if at_ns is not None and at_ns <= now_ns:
            self._deliver(end.port, to_machine.take(now_ns), now_ns)
        end.find_due()

    def _deliver(self, port: str, data: bytes, now_ns: int) -> None:
        """Let the machine hear what has arrived."""
        self._call(now_ns, self.machine.receive, port, data, now_ns - self._skew_ns)

    def _call(self, now_ns: int, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except DriverFault as fault:
            failed = DeviceFailed(
                device=self.machine.device,
                code=fault.code,
                retryable=fault.retryable,
                diagnosis=fault.diagnosis,
            )
            self._report(Emission(failed, {}), now_ns)
        for op in self.machine.output():
            self._carry(op, now_ns)
        for emission in self.machine.events():
            self._report(emission, now_ns)
        due_ns = self.machine.due_ns
        self._machine_ns = NEVER_NS if due_ns is None else due_ns

    def _carry(self, op: Output, now_ns: int) -> None:
        end = self._end_of[op.port]
        if isinstance(op, Write):
            end.to_peer.send(op.data, now_ns)
            at_ns = end.to_peer.due_ns
            if at_ns is not None and at_ns < end.due_ns:
                end.due_ns = at_ns
        else:
            end.to_peer.set_baud(op.baud)
            end.to_machine.set_baud(op.baud)

    def _report(self, emission: Emission, now_ns: int) -> None:  # noqa: ARG002 - for `sim.wires.skipped_polls`
        self._emit(emission)
