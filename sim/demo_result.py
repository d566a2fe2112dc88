"""What a demo came to, told from the records alone: the journals' and the centre's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sim.scenario import Scenario, Traveller
from sync.encoding import encode_record, record_sha256
from sync.types import Record, RecordKind

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


def cast_row(
    traveller: Traveller, finish: Record | None, decision: Record | None
) -> dict[str, Any]:
    """Whether a traveller's crossing ended as the scenario says."""
    outcome = finish.facts["outcome"] if finish else "none"
    reasons = set(finish.facts["reasons"]) if finish else set()
    if decision is not None:
        reasons |= set(decision.facts["reasons"])
    expected = traveller.expect
    return {
        "name": traveller.name,
        "lane": traveller.lane,
        "expected": expected.outcome,
        "outcome": outcome,
        "reasons": sorted(reasons),
        "ok": outcome == expected.outcome and reasons == set(expected.reasons),
    }


def summary(
    scenario: Scenario,
    journals: Mapping[int, Sequence[Record]],
    centre: Sequence[Record],
) -> dict[str, Any]:
    """The JSON object of a demo: `journals` by lane, `centre` everything it stored."""
    cast: list[dict[str, Any]] = []
    spans: dict[str, list[float]] = {}
    referred: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    tiers, pads = set(), set()
    for lane, records in sorted(journals.items()):
        ended = crossings(records)
        for number, traveller in enumerate(scenario.cast(lane)):
            decision, finish = ended[number] if number < len(ended) else (None, None)
            cast.append(cast_row(traveller, finish, decision))
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
        "cast": cast,
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
