"""The live edge: the only clock, the only threads, the only randomness of the system.

Everything else takes time, bytes and randomness as arguments. `LiveInbox` is the inbox on
a real clock; `run_machine` carries bytes between a sans-IO device and its serial ports.
"""

from __future__ import annotations

import contextlib
import datetime
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from drivers.errors import DriverFault, PortLost
from drivers.ports import Emission, Machine, SetBaud
from drivers.types import DeviceFailed
from gate_agent.core.messages import Event, Wipe
from gate_agent.loop import Mailbox

NS_PER_S = 1_000_000_000
REOPEN_MIN_NS = 100_000_000
REOPEN_MAX_NS = 2_000_000_000
MAX_WAIT_S = 1.0
MAX_COMMANDS = 256
EXIT_SOFTWARE = 70


def monotonic_ns() -> int:
    """The lane's clock: never runs back, has no date."""
    return time.monotonic_ns()  # noqa: TID251 - this file is the clock


def cpu_ns() -> int:
    """What this thread has worked so far: a busy machine does not count in it."""
    return time.thread_time_ns()


def process_ns() -> int:
    """What all threads of this process have worked so far."""
    return time.process_time_ns()


def utc_now() -> datetime.datetime:
    """The date and time, for records; nothing is ordered by it."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251 - this file is the clock


def utc_text() -> str:
    """The date and time as records have it: RFC 3339 with milliseconds and Z."""
    return utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_ms() -> int:
    """The date and time in milliseconds since 1970."""
    return round(utc_now().timestamp() * 1000)


def utc_offset_ms() -> int:
    """What to add to monotonic milliseconds to get UTC milliseconds, at this moment."""
    return utc_ms() - monotonic_ns() // 1_000_000


def system_random(count: int) -> bytes:
    """Random bytes of the operating system's generator."""
    return os.urandom(count)  # noqa: TID251 - this file is the source


def spawn(name: str, target: Callable[[], None]) -> threading.Thread:  # noqa: TID251 - its home
    """Start a thread; if it dies of an exception, so does the process.

    A lane with a part missing must not look alive: the service manager restarts it, and
    the hardware falls to its safe state meanwhile.
    """

    def body() -> None:
        finished = False
        try:
            target()
            finished = True
        finally:
            if not finished:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(EXIT_SOFTWARE)

    thread = threading.Thread(target=body, name=name, daemon=True)  # noqa: TID251 - its home
    thread.start()
    return thread


def favour_turns() -> None:
    """Once everything that stays is built: spare it the collector."""
    gc.collect()
    gc.freeze()


class Stop:
    """Whether the process is to end, and what to wake when that comes.

    `set` may be called from a signal handler: callbacks must do no more than write a byte.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Whether the process is to end."""
        return self.event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; whether it has come."""
        return self.event.wait(seconds)

    def on_set(self, callback: Callable[[], object]) -> None:
        """Call this once the end has come."""
        self._callbacks.append(callback)

    def set(self) -> None:
        """The process is to end."""
        self.event.set()
        for callback in self._callbacks:
            callback()


def stop_on_sigterm() -> Stop:
    """A `Stop` that SIGTERM and SIGINT set; called once, from the main thread."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end a command as Ctrl-C does, with all that it started and made."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class LiveInbox:
    """The inbox on the real clock; any thread may put, one may get."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns) -> None:
        self._clock = clock
        self._mailbox = Mailbox()
        self._changed = threading.Condition()

    def put(self, event: Event) -> None:
        """Stamp and hand in an event.

        Raises:
            InboxFull: a safety event found no place; the process must end.
        """
        with self._changed:
            self._mailbox.put(event, self._clock())
            self._changed.notify()

    def get(self, due_ns: int | None) -> tuple[int, Event]:
        """Wait for the next event, or for the `Tick` at `due_ns`."""
        with self._changed:
            while True:
                now_ns = self._clock()
                taken = self._mailbox.take(now_ns, due_ns)
                if taken is not None:
                    return taken
                wait_s = None if due_ns is None else max(0, due_ns - now_ns) / NS_PER_S
                self._changed.wait(wait_s)


class Port(Protocol):
    """A byte stream to a device. Every method raises `PortLost` once it is gone."""

    def fileno(self) -> int:
        """For select."""

    def read(self) -> bytes:
        """What has arrived, without waiting."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def set_baud(self, baud: int) -> None:
        """Change the speed once everything written is on the wire."""

    def close(self) -> None:
        """Let go of it; never raises."""


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
        """Make the device's thread look up, for instance at its stop condition."""
        # Where so many wake-ups wait already, one more changes nothing.
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"\0")

    def fileno(self) -> int:
        """For select."""
        return self._reader.fileno()

    def drain(self) -> list[Any]:
        """Take what waits, in order."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        taken: list[Any] = []
        while self._commands:
            taken.append(self._commands.popleft())
        return taken

    def close(self) -> None:
        """Let go of the descriptors."""
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
        self._told = dict.fromkeys(machine.ports, False)

    def due_ns(self) -> int | None:
        """When something is to be done without being woken."""
        dues = [self._retry_ns[port] for port in self.machine.ports if port not in self.open]
        if self.machine.due_ns is not None:
            dues.append(self.machine.due_ns)
        return min(dues, default=None)

    def call(self, action: Callable[..., None], *arguments: Any) -> None:
        """Let the machine do something; report a fault; carry out what it wants."""
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
                if not self._told[port]:
                    self._told[port] = True
                    self._report(fault)
                continue
            self._told[port] = False
            self.call(self.machine.opened, port, now_ns)

    def expire(self) -> None:
        """Tell the machine when its time has come."""
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
        """Let go of every port."""
        for port in self.open.values():
            port.close()
        self.open.clear()

    def _lose(self, name: str, fault: PortLost) -> None:
        now_ns = self._clock()
        self.open.pop(name).close()
        self._retry_ns[name] = now_ns + self._backoff_ns[name]
        self._backoff_ns[name] = min(2 * self._backoff_ns[name], REOPEN_MAX_NS)
        self._told[name] = True
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
    """Carry bytes between a device and its ports until told to stop.

    Args:
        machine: the sans-IO device; called from this thread alone.
        open_port: opens a port by the machine's name for it; raises `PortLost`.
        emit: takes what happened, with its payload.
        stop: asked at every turn; `commands.wake()` makes it be asked soon.
        commands: what the device is to do; `Wipe` becomes `machine.wipe`.
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
