"""From a crossing's dossier to the facts of its records (`gate_agent.core.facts`).

Every record names the effective profile by its hash. A decision, an officer's action and an end
also state where they happened: the crossing point, its authority, and the direction in which
travellers crossed at that moment (Regulation (EU) 2017/2226, Articles 16 and 18).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from biometrics.types import LivenessState
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import timing
from gate_agent.core.causes import findings
from gate_agent.core.counter import Counters
from gate_agent.core.facts import (
    ActuationFacts,
    DecisionFacts,
    FinishFacts,
    OfficerFacts,
    SystemFacts,
)
from gate_agent.core.policy import Evidence
from gate_agent.core.reasons import Outcome, Reason
from gate_agent.core.record_blocks import (
    CheckFact,
    CounterFacts,
    Direction,
    FaceFacts,
    ListFacts,
    ModelFacts,
)
from gate_agent.core.states import Dossier, Referred, State


@lru_cache(maxsize=16)
def profile_sha256(profile: Profile) -> str:
    """Hash of the effective profile: SHA-256 over its JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(profile, order="sorted")).hexdigest()


def direction(profile: Profile, *, reverse: bool) -> Literal["entry", "exit"]:
    """Which way travellers cross; `reverse`: the lane is swapped."""
    wired = profile.lane.direction
    if not reverse:
        return wired
    return "exit" if wired == "entry" else "entry"


class _Place(TypedDict):
    """Where it happened, as every record of a crossing states it."""

    direction: Direction
    authority: str
    crossing_point: str
    time_zone: str
    inspection_day: str | UnsetType
    profile_sha256: str


def _place(dossier: Dossier | None, profile: Profile) -> _Place:
    """`direction` is None for what belongs to no crossing, or to one that was forgotten."""
    lane = profile.lane
    return _Place(
        direction=direction(profile, reverse=dossier.reversed) if dossier else None,
        authority=lane.authority,
        crossing_point=lane.crossing_point,
        time_zone=lane.time_zone,
        inspection_day=(dossier.inspection_day if dossier else "") or UNSET,
        profile_sha256=profile_sha256(profile),
    )


def face_facts(dossier: Dossier) -> FaceFacts:
    """The face as evidence: scores of the best frame."""
    best, attack = dossier.evidence.best, dossier.evidence.attack
    if best is None:
        pad = LivenessState.ATTACK if attack else LivenessState.NOT_RUN
        return FaceFacts(frames=dossier.frames, guidance=dossier.guidance, faces=0, pad=pad)
    match = best.match
    return FaceFacts(
        frames=dossier.frames,
        guidance=dossier.guidance,
        faces=best.faces,
        pad=LivenessState.ATTACK if attack else best.liveness.state,
        pad_score=best.liveness.score,
        quality={part.id: part.value for part in best.quality},
        score=match.score if match else UNSET,
        threshold=match.threshold if match else UNSET,
        fmr=match.fmr if match else UNSET,
        llr=match.llr if match else UNSET,
    )


def _checks(evidence: Evidence) -> tuple[CheckFact, ...]:
    checks = evidence.checks or ()
    return tuple([CheckFact(check.id, check.result, check.mode, check.ms) for check in checks])


def _list(evidence: Evidence) -> ListFacts:
    return ListFacts(state=evidence.list_state, age_s=evidence.list_age_s)


def _models(dossier: Dossier) -> ModelFacts:
    used = dossier.models
    if used is None:
        return ModelFacts()
    return ModelFacts(tier=used.tier, sha256=used.sha256, pad=used.pad)


def decision_facts(dossier: Dossier, now_ns: int, profile: Profile) -> DecisionFacts:
    """Facts of a DECISION record."""
    decision = dossier.decision
    evidence = dossier.evidence
    reasons = decision.reasons if decision else ()
    spans_ms, deadlines = timing(dossier.times, now_ns, profile.budgets)
    return DecisionFacts(
        outcome=decision.outcome if decision else Outcome.REFER,
        reasons=reasons,
        checks=_checks(evidence),
        attributes=evidence.attributes,
        face=face_facts(dossier),
        models=_models(dossier),
        lists_answer=_list(evidence),
        spans_ms=spans_ms,
        deadlines=deadlines,
        occupancy=dossier.occupancy,
        findings=findings(reasons, evidence.checks or ()) if reasons else UNSET,
        **_place(dossier, profile),
    )


def officer_facts(
    action: str,
    officer: str,
    reason: str,
    evidence: str,
    dossier: Dossier | None,
    profile: Profile,
) -> OfficerFacts:
    """Facts of an OFFICER record; `evidence` is the hash of what the officer saw.

    `dossier` is the traveller's whom it decides on, None for an action on the lane itself.
    """
    return OfficerFacts(
        action=action,
        officer=officer,
        reason=reason,
        evidence_sha256=evidence,
        **_place(dossier, profile),
    )


def actuation_facts(action: str, by: str, why: str, profile: Profile) -> ActuationFacts:
    """Facts of an ACTUATION record: which command, by whom, for what reason."""
    return ActuationFacts(
        action=action,
        by=by,
        why=why,
        time_zone=profile.lane.time_zone,
        profile_sha256=profile_sha256(profile),
    )


def finish_facts(
    dossier: Dossier,
    outcome: str,
    reasons: tuple[Reason, ...],
    passages: int | None,
    now_ns: int,
    profile: Profile,
    counters: Counters | None = None,
) -> FinishFacts:
    """Facts of a FINISH record; `passages` is None where the counter is not known.

    `counters`: those of the device, as far as they are known.
    """
    spans_ms, deadlines = timing(dossier.times, now_ns, profile.budgets)
    return FinishFacts(
        outcome=outcome,
        reasons=reasons,
        passages=passages,
        officer=dossier.officer,
        spans_ms=spans_ms,
        deadlines=deadlines,
        counters=UNSET if counters is None else counter_facts(counters),
        **_place(dossier, profile),
    )


def counter_facts(counters: Counters) -> CounterFacts | UnsetType:
    """The device's counters as records have them; unset where none is known."""
    if counters.exit is None and counters.entry is None:
        return UNSET
    return CounterFacts(exit=counters.exit, entry=counters.entry, bits=counters.bits)


def restart_facts(profile: Profile) -> FinishFacts:
    """Facts of the FINISH record of a crossing that a restart cut off."""
    return FinishFacts(
        outcome="referred",
        reasons=(Reason.RESTART,),
        passages=None,
        officer="",
        spans_ms={},
        deadlines={},
        **_place(None, profile),
    )


def system_facts(facts: SystemFacts, profile: Profile) -> SystemFacts:
    """Facts of a SYSTEM record, with the profile in force."""
    return msgspec.structs.replace(
        facts, profile_sha256=profile_sha256(profile), time_zone=profile.lane.time_zone
    )


def mode_facts(state: State, profile: Profile) -> SystemFacts:
    """Facts of the SYSTEM record of a new mode."""
    return system_facts(SystemFacts(event="mode", mode=state.mode, alarms=state.alarms), profile)


def evidence_sha256(referred: Referred) -> str:
    """Hash over what the officer sees of a referred crossing, by which a decision names it."""
    dossier = referred.dossier
    seen = {
        "ticket": dossier.ticket,
        "checks": _checks(dossier.evidence),
        "attributes": dossier.evidence.attributes,
        "list": _list(dossier.evidence),
        "face": face_facts(dossier),
        "decision": dossier.decision,
    }
    return hashlib.sha256(msgspec.json.encode(seen, order="sorted")).hexdigest()
