"""The demo: broker, centre, three lanes with simulated hardware, and the console.

Everything runs on loopback, in processes of their own, from one folder. With `--once` the
scenario's cast crosses once and the result is told from the records; without it the cast
goes round until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gate_agent import live
from gate_agent.console.officers import Officer, hash_password, save_officers
from gate_agent.host.memory_wipe import WIPING_ENVIRONMENT
from gate_agent.lane_api.api import Step
from sim.live.result import summary
from sim.live.setup import LanePlace, folder, found_pki, free_port, is_free, lay_out, write_key
from sim.live.supervisor import Child, Supervisor
from sim.people.live_officer import Instruction, LaneOfficer
from sim.scenario.scenario import Scenario
from sim.wires.broker import EmbeddedBroker
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import decode_record
from sync.log.errors import StorageError
from sync.log.types import Record, RecordKind

TICK_S = 0.05
SETTLE_S = 1.5
MAX_LOOK = 1_000_000
START_LIMIT_NS = 90_000_000_000
DRAIN_LIMIT_NS = 60_000_000_000
OFFICER_NAME = "officer"
UNATTENDED_OFFICER_MS = 30_000
ATTENDED_OFFICER_MS = 25_000
ATTENDED_PATIENCE_NS = 15_000_000_000


class Collected(NamedTuple):
    """What a run left: records by lane, those of the centre, and what is wrong with them."""

    journals: dict[int, list[Record]]
    centre: list[Record]
    problems: list[str]


class DemoFailed(Exception):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run the demo."""

    scenario: Scenario
    scenario_path: Path
    models: Path
    photographs: Path
    pad: bool  # whether the installed models detect presentation attacks
    port: int = 8600
    once: bool = False
    camera: str | None = None
    keep: Path | None = None
    console: bool = True


@dataclass
class LaneRun:
    """One lane while the demo runs."""

    place: LanePlace
    officer: LaneOfficer
    hardware: Child
    partial: bytes = b""
    seen_seq: int = 0
    crossing: deque[str] = field(default_factory=deque)  # who arrived and has not ended
    newest: str = ""
    played: bool = False
    reader: JournalReader | None = None

    def arrive(self, name: str) -> None:
        """Somebody arrives."""
        self.newest = name
        self.crossing.append(name)

    def end_crossing(self) -> str:
        """A crossing ended; give whose: crossings end in the order of arrival."""
        return self.crossing.popleft() if self.crossing else self.newest

    def begin_anew(self) -> None:
        """The hardware was started again, and its cast from the first."""
        self.partial = b""
        self.crossing.clear()


