"""The regions that live beside the crossing: plant, devices, timers, mode.

Each event first brings its region up to date; then the transition table moves the
crossing; then `settle` draws the conclusions for the lane.
"""

from __future__ import annotations

from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    Plant,
    PlantChanged,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.counter import exits_since
from gate_agent.core.ending import (
    Commands,
    Moved,
    alarm,
    append_decision,
    append_system,
    decided,
    finish,
    halt,
    with_circumstances,
    with_mishaps,
)
from gate_agent.core.facts import SystemFacts
from gate_agent.core.members import (
    FLAG_ACTIVE,
    MODE_AUTO,
    MODE_EVACUATION,
    MODE_MAINTENANCE,
    MODE_OUT_OF_SERVICE,
    MODE_STARTING,
    ZONE_EMPTY,
    ZONE_UNKNOWN,
)
from gate_agent.core.messages import Append, AppendFailed, Mode, PermitRefused, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.record import mode_facts, restart_facts
from gate_agent.core.states import (
    RELEASED,
    Clearing,
    Crossing,
    Departing,
    DeviceState,
    Dossier,
    Idle,
    Opening,
    Referred,
    State,
    all_ready,
    replace,
)
from gate_agent.core.topology import Topology
from gate_agent.core.unordered import (
    Forced,
    door_forced,
    doors_followed,
    forced_at_barrier,
    forced_withdrawn,
    passages_followed,
)


def mode_of(state: State) -> Mode:
    """The mode that follows from the lane's flags."""
    if state.fire_latched:
        return MODE_EVACUATION
    if state.plant.maintenance is FLAG_ACTIVE:
        return MODE_MAINTENANCE
    if state.alarms or state.closed:
        return MODE_OUT_OF_SERVICE
    return MODE_STARTING if state.resync else MODE_AUTO


def plant_changed(state: State, event: PlantChanged, now_ns: int, profile: Profile) -> Moved:
    """The hardware was read: note it, whose stay it is, and what it forbids."""
    before = state.plant
    state = plant_read(state, event.plant, now_ns, profile)
    if state.plant is not event.plant:
        return state, ()
    state = plant_forbids(state)
    forced = forced_at_barrier(state)
    state, commands = unordered(state, before, forced, profile)
    return forced_withdrawn(state, forced), commands


def unordered(state: State, before: Plant, forced: Forced, profile: Profile) -> Moved:
    """What a reading shows that nothing ordered: these doors, and passages."""
    state, commands = door_forced(state, forced, profile)
    state, more = passages_followed(state, before, profile)
    seen = doors_followed(state.doors_seen, state.plant)
    return (state if seen is state.doors_seen else replace(state, doors_seen=seen)), commands + more


def plant_read(state: State, plant: Plant, now_ns: int, profile: Profile) -> State:
    """Note a reading and whose stay it is; one that is too old means that the plant is lost."""
    stale_ns = after(plant.read_at_ns, profile.budgets.plant_stale_ms)
    if not plant.read_at_ns <= now_ns < stale_ns:
        return _plant_lost(state)
    return replace(
        state,
        plant=plant,
        plant_stale_ns=stale_ns,
        occupancy=state.occupancy + stay_over(state.plant.zone, plant.zone),
    )


def plant_forbids(state: State) -> State:
    """Latch what a new reading forbids: fire, tampering."""
    plant = state.plant
    if plant.fire is FLAG_ACTIVE and not state.fire_latched:
        state = replace(state, fire_latched=True, note_due=True)
    if plant.tamper is FLAG_ACTIVE:
        state = alarm(state, Reason.DEVICE_FAILED)
    return state


def stay_over(before: Zone, now: Zone) -> int:
    """1 where an area has become empty or was lost sight of, else 0."""
    return int(before is not now and now in (ZONE_EMPTY, ZONE_UNKNOWN))


def _plant_lost(state: State) -> State:
    """Nothing is known of the hardware: no opening until everything was seen in order."""
    unknown = Plant(read_at_ns=state.plant.read_at_ns)
    return replace(
        state,
        plant=unknown,
        plant_stale_ns=None,
        occupancy=state.occupancy + stay_over(state.plant.zone, ZONE_UNKNOWN),
        approach_stay=state.approach_stay + stay_over(state.plant.approach, ZONE_UNKNOWN),
        resync=True,
    )


def time_passed(state: State, _event: Tick, now_ns: int, _profile: Profile) -> Moved:
    """Let what has run out run out: the reading of the plant, the lease."""
    if state.plant_stale_ns is not None and now_ns >= state.plant_stale_ns:
        state = _plant_lost(state)
    if state.lease_until_ns is not None and now_ns >= state.lease_until_ns:
        state = replace(state, lease_until_ns=None)
    return state, ()


def _device(state: State, device: DeviceId) -> DeviceState:
    return next(known for known in state.devices if known.device is device)


