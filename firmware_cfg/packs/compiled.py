"""A compiled pack: each column looks up which rows it lets through; the rows are bits.

A lookup gives two masks in one whole number: rows that match for certain, and above them rows
that match possibly. They differ only where a fact is unknown or an interval. The masks of all
columns are combined with AND: what is left are the rows that match this traveller.
"""

from __future__ import annotations

import datetime
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from firmware_cfg.packs.columns import LEVELS, SETS, SPANS, RuleFacts
from firmware_cfg.packs.errors import PackError
from firmware_cfg.packs.pack import Except, Grant, Pack, Refer, Row, codes, rows
from firmware_cfg.packs.reasons import FACTS_UNKNOWN, NOT_ELIGIBLE, RULES_OVERLAP

CHOICES: dict[str, tuple[Any, ...]] = {
    "direction": ("entry", "exit"),
    "ladder": LEVELS,
    "staff": (False, True),
    "accompanied": (False, True),
}
"""Columns with few values."""
CLASSES_MAX = 4096
MEMO_MAX = 4096
ORDINARY = {
    "age": 30,
    "days_to_expiry": 900,
    "height_cm": 170,
    "hour": 12,
    "date": datetime.date(2026, 1, 1).toordinal(),
}
"""Witnesses take a value like these where a class has one."""
HELD = ("entitlements", "list_classes")
"""Columns of codes of which a traveller may have any number."""


Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the rules say of one traveller. They never admit: they refer or do not.

    Attributes:
        grants: entitlements that rows give, in the pack's order.
        reasons: codes of the reasons to refer, in the pack's order.
        rows: ids of the rows behind either.
    """

    outcome: Literal["auto", "refer"]
    grants: tuple[str, ...]
    reasons: tuple[str, ...]
    rows: tuple[str, ...]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the rows, as elementary classes: values that no row distinguishes.

    Attributes:
        column: the field of `RuleFacts`; for a held code `entitlements:evoa`.
        masks: for each class, the rows that it lets through.
        samples: for each class, a value in it, as near to an ordinary one as there is.
        starts: for whole numbers, the least number of each class.
    """

    column: str
    masks: tuple[int, ...]
    samples: tuple[Any, ...]
    starts: tuple[int, ...] = ()


class _Memo(dict[Key, Answer]):
    """Answers that were found before; a bounded number is kept."""

    def __init__(self, find: Callable[[Key], Answer]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, value: Key) -> Answer:
        answer = self._find(value)
        if len(self) < MEMO_MAX:
            self[value] = answer
        return answer


