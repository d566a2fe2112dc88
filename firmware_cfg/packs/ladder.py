"""The degradation ladder: how far a lane comes down when the data it decides by grow old.

Each dependency that a pack names has a row of greatest ages. The row's level follows from the
age; the lane's level is the worst of its rows. It falls at once and rises only after the better
state has lasted. Releasing people, fire, closing a door and calling for help never ask a level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from firmware_cfg.packs.columns import LEVELS, Level

Dependency = Literal[
    "persons_list",
    "documents_list",
    "entitlements_list",
    "revocation_lists",
    "trust_anchors",
    "rules_pack",
    "profile_drift",
    "clock",
    "matcher",
    "attack_detection",
    "uplink",
    "officer_lease",
]
"""What a lane depends on. Each has one reader of its age."""

AGE_MAX_S = 315_360_000
STEADY_S = 600
"""A better state must last so long before the level rises: no flapping while people wait."""

AgeS = Annotated[int, Meta(ge=0, le=AGE_MAX_S)]
_RANK = {level: rank for rank, level in enumerate(LEVELS)}


class LadderRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Greatest ages of one dependency, in seconds.

    Attributes:
        auto_max_s: up to this age the lane admits by itself.
        auto_officer_max_s: up to this one it proposes, and an officer decides each crossing.
        manual_max_s: up to this one it reads and shows; beyond it the lane is closed. None:
            no age closes it.
        absent: the level where there is none, or its age is not known.
        destroyed_after_s: beyond this age the owner allows no copy: it is destroyed, not used.
            None: no such limit.
        needed_for: codes of entitlements; the row counts only for travellers who need one of
            them. Empty: for all.
    """

    dependency: Dependency
    auto_max_s: AgeS
    auto_officer_max_s: AgeS
    manual_max_s: AgeS | None = None
    absent: Level = "manual"
    destroyed_after_s: AgeS | None = None
    needed_for: tuple[str, ...] = ()


class RowState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where one row stands.

    Attributes:
        level: the level in force, with the delay of rising.
        age_s: age at the time; None is absent or not known.
        since_s: when this level came into force, on the caller's monotonic clock.
        until_s: when the row will fall to the next level, if nothing newer comes; None: never,
            or it stands at the worst already.
        better_since_s: since when the age alone would allow a better level; None where not.
    """

    dependency: Dependency
    level: Level
    age_s: int | None
    since_s: float
    until_s: float | None
    better_since_s: float | None = None


def level_of(row: LadderRow, age_s: int | None) -> Level:
    """The level that an age alone gives. An age below zero is not known: a clock was wrong."""
    if age_s is None or age_s < 0:
        return row.absent
    if row.destroyed_after_s is not None and age_s > row.destroyed_after_s:
        return worst((row.absent, _by_age(row, age_s)))
    return _by_age(row, age_s)


def _by_age(row: LadderRow, age_s: int) -> Level:
    if age_s <= row.auto_max_s:
        return "auto"
    if age_s <= row.auto_officer_max_s:
        return "auto_officer"
    if row.manual_max_s is None or age_s <= row.manual_max_s:
        return "manual"
    return "closed"


def worst(levels: Sequence[Level]) -> Level:
    """The worst of some levels; without any: `auto`."""
    return max(levels, key=_RANK.__getitem__, default="auto")


def is_worse(level: Level, other: Level) -> bool:
    """Whether a level opens less than another."""
    return _RANK[level] > _RANK[other]


def step(
    rows: Sequence[LadderRow],
    ages_s: Mapping[str, int | None],
    before: Mapping[str, RowState],
    now_s: float,
) -> dict[str, RowState]:
    """Where every row stands now.

    Args:
        rows: of the pack in force.
        ages_s: age of each dependency in seconds; one that is missing is absent.
        before: the rows at the step before; one that is missing begins now.
        now_s: monotonic time.
    """
    return {
        row.dependency: _stepped(row, ages_s.get(row.dependency), before.get(row.dependency), now_s)
        for row in rows
    }


def level(states: Mapping[str, RowState]) -> Level:
    """The lane's level: the worst of its rows."""
    return worst([state.level for state in states.values()])


def level_for(
    rows: Sequence[LadderRow], states: Mapping[str, RowState], needs: Sequence[str]
) -> Level:
    """The level of one crossing: the worst of the rows that count for this traveller.

    Args:
        rows: of the pack in force.
        states: where each of them stands.
        needs: codes of the entitlements that the traveller needs.
    """
    counted = [
        states[row.dependency].level
        for row in rows
        if not row.needed_for or not set(row.needed_for).isdisjoint(needs)
    ]
    return worst(counted)


def _stepped(row: LadderRow, age_s: int | None, was: RowState | None, now_s: float) -> RowState:
    by_age = level_of(row, age_s)
    shown, until_s = _shown_age(age_s), _falls_at(row, age_s, now_s)
    if was is None or is_worse(by_age, was.level):
        return RowState(
            dependency=row.dependency, level=by_age, age_s=shown, since_s=now_s, until_s=until_s
        )
    if by_age == was.level:
        return msgspec.structs.replace(was, age_s=shown, until_s=until_s, better_since_s=None)
    better_since = now_s if was.better_since_s is None else was.better_since_s
    if now_s - better_since < STEADY_S:
        return msgspec.structs.replace(
            was, age_s=shown, until_s=until_s, better_since_s=better_since
        )
    return RowState(
        dependency=row.dependency, level=by_age, age_s=shown, since_s=now_s, until_s=until_s
    )


def _shown_age(age_s: int | None) -> int | None:
    return None if age_s is None or age_s < 0 else age_s


def _falls_at(row: LadderRow, age_s: int | None, now_s: float) -> float | None:
    """When the age passes the next bound."""
    if age_s is None or age_s < 0:
        return None
    here = level_of(row, age_s)
    bounds = (row.auto_max_s, row.auto_officer_max_s, row.manual_max_s, row.destroyed_after_s)
    later = sorted(
        bound
        for bound in bounds
        if bound is not None and bound >= age_s and is_worse(level_of(row, bound + 1), here)
    )
    return now_s + (later[0] + 1 - age_s) if later else None
