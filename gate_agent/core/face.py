"""Handlers of the live face: Verifying, up to the machine's decision."""

from __future__ import annotations

from biometrics.types import Observed, StopVerify, VerifyEnded
from drivers.types import DeviceFailed, DeviceId
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.document import failure_reasons, with_lists
from gate_agent.core.ending import (
    Moved,
    append_actuation,
    append_decision,
    decided,
    refer,
    standing,
)
from gate_agent.core.members import LIVENESS_ATTACK, OUTCOME_ADMIT
from gate_agent.core.messages import Checked, Tick
from gate_agent.core.policy import better, decide, policy_settings
from gate_agent.core.reasons import Reason
from gate_agent.core.states import Deciding, Dossier, State, Verifying, replace


def observed(
    state: State, verifying: Verifying, event: Observed, now_ns: int, profile: Profile
) -> Moved:
    """One frame was looked at: keep the best, admit at the first that satisfies all."""
    dossier = verifying.dossier
    seen = event.observation
    evidence = dossier.evidence
    attack = evidence.attack or seen.liveness.state is LIVENESS_ATTACK
    evidence = replace(
        evidence, best=better(evidence.best, seen, policy_settings(profile)), attack=attack
    )
    dossier = replace(dossier, evidence=evidence, frames=dossier.frames + 1, guidance=seen.guidance)
    if attack:
        return refer(state, dossier, (), now_ns, profile)
    return _admit_if_satisfied(state, verifying, dossier, now_ns, profile)


def lists_checked(
    state: State, verifying: Verifying, event: Checked, now_ns: int, profile: Profile
) -> Moved:
    """The lists answered while the face is compared."""
    dossier = with_lists(verifying.dossier, event)
    return _admit_if_satisfied(state, verifying, dossier, now_ns, profile)


def _admit_if_satisfied(
    state: State, verifying: Verifying, dossier: Dossier, now_ns: int, profile: Profile
) -> Moved:
    decision = decide(dossier.evidence, policy_settings(profile))
    if decision.outcome is not OUTCOME_ADMIT:
        return replace(state, crossing=replace(verifying, dossier=dossier)), ()
    obstacles = standing(state, now_ns, profile)
    if obstacles:
        return refer(state, dossier, obstacles, now_ns, profile)
    dossier = decided(dossier, now_ns, profile, decision, accepted_ns=now_ns)
    deciding = Deciding(
        dossier=dossier,
        due_ns=after(now_ns, profile.budgets.append_ms),
        expires_ns=after(now_ns, profile.budgets.accept_valid_ms),
    )
    commands = (
        StopVerify(ticket=dossier.ticket),
        append_decision(dossier, now_ns, profile),
        append_actuation(dossier.ticket, "open_exit", "machine", "admit", profile),
    )
    return replace(state, crossing=deciding), commands


def verify_ended(
    state: State, verifying: Verifying, _event: VerifyEnded, now_ns: int, profile: Profile
) -> Moved:
    """Vision stopped looking: decide on the best so far."""
    return refer(state, verifying.dossier, (), now_ns, profile)


def verifying_device_failed(
    state: State, verifying: Verifying, event: DeviceFailed, now_ns: int, profile: Profile
) -> Moved:
    """A device that is still needed cannot go on; the reader has done its part."""
    if event.device in (DeviceId.READER, DeviceId.LISTS):
        return state, ()
    return refer(state, verifying.dossier, failure_reasons(event), now_ns, profile)


def verifying_late(
    state: State, verifying: Verifying, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """Time is up, or the plant went stale, while the face is compared."""
    dossier = verifying.dossier
    if state.occupancy != dossier.occupancy:
        return refer(state, dossier, (Reason.DEVICE_FAILED,), now_ns, profile)
    if now_ns < verifying.due_ns:
        return state, ()
    return refer(state, dossier, (), now_ns, profile)
