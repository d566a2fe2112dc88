"""The facts of each record, as plain data that identifies nobody.

    DECISION   what the machine decided, on what evidence, how long each step took
    OFFICER    what an officer did, about which evidence
    ACTUATION  a command that moves hardware: which, on whose word (written before it)
    FINISH     how the crossing ended and how many went through
    SYSTEM     start, modes, alarms, refused commands, ignored actions

Every record names the effective profile by its hash. A decision, an officer's word and an end
also say where they happened: the crossing point, its authority, and the direction in which
travellers crossed at that moment (Regulation (EU) 2017/2226, Articles 16 and 18). Members of an
enumeration are strings and are encoded as such.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from firmware_cfg.profile import Profile
from gate_agent.core.budgets import timing
from gate_agent.core.policy import Evidence, Outcome
from gate_agent.core.reasons import Reason
from gate_agent.core.states import Dossier, Referred, State


@lru_cache(maxsize=16)
def profile_sha256(profile: Profile) -> str:
    """Hash of the effective profile: SHA-256 over its JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(profile, order="sorted")).hexdigest()


def direction(profile: Profile, *, reverse: bool) -> str:
    """Which way travellers cross, `entry` or `exit`; `reverse`: the lane is swapped."""
    wired = profile.lane.direction
    if not reverse:
        return wired
    return "exit" if wired == "entry" else "entry"


def place(dossier: Dossier | None, profile: Profile) -> dict[str, Any]:
    """Where a crossing happened; `direction` is None for what belongs to none, or is forgotten."""
    lane = profile.lane
    return {
        "direction": direction(profile, reverse=dossier.reversed) if dossier else None,
        "authority": lane.authority,
        "crossing_point": lane.crossing_point,
    }


def face_facts(dossier: Dossier) -> dict[str, Any]:
    """The face as evidence: scores of the best frame, never a picture or a template."""
    facts: dict[str, Any] = {"frames": dossier.frames, "guidance": dossier.guidance}
    best = dossier.evidence.best
    if best is None:
        return facts | {"faces": 0, "pad": "attack" if dossier.evidence.attack else "not_run"}
    facts |= {
        "faces": best.faces,
        "pad": "attack" if dossier.evidence.attack else best.liveness.state,
        "pad_score": best.liveness.score,
        "quality": {part.id: part.value for part in best.quality},
    }
    if best.match is not None:
        match = best.match
        facts |= {
            "score": match.score,
            "threshold": match.threshold,
            "fmr": match.fmr,
            "llr": match.llr,
        }
    return facts


def _checks(evidence: Evidence) -> list[list[Any]]:
    return [[check.id, check.result, check.mode, check.ms] for check in evidence.checks or ()]


def _list(evidence: Evidence) -> dict[str, Any]:
    return {"state": evidence.list_state, "age_s": evidence.list_age_s}


def decision_facts(dossier: Dossier, now_ns: int, profile: Profile) -> dict[str, Any]:
    """Facts of a DECISION record."""
    decision = dossier.decision
    evidence = dossier.evidence
    models = dossier.models
    spans_ms, deadlines = timing(dossier.times, now_ns, profile.budgets)
    return {
        "outcome": decision.outcome if decision else Outcome.REFER,
        "reasons": list(decision.reasons) if decision else [],
        "checks": _checks(evidence),
        "attributes": msgspec.to_builtins(evidence.attributes),
        "face": face_facts(dossier),
        "models": msgspec.to_builtins(models) if models else {},
        "list": _list(evidence),
        "spans_ms": spans_ms,
        "deadlines": deadlines,
        "occupancy": dossier.occupancy,
        **place(dossier, profile),
        "profile_sha256": profile_sha256(profile),
    }


def officer_facts(
    action: str,
    officer: str,
    reason: str,
    evidence: str,
    dossier: Dossier | None,
    profile: Profile,
) -> dict[str, Any]:
    """Facts of an OFFICER record; `evidence` is the hash of what the officer saw.

    `dossier` is the traveller's whom it decides on, None for an action on the lane itself.
    """
    return {
        "action": action,
        "officer": officer,
        "reason": reason,
        "evidence_sha256": evidence,
        **place(dossier, profile),
        "profile_sha256": profile_sha256(profile),
    }


def actuation_facts(action: str, by: str, why: str, profile: Profile) -> dict[str, Any]:
    """Facts of an ACTUATION record: which command, on whose word, for what reason."""
    return {
        "action": action,
        "by": by,
        "why": why,
        "profile_sha256": profile_sha256(profile),
    }


def finish_facts(
    dossier: Dossier,
    outcome: str,
    reasons: tuple[Reason, ...],
    passages: int | None,
    now_ns: int,
    profile: Profile,
) -> dict[str, Any]:
    """Facts of a FINISH record; `passages` is None where the counter is not known."""
    spans_ms, deadlines = timing(dossier.times, now_ns, profile.budgets)
    return {
        "outcome": outcome,
        "reasons": list(reasons),
        "passages": passages,
        "officer": dossier.officer,
        **place(dossier, profile),
        "spans_ms": spans_ms,
        "deadlines": deadlines,
        "profile_sha256": profile_sha256(profile),
    }


def restart_facts(profile: Profile) -> dict[str, Any]:
    """Facts of the FINISH record of a crossing that a restart cut off."""
    return {
        "outcome": "referred",
        "reasons": [Reason.RESTART.value],
        "passages": None,
        "officer": "",
        **place(None, profile),
        "spans_ms": {},
        "deadlines": {},
        "profile_sha256": profile_sha256(profile),
    }


def system_facts(event: str, profile: Profile, **details: Any) -> dict[str, Any]:
    """Facts of a SYSTEM record: what happened, and its details in plain data."""
    return {"event": event, **details, "profile_sha256": profile_sha256(profile)}


def mode_facts(state: State, profile: Profile) -> dict[str, Any]:
    """Facts of the SYSTEM record of a new mode."""
    return system_facts(
        "mode",
        profile,
        mode=state.mode.value,
        alarms=[alarm.value for alarm in state.alarms],
    )


def evidence_sha256(referred: Referred) -> str:
    """Hash over what the officer sees of a referred crossing, by which a decision names it."""
    dossier = referred.dossier
    decision = dossier.decision
    seen = {
        "ticket": dossier.ticket,
        "checks": _checks(dossier.evidence),
        "attributes": msgspec.to_builtins(dossier.evidence.attributes),
        "list": _list(dossier.evidence),
        "face": face_facts(dossier),
        "decision": msgspec.to_builtins(decision),
    }
    return hashlib.sha256(msgspec.json.encode(seen, order="sorted")).hexdigest()
