"""Ways out of a crossing: to an officer, to the end, to an empty lane.

Shared by the handlers of the transition table. Every function takes the state with its
regions already brought up to date and gives the next state with its commands.
"""

from __future__ import annotations

from biometrics.types import StopVerify
from drivers.types import CancelRead, Close
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.causes import unjudged
from gate_agent.core.ended import Ended, Last
from gate_agent.core.facts import SystemFacts
from gate_agent.core.members import (
    FLAG_ACTIVE,
    FLAG_CLEAR,
    MODE_AUTO,
    MODE_EVACUATION,
    OUTCOME_ADMIT,
    ZONE_EMPTY,
    ZONE_MANY,
)
from gate_agent.core.messages import Append, Command, Wipe
from gate_agent.core.policy import Decision, decide, policy_settings
from gate_agent.core.reasons import Reason, ordered
from gate_agent.core.record import actuation_facts, decision_facts, finish_facts, system_facts
from gate_agent.core.states import (
    RELEASED,
    CrossingState,
    Dossier,
    Idle,
    Reading,
    Referred,
    State,
    Verifying,
    lease_live,
    replace,
)

Commands = tuple[Command, ...]
Moved = tuple[State, Commands]


def halt(crossing: CrossingState) -> Commands:
    """Stop what reader or vision are doing for this crossing."""
    if isinstance(crossing, Reading) and crossing.dossier.evidence.checks is None:
        return (CancelRead(ticket=crossing.dossier.ticket),)
    if isinstance(crossing, Verifying):
        return (StopVerify(ticket=crossing.dossier.ticket),)
    return ()


def append_decision(dossier: Dossier, now_ns: int, profile: Profile) -> Append:
    """The command that makes this dossier's decision durable."""
    return Append(
        ticket=dossier.ticket,
        facts=decision_facts(dossier, now_ns, profile),
        holder=dossier.holder,
    )


def append_actuation(ticket: int, action: str, by: str, why: str, profile: Profile) -> Append:
    """The command that records an actuation, ahead of it."""
    return Append(ticket=ticket, facts=actuation_facts(action, by, why, profile))


def append_system(facts: SystemFacts, profile: Profile, ticket: int = 0) -> Append:
    """The command that records something about the lane itself."""
    return Append(ticket=ticket, facts=system_facts(facts, profile))


def with_circumstances(dossier: Dossier, reasons: tuple[Reason, ...]) -> Dossier:
    """Add reasons that lie outside document, lists and face."""
    if not reasons:
        return dossier
    known = dossier.evidence.circumstances
    new = tuple([reason for reason in reasons if reason not in known])
    if not new:
        return dossier
    return replace(dossier, evidence=replace(dossier.evidence, circumstances=known + new))


def with_mishaps(dossier: Dossier, reasons: tuple[Reason, ...]) -> Dossier:
    """Add what went wrong after the decision: it belongs to the end, not to the decision."""
    if not reasons:
        return dossier
    new = tuple([reason for reason in reasons if reason not in dossier.mishaps])
    return replace(dossier, mishaps=dossier.mishaps + new)


def end_reasons(dossier: Dossier) -> tuple[Reason, ...]:
    """Why the crossing did not simply pass: the decision's reasons and the mishaps."""
    reasons = set(dossier.decision.reasons) if dossier.decision else set()
    return ordered(reasons | set(dossier.mishaps))


def decided(
    dossier: Dossier,
    now_ns: int,
    profile: Profile,
    decision: Decision | None = None,
    accepted_ns: int | None = None,
) -> Dossier:
    """Let the policy decide on the dossier as it stands, unless it just did.

    `accepted_ns`: when an accept goes to the journal, if it is one.
    """
    if decision is None:
        decision = decide(dossier.evidence, policy_settings(profile))
    times = dossier.times
    if times.decided_ns is None or accepted_ns is not None:
        times = replace(
            times,
            decided_ns=now_ns if times.decided_ns is None else times.decided_ns,
            accepted_ns=times.accepted_ns if accepted_ns is None else accepted_ns,
        )
    return replace(dossier, decision=decision, times=times)


