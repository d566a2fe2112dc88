"""A demo as a process of its own, and everything about it that can be seen from outside.

It is followed as an officer would (lane API), as an operator would (standard output, logs)
and as an auditor would (journals, the centre's database). Nothing sleeps: whatever is
awaited has a deadline, and the wait is woken by the lanes and by the demo's output.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from lane_watch import LaneWatch

from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.log.encoding import encode_record, record_sha256
from sync.log.types import Record, RecordKind

T = TypeVar("T")

LOOK_S = 0.05
START_S = 120.0
END_S = 60.0
REPOSITORY = Path(__file__).resolve().parents[3]

GENUINE = {"expect": '{ outcome = "admitted" }', "expiry": "2033-05-01"}
EXPIRED = {
    "expect": '{ outcome = "accepted", reasons = ["expiry"] }',
    "expiry": "2024-05-01",
}
OTHER_PERSON = {
    "expect": '{ outcome = "accepted", reasons = ["face_no_match"] }',
    "expiry": "2033-05-01",
    "portrait": "b1",
    "face": '{ live = "other" }',
}
NAMES = ("Ada Lindqvist", "Bo Castellane", "Cleo Vandermeer", "Dov Okonjo", "Ewa Ferreira")


def scenario(path: Path, lanes: Iterable[Iterable[dict[str, str]]], officer: str) -> Path:
    """Write a scenario: one list of travellers a lane, all referred ones left to `officer`."""
    people = []
    for lane, travellers in enumerate(lanes, 1):
        people.append(f"[[lanes]]\nnumber = {lane}\n")
        for number, traveller in enumerate(travellers):
            portrait = traveller.get("portrait", "c1")
            people.append(
                f'[[travellers]]\nname = "{NAMES[number]} {"ABC"[lane - 1]}"\nlane = {lane}\n'
                f"walk_in_ms = 800\nexpect = {traveller['expect']}\nofficer = {officer}\n"
                f"face = {traveller.get('face', '{}')}\n"
                f'document = {{ number = "UT00{lane}0{number}", sex = "F", '
                f"birth_date = 1988-04-12, expiry = {traveller['expiry']}, "
                f'portrait = "{portrait}" }}\n'
            )
    people.sort(key=lambda part: not part.startswith("[[lanes]]"))
    head = 'title = "Test"\nlearn = "Whether it holds."\nstart = 2026-11-22T06:00:00Z\n'
    path.write_text(head + "".join(people))
    return path


class DemoRun:
    """`egate demo` as a child process in a folder of its own, which goes at the end."""

    def __init__(self, lanes: int, *arguments: str | Path, json: bool = False) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="egate-live-"))
        self.lines: list[str] = []
        self.lanes = {n: LaneWatch(self.root, n) for n in range(1, lanes + 1)}
        self._partial = b""
        self._errors = (self.root / "demo.err").open("wb")
        argv = [sys.executable, "-m", "gate_agent.cli", "demo", "--keep", self.root]
        self.process = subprocess.Popen(
            [*map(str, argv), *map(str, arguments), *(["--json"] if json else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=REPOSITORY,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._out = self.process.stdout
        os.set_blocking(self._out.fileno(), False)

    # --- waiting ----------------------------------------------------------------------

    def turn(self, wait_s: float = LOOK_S) -> None:
        """Take in what the demo and its lanes say now."""
        watched = [lane.client for lane in self.lanes.values() if lane.client is not None]
        readable, _, _ = select.select([self._out, *watched], [], [], wait_s)
        if self._out in readable:
            self._read()
            if self.process.poll() is not None and not watched:
                select.select([], [], [], wait_s)  # its end stays readable
        for lane in self.lanes.values():
            lane.tend()

    def until(self, condition: Callable[[], T], what: str, within_s: float) -> T:
        """Wait until the condition gives something true; give that."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {within_s} s: {what}\n{self.state()}"
            self.turn()
        return found

    def line(self, pattern: str, within_s: float = START_S) -> re.Match[str]:
        """Wait for a line of the demo's output."""

        def found() -> re.Match[str] | None:
            matches = (re.search(pattern, line) for line in self.lines)
            return next((match for match in matches if match), None)

        return self.until(found, f"the line {pattern!r}", within_s)

    def open(self) -> DemoRun:
        """Wait until all lanes are open."""
        self.line("all lanes are open")
        return self

    def wait(self, within_s: float) -> int:
        """Wait until the demo has ended; give its exit code."""
        self.until(lambda: self.process.poll() is not None, "the demo's end", within_s)
        self._read()
        return self.process.returncode

    # --- processes --------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Every living process of this demo but the demo: what it is, by its number.

        A part is known by its command and this run's folder, so that one that has lost
        its parent is found too; the broker by its parent.
        """
        return {pid: name for pid, name, _ in self._scan()}

    def pid_of(self, name: str) -> int | None:
        """The process of a part, such as `lane1.vision`, `broker`, `centre`; None: away."""
        return next((pid for pid, found in self.processes().items() if found == name), None)

    def _scan(self) -> Iterable[tuple[int, str, int]]:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == self.process.pid:
                continue
            try:
                argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat[0] == "Z":
                continue
            name = self._name(argv, int(stat[1]))
            if name:
                yield int(entry.name), name, int(stat[1])

    def _name(self, argv: list[str], parent: int) -> str:
        if "sim.wires.broker" in argv and parent == self.process.pid:
            return "broker"
        text = " ".join(argv)
        if "gate_agent.cli" not in argv or str(self.root) + "/" not in text:
            return ""
        if "hardware" in argv or any(p in argv for p in ("agent", "reader", "vision", "sync")):
            part = next(p for p in ("hardware", "agent", "reader", "vision", "sync") if p in argv)
            number = re.search(r"/lane(\d+)(/|\b)", text)
            return f"lane{number[1]}.{part}" if number else part
        return "console" if "console" in argv else "centre"

    # --- ending -----------------------------------------------------------------------

    def interrupt(self, within_s: float = END_S) -> int:
        """Ctrl-C, which a terminal sends to the whole group; give the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait(within_s)

    def close(self) -> None:
        """End everything and take the folder away."""
        for lane in self.lanes.values():
            lane.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._out.close()
        self._errors.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> DemoRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        while data := self._out.read(65_536):
            *lines, self._partial = (self._partial + data).split(b"\n")
            self.lines += [line.decode() for line in lines]

    # --- what is left behind ----------------------------------------------------------

    def logs(self) -> dict[str, str]:
        """Every process's log, and the demo's own complaints."""
        files = [*sorted((self.root / "logs").glob("*.log")), self.root / "demo.err"]
        return {file.name: file.read_text(errors="replace") for file in files}

    def tracebacks(self) -> list[str]:
        """Logs that hold a traceback."""
        return [name for name, text in self.logs().items() if "Traceback" in text]

    def state(self) -> str:
        """What helps to understand a failure."""
        lanes = [
            f"lane {n}: {view.mode} {view.step} {view.alarms} {view.reasons}"
            if (view := lane.view)
            else f"lane {n}: away"
            for n, lane in self.lanes.items()
        ]
        errors = (self.root / "demo.err").read_text(errors="replace")[-2000:]
        return "\n".join([*lanes, *self.lines[-15:], errors, f"tracebacks: {self.tracebacks()}"])

    def journal(self, lane: int) -> list[Record]:
        """A lane's journal once its agent has ended, checked from the first hash on."""
        journal = Journal.open(
            self.lanes[lane].home / "state" / "journal.db",
            gate=f"demo-{lane}",
            random=os.urandom,
            demo=True,
        )
        try:
            assert journal.verify() == []
            return list(journal.records())
        finally:
            journal.close()

    def centre(self) -> list[Record]:
        """What the centre has stored, checked too."""
        store = CentreStore(self.root / "centre" / "centre.db")
        try:
            assert store.audit() == []
            return [record for gate in store.gates() for record in store.records(gate)]
        finally:
            store.close()

    def quarantined(self) -> dict[str, int]:
        """What the centre quarantined, by reason."""
        store = CentreStore(self.root / "centre" / "centre.db")
        try:
            return {row.reason: row.times for row in store.quarantine.messages()}
        finally:
            store.close()

    def releases(self, lane: int) -> list[int]:
        """When the simulated turnstile was released, by its own log (monotonic ns)."""
        return self._plant(lane, r"released at_ns=(\d+)")

    def passages(self, lane: int) -> int:
        """How many people the simulated turnstile counted."""
        return sum(self._plant(lane, r"passed persons=(\d+)"))

    def _plant(self, lane: int, pattern: str) -> list[int]:
        text = (self.root / "logs" / f"lane{lane}.hardware.log").read_text(errors="replace")
        return [int(found) for found in re.findall(pattern, text)]