class Compiled:
    """The rows of one pack or of several, compiled.

    Args:
        packs: one pack to decide with; two, to compare them row by row.
    """

    def __init__(self, *packs: Pack) -> None:
        self.packs = packs
        self.rows: tuple[Row, ...] = tuple(row for pack in packs for row in rows(pack))
        self.count = len(self.rows)
        self.all = (1 << self.count) - 1
        self.refers = _mask(isinstance(row, Refer) for row in self.rows)
        self.grants = _mask(isinstance(row, Grant) for row in self.rows)
        owners = [pack for pack in packs for _ in rows(pack)]
        self._resolved = [_resolve(pack, row) for pack, row in zip(owners, self.rows, strict=True)]
        self.conditions: tuple[Condition, ...] = tuple(self._conditions())
        lookups = dict(self._lookups())
        fields = (*lookups, "ladder", "ladder")  # at least two, so that a tuple comes back
        self._values = operator.attrgetter(*fields)
        self._tables = tuple(_Memo(lookup) for lookup in lookups.values())
        self._verdicts = _Memo(self._verdict_of)

    def match(self, facts: RuleFacts) -> int:
        """Rows that match for certain, and shifted by `count` those that match possibly."""
        mask = self.all | self.all << self.count
        for table, value in zip(self._tables, self._values(facts), strict=False):
            mask &= table[value]
        return mask

    def decide(self, facts: RuleFacts) -> Verdict:
        """What the pack says of this traveller."""
        return self._verdicts[self.match(facts)]

    def verdict(self, certain: int, possible: int) -> Verdict:
        """The outcome of rows that match for certain, and of those that possibly do."""
        referring, granting = certain & self.refers, certain & self.grants
        unknown = (possible & ~certain) & self.refers
        matched = self._at(referring | granting | unknown)
        reasons = [row.reason for row in self._at(referring) if isinstance(row, Refer)]
        if unknown:
            reasons.append(FACTS_UNKNOWN)
        if granting.bit_count() > 1:
            reasons.append(RULES_OVERLAP)
        elif not granting and not reasons:
            possibly = possible & self.grants
            reasons.append(FACTS_UNKNOWN if possibly else NOT_ELIGIBLE)
        return Verdict(
            outcome="refer" if reasons else "auto",
            grants=tuple(row.grant for row in self._at(granting) if isinstance(row, Grant)),
            reasons=tuple(dict.fromkeys(reasons)),
            rows=tuple(row.id for row in matched),
        )

    def _verdict_of(self, both: int) -> Verdict:
        return self.verdict(both & self.all, both >> self.count)

    def _at(self, mask: int) -> list[Row]:
        return [row for at, row in enumerate(self.rows) if mask >> at & 1]

    def _conditions(self) -> Iterable[Condition]:
        """Columns that at least one row reads."""
        yield from self._dates()
        for field in SETS:
            wanted = [row.get(field) for row in self._resolved]
            if any(condition is not None for condition in wanted):
                yield _of_sets(field, wanted)
        for field in CHOICES:
            chosen = [getattr(row, field) for row in self.rows]
            if any(condition is not None for condition in chosen):
                yield _of_choices(field, chosen)
        for field, (least, most) in SPANS.items():
            bounds = [getattr(row, field) for row in self.rows]
            if any(condition is not None for condition in bounds):
                yield _of_span(field, bounds, least, most)
        for field in HELD:
            yield from self._of_held(field)

    def _dates(self) -> Iterable[Condition]:
        spans = [
            (
                row.first.toordinal() if row.first else 1,
                row.until.toordinal() if row.until else datetime.date.max.toordinal(),
            )
            if row.first or row.until
            else None
            for row in self.rows
        ]
        if any(spans):
            found = _of_span("date", spans, 1, datetime.date.max.toordinal())
            samples = tuple(datetime.date.fromordinal(day) for day in found.samples)
            yield msgspec.structs.replace(found, samples=samples)

    def _of_held(self, field: str) -> Iterable[Condition]:
        """Sets of codes that a traveller may hold, code by code; equal ones are one class."""
        with_code, against, without = self._held(field)
        if self._unread(field) == self.all:
            return
        states: dict[tuple[int, int], tuple[str, ...]] = {(without, 0): ()}
        for code in with_code:
            for (found, barred), held in list(states.items()):
                state = (found | with_code[code], barred | against[code])
                states.setdefault(state, (*held, code))
            if len(states) > CLASSES_MAX:
                raise PackError(self.packs[-1].name, "", field, "too many codes distinguish rows")
        masks: dict[int, tuple[str, ...]] = {}
        for (found, barred), held in states.items():
            masks.setdefault(found & ~barred, held)
        yield Condition(column=field, masks=tuple(masks), samples=tuple(masks.values()))

    def _held(self, field: str) -> tuple[dict[str, int], dict[str, int], int]:
        """For each code the rows that it lets through and those that it bars; rows without need."""
        any_of = [getattr(row, f"{field}_any") for row in self.rows]
        none_of = [getattr(row, f"{field}_none") for row in self.rows]
        known = sorted({code for wanted in (*any_of, *none_of) for code in wanted or ()})
        with_code = {code: _mask(code in (wanted or ()) for wanted in any_of) for code in known}
        against = {code: _mask(code in (wanted or ()) for wanted in none_of) for code in known}
        return with_code, against, _mask(wanted is None for wanted in any_of)

    def _lookups(self) -> Iterable[tuple[str, Callable[[Any], int]]]:
        for condition in self.conditions:
            field = condition.column
            unknown = self._both(self._unread(field), self.all)
            if field in HELD:
                yield field, self._held_lookup(field, unknown)
            elif field in SPANS or field == "date":
                yield field, self._span_lookup(condition, unknown)
            else:
                yield field, self._code_lookup(condition, unknown)

    def _both(self, certain: int, possible: int) -> int:
        return certain | possible << self.count

    def _unread(self, field: str) -> int:
        """Rows without a condition on this column: those that an unknown value lets through."""
        names = {
            "date": ("first", "until"),
            "entitlements": ("entitlements_any", "entitlements_none"),
            "list_classes": ("list_classes_any", "list_classes_none"),
        }.get(field, (field,))
        return _mask(all(getattr(row, name) is None for name in names) for row in self.rows)

    def _code_lookup(self, condition: Condition, unknown: int) -> Callable[[Any], int]:
        field = condition.column
        table: dict[Any, int] = {None: unknown}
        rest = unknown
        if field in SETS:
            wanted = [row.get(field) for row in self._resolved]
            for code in (*_mentioned(wanted), None):
                mask = _mask(_lets_through(one, code) for one in wanted)
                rest = self._both(mask, mask)
                table.setdefault(code, rest)
        else:
            chosen = [getattr(row, field) for row in self.rows]
            for value in CHOICES[field]:
                mask = _mask(one is None or value in _as_tuple(one) for one in chosen)
                table[value] = self._both(mask, mask)

        def lookup(value: Any) -> int:
            return table.get(value, rest)

        return lookup

    def _span_lookup(self, condition: Condition, unknown: int) -> Callable[[Any], int]:
        least = condition.starts
        both = [self._both(mask, mask) for mask in condition.masks]
        masks = condition.masks

        def lookup(value: Any) -> int:
            if value is None:
                return unknown
            if isinstance(value, tuple):
                low = max(bisect_right(least, value[0]) - 1, 0)
                high = max(bisect_right(least, value[1]) - 1, 0)
                if low != high:
                    certain, possible = self.all, 0
                    for at in range(low, high + 1):
                        certain &= masks[at]
                        possible |= masks[at]
                    return self._both(certain, possible)
                return both[low]
            if isinstance(value, datetime.date):
                value = value.toordinal()
            return both[max(bisect_right(least, value) - 1, 0)]

        return lookup

    def _held_lookup(self, field: str, unknown: int) -> Callable[[Any], int]:
        with_code, against, without = self._held(field)

        def lookup(value: Any) -> int:
            if value is None:
                return unknown
            found, barred = without, 0
            for code in value:
                found |= with_code.get(code, 0)
                barred |= against.get(code, 0)
            found &= ~barred
            return self._both(found, found)

        return lookup


