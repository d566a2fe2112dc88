"""What each kind of fault does: one table for the virtual clock and for real time.

`FAULTS` has an action for every `FaultKind`. `check_faults` refuses a scenario that asks for what
a lane's plant cannot do, or for what real time cannot play.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from sim.devices.barrier_plant import BarrierPlant
from sim.devices.io_module import IDENTITY, SimIoModule
from sim.devices.turnstile import SimIdentity, SimTurnstile
from sim.devices.turnstile_barrier import FREE
from sim.lane.fault_actions import (
    Action,
    AnyStage,
    Change,
    Computer,
    ComputerFault,
    FlickerFault,
    NetworkFault,
    Operation,
    OperationFault,
    PlantFault,
    StageFault,
)
from sim.scenario.parts import PLANTS, Fault, FaultKind, PlantName
from sim.scenario.scenario import Scenario, ScenarioError
from sim.wires.wire import NO_FAULTS, WireFaults

COUNTER_BEFORE_WRAP = 0xFFFF_FFFF
SWING_COUNTER_BEFORE_WRAP = 0xFF_FFFF


# --- the plants -------------------------------------------------------------------------


def _stuck(plant: BarrierPlant, change: Change) -> None:
    plant.barrier.stuck = change.on


def _stiff(plant: BarrierPlant, change: Change) -> None:
    plant.barrier.stiffen(change.fault.rate if change.on else None)


def _fire(plant: BarrierPlant, change: Change) -> None:
    plant.barrier.set_fire(active=change.on)


def _ghost(plant: BarrierPlant, change: Change) -> None:
    plant.barrier.ghosts = int(change.on)


def _blind(plant: BarrierPlant, change: Change) -> None:
    plant.barrier.blind = change.on


def _before_wrap(plant: BarrierPlant, change: Change, value: int) -> None:
    """The next passage wraps the counter; a counter does not jump while one is under way."""
    if change.on and not plant.authorised and not plant.passing:
        plant.set_counter(value)


def _other_master(plant: BarrierPlant, change: Change) -> None:
    """A free passage is written once, and taken back where it still stands."""
    exit_side = plant.barrier.exit
    if change.on:
        plant.barrier.authorise(exit_side, FREE, change.now_ns)
    elif exit_side.authorised == FREE:
        plant.barrier.authorise(exit_side, 0, change.now_ns)


def _stray_passage(plant: BarrierPlant, change: Change) -> None:
    if change.on:
        plant.climb(change.fault.value)


def _other_turnstile(plant: SimTurnstile, change: Change) -> None:
    plant.set_identity(SimIdentity(vendor="other") if change.on else SimIdentity())


def _other_module(plant: SimIoModule, change: Change) -> None:
    plant.identity = ("other", *IDENTITY[1:]) if change.on else IDENTITY


def _chamber(plant: SimIoModule, change: Change, *, empty: bool) -> None:
    """The presence sensor of the chamber always reports the same, or reports what is."""
    wiring = plant.wiring
    reported = {wiring.chamber_empty: empty, wiring.chamber_occupied: not empty}
    for number, value in reported.items():
        if change.on:
            plant.broken[number] = value
        else:
            plant.broken.pop(number, None)


def _stiff_doors(plant: SimIoModule, change: Change) -> None:
    for door in (plant.entry, plant.exit):
        door.stiffen(change.fault.rate if change.on else None)


GHOST = PlantFault(
    "the light curtain or the chamber's sensor sees a person who is not there",
    turnstile=_ghost,
    swing_gate=_ghost,
    mantrap=lambda plant, change: _chamber(plant, change, empty=False),
)
BLIND = PlantFault(
    "the light curtain or the chamber's sensor sees no one",
    turnstile=_blind,
    swing_gate=_blind,
    mantrap=lambda plant, change: _chamber(plant, change, empty=True),
)

# --- readers, computer, officer -----------------------------------------------------------


def _dark(stage: AnyStage, change: Change) -> None:
    stage.dark = change.on


def _silent_mrz(stage: AnyStage, change: Change) -> None:
    stage.mrz.dead = change.on


def _silent_chips(stage: AnyStage, change: Change) -> None:
    stage.chips_silent = change.on


def _unplug(computer: Computer, change: Change, device: str) -> None:
    computer.plug(device, change.now_ns, plugged=not change.on)


def _noise(computer: Computer, change: Change, rng: random.Random, device: str) -> None:
    rate = change.fault.rate
    noisy = WireFaults(flip=rate, drop=rate / 2, babble=rate / 4)
    computer.noise(device, noisy if change.on else NO_FAULTS, rng, change.now_ns)


def _slow_officer(lane: Operation, change: Change) -> None:
    lane.officer.slow_ms += change.fault.delay_ms if change.on else -change.fault.delay_ms


def _absent_officer(lane: Operation, change: Change) -> None:
    lane.officer.attending = not change.on


def _no_console(lane: Operation, change: Change) -> None:
    lane.officer.watching = lane.officer.attending = not change.on


FAULTS: dict[FaultKind, Action] = {
    "uplink_down": NetworkFault(
        "the lane's way to the broker", lambda network, change: network.cut_lanes(change)
    ),
    "centre_down": NetworkFault(
        "the centre's way to the broker", lambda network, change: network.cut_centre(change)
    ),
    "bus_unplugged": ComputerFault(
        "the line to the plant is pulled out", lambda lane, change, _: _unplug(lane, change, "bus")
    ),
    "bus_noise": ComputerFault(
        "noise on the line to the plant; `rate` is per message",
        lambda lane, change, rng: _noise(lane, change, rng, "bus"),
    ),
    "turnstile_silent": PlantFault(
        "the plant's electronics do not answer",
        turnstile=lambda plant, change: plant.freeze(frozen=change.on),
        swing_gate=lambda plant, change: plant.freeze(frozen=change.on),
        mantrap=lambda plant, change: plant.freeze(frozen=change.on),
    ),
    "turnstile_error": PlantFault(
        "the plant shows an error, `value` is its code; at a mantrap the housing is open",
        turnstile=lambda plant, change: plant.set_error(change.fault.value if change.on else 0),
        swing_gate=lambda plant, change: plant.set_fault(change.fault.value if change.on else 0),
        mantrap=lambda plant, change: setattr(plant, "tampered", change.on),
    ),
    "wrong_identity": PlantFault(
        "the plant gives another vendor's name when it is asked next",
        turnstile=_other_turnstile,
        mantrap=_other_module,
    ),
    "counter_wrap": PlantFault(
        "the counter of passages wraps with the next one",
        turnstile=lambda plant, change: _before_wrap(plant, change, COUNTER_BEFORE_WRAP),
        swing_gate=lambda plant, change: _before_wrap(plant, change, SWING_COUNTER_BEFORE_WRAP),
    ),
    "fire": PlantFault(
        "the fire contact",
        turnstile=_fire,
        swing_gate=_fire,
        mantrap=lambda plant, change: setattr(plant, "fire", change.on),
    ),
    "door_stuck": PlantFault(
        "the leaf, or a mantrap's exit, does not move",
        turnstile=_stuck,
        swing_gate=_stuck,
        mantrap=lambda plant, change: setattr(plant.exit, "stuck", change.on),
    ),
    "door_stiff": PlantFault(
        "friction takes the share `rate` of the drive's force: at 1 the door stands still",
        turnstile=_stiff,
        swing_gate=_stiff,
        mantrap=_stiff_doors,
    ),
    "door_forced": PlantFault(
        "the exit is forced open; at a barrier another master on the line releases it",
        turnstile=_other_master,
        swing_gate=_other_master,
        mantrap=lambda plant, change: setattr(plant.exit, "forced", change.on),
    ),
    "stray_passage": PlantFault(
        "`value` persons climb over the leaf, a negative number of them against the direction",
        turnstile=_stray_passage,
        swing_gate=_stray_passage,
    ),
    "sensor_ghost": GHOST,
    "sensor_blind": BLIND,
    "sensor_noise": FlickerFault(
        "both in flashes, `rate` of twenty a second",
        {"sensor_ghost": GHOST, "sensor_blind": BLIND},
    ),
    "camera_black": StageFault("the picture is black", _dark),
    "camera_failed": ComputerFault(
        "the camera gives no pictures", lambda lane, change, _: lane.camera(failed=change.on)
    ),
    "reader_unplugged": ComputerFault(
        "the readers' lines are pulled out",
        lambda lane, change, _: _unplug(lane, change, "reader"),
    ),
    "reader_noise": ComputerFault(
        "noise on the readers' lines; `rate` is per message",
        lambda lane, change, rng: _noise(lane, change, rng, "reader"),
    ),
    "mrz_silent": StageFault("the page reader reads nothing", _silent_mrz),
    "chip_silent": StageFault(
        "the passport's chip is not felt in the field, a card beside it is", _silent_chips
    ),
    "officer_absent": OperationFault("no officer answers", _absent_officer),
    "officer_slow": OperationFault("officers answer `delay_ms` later", _slow_officer),
    "lease_lost": OperationFault("the console is gone", _no_console),
    "disk_full": ComputerFault(
        "the journal's disk takes nothing", lambda lane, change, _: lane.disk(full=change.on)
    ),
    "disk_slow": ComputerFault(
        "every record is durable `delay_ms` later",
        lambda lane, change, _: lane.disk(late_ms=change.fault.delay_ms if change.on else 0),
    ),
    "clock_step": ComputerFault(
        "the wall clock jumps by `value` seconds",
        lambda lane, change, _: lane.clock(jump_s=change.fault.value if change.on else 0),
    ),
    "clock_untrusted": ComputerFault(
        "nothing vouches for the wall clock",
        lambda lane, change, _: lane.clock(trusted=not change.on),
    ),
    "power_cut": OperationFault(
        "the lane's computer loses its power",
        lambda lane, change: lane.power(change.now_ns, on=not change.on),
    ),
}


# --- what can be played -------------------------------------------------------------------


def breaks(kind: FaultKind, plant: PlantName) -> bool:
    """Whether a lane with this plant has an action for a kind of fault."""
    action = FAULTS[kind]
    if isinstance(action, FlickerFault):
        return all(short.action(plant) is not None for short in action.of.values())
    return not isinstance(action, PlantFault) or action.action(plant) is not None


def in_hardware(kind: FaultKind) -> bool:
    """Whether the process of a lane's hardware plays this kind in real time."""
    return isinstance(FAULTS[kind], StageFault | PlantFault | FlickerFault)


