"""The exhaustive check of a pack, and the symbolic difference of two.

Columns fall into elementary classes, each with the rows that it lets through. Folding the columns
and keeping distinct sets of rows only visits every traveller that there can be, also on every
future day that a row names, without enumerating them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from firmware_cfg.packs.columns import RANGED, RuleFacts
from firmware_cfg.packs.compiled import Compiled, Condition, Verdict
from firmware_cfg.packs.errors import PackError
from firmware_cfg.packs.pack import Pack

ROW_SETS_MAX = 200_000


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that grant at once, with a traveller to whom it happens."""

    rows: tuple[str, ...]
    witness: RuleFacts


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A traveller that no row mentions: referred, but for no stated reason."""

    witness: RuleFacts


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the check found.

    Attributes:
        cells: elementary classes of travellers, all columns together.
        row_sets: distinct sets of rows that they fall into.
        dead_rows: ids of rows that match no traveller, or grant only where a row refers anyway.
        p_listed_given_referred: share of listed travellers among the referred, from what the
            pack expects; the less, the better an ordinary referral hides a listed one.
    """

    ok: bool
    cells: int
    row_sets: int
    gaps: tuple[Gap, ...]
    overlaps: tuple[Overlap, ...]
    dead_rows: tuple[str, ...]
    p_listed_given_referred: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A class of travellers whom two packs treat differently."""

    witness: RuleFacts
    before: Verdict
    after: Verdict


def check(pack: Pack) -> Findings:
    """Look for gaps, overlaps and dead rows among all travellers.

    Raises:
        PackError: the columns fall into too many combinations to be checked.
    """
    compiled = Compiled(pack)
    folded = _fold(compiled)
    gaps: list[Gap] = []
    overlaps: dict[tuple[str, ...], Overlap] = {}
    alive = 0
    for mask, witness in folded.items():
        granting = mask & compiled.grants
        if not mask:
            gaps.append(Gap(witness=witness))
        if granting.bit_count() > 1:
            named = compiled.verdict(granting, granting).rows
            overlaps.setdefault(named, Overlap(rows=named, witness=witness))
        alive |= mask if not mask & compiled.refers else mask & compiled.refers
    dead = tuple(row.id for at, row in enumerate(compiled.rows) if not alive >> at & 1)
    return Findings(
        ok=not (gaps or overlaps or dead),
        cells=_cells(compiled),
        row_sets=len(folded),
        gaps=tuple(gaps),
        overlaps=tuple(overlaps.values()),
        dead_rows=dead,
        p_listed_given_referred=p_listed_given_referred(pack),
    )


def difference(old: Pack, new: Pack) -> tuple[Change, ...]:
    """Every class of travellers for whom the outcome, a grant or a reason changes.

    Raises:
        PackError: the columns fall into too many combinations to be compared.
    """
    compiled = Compiled(old, new)
    before, after = Compiled(old), Compiled(new)
    split = before.count
    changes: dict[tuple[Any, ...], Change] = {}
    for mask, witness in _fold(compiled).items():
        was_mask, is_mask = mask & (1 << split) - 1, mask >> split
        was, now = before.verdict(was_mask, was_mask), after.verdict(is_mask, is_mask)
        seen = (was.outcome, was.grants, was.reasons, now.outcome, now.grants, now.reasons)
        if seen[:3] != seen[3:]:
            changes.setdefault(seen, Change(witness=witness, before=was, after=now))
    return tuple(changes.values())


def p_listed_given_referred(pack: Pack) -> float:
    """P(listed | referred), from the shares that the pack expects and its random referral."""
    listed, other = pack.expected.listed, pack.expected.referred
    clean = (1 - listed) * (other + (1 - other) * pack.random_referral.share)
    return listed / (listed + clean) if listed + clean else 0.0


def _fold(compiled: Compiled) -> dict[int, RuleFacts]:
    """Every distinct set of rows that a traveller may match, with such a traveller."""
    folded: dict[int, tuple[Any, ...]] = {compiled.all: ()}
    order = sorted(compiled.conditions, key=lambda condition: len(condition.masks))
    for condition in order:
        further: dict[int, tuple[Any, ...]] = {}
        for mask, chosen in folded.items():
            for at, lets_through in enumerate(condition.masks):
                both = mask & lets_through
                if both not in further:
                    further[both] = (*chosen, at)
        folded = further
        if len(folded) > ROW_SETS_MAX:
            name = compiled.packs[-1].name
            raise PackError(name, "", "", f"more than {ROW_SETS_MAX} different sets of rows")
    return {mask: _witness(order, chosen) for mask, chosen in folded.items()}


def _witness(order: list[Condition], chosen: tuple[int, ...]) -> RuleFacts:
    """A traveller of these classes, one value a column."""
    facts: dict[str, Any] = {}
    for condition, at in zip(order, chosen, strict=True):
        sample = condition.samples[at]
        ranged = condition.column in RANGED
        facts[condition.column] = (sample, sample) if ranged else sample
    return msgspec.convert(facts, RuleFacts)


def _cells(compiled: Compiled) -> int:
    cells = 1
    for condition in compiled.conditions:
        cells *= len(condition.masks)
    return cells
