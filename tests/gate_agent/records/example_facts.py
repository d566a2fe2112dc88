"""Facts of every kind with as little as they need; tests name what they are about."""

from __future__ import annotations

from typing import Any

import msgspec

from biometrics.types import Guidance, LivenessState
from gate_agent.core.facts import (
    ActuationFacts,
    DecisionFacts,
    Facts,
    FinishFacts,
    OfficerFacts,
    SystemFacts,
)
from gate_agent.core.reasons import Outcome
from gate_agent.core.record_blocks import FaceFacts, ListFacts, ModelFacts
from sync.log.types import RecordKind

PROFILE_SHA256 = "5a" * 32

LEAST: dict[RecordKind, Facts] = {
    RecordKind.DECISION: DecisionFacts(
        outcome=Outcome.REFER,
        reasons=(),
        checks=(),
        attributes=None,
        face=FaceFacts(frames=0, guidance=Guidance.NONE, faces=0, pad=LivenessState.NOT_RUN),
        models=ModelFacts(),
        lists_answer=ListFacts(state=None, age_s=None),
        spans_ms={},
        deadlines={},
        occupancy=1,
        profile_sha256=PROFILE_SHA256,
    ),
    RecordKind.OFFICER: OfficerFacts(
        action="accept",
        officer="o1",
        reason="identity",
        evidence_sha256="",
        profile_sha256=PROFILE_SHA256,
    ),
    RecordKind.ACTUATION: ActuationFacts(
        action="open_exit", by="machine", why="", profile_sha256=PROFILE_SHA256
    ),
    RecordKind.FINISH: FinishFacts(
        outcome="admitted",
        reasons=(),
        passages=1,
        officer="",
        spans_ms={},
        profile_sha256=PROFILE_SHA256,
    ),
    RecordKind.SYSTEM: SystemFacts(event="start", profile_sha256=PROFILE_SHA256),
}


def facts_of(kind: RecordKind, **given: Any) -> Facts:
    """Facts of a kind, with the fields that are given."""
    return msgspec.structs.replace(LEAST[kind], **given)
