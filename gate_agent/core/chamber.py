"""Handlers of the chamber between two doors (a mantrap).

    Entering -> Shutting -> (Presenting -> Reading ->) Verifying -> ... -> Departing -> Emptying

The entry is released for one ticket while the exit is shut and the chamber empty. It is shut
as soon as one person stands inside and no one in the doorway; about several who stay an officer
is asked, with the entry open behind them. The face is compared only
behind two shut doors. After an accept the exit is released, and the crossing ends when the
chamber is empty. `Emptying` brings doors and chamber to rest after every crossing: a traveller who
is still inside goes back by the entry, no door moves onto a person, and a door that does not
follow stops the lane.
"""

from __future__ import annotations

from drivers.types import (
    CloseEntry,
    DeviceFailed,
    DeviceId,
    DocumentPresented,
    OpenEntry,
    PlantChanged,
    ReadDocument,
)
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.document import begin_verification, failure_reasons
from gate_agent.core.doors import entry_shut, reads_outside
from gate_agent.core.ending import (
    Commands,
    Moved,
    alarm,
    append_actuation,
    finish,
    refer,
    walked_away,
    with_circumstances,
    with_mishaps,
)
from gate_agent.core.members import FLAG_CLEAR, ZONE_EMPTY, ZONE_MANY, ZONE_ONE
from gate_agent.core.messages import PermitRefused, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Dossier,
    Entering,
    Presenting,
    Reading,
    Shutting,
    State,
    lease_live,
    replace,
)


