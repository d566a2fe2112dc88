"""Handlers of the officer: a referred crossing, and actions on the lane itself.

A decision counts only if it names this ticket and the evidence as it stands, is not yet
expired and gives a reason of the profile's list. Everything an officer does is recorded,
also what is not carried out.
"""

from __future__ import annotations

from drivers.types import Flag, Zone
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.ending import (
    Commands,
    Moved,
    append_actuation,
    append_system,
    finish,
    walked_away,
)
from gate_agent.core.messages import (
    Append,
    Appended,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    PlantChanged,
    Tick,
)
from gate_agent.core.passage import carry_out
from gate_agent.core.record import evidence_sha256, officer_facts
from gate_agent.core.states import Idle, OfficerDeciding, Referred, State, replace
from sync.types import RecordKind

DECISIONS = (OfficerAction.ACCEPT, OfficerAction.REJECT)


def objection(state: State, event: OfficerDecided, now_ns: int, profile: Profile) -> str:
    """Why an officer's decision on a traveller does not count; empty when it does."""
    referred = state.crossing
    if event.expires_at_ns <= now_ns:
        return "expired"
    if not isinstance(referred, Referred):
        return "nobody_referred"
    if event.ticket != referred.dossier.ticket:
        return "other_ticket"
    if event.evidence_sha256 != evidence_sha256(referred):
        return "other_evidence"
    if event.reason not in profile.policy.officer_reasons:
        return "unknown_reason"
    return ""


def _append(event: OfficerDecided, profile: Profile) -> Append:
    facts = officer_facts(
        event.action.value, event.officer, event.reason, event.evidence_sha256, profile
    )
    return Append(ticket=event.ticket, kind=RecordKind.OFFICER, facts=facts)


def _ignored(event: OfficerDecided, why: str, profile: Profile) -> Commands:
    return (
        append_system(
            "officer_ignored",
            profile,
            ticket=event.ticket,
            action=event.action.value,
            officer=event.officer,
            why=why,
        ),
    )


def officer_acted(state: State, event: OfficerDecided, now_ns: int, profile: Profile) -> Moved:
    """Carry out an action on the lane; record an action that does not count."""
    if event.action in DECISIONS:
        why = objection(state, event, now_ns, profile)
        return state, (_ignored(event, why, profile) if why else ())
    if event.expires_at_ns <= now_ns:
        return state, _ignored(event, "expired", profile)
    if event.action is OfficerAction.OPEN_LANE:
        state = replace(state, closed=False, closing=False)
    elif event.action is OfficerAction.CLOSE_LANE:
        idle = isinstance(state.crossing, Idle)
        state = replace(state, closed=idle or state.closed, closing=not idle)
    else:
        if state.plant.fire is not Flag.CLEAR:
            return state, _ignored(event, "fire", profile)
        if state.fire_latched and state.plant.zone is not Zone.EMPTY:
            return state, _ignored(event, "zone_not_empty", profile)
        if state.fire_latched or state.alarms:
            state = replace(state, fire_latched=False, alarms=(), resync=True)
    return state, (_append(event, profile),)


def officer_decided(state: State, event: OfficerDecided, now_ns: int, profile: Profile) -> Moved:
    """Accept or refuse the referred traveller; the record comes first."""
    referred = state.crossing
    if (
        not isinstance(referred, Referred)
        or event.action not in DECISIONS
        or objection(state, event, now_ns, profile)
    ):
        return state, ()
    accept = event.action is OfficerAction.ACCEPT
    dossier = replace(referred.dossier, officer=event.officer, occupancy=state.occupancy)
    crossing = OfficerDeciding(
        dossier=dossier,
        due_ns=after(now_ns, profile.budgets.append_ms),
        expires_ns=after(now_ns, profile.budgets.accept_valid_ms),
        accept=accept,
        officer=event.officer,
    )
    commands: Commands = (_append(event, profile),)
    if accept:
        commands += (
            append_actuation(event.ticket, "open_exit", event.officer, event.reason, profile),
        )
    times = replace(dossier.times, decided_ns=now_ns, durable_ns=None)
    crossing = replace(crossing, dossier=replace(dossier, times=times))
    return replace(state, crossing=crossing), commands


def officer_durable(state: State, event: Appended, now_ns: int, profile: Profile) -> Moved:
    """A record of the officer's decision survived: carry the decision out."""
    crossing = state.crossing
    if not isinstance(crossing, OfficerDeciding):
        return state, ()
    crossing = replace(
        crossing,
        officer_durable=crossing.officer_durable or event.kind is RecordKind.OFFICER,
        actuation_durable=crossing.accept
        and (crossing.actuation_durable or event.kind is RecordKind.ACTUATION),
    )
    state = replace(state, crossing=crossing)
    dossier = crossing.dossier
    if crossing.accept:
        if not (crossing.officer_durable and crossing.actuation_durable):
            return state, ()
        return carry_out(state, dossier, crossing.expires_ns, now_ns, profile)
    if not crossing.officer_durable:
        return state, ()
    return finish(state, dossier, "refused", 0, now_ns, profile)


def referred_moved(state: State, _event: PlantChanged, now_ns: int, profile: Profile) -> Moved:
    """Somebody moved while an officer looks; an empty zone ends the referral."""
    crossing = state.crossing
    if not isinstance(crossing, Referred | OfficerDeciding):
        return state, ()
    dossier = crossing.dossier
    zone = state.plant.zone
    if zone is Zone.EMPTY and dossier.occupied:
        if isinstance(crossing, OfficerDeciding) and not crossing.accept:
            return state, ()
        return walked_away(state, dossier, now_ns, profile)
    if zone in (Zone.ONE, Zone.MANY) and not dossier.occupied:
        dossier = replace(dossier, occupied=True)
        state = replace(state, crossing=replace(crossing, dossier=dossier))
    return state, ()


def referral_late(state: State, _event: Tick, now_ns: int, profile: Profile) -> Moved:
    """Nobody decided in time: the traveller steps back, the lane goes on."""
    referred = state.crossing
    if not isinstance(referred, Referred) or now_ns < referred.due_ns:
        return state, ()
    return finish(state, referred.dossier, "referred", 0, now_ns, profile)


def officer_present(state: State, event: OfficerPresent, now_ns: int, profile: Profile) -> Moved:
    """A console renewed the lease; the lane itself limits for how long."""
    until_ns = min(event.until_ns, after(now_ns, profile.budgets.lease_ms))
    if until_ns <= now_ns:
        return state, ()
    return replace(state, lease_until_ns=until_ns), ()
