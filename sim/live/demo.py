"""The demo: broker, centre, three lanes with simulated hardware, and the console.

Everything runs on loopback, in processes of their own, from one folder. With `--once` the
scenario's cast crosses once and the result is read from the records; without it the cast
goes round until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import select
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gate_agent import live
from gate_agent.core.facts import FinishFacts, facts_of
from gate_agent.lane_api.api import Step
from sim.lane.fault_actions import Change, Reach
from sim.lane.fault_schedule import FaultScheduler
from sim.lane.fault_table import check_faults
from sim.live.collect import Collected, collect
from sim.live.faults import LiveNetwork, LiveOperation
from sim.live.processes import DemoProcesses
from sim.live.result import summary
from sim.live.setup import LanePlace, folder, found_pki, free_port, is_free, lay_out
from sim.live.supervisor import Child, Supervisor
from sim.people.live_officer import LiveOfficer
from sim.scenario.scenario import Scenario
from sim.scenario.traveller import Officer
from sim.wires.broker import EmbeddedBroker
from sim.wires.kernel import MS, Kernel
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import decode_record
from sync.log.errors import StorageError
from sync.log.types import Record

TICK_S = 0.05
SETTLE_S = 1.5
MAX_LOOK = 1_000_000
START_LIMIT_NS = 90_000_000_000
DRAIN_LIMIT_NS = 60_000_000_000
UNATTENDED_OFFICER_MS = 30_000
ATTENDED_OFFICER_MS = 25_000
ATTENDED_PATIENCE_MS = 15_000


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
    officer: LiveOfficer
    hardware: Child
    partial: bytes = b""
    seen_seq: int = 0
    crossing: deque[str] = field(default_factory=deque)  # who arrived and has not ended
    newest: str = ""
    played: bool = False
    reader: JournalReader | None = None

    def arrive(self, name: str) -> None:
        """A traveller arrives."""
        self.newest = name
        self.crossing.append(name)

    def end_crossing(self) -> str:
        """A crossing ended; give whose: crossings end in the order of arrival."""
        return self.crossing.popleft() if self.crossing else self.newest

    def begin_again(self) -> None:
        """The hardware was started again, and its cast from the first."""
        self.partial = b""
        self.crossing.clear()


class Demo:
    """One run of the demo, from start to end.

    Raises:
        ScenarioError: the scenario has a fault that real time cannot play.
    """

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        check_faults(options.scenario, str(options.scenario_path), real_time=True)
        self._options = options
        self._say = say
        self._scratch = tempfile.TemporaryDirectory(prefix="egate-", ignore_cleanup_errors=True)
        self._root = options.keep or Path(self._scratch.name)
        folder(self._root)
        self._broker = EmbeddedBroker(port=free_port())
        self._supervisor = Supervisor(self._restarted)
        self._processes = DemoProcesses(self._root, self._supervisor, say)
        self._lanes: list[LaneRun] = []
        self._stop = live.stop_on_sigterm()
        self._started_ns = 0
        self._network = LiveNetwork(self._broker, self._processes, say)
        self._clock = Kernel()
        self._faults: FaultScheduler | None = None

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
            self._plan_faults()
            ended = self._play()
            if not self._options.once or not ended:
                return None
            self._drain()
            self._settle()
            self._end()
            return self._result()
        finally:
            self._end()
            self._scratch.cleanup()

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
        self._processes.start_centre(places, self._broker.port)
        self._say("centre     SQLite, signed receipts")
        for place in places:
            self._start_lane(place)
        if options.console:
            self._processes.start_console(places, options.port)

    def _start_lane(self, place: LanePlace) -> None:
        options, n = self._options, place.number
        hardware = self._processes.start_hardware(
            place,
            options.scenario,
            options.scenario_path,
            options.photographs,
            once=options.once,
        )
        self._processes.start_computer(place, options.models)
        key = (place.keys / "console.key").read_bytes()
        officer = LiveOfficer(place.lane_socket, key, live.system_random, live.utc_ms)
        if not options.once:
            officer.alarm_patience_ns = ATTENDED_PATIENCE_MS * MS
        self._lanes.append(LaneRun(place, officer, hardware))
        self._say(f"lane {n}     agent, reader, vision, sync; hardware on {place.run_dir}")

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
                kept = self._options.keep is not None
                logs = self._processes.logs if kept else "DIR/logs, kept by --keep DIR"
                raise DemoFailed(f"lane {numbers} did not open; see {logs}")
        self._say("all lanes are open")

    # --- running ----------------------------------------------------------------------

    def _play(self) -> bool:
        limit_ns = self._started_ns + self._options.scenario.limit_s * 1_000_000_000
        while not self._stop.is_set():
            self._turn()
            self._clock.run(live.monotonic_ns())
            if self._options.once:
                if all(lane.played for lane in self._lanes) and not self._network.cut:
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
                lane.begin_again()

    def _turn(self) -> None:
        pipes = {
            lane.hardware.process.stdout.fileno(): lane
            for lane in self._lanes
            if lane.hardware.process is not None and lane.hardware.process.stdout is not None
        }
        readable, _, _ = select.select(list(pipes), [], [], TICK_S)
        for descriptor in readable:
            self._read_messages(pipes[descriptor], os.read(descriptor, 65_536))
        now_ns = live.monotonic_ns()
        self._supervisor.tend(now_ns)
        if not self._network.cut and not self._broker.running and not self._stop.is_set():
            self._say("restarted broker")
            self._broker.start()
        for lane in self._lanes:
            lane.officer.tend(now_ns)
            self._print_new(lane)

    def _read_messages(self, lane: LaneRun, data: bytes) -> None:
        *lines, lane.partial = (lane.partial + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["event"] == "arrived":
                lane.officer.instruction = self._instruction(message["traveller"])
                lane.arrive(message["traveller"])
            elif message["event"] == "played":
                lane.played = True

    def _instruction(self, name: str) -> Officer | None:
        for traveller in self._options.scenario.travellers:
            if traveller.name == name:
                patience_ms = 0 if self._options.once else ATTENDED_PATIENCE_MS
                after_ms = max(traveller.officer.after_ms, patience_ms)
                return msgspec.structs.replace(traveller.officer, after_ms=after_ms)
        return None

    def _plan_faults(self) -> None:
        """The scenario begins: its faults come at their times."""
        self._clock = Kernel(self._started_ns)
        operations = {
            lane.place.number: LiveOperation(
                lane.place, lane.officer, self._processes, self._options.models
            )
            for lane in self._lanes
        }
        reach = Reach(
            seed=self._options.scenario.seed,
            at=self._clock.at,
            stages={},
            operations=operations,
            computers={},
            network=self._network,
        )
        faults = self._options.scenario.faults
        self._faults = FaultScheduler(faults, self._started_ns, reach, self._note_fault)

    def _note_fault(self, change: Change) -> None:
        """A fault begins or ends."""

    def _print_new(self, lane: LaneRun) -> None:
        for record in self._new_records(lane):
            facts = facts_of(record)
            if not isinstance(facts, FinishFacts):
                continue
            traveller = lane.end_crossing()
            reasons = f" ({', '.join(facts.reasons)})" if facts.reasons else ""
            total_s = facts.spans_ms.get("total", 0.0) / 1000
            self._say(
                f"lane {lane.place.number}  {traveller:<22} {facts.outcome}{reasons}"
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
        summed = summary(self._options.scenario, found.journals, found.centre)
        return {**summed, "problems": found.problems}

    def _collect(self) -> Collected:
        places = [lane.place for lane in self._lanes]
        return collect(places, self._root / "centre" / "centre.db")
