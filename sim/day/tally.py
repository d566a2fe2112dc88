"""What a run came to, counted crossing by crossing, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sim.day.judge import CastRow, Ended, Spans, cast_row, percentile
from sim.scenario.traveller import Traveller

PERCENTILES = (50, 95, 99)
MAX_ODD = 50
REFERRED = ("accepted", "refused", "referred")


class Tally:
    """Counts crossings and judges travellers.

    Args:
        named: the cast that is reported one by one.
        crowd: all others; only those are kept who ended unexpectedly.
    """

    def __init__(self, named: Mapping[str, Traveller], crowd: Mapping[str, Traveller]) -> None:
        self._named = named
        self._crowd = crowd
        self._ended: dict[str, tuple[int, Ended]] = {}
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self.served = 0
        self.odd: list[CastRow] = []
        self.odd_total = 0
        self.spans = Spans()

    def ended(self, lane: int, name: str, ended: Ended) -> None:
        """A crossing ended; the name is empty where it is not known whose it was."""
        self._outcomes[ended.outcome] += 1
        self.spans.add(ended.spans_ms)
        if ended.outcome in REFERRED:
            self._reasons.update(ended.reasons)
        if name in self._named:
            self._ended[name] = (lane, ended)
        elif name in self._crowd:
            self.served += 1
            row = cast_row(self._crowd[name], lane, ended)
            if not row.ok:
                self.odd_total += 1
                if len(self.odd) < MAX_ODD:
                    self.odd.append(row)

    def cast(self) -> list[CastRow]:
        """Every traveller by name, in the order of the file."""
        rows = []
        for name, traveller in self._named.items():
            lane, ended = self._ended.get(name, (traveller.lane or 0, None))
            rows.append(cast_row(traveller, lane, ended))
        return rows

    def counts(self) -> dict[str, Any]:
        """`crossings`, `admitted`, `referred` by reason, `accepted`, `refused`, `abandoned`.

        A referral counts under each of its reasons, whatever the officer then did.
        """
        return {
            "crossings": self._outcomes.total(),
            "admitted": self._outcomes["admitted"],
            "accepted": self._outcomes["accepted"],
            "refused": self._outcomes["refused"],
            "abandoned": self._outcomes["abandoned"],
            "referred": dict(sorted(self._reasons.items())),
        }

    def steps(self) -> dict[str, dict[str, float]]:
        """`p50_ms`, `p95_ms` and `p99_ms` of each step over all crossings, to 0.1 ms."""
        return {
            step: {
                f"p{percent}_ms": round(percentile(self.spans.of(step), percent), 1)
                for percent in PERCENTILES
            }
            for step in self.spans.steps()
        }
