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
    Door,
    Flag,
    Plant,
    PlantChanged,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.document import start
from gate_agent.core.ending import (
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
from gate_agent.core.messages import Append, AppendFailed, Mode, PermitRefused, Tick
from gate_agent.core.passage import passages_since
from gate_agent.core.reasons import Reason
from gate_agent.core.record import mode_facts, restart_facts
from gate_agent.core.states import (
    RELEASED,
    Clearing,
    Crossing,
    DeviceState,
    Dossier,
    Idle,
    Leaving,
    Opening,
    Referred,
    State,
    all_ready,
    replace,
)
from sync.types import RecordKind


def mode_of(state: State) -> Mode:
    """The mode that follows from the lane's flags."""
    if state.fire_latched:
        return Mode.EVACUATION
    if state.alarms or state.closed:
        return Mode.OUT_OF_SERVICE
    return Mode.STARTING if state.resync else Mode.AUTO


def plant_changed(state: State, event: PlantChanged, now_ns: int, profile: Profile) -> Moved:
    """The hardware was read: note it, whose stay it is, and what it forbids."""
    plant = event.plant
    stale_ns = after(plant.read_at_ns, profile.budgets.plant_stale_ms)
    if not plant.read_at_ns <= now_ns < stale_ns:
        return _plant_lost(state), ()
    before = state.plant
    state = replace(
        state,
        plant=plant,
        plant_stale_ns=stale_ns,
        occupancy=_occupancy(state, before.zone, plant.zone),
    )
    if plant.fire is Flag.ACTIVE:
        state = replace(state, fire_latched=True)
    if plant.tamper is Flag.ACTIVE:
        state = alarm(state, Reason.DEVICE_FAILED)
    if _uncalled_passage(state, before, plant):
        state = alarm(state, Reason.TAILGATING)
    return state, ()


def _occupancy(state: State, before: Zone, now: Zone) -> int:
    ended = before is not Zone.EMPTY and now is Zone.EMPTY
    lost = before is not Zone.UNKNOWN and now is Zone.UNKNOWN
    return state.occupancy + 1 if ended or lost else state.occupancy


def _uncalled_passage(state: State, before: Plant, plant: Plant) -> bool:
    """Whether somebody went through although nothing is released."""
    released = isinstance(state.crossing, RELEASED) or (
        isinstance(state.crossing, Leaving) and state.crossing.withdraw
    )
    if released or state.mode is not Mode.AUTO or before.passages_exit is None:
        return False
    return passages_since(before.passages_exit, plant.passages_exit) not in (None, 0)


def _plant_lost(state: State) -> State:
    """Nothing is known of the hardware: no opening until everything was seen in order."""
    unknown = Plant(read_at_ns=state.plant.read_at_ns)
    return replace(
        state,
        plant=unknown,
        plant_stale_ns=None,
        occupancy=_occupancy(state, state.plant.zone, Zone.UNKNOWN),
        resync=True,
    )


def time_passed(state: State, _event: Tick, now_ns: int, _profile: Profile) -> Moved:
    """Let what has run out run out: the reading of the plant, the lease."""
    if state.plant_stale_ns is not None and now_ns >= state.plant_stale_ns:
        state = _plant_lost(state)
    if state.lease_until_ns is not None and now_ns >= state.lease_until_ns:
        state = replace(state, lease_until_ns=None)
    return state, ()


def _with_device(state: State, new: DeviceState) -> State:
    devices = tuple(new if old.device is new.device else old for old in state.devices)
    return replace(state, devices=devices)


def device_ready(state: State, event: DeviceReady, _now_ns: int, profile: Profile) -> Moved:
    """A device is in step. With the journal comes the record of the start."""
    new = DeviceState(device=event.device, ready=True, identity=event.identity)
    state = _with_device(state, new)
    if event.device is not DeviceId.JOURNAL or state.started:
        return state, ()
    unfinished = state.unfinished
    state = replace(state, started=True, unfinished=())
    commands = [append_system("start", profile, unfinished=list(unfinished))]
    facts = restart_facts(profile)
    commands.extend(
        Append(ticket=ticket, kind=RecordKind.FINISH, facts=facts) for ticket in unfinished
    )
    if unfinished:
        state = alarm(state, Reason.RESTART)
    return state, tuple(commands)


def device_failed(state: State, event: DeviceFailed, _now_ns: int, profile: Profile) -> Moved:
    """A device cannot do its work: note it, and what it takes with it."""
    known = any(
        old.device is event.device and not old.ready and old.code == event.code
        for old in state.devices
    )
    new = DeviceState(device=event.device, code=event.code, diagnosis=event.diagnosis)
    state = _with_device(state, new)
    if event.device is DeviceId.TURNSTILE:
        state = _plant_lost(state)
    elif event.device is DeviceId.JOURNAL:
        state = alarm(state, Reason.RECORD_FAILED)
    elif event.device is DeviceId.INBOX:
        state = alarm(state, Reason.DEVICE_FAILED)
    if known or event.device is DeviceId.JOURNAL:
        return state, ()
    return state, (
        append_system("device_failed", profile, device=event.device.value, code=event.code),
    )


def actuated(state: State, event: ActuationDone, _now_ns: int, _profile: Profile) -> Moved:
    """A command that is not confirmed leaves the hardware in doubt."""
    return (state if event.ok else replace(state, resync=True)), ()


def append_failed(state: State, _event: AppendFailed, _now_ns: int, _profile: Profile) -> Moved:
    """What is not on record must not happen."""
    return alarm(state, Reason.RECORD_FAILED), ()


def permit_refused(state: State, event: PermitRefused, _now_ns: int, profile: Profile) -> Moved:
    """Record that the last guard stopped a command."""
    details = {"action": event.action, "clause": event.clause}
    return state, (append_system("permit_refused", profile, ticket=event.ticket, **details),)


def evacuate(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """Fire: the crossing ends here; the hardware opens the exit by itself."""
    crossing = state.crossing
    commands = halt(crossing)
    if isinstance(crossing, Opening | Crossing | Clearing):
        passages = passages_since(crossing.baseline, state.plant.passages_exit)
    else:
        passages = 0
        if not isinstance(crossing, Referred):
            dossier = with_circumstances(dossier, (Reason.FIRE,))
            dossier = decided(dossier, now_ns, profile)
            commands = (*commands, append_decision(dossier, now_ns, profile))
    went = "accepted" if dossier.officer else "admitted"
    outcome = went if passages else "abandoned"
    dossier = with_mishaps(dossier, (Reason.FIRE,))
    withdraw = isinstance(crossing, RELEASED)
    state, more = finish(state, dossier, outcome, passages, now_ns, profile, withdraw=withdraw)
    return state, commands + more


def in_order(state: State) -> bool:
    """Whether devices and plant were all seen as a lane at rest should be."""
    plant = state.plant
    return (
        all_ready(state)
        and state.plant_stale_ns is not None
        and isinstance(state.crossing, Idle)
        and plant.entry is Door.CLOSED
        and plant.exit is Door.CLOSED
        and plant.zone is Zone.EMPTY
        and plant.fire is Flag.CLEAR
        and plant.obstruction is Flag.CLEAR
    )


def settle(state: State, mode_before: Mode, now_ns: int, profile: Profile) -> Moved:
    """Draw the conclusions: what the mode is now, whether a waiting document is served."""
    commands: tuple[Append, ...] = ()
    if isinstance(state.crossing, Idle):
        if state.closing:
            state = replace(state, closing=False, closed=True)
        if not state.resync and not all_ready(state):
            state = replace(state, resync=True)
        elif state.resync and in_order(state):
            state = replace(state, resync=False)
    state = replace(state, mode=mode_of(state))
    if state.mode is not mode_before:
        commands = (Append(ticket=0, kind=RecordKind.SYSTEM, facts=mode_facts(state, profile)),)
    state, more = start(state, now_ns, profile)
    return state, commands + more