def in_real_time(kind: FaultKind) -> bool:
    """Whether a kind can be played in real time."""
    return not isinstance(FAULTS[kind], ComputerFault)


def check_faults(scenario: Scenario, name: str, *, real_time: bool = False) -> None:
    """Refuse a scenario with a fault that would do nothing.

    Args:
        scenario: the scenario.
        name: its file as given.
        real_time: whether it is to be played in real time; one that says so itself always is.

    Raises:
        ScenarioError: a plant has no action for a fault, or real time cannot play it.
    """
    for index, fault in enumerate(scenario.faults):
        for problem in _problems(scenario, fault, real_time=real_time or scenario.realtime):
            raise ScenarioError(name, f"$.faults[{index}].kind", problem)


def _problems(scenario: Scenario, fault: Fault, *, real_time: bool) -> Iterator[str]:
    meant = [lane for lane in scenario.lanes if fault.lane in (None, lane.number)]
    for lane in meant:
        if not breaks(fault.kind, lane.plant):
            plants = ", ".join(plant for plant in PLANTS if breaks(fault.kind, plant))
            yield f"lane {lane.number} is a {lane.plant}, which has no {fault.kind}; {plants} has"
    if not real_time:
        return
    if not in_real_time(fault.kind):
        yield f"{fault.kind} is for the virtual clock only"
    elif (
        fault.when is not None
        and in_hardware(fault.kind)
        and any(lane.number != fault.when.lane for lane in meant)
    ):
        yield f"in real time {fault.kind} waits for a step of its own lane only"


def listing() -> list[str]:
    """The table as rows of Markdown: what breaks, at which plants, on which clocks."""
    rows = ["| Kind | What breaks | Plants | Real time |", "|---|---|---|---|"]
    for kind, action in FAULTS.items():
        at = [plant for plant in PLANTS if breaks(kind, plant)]
        plants = "all" if len(at) == len(PLANTS) else ", ".join(f"`{plant}`" for plant in at)
        real = "yes" if in_real_time(kind) else "no"
        rows.append(f"| `{kind}` | {action.breaks} | {plants} | {real} |")
    return rows
