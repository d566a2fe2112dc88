"""What goes wrong, on the virtual clock: each fault is a pair of deeds, begun and ended.

A fault strikes at its time, or when a lane shows a step for the n-th time. Each draws from
a random stream of its own, named by what it is, so one more shifts no other.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

import msgspec

from gate_agent.lane_api.api import Step
from sim.devices.io_module import IDENTITY, SimIoModule
from sim.devices.turnstile import SimIdentity, SimTurnstile
from sim.people.mantrap_stage import MantrapStage
from sim.people.stage import Stage
from sim.people.virtual_officer import VirtualOfficer
from sim.scenario.parts import Fault, FaultKind
from sim.scenario.scenario import Scenario, stream
from sim.scenario.timeline import Row, Timeline
from sim.wires.kernel import MS, SECOND, Kernel
from sim.wires.wire import NO_FAULTS, WireFaults

replace = msgspec.structs.replace

FLICKERS_HZ = 20
MAX_FLICKERS = 1_000
COUNTER_BEFORE_WRAP = 0xFFFF_FFFF


def _near_wrap(plant: SimTurnstile) -> None:
    """The next passage wraps the counter; a counter does not jump while one is under way."""
    if not plant.authorised and not plant.passing:
        plant.set_counter(COUNTER_BEFORE_WRAP)


STAGE_DEEDS: dict[str, Callable[[SimTurnstile, Fault, bool], None]] = {
    "turnstile_silent": lambda plant, _, on: plant.freeze(frozen=on),
    "turnstile_error": lambda plant, fault, on: plant.set_error(fault.value if on else 0),
    "wrong_identity": lambda plant, _, on: plant.set_identity(
        SimIdentity(vendor="other") if on else SimIdentity()
    ),
    "counter_wrap": lambda plant, _, on: _near_wrap(plant) if on else None,
    "door_stuck": lambda plant, _, on: setattr(plant.barrier, "stuck", on),
    "door_stiff": lambda plant, fault, on: plant.barrier.stiffen(fault.rate if on else None),
    "sensor_ghost": lambda plant, _, on: setattr(plant.barrier, "ghosts", int(on)),
    "sensor_blind": lambda plant, _, on: setattr(plant.barrier, "blind", on),
}
"""What is done to a turnstile: the same on the virtual clock and in real time."""


def _chamber(plant: SimIoModule, *, on: bool, empty: bool) -> None:
    """The presence sensor of the chamber says always the same, or what is."""
    wiring = plant.wiring
    told = {wiring.chamber_empty: empty, wiring.chamber_occupied: not empty}
    for number, value in told.items():
        if on:
            plant.broken[number] = value
        else:
            plant.broken.pop(number, None)


def _stiffen(plant: SimIoModule, share: float | None) -> None:
    for door in (plant.entry, plant.exit):
        door.stiffen(share)


DOOR_DEEDS: dict[str, Callable[[SimIoModule, Fault, bool], None]] = {
    "turnstile_silent": lambda plant, _, on: plant.freeze(frozen=on),
    "turnstile_error": lambda plant, _, on: setattr(plant, "tampered", on),
    "wrong_identity": lambda plant, _, on: setattr(
        plant, "identity", ("other", *IDENTITY[1:]) if on else IDENTITY
    ),
    "door_stuck": lambda plant, _, on: setattr(plant.exit, "stuck", on),
    "door_stiff": lambda plant, fault, on: _stiffen(plant, fault.rate if on else None),
    "door_forced": lambda plant, _, on: setattr(plant.exit, "forced", on),
    "sensor_ghost": lambda plant, _, on: _chamber(plant, on=on, empty=False),
    "sensor_blind": lambda plant, _, on: _chamber(plant, on=on, empty=True),
}
"""The same at two doors: doors are the exit, the error is an open housing. No counters wrap."""


def strike_stage(stage: Stage | MantrapStage, fault: Fault, now_ns: int, *, on: bool) -> bool:
    """Begin or end a fault of the lane's hardware; False if it is not one."""
    if fault.kind not in STAGE_KINDS:
        return False
    if fault.kind == "camera_black":
        stage.dark = on
    elif fault.kind == "mrz_silent":
        stage.mrz.dead = on
    elif fault.kind == "chip_silent":
        stage.chips_silent = on
    elif isinstance(stage, MantrapStage):
        _strike_doors(stage, fault, now_ns, on=on)
    elif fault.kind == "fire":
        stage.work(now_ns, lambda plant: plant.set_fire(now_ns, active=on))
    elif fault.kind in STAGE_DEEDS:
        stage.work(now_ns, lambda plant: STAGE_DEEDS[fault.kind](plant, fault, on))
    return True