def refer(
    state: State, dossier: Dossier, reasons: tuple[Reason, ...], now_ns: int, profile: Profile
) -> Moved:
    """Ask an officer: record why, and wait for at most `officer_ms` in all."""
    dossier = decided(with_circumstances(dossier, reasons), now_ns, profile)
    if dossier.decision is not None and dossier.decision.outcome is OUTCOME_ADMIT:
        dossier = decided(with_circumstances(dossier, (Reason.PERMIT_REFUSED,)), now_ns, profile)
    due_ns = dossier.officer_due_ns
    if due_ns is None:
        due_ns = after(now_ns, profile.budgets.officer_ms)
    times = dossier.times
    if times.accepted_ns is not None and Reason.RECORD_FAILED not in reasons:
        times = replace(times, accepted_ns=None)
    dossier = replace(dossier, officer_due_ns=due_ns, officer="", times=times)
    commands = (*halt(state.crossing), append_decision(dossier, now_ns, profile))
    return replace(state, crossing=Referred(dossier=dossier, due_ns=due_ns)), commands


def walked_away(state: State, dossier: Dossier, now_ns: int, profile: Profile) -> Moved:
    """The zone is empty again before anything opened: the traveller went away."""
    reasons = (Reason.WALKED_AWAY,)
    commands: Commands = ()
    if not isinstance(state.crossing, Referred):
        dossier = decided(with_circumstances(dossier, reasons), now_ns, profile)
        commands = (*halt(state.crossing), append_decision(dossier, now_ns, profile))
    dossier = with_mishaps(dossier, reasons)
    state, more = finish(state, dossier, "abandoned", 0, now_ns, profile)
    return state, commands + more


def finish(
    state: State,
    dossier: Dossier,
    outcome: str,
    passages: int | None,
    now_ns: int,
    profile: Profile,
    *,
    vacated: bool = False,
    withdraw: bool = False,
) -> Moved:
    """End a crossing: record it and wipe it; the topology then says what follows.

    `vacated` and `withdraw` are those of `Ended`.
    """
    reasons = end_reasons(dossier)
    commands: Commands = (
        Append(
            ticket=dossier.ticket,
            facts=finish_facts(
                dossier, outcome, reasons, passages, now_ns, profile, state.counters
            ),
        ),
        Wipe(ticket=dossier.ticket),
    )
    last = Last(
        ticket=dossier.ticket,
        outcome=outcome,
        reasons=tuple(reason.value for reason in reasons),
        officer=dossier.officer,
        at_ns=now_ns,
        unjudged=unjudged(reasons, dossier.evidence.checks or ()),
    )
    ended = Ended(
        ticket=dossier.ticket,
        vacated=vacated,
        withdraw=withdraw,
        exit_used=isinstance(state.crossing, RELEASED),
    )
    return replace(state, crossing=Idle(), ended=ended, last=last), commands


def alarm(state: State, reason: Reason) -> State:
    """Latch an alarm: the lane is out of service until an officer acknowledged."""
    if reason in state.alarms:
        return state
    return replace(state, alarms=(*state.alarms, reason))


def can_close(state: State) -> bool:
    """Whether the zone lets a close be commanded."""
    plant = state.plant
    return (
        state.mode is not MODE_EVACUATION
        and plant.fire is FLAG_CLEAR
        and plant.zone is ZONE_EMPTY
        and plant.obstruction is FLAG_CLEAR
    )


def close(ticket: int, why: str, profile: Profile) -> Commands:
    """Withdraw the release of this ticket, on the record."""
    return (append_actuation(ticket, "close", "machine", why, profile), Close(ticket=ticket))


def standing(state: State, now_ns: int, profile: Profile) -> tuple[Reason, ...]:
    """What about the lane itself rules an admission out at this moment."""
    reasons: list[Reason] = []
    if not lease_live(state, now_ns, profile):
        reasons.append(Reason.LEASE_LOST)
    if state.mode is not MODE_AUTO:
        reasons.extend(state.alarms or (Reason.DEVICE_FAILED,))
    if state.plant.zone is ZONE_MANY:
        reasons.append(Reason.TAILGATING)
    if state.plant.power_loss is FLAG_ACTIVE:
        reasons.append(Reason.POWER_LOST)
    return tuple(reasons)
