"""The same scenario file in real time: unmodified processes on pseudo-terminals.

The demo's supervisor starts the processes of each lane, a broker, a centre and the lanes'
simulated hardware. Faults of the hardware are played in its own process (`sim.live.hardware`),
those of officers, power, uplink and centre by the demo. What a lane did is reported by its lane
API and, in the end, by its records, and judged like a run on the virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from gate_agent import live
from gate_agent.core.facts import FinishFacts, SystemFacts, facts_of
from sim.day.judge import Judge, cast_in_order
from sim.day.result import Result
from sim.day.tally import Tally
from sim.lane.compose import Finish
from sim.lane.fault_actions import Change
from sim.lane.fault_schedule import fault_text
from sim.lane.fault_table import check_faults
from sim.live.collect import Collected
from sim.live.demo import Demo, DemoFailed, LaneRun, Options
from sim.live.result import crossings, summary
from sim.scenario.arrivals import expanded
from sim.scenario.scenario import Scenario, load
from sim.scenario.timeline import Timeline
from sim.wires.kernel import SECOND, SimulationError
from sync.log.types import Record


class RealDay(Demo):
    """A scenario under way in real time."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        super().__init__(options, say)
        scenario = options.scenario
        self.timeline = Timeline()
        self.judge = Judge(scenario, self.timeline)
        self.collected: Collected | None = None
        self.ended_s = 0.0
        self._shown: dict[tuple[int, str], str] = {}

    def _turn(self) -> None:
        super()._turn()
        since_ns = live.monotonic_ns() - self._started_ns if self._started_ns else 0
        for lane in self._lanes:
            self._see(lane, since_ns / SECOND)

    def _see(self, lane: LaneRun, at_s: float) -> None:
        view = lane.officer.view
        if view is None:
            return
        number = lane.place.number
        lasting = {"step": view.step.value, "mode": view.mode, "zone": view.zone, "exit": view.exit}
        for what, value in lasting.items():
            self._row(at_s, number, what, value)
        self._row(at_s, number, "alarms", " ".join(view.alarms))

    def _row(self, at_s: float, lane: int, what: str, value: str) -> None:
        before = self._shown.get((lane, what), "")
        if before == value:
            return
        self._shown[lane, what] = value
        if what != "alarms":
            self.timeline.add(at_s, lane, what, value)
            if what == "step" and self._faults is not None:
                self._faults.on_step(lane, value, live.monotonic_ns())
            return
        for alarm in set(value.split()) - set(before.split()):
            self.timeline.add(at_s, lane, "alarm", alarm)

    def _new_records(self, lane: LaneRun) -> list[Record]:
        records = super()._new_records(lane)
        at_s = (live.monotonic_ns() - self._started_ns) / SECOND if self._started_ns else 0.0
        number = lane.place.number
        for record in records:
            self.timeline.add(at_s, number, "record", record.kind.value)
            match facts_of(record):
                case SystemFacts(event="device_failed", device=str(device)):
                    self.timeline.add(at_s, number, "device", device)
                case FinishFacts(outcome=outcome, reasons=reasons):
                    self.timeline.add(at_s, number, "outcome", outcome)
                    for reason in reasons:
                        self.timeline.add(at_s, number, "reason", reason.value)
        return records

    def _note_fault(self, change: Change) -> None:
        at_s = (change.now_ns - self._started_ns) / SECOND
        self.timeline.add(at_s, change.fault.lane or 0, "fault", fault_text(change))

    def _result(self) -> dict[str, Any]:
        self.collected = self._collect()
        self.ended_s = (live.monotonic_ns() - self._started_ns) / SECOND
        found = self.collected
        summed = summary(self._options.scenario, found.journals, found.centre)
        return {**summed, "problems": found.problems}


def run_realtime(path: Path, seed: int | None = None, keep: Path | None = None) -> Result:
    """Play a scenario file in real time.

    Raises:
        ScenarioError: the file is not a scenario, or not one for real time.
        SimulationError: something did not start or did not come to an end.
    """
    from biometrics.models.store import installed
    from biometrics.types import Tier
    from gate_agent.commands.models import default_store
    from sim.devices.photos import default_photographs

    scenario = load(path)
    if seed is not None:
        scenario = msgspec.structs.replace(scenario, seed=seed)
    check_faults(scenario, str(path), real_time=True)
    models = default_store()
    options = Options(
        scenario=expanded(scenario),
        scenario_path=path.resolve(),
        models=models,
        photographs=default_photographs(),
        pad=Tier.RECOMMENDED in installed(models),
        once=True,
        keep=keep,
        console=False,
    )
    day = RealDay(options, lambda _line: None)
    try:
        summed = day.run()
    except DemoFailed as error:
        raise SimulationError(str(error)) from error
    if summed is None or day.collected is None:
        raise SimulationError("interrupted")
    return _result(day, options.scenario, path.name, summed, day.collected)


def _result(
    day: RealDay, scenario: Scenario, name: str, summed: dict[str, Any], found: Collected
) -> Result:
    finishes: dict[int, list[Finish]] = {}
    tally = Tally({traveller.name: traveller for traveller in scenario.travellers}, {})
    for lane, records in found.journals.items():
        cast = scenario.cast(lane)
        finishes[lane] = []
        for place, ended in enumerate(crossings(records)):
            who = cast[place].name if place < len(cast) else ""
            finish = Finish(ended.ticket, ended.outcome, ended.reasons, ended.spans_ms, who)
            finishes[lane].append(finish)
            tally.ended(lane, who, finish)
    rows = cast_in_order(scenario, finishes)
    verdicts = day.judge.verdicts(tally.spans, day.ended_s)
    problems = [f"{row.name}: {row.expected} expected, {row.outcome}" for row in rows if not row.ok]
    problems += [f"{verdict.claim}: {verdict.evidence}" for verdict in verdicts if not verdict.ok]
    problems += found.problems
    if summed["lost"] != scenario.expect.lost:
        problems.append(f"{summed['lost']} records lost")
    if summed["duplicated"] != scenario.expect.duplicated:
        problems.append(f"{summed['duplicated']} records doubled")
    return Result(
        scenario=name,
        plan=scenario,
        counts=tally.counts(),
        steps=tally.steps(),
        cast=rows,
        verdicts=verdicts,
        violations=[],
        finishes=finishes,
        passed_persons={},
        escaped_persons={},
        releases={},
        openings={},
        rows=tuple(day.timeline.rows),
        moves={},
        records_journal=summed["records_journal"],
        records_centre=summed["records_centre"],
        lost=summed["lost"],
        duplicated=summed["duplicated"],
        chips={"mode": "live"},
        wire={},
        queue={},
        clock="real",
        virtual_s=round(day.ended_s, 3),
        trace_sha256="",
        problems=tuple(problems),
    )
