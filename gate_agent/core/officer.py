"""Handlers of the officer: a referred crossing, and actions on the lane itself.

A decision counts only if it names this ticket and the evidence as it stands, is not yet
expired and gives a reason of the profile's list. Everything an officer does is recorded,
also what is not carried out.
"""

from __future__ import annotations

from drivers.types import SetDirection
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.counter import Unchecked
from gate_agent.core.ending import (
    Commands,
    Moved,
    append_actuation,
    append_system,
    finish,
    walked_away,
)
from gate_agent.core.facts import SystemFacts
from gate_agent.core.members import FLAG_CLEAR, ZONE_EMPTY, ZONE_MANY, ZONE_ONE
from gate_agent.core.messages import (
    Append,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    PlantChanged,
    Tick,
)
from gate_agent.core.record import evidence_sha256, officer_facts
from gate_agent.core.record_blocks import NOTE_MAX_CHARACTERS, UncheckedFacts
from gate_agent.core.states import (
    CrossingState,
    Dossier,
    Emptying,
    Idle,
    OfficerDeciding,
    Referred,
    State,
    replace,
    standby,
    ticket_of,
)

DECISIONS = (OfficerAction.ACCEPT, OfficerAction.REJECT)


def misses(referred: CrossingState, event: OfficerDecided, now_ns: int) -> str:
    """Why an officer's decision comes too late, or concerns no crossing; empty when it is not."""
    if event.expires_at_ns <= now_ns:
        return "expired"
    if not isinstance(referred, Referred):
        return "nobody_referred"
    return "" if event.ticket == referred.dossier.ticket else "other_ticket"


def objection(state: State, referred: Referred, event: OfficerDecided, profile: Profile) -> str:
    """Why a decision on this very referral does not count; empty when it does."""
    if event.evidence_sha256 != evidence_sha256(referred):
        return "other_evidence"
    if event.reason not in profile.policy.officer_reasons:
        return "unknown_reason"
    if event.action is OfficerAction.ACCEPT and state.plant.zone is ZONE_MANY:
        return "several_persons"
    return ""


def _append(event: OfficerDecided, dossier: Dossier | None, profile: Profile) -> Append:
    seen = event.evidence_sha256
    facts = officer_facts(event.action.value, event.officer, event.reason, seen, dossier, profile)
    return Append(ticket=event.ticket, facts=facts)


def _ignored(event: OfficerDecided, why: str, profile: Profile) -> Commands:
    ignored = SystemFacts(
        event="officer_ignored", action=event.action, officer=event.officer, why=why
    )
    return (append_system(ignored, profile, event.ticket),)


def officer_acted(state: State, event: OfficerDecided, now_ns: int, profile: Profile) -> Moved:
    """Carry out an action on the lane; record one that does not count, or misses its referral."""
    if event.action in DECISIONS:
        outside = event.ticket and event.ticket == ticket_of(state.approach)
        referred = state.approach if outside else state.crossing
        why = misses(referred, event, now_ns)
        return state, (_ignored(event, why, profile) if why else ())
    if event.expires_at_ns <= now_ns:
        return state, _ignored(event, "expired", profile)
    traveller = state.crossing if event.action is OfficerAction.RELEASE else None
    dossier = traveller.dossier if isinstance(traveller, Referred) else None
    why, commands = "", (_append(event, dossier, profile),)
    if event.action is OfficerAction.OPEN_LANE:
        state = replace(state, closed=False, closing=False)
    elif event.action is OfficerAction.CLOSE_LANE:
        idle = isinstance(state.crossing, Idle) and isinstance(state.approach, Idle)
        state = replace(state, closed=idle or state.closed, closing=not idle)
    elif event.action is OfficerAction.ACKNOWLEDGE:
        noted = _noted(state, event, profile)
        state, why = _acknowledge(state, event, profile)
        commands = commands if noted is None else (noted,)
    elif event.action is OfficerAction.RELEASE:
        if dossier is not None:
            state, more = _sent_back(state, dossier, event, now_ns, profile)
            return state, commands + more
        state, why = _release(state, now_ns, profile)
    else:
        why = _why_not_reverse(state, profile)
        if not why:
            state = replace(state, resync=True)
            reverse = not state.plant.reversed
            record = append_actuation(0, "set_direction", event.officer, event.reason, profile)
            return state, (*commands, record, SetDirection(ticket=0, reverse=reverse))
    return state, (_ignored(event, why, profile) if why else commands)


def may_note(officer: str, profile: Profile) -> bool:
    """Whether this account may reopen a lane after what no decision stands behind."""
    supervisors = profile.policy.supervisors
    return not supervisors or officer in supervisors


def _noted(state: State, event: OfficerDecided, profile: Profile) -> Append | None:
    """The record of an acknowledgement with its note, and with what passed unchecked."""
    if not state.note_due:
        return None
    record = _append(event, None, profile)
    passed = state.unchecked
    facts = replace(
        record.facts,
        note=event.note,
        unchecked=UncheckedFacts(exit=passed.exit, entry=passed.entry, uncounted=passed.unknown),
    )
    return replace(record, facts=facts)


