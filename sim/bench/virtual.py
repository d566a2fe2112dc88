"""What of a lane's speed is measured on the virtual clock: the core, the bus, the crossing.

Device times are the simulator's: lines at their baud rates, a zone that is scanned, a chip that
computes, doors that have mass, a camera of eight frames a second. What travellers themselves
need is left out: until they stand before the camera, and while they stand in a doorway.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from biometrics.types import Observed, PortraitPrepared, StartVerify
from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.types import (
    ActuationDone,
    DocumentPresented,
    DocumentVerified,
    Flag,
    OpenExit,
    Plant,
    PlantChanged,
)
from firmware_cfg.turnstile import Turnstile
from gate_agent.core.facts import DecisionFacts
from gate_agent.core.messages import Append
from gate_agent.core.reasons import Outcome
from gate_agent.core.states import Entering
from gate_agent.loop import Turn
from gate_agent.loop import turn as core_turn
from sim.day.run import SHARED_MEMORY, Day, RunOptions
from sim.devices.turnstile import SimTurnstile
from sim.lane.virtual_lane import VirtualLane
from sim.scenario.scenario import Scenario, stream
from sim.wires.kernel import MS, Kernel
from sim.wires.links import Line, WiredDevice
from sim.wires.wire import Wire

STEP_ROUNDS = 5
SETTLE_NS = 500 * MS
SHARES = ("zone", "chip", "portrait", "doors", "face", "record", "traveller")
"""What an admission's time goes for: see `Opening`."""
BUS_LATENCY_US = 100


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies (nearest rank); 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Opening(NamedTuple):
    """One machine admission: for what its time went, in milliseconds.

    `zone`: until the printed zone was read. `chip`: until the inspection ended. `portrait`: until
    it was prepared. `doors`: they open and shut around the traveller. `face`: until it was found
    to match. `record`: until the decision was durable. `traveller`: their own movements.
    """

    topology: str
    shares_ms: dict[str, float]

    @property
    def ms(self) -> float:
        """The lane's own time."""
        return sum(self.shares_ms.values()) - self.shares_ms.get("traveller", 0.0)


@dataclass
class LaneMeasurements:
    """Measurements at the loops of a scenario's lanes.

    Attributes:
        turns: every turn taken, with its lane.
        openings: per machine admission, from the document laid down to the command that
            releases the exit.
        deadlines: per step and crossing, whether it was met.
        late_admits: releases by the machine although a deadline before had been missed.
    """

    turns: list[tuple[VirtualLane, Turn]] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    deadlines: list[bool] = field(default_factory=list)
    late_admits: int = 0

    def placed_to_open_ms(self, topology: str = "") -> list[float]:
        """How long each opening took, of one topology or of all."""
        return [one.ms for one in self.openings if topology in ("", one.topology)]


class _Follower:
    """Follows one lane's turns and divides each crossing's time among what it went for."""

    def __init__(self, lane: VirtualLane, seen: LaneMeasurements) -> None:
        self._lane, self._seen = lane, seen
        self._turn = lane.computer.loop.turn
        self._shares: dict[str, int] = {}
        self._since_ns: int | None = None
        self._asked = self._in_doorway = False
        self._in_time: bool | None = None

    def __call__(self, at_ns: int, event: Any) -> Turn:
        """Take the turn, and note it."""
        done = self._turn(at_ns, event)
        self._seen.turns.append((self._lane, done))
        match event:
            case DocumentPresented() if self._lane.stage.placed_ns != self._since_ns:
                self._shares, self._since_ns = {}, self._lane.stage.placed_ns
                self._asked = self._in_doorway = False
                self._in_time = None
                self._spend("zone", at_ns)
            case DocumentVerified():
                self._spend("chip", at_ns)
            case PortraitPrepared():
                self._spend("portrait", at_ns)
            case PlantChanged() if isinstance(done.before.crossing, Entering):
                self._doorway(event.plant, at_ns)
            case Observed() if self._asked:
                self._asked = not event.observation.faces
                self._spend("traveller" if self._asked else "face", at_ns)
        for command in done.commands:
            self._note(command, at_ns)
        return done

    def _spend(self, what: str, at_ns: int) -> None:
        """The time since the last instant noted went for this."""
        if self._since_ns is not None:
            self._shares[what] = self._shares.get(what, 0) + at_ns - self._since_ns
            self._since_ns = at_ns

    def _doorway(self, plant: Plant, at_ns: int) -> None:
        if self._in_doorway is (plant.entry_obstruction is Flag.CLEAR):
            self._spend("traveller" if self._in_doorway else "doors", at_ns)
            self._in_doorway = not self._in_doorway

    def _note(self, command: Any, at_ns: int) -> None:
        if isinstance(command, StartVerify):
            self._spend("doors", at_ns)
            self._asked = True
        elif isinstance(command, Append) and isinstance(command.facts, DecisionFacts):
            self._spend("face", at_ns)
            met = list(command.facts.deadlines.values())
            self._seen.deadlines += met
            self._in_time = all(met) if command.facts.outcome is Outcome.ADMIT else None
        elif isinstance(command, OpenExit) and self._in_time is not None:
            self._spend("record", at_ns)
            topology = self._lane.profile.lane.topology
            shares = {what: spent / MS for what, spent in self._shares.items()}
            self._seen.openings.append(Opening(topology, shares))
            self._seen.late_admits += not self._in_time