def _resolve(pack: Pack, row: Row) -> dict[str, tuple[bool, frozenset[str]]]:
    """Conditions on codes as (wanted or excluded, the codes)."""
    found = {}
    for field in SETS:
        condition = getattr(row, field)
        if isinstance(condition, Except):
            found[field] = (False, frozenset(codes(pack, condition.exclude)))
        elif condition is not None:
            found[field] = (True, frozenset(codes(pack, condition)))
    return found


def _mask(bits: Iterable[bool]) -> int:
    mask = 0
    for at, bit in enumerate(bits):
        mask |= bit << at
    return mask


def _mentioned(wanted: Sequence[tuple[bool, frozenset[str]] | None]) -> list[str]:
    return sorted({code for condition in wanted if condition for code in condition[1]})


def _lets_through(condition: tuple[bool, frozenset[str]] | None, code: str | None) -> bool:
    return condition is None or (code in condition[1]) is condition[0]


def _of_sets(field: str, wanted: Sequence[tuple[bool, frozenset[str]] | None]) -> Condition:
    masks: dict[int, str] = {}
    for code in _mentioned(wanted):
        masks.setdefault(_mask(_lets_through(one, code) for one in wanted), code)
    other = "ZZZ" if field != "document_type" else "ZZ"  # stands for every code not mentioned
    masks.setdefault(_mask(_lets_through(one, None) for one in wanted), other)
    return Condition(column=field, masks=tuple(masks), samples=tuple(masks.values()))


def _as_tuple(condition: Any) -> tuple[Any, ...]:
    return condition if isinstance(condition, tuple) else (condition,)


def _of_choices(field: str, wanted: Sequence[Any]) -> Condition:
    masks: dict[int, Any] = {}
    for value in CHOICES[field]:
        mask = _mask(one is None or value in _as_tuple(one) for one in wanted)
        masks.setdefault(mask, value)
    return Condition(column=field, masks=tuple(masks), samples=tuple(masks.values()))


def _of_span(
    field: str, wanted: Sequence[tuple[int, int] | None], least: int, most: int
) -> Condition:
    """Cut the numbers at every bound; each piece is a class."""
    cuts = {least}
    for bounds in wanted:
        if bounds is not None:
            cuts |= {bounds[0], bounds[1] + 1}
    starts = sorted(cut for cut in cuts if least <= cut <= most)
    masks = tuple(
        _mask(bounds is None or bounds[0] <= start <= bounds[1] for bounds in wanted)
        for start in starts
    )
    ends = (*(start - 1 for start in starts[1:]), most)
    samples = tuple(
        min(max(ORDINARY[field], start), end) for start, end in zip(starts, ends, strict=True)
    )
    return Condition(column=field, masks=masks, samples=samples, starts=tuple(starts))
