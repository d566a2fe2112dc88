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
from sim.day.queueing import summary
from sim.day.result import Result
from sim.day.tally import Tally
from sim.lane.compose import Finish, Violation, World, centre_keys_of, utc_text
from sim.lane.faults import Faults
from sim.lane.recorded_chip import MAX_DOCUMENTS, Transcripts
from sim.lane.uplink import CENTRE, LaneUplink, Uplink
from sim.lane.virtual_lane import VirtualLane
from sim.people.cast import Passport, issue_passport
from sim.people.play import Queue
from sim.scenario.arrivals import people
from sim.scenario.scenario import Document, Scenario, Traveller, load, stream
from sim.scenario.timeline import Timeline
from sim.wires.broker import VirtualBroker
from sim.wires.kernel import MS, SECOND, Alarm, Kernel
from sync.centre.store import CentreStore
from sync.gate.journal_reader import JournalReader
from sync.gate.publisher import Publisher
from sync.log.keys import CentreKeys, SigningKey

START_NS = SECOND
BROKER_LATENCY_NS = 4 * MS
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a run makes a folder of its own in it
"""Where databases of a run live: durable writes to a disk would cost most of the time."""


class How(NamedTuple):
    """How a run is carried out; what comes out is the same.

    `chip`: `live` computes every chip session, `recorded` each document's first one.
    `every_byte`: carry every poll of a quiet line too, and every reading.
    `every_reading`: carry every reading of a passport, also one that repeats.
    `transcripts`: what chips said in a run before, to play on; without, nothing yet.
    """

    chip: Literal["live", "recorded"] = "recorded"
    every_byte: bool = False
    every_reading: bool = False
    transcripts: Transcripts | None = None


RECORDED = How()


class _Journalled(JournalReader):
    """A lane's journal as its uplink reads it: the newest place without a query."""

    def __init__(self, lane: VirtualLane, path: Path) -> None:
        super().__init__(path)
        self.lane = lane

    def last_seq(self) -> int:
        return self.lane.desk.journal.last_seq


class Day:
    """A scenario under way: lanes, uplink and centre on one heap."""

    lane_class: type[VirtualLane] = VirtualLane

    def __init__(self, scenario: Scenario, folder: Path, how: How, *, traced: bool) -> None:
        self.scenario = scenario
        self.kernel = Kernel(START_NS)
        self.timeline = Timeline()
        self.judge = Judge(scenario, self.timeline)
        everybody = people(scenario)
        named = {traveller.name: traveller for traveller in scenario.travellers}
        crowd = {one.name: one for one in everybody[len(scenario.travellers) :]}
        self.tally = Tally(named, crowd)
        self.crowd = len(crowd)
        self.transcripts = None
        if how.chip == "recorded":
            self.transcripts = how.transcripts or Transcripts()
        self.known = {} if self.transcripts is None else self.transcripts.counts
        queue = [traveller for traveller in everybody if traveller.lane is None]
        queue.sort(key=lambda traveller: traveller.at_s or 0)
        self.arriving_s = (queue[-1].at_s or 0) - (queue[0].at_s or 0) if queue else 0
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
            appended=self._appended,
            settled=self._settled,
            ended=self._crossed,
            start_ns=START_NS,
            transcripts=self.transcripts,
            traced=traced,
            every_byte=how.every_byte,
            every_reading=how.every_byte or how.every_reading,
        )
        self.lanes = [self.lane_class(self.world, lane) for lane in scenario.lanes]
        self._syncing: Alarm | None = None
        self._syncing_ns = 0
        self._readers: list[JournalReader] = []
        self._found_centre(folder)
        by_number = {lane.number: lane for lane in self.lanes}
        Faults(scenario, self.kernel, START_NS, by_number, self.timeline, self._cut)

    def run(self) -> bool:
        """Play to the end; False when the scenario's limit came first."""
        for lane in self.lanes:
            lane.start()
        self._sync(self.kernel.now_ns)
        return self.kernel.run(START_NS + self.scenario.limit_s * SECOND)

    def close(self) -> None:
        """Close every database."""
        for lane in self.lanes:
            lane.close()
        for reader in self._readers:
            reader.close()
        self.store.close()

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

    # --- the uplink ---------------------------------------------------------------------

    def _found_centre(self, folder: Path) -> None:
        self.store = CentreStore(folder / "centre.db")
        centre_keys = centre_keys_of(self.scenario)
        self.uplink = Uplink(
            VirtualBroker(lambda: BROKER_LATENCY_NS),
            self.store,
            centre_keys,
            told=True,
            utc=lambda now_ns: utc_text(self.scenario, now_ns),
        )
        for lane in self.lanes:
            self._connect(lane, centre_keys, folder)

    def _connect(self, lane: VirtualLane, centre_keys: CentreKeys, folder: Path) -> None:
        seed, gate = self.scenario.seed, lane.profile.lane.gate
        key = SigningKey.generate(stream(seed, gate, "key").randbytes)
        self.store.enrol(gate, key.public, utc_text(self.scenario, START_NS))
        publisher = Publisher(
            gate=gate,
            epoch=lane.desk.journal.epoch,
            receipt_seq=0,
            key=key,
            centre=centre_keys.public,
            limits=lane.profile.sync,
            random=stream(seed, gate, "publisher").randbytes,
        )
        records = _Journalled(lane, folder / f"lane{lane.number}.db")
        self._readers.append(records)

        def take(receipt: bytes) -> None:
            lane.desk.acknowledge(receipt, centre_keys.signing.public)

        self.uplink.add(LaneUplink(publisher, records, take), START_NS)

    def _cut(self, lane: int, off: bool, now_ns: int) -> None:  # noqa: FBT001 - a callback
        client = CENTRE if lane == 0 else f"sim-{lane}"
        (self.uplink.cut if off else self.uplink.restore)(client, now_ns)
        self._ask_sync()

    def _sync(self, now_ns: int) -> None:
        self.uplink.expire(now_ns)
        self._ask_sync()
        self._settled()

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

    def _settled(self) -> None:
        """End the run once everybody has left and everything is with the centre."""
        for lane in self.lanes:
            if not lane.play.over or lane.step.value not in ("waiting", "closed"):
                return
            if lane.desk.journal.receipt_seq != lane.desk.journal.last_seq:
                return
        self.kernel.stop()


