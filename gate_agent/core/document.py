"""Handlers of the waiting lane and of the document: Idle, Reading."""

from __future__ import annotations

from biometrics.types import PortraitPrepared, Prepare, StartVerify
from drivers.types import (
    DeviceFailed,
    DeviceId,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    MrzRead,
    PlantChanged,
    PortraitRead,
    ReadDocument,
    ReadStep,
)
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import Times, after, verify_limits
from gate_agent.core.ending import Moved, refer, walked_away
from gate_agent.core.members import FLAG_CLEAR, MODE_AUTO, ZONE_EMPTY, ZONE_MANY, ZONE_ONE
from gate_agent.core.messages import Checked, CheckLists, Tick
from gate_agent.core.policy import document_reasons
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Deciding,
    Dossier,
    Idle,
    Leaving,
    Presenting,
    Reading,
    State,
    Verifying,
    lease_live,
    replace,
)


def in_service(state: State, now_ns: int, profile: Profile) -> bool:
    """Whether the lane would serve a traveller who stands alone at this moment.

    What the doors must be is the topology's own.
    """
    return (
        state.mode is MODE_AUTO
        and lease_live(state, now_ns, profile)
        and state.plant.fire is FLAG_CLEAR
        and not state.closing
    )


def presented(
    state: State,
    crossing: Idle | Leaving,
    _event: DocumentPresented,
    now_ns: int,
    _profile: Profile,
) -> Moved:
    """Remember the document; the lane starts as soon as it can, or forgets it again."""
    return replace(state, crossing=replace(crossing, presented_ns=now_ns)), ()


def start(state: State, now_ns: int, profile: Profile, *, doors_ready: bool) -> Moved:
    """Serve the document that was presented, if it was not too long ago.

    `doors_ready`: the doors are where this topology begins to serve.
    """
    crossing = state.crossing
    if not isinstance(crossing, Idle) or crossing.presented_ns is None:
        return state, ()
    if now_ns >= after(crossing.presented_ns, profile.budgets.mrz_ms):
        return replace(state, crossing=Idle()), ()
    alone = state.plant.zone in (ZONE_EMPTY, ZONE_ONE)
    if not (alone and doors_ready and in_service(state, now_ns, profile)):
        return state, ()
    ticket = state.next_ticket
    dossier = Dossier(
        ticket=ticket,
        occupancy=state.occupancy,
        occupied=state.plant.zone is ZONE_ONE,
        times=Times(started_ns=now_ns),
        reversed=state.plant.reversed,
    )
    budgets = profile.budgets
    reading = Reading(dossier=dossier, due_ns=after(now_ns, budgets.mrz_ms))
    command = ReadDocument(
        ticket=ticket, mrz_budget_ms=budgets.mrz_ms, chip_budget_ms=budgets.chip_ms
    )
    return replace(state, crossing=reading, next_ticket=ticket + 1), (command,)


