"""Virtual time: a heap of actions, executed in order of their time.

Time is a whole number of nanoseconds. Actions of the same instant run in the order in
which they were asked for, so a run is the same on every machine. Nothing here knows what
a lane is: devices, wires and the agent's inbox are put on the heap by `sim.compose`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

MS = 1_000_000
SECOND = 1_000 * MS
MAX_PENDING = 100_000
MAX_ACTIONS_PER_INSTANT = 10_000

Action = Callable[[int], None]


class SimulationError(Exception):
    """The simulation itself went wrong, not the software under test."""


class Alarm:
    """A pending action; `cancel` takes it back."""

    __slots__ = ("_action",)

    def __init__(self, action: Action) -> None:
        self._action: Action | None = action

    @property
    def pending(self) -> bool:
        """Whether the action is still to come."""
        return self._action is not None

    def cancel(self) -> None:
        """Do not run the action, if it has not run yet."""
        self._action = None

    def fire(self, now_ns: int) -> None:
        """Run the action once."""
        action, self._action = self._action, None
        if action is not None:
            action(now_ns)


class Kernel:
    """The virtual clock and everything that is to happen on it."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._heap: list[tuple[int, int, Alarm]] = []
        self._asked = 0
        self._this_instant = 0

    @property
    def now_ns(self) -> int:
        """The virtual time."""
        return self._now_ns

    @property
    def next_ns(self) -> int | None:
        """Time of the next action, None when nothing is left to happen."""
        while self._heap and not self._heap[0][2].pending:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def at(self, when_ns: int, action: Action) -> Alarm:
        """Run `action(now_ns)` at a time; one in the past runs now.

        Raises:
            SimulationError: more is pending than a simulation ever needs.
        """
        if len(self._heap) >= MAX_PENDING:
            raise SimulationError(f"more than {MAX_PENDING} actions are pending")
        alarm = Alarm(action)
        self._asked += 1
        heapq.heappush(self._heap, (max(when_ns, self._now_ns), self._asked, alarm))
        return alarm

    def after(self, delay_ns: int, action: Action) -> Alarm:
        """Run `action(now_ns)` after a delay."""
        return self.at(self._now_ns + delay_ns, action)

    def step(self) -> bool:
        """Execute the next action; False when there is none.

        Raises:
            SimulationError: time does not get on: one instant never ends.
        """
        when_ns = self.next_ns
        if when_ns is None:
            return False
        alarm = heapq.heappop(self._heap)[2]
        self._this_instant = self._this_instant + 1 if when_ns == self._now_ns else 0
        if self._this_instant > MAX_ACTIONS_PER_INSTANT:
            raise SimulationError(f"time stands still at {when_ns} ns")
        self._now_ns = when_ns
        alarm.fire(when_ns)
        return True

    def run(self, until_ns: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Execute actions up to and including `until_ns`, or until `done()`.

        Returns whether `done()` held; the clock then stands where it did.
        """
        while not done():
            when_ns = self.next_ns
            if when_ns is None or when_ns > until_ns:
                self._now_ns = max(self._now_ns, until_ns)
                return False
            self.step()
        return True
