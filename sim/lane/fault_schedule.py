"""When faults begin and end: one scheduler for the virtual clock and for real time.

A fault begins at its time, or a while after a lane has shown a step for the n-th time. In real
time each process plays the same file on a `Kernel` that it turns with its own clock, and changes
what it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim.lane.fault_actions import Change, Reach
from sim.lane.fault_table import FAULTS
from sim.scenario.parts import Fault, When
from sim.wires.kernel import MS, SECOND


class _Awaited:
    """A fault that waits for a step."""

    def __init__(self, fault: Fault, when: When) -> None:
        self.fault, self.when = fault, when
        self.missing = when.nth


class FaultScheduler:
    """Begins and ends the faults of a run.

    Args:
        faults: of the scenario.
        start_ns: where the scenario begins on the clock of `reach`.
        reach: what can be broken here.
        note: called before each change, for the timeline.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        start_ns: int,
        reach: Reach,
        note: Callable[[Change], None] = lambda _change: None,
    ) -> None:
        self._reach = reach
        self._note = note
        self._awaited: list[_Awaited] = []
        for fault in faults:
            if fault.when is not None:
                self._awaited.append(_Awaited(fault, fault.when))
            if fault.at_s is not None:
                self._plan(fault, start_ns + fault.at_s * SECOND)

    @property
    def waits(self) -> bool:
        """Whether a fault still waits for a step."""
        return bool(self._awaited)

    def on_step(self, lane: int, step: str, now_ns: int) -> None:
        """A lane shows another step."""
        for awaited in list(self._awaited):
            when = awaited.when
            if (when.lane, when.step) == (lane, step):
                awaited.missing -= 1
                if not awaited.missing:
                    self._awaited.remove(awaited)
                    self._plan(awaited.fault, now_ns + when.after_ms * MS)

    def _plan(self, fault: Fault, at_ns: int) -> None:
        ends_ns = at_ns + fault.for_s * SECOND
        self._reach.at(at_ns, lambda now_ns: self._change(Change(fault, on=True, now_ns=now_ns)))
        self._reach.at(ends_ns, lambda now_ns: self._change(Change(fault, on=False, now_ns=now_ns)))

    def _change(self, change: Change) -> None:
        self._note(change)
        FAULTS[change.fault.kind].apply(self._reach, change)


def fault_text(change: Change) -> str:
    """A change as the timeline has it."""
    return f"{change.fault.kind} {'begins' if change.on else 'ends'}"
