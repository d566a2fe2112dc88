"""The classes of action that a fault can have, and what each must reach.

An action breaks a lane's hardware, its operation (officer, power), the inside of its computer, or
the network. A process that does not reach it leaves the fault to the process that does. Only the
virtual clock reaches the inside of a computer.

Which fault has which action is in `sim.lane.fault_table`, when it begins and ends in
`sim.lane.fault_schedule`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from sim.devices.io_module import SimIoModule
from sim.devices.swing_gate import SimSwingGate
from sim.devices.turnstile import SimTurnstile
from sim.people.mantrap_stage import MantrapStage
from sim.people.officer import SimOfficer
from sim.people.stage import Stage
from sim.scenario.parts import Fault, FaultKind, PlantName
from sim.scenario.scenario import stream
from sim.wires.kernel import MS, SECOND
from sim.wires.wire import WireFaults

FLICKERS_HZ = 20
MAX_FLICKERS = 1_000

AnyStage = Stage | MantrapStage
Lane = TypeVar("Lane")


class Change(NamedTuple):
    """A fault begins (`on`) or ends, on the clock of the run."""

    fault: Fault
    on: bool
    now_ns: int


class Operation(Protocol):
    """A lane as its operator has it: the officer at its console, and its power."""

    @property
    def officer(self) -> SimOfficer:
        """Who is at the console."""

    def power(self, now_ns: int, *, on: bool) -> None:
        """The lane's computer loses its power, or gets it back."""


class Computer(Protocol):
    """The inside of a lane's computer, which only the virtual clock reaches."""

    def noise(self, device: str, faults: WireFaults, rng: random.Random, now_ns: int) -> None:
        """Change what goes wrong on the lines of `bus` or `reader`."""

    def plug(self, device: str, now_ns: int, *, plugged: bool) -> None:
        """Pull the plug of `bus` or `reader`, or put it back."""

    def camera(self, *, failed: bool) -> None:
        """The camera fails, or works again."""

    def disk(self, *, full: bool | None = None, late_ms: int | None = None) -> None:
        """The journal's disk is full, or slow, or in order again."""

    def clock(self, *, jump_s: int | None = None, trusted: bool | None = None) -> None:
        """The wall clock jumps, or is not to be trusted, or is in order again."""


class Network(Protocol):
    """What lies between the lanes and the centre."""

    def cut_lanes(self, change: Change) -> None:
        """Cut the lanes of this fault off the broker, or connect them again."""

    def cut_centre(self, change: Change) -> None:
        """Cut the centre off the broker, or connect it again."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What the present process can break, by number of the lane.

    Attributes:
        seed: of the scenario; every fault draws from a stream of its own.
        at: calls back at a time.
    """

    seed: int
    at: Callable[[int, Callable[[int], None]], object]
    stages: Mapping[int, AnyStage]
    operations: Mapping[int, Operation]
    computers: Mapping[int, Computer]
    network: Network | None = None


# --- classes of action ------------------------------------------------------------------


@dataclass(frozen=True)
class StageFault:
    """Breaks a lane's readers or camera."""

    breaks: str
    act: Callable[[AnyStage, Change], None]

    def apply(self, reach: Reach, change: Change) -> None:
        """Begin or end it at every lane that it is for."""
        for stage in _of(reach.stages, change.fault).values():
            self.act(stage, change)