def assert_never_opened_unasked(run: DemoRun, lane: int) -> None:
    """Each release was preceded by a durable accept of the same ticket, each used once."""
    records = run.journal(lane)
    granted: set[int] = set()
    releases: list[Record] = []
    for record in records:
        facts = record.facts
        if record.kind is RecordKind.DECISION and facts["outcome"] == "admit":
            granted.add(record.ticket)
        if record.kind is RecordKind.OFFICER and facts["action"] == "accept":
            granted.add(record.ticket)
        if record.kind is RecordKind.ACTUATION and facts["action"] == "open_exit":
            assert record.ticket in granted, f"lane {lane}: released without an accept: {record}"
            granted.remove(record.ticket)  # good for one release
            releases.append(record)
    unused = iter(releases)
    for at_ns in run.releases(lane):
        record = next((r for r in unused if r.at_ns < at_ns), None)
        assert record is not None, f"lane {lane}: the turnstile was released without a record"


def assert_nothing_lost_or_doubled(run: DemoRun, lanes: Iterable[int]) -> None:
    """The centre has each journal's records, the same bytes, once."""
    ours = Counter(_hash(record) for lane in lanes for record in run.journal(lane))
    theirs = Counter(_hash(record) for record in run.centre())
    assert ours == theirs
    assert set(ours.values()) == {1}


def _hash(record: Record) -> str:
    return record_sha256(encode_record(record))
