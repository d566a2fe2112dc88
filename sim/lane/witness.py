"""The witness of a virtual lane: watches each turn for broken invariants and for what is new."""

from __future__ import annotations

from collections import deque

from drivers.types import DeviceFailed
from firmware_cfg.profile import Profile
from gate_agent.core.invariants import watch
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.lane_api.api import Step
from gate_agent.loop import Turn
from sim.lane.compose import Finish, Violation
from sim.scenario.timeline import Timeline
from sim.wires.kernel import SECOND

MAX_KEPT = 1_000


class Witness:
    """Follows one lane, through every power cut.

    Attributes:
        violations: the newest of them.
        moves: how often an event took the crossing from one state to another.
    """

    def __init__(self, lane: int, profile: Profile, timeline: Timeline, start_ns: int) -> None:
        self.violations: deque[Violation] = deque(maxlen=MAX_KEPT)
        self.moves: dict[tuple[str, str, str], int] = {}
        self._lane = lane
        self._profile = profile
        self._timeline = timeline
        self._start_ns = start_ns
        self._history = ObservedHistory()
        self._shown: dict[str, str] = {}
        self._alarms: tuple[str, ...] = ()

    def note(self, at_ns: int, what: str, value: str) -> None:
        """Add a row to the timeline."""
        self._timeline.add((at_ns - self._start_ns) / SECOND, self._lane, what, value)

    def watch(self, done: Turn, step: Step) -> None:
        """Follow one turn; `step` is what the lane shows after it."""
        self._history, broken = watch(
            self._history,
            done.before,
            done.event,
            done.after,
            done.commands,
            done.at_ns,
            self._profile,
        )
        for name in broken:
            self.violations.append(Violation(self._lane, done.at_ns, name))
            self.note(done.at_ns, "violation", name)
        before, after = done.before, done.after
        moved = before.crossing is not after.crossing
        if moved:
            state, event = type(before.crossing).__name__, type(done.event).__name__
            move = (state, event, type(after.crossing).__name__)
            self.moves[move] = self.moves.get(move, 0) + 1
        if moved or before.mode is not after.mode or before.alarms != after.alarms:
            self._show(done, step)
        elif before.plant is not after.plant:
            now, then = after.plant, before.plant
            if now.zone is not then.zone or now.exit is not then.exit:
                self._show(done, step)
        if isinstance(done.event, DeviceFailed):
            self.note(done.at_ns, "device", done.event.device.value)

    def finished(self, finish: Finish, now_ns: int) -> None:
        """A crossing has ended."""
        self.note(now_ns, "outcome", finish.outcome)
        for reason in finish.reasons:
            self.note(now_ns, "reason", reason)

    def power_lost(self, now_ns: int) -> None:
        """The lane's computer has no power."""
        self._last(now_ns, "step", Step.CLOSED.value)
        self._last(now_ns, "mode", "off")

    def forget(self) -> None:
        """The lane starts again, and remembers nothing but its journal."""
        self._history = ObservedHistory()

    def _show(self, done: Turn, step: Step) -> None:
        state = done.after
        self._last(done.at_ns, "step", step.value)
        self._last(done.at_ns, "mode", state.mode.value)
        self._last(done.at_ns, "zone", state.plant.zone.value)
        self._last(done.at_ns, "exit", state.plant.exit.value)
        for alarm in state.alarms:
            if alarm not in self._alarms:
                self.note(done.at_ns, "alarm", alarm.value)
        self._alarms = state.alarms

    def _last(self, now_ns: int, what: str, value: str) -> None:
        if self._shown.get(what) != value:
            self._shown[what] = value
            self.note(now_ns, what, value)
