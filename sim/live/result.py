"""What a demo came to, read from the records alone: the journals' and the centre's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from gate_agent.core.facts import DecisionFacts, FinishFacts, facts_of
from gate_agent.core.reasons import Outcome
from sim.day.judge import cast_in_order
from sim.scenario.scenario import Scenario
from sync.log.encoding import encode_record, record_sha256
from sync.log.types import Record, RecordKind

Key = tuple[str, str, int]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Nearest-rank percentiles of durations in ms, rounded to 0.1."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"p50_ms": at(0.50), "p95_ms": at(0.95), "p99_ms": at(0.99)}


class EndedCrossing(NamedTuple):
    """One crossing as its records have it."""

    ticket: int
    decision: DecisionFacts | None
    finish: FinishFacts

    @property
    def outcome(self) -> str:
        """How it ended."""
        return self.finish.outcome

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons of the decision and after it, sorted by name."""
        decided = self.decision.reasons if self.decision else ()
        return tuple(sorted({reason.value for reason in (*decided, *self.finish.reasons)}))

    @property
    def spans_ms(self) -> dict[str, float]:
        """How long each step took."""
        return dict(self.finish.spans_ms)


def crossings(records: Iterable[Record]) -> list[EndedCrossing]:
    """Every crossing that ended, in the order of their tickets."""
    decisions: dict[int, DecisionFacts] = {}
    finishes: dict[int, FinishFacts] = {}
    for record in records:
        if record.kind not in (RecordKind.DECISION, RecordKind.FINISH):
            continue
        facts = facts_of(record)
        if isinstance(facts, DecisionFacts):
            decisions[record.ticket] = facts
        elif isinstance(facts, FinishFacts):
            finishes[record.ticket] = facts
    return [
        EndedCrossing(ticket, decisions.get(ticket), finishes[ticket])
        for ticket in sorted(finishes)
    ]


def summary(
    scenario: Scenario,
    journals: Mapping[int, Sequence[Record]],
    centre: Sequence[Record],
) -> dict[str, Any]:
    """The JSON object of a demo: `journals` by lane, `centre` everything it stored."""
    ends: dict[int, list[EndedCrossing]] = {}
    spans: dict[str, list[float]] = {}
    referred: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    tiers: set[str] = set()
    pads: set[bool] = set()
    for lane, records in sorted(journals.items()):
        ends[lane] = crossings(records)
        for ended in ends[lane]:
            outcomes[ended.outcome] += 1
            for step, span in ended.spans_ms.items():
                spans.setdefault(step, []).append(span)
            if ended.decision is None:
                continue
            if ended.decision.outcome is Outcome.REFER:
                referred.update(reason.value for reason in ended.decision.reasons)
            models = ended.decision.models
            if models.tier is not UNSET:
                tiers.add(models.tier.value)
            if models.pad is not UNSET:
                pads.add(models.pad)
    stored = Counter((r.gate, r.epoch, r.seq) for r in centre)
    hashes = {(r.gate, r.epoch, r.seq): _hash(r) for r in centre}
    ours = [record for records in journals.values() for record in records]
    lost = sum(hashes.get((r.gate, r.epoch, r.seq)) != _hash(r) for r in ours)
    known: set[Key] = {(r.gate, r.epoch, r.seq) for r in ours}
    extra = sum(count - (key in known) for key, count in stored.items())
    return {
        "crossings": sum(outcomes.values()),
        "admitted": outcomes["admitted"],
        "referred": dict(sorted(referred.items())),
        "refused": outcomes["refused"],
        "cast": [msgspec.to_builtins(row) for row in cast_in_order(scenario, ends)],
        "records_journal": len(ours),
        "records_centre": len(centre),
        "lost": lost,
        "duplicated": extra,
        "steps": {step: percentiles(values) for step, values in spans.items()},
        "tier": min(tiers, default="none"),
        "pad": "run" if True in pads else "not_run",
    }


def _hash(record: Record) -> str:
    return record_sha256(encode_record(record))
