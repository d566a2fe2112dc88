"""When faults begin and end, on a clock without lanes."""

from __future__ import annotations

from sim.lane.fault_actions import Change, Reach
from sim.lane.fault_schedule import FaultScheduler
from sim.scenario.parts import Fault, When
from sim.wires.kernel import SECOND, Kernel


class Scheduled:
    """A scheduler that reaches nothing, and what it changed: second, kind, begun."""

    def __init__(self, *faults: Fault) -> None:
        self.kernel = Kernel(10 * SECOND)
        self.changes: list[tuple[float, str, bool]] = []
        reach = Reach(seed=1, at=self.kernel.at, stages={}, operations={}, computers={})
        self.scheduler = FaultScheduler(faults, 10 * SECOND, reach, self.note)

    def note(self, change: Change) -> None:
        at_s = (change.now_ns - 10 * SECOND) / SECOND
        self.changes.append((at_s, change.fault.kind, change.on))


def test_a_fault_lasts_from_its_time_for_its_span() -> None:
    scheduled = Scheduled(Fault(kind="fire", at_s=3, for_s=2))
    scheduled.kernel.run(60 * SECOND)
    assert scheduled.changes == [(3, "fire", True), (5, "fire", False)]


def test_a_fault_waits_for_the_nth_step_of_its_lane() -> None:
    when = When(step="reading", lane=2, nth=2, after_ms=500)
    scheduled = Scheduled(Fault(kind="fire", when=when, for_s=1))
    for at_s, lane, step in ((1, 2, "reading"), (2, 1, "reading"), (3, 2, "waiting")):
        scheduled.kernel.run((10 + at_s) * SECOND)
        scheduled.scheduler.on_step(lane, step, scheduled.kernel.now_ns)
    assert scheduled.scheduler.waits
    scheduled.kernel.run(14 * SECOND)
    scheduled.scheduler.on_step(2, "reading", scheduled.kernel.now_ns)
    assert not scheduled.scheduler.waits
    scheduled.scheduler.on_step(2, "reading", scheduled.kernel.now_ns)
    scheduled.kernel.run(60 * SECOND)
    assert scheduled.changes == [(4.5, "fire", True), (5.5, "fire", False)]


def test_two_equal_faults_are_two() -> None:
    fault = Fault(kind="fire", when=When(step="reading", lane=1), for_s=1)
    scheduled = Scheduled(fault, fault)
    scheduled.scheduler.on_step(1, "reading", 11 * SECOND)
    scheduled.kernel.run(60 * SECOND)
    assert [on for _, _, on in scheduled.changes] == [True, True, False, False]