class Demo:
    """One run of the demo, from start to end."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._root = options.keep or Path(tempfile.mkdtemp(prefix="egate-"))
        folder(self._root)
        self._logs = folder(self._root / "logs")
        self._broker = EmbeddedBroker(port=free_port())
        self._supervisor = Supervisor(self._restarted)
        self._lanes: list[LaneRun] = []
        self._stop = live.stop_on_sigterm()
        self._started_ns = 0
        self._cut: deque[tuple[int, int]] = deque(
            sorted(
                (fault.at_s * 1_000_000_000, fault.for_s * 1_000_000_000)
                for fault in options.scenario.faults
                if fault.kind == "uplink_down" and fault.at_s is not None
            )
        )
        self._cut_until_ns: int | None = None
        self._centre_arguments: list[Any] = []

    def run(self) -> dict[str, Any] | None:
        """Run to the end; the result with `once`, None after Ctrl-C.

        Raises:
            DemoFailed: something did not start, or the cast did not come to an end.
        """
        try:
            self._start()
            self._wait_until_open()
            (self._root / "go").touch()
            self._started_ns = live.monotonic_ns()
            ended = self._play()
            if not self._options.once or not ended:
                return None
            self._drain()
            self._settle()
            self._end()
            return self._result()
        finally:
            self._end()
            if self._options.keep is None:
                shutil.rmtree(self._root, ignore_errors=True)

    # --- starting ---------------------------------------------------------------------

    def _start(self) -> None:
        options, root = self._options, self._root
        if options.console and not is_free(options.port):
            raise DemoFailed(
                f"port {options.port} is taken, perhaps by another demo; choose one with --port"
            )
        places = lay_out(
            root,
            options.scenario,
            self._broker.port,
            live.system_random,
            pad_required=options.pad,
            officer_ms=UNATTENDED_OFFICER_MS if options.once else ATTENDED_OFFICER_MS,
            camera=options.camera,
        )
        found_pki(root, live.system_random(32), live.utc_now())
        self._broker.start()
        self._say(f"broker     MQTT on 127.0.0.1:{self._broker.port}")
        gates = [f"--gate={p.gate}={p.keys / 'gate.pub'}" for p in places]
        centre = ["--state", root / "centre", "--port", self._broker.port, "--demo", *gates]
        self._centre_arguments = ["centre", "run", *centre]
        self._child("centre", *self._centre_arguments)
        self._say("centre     SQLite, signed receipts")
        for place in places:
            self._start_lane(place)
        if options.console:
            self._start_console(places)

    def _start_lane(self, place: LanePlace) -> None:
        options, n = self._options, place.number
        arguments: list[Any] = ["--scenario", options.scenario_path, "--lane", n]
        arguments += ["--run-dir", place.run_dir, "--pki-seed", self._root / "pki.seed"]
        arguments += ["--photos", options.photographs, "--camera-port", place.camera_port]
        arguments += ["--go", self._root / "go", "--status-key", place.keys / "status.key"]
        arguments += ["--seed", options.scenario.seed]
        if options.once:
            arguments.append("--once")
        hardware = self._child(f"lane{n}.hardware", "sim", "hardware", *arguments, pipe=True)
        self._start_computer(place)
        key = (place.keys / "console.key").read_bytes()
        officer = LaneOfficer(place.lane_socket, key, live.system_random, live.utc_ms)
        if not options.once:
            officer.alarm_patience_ns = ATTENDED_PATIENCE_NS
        self._lanes.append(LaneRun(place, officer, hardware))
        self._say(f"lane {n}     agent, reader, vision, sync; hardware on {place.run_dir}")

    def _start_computer(self, place: LanePlace) -> None:
        """The processes of a lane's edge device."""
        n = place.number
        common = ["--profile", place.profile, "--run-dir", place.run_dir]
        state = ["--state", place.state_dir, "--keys", place.keys]
        self._child(f"lane{n}.agent", "agent", *common, *state)
        trust = ["--trust", self._root / "trust"]
        self._child(f"lane{n}.reader", "reader", *common, *trust, env=WIPING_ENVIRONMENT)
        self._child(f"lane{n}.vision", "vision", *common, "--models", self._options.models)
        self._child(f"lane{n}.sync", "sync", *common, *state)

    def _start_console(self, places: list[LanePlace]) -> None:
        port, home = self._options.port, self._root / "console"
        password = live.system_random(9).hex()
        hashed = hash_password(password, live.system_random)
        save_officers(home / "officers.json", (Officer(name=OFFICER_NAME, password_hash=hashed),))
        tokens = {place.number: live.system_random(16).hex() for place in places}
        write_key(home / "kiosk.json", json.dumps(tokens).encode())
        lanes = [f"--lane={place.number}={place.run_dir}" for place in places]
        files = ["--keys", home, "--officers", home / "officers.json"]
        self._child("console", "console", *lanes, *files, "--port", port)
        self._say(f"console    http://127.0.0.1:{port}")
        self._say(f"           sign in as {OFFICER_NAME} with the one-time password {password}")
        for number, token in tokens.items():
            address = f"http://127.0.0.1:{port}/lane/{number}/traveller?token={token}"
            self._say(f"traveller  lane {number}: {address}")

    def _child(
        self, name: str, *arguments: Any, pipe: bool = False, env: Mapping[str, str] | None = None
    ) -> Child:
        argv = [sys.executable, "-m", "gate_agent.cli", "--log", "info", *map(str, arguments)]
        log = self._logs / f"{name}.log"
        child = Child(name=name, argv=argv, log=log, pipe=pipe, env=env or {})
        return self._supervisor.add(child, live.monotonic_ns())

    def _wait_until_open(self) -> None:
        self._say("starting   the lanes open within half a minute; a busy computer takes longer")
        limit_ns = live.monotonic_ns() + START_LIMIT_NS
        waiting = list(self._lanes)
        while waiting:
            self._turn()
            if self._stop.is_set():
                return
            waiting = [lane for lane in waiting if lane.officer.step is not Step.WAITING]
            if live.monotonic_ns() > limit_ns:
                numbers = ", ".join(str(lane.place.number) for lane in waiting)
                logs = self._logs if self._options.keep else "DIR/logs, kept by --keep DIR"
                raise DemoFailed(f"lane {numbers} did not open; see {logs}")
        self._say("all lanes are open")

    # --- running ----------------------------------------------------------------------

    def _play(self) -> bool:
        limit_ns = self._started_ns + self._options.scenario.limit_s * 1_000_000_000
        while not self._stop.is_set():
            self._turn()
            self._fault(live.monotonic_ns() - self._started_ns)
            if self._options.once:
                if all(lane.played for lane in self._lanes) and self._cut_until_ns is None:
                    return True
                if live.monotonic_ns() > limit_ns:
                    raise DemoFailed("the cast did not come to an end in time")
        return False

    def _drain(self) -> None:
        limit_ns = live.monotonic_ns() + DRAIN_LIMIT_NS
        while live.monotonic_ns() < limit_ns and not self._stop.is_set():
            self._turn()
            quiet = all(lane.officer.step in (Step.WAITING, Step.CLOSED) for lane in self._lanes)
            if quiet and all(lane.officer.receipt_gap == 0 for lane in self._lanes):
                return
        self._say("the centre has not confirmed every record in time")

    def _settle(self) -> None:
        """Let what the agents recorded last go up."""
        self._end_agents()
        self._stop.wait(SETTLE_S)

    def _end_agents(self) -> None:
        """End the agents before what they watch: an end is no failure to record."""
        self._supervisor.end([f"lane{lane.place.number}.agent" for lane in self._lanes])

    def _restarted(self, child: Child) -> None:
        self._say(f"restarted {child.name}")
        for lane in self._lanes:
            if lane.hardware is child:
                lane.begin_anew()

    def _turn(self) -> None:
        pipes = {
            lane.hardware.process.stdout.fileno(): lane
            for lane in self._lanes
            if lane.hardware.process is not None and lane.hardware.process.stdout is not None
        }
        readable, _, _ = select.select(list(pipes), [], [], TICK_S)
        for descriptor in readable:
            self._hear(pipes[descriptor], os.read(descriptor, 65_536))
        now_ns = live.monotonic_ns()
        self._supervisor.tend(now_ns)
        if self._cut_until_ns is None and not self._broker.running and not self._stop.is_set():
            self._say("restarted broker")
            self._broker.start()
        for lane in self._lanes:
            lane.officer.tend(now_ns)
            self._tell(lane)

    def _hear(self, lane: LaneRun, data: bytes) -> None:
        *lines, lane.partial = (lane.partial + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["event"] == "arrived":
                lane.officer.instruction = self._instruction(message["traveller"])
                lane.arrive(message["traveller"])
            elif message["event"] == "played":
                lane.played = True

    def _instruction(self, name: str) -> Instruction | None:
        for traveller in self._options.scenario.travellers:
            if traveller.name == name and traveller.officer.action != "ignore":
                told = traveller.officer
                patience_ns = 0 if self._options.once else ATTENDED_PATIENCE_NS
                delay_ns = max(told.after_ms * 1_000_000, patience_ns)
                return Instruction(action=told.action, delay_ns=delay_ns, reason=told.reason)
        return None

    def _fault(self, since_ns: int) -> None:
        if self._cut and since_ns >= self._cut[0][0]:
            _, length_ns = self._cut.popleft()
            self._cut_until_ns = since_ns + length_ns
            self._broker.stop()
            self._say(f"uplink down for {length_ns // 1_000_000_000} s")
        if self._cut_until_ns is not None and since_ns >= self._cut_until_ns:
            self._cut_until_ns = None
            self._broker.start()
            self._say("uplink back")

    def _tell(self, lane: LaneRun) -> None:
        for record in self._new_records(lane):
            if record.kind is not RecordKind.FINISH:
                continue
            traveller = lane.end_crossing()
            facts = record.facts
            reasons = f" ({', '.join(facts['reasons'])})" if facts["reasons"] else ""
            total_s = facts["spans_ms"].get("total", 0.0) / 1000
            self._say(
                f"lane {lane.place.number}  {traveller:<22} {facts['outcome']}{reasons}"
                f"  {total_s:.1f} s"
            )

    def _new_records(self, lane: LaneRun) -> list[Record]:
        try:
            if lane.reader is None:
                lane.reader = JournalReader(lane.place.journal)
            records = [decode_record(data) for data in lane.reader.unsent(lane.seen_seq, MAX_LOOK)]
        except StorageError:
            return []  # the agent has not made it yet
        if records:
            lane.seen_seq = records[-1].seq
        return records

    # --- ending -----------------------------------------------------------------------

    def _end(self) -> None:
        for lane in self._lanes:
            lane.officer.close()
            if lane.reader is not None:
                lane.reader.close()
                lane.reader = None
        self._end_agents()
        self._supervisor.end()
        self._broker.stop()

    def _result(self) -> dict[str, Any]:
        found = self._collect()
        told = summary(self._options.scenario, found.journals, found.centre)
        return {**told, "problems": found.problems}

    def _collect(self) -> Collected:
        """Every record of the lanes and of the centre, checked."""
        journals: dict[int, list[Record]] = {}
        problems: list[str] = []
        for lane in self._lanes:
            journal = Journal.open(
                lane.place.journal, gate=lane.place.gate, random=live.system_random, demo=True
            )
            journals[lane.place.number] = list(journal.records())
            problems += [f"{lane.place.gate} {p.seq}: {p.what}" for p in journal.verify()]
            journal.close()
        store = CentreStore(self._root / "centre" / "centre.db")
        centre = [record for gate in store.gates() for record in store.records(gate)]
        problems += [f"centre {f.gate} {f.seq}: {f.what}" for f in store.audit()]
        problems += [f"centre quarantined {q.gate}: {q.reason}" for q in store.quarantined()]
        store.close()
        return Collected(journals, centre, problems)