def play(scenario: Scenario, seeds: int, say: Callable[[str], None]) -> LaneMeasurements:
    """Play a scenario with so many seeds."""
    seen = LaneMeasurements()
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    for seed in range(scenario.seed, scenario.seed + seeds):
        say(f"playing {scenario.title}, seed {seed}")
        with tempfile.TemporaryDirectory(prefix="egate-bench-", dir=memory) as folder:
            day = Day(
                msgspec.structs.replace(scenario, seed=seed),
                Path(folder),
                traced=False,
                options=RunOptions(chip="live", every_byte=True),
            )
            try:
                for lane in day.lanes:
                    lane.computer.loop.turn = _Follower(lane, seen)  # type: ignore[method-assign]
                day.run()
            finally:
                day.close()
    return seen


def core_step_us(
    seen: LaneMeasurements, clock: Callable[[], int]
) -> tuple[list[float], list[float]]:
    """How long each turn of the core and its guard took, taken again from its recording.

    Every turn is taken twice: in its place among the others, as a lane does, and once more at
    once. What the second one saves is the processor's caches being filled, not work.
    """
    spans: list[float] = []
    again: list[float] = []
    for _ in range(STEP_ROUNDS):
        ledgers: dict[int, Any] = {}
        for lane, done in seen.turns:
            before = ledgers.setdefault(id(lane), type(lane.computer.loop.ledger)())
            for taken in (spans, again):
                began_ns = clock()
                _, ledger, _ = core_turn(done.before, before, done.event, done.at_ns, lane.profile)
                taken.append((clock() - began_ns) / 1000)
            ledgers[id(lane)] = ledger
    return spans, again


def write_and_read_back_ms(times: int, seed: int, device_us: int) -> list[float]:
    """From the command "open" until it was written and read back, over a wire at 115,200 baud.

    The command comes at any moment of a poll. `device_us` is what the turnstile thinks about
    an answer after the silence that ends a question.
    """
    kernel = Kernel(0)
    settings = Turnstile(port="bus", baud=115_200)
    peer = SimTurnstile(settings.registers, baud=settings.baud, latency_us=device_us)
    wires = [
        Wire(settings.baud, stream(seed, "bus", str(n)), latency_us=BUS_LATENCY_US)
        for n in range(2)
    ]
    answered: list[tuple[int, ActuationDone]] = []

    def emitted(emission: Any) -> None:
        if isinstance(emission.event, ActuationDone):
            answered.append((kernel.now_ns, emission.event))
            kernel.stop()

    device = WiredDevice(
        kernel,
        ModbusTurnstile(settings, AuthoriseMap(settings.registers)),
        {"bus": Line(peer, *wires)},
        emitted,
    )
    device.open(0)
    kernel.run(SETTLE_NS)
    spans: list[float] = []
    rng = stream(seed, "bus")
    for ticket in range(1, times + 1):
        kernel.run(kernel.now_ns + rng.randrange(100 * MS, 200 * MS))
        peer.barrier.authorise(peer.barrier.exit, 0, kernel.now_ns)
        kernel.run(kernel.now_ns + rng.randrange(60 * MS, 110 * MS))
        asked_ns = kernel.now_ns
        device.command(OpenExit(ticket=ticket), asked_ns)
        kernel.run(asked_ns + SETTLE_NS)
        at_ns, done = answered.pop()
        if done.ok:
            spans.append((at_ns - asked_ns) / MS)
    return spans
