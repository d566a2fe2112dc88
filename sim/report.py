"""What a run was: counts, the cast against its expectations, percentiles of the steps.

Works on what FINISH records say, so the same report stands for the virtual clock and for
a live run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sim.scenario import Scenario, Traveller

PERCENTILES = (50, 95, 99)


class Ended(Protocol):
    """How one crossing ended."""

    @property
    def outcome(self) -> str:
        """As in the FINISH record."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """As in the FINISH record."""

    @property
    def spans_ms(self) -> dict[str, float]:
        """As in the FINISH record."""


class CastRow(msgspec.Struct, frozen=True, kw_only=True):
    """One traveller: what was expected, what came."""

    name: str
    lane: int
    expected: str
    expected_reasons: tuple[str, ...]
    outcome: str
    reasons: tuple[str, ...]
    ok: bool


def as_expected(traveller: Traveller, ended: Ended | None) -> bool:
    """Whether a crossing ended as the scenario says."""
    if ended is None or ended.outcome != traveller.expect.outcome:
        return False
    wanted, given = set(traveller.expect.reasons), set(ended.reasons)
    return wanted <= given if wanted else not given


def cast_rows(scenario: Scenario, ended: Mapping[int, Sequence[Ended]]) -> list[CastRow]:
    """The cast in the order of the file.

    Args:
        scenario: what was played, once.
        ended: by lane, its crossings in the order in which they ended. Travellers of a
            lane come one after the other, so the n-th belongs to the n-th crossing.
    """
    places: Counter[int] = Counter()
    rows = []
    for traveller in scenario.travellers:
        crossings = ended.get(traveller.lane, ())
        place = places[traveller.lane]
        places[traveller.lane] += 1
        mine = crossings[place] if place < len(crossings) else None
        rows.append(
            CastRow(
                name=traveller.name,
                lane=traveller.lane,
                expected=traveller.expect.outcome,
                expected_reasons=traveller.expect.reasons,
                outcome=mine.outcome if mine else "none",
                reasons=mine.reasons if mine else (),
                ok=as_expected(traveller, mine),
            )
        )
    return rows


def counts(ended: Mapping[int, Sequence[Ended]]) -> dict[str, Any]:
    """`crossings`, `admitted`, `referred` by reason, `accepted`, `refused`, `abandoned`.

    A referral counts under each of its reasons, whatever the officer then did.
    """
    every = [one for lane in ended.values() for one in lane]
    outcomes = Counter(one.outcome for one in every)
    referred: Counter[str] = Counter()
    for one in every:
        if one.outcome in ("accepted", "refused", "referred"):
            referred.update(one.reasons)
    return {
        "crossings": len(every),
        "admitted": outcomes["admitted"],
        "accepted": outcomes["accepted"],
        "refused": outcomes["refused"],
        "abandoned": outcomes["abandoned"],
        "referred": dict(sorted(referred.items())),
    }


def steps(ended: Mapping[int, Sequence[Ended]]) -> dict[str, dict[str, float]]:
    """`p50_ms`, `p95_ms` and `p99_ms` of each step over all crossings."""
    spans: dict[str, list[float]] = {}
    for lane in ended.values():
        for one in lane:
            for step, span in one.spans_ms.items():
                spans.setdefault(step, []).append(span)
    return {
        step: {f"p{p}_ms": percentile(values, p) for p in PERCENTILES}
        for step, values in sorted(spans.items())
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
