"""The facts of each kind of record: the one definition that schema, documents and pages follow.

    DecisionFacts   what the machine decided, on what evidence, how long each step took
    OfficerFacts    what an officer did, about which evidence
    ActuationFacts  a command that moves hardware: which, by whom, why (written before it)
    FinishFacts     how the crossing ended and how many went through
    SystemFacts     start, modes, alarms, refused commands, ignored actions, erasures

Facts identify no person. Readers ignore keys that they do not know: keys may be added within a
version, never removed or given another meaning. What has a default may be absent from an older
record. Fields follow Regulation (EU) 2017/2226, Articles 16 and 18.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from drivers.types import HolderAttributes
from firmware_cfg.packs.columns import RuleInputs
from firmware_cfg.types import Sha256
from gate_agent.core.reasons import Outcome, Reason
from gate_agent.core.record_blocks import (
    CaseCode,
    CheckFact,
    CounterFacts,
    Deadlines,
    Direction,
    FaceFacts,
    Finding,
    GateZone,
    InspectionDay,
    LadderFacts,
    ListAsked,
    ListFacts,
    ModelFacts,
    Note,
    OfficerSignature,
    SealedListNote,
    Spans,
    UncheckedFacts,
)
from sync.log.types import Record, RecordKind


class _AtACrossingPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where it happened, in which direction and on which day, with the profile in force.

    Older records lack the first four: the profile that `profile_sha256` names has them.
    """

    direction: Direction = None
    authority: Annotated[str, Meta(description="Art. 16(2), 18(6): the border authority")] = ""
    crossing_point: Annotated[
        str, Meta(description="Art. 16(2), 16(3), 18(6): the border crossing point")
    ] = ""
    time_zone: GateZone | UnsetType = UNSET
    inspection_day: InspectionDay | UnsetType = UNSET
    profile_sha256: Sha256


class DecisionFacts(
    _AtACrossingPoint, frozen=True, kw_only=True, tag_field="kind", tag="decision", gc=False
):
    """The machine admitted, or referred to an officer; never refused."""

    kind: ClassVar[RecordKind] = RecordKind.DECISION

    outcome: Outcome
    reasons: tuple[Reason, ...]
    checks: tuple[CheckFact, ...]
    attributes: HolderAttributes | None
    face: FaceFacts
    models: ModelFacts
    lists_answer: ListFacts = msgspec.field(name="list")
    spans_ms: Spans
    deadlines: Deadlines
    occupancy: Annotated[int, Meta(description="number of the stay in the zone")] | None
    findings: tuple[Finding, ...] | UnsetType = UNSET
    inputs: RuleInputs | UnsetType = UNSET
    lists: Annotated[tuple[ListAsked, ...], Meta(max_length=16)] | UnsetType = UNSET
    ladder: LadderFacts | UnsetType = UNSET
    sealed_list_note: SealedListNote | UnsetType = UNSET
    case_code: CaseCode | UnsetType = UNSET


class OfficerFacts(
    _AtACrossingPoint, frozen=True, kw_only=True, tag_field="kind", tag="officer", gc=False
):
    """An officer acted. `evidence_sha256` names what was on the page; `reason` is the officer's."""

    kind: ClassVar[RecordKind] = RecordKind.OFFICER

    action: str
    officer: Annotated[str, Meta(min_length=1, description="the account, not a person's name")]
    reason: str
    evidence_sha256: str
    signature: OfficerSignature | UnsetType = UNSET
    case_code: CaseCode | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    unchecked: UncheckedFacts | UnsetType = UNSET


class ActuationFacts(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="actuation", gc=False
):
    """A command that moves hardware, by whom and why; written before it is given."""

    kind: ClassVar[RecordKind] = RecordKind.ACTUATION

    action: str
    by: str
    why: str
    time_zone: GateZone | UnsetType = UNSET
    profile_sha256: Sha256


class FinishFacts(
    _AtACrossingPoint, frozen=True, kw_only=True, tag_field="kind", tag="finish", gc=False
):
    """How a crossing ended; `passages` is None where the counter is not known."""

    kind: ClassVar[RecordKind] = RecordKind.FINISH

    outcome: str
    reasons: tuple[Reason, ...]
    passages: int | None
    officer: str
    spans_ms: Spans
    deadlines: Deadlines = {}
    counters: CounterFacts | UnsetType = UNSET


class SystemFacts(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="system", gc=False
):
    """Something about the lane itself; which details are there depends on `event`.

    `start`: `unfinished` (tickets) · `mode`: `mode`, `alarms` · `conditions`: `device`,
    `conditions` · `device_failed`: `device`, `code` · `officer_ignored`: `action`, `officer`,
    `why` · `permit_refused`: `action`, `clause` · `door_forced`: `door`, `mode` · `passage` (no
    release was out for it) and `counter_jumped`: `mode`, `passages_exit`, `passages_entry`,
    `uncounted`, `counters` · `erasure`, written by the journal itself and without a profile:
    `seqs`, `reason` · `trim`, likewise: `to_seq`, `root`, `kept_days`.
    """

    kind: ClassVar[RecordKind] = RecordKind.SYSTEM

    event: Annotated[str, Meta(min_length=1)]
    profile_sha256: Sha256 | UnsetType = UNSET
    time_zone: GateZone | UnsetType = UNSET
    unfinished: tuple[int, ...] | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    alarms: tuple[Reason, ...] | UnsetType = UNSET
    device: str | UnsetType = UNSET
    code: int | UnsetType = UNSET
    conditions: tuple[str, ...] | UnsetType = UNSET
    action: str | UnsetType = UNSET
    officer: str | UnsetType = UNSET
    why: str | UnsetType = UNSET
    clause: str | UnsetType = UNSET
    door: str | UnsetType = UNSET
    passages_exit: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    passages_entry: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    uncounted: bool | UnsetType = UNSET
    counters: CounterFacts | UnsetType = UNSET
    seqs: tuple[int, ...] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    to_seq: int | UnsetType = UNSET
    root: str | UnsetType = UNSET
    kept_days: int | UnsetType = UNSET


Facts = DecisionFacts | OfficerFacts | ActuationFacts | FinishFacts | SystemFacts


def plain_facts(facts: Facts) -> dict[str, Any]:
    """Facts as a record holds them: plain data without `kind`, which the record itself names.

    Bytes stay bytes: a record is msgpack.
    """
    plain: dict[str, Any] = msgspec.to_builtins(facts, builtin_types=(bytes,))
    del plain["kind"]
    return plain


def facts_of(record: Record) -> Facts:
    """The facts of a record that was read, typed.

    Raises:
        msgspec.ValidationError: they are not those of this version or an older one.
    """
    facts: Facts = msgspec.convert({**record.facts, "kind": record.kind.value}, Facts)
    return facts
