"""Handlers of the way out of a chamber by its exit.

    Deciding -> Admitting -> Opening -> Departing -> Emptying

After an accept the exit is released behind a shut entry, and the crossing ends when the chamber
is empty.
"""

from __future__ import annotations

from drivers.types import ActuationDone, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core.admission import (
    admit,
    machine_accept_durable,
    officer_accept_durable,
    released,
)
from gate_agent.core.budgets import after
from gate_agent.core.doors import entry_shut, exit_shut, undisturbed
from gate_agent.core.ending import Moved, alarm, finish, with_mishaps
from gate_agent.core.members import DOOR_CLOSED, DOOR_OPEN, ZONE_EMPTY, ZONE_MANY, ZONE_ONE
from gate_agent.core.messages import Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Admitting,
    Deciding,
    Departing,
    Dossier,
    OfficerDeciding,
    Opening,
    State,
    replace,
)
from sync.log.types import Appended


def way_clear(state: State) -> bool:
    """Whether the exit may be released: both doors shut, nothing else disturbed."""
    return entry_shut(state) and exit_shut(state) and undisturbed(state.plant)


def decision_durable(
    state: State, deciding: Deciding, event: Appended, now_ns: int, profile: Profile
) -> Moved:
    """A record of the machine's accept survived; release the exit once both did."""
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


def exit_released(
    state: State, opening: Opening, event: ActuationDone, now_ns: int, profile: Profile
) -> Moved:
    """The release of the exit was read back, or may have happened."""
    if event.action != "open_exit":
        return state, ()
    reasons = () if event.ok else (Reason.DEVICE_FAILED,)
    return _departing(state, opening.dossier, reasons, now_ns, profile)


def opening_moved(
    state: State, _opening: Opening, _event: PlantChanged, _now_ns: int, _profile: Profile
) -> Moved:
    """The release is on its way, and another person is in the chamber."""
    if state.plant.zone is ZONE_MANY:
        state = alarm(state, Reason.SEVERAL_PERSONS)
    return state, ()


def exit_unconfirmed(
    state: State, opening: Opening, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The release was never confirmed: it may have happened, and is never repeated."""
    if now_ns < opening.due_ns:
        return state, ()
    state = replace(state, resync=True)
    return _departing(state, opening.dossier, (Reason.DEVICE_FAILED,), now_ns, profile)


def _departing(
    state: State, dossier: Dossier, reasons: tuple[Reason, ...], now_ns: int, profile: Profile
) -> Moved:
    departing = Departing(
        dossier=released(dossier, reasons, now_ns),
        due_ns=after(now_ns, profile.budgets.passage_ms),
    )
    return _watch(replace(state, crossing=departing), departing, now_ns, profile)


def exit_moved(
    state: State, departing: Departing, _event: PlantChanged, now_ns: int, profile: Profile
) -> Moved:
    """The plant was read while the exit is released."""
    return _watch(state, departing, now_ns, profile)


def _watch(state: State, crossing: Departing, now_ns: int, profile: Profile) -> Moved:
    plant = state.plant
    crossing = replace(
        crossing,
        opened=crossing.opened or plant.exit is DOOR_OPEN,
        beyond=crossing.beyond or plant.beyond in (ZONE_ONE, ZONE_MANY),
        several=crossing.several or plant.zone is ZONE_MANY,
    )
    state = replace(state, crossing=crossing)
    if state.note_due and not crossing.opened and plant.exit is DOOR_CLOSED:
        stopped = with_mishaps(crossing.dossier, (Reason.DOOR_FORCED,))
        return finish(state, stopped, "abandoned", 0, now_ns, profile)
    if plant.zone is not ZONE_EMPTY:
        return state, ()
    dossier = crossing.dossier
    if crossing.several:
        dossier = with_mishaps(dossier, (Reason.SEVERAL_PERSONS,))
        state = alarm(state, Reason.SEVERAL_PERSONS)
    if not crossing.opened:
        dossier = with_mishaps(dossier, (Reason.DEVICE_FAILED,))
        return finish(
            alarm(state, Reason.DEVICE_FAILED), dossier, "abandoned", None, now_ns, profile
        )
    dossier = replace(dossier, times=replace(dossier.times, passed_ns=now_ns))
    outcome = "accepted" if dossier.officer else "admitted"
    passages = None if crossing.several else 1
    return finish(state, dossier, outcome, passages, now_ns, profile)


def exit_late(
    state: State, departing: Departing, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The chamber does not become empty: a person stays, or something was left."""
    if now_ns < departing.due_ns:
        return state, ()
    reason = Reason.LEFT_OBJECT if departing.beyond else Reason.PASSAGE_TIMEOUT
    dossier = with_mishaps(departing.dossier, (reason,))
    return finish(alarm(state, reason), dossier, "abandoned", None, now_ns, profile)