def let_in(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """Release the entry for this ticket; the chamber is at rest."""
    times = replace(dossier.times, entry_ns=now_ns, decided_ns=None, accepted_ns=None)
    dossier = replace(
        dossier,
        occupancy=state.occupancy,
        occupied=False,
        decision=None,
        officer="",
        officer_due_ns=None,
        times=times,
    )
    entering = Entering(dossier=dossier, due_ns=after(now_ns, profile.budgets.entry_ms))
    ticket = dossier.ticket
    record = append_actuation(ticket, "open_entry", "machine", "come in", profile)
    return replace(state, crossing=entering), (record, OpenEntry(ticket=ticket))


def _shut_entry(ticket: int, why: str, profile: Profile) -> Commands:
    record = append_actuation(ticket, "close_entry", "machine", why, profile)
    return (record, CloseEntry(ticket=ticket))


def _not_entered(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    dossier = with_mishaps(dossier, (Reason.NOT_ENTERED,))
    state = replace(state, had_turn=True)
    return finish(state, dossier, "abandoned", 0, now_ns, profile)


def _given_up(
    state: State, dossier: Dossier, reason: Reason, now_ns: int, profile: Profile
) -> Moved:
    """The crossing cannot go on while the entry is not shut: stop, an officer must look."""
    dossier = with_mishaps(dossier, (reason,))
    return finish(alarm(state, reason), dossier, "abandoned", 0, now_ns, profile)


def entering_moved(
    state: State, entering: Entering, _event: PlantChanged, now_ns: int, profile: Profile
) -> Moved:
    """Shut the entry behind one person; several are waited for to be one."""
    dossier, plant = entering.dossier, state.plant
    if state.occupancy != dossier.occupancy:
        if plant.zone is ZONE_EMPTY:
            return _not_entered(state, dossier, now_ns, profile)
        return _given_up(state, dossier, Reason.DEVICE_FAILED, now_ns, profile)
    if plant.zone is ZONE_MANY and Reason.TAILGATING not in dossier.evidence.circumstances:
        dossier = with_circumstances(dossier, (Reason.TAILGATING,))
    dossier = replace(dossier, occupied=plant.zone is not ZONE_EMPTY)
    state = replace(state, crossing=replace(entering, dossier=dossier))
    if plant.zone is not ZONE_ONE or plant.entry_obstruction is not FLAG_CLEAR:
        return state, ()
    due_ns = after(now_ns, profile.budgets.door_ms)
    state = replace(state, crossing=Shutting(dossier=dossier, due_ns=due_ns))
    return state, _shut_entry(dossier.ticket, "traveller inside", profile)


def entering_late(
    state: State, entering: Entering, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """No one came in, or more than one did and none went back: the entry stays open for them."""
    dossier = entering.dossier
    if state.occupancy != dossier.occupancy:
        return _given_up(state, dossier, Reason.DEVICE_FAILED, now_ns, profile)
    if now_ns < entering.due_ns:
        return state, ()
    if state.plant.zone is ZONE_MANY:
        return refer(state, dossier, (Reason.SEVERAL_PERSONS,), now_ns, profile)
    if dossier.occupied:
        return _given_up(state, dossier, Reason.OBSTRUCTED, now_ns, profile)
    return _not_entered(state, dossier, now_ns, profile)


def shutting_moved(
    state: State, shutting: Shutting, _event: PlantChanged, now_ns: int, profile: Profile
) -> Moved:
    """Go on once the entry is closed and locked behind one person."""
    dossier, plant = shutting.dossier, state.plant
    if plant.zone is ZONE_EMPTY:
        return walked_away(state, dossier, now_ns, profile)
    if state.occupancy != dossier.occupancy:
        return _given_up(state, dossier, Reason.DEVICE_FAILED, now_ns, profile)
    if not entry_shut(state):
        return state, ()
    if plant.zone is not ZONE_ONE:
        return refer(state, dossier, (Reason.TAILGATING,), now_ns, profile)
    return _inside(state, dossier, now_ns, profile)


def _inside(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """One person behind two shut doors: ask for the document, or look at the face."""
    dossier = replace(dossier, times=replace(dossier.times, inside_ns=now_ns))
    if not reads_outside(profile):
        due_ns = after(now_ns, profile.budgets.present_ms)
        return replace(state, crossing=Presenting(dossier=dossier, due_ns=due_ns)), ()
    if dossier.evidence.portrait_usable is not True:
        return refer(state, dossier, (), now_ns, profile)
    return begin_verification(state, dossier, now_ns, profile)


def shutting_late(
    state: State, shutting: Shutting, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The entry does not shut: try again so often, then stop the lane."""
    dossier = shutting.dossier
    if state.occupancy != dossier.occupancy:
        return _given_up(state, dossier, Reason.DEVICE_FAILED, now_ns, profile)
    if now_ns < shutting.due_ns:
        return state, ()
    if shutting.attempts >= profile.lane.door_close_attempts:
        return _given_up(state, dossier, Reason.DOOR_HELD, now_ns, profile)
    due_ns = after(now_ns, profile.budgets.door_ms)
    again = replace(shutting, due_ns=due_ns, attempts=shutting.attempts + 1)
    state = replace(state, crossing=again)
    if state.plant.entry_obstruction is not FLAG_CLEAR:
        return state, ()
    return state, _shut_entry(dossier.ticket, "try again", profile)


def shutting_refused(
    state: State, crossing: Entering | Shutting, event: PermitRefused, now_ns: int, profile: Profile
) -> Moved:
    """The last guard stopped a move of the entry: an officer must see to it."""
    del event
    return _given_up(state, crossing.dossier, Reason.PERMIT_REFUSED, now_ns, profile)


def entry_device_failed(
    state: State,
    crossing: Entering | Shutting | Presenting,
    event: DeviceFailed,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """A device that is still needed failed while the traveller comes in."""
    document_done = crossing.dossier.evidence.checks is not None
    if event.device is DeviceId.LISTS or (event.device is DeviceId.READER and document_done):
        return state, ()
    if isinstance(crossing, Presenting):
        return refer(state, crossing.dossier, failure_reasons(event), now_ns, profile)
    return _given_up(state, crossing.dossier, failure_reasons(event)[0], now_ns, profile)


def presented_inside(
    state: State, presenting: Presenting, _event: DocumentPresented, now_ns: int, profile: Profile
) -> Moved:
    """The document is on the reader inside the chamber."""
    budgets = profile.budgets
    dossier = presenting.dossier
    if not lease_live(state, now_ns, profile):
        return refer(state, dossier, (Reason.LEASE_LOST,), now_ns, profile)
    dossier = replace(dossier, times=replace(dossier.times, presented_ns=now_ns))
    reading = Reading(dossier=dossier, due_ns=after(now_ns, budgets.mrz_ms))
    command = ReadDocument(
        ticket=dossier.ticket, mrz_budget_ms=budgets.mrz_ms, chip_budget_ms=budgets.chip_ms
    )
    return replace(state, crossing=reading), (command,)


def presenting_late(
    state: State, presenting: Presenting, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """No document came, or the traveller was lost sight of."""
    dossier = presenting.dossier
    if state.occupancy != dossier.occupancy:
        return refer(state, dossier, (Reason.DEVICE_FAILED,), now_ns, profile)
    if now_ns < presenting.due_ns:
        return state, ()
    return refer(state, dossier, (Reason.DOCUMENT_TIMEOUT,), now_ns, profile)
