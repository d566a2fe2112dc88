"""What of a lane's speed is measured in real time: the loop, the journal, the bus.

The production loop, inbox, journal and turnstile driver, on a pseudo-terminal with a
simulated turnstile behind. Reader and vision are busy processes of their own beside it;
what they would say is played from a recorded crossing. Beside each figure stands what the
machine itself needs: a bare wake-up of a thread, a bare fsync of the same folder.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from biometrics.types import Observed, PortraitPrepared, Prepare, StartVerify
from drivers.serial_port import SerialPort
from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.types import (
    Close,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    MrzRead,
    OpenExit,
    PortraitRead,
    ReadDocument,
)
from gate_agent import live
from gate_agent.core.messages import Append, CheckLists, Mode, OfficerPresent
from gate_agent.core.states import initial
from gate_agent.lists.device import ListsDevice
from gate_agent.loop import Loop, Turn
from gate_agent.loop import run as run_loop
from gate_agent.records.journal_writer import JournalWriter
from gate_agent.records.recorder import Recorder
from gate_agent.workers.machine_thread import CommandQueue, run_machine
from sim.devices.turnstile import SimTurnstile
from sim.devices.turnstile_barrier import Barrier
from sim.wires.pty import Pty
from sync.gate.journal import Journal
from sync.log.types import RecordKind

CROSSING_LIMIT_S = 10.0
SEEN_S = 0.15
STARTING_LOOKS_MAX = 200
FSYNC_BYTES = 4096
WRITE_MULTIPLE_AT = 1
WRITE_MULTIPLE = 0x10
PEER_LATENCY_US = 200


class Played:
    """The answers of reader and vision for one admitted traveller, repeated for others."""

    def __init__(self, turns: list[tuple[Any, Turn]]) -> None:
        of_lanes: dict[int, dict[type, Any]] = {}
        for lane, done in turns:
            event = done.event
            answers = of_lanes.setdefault(lane.number, {})
            if isinstance(event, MrzRead):
                answers.clear()
            answers[type(event)] = event
            if any(isinstance(command, OpenExit) for command in done.commands) and (
                Observed in answers and DocumentVerified in answers
            ):
                self.answers, self.profile = answers, lane.profile
                return
        raise ValueError("no admitted crossing was recorded")

    def of(self, kind: type, ticket: int) -> Any:
        """The recorded event of this kind, for another ticket."""
        return msgspec.structs.replace(self.answers[kind], ticket=ticket)


class _TimedPort:
    """A serial port that notes when a release was handed to the operating system."""

    def __init__(self, port: SerialPort, released: Callable[[], None]) -> None:
        self._port, self._released = port, released
        self.fileno, self.read, self.close = port.fileno, port.read, port.close
        self.set_baud = port.set_baud

    def write(self, data: bytes) -> None:
        """Send; a write of registers whose last word is 1 is a release."""
        self._port.write(data)
        if len(data) == 11 and data[WRITE_MULTIPLE_AT] == WRITE_MULTIPLE and data[8] == 1:
            self._released()


class LiveLane:
    """The control process without its sockets: loop, journal, turnstile, in real time."""

    def __init__(self, played: Played, folder: Path, clock: Callable[[], int]) -> None:
        self._played, self._clock = played, clock
        self.profile = played.profile
        self.loop_ms: list[float] = []
        self.turn_cpu_ms: list[float] = []
        self.open_ms: list[float] = []
        self._accept_ns = 0
        self._ended = threading.Event()
        self._crossed = threading.Event()
        self._inbox = live.LiveInbox()
        self._lists = ListsDevice(self._inbox.put)
        self._loop = Loop(initial(self.profile), self.profile)
        self._recorder = Recorder(folder / "trace", self._loop)
        journal = Journal.open(
            folder / "journal.db",
            gate=self.profile.lane.gate,
            random=live.system_random,
            demo=True,
        )
        self._writer = JournalWriter(
            journal, None, self._inbox.put, lambda _holder, _day: {}, clock, live.utc_text
        )
        self._pty = Pty()
        self._peer = SimTurnstile(
            barrier=Barrier(opening_ms=2, passage_ms=2), latency_us=PEER_LATENCY_US
        )
        self._lock = threading.Lock()
        self._machine = ModbusTurnstile(
            self.profile.turnstile, AuthoriseMap(self.profile.turnstile.registers)
        )
        self._commands = CommandQueue()

    def run(self, crossings: int, say: Callable[[int], None]) -> int:
        """Let travellers cross; how many did in time."""
        live.favour_turns()
        threads = [
            live.spawn("journal", self._writer.run),
            live.spawn("peer", self._serve),
            live.spawn("turnstile", self._drive),
            live.spawn("loop", self._turn),
        ]
        for device in (DeviceId.READER, DeviceId.VISION):
            self._inbox.put(DeviceReady(device=device))
        done = 0
        for n in range(crossings):
            done += self._cross()
            say(n)
        self._ended.set()
        self._writer.stop()
        self._commands.wake()
        self._inbox.put(DeviceReady(device=DeviceId.READER))
        for thread in threads:
            thread.join(5.0)
        self._pty.close()
        self._recorder.close()
        return done

    def _cross(self) -> bool:
        """One traveller, from the document to the cleared lane."""
        for _ in range(STARTING_LOOKS_MAX):
            until_ns = self._clock() + self.profile.budgets.lease_ms * 1_000_000
            self._inbox.put(OfficerPresent(officer="bench", until_ns=until_ns))
            if self._loop.state.mode is Mode.AUTO:
                break
            self._ended.wait(SEEN_S)
        self._crossed.clear()
        with self._lock:
            self._peer.arrive(self._clock())
        self._ended.wait(SEEN_S)  # the next poll shows the traveller
        self._inbox.put(DocumentPresented())
        crossed = self._crossed.wait(CROSSING_LIMIT_S)
        with self._lock:
            self._peer.leave_back(self._clock(), 9)
        self._ended.wait(SEEN_S)
        return crossed

    def _turn(self) -> None:
        began_ns = live.cpu_ns()

        def turned(_turn: Turn) -> None:
            """What the loop's own thread worked for this turn: waiting does not count."""
            nonlocal began_ns
            now_ns = live.cpu_ns()
            self.turn_cpu_ms.append((now_ns - began_ns) / 1e6)
            began_ns = now_ns

        ended = self._ended.is_set
        run_loop(self._loop, self._inbox, self._submit, self._recorder, ended, turned)

    def _submit(self, command: Any, at_ns: int) -> None:
        now_ns = self._clock()
        self.loop_ms.append((now_ns - at_ns) / 1e6)
        put, played = self._inbox.put, self._played
        match command:
            case ReadDocument(ticket=ticket):
                for kind in (MrzRead, PortraitRead, DocumentVerified):
                    put(played.of(kind, ticket))
            case Prepare(ticket=ticket):
                put(played.of(PortraitPrepared, ticket))
            case StartVerify(ticket=ticket):
                observed = played.of(Observed, ticket)
                seen = msgspec.structs.replace(observed.observation, frame_at_ns=now_ns)
                put(msgspec.structs.replace(observed, observation=seen))
            case CheckLists():
                self._lists.command(command)
            case Append(kind=kind):
                if kind is RecordKind.DECISION:
                    self._accept_ns = at_ns
                self._writer.append(command)
                if kind is RecordKind.FINISH:
                    self._crossed.set()
            case OpenExit() | Close():
                self._commands.put(command)

    def _drive(self) -> None:
        run_machine(
            self._machine,
            lambda _port: _TimedPort(SerialPort(self._pty.path, 115_200), self._released),
            lambda emission: self._inbox.put(emission.event),
            self._ended.is_set,
            self._commands,
        )

    def _released(self) -> None:
        if self._accept_ns:
            self.open_ms.append((self._clock() - self._accept_ns) / 1e6)
            self._accept_ns = 0

    def _serve(self) -> None:
        """Be the turnstile, and its traveller, who goes through as soon as it opens."""
        while not self._ended.is_set():
            readable = select.select([self._pty], [], [], self._patience_s())[0]
            with self._lock:
                now_ns = self._clock()
                if readable:
                    self._peer.receive(self._pty.read(), now_ns)
                self._peer.expire(now_ns)
                if self._peer.authorised and not self._peer.passing:
                    self._peer.try_pass(now_ns)
                self._pty.write(self._peer.output())

    def _patience_s(self) -> float:
        with self._lock:
            due_ns = self._peer.due_ns
        if due_ns is None:
            return 0.02
        return min(0.02, max(0.0, (due_ns - self._clock()) / 1e9))


def fsync_ms(folder: Path, times: int, clock: Callable[[], int]) -> list[float]:
    """What the disk needs to make one page durable, appended as a journal does."""
    spans: list[float] = []
    page = b"\0" * FSYNC_BYTES
    descriptor = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(times):
            began_ns = clock()
            os.write(descriptor, page)
            os.fsync(descriptor)
            spans.append((clock() - began_ns) / 1e6)
    finally:
        os.close(descriptor)
    return spans


def wake_ms(times: int, clock: Callable[[], int]) -> list[float]:
    """What the machine needs to wake a thread that waits for another one."""
    spans: list[float] = []
    asked, answered = threading.Semaphore(0), threading.Semaphore(0)
    stamp = [0]

    def sleeper() -> None:
        for _ in range(times):
            asked.acquire()
            spans.append((clock() - stamp[0]) / 1e6)
            answered.release()

    thread = live.spawn("sleeper", sleeper)
    for _ in range(times):
        stamp[0] = clock()
        asked.release()
        answered.acquire()
    thread.join()
    return spans
