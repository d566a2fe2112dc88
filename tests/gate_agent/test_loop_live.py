"""The live edge over real descriptors: an inbox, a toy device, a thread that dies."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty

from drivers.errors import NoAnswer, PortLost
from drivers.ports import Emission, Output, SetBaud, Write
from drivers.types import Close, DeviceFailed, DeviceId, DeviceReady, OpenExit
from gate_agent.core.messages import Tick, Wipe
from gate_agent.live import (
    LiveInbox,
    monotonic_ns,
    spawn,
    system_random,
    utc_now,
    utc_offset_ms,
)
from gate_agent.workers.machine_thread import CommandQueue, run_machine


class PtyPort:
    """One end of a pseudo-terminal as a port."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.bauds: list[int] = []

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes:
        try:
            return os.read(self._fd, 4096)
        except OSError as error:
            raise PortLost("gone") from error

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def set_baud(self, baud: int) -> None:
        self.bauds.append(baud)

    def close(self) -> None:
        os.close(self._fd)


class Toy:
    """Asks its peer `?` once opened and for every command; reports what comes back."""

    device = DeviceId.TURNSTILE
    ports = ("line",)

    def __init__(self) -> None:
        self.due_ns: int | None = None
        self.log: list[tuple] = []
        self._out: list[Output] = []
        self._events: list[Emission] = []

    def opened(self, port: str, now_ns: int) -> None:
        self.log.append(("opened", port))
        self._out += [SetBaud(port, 9600), Write(port, b"?")]
        self.due_ns = now_ns + 20_000_000

    def lost(self, port: str, now_ns: int) -> None:
        self.log.append(("lost", port))

    def command(self, command, now_ns: int) -> None:
        self.log.append(("command", command))
        self._out.append(Write("line", b"!"))

    def receive(self, port: str, data: bytes, now_ns: int) -> None:
        self.log.append(("receive", data))
        self._events.append(Emission(DeviceReady(device=self.device, identity=data.decode()), {}))

    def expire(self, now_ns: int) -> None:
        self.due_ns = None
        raise NoAnswer("nothing within 20 ms")

    def output(self) -> list[Output]:
        out, self._out = self._out, []
        return out

    def events(self) -> list[Emission]:
        events, self._events = self._events, []
        return events

    def wipe(self, ticket: int) -> None:
        self.log.append(("wipe", ticket))


class Bench:
    """A toy machine on a pseudo-terminal; the far end answers from within `emit`."""

    def __init__(self, enough: int) -> None:
        self.toy = Toy()
        self.queue = CommandQueue()
        self.inbox: list[Emission] = []
        self.far: list[int] = []
        self.opens = 0
        self.ports: list[PtyPort] = []
        self._enough = enough
        self.refuse = 0
        self.on_emit = lambda bench: None

    def open(self, name: str) -> PtyPort:
        self.opens += 1
        if self.opens <= self.refuse:
            raise PortLost("not there yet")
        near, far = pty.openpty()
        tty.setraw(far)
        self.far.append(far)
        port = PtyPort(near)
        self.ports.append(port)
        return port

    def emit(self, emission: Emission) -> None:
        self.inbox.append(emission)
        self.on_emit(self)

    def run(self) -> list:
        run_machine(
            self.toy, self.open, self.emit, lambda: len(self.inbox) >= self._enough, self.queue
        )
        for fd in self.far:
            os.close(fd)
        self.queue.close()
        return [emission.event for emission in self.inbox]


def test_bytes_faults_and_commands_are_carried():
    bench = Bench(enough=2)

    def answer(bench: Bench) -> None:
        if len(bench.inbox) == 1:
            bench.queue.put(OpenExit(ticket=1))
            bench.queue.put(Wipe(ticket=1))
            os.write(bench.far[0], b"toy")

    bench.on_emit = answer
    fault, ready = bench.run()
    assert (fault.code, fault.diagnosis) == (101, "nothing within 20 ms")
    assert isinstance(ready, DeviceReady)
    assert ready.identity == "toy"
    assert bench.ports[0].bauds == [9600]
    assert {("opened", "line"), ("command", OpenExit(ticket=1)), ("wipe", 1)} <= set(bench.toy.log)


def test_a_lost_port_is_reported_once_and_opened_again():
    bench = Bench(enough=3)

    def hang_up(bench: Bench) -> None:
        if len(bench.inbox) == 1:
            os.close(bench.far.pop(0))

    bench.on_emit = hang_up
    events = bench.run()
    assert [event.code for event in events if isinstance(event, DeviceFailed)] == [101, 100, 101]
    assert bench.toy.log == [("opened", "line"), ("lost", "line"), ("opened", "line")]


def test_a_port_that_cannot_be_opened_is_reported_once():
    bench = Bench(enough=2)
    bench.refuse = 2
    events = bench.run()
    assert [event.code for event in events] == [100, 101]
    assert bench.opens == 3


def test_the_queue_of_commands_is_bounded():
    queue = CommandQueue()
    taken = [queue.put(Close(ticket=n)) for n in range(300)]
    assert taken == [True] * 256 + [False] * 44
    assert len(queue.drain()) == 256
    assert queue.drain() == []
    queue.close()


def test_the_live_inbox_wakes_up_for_events_and_deadlines():
    inbox = LiveInbox()
    due = monotonic_ns() + 5_000_000
    assert inbox.get(due) == (due, Tick())
    ready = DeviceReady(device=DeviceId.READER)
    thread = spawn("putter", lambda: inbox.put(ready))
    at_ns, event = inbox.get(None)
    thread.join()
    assert event == ready
    assert at_ns >= due


def test_clocks_and_randomness():
    assert abs(utc_now().timestamp() * 1000 - monotonic_ns() // 1_000_000 - utc_offset_ms()) < 1e4
    assert utc_now().utcoffset().total_seconds() == 0
    assert len({system_random(16) for _ in range(8)}) == 8


def test_a_thread_that_dies_ends_the_process():
    code = (
        "import threading\n"
        "from gate_agent.live import spawn\n"
        "def die(): raise ValueError('a bug')\n"
        "spawn('x', die)\n"
        "threading.Event().wait(30)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 70
    assert b"a bug" in done.stderr