def _acknowledge(state: State, event: OfficerDecided, profile: Profile) -> tuple[State, str]:
    """The lane was inspected: drop what was latched; everything must be seen in order again."""
    if state.plant.fire is not FLAG_CLEAR:
        return state, "fire"
    if state.fire_latched and state.plant.zone is not ZONE_EMPTY:
        return state, "zone_not_empty"
    if state.note_due and not may_note(event.officer, profile):
        return state, "not_supervisor"
    if state.note_due and not 0 < len(event.note.strip()) <= NOTE_MAX_CHARACTERS:
        return state, "note_missing"
    if state.fire_latched or state.alarms:
        state = replace(
            state,
            fire_latched=False,
            alarms=(),
            unchecked=Unchecked(),
            note_due=False,
            resync=True,
        )
        if isinstance(state.crossing, Emptying):
            state = replace(state, crossing=replace(state.crossing, commanded="", attempts=0))
    return state, ""


def _release(state: State, now_ns: int, profile: Profile) -> tuple[State, str]:
    """Let the person between the doors go back out by the entry."""
    emptying = state.crossing
    if not isinstance(emptying, Emptying):
        return state, "nobody_to_release"
    due_ns = after(now_ns, profile.budgets.officer_ms)
    ordered = replace(emptying, ordered=True, commanded="", attempts=0, due_ns=due_ns)
    return replace(state, crossing=ordered), ""


def _sent_back(
    state: State, dossier: Dossier, event: OfficerDecided, now_ns: int, profile: Profile
) -> Moved:
    """The referred go back the way they came, to the desk: neither accepted nor refused."""
    dossier = replace(dossier, officer=event.officer)
    state, commands = finish(state, dossier, "referred", 0, now_ns, profile)
    if state.ended is not None:
        state = replace(state, ended=replace(state.ended, ordered=True))
    return state, commands


def _why_not_reverse(state: State, profile: Profile) -> str:
    """Why entry and exit cannot be swapped now; empty when they can."""
    if not profile.lane.reversible:
        return "not_reversible"
    return "" if standby(state) else "not_in_standby"


def officer_decided(
    state: State, referred: Referred, event: OfficerDecided, now_ns: int, profile: Profile
) -> Moved:
    """Accept or refuse the referred traveller; the record comes first."""
    return decide_referral(state, referred, event, now_ns, profile, release=True)


def decide_referral(
    state: State,
    referred: Referred,
    event: OfficerDecided,
    now_ns: int,
    profile: Profile,
    *,
    release: bool,
) -> Moved:
    """Put the officer's decision on record, with the intended release where one is due."""
    if event.action not in DECISIONS or misses(referred, event, now_ns):
        return state, ()
    why = objection(state, referred, event, profile)
    if why:
        return state, _ignored(event, why, profile)
    accept = event.action is OfficerAction.ACCEPT
    dossier = replace(referred.dossier, officer=event.officer, occupancy=state.occupancy)
    crossing = OfficerDeciding(
        dossier=dossier,
        due_ns=after(now_ns, profile.budgets.append_ms),
        expires_ns=after(now_ns, profile.budgets.accept_valid_ms),
        accept=accept,
        officer=event.officer,
    )
    commands: Commands = (_append(event, dossier, profile),)
    if accept and release:
        commands += (
            append_actuation(event.ticket, "open_exit", event.officer, event.reason, profile),
        )
    times = replace(dossier.times, accepted_ns=now_ns if accept else None, durable_ns=None)
    crossing = replace(crossing, dossier=replace(dossier, times=times))
    return replace(state, crossing=crossing), commands


def referred_moved(
    state: State,
    crossing: Referred | OfficerDeciding,
    _event: PlantChanged,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """A person moved while an officer looks; an empty zone ends the referral."""
    dossier = crossing.dossier
    zone = state.plant.zone
    if zone is ZONE_EMPTY and dossier.occupied:
        if isinstance(crossing, OfficerDeciding) and not crossing.accept:
            return state, ()
        return walked_away(state, dossier, now_ns, profile)
    if zone in (ZONE_ONE, ZONE_MANY) and not dossier.occupied:
        dossier = replace(dossier, occupied=True)
        state = replace(state, crossing=replace(crossing, dossier=dossier))
    return state, ()


def referral_late(
    state: State, referred: Referred, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """No officer decided in time: the traveller steps back, the lane goes on."""
    if now_ns < referred.due_ns:
        return state, ()
    return finish(state, referred.dossier, "referred", 0, now_ns, profile)


def officer_present(state: State, event: OfficerPresent, now_ns: int, profile: Profile) -> Moved:
    """A console renewed the lease; the lane itself limits for how long."""
    until_ns = min(event.until_ns, after(now_ns, profile.budgets.lease_ms))
    if until_ns <= now_ns:
        return state, ()
    return replace(state, lease_until_ns=until_ns), ()
