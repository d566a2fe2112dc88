"""Handlers of the passage through a barrier, and of the lane being left.

    Deciding -> Admitting -> Opening -> Crossing -> (Clearing ->) Idle

The passage counts when the exit counter moved on by one and the zone is empty. An empty
zone without a count means that the traveller went back: the release is withdrawn first,
and the crossing ends once the plant was read after that.
"""

from __future__ import annotations

from drivers.types import ActuationDone
from firmware_cfg.profile import Profile
from gate_agent.core.admission import (
    admit,
    machine_accept_durable,
    officer_accept_durable,
    released,
)
from gate_agent.core.budgets import after
from gate_agent.core.counter import exits_since
from gate_agent.core.ending import (
    Moved,
    alarm,
    can_close,
    close,
    finish,
    with_mishaps,
)
from gate_agent.core.members import ZONE_EMPTY, ZONE_MANY
from gate_agent.core.messages import Appended, PermitRefused, PlantChanged, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Admitting,
    Clearing,
    Crossing,
    Deciding,
    Dossier,
    Idle,
    Leaving,
    OfficerDeciding,
    Opening,
    State,
    replace,
)


def way_clear(state: State) -> bool:
    """Whether a barrier may release: only where the counter of passages is known."""
    return state.plant.passages_exit is not None


def decision_durable(
    state: State, deciding: Deciding, event: Appended, now_ns: int, profile: Profile
) -> Moved:
    """A record of the machine's accept survived; open once both did."""
    return machine_accept_durable(state, deciding, event, now_ns, profile, way_clear)


def officer_durable(
    state: State, deciding: OfficerDeciding, event: Appended, now_ns: int, profile: Profile
) -> Moved:
    """A record of the officer's decision survived: carry the decision out."""
    return officer_accept_durable(state, deciding, event, now_ns, profile, way_clear)


def admitting_moved(
    state: State, admitting: Admitting, event: PlantChanged | Tick, now_ns: int, profile: Profile
) -> Moved:
    """The traveller moved, or time passed, while a durable accept waits."""
    return admit(state, admitting, event, now_ns, profile, way_clear)


def opened(
    state: State, opening: Opening, event: ActuationDone, now_ns: int, profile: Profile
) -> Moved:
    """The release was read back, or may have happened: watch the passage either way."""
    if event.action != "open_exit":
        return state, ()
    reasons = () if event.ok else (Reason.DEVICE_FAILED,)
    return _released(state, opening, reasons, now_ns, profile)