def _strike_doors(stage: MantrapStage, fault: Fault, now_ns: int, *, on: bool) -> None:
    if fault.kind == "fire":
        stage.work(now_ns, lambda plant: setattr(plant, "fire", on))
    elif fault.kind in DOOR_DEEDS:
        stage.work(now_ns, lambda plant: DOOR_DEEDS[fault.kind](plant, fault, on))


def flickers(fault: Fault, rng: random.Random) -> Iterator[tuple[int, int, Fault]]:
    """The short faults of a noisy sensor: when each begins, how long it lasts, and what it is.

    Every one of them is a ghost, or a moment of blindness; twenty a second at a `rate` of 1.
    """
    at_ns, ends_ns = 0, fault.for_s * SECOND
    for _ in range(MAX_FLICKERS):
        at_ns += int(rng.expovariate(FLICKERS_HZ * max(fault.rate, 0.001)) * SECOND)
        lasts_ns = rng.randrange(20, 200) * MS
        if at_ns + lasts_ns >= ends_ns:
            return
        kind: FaultKind = rng.choice(("sensor_ghost", "sensor_blind"))
        yield at_ns, lasts_ns, replace(fault, kind=kind)
        at_ns += lasts_ns


STAGE_KINDS = frozenset(
    {*STAGE_DEEDS, *DOOR_DEEDS, "sensor_noise", "fire", "camera_black", "mrz_silent", "chip_silent"}
)


def dice(seed: int, fault: Fault, lane: int) -> random.Random:
    """A fault's own stream of chance at one lane."""
    return stream(seed, "fault", fault.kind, str(lane), str(fault.at_s))


class StageFaults:
    """The faults of one lane's hardware in real time.

    Args:
        scenario: their plan.
        lane: whose hardware it is.
        stage: that hardware.
    """

    def __init__(self, scenario: Scenario, lane: int, stage: Stage | MantrapStage) -> None:
        mine = [fault for fault in scenario.faults if fault.lane in (None, lane)]
        self._waiting = [fault for fault in mine if fault.kind in STAGE_KINDS]
        self._seed = scenario.seed
        self._lane = lane
        self._stage = stage
        self._begin_ns: int | None = None
        self._step: Step | None = None
        self._seen: Counter[Fault] = Counter()
        self._planned: list[tuple[int, Fault, bool]] = []

    def begin(self, now_ns: int) -> None:
        """The scenario begins."""
        self._begin_ns = now_ns
        for fault in self._waiting:
            if fault.at_s is not None:
                self._plan(fault, now_ns + fault.at_s * SECOND)

    def tend(self, now_ns: int, step: Step | None) -> None:
        """Do what is due; `step` is what the lane shows."""
        if self._begin_ns is not None and step is not self._step and step is not None:
            for fault in self._waiting:
                when = fault.when
                if when is not None and (when.lane, when.step) == (self._lane, step.value):
                    self._seen[fault] += 1
                    if self._seen[fault] == when.nth:
                        self._plan(fault, now_ns + when.after_ms * MS)
        self._step = step
        for entry in [entry for entry in self._planned if entry[0] <= now_ns]:
            self._planned.remove(entry)
            strike_stage(self._stage, entry[1], now_ns, on=entry[2])

    def _plan(self, fault: Fault, at_ns: int) -> None:
        self._planned += [(at_ns, fault, True), (at_ns + fault.for_s * SECOND, fault, False)]
        if fault.kind == "sensor_noise":
            for begins_ns, lasts_ns, short in flickers(fault, dice(self._seed, fault, self._lane)):
                begin_ns = at_ns + begins_ns
                self._planned += [(begin_ns, short, True), (begin_ns + lasts_ns, short, False)]


class FaultyLane(Protocol):
    """What faults are done to."""

    number: int
    stage: Stage | MantrapStage
    officer: VirtualOfficer

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

    def power(self, now_ns: int, *, on: bool) -> None:
        """The lane's computer loses its power, or gets it back."""