@dataclass(frozen=True)
class PlantFault:
    """Breaks what a lane's bus ends in; a plant without an action cannot break so."""

    breaks: str
    turnstile: Callable[[SimTurnstile, Change], None] | None = None
    swing_gate: Callable[[SimSwingGate, Change], None] | None = None
    mantrap: Callable[[SimIoModule, Change], None] | None = None

    def action(self, plant: PlantName) -> Callable[[Any, Change], None] | None:
        """What is done to a plant of this name."""
        actions: dict[PlantName, Callable[[Any, Change], None] | None] = {
            "turnstile": self.turnstile,
            "swing_gate": self.swing_gate,
            "mantrap": self.mantrap,
        }
        return actions[plant]

    def apply(self, reach: Reach, change: Change) -> None:
        """Begin or end it at every lane that it is for."""
        for stage in _of(reach.stages, change.fault).values():
            self.apply_to(stage, change)

    def apply_to(self, stage: AnyStage, change: Change) -> None:
        """Begin or end it at one lane."""
        action = self.action(stage.plant_name)
        if action is not None:
            stage.work(change.now_ns, lambda plant: action(plant, change))


@dataclass(frozen=True)
class FlickerFault:
    """A row of short faults of other kinds, by chance, while it lasts."""

    breaks: str
    of: Mapping[FaultKind, PlantFault]

    def apply(self, reach: Reach, change: Change) -> None:
        """Plan the short faults; they end by themselves."""
        if not change.on:
            return
        for number, stage in _of(reach.stages, change.fault).items():
            rng = chance(reach.seed, change.fault, number)
            for begins_ns, lasts_ns, fault in self._short(change.fault, rng):
                at_ns = change.now_ns + begins_ns
                reach.at(at_ns, self._applied(stage, fault, on=True))
                reach.at(at_ns + lasts_ns, self._applied(stage, fault, on=False))

    def _applied(self, stage: AnyStage, fault: Fault, *, on: bool) -> Callable[[int], None]:
        action = self.of[fault.kind]
        return lambda now_ns: action.apply_to(stage, Change(fault, on, now_ns))

    def _short(self, fault: Fault, rng: random.Random) -> Iterator[tuple[int, int, Fault]]:
        """When each begins, how long it lasts, what it is; twenty a second at a `rate` of 1."""
        at_ns, ends_ns, kinds = 0, fault.for_s * SECOND, tuple(self.of)
        for _ in range(MAX_FLICKERS):
            at_ns += int(rng.expovariate(FLICKERS_HZ * max(fault.rate, 0.001)) * SECOND)
            lasts_ns = rng.randrange(20, 200) * MS
            if at_ns + lasts_ns >= ends_ns:
                return
            yield at_ns, lasts_ns, msgspec.structs.replace(fault, kind=rng.choice(kinds))
            at_ns += lasts_ns


@dataclass(frozen=True)
class OperationFault:
    """Takes a lane's officer or power away."""

    breaks: str
    act: Callable[[Operation, Change], None]

    def apply(self, reach: Reach, change: Change) -> None:
        """Begin or end it at every lane that it is for."""
        for operation in _of(reach.operations, change.fault).values():
            self.act(operation, change)


@dataclass(frozen=True)
class ComputerFault:
    """Breaks something inside a lane's computer: on the virtual clock only."""

    breaks: str
    act: Callable[[Computer, Change, random.Random], None]

    def apply(self, reach: Reach, change: Change) -> None:
        """Begin or end it at every lane that it is for."""
        for number, computer in _of(reach.computers, change.fault).items():
            self.act(computer, change, chance(reach.seed, change.fault, number))


@dataclass(frozen=True)
class NetworkFault:
    """Cuts a connection between lanes and centre."""

    breaks: str
    act: Callable[[Network, Change], None]

    def apply(self, reach: Reach, change: Change) -> None:
        """Begin or end it."""
        if reach.network is not None:
            self.act(reach.network, change)


Action = StageFault | PlantFault | FlickerFault | OperationFault | ComputerFault | NetworkFault


def chance(seed: int, fault: Fault, lane: int) -> random.Random:
    """A fault's own stream of chance at one lane."""
    return stream(seed, "fault", fault.kind, str(lane), str(fault.at_s))


def _of(lanes: Mapping[int, Lane], fault: Fault) -> dict[int, Lane]:
    return {number: lane for number, lane in lanes.items() if fault.lane in (None, number)}