def opening_late(
    state: State, opening: Opening, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The release was never confirmed: it may have happened, and is never repeated."""
    if now_ns < opening.due_ns:
        return state, ()
    state = replace(state, resync=True)
    return _released(state, opening, (Reason.DEVICE_FAILED,), now_ns, profile)


def _released(
    state: State, opening: Opening, reasons: tuple[Reason, ...], now_ns: int, profile: Profile
) -> Moved:
    crossing = Crossing(
        dossier=released(opening.dossier, reasons, now_ns),
        due_ns=after(now_ns, profile.budgets.passage_ms),
        baseline=opening.baseline,
    )
    return _watch_passage(replace(state, crossing=crossing), crossing, now_ns, profile)


def passage_moved(
    state: State,
    crossing: Opening | Crossing,
    _event: PlantChanged,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """The plant was read while the exit is released."""
    return _watch_passage(state, crossing, now_ns, profile)


def _watch_passage(
    state: State, crossing: Opening | Crossing, now_ns: int, profile: Profile
) -> Moved:
    """Count who goes through while the exit is released."""
    plant = state.plant
    passages = exits_since(crossing.baseline, plant)
    if passages is not None and passages > 1:
        return _ended(state, crossing.dossier, crossing.baseline, now_ns, profile, withdraw=True)
    if isinstance(crossing, Opening):
        return state, ()
    if state.note_due:
        return _clear(state, _stopped(state, crossing.dossier), crossing.baseline, now_ns, profile)
    if plant.zone is ZONE_MANY and not crossing.several:
        crossing = replace(crossing, several=True)
        state = replace(state, crossing=crossing)
    if plant.zone is not ZONE_EMPTY:
        return state, ()
    if crossing.several:
        dossier = with_mishaps(crossing.dossier, (Reason.SEVERAL_PERSONS,))
        crossing = replace(crossing, dossier=dossier)
    return _clear(state, crossing.dossier, crossing.baseline, now_ns, profile)


def _stopped(state: State, dossier: Dossier) -> Dossier:
    """The crossing of a lane that stopped over a door or a passage: its release is withdrawn."""
    causes = (Reason.DOOR_FORCED, Reason.UNCHECKED_PASSAGE)
    return with_mishaps(dossier, tuple(cause for cause in causes if cause in state.alarms))


def _clear(state: State, dossier: Dossier, baseline: int, now_ns: int, profile: Profile) -> Moved:
    """Withdraw the release once the zone is empty; end at once where the passage was counted.

    A release that was never confirmed may not be there to walk through: a person who still stands
    before it is soon an officer's business.
    """
    if can_close(state):
        commands = close(dossier.ticket, "passage over", profile)
        if exits_since(baseline, state.plant) == 1:
            state, more = _ended(state, dossier, baseline, now_ns, profile)
            return state, commands + more
        budget_ms = profile.budgets.actuation_ms
        commanded = True
    else:
        commands, commanded = (), False
        budget_ms = profile.budgets.officer_ms
        if Reason.DEVICE_FAILED in dossier.mishaps:
            budget_ms = profile.budgets.actuation_ms
    clearing = Clearing(
        dossier=dossier,
        due_ns=after(now_ns, budget_ms),
        baseline=baseline,
        commanded=commanded,
    )
    return replace(state, crossing=clearing), commands


def passage_late(
    state: State, crossing: Crossing, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """No one went through in time: withdraw the release as soon as the zone lets us."""
    if now_ns < crossing.due_ns:
        return state, ()
    dossier = with_mishaps(crossing.dossier, (Reason.PASSAGE_TIMEOUT,))
    return _clear(state, dossier, crossing.baseline, now_ns, profile)


def clearing_moved(
    state: State, clearing: Clearing, _event: PlantChanged, now_ns: int, profile: Profile
) -> Moved:
    """The plant was read while the release is being withdrawn."""
    passages = exits_since(clearing.baseline, state.plant)
    if passages is not None and passages > 1:
        return _ended(state, clearing.dossier, clearing.baseline, now_ns, profile, withdraw=True)
    if not clearing.commanded:
        if can_close(state):
            return _clear(state, clearing.dossier, clearing.baseline, now_ns, profile)
        return state, ()
    if not clearing.withdrawn:
        return state, ()
    return _ended(state, clearing.dossier, clearing.baseline, now_ns, profile)


def withdrawn(
    state: State, clearing: Clearing, event: ActuationDone, _now_ns: int, _profile: Profile
) -> Moved:
    """The release is withdrawn; the next reading of the plant ends the crossing."""
    if event.action == "close" and event.ok:
        state = replace(state, crossing=replace(clearing, withdrawn=True))
    return state, ()


def close_refused(
    state: State, clearing: Clearing, event: PermitRefused, now_ns: int, profile: Profile
) -> Moved:
    """The last guard stopped the close: try again when the zone has changed."""
    if event.action == "close":
        due_ns = after(now_ns, profile.budgets.officer_ms)
        state = replace(state, crossing=replace(clearing, commanded=False, due_ns=due_ns))
    return state, ()


def clearing_late(
    state: State, clearing: Clearing, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The withdrawal is not confirmed, or the zone is never empty: end it, out of service."""
    if now_ns < clearing.due_ns:
        return state, ()
    if clearing.withdrawn:
        return _ended(state, clearing.dossier, clearing.baseline, now_ns, profile)
    reason = Reason.DEVICE_FAILED if clearing.commanded else Reason.PASSAGE_TIMEOUT
    dossier = with_mishaps(clearing.dossier, (reason,))
    state = alarm(state, reason)
    return _ended(state, dossier, clearing.baseline, now_ns, profile, withdraw=True)


def _ended(
    state: State,
    dossier: Dossier,
    baseline: int,
    now_ns: int,
    profile: Profile,
    *,
    withdraw: bool = False,
) -> Moved:
    """The passage is over: say who went through, as the counter has it."""
    passages = exits_since(baseline, state.plant)
    went = passages is not None and passages > 0
    if passages is not None and passages > 1:
        state = alarm(state, Reason.TAILGATING)
        dossier = with_mishaps(dossier, (Reason.TAILGATING,))
    elif not went and not dossier.mishaps:
        dossier = with_mishaps(dossier, (Reason.WALKED_AWAY,))
    if went:
        dossier = replace(dossier, times=replace(dossier.times, passed_ns=now_ns))
    outcome = ("accepted" if dossier.officer else "admitted") if went else "abandoned"
    return finish(
        state,
        dossier,
        outcome,
        passages,
        now_ns,
        profile,
        vacated=not withdraw,
        withdraw=withdraw,
    )


def left(
    state: State, leaving: Leaving, _event: PlantChanged, _now_ns: int, profile: Profile
) -> Moved:
    """The crossing is over: the lane is free once the zone is empty."""
    if state.plant.zone is not ZONE_EMPTY:
        return state, ()
    if leaving.withdraw:
        if not can_close(state):
            return state, ()
        idle = replace(state, crossing=Idle(presented_ns=leaving.presented_ns))
        return idle, close(leaving.ticket, "zone empty", profile)
    return replace(state, crossing=Idle(presented_ns=leaving.presented_ns)), ()


def leaving_late(
    state: State, leaving: Leaving, _event: Tick, now_ns: int, _profile: Profile
) -> Moved:
    """A person or an object stays in the zone: an officer must look."""
    if leaving.due_ns is None or now_ns < leaving.due_ns:
        return state, ()
    state = replace(state, crossing=replace(leaving, due_ns=None))
    return alarm(state, Reason.PASSAGE_TIMEOUT), ()