def _with_device(state: State, new: DeviceState) -> State:
    devices = tuple(new if old.device is new.device else old for old in state.devices)
    return replace(state, devices=devices)


def device_ready(state: State, event: DeviceReady, _now_ns: int, profile: Profile) -> Moved:
    """A device is synchronised: record what it lacks; with the journal's, record the start."""
    new = DeviceState(
        device=event.device, ready=True, identity=event.identity, conditions=event.conditions
    )
    old = _device(state, event.device)
    state = _with_device(state, new)
    commands: list[Append] = []
    if new.conditions != old.conditions:
        lacks = SystemFacts(event="conditions", device=event.device, conditions=new.conditions)
        commands.append(append_system(lacks, profile))
    if event.device is not DeviceId.JOURNAL or state.started:
        return state, tuple(commands)
    unfinished = state.unfinished
    state = replace(state, started=True, unfinished=())
    commands.append(append_system(SystemFacts(event="start", unfinished=unfinished), profile))
    facts = restart_facts(profile)
    commands.extend(Append(ticket=ticket, facts=facts) for ticket in unfinished)
    if unfinished:
        state = alarm(state, Reason.RESTART)
    return state, tuple(commands)


def device_failed(state: State, event: DeviceFailed, _now_ns: int, profile: Profile) -> Moved:
    """A device cannot do its work: note it, and what it takes with it."""
    old = _device(state, event.device)
    known = not old.ready and old.code == event.code
    new = replace(old, ready=False, code=event.code, diagnosis=event.diagnosis, identity="")
    state = _with_device(state, new)
    if event.device is DeviceId.TURNSTILE:
        state = _plant_lost(state)
    elif event.device is DeviceId.JOURNAL:
        state = alarm(state, Reason.RECORD_FAILED)
    elif event.device is DeviceId.INBOX:
        state = alarm(state, Reason.DEVICE_FAILED)
    if known or event.device is DeviceId.JOURNAL:
        return state, ()
    failed = SystemFacts(event="device_failed", device=event.device, code=event.code)
    return state, (append_system(failed, profile),)


def actuated(state: State, event: ActuationDone, _now_ns: int, _profile: Profile) -> Moved:
    """A command that is not confirmed leaves the hardware in doubt."""
    return (state if event.ok else replace(state, resync=True)), ()


def append_failed(state: State, _event: AppendFailed, _now_ns: int, _profile: Profile) -> Moved:
    """What is not on record must not happen."""
    return alarm(state, Reason.RECORD_FAILED), ()


def permit_refused(state: State, event: PermitRefused, _now_ns: int, profile: Profile) -> Moved:
    """Record that the last guard stopped a command."""
    stopped = SystemFacts(event="permit_refused", action=event.action, clause=event.clause)
    return state, (append_system(stopped, profile, event.ticket),)


def evacuate(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """Fire, or the maintenance key: the crossing ends here, the agent only observes."""
    crossing = state.crossing
    commands = halt(crossing)
    reason = Reason.FIRE if state.mode is MODE_EVACUATION else Reason.MAINTENANCE
    passages: int | None = 0
    if isinstance(crossing, Opening | Crossing | Clearing):
        passages = exits_since(crossing.baseline, state.plant)
    elif not isinstance(crossing, Referred | Departing):
        dossier = with_circumstances(dossier, (reason,))
        dossier = decided(dossier, now_ns, profile)
        commands = (*commands, append_decision(dossier, now_ns, profile))
    went = "accepted" if dossier.officer else "admitted"
    outcome = went if passages else "abandoned"
    dossier = with_mishaps(dossier, (reason,))
    withdraw = isinstance(crossing, RELEASED)
    state, more = finish(state, dossier, outcome, passages, now_ns, profile, withdraw=withdraw)
    return state, commands + more


def settle(
    state: State, mode_before: Mode, now_ns: int, profile: Profile, topology: Topology
) -> Moved:
    """Draw the conclusions: what the mode is now, whether a waiting document is served."""
    state, first = topology.settle(state, now_ns, profile)
    if isinstance(state.crossing, Idle):
        state = _settle_idle(state, topology)
    mode = mode_of(state)
    if mode is not state.mode:
        state = replace(state, mode=mode)
    commands: Commands = ()
    if mode is not mode_before:
        commands = (Append(ticket=0, facts=mode_facts(state, profile)),)
    state, more = topology.serve(state, now_ns, profile)
    return state, first + commands + more


def _settle_idle(state: State, topology: Topology) -> State:
    """Close a lane that was to close once it is free; begin or end a resync at rest."""
    if state.closing and isinstance(state.approach, Idle):
        state = replace(state, closing=False, closed=True)
    ready = all_ready(state)
    if not state.resync:
        return state if ready else replace(state, resync=True)
    in_order = ready and state.plant_stale_ns is not None and topology.at_rest(state)
    return replace(state, resync=False) if in_order else state
