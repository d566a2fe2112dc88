"""What the supervisor of a demo can break: officers, power, uplink and centre.

The hardware's faults are played by the hardware's own process (`sim.live.hardware`), from the
same file and with the same scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.lane.fault_actions import Change
from sim.live.processes import DemoProcesses
from sim.live.setup import LanePlace
from sim.people.live_officer import LiveOfficer
from sim.wires.broker import EmbeddedBroker


class LiveOperation:
    """One lane's officer and power (`sim.lane.fault_actions.Operation`)."""

    def __init__(
        self, place: LanePlace, officer: LiveOfficer, processes: DemoProcesses, models: Path
    ) -> None:
        self.officer = officer
        self._place = place
        self._processes = processes
        self._models = models

    def power(self, now_ns: int, *, on: bool) -> None:
        """End the processes of the lane's computer, or start them again."""
        del now_ns
        if on:
            self._processes.start_computer(self._place, self._models)
        else:
            self._processes.end_computer(self._place)


class LiveNetwork:
    """The broker and the centre (`sim.lane.fault_actions.Network`).

    All lanes share one broker, so they lose it together.

    Attributes:
        cut: whether the lanes are cut off.
    """

    def __init__(
        self, broker: EmbeddedBroker, processes: DemoProcesses, say: Callable[[str], None]
    ) -> None:
        self.cut = False
        self._broker = broker
        self._processes = processes
        self._say = say

    def cut_lanes(self, change: Change) -> None:
        """Stop the broker, or start it again."""
        self.cut = change.on
        if change.on:
            self._broker.stop()
            self._say(f"uplink down for {change.fault.for_s} s")
        else:
            self._broker.start()
            self._say("uplink back")

    def cut_centre(self, change: Change) -> None:
        """End the centre, or start it again."""
        if change.on:
            self._processes.end_centre()
        else:
            self._processes.start_centre_again()
