"""The one judgement of a run: each traveller against their file, each claim with its evidence.

It knows nothing of how the run was carried out: crossings come from FINISH records, rows
from the timeline. So a day on the virtual clock and the same day in real time are judged
alike.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from sim.scenario.parts import Claim
from sim.scenario.scenario import Scenario
from sim.scenario.timeline import Row, Timeline
from sim.scenario.traveller import Traveller

LASTING = ("step", "mode", "zone", "exit")


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
    """One traveller: what was expected, what came. `expected` is empty where nothing was."""

    name: str
    lane: int
    expected: str
    expected_reasons: tuple[str, ...]
    outcome: str
    reasons: tuple[str, ...]
    ok: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One claim: whether it held, and what shows it."""

    claim: str
    ok: bool
    evidence: str


def as_expected(traveller: Traveller, ended: Ended | None) -> bool:
    """Whether a crossing ended as the scenario says.

    Every expected reason must be on record; where none is expected, none may be.
    """
    expect = traveller.expect
    if expect is None:
        return True
    outcome = ended.outcome if ended is not None else "none"
    if outcome != expect.outcome:
        return False
    wanted, given = set(expect.reasons), set(ended.reasons if ended is not None else ())
    return wanted <= given if wanted else not given


def cast_row(traveller: Traveller, lane: int, ended: Ended | None) -> CastRow:
    """One traveller's row."""
    expect = traveller.expect
    return CastRow(
        name=traveller.name,
        lane=lane,
        expected=expect.outcome if expect else "",
        expected_reasons=expect.reasons if expect else (),
        outcome=ended.outcome if ended else "none",
        reasons=ended.reasons if ended else (),
        ok=as_expected(traveller, ended),
    )


def cast_in_order(scenario: Scenario, ended: Mapping[int, Sequence[Ended]]) -> list[CastRow]:
    """The cast in the order of the file, where the order alone shows who is who.

    Args:
        scenario: what was played, once.
        ended: by lane, its crossings in the order in which they ended. Travellers of a
            lane come one after the other, so the n-th belongs to the n-th crossing.
    """
    places: Counter[int] = Counter()
    rows = []
    for traveller in scenario.travellers:
        lane = traveller.lane or 0
        crossings = ended.get(lane, ())
        place = places[lane]
        places[lane] += 1
        mine = crossings[place] if place < len(crossings) else None
        rows.append(cast_row(traveller, lane, mine))
    return rows


class Spans:
    """How long steps took, in little memory: single precision, in order of arrival."""

    def __init__(self) -> None:
        self._by_step: dict[str, array[float]] = {}

    def add(self, spans_ms: Mapping[str, float]) -> None:
        """One crossing."""
        for step, span in spans_ms.items():
            self._by_step.setdefault(step, array("f")).append(span)

    def of(self, step: str) -> Sequence[float]:
        """All spans of a step."""
        return self._by_step.get(step, array("f"))

    def steps(self) -> list[str]:
        """The steps that were measured."""
        return sorted(self._by_step)


class _Watch(NamedTuple):
    """What was seen of one claim so far; a claim that lasts holds a value per lane."""

    claim: Claim
    now: dict[int, tuple[float, str]]
    seen: Counter[str]
    first: dict[str, Row]


class Judge:
    """Follows a run's timeline and says at its end which claims held."""

    def __init__(self, scenario: Scenario, timeline: Timeline) -> None:
        lanes = [lane.number for lane in scenario.lanes]
        self._lanes = lanes
        self._watches = [_Watch(claim, {}, Counter(), {}) for claim in scenario.expectations]
        timeline.listen(self._row)

    def _row(self, row: Row) -> None:
        for watch in self._watches:
            claim = watch.claim
            if row.what != claim.what or claim.lane not in (None, row.lane):
                continue
            matches = claim.value in ("", row.value)
            before = watch.now.get(row.lane)
            watch.now[row.lane] = (row.at_s, row.value)
            if claim.what in LASTING and before is not None:
                self._lasted(watch, before, row.at_s)
            if _within(claim, row.at_s):
                name = "match" if matches else "other"
                watch.seen[name] += 1
                watch.first.setdefault(name, row)

    @staticmethod
    def _lasted(watch: _Watch, before: tuple[float, str], until_s: float) -> None:
        """What held from one row to the next counts too where the claim's time begins later."""
        since_s, value = before
        claim = watch.claim
        begins_s = max(since_s, float(claim.from_s))
        if begins_s >= until_s or not _within(claim, begins_s):
            return
        name = "match" if claim.value in ("", value) else "other"
        if name not in watch.first:
            watch.first[name] = Row(begins_s, 0, claim.what, value)

    def verdicts(self, spans: Spans, ended_s: float) -> list[Verdict]:
        """Every claim with its evidence."""
        found = []
        for watch in self._watches:
            if watch.claim.what in LASTING:
                for now in watch.now.values():
                    self._lasted(watch, now, ended_s + 1.0)
            found.append(_verdict(watch, spans))
        return found


def _within(claim: Claim, at_s: float) -> bool:
    return claim.from_s <= at_s and (claim.until_s is None or at_s < claim.until_s)


def _verdict(watch: _Watch, spans: Spans) -> Verdict:
    claim = watch.claim
    match, other = watch.first.get("match"), watch.first.get("other")
    if claim.kind == "percentile":
        values = spans.of(claim.span)
        if not values:
            return Verdict(claim=_words(claim), ok=False, evidence="no crossing was measured")
        found = percentile(values, claim.percent)
        evidence = f"{found:.0f} ms over {len(values)} crossings"
        return Verdict(claim=_words(claim), ok=found <= claim.max_ms, evidence=evidence)
    if claim.kind == "count":
        count = watch.seen["match"]
        ok = claim.least <= count and (claim.most is None or count <= claim.most)
        return Verdict(claim=_words(claim), ok=ok, evidence=f"{count} times")
    if claim.kind == "eventually":
        evidence = _seen(match) if match else "it never came"
        return Verdict(claim=_words(claim), ok=match is not None, evidence=evidence)
    against = other if claim.kind == "always" else match
    ok = against is None and not (claim.kind == "always" and match is None)
    evidence = _seen(against) if against else "all the time" if match else "it did not come"
    return Verdict(claim=_words(claim), ok=ok, evidence=evidence)


def _seen(row: Row) -> str:
    where = f"lane {row.lane}: " if row.lane else ""
    return f"{where}{row.what} was {row.value} at {row.at_s:.1f} s"


def _words(claim: Claim) -> str:
    where = f" at lane {claim.lane}" if claim.lane is not None else ""
    until = f" to {claim.until_s} s" if claim.until_s is not None else ""
    when = f" from {claim.from_s} s{until}" if claim.from_s or until else ""
    if claim.kind == "percentile":
        return f"p{claim.percent} of {claim.span} at most {claim.max_ms:.0f} ms"
    if claim.kind == "count":
        most = f", at most {claim.most}" if claim.most is not None else ""
        return f"{claim.what} {claim.value or 'of any kind'} at least {claim.least}{most}{where}"
    return f"{claim.kind} {claim.what} {claim.value or 'of any kind'}{where}{when}"


def percentile(values: Iterable[float], percent: int) -> float:
    """The nearest-rank percentile.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