def watch_zone(
    state: State,
    crossing: Reading | Verifying | Deciding | Presenting,
    _event: PlantChanged,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """Before a release: note who is there, and that no other person comes or goes."""
    dossier = crossing.dossier
    zone = state.plant.zone
    if zone is ZONE_EMPTY and dossier.occupied:
        return walked_away(state, dossier, now_ns, profile)
    if zone is ZONE_MANY:
        return refer(state, dossier, (Reason.TAILGATING,), now_ns, profile)
    if state.occupancy != dossier.occupancy:
        return refer(state, dossier, (Reason.DEVICE_FAILED,), now_ns, profile)
    if zone is ZONE_ONE and not dossier.occupied:
        dossier = replace(dossier, occupied=True)
        state = replace(state, crossing=replace(crossing, dossier=dossier))
    return state, ()


def mrz_read(
    state: State, reading: Reading, event: MrzRead, now_ns: int, profile: Profile
) -> Moved:
    """The holder's attributes are known: ask the lists, give the chip its time."""
    if reading.dossier.holder is not None:
        return state, ()
    dossier = reading.dossier
    dossier = replace(
        dossier,
        inspection_day=event.day,
        holder=event.holder,
        times=replace(dossier.times, mrz_ns=now_ns),
        evidence=replace(dossier.evidence, attributes=event.attributes),
    )
    due_ns = after(now_ns, profile.budgets.chip_ms)
    state = replace(state, crossing=Reading(dossier=dossier, due_ns=due_ns))
    return state, (CheckLists(ticket=dossier.ticket, holder=event.holder),)


def read_step(
    state: State, reading: Reading, event: ReadStep, _now_ns: int, _profile: Profile
) -> Moved:
    """Progress, for displays."""
    dossier = replace(reading.dossier, document_step=event.step)
    return replace(state, crossing=replace(reading, dossier=dossier)), ()


def portrait_read(
    state: State, reading: Reading, event: PortraitRead, now_ns: int, _profile: Profile
) -> Moved:
    """The portrait is genuine: prepare it while the rest of the document is checked."""
    if reading.dossier.portrait is not None:
        return state, ()
    dossier = reading.dossier
    dossier = replace(
        dossier, portrait=event.portrait, times=replace(dossier.times, prepare_ns=now_ns)
    )
    state = replace(state, crossing=replace(reading, dossier=dossier))
    return state, (Prepare(ticket=dossier.ticket, portrait=event.portrait),)


def document_verified(
    state: State, reading: Reading, event: DocumentVerified, now_ns: int, profile: Profile
) -> Moved:
    """The inspection ended: go on to the face, unless the document rules it out."""
    if reading.dossier.evidence.checks is not None:
        return state, ()
    state, dossier = inspected(state, reading, event, now_ns, profile)
    held = held_up(state, dossier, now_ns, profile)
    return held if held is not None else begin_verification(state, dossier, now_ns, profile)


def portrait_prepared(
    state: State, reading: Reading, event: PortraitPrepared, now_ns: int, profile: Profile
) -> Moved:
    """The reference is ready, or cannot be used: go on to the face."""
    if reading.dossier.portrait is None:
        return state, ()
    state, dossier = prepared(state, reading, event, now_ns)
    held = held_up(state, dossier, now_ns, profile)
    return held if held is not None else begin_verification(state, dossier, now_ns, profile)


def inspected(
    state: State, reading: Reading, event: DocumentVerified, now_ns: int, profile: Profile
) -> tuple[State, Dossier]:
    """Note the inspection's result, and what the chip settled of the holder's birth."""
    dossier = reading.dossier
    evidence = replace(dossier.evidence, checks=event.checks)
    if event.attributes is not None and event.holder is not None and dossier.holder is not None:
        evidence = replace(evidence, attributes=event.attributes)
        dossier = replace(dossier, holder=event.holder)
    if dossier.portrait is None:
        evidence = replace(evidence, portrait_usable=False)
    dossier = replace(dossier, evidence=evidence, times=replace(dossier.times, document_ns=now_ns))
    due_ns = after(now_ns, profile.budgets.prepare_ms)
    return replace(state, crossing=Reading(dossier=dossier, due_ns=due_ns)), dossier


def prepared(
    state: State, reading: Reading, event: PortraitPrepared, now_ns: int
) -> tuple[State, Dossier]:
    """Note whether the reference can be used."""
    dossier = reading.dossier
    dossier = replace(
        dossier,
        models=event.models,
        evidence=replace(dossier.evidence, portrait_usable=event.usable),
        times=replace(dossier.times, prepared_ns=now_ns),
    )
    return replace(state, crossing=replace(reading, dossier=dossier)), dossier


def held_up(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved | None:
    """What follows where inspection or portrait are missing or no use; None where both are in."""
    evidence = dossier.evidence
    if evidence.checks is None:
        return state, ()
    if document_reasons(evidence, profile.policy):
        return refer(state, dossier, (), now_ns, profile)
    if evidence.portrait_usable is None:
        return state, ()
    return None


def begin_verification(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """Look at the live face."""
    dossier = replace(
        dossier,
        evidence=replace(dossier.evidence, face_asked=True),
        times=replace(dossier.times, verify_ns=now_ns),
    )
    due_ns = after(now_ns, profile.budgets.verify_ms)
    state = replace(state, crossing=Verifying(dossier=dossier, due_ns=due_ns))
    return state, (StartVerify(ticket=dossier.ticket, limits=verify_limits(profile)),)


def document_removed(
    state: State, reading: Reading, _event: DocumentRemoved, now_ns: int, profile: Profile
) -> Moved:
    """The document went away before it was inspected."""
    if reading.dossier.evidence.checks is not None:
        return state, ()
    return refer(state, reading.dossier, (Reason.DOCUMENT_REMOVED,), now_ns, profile)


def lists_checked(
    state: State, reading: Reading, event: Checked, _now_ns: int, _profile: Profile
) -> Moved:
    """The lists answered while the document is still read."""
    dossier = with_lists(reading.dossier, event)
    return replace(state, crossing=replace(reading, dossier=dossier)), ()


def with_lists(dossier: Dossier, event: Checked) -> Dossier:
    """Note the lists' answer; the first one counts."""
    if dossier.evidence.list_state is not None:
        return dossier
    evidence = replace(dossier.evidence, list_state=event.state, list_age_s=event.list_age_s)
    return replace(dossier, evidence=evidence)


def reading_device_failed(
    state: State, reading: Reading, event: DeviceFailed, now_ns: int, profile: Profile
) -> Moved:
    """A device the crossing needs cannot go on."""
    document_done = reading.dossier.evidence.checks is not None
    if event.device is DeviceId.LISTS or (event.device is DeviceId.READER and document_done):
        return state, ()
    return refer(state, reading.dossier, failure_reasons(event), now_ns, profile)


def failure_reasons(event: DeviceFailed) -> tuple[Reason, ...]:
    """The reason that a failed device gives."""
    if event.device is DeviceId.JOURNAL:
        return (Reason.RECORD_FAILED,)
    return (Reason.DEVICE_FAILED,)


def reading_late(
    state: State, reading: Reading, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """Time is up, or the plant went stale, while the document is read."""
    dossier = reading.dossier
    if state.occupancy != dossier.occupancy:
        return refer(state, dossier, (Reason.DEVICE_FAILED,), now_ns, profile)
    if now_ns < reading.due_ns:
        return state, ()
    late = Reason.DOCUMENT_TIMEOUT if dossier.evidence.checks is None else Reason.PORTRAIT_UNUSABLE
    return refer(state, dossier, (late,), now_ns, profile)
