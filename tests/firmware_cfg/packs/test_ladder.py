"""The degradation ladder: worse never opens more, falling is at once, rising waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_cfg.packs.columns import LEVELS
from firmware_cfg.packs.ladder import (
    STEADY_S,
    LadderRow,
    RowState,
    is_worse,
    level,
    level_for,
    level_of,
    step,
    worst,
)

HOUR_S = 3600
PERSONS = LadderRow(
    dependency="persons_list", auto_max_s=6 * HOUR_S, auto_officer_max_s=24 * HOUR_S
)
VISAS = LadderRow(
    dependency="entitlements_list",
    auto_max_s=HOUR_S,
    auto_officer_max_s=12 * HOUR_S,
    needed_for=("evoa", "evisa"),
)

ages = st.one_of(st.none(), st.integers(-5, 400_000))
bounds = st.lists(st.integers(0, 200_000), min_size=3, max_size=3).map(sorted)


@st.composite
def ladder_rows(draw: st.DrawFn) -> LadderRow:
    """A row with bounds in order."""
    first, second, third = draw(bounds)
    return LadderRow(
        dependency="persons_list",
        auto_max_s=first,
        auto_officer_max_s=second,
        manual_max_s=draw(st.none() | st.just(third)),
        absent=draw(st.sampled_from(LEVELS)),
        destroyed_after_s=draw(st.none() | st.integers(0, 300_000)),
    )


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (0, "auto"),
        (6 * HOUR_S, "auto"),
        (6 * HOUR_S + 1, "auto_officer"),
        (24 * HOUR_S, "auto_officer"),
        (24 * HOUR_S + 1, "manual"),
        (10**8, "manual"),
        (None, "manual"),
        (-1, "manual"),
    ],
)
def test_each_bound_belongs_to_the_better_level(age_s: int | None, expected: str) -> None:
    assert level_of(PERSONS, age_s) == expected


def test_a_lane_closes_only_where_its_pack_names_an_age() -> None:
    row = LadderRow(
        dependency="uplink", auto_max_s=10, auto_officer_max_s=20, manual_max_s=30, absent="auto"
    )
    assert [level_of(row, age) for age in (30, 31, None)] == ["manual", "closed", "auto"]


@given(ladder_rows(), st.integers(0, 300_000), st.integers(0, 100_000))
def test_older_never_opens_more(row: LadderRow, age_s: int, more_s: int) -> None:
    assert not is_worse(level_of(row, age_s), level_of(row, age_s + more_s))


@given(ladder_rows(), ages, st.integers(1, 300_000))
def test_a_copy_that_must_be_destroyed_counts_as_absent_at_least(
    row: LadderRow, age_s: int | None, limit_s: int
) -> None:
    if age_s is not None and row.destroyed_after_s is not None and age_s > row.destroyed_after_s:
        assert not is_worse(row.absent, level_of(row, age_s))


@given(st.lists(st.tuples(ages, st.integers(0, 900)), min_size=1, max_size=12))
def test_it_falls_at_once_and_rises_only_after_ten_good_minutes(
    steps: list[tuple[int | None, int]],
) -> None:
    now_s, states = 0.0, {}
    good_since: float | None = None
    for age_s, waited_s in steps:
        now_s += waited_s
        was = states.get("persons_list")
        states = step([PERSONS], {"persons_list": age_s}, states, now_s)
        now, by_age = states["persons_list"], level_of(PERSONS, age_s)
        assert not is_worse(by_age, now.level)
        if was is None:
            continue
        better = is_worse(was.level, by_age)
        good_since = (good_since if good_since is not None else now_s) if better else None
        if is_worse(was.level, now.level):
            assert good_since is not None
            assert now_s - good_since >= STEADY_S
            good_since = None


def test_the_lane_has_the_level_of_its_worst_row() -> None:
    states = step([PERSONS, VISAS], {"persons_list": 0, "entitlements_list": None}, {}, 5.0)
    assert level(states) == "manual"
    assert level_for([PERSONS, VISAS], states, ()) == "auto"
    assert level_for([PERSONS, VISAS], states, ("evoa",)) == "manual"
    assert worst(()) == "auto"


def test_a_row_says_when_it_will_fall() -> None:
    states = step([PERSONS], {"persons_list": HOUR_S}, {}, 100.0)
    found = states["persons_list"]
    assert isinstance(found, RowState)
    assert found.until_s == 100.0 + 5 * HOUR_S + 1
    assert level_of(PERSONS, HOUR_S + 5 * HOUR_S + 1) == "auto_officer"
    assert step([PERSONS], {}, {}, 0.0)["persons_list"].until_s is None


def test_a_row_that_fell_counts_its_time_from_there() -> None:
    states = step([PERSONS], {"persons_list": 0}, {}, 10.0)
    states = step([PERSONS], {"persons_list": 7 * HOUR_S}, states, 20.0)
    assert (states["persons_list"].level, states["persons_list"].since_s) == ("auto_officer", 20.0)
    states = step([PERSONS], {"persons_list": 60}, states, 30.0)
    assert (states["persons_list"].level, states["persons_list"].better_since_s) == (
        "auto_officer",
        30.0,
    )
    states = step([PERSONS], {"persons_list": 60}, states, 30.0 + STEADY_S)
    assert (states["persons_list"].level, states["persons_list"].since_s) == (
        "auto",
        30.0 + STEADY_S,
    )