def run_scenario(
    path: Path, seed: int | None = None, trace: Path | None = None, how: How = RECORDED
) -> Result:
    """Run a scenario file on the virtual clock.

    Args:
        path: the file.
        seed: instead of the file's own.
        trace: a folder for the recorded inbox of every lane; none is written without it.
        how: how it is carried out.

    Raises:
        ScenarioError: the file is not a scenario.
        SimulationError: the simulation itself went wrong.
    """
    scenario = load(path)
    if seed is not None:
        scenario = msgspec.structs.replace(scenario, seed=seed)
    return run(scenario, path.name, trace, how)


def run(
    scenario: Scenario,
    name: str,
    trace: Path | None = None,
    how: How = RECORDED,
    day_class: type[Day] = Day,
) -> Result:
    """Run a scenario on the virtual clock; see `run_scenario`."""
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="egate-sim-", dir=memory) as scratch:
        folder = Path(scratch)
        if trace is not None:
            trace.mkdir(parents=True, exist_ok=True)
            (folder / "traces").symlink_to(trace.resolve(), target_is_directory=True)
        day = day_class(scenario, folder, how, traced=trace is not None)
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
    journal = sum(lane.desk.journal.last_seq for lane in day.lanes)
    centre = lost = 0
    for lane in day.lanes:
        stored = [record.seq for record in day.store.records(lane.profile.lane.gate)]
        centre += len(stored)
        lost += lane.desk.journal.last_seq - len(set(stored))
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
    violations = [violation for lane in lanes for violation in lane.witness.violations]
    records = _records(day)
    verdicts = day.judge.verdicts(tally.spans, virtual_s)
    problems = _problems(day, records, violations, ended=ended)
    problems += [f"{verdict.claim}: {verdict.evidence}" for verdict in verdicts if not verdict.ok]
    moves: dict[tuple[str, str, str], int] = {}
    for lane in lanes:
        for move, count in lane.witness.moves.items():
            moves[move] = moves.get(move, 0) + count
    traces = "".join(f"{lane.number} {lane.trace_sha256}\n" for lane in lanes)
    return Result(
        scenario=name,
        plan=day.scenario,
        counts=tally.counts(),
        steps=tally.steps(),
        cast=tally.cast() + tally.odd,
        verdicts=verdicts,
        violations=violations,
        finishes={lane.number: list(lane.finishes) for lane in lanes},
        passed_persons={lane.number: lane.stage.passed for lane in lanes},
        escaped_persons={lane.number: lane.stage.escaped for lane in lanes},
        releases={lane.number: lane.stage.releases for lane in lanes},
        openings={lane.number: lane.desk.openings for lane in lanes},
        rows=tuple(day.timeline.rows),
        moves=moves,
        records_journal=records.journal,
        records_centre=records.centre,
        lost=records.lost,
        duplicated=records.duplicated,
        chips=_chips(day.transcripts, day.known),
        wire={
            "carried_bytes": sum(lane.carried_bytes for lane in lanes),
            "quiet_bytes_counted": sum(lane.bus.skipped_bytes for lane in lanes),
            "reading_bytes_counted": sum(lane.reader.skipped_bytes for lane in lanes),
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
