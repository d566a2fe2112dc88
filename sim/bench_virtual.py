"""What of a lane's speed is measured on the virtual clock: the core, the bus, the crossing.

Device times are the simulator's: lines at their baud rates, a chip that computes, a camera
of eight frames a second. What travellers themselves need is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from biometrics.types import Observed, StartVerify
from drivers.turnstile.device import TurnstileMachine
from drivers.types import ActuationDone, DocumentPresented, OpenExit
from firmware_cfg.profile import Turnstile
from gate_agent.loop import Turn
from gate_agent.loop import turn as core_turn
from sim.kernel import MS, Kernel
from sim.links import Line, WiredDevice
from sim.run import SHARED_MEMORY, Day, How
from sim.scenario import Scenario, stream
from sim.turnstile import SimTurnstile
from sim.virtual_lane import VirtualLane
from sim.wire import Wire
from sync.types import Append, RecordKind

STEP_ROUNDS = 5
SETTLE_NS = 500 * MS
BUS_LATENCY_US = 100


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies (nearest rank); 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Seen:
    """What was seen at the loops of a scenario's lanes.

    Attributes:
        turns: every turn taken, with its lane.
        placed_to_open_ms: per machine admission, travellers' own movements left out.
        deadlines: per step and crossing, whether it was met.
        late_admits: releases by the machine although a deadline before had been missed.
    """

    turns: list[tuple[VirtualLane, Turn]] = field(default_factory=list)
    placed_to_open_ms: list[float] = field(default_factory=list)
    deadlines: list[bool] = field(default_factory=list)
    late_admits: int = 0


class _Follower:
    """Follows one lane's turns and notes the instants of each crossing."""

    def __init__(self, lane: VirtualLane, seen: Seen) -> None:
        self._lane, self._seen = lane, seen
        self._turn = lane.loop.turn
        self._placed_ns: int | None = None
        self._asked_ns: int | None = None
        self._waited_ns = 0
        self._in_time: bool | None = None

    def __call__(self, at_ns: int, event: Any) -> Turn:
        """Take the turn, and note it."""
        done = self._turn(at_ns, event)
        self._seen.turns.append((self._lane, done))
        if isinstance(event, DocumentPresented):
            self._placed_ns, self._asked_ns, self._waited_ns = at_ns, None, 0
            self._in_time = None
        if isinstance(event, Observed) and self._asked_ns is not None:
            if event.observation.faces:
                self._asked_ns = None  # the traveller is there: from here on it is our time
            else:
                self._waited_ns += at_ns - self._asked_ns
                self._asked_ns = at_ns
        for command in done.commands:
            self._note(command, at_ns)
        return done

    def _note(self, command: Any, at_ns: int) -> None:
        if isinstance(command, StartVerify):
            self._asked_ns = at_ns
        elif isinstance(command, Append) and command.kind is RecordKind.DECISION:
            met = list(command.facts["deadlines"].values())
            self._seen.deadlines += met
            self._in_time = all(met) if command.facts["outcome"] == "admit" else None
        elif isinstance(command, OpenExit) and self._placed_ns and self._in_time is not None:
            own_ns = at_ns - self._placed_ns - self._waited_ns
            self._seen.placed_to_open_ms.append(own_ns / MS)
            self._seen.late_admits += not self._in_time


def play(scenario: Scenario, seeds: int, say: Callable[[str], None]) -> Seen:
    """Play a scenario with so many seeds."""
    seen = Seen()
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    for seed in range(scenario.seed, scenario.seed + seeds):
        say(f"playing {scenario.title}, seed {seed}")
        with tempfile.TemporaryDirectory(prefix="egate-bench-", dir=memory) as folder:
            day = Day(
                msgspec.structs.replace(scenario, seed=seed),
                Path(folder),
                traced=False,
                how=How(chip="live", every_byte=True),
            )
            try:
                for lane in day.lanes:
                    lane.loop.turn = _Follower(lane, seen)  # type: ignore[method-assign]
                day.run()
            finally:
                day.close()
    return seen


def core_step_us(seen: Seen, clock: Callable[[], int]) -> list[float]:
    """How long each turn of the core and its guard took, taken again from its recording."""
    spans: list[float] = []
    for _ in range(STEP_ROUNDS):
        ledgers: dict[int, Any] = {}
        for lane, done in seen.turns:
            ledger = ledgers.setdefault(id(lane), type(lane.loop.ledger)())
            began_ns = clock()
            _, ledger, _ = core_turn(done.before, ledger, done.event, done.at_ns, lane.profile)
            spans.append((clock() - began_ns) / 1000)
            ledgers[id(lane)] = ledger
    return spans


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

    device = WiredDevice(kernel, TurnstileMachine(settings), {"bus": Line(peer, *wires)}, emitted)
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
