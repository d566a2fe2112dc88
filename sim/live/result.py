"""What a demo came to, told from the records alone: the journals' and the centre's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

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


def crossings(records: Iterable[Record]) -> list[tuple[Record | None, Record]]:
    """Decision and finish of every crossing that ended, in the order of their tickets."""
    decisions: dict[int, Record] = {}
    finishes: dict[int, Record] = {}
    for record in records:
        if record.kind is RecordKind.DECISION:
            decisions[record.ticket] = record
        elif record.kind is RecordKind.FINISH:
            finishes[record.ticket] = record
    return [(decisions.get(ticket), finishes[ticket]) for ticket in sorted(finishes)]


class _Ended(NamedTuple):
    """How one crossing ended, as its records have it: reasons of the decision and after it."""

    outcome: str
    reasons: tuple[str, ...]
    spans_ms: dict[str, float]


def _ended(decision: Record | None, finish: Record) -> _Ended:
    reasons = set(finish.facts["reasons"])
    if decision is not None:
        reasons |= set(decision.facts["reasons"])
    outcome, spans = str(finish.facts["outcome"]), dict(finish.facts["spans_ms"])
    return _Ended(outcome, tuple(sorted(reasons)), spans)


def summary(
    scenario: Scenario,
    journals: Mapping[int, Sequence[Record]],
    centre: Sequence[Record],
) -> dict[str, Any]:
    """The JSON object of a demo: `journals` by lane, `centre` everything it stored."""
    ends: dict[int, list[_Ended]] = {}
    spans: dict[str, list[float]] = {}
    referred: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    tiers, pads = set(), set()
    for lane, records in sorted(journals.items()):
        ended = crossings(records)
        ends[lane] = [_ended(decision, finish) for decision, finish in ended]
        for decision, finish in ended:
            outcomes[finish.facts["outcome"]] += 1
            for step, span in finish.facts["spans_ms"].items():
                spans.setdefault(step, []).append(span)
            if decision is not None:
                if decision.facts["outcome"] == "refer":
                    referred.update(decision.facts["reasons"])
                tiers.add(decision.facts["models"].get("tier"))
                pads.add(decision.facts["models"].get("pad", False))
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
        "tier": next((str(tier) for tier in sorted(tiers - {None}, key=str)), "none"),
        "pad": "run" if True in pads else "not_run",
    }


def _hash(record: Record) -> str:
    return record_sha256(encode_record(record))