class Faults:
    """All faults of a run.

    Args:
        scenario: their plan.
        kernel: the virtual clock; `start_ns` is where the scenario begins on it.
        lanes: by number.
        timeline: told of each fault, and asked for the steps that faults wait for.
        cut: cuts a lane (by number) or the centre (0) off the broker, or connects it.
    """

    def __init__(
        self,
        scenario: Scenario,
        kernel: Kernel,
        start_ns: int,
        lanes: Mapping[int, FaultyLane],
        timeline: Timeline,
        cut: Callable[[int, bool, int], None],
    ) -> None:
        self._seed = scenario.seed
        self._kernel = kernel
        self._start_ns = start_ns
        self._lanes = lanes
        self._timeline = timeline
        self._cut = cut
        self._waiting = {fault: fault.when for fault in scenario.faults if fault.when}
        self._seen: Counter[Fault] = Counter()
        for fault in scenario.faults:
            if fault.at_s is not None:
                self._plan(fault, start_ns + fault.at_s * SECOND)
        if self._waiting:
            timeline.listen(self._row)

    def _row(self, row: Row) -> None:
        for fault, when in list(self._waiting.items()):
            if row.what == "step" and row.lane == when.lane and row.value == when.step:
                self._seen[fault] += 1
                if self._seen[fault] == when.nth:
                    del self._waiting[fault]
                    self._plan(fault, self._kernel.now_ns + when.after_ms * MS)

    def _plan(self, fault: Fault, at_ns: int) -> None:
        self._kernel.at(at_ns, lambda now_ns: self._strike(fault, now_ns, on=True))
        ends_ns = at_ns + fault.for_s * SECOND
        self._kernel.at(ends_ns, lambda now_ns: self._strike(fault, now_ns, on=False))

    def _strike(self, fault: Fault, now_ns: int, *, on: bool) -> None:
        text = f"{fault.kind} {'begins' if on else 'ends'}"
        self._timeline.add((now_ns - self._start_ns) / SECOND, fault.lane or 0, "fault", text)
        if fault.kind == "centre_down":
            self._cut(0, on, now_ns)
            return
        for number, lane in self._lanes.items():
            if fault.lane in (None, number):
                if fault.kind == "uplink_down":
                    self._cut(number, on, now_ns)
                elif fault.kind == "sensor_noise" and on:
                    self._flicker(lane.stage, fault, number, now_ns)
                elif not strike_stage(lane.stage, fault, now_ns, on=on):
                    self._strike_lane(lane, fault, now_ns, on=on)

    def _flicker(self, stage: Stage | MantrapStage, fault: Fault, lane: int, now_ns: int) -> None:
        for begins_ns, lasts_ns, short in flickers(fault, dice(self._seed, fault, lane)):
            begin = partial(_flicker, stage, short, on=True)
            end = partial(_flicker, stage, short, on=False)
            self._kernel.at(now_ns + begins_ns, begin)
            self._kernel.at(now_ns + begins_ns + lasts_ns, end)

    def _strike_lane(self, lane: FaultyLane, fault: Fault, now_ns: int, *, on: bool) -> None:
        kind = fault.kind
        if kind.startswith(("bus", "reader")):
            self._strike_line(lane, fault, now_ns, on=on)
        elif kind == "camera_failed":
            lane.camera(failed=on)
        elif kind.startswith("officer") or kind == "lease_lost":
            _strike_officer(lane.officer, fault, on=on)
        elif kind == "disk_full":
            lane.disk(full=on)
        elif kind == "disk_slow":
            lane.disk(late_ms=fault.delay_ms if on else 0)
        elif kind == "clock_step":
            lane.clock(jump_s=fault.value if on else 0)
        elif kind == "clock_untrusted":
            lane.clock(trusted=not on)
        elif kind == "power_cut":
            lane.power(now_ns, on=not on)

    def _strike_line(self, lane: FaultyLane, fault: Fault, now_ns: int, *, on: bool) -> None:
        device, _, what = fault.kind.partition("_")
        if what == "unplugged":
            lane.plug(device, now_ns, plugged=not on)
            return
        rng = dice(self._seed, fault, lane.number)
        rate = fault.rate
        noisy = WireFaults(flip=rate, drop=rate / 2, babble=rate / 4)
        lane.noise(device, noisy if on else NO_FAULTS, rng, now_ns)


def _flicker(stage: Stage | MantrapStage, fault: Fault, now_ns: int, *, on: bool) -> None:
    strike_stage(stage, fault, now_ns, on=on)


def _strike_officer(officer: VirtualOfficer, fault: Fault, *, on: bool) -> None:
    if fault.kind == "officer_slow":
        officer.slow_ms += fault.delay_ms if on else -fault.delay_ms
    elif fault.kind == "officer_absent":
        officer.attending = not on
    else:
        officer.watching = officer.attending = not on
