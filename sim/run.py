"""Runs a scenario on the virtual clock and says whether everything came as expected."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from sim.broker import VirtualBroker
from sim.cast import Passport, issue_passport
from sim.chip.keys import KeySource
from sim.chip.pki import found_country
from sim.chip.portrait import placeholder_portrait
from sim.compose import Finish, Violation, VirtualLane, centre_keys_of, utc_text
from sim.kernel import MS, SECOND, Alarm, Kernel
from sim.recorded_chip import MAX_DOCUMENTS, Transcripts
from sim.report import CastRow, cast_rows, counts, steps
from sim.scenario import Document, Fault, Scenario, Traveller, load, stream
from sim.uplink import LaneUplink, Uplink
from sync.centre.store import CentreStore
from sync.journal import Journal
from sync.journal_reader import JournalReader, Outgoing
from sync.keys import CentreKeys, SigningKey
from sync.publisher import Publisher

START_NS = SECOND
BROKER_LATENCY_NS = 4 * MS
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a run makes a folder of its own in it
"""Where databases of a run live: durable writes to a disk would cost most of the time."""


class How(NamedTuple):
    """How a run is carried out; what comes out is the same.

    `chip`: `live` computes every chip session, `recorded` each document's first one.
    `every_byte`: carry every poll of a quiet line too.
    """

    chip: Literal["live", "recorded"] = "recorded"
    every_byte: bool = False


class Result(NamedTuple):
    """What a run was."""

    scenario: str
    title: str
    seed: int
    cast: list[CastRow]
    finishes: dict[int, list[Finish]]
    violations: list[Violation]
    records_journal: int
    records_centre: int
    lost: int
    duplicated: int
    ended: bool
    virtual_s: float
    trace_sha256: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation and every invariant held."""
        return not self.problems

    def text(self) -> str:
        """For people: the cast, then what is wrong, if anything."""
        lines = [f"{self.title} (seed {self.seed}, {self.virtual_s:.1f} s of virtual time)", ""]
        for row in self.cast:
            mark = "ok" if row.ok else "NOT"
            reasons = f" ({', '.join(row.reasons)})" if row.reasons else ""
            lines.append(f"  {mark:<4}lane {row.lane}  {row.name:<24} {row.outcome}{reasons}")
        lines += ["", *(f"  wrong: {problem}" for problem in self.problems)]
        tally = counts(self.finishes)
        lines.append(
            f"{tally['crossings']} crossings, {tally['admitted']} admitted, "
            f"{self.records_journal} records, {self.lost} lost, {self.duplicated} doubled"
        )
        lines.append(f"trace {self.trace_sha256}")
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "seed": self.seed,
            **counts(self.finishes),
            "cast": [msgspec.to_builtins(row) for row in self.cast],
            "violations": [violation._asdict() for violation in self.violations],
            "records_journal": self.records_journal,
            "records_centre": self.records_centre,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "steps": steps(self.finishes),
            "virtual_s": self.virtual_s,
            "problems": list(self.problems),
            "ok": self.passed,
            "trace_sha256": self.trace_sha256,
        }


