"""The body of a device's thread: commands in, bytes to and from its ports, events out.

`run_machine` carries bytes between a sans-IO device (`drivers.ports.Machine`) and its serial
ports, opens again what was lost, and reports each fault once. The thread itself is started by
`gate_agent.live`.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from drivers.errors import DriverFault, PortLost
from drivers.ports import Emission, Machine, SetBaud
from drivers.types import DeviceFailed
from gate_agent.core.messages import Wipe
from gate_agent.live import NS_PER_S, monotonic_ns

REOPEN_MIN_NS = 100_000_000
REOPEN_MAX_NS = 2_000_000_000
MAX_WAIT_S = 1.0
MAX_COMMANDS = 256


class Port(Protocol):
    """A byte stream to a device. Every method raises `PortLost` once it is gone."""

    def fileno(self) -> int:
        """For select."""

    def read(self) -> bytes:
        """The bytes that have arrived, without waiting."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def set_baud(self, baud: int) -> None:
        """Change the speed once everything written is on the wire."""

    def close(self) -> None:
        """Close it; never raises."""


class CommandQueue:
    """Commands for the thread of a device, with a descriptor that wakes its select."""

    def __init__(self) -> None:
        self._commands: deque[Any] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)

    def put(self, command: Any) -> bool:
        """Hand over a command from any thread; False when `MAX_COMMANDS` wait already."""
        if len(self._commands) >= MAX_COMMANDS:
            return False
        self._commands.append(command)
        self.wake()
        return True

    def wake(self) -> None:
        """Wake the device's thread, for instance to check its stop condition."""
        # Where so many wake-ups wait already, one more changes nothing.
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"\0")

    def fileno(self) -> int:
        """For select."""
        return self._reader.fileno()

    def drain(self) -> list[Any]:
        """Take all waiting commands, in order."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        taken: list[Any] = []
        while self._commands:
            taken.append(self._commands.popleft())
        return taken

    def close(self) -> None:
        """Close the descriptors."""
        self._reader.close()
        self._writer.close()


class _Runner:
    """The work of `run_machine`: one machine, its ports, and its faults."""

    def __init__(
        self,
        machine: Machine,
        open_port: Callable[[str], Port],
        emit: Callable[[Emission], None],
        clock: Callable[[], int],
    ) -> None:
        self.machine = machine
        self.open: dict[str, Port] = {}
        self._open_port = open_port
        self._emit = emit
        self._clock = clock
        self._retry_ns = dict.fromkeys(machine.ports, 0)
        self._backoff_ns = dict.fromkeys(machine.ports, REOPEN_MIN_NS)
        self._reported = dict.fromkeys(machine.ports, False)

    def due_ns(self) -> int | None:
        """When the next deadline or attempt to open a port is due."""
        dues = [self._retry_ns[port] for port in self.machine.ports if port not in self.open]
        if self.machine.due_ns is not None:
            dues.append(self.machine.due_ns)
        return min(dues, default=None)

    def call(self, action: Callable[..., None], *arguments: Any) -> None:
        """Call the machine; report a fault; carry out its output."""
        try:
            action(*arguments)
        except DriverFault as fault:
            self._report(fault)
        self._flush()

    def reopen(self) -> None:
        """Open what is closed and due."""
        for port in self.machine.ports:
            now_ns = self._clock()
            if port in self.open or now_ns < self._retry_ns[port]:
                continue
            try:
                self.open[port] = self._open_port(port)
            except PortLost as fault:
                self._retry_ns[port] = now_ns + self._backoff_ns[port]
                self._backoff_ns[port] = min(2 * self._backoff_ns[port], REOPEN_MAX_NS)
                if not self._reported[port]:
                    self._reported[port] = True
                    self._report(fault)
                continue
            self._reported[port] = False
            self.call(self.machine.opened, port, now_ns)

    def expire(self) -> None:
        """Call the machine when its deadline has passed."""
        now_ns = self._clock()
        if self.machine.due_ns is not None and self.machine.due_ns <= now_ns:
            self.call(self.machine.expire, now_ns)

    def command(self, command: Any) -> None:
        """Hand over one command."""
        if isinstance(command, Wipe):
            self.call(self.machine.wipe, command.ticket)
        else:
            self.call(self.machine.command, command, self._clock())

    def read(self, name: str) -> None:
        """Bytes have arrived, or the port has gone."""
        port = self.open.get(name)
        if port is None:
            return
        try:
            data = port.read()
            if not data:
                raise PortLost(f"port {name} hung up")
        except PortLost as fault:
            self._lose(name, fault)
            return
        self._backoff_ns[name] = REOPEN_MIN_NS
        self.call(self.machine.receive, name, data, self._clock())

    def close(self) -> None:
        """Close every port."""
        for port in self.open.values():
            port.close()
        self.open.clear()

    def _lose(self, name: str, fault: PortLost) -> None:
        now_ns = self._clock()
        self.open.pop(name).close()
        self._retry_ns[name] = now_ns + self._backoff_ns[name]
        self._backoff_ns[name] = min(2 * self._backoff_ns[name], REOPEN_MAX_NS)
        self._reported[name] = True
        self._report(fault)
        self.call(self.machine.lost, name, now_ns)

    def _report(self, fault: DriverFault) -> None:
        failed = DeviceFailed(
            device=self.machine.device,
            code=fault.code,
            retryable=fault.retryable,
            diagnosis=fault.diagnosis,
        )
        self._emit(Emission(failed, {}))

    def _flush(self) -> None:
        for op in self.machine.output():
            port = self.open.get(op.port)
            if port is None:
                continue
            try:
                if isinstance(op, SetBaud):
                    port.set_baud(op.baud)
                else:
                    port.write(op.data)
            except PortLost as fault:
                self._lose(op.port, fault)
        for emission in self.machine.events():
            self._emit(emission)


def run_machine(
    machine: Machine,
    open_port: Callable[[str], Port],
    emit: Callable[[Emission], None],
    stop: Callable[[], bool],
    commands: CommandQueue,
    clock: Callable[[], int] = monotonic_ns,
) -> None:
    """Carry bytes between a device and its ports until `stop()`; the body of a thread.

    Args:
        machine: the sans-IO device; called from this thread alone.
        open_port: opens a port by the machine's name for it; raises `PortLost`.
        emit: takes each event with its payload.
        stop: called at every turn; after `commands.wake()` it is called at once.
        commands: for the device; `Wipe` becomes `machine.wipe`.
        clock: monotonic nanoseconds.
    """
    runner = _Runner(machine, open_port, emit, clock)
    try:
        while not stop():
            runner.reopen()
            runner.expire()
            due_ns = runner.due_ns()
            wait_s = MAX_WAIT_S
            if due_ns is not None:
                wait_s = min(wait_s, max(0, due_ns - clock()) / NS_PER_S)
            names = {port.fileno(): name for name, port in runner.open.items()}
            readable, _, _ = select.select([commands.fileno(), *names], [], [], wait_s)
            for ready in readable:
                if ready == commands.fileno():
                    for command in commands.drain():
                        runner.command(command)
                else:
                    runner.read(names[ready])
    finally:
        runner.close()
