"""The crossing before the entry door of a mantrap, beside the one in the chamber.

With `entry_opens = "after_document"` a traveller's document is read out here while another
traveller fills the chamber: `Idle -> Reading -> Queued`, and by a referral `-> Referred ->
OfficerDeciding -> Queued`. The handlers are those of any crossing; `seen_from_outside` lets
them see the area before the entry as their zone. `Queued` ends when the chamber is at rest:
the ticket moves into it. An officer's accept out here lets the traveller in and no further:
the exit takes a decision given behind two shut doors.

With `entry_opens = "on_approach"` a traveller who comes is let in at once, and the document is read
inside.
"""

from __future__ import annotations

from collections.abc import Callable

from biometrics.types import PortraitPrepared
from drivers.types import DocumentVerified, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core.admission import refusal_durable
from gate_agent.core.budgets import Times, after
from gate_agent.core.chamber import let_in
from gate_agent.core.document import held_up, inspected, prepared, start
from gate_agent.core.doors import can_admit_into, reads_outside
from gate_agent.core.ending import Moved, refer, walked_away
from gate_agent.core.members import MODE_AUTO, RECORD_OFFICER, ZONE_EMPTY, ZONE_MANY, ZONE_ONE
from gate_agent.core.messages import Appended, OfficerDecided, Tick
from gate_agent.core.officer import decide_referral
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Dossier,
    Idle,
    OfficerDeciding,
    Queued,
    Reading,
    Referred,
    State,
    lease_live,
    replace,
)


def seen_from_outside(state: State, act: Callable[[State], Moved]) -> Moved:
    """Let `act` move the approach as if it were the crossing, and its area the zone.

    Several people before the entry are a queue, not a crowd. A crossing that is over out
    here leaves nothing to be brought to rest.
    """
    plant = state.plant
    zone = ZONE_ONE if plant.approach is ZONE_MANY else plant.approach
    outside = replace(
        state,
        crossing=state.approach,
        occupancy=state.approach_stay,
        plant=replace(plant, zone=zone),
    )
    moved, commands = act(outside)
    return (
        replace(
            moved,
            crossing=state.crossing,
            approach=moved.crossing,
            ended=state.ended,
            occupancy=state.occupancy,
            plant=plant,
        ),
        commands,
    )


def queue_moved(
    state: State, queued: Queued, _event: PlantChanged, now_ns: int, profile: Profile
) -> Moved:
    """A person moved before the entry while a traveller waits for the chamber."""
    dossier = queued.dossier
    if state.plant.zone is ZONE_EMPTY and dossier.occupied:
        return walked_away(state, dossier, now_ns, profile)
    if state.plant.zone is ZONE_ONE and not dossier.occupied:
        dossier = replace(dossier, occupied=True)
        state = replace(state, crossing=replace(queued, dossier=dossier))
    return state, ()


def queue_late(state: State, queued: Queued, _event: Tick, now_ns: int, profile: Profile) -> Moved:
    """The chamber was not free in time: an officer is asked."""
    if now_ns < queued.due_ns:
        return state, ()
    return refer(state, queued.dossier, (Reason.NOT_ENTERED,), now_ns, profile)


def document_verified(
    state: State, reading: Reading, event: DocumentVerified, now_ns: int, profile: Profile
) -> Moved:
    """The inspection ended: wait for the chamber, unless the document rules admission out."""
    if reading.dossier.evidence.checks is not None:
        return state, ()
    state, dossier = inspected(state, reading, event, now_ns, profile)
    held = held_up(state, dossier, now_ns, profile)
    return held if held is not None else (_queue(state, dossier, now_ns, profile), ())


def portrait_prepared(
    state: State, reading: Reading, event: PortraitPrepared, now_ns: int, profile: Profile
) -> Moved:
    """The reference is ready, or cannot be used: wait for the chamber."""
    if reading.dossier.portrait is None:
        return state, ()
    state, dossier = prepared(state, reading, event, now_ns)
    held = held_up(state, dossier, now_ns, profile)
    return held if held is not None else (_queue(state, dossier, now_ns, profile), ())


def _queue(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> State:
    """The document is in order: wait before the entry for the chamber."""
    due_ns = after(now_ns, profile.budgets.wait_ms)
    return replace(state, crossing=Queued(dossier=dossier, due_ns=due_ns))


def approach_decided(
    state: State, referred: Referred, event: OfficerDecided, now_ns: int, profile: Profile
) -> Moved:
    """An officer decided on a referral before the entry; nothing is released yet."""
    return decide_referral(state, referred, event, now_ns, profile, release=False)


def approach_durable(
    state: State, deciding: OfficerDeciding, event: Appended, now_ns: int, profile: Profile
) -> Moved:
    """The officer's decision survived: the traveller may come in, or is sent back."""
    if not deciding.accept:
        return refusal_durable(state, deciding, event, now_ns, profile)
    if event.kind is not RECORD_OFFICER:
        return state, ()
    return _queue(state, deciding.dossier, now_ns, profile), ()


def serve(state: State, now_ns: int, profile: Profile) -> Moved:
    """Start what can start: a document before the entry, and the next traveller inside."""
    state, commands = _take_in(state, now_ns, profile)
    waiting = isinstance(state.approach, Idle) and state.approach.presented_ns is not None
    if waiting and reads_outside(profile):

        def begin(outside: State) -> Moved:
            return start(outside, now_ns, profile, doors_ready=True)

        state, more = seen_from_outside(state, begin)
        commands += more
    return state, commands


def _take_in(state: State, now_ns: int, profile: Profile) -> Moved:
    someone = state.plant.approach in (ZONE_ONE, ZONE_MANY)
    free = (
        state.mode is MODE_AUTO
        and someone
        and not state.closing
        and lease_live(state, now_ns, profile)
        and can_admit_into(state)
    )
    if not free:
        return state, ()
    queued = state.approach
    if isinstance(queued, Queued):
        return let_in(replace(state, approach=Idle()), queued.dossier, now_ns, profile)
    if reads_outside(profile) or state.had_turn:
        return state, ()
    ticket = state.next_ticket
    dossier = Dossier(
        ticket=ticket,
        occupancy=state.occupancy,
        occupied=False,
        times=Times(started_ns=now_ns),
        reversed=state.plant.reversed,
    )
    return let_in(replace(state, next_ticket=ticket + 1), dossier, now_ns, profile)
