"""Runs a scenario on the virtual clock and says whether everything came as expected."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from sim.chip.keys import KeySource
from sim.chip.pki import found_country
from sim.chip.portrait import placeholder_portrait
from sim.day.judge import Judge
from sim.day.network import DayNetwork
from sim.day.queueing import summary
from sim.day.result import Result
from sim.day.tally import Tally
from sim.lane.compose import Finish, Violation, World
from sim.lane.fault_actions import Change, Reach
from sim.lane.fault_schedule import FaultScheduler, fault_text
from sim.lane.fault_table import check_faults
from sim.lane.recorded_chip import MAX_DOCUMENTS, Transcripts
from sim.lane.virtual_lane import VirtualLane
from sim.people.cast import Passport, issue_passport
from sim.people.play import Queue
from sim.scenario.arrivals import people
from sim.scenario.scenario import Scenario, load
from sim.scenario.timeline import Row, Timeline
from sim.scenario.traveller import Document, Traveller
from sim.wires.kernel import SECOND, Kernel

START_NS = SECOND
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a run makes a folder of its own in it
"""Where databases of a run live: durable writes to a disk would cost most of the time."""


class RunOptions(NamedTuple):
    """How a run is carried out; what comes out is the same.

    `chip`: `live` computes every chip session, `recorded` each document's first one.
    `every_byte`: carry every poll of a quiet line too, and every reading.
    `every_reading`: carry every reading of a passport, also one that repeats.
    `transcripts`: what chips answered in an earlier run, to play back; without, nothing yet.
    """

    chip: Literal["live", "recorded"] = "recorded"
    every_byte: bool = False
    every_reading: bool = False
    transcripts: Transcripts | None = None


RECORDED = RunOptions()


class Day:
    """A scenario under way: lanes, uplink and centre on one heap."""

    lane_class: type[VirtualLane] = VirtualLane

    def __init__(
        self, scenario: Scenario, folder: Path, options: RunOptions, *, traced: bool
    ) -> None:
        self.scenario = scenario
        self.kernel = Kernel(START_NS)
        check_faults(scenario, scenario.title)
        self.timeline = Timeline()
        self.judge = Judge(scenario, self.timeline)
        everyone = people(scenario)
        named = {traveller.name: traveller for traveller in scenario.travellers}
        crowd = {one.name: one for one in everyone[len(scenario.travellers) :]}
        self.tally = Tally(named, crowd)
        self.crowd = len(crowd)
        self.transcripts = None
        if options.chip == "recorded":
            self.transcripts = options.transcripts or Transcripts()
        self.known = {} if self.transcripts is None else self.transcripts.counts
        queue = [traveller for traveller in everyone if traveller.lane is None]
        queue.sort(key=lambda traveller: traveller.at_s or 0)
        self.arriving_s = (queue[-1].at_s or 0) - (queue[0].at_s or 0) if queue else 0
        self.network = DayNetwork(scenario, self.kernel, folder, self._settled)
        self.store = self.network.store
        self.waits = array("f")
        self.held = array("f")
        country_keys = KeySource.seeded(scenario.seed.to_bytes(8, "big"))
        country = found_country(country_keys, scenario.start)
        self._portrait = placeholder_portrait()
        self._issued: dict[tuple[str, str, Document], Passport] = {}
        self.world = World(
            kernel=self.kernel,
            scenario=scenario,
            country=country,
            passport=self._passport,
            folder=folder,
            timeline=self.timeline,
            queue=Queue(queue, START_NS),
            appended=self.network.appended,
            settled=self._settled,
            ended=self._crossed,
            start_ns=START_NS,
            transcripts=self.transcripts,
            traced=traced,
            every_byte=options.every_byte,
            every_reading=options.every_byte or options.every_reading,
        )
        self.lanes = [self.lane_class(self.world, lane) for lane in scenario.lanes]
        self.network.connect(self.lanes)
        self._faults = self._plan_faults()
        if self._faults.waits:
            self.timeline.listen(self._row)

    def run(self) -> bool:
        """Play to the end; False when the scenario's limit came first."""
        for lane in self.lanes:
            lane.start()
        self.network.start()
        return self.kernel.run(START_NS + self.scenario.limit_s * SECOND)

    def close(self) -> None:
        """Close every database."""
        for lane in self.lanes:
            lane.close()
        self.network.close()

    def _plan_faults(self) -> FaultScheduler:
        by_number = {lane.number: lane for lane in self.lanes}
        reach = Reach(
            seed=self.scenario.seed,
            at=self.kernel.at,
            stages={number: lane.stage for number, lane in by_number.items()},
            operations=by_number,
            computers=by_number,
            network=self.network,
        )
        return FaultScheduler(self.scenario.faults, START_NS, reach, self._note)

    def _note(self, change: Change) -> None:
        at_s = (change.now_ns - START_NS) / SECOND
        self.timeline.add(at_s, change.fault.lane or 0, "fault", fault_text(change))

    def _row(self, row: Row) -> None:
        if row.what == "step":
            self._faults.on_step(row.lane, row.value, self.kernel.now_ns)

    def _passport(self, traveller: Traveller) -> Passport:
        key = (traveller.printed_name, traveller.behaviour, traveller.document)
        found = self._issued.get(key)
        if found is None:
            if len(self._issued) >= MAX_DOCUMENTS:
                del self._issued[next(iter(self._issued))]
            found = issue_passport(traveller, self.world.country, self._portrait)
            self._issued[key] = found
        return found

    def _crossed(self, lane: int, finish: Finish) -> None:
        self.tally.ended(lane, finish.traveller, finish)
        wait_ms = finish.spans_ms.get("wait")
        if wait_ms is not None:
            self.waits.append(wait_ms)
            self.held.append(finish.spans_ms["lane"] / 1_000)

    def _settled(self) -> None:
        """End the run once everyone has left and everything is with the centre."""
        for lane in self.lanes:
            if not lane.play.over or lane.step.value not in ("waiting", "closed"):
                return
            if lane.journal.pending:
                return
        self.kernel.stop()


