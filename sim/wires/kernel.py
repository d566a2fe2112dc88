"""Virtual time: a heap of actions, executed in order of their time.

Time is a whole number of nanoseconds. Actions of the same instant run in the order in
which they were asked for, so a run is the same on every machine. Nothing here knows what
a lane is: devices, wires and the agent's inbox are put on the heap by `sim.lane.compose`.
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

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    @property
    def pending(self) -> bool:
        """Whether the action is still to come."""
        return self.action is not None

    def cancel(self) -> None:
        """Do not run the action, if it has not run yet."""
        self.action = None

    def fire(self, now_ns: int) -> None:
        """Run the action once."""
        action, self.action = self.action, None
        if action is not None:
            action(now_ns)


class Kernel:
    """The virtual clock and everything that is to happen on it."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._heap: list[tuple[int, int, Alarm]] = []
        self._asked = 0
        self._this_instant = 0
        self._until_ns = -1
        self._stopped = False

    @property
    def now_ns(self) -> int:
        """The virtual time."""
        return self._now_ns

    @property
    def next_ns(self) -> int | None:
        """Time of the next action, None when nothing is left to happen."""
        while self._heap and self._heap[0][2].action is None:
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
        now_ns = self._now_ns
        heapq.heappush(self._heap, (when_ns if when_ns > now_ns else now_ns, self._asked, alarm))
        return alarm

    def after(self, delay_ns: int, action: Action) -> Alarm:
        """Run `action(now_ns)` after a delay."""
        return self.at(self._now_ns + delay_ns, action)

    def leap(self, when_ns: int) -> bool:
        """Let time pass to an instant before which nothing else is to happen.

        For an action that would ask for itself again: True when it may go on at once, as
        if it had been put on the heap and been the next one.

        Raises:
            SimulationError: time does not get on: one instant never ends.
        """
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        if self._stopped or when_ns > self._until_ns or (heap and heap[0][0] <= when_ns):
            return False
        if when_ns > self._now_ns:
            self._now_ns = when_ns
            self._this_instant = 0
        else:
            self._pass_to(when_ns)
        return True

    def step(self) -> bool:
        """Execute the next action; False when there is none.

        Raises:
            SimulationError: time does not get on: one instant never ends.
        """
        when_ns = self.next_ns
        if when_ns is None:
            return False
        alarm = heapq.heappop(self._heap)[2]
        self._pass_to(when_ns)
        alarm.fire(when_ns)
        return True

    def _pass_to(self, when_ns: int) -> None:
        if when_ns > self._now_ns:
            self._now_ns = when_ns
            self._this_instant = 0
            return
        self._this_instant += 1
        if self._this_instant > MAX_ACTIONS_PER_INSTANT:
            raise SimulationError(f"time stands still at {when_ns} ns")

    def stop(self) -> None:
        """Let `run` end after the present action."""
        self._stopped = True

    def run(self, until_ns: int) -> bool:
        """Execute actions up to and including `until_ns`, or until `stop()`.

        Returns whether it was stopped; the clock then stands where it was.
        """
        self._until_ns = until_ns
        self._stopped = False
        heap, pop = self._heap, heapq.heappop
        try:
            while not self._stopped:
                while heap and heap[0][2].action is None:
                    pop(heap)
                if not heap or heap[0][0] > until_ns:
                    self._now_ns = max(self._now_ns, until_ns)
                    return False
                when_ns, _, alarm = pop(heap)
                if when_ns > self._now_ns:  # `_pass_to`, without the call: every action is here
                    self._now_ns, self._this_instant = when_ns, 0
                else:
                    self._pass_to(when_ns)
                action, alarm.action = alarm.action, None
                if action is not None:
                    action(when_ns)
            return True
        finally:
            self._until_ns = -1