class _Journalled:
    """A lane's journal as its uplink reads it: the newest place without a query."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self.journal = journal
        self.reader = JournalReader(path)

    def last_seq(self) -> int:
        return self.journal.last_seq

    def outgoing(self, after_seq: int, max_bytes: int) -> Outgoing:
        return self.reader.outgoing(after_seq, max_bytes)


class Day:
    """A scenario under way: lanes, uplink and centre on one heap."""

    def __init__(self, scenario: Scenario, folder: Path, how: How, *, traced: bool) -> None:
        self.scenario = scenario
        self.kernel = Kernel(START_NS)
        seed = scenario.seed
        country = found_country(KeySource.seeded(seed.to_bytes(8, "big")), scenario.start)
        portrait = placeholder_portrait()
        self.transcripts = Transcripts() if how.chip == "recorded" else None
        issued: dict[tuple[str, Document], Passport] = {}

        def passport(traveller: Traveller) -> Passport:
            key = (traveller.printed_name, traveller.document)
            found = issued.get(key)
            if found is None:
                if len(issued) >= MAX_DOCUMENTS:
                    del issued[next(iter(issued))]
                found = issued[key] = issue_passport(traveller, country, portrait)
            return found

        self.lanes = [
            VirtualLane(
                self.kernel,
                scenario,
                lane,
                country,
                passport,
                folder,
                appended=self._appended,
                settled=self._settled,
                traced=traced,
                every_byte=how.every_byte,
                transcripts=self.transcripts,
            )
            for lane in scenario.lanes
        ]
        self.store = CentreStore(folder / "centre.db")
        centre_keys = centre_keys_of(scenario)
        self.uplink = Uplink(
            VirtualBroker(lambda: BROKER_LATENCY_NS),
            self.store,
            centre_keys,
            told=True,
            utc=lambda now_ns: utc_text(scenario, now_ns),
        )
        self._syncing: Alarm | None = None
        self._syncing_ns = 0
        self._readers: list[JournalReader] = []
        for lane in self.lanes:
            self._connect(lane, centre_keys, folder)
        for fault in scenario.faults:
            self._plan(fault)

    def run(self) -> bool:
        """Play to the end; False when the scenario's limit came first."""
        for lane in self.lanes:
            lane.start()
        self._sync(self.kernel.now_ns)
        limit_ns = START_NS + self.scenario.limit_s * SECOND
        return self.kernel.run(limit_ns)

    def close(self) -> None:
        """Close every database."""
        for lane in self.lanes:
            lane.close()
        for reader in self._readers:
            reader.close()
        self.store.close()

    def _over(self) -> bool:
        return all(
            lane.play.over
            and lane.step.value in ("waiting", "closed")
            and lane.journal.receipt_seq == lane.journal.last_seq
            for lane in self.lanes
        )

    def _connect(self, lane: VirtualLane, centre_keys: CentreKeys, folder: Path) -> None:
        seed, gate = self.scenario.seed, lane.profile.lane.gate
        key = SigningKey.generate(stream(seed, gate, "key").randbytes)
        self.store.enrol(gate, key.public, utc_text(self.scenario, START_NS))
        publisher = Publisher(
            gate=gate,
            epoch=lane.journal.epoch,
            receipt_seq=0,
            key=key,
            centre=centre_keys.public,
            limits=lane.profile.sync,
            random=stream(seed, gate, "publisher").randbytes,
        )
        records = _Journalled(lane.journal, folder / f"lane{lane.number}.db")
        self._readers.append(records.reader)
        journal = lane.journal

        def take(receipt: bytes) -> None:
            journal.acknowledge(receipt, centre_keys.signing.public)

        self.uplink.add(LaneUplink(publisher, records, take), START_NS)

    def _sync(self, now_ns: int) -> None:
        self.uplink.expire(now_ns)
        self._ask_sync()
        self._settled()

    def _settled(self) -> None:
        if self._over():
            self.kernel.stop()

    def _ask_sync(self) -> None:
        """See when the uplink has something to do next."""
        due_ns = self.uplink.due_ns
        if self._syncing is not None and self._syncing.pending:
            if due_ns is not None and self._syncing_ns <= due_ns:
                return
            self._syncing.cancel()
        if due_ns is not None:
            self._syncing_ns = max(due_ns, self.kernel.now_ns + MS)
            self._syncing = self.kernel.at(self._syncing_ns, self._sync)

    def _appended(self, now_ns: int) -> None:
        self.uplink.appended(now_ns)
        self._ask_sync()

    def _plan(self, fault: Fault) -> None:
        begins_ns = START_NS + fault.at_s * SECOND
        gates = [lane.profile.lane.gate for lane in self.lanes]

        def cut(now_ns: int) -> None:
            for gate in gates:
                self.uplink.cut(gate, now_ns)

        def restore(now_ns: int) -> None:
            for gate in gates:
                self.uplink.restore(gate, now_ns)
            self._ask_sync()

        self.kernel.at(begins_ns, cut)
        self.kernel.at(begins_ns + fault.for_s * SECOND, restore)


def run_scenario(path: Path, seed: int | None = None, trace: Path | None = None) -> Result:
    """Run a scenario file on the virtual clock.

    Args:
        path: the file.
        seed: instead of the file's own.
        trace: a folder for the recorded inbox of every lane; none is written without it.

    Raises:
        ScenarioError: the file is not a scenario.
        SimulationError: the simulation itself went wrong.
    """
    scenario = load(path)
    if seed is not None:
        scenario = msgspec.structs.replace(scenario, seed=seed)
    return run(scenario, path.name, trace)


def run(scenario: Scenario, name: str, trace: Path | None = None, how: How = How()) -> Result:
    """Run a scenario on the virtual clock; see `run_scenario`."""
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="egate-sim-", dir=memory) as scratch:
        folder = Path(scratch)
        if trace is not None:
            trace.mkdir(parents=True, exist_ok=True)
            (folder / "traces").symlink_to(trace.resolve(), target_is_directory=True)
        day = Day(scenario, folder, how, traced=trace is not None)
        try:
            ended = day.run()
            return _result(day, name, ended=ended)
        finally:
            day.close()


def _result(day: Day, name: str, *, ended: bool) -> Result:
    scenario = day.scenario
    finishes = {lane.number: lane.finishes for lane in day.lanes}
    rows = cast_rows(scenario, finishes)
    violations = [violation for lane in day.lanes for violation in lane.violations]
    journal = sum(lane.journal.last_seq for lane in day.lanes)
    stored: set[tuple[str, int]] = set()
    centre = 0
    for gate in (lane.profile.lane.gate for lane in day.lanes):
        places = [(gate, record.seq) for record in day.store.records(gate)]
        centre += len(places)
        stored.update(places)
    lost, duplicated = journal - len(stored), centre - len(stored)
    problems = [f"{row.name}: {row.expected} expected, {row.outcome}" for row in rows if not row.ok]
    problems += sorted({f"lane {v.lane}: invariant {v.invariant}" for v in violations})
    if not ended:
        problems.append(f"not over after {scenario.limit_s} s")
    if lost != scenario.expect.lost:
        problems.append(f"{lost} records lost")
    if duplicated != scenario.expect.duplicated:
        problems.append(f"{duplicated} records doubled")
    traces = "".join(f"{lane.number} {lane.trace_sha256}\n" for lane in day.lanes)
    return Result(
        scenario=name,
        title=scenario.title,
        seed=scenario.seed,
        cast=rows,
        finishes=finishes,
        violations=violations,
        records_journal=journal,
        records_centre=centre,
        lost=lost,
        duplicated=duplicated,
        ended=ended,
        virtual_s=round((day.kernel.now_ns - START_NS) / SECOND, 3),
        trace_sha256=hashlib.sha256(traces.encode()).hexdigest(),
        problems=tuple(problems),
    )