def run_scenario(
    path: Path, seed: int | None = None, trace: Path | None = None, options: RunOptions = RECORDED
) -> Result:
    """Run a scenario file on the virtual clock.

    Args:
        path: the file.
        seed: instead of the file's own.
        trace: a folder for the recorded inbox of every lane; none is written without it.
        options: how it is carried out.

    Raises:
        ScenarioError: the file is not a scenario.
        SimulationError: the simulation itself went wrong.
    """
    scenario = load(path)
    if seed is not None:
        scenario = msgspec.structs.replace(scenario, seed=seed)
    return run(scenario, path.name, trace, options)


def run(
    scenario: Scenario,
    name: str,
    trace: Path | None = None,
    options: RunOptions = RECORDED,
    day_class: type[Day] = Day,
) -> Result:
    """Run a scenario on the virtual clock; see `run_scenario`."""
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="egate-sim-", dir=memory) as scratch:
        folder = Path(scratch)
        if trace is not None:
            trace.mkdir(parents=True, exist_ok=True)
            (folder / "traces").symlink_to(trace.resolve(), target_is_directory=True)
        day = day_class(scenario, folder, options, traced=trace is not None)
        try:
            ended = day.run()
            return _result(day, name, ended=ended)
        finally:
            day.close()


class _Records(NamedTuple):
    """The lanes' journals against the centre's store."""

    journal: int
    centre: int
    lost: int
    duplicated: int


def _records(day: Day) -> _Records:
    journal = sum(lane.journal.newest_seq for lane in day.lanes)
    centre = lost = 0
    for lane in day.lanes:
        stored = [record.seq for record in day.store.records(lane.profile.lane.gate)]
        centre += len(stored)
        lost += lane.journal.newest_seq - len(set(stored))
    return _Records(journal, centre, lost, centre + lost - journal)


def _problems(day: Day, records: _Records, found: list[Violation], *, ended: bool) -> list[str]:
    scenario, tally = day.scenario, day.tally
    odd = [row for row in tally.cast() if not row.ok] + tally.odd
    problems = [f"{row.name}: {row.expected} expected, {row.outcome}" for row in odd]
    if tally.odd_total > len(tally.odd):
        problems.append(f"and {tally.odd_total - len(tally.odd)} more of the crowd")
    if tally.served < day.crowd:
        problems.append(f"{day.crowd - tally.served} of the crowd did not cross")
    problems += sorted({f"lane {v.lane}: invariant {v.invariant}" for v in found})
    if not ended:
        problems.append(f"not over after {scenario.limit_s} s")
    if records.lost != scenario.expect.lost:
        problems.append(f"{records.lost} records lost")
    if records.duplicated != scenario.expect.duplicated:
        problems.append(f"{records.duplicated} records doubled")
    return problems


def _result(day: Day, name: str, *, ended: bool) -> Result:
    lanes, tally = day.lanes, day.tally
    virtual_s = round((day.kernel.now_ns - START_NS) / SECOND, 3)
    violations = [violation for lane in lanes for violation in lane.history.witness.violations]
    records = _records(day)
    verdicts = day.judge.verdicts(tally.spans, virtual_s)
    problems = _problems(day, records, violations, ended=ended)
    problems += [f"{verdict.claim}: {verdict.evidence}" for verdict in verdicts if not verdict.ok]
    moves: dict[tuple[str, str, str], int] = {}
    for lane in lanes:
        for move, count in lane.history.witness.moves.items():
            moves[move] = moves.get(move, 0) + count
    traces = "".join(f"{lane.number} {lane.history.trace_sha256}\n" for lane in lanes)
    return Result(
        scenario=name,
        plan=day.scenario,
        counts=tally.counts(),
        steps=tally.steps(),
        cast=tally.cast() + tally.odd,
        verdicts=verdicts,
        violations=violations,
        finishes={lane.number: list(lane.history.finishes) for lane in lanes},
        passed_persons={lane.number: lane.stage.passed for lane in lanes},
        escaped_persons={lane.number: lane.stage.escaped for lane in lanes},
        releases={lane.number: lane.stage.releases for lane in lanes},
        openings={lane.number: lane.journal.openings for lane in lanes},
        rows=tuple(day.timeline.rows),
        moves=moves,
        records_journal=records.journal,
        records_centre=records.centre,
        lost=records.lost,
        duplicated=records.duplicated,
        chips=_chips(day.transcripts, day.known),
        wire={
            "carried_bytes": sum(lane.carried_bytes for lane in lanes),
            "quiet_bytes_counted": sum(lane.computer.bus.skipped_bytes for lane in lanes),
            "reading_bytes_counted": sum(lane.computer.reader.skipped_bytes for lane in lanes),
        },
        queue=summary(len(lanes), day.waits, day.held, day.arriving_s),
        clock="virtual",
        virtual_s=virtual_s,
        trace_sha256=hashlib.sha256(traces.encode()).hexdigest(),
        problems=tuple(problems),
    )


def _chips(transcripts: Transcripts | None, before: dict[str, int]) -> dict[str, Any]:
    if transcripts is None:
        return {"mode": "live"}
    return {
        "mode": "recorded",
        **{name: n - before[name] for name, n in transcripts.counts.items()},
    }
