"""A door's leaf: where it is, and when."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.devices.leaf import Drive, Leaf, S

MS = 1_000_000
drives = st.builds(
    Drive,
    force=st.floats(2.0, 40.0),
    friction=st.floats(0.0, 1.9),
    speed=st.floats(0.2, 4.0),
    landing=st.floats(0.0, 0.5),
    restitution=st.floats(0.0, 0.6),
)
orders = st.lists(
    st.tuples(st.sampled_from((0.0, 1.0, 1.0, None)), st.integers(0, 2 * S)), max_size=8
)


def ordered(drive: Drive, plan: list[tuple[float | None, int]], looks_ns: int = 0) -> list[float]:
    """Where the leaf is at every order; in between it is looked at every `looks_ns`."""
    leaf, now_ns, seen = Leaf(drive), 0, []
    for target, wait_ns in plan:
        leaf.move(target, now_ns)
        if looks_ns:
            for at_ns in range(now_ns, now_ns + wait_ns, looks_ns):
                leaf.at(at_ns)
        now_ns += wait_ns
        seen.append(leaf.at(now_ns))
    return seen


def test_it_opens_and_shuts_in_a_curve() -> None:
    leaf = Leaf()
    leaf.move(1.0, 0)
    way = [leaf.at(ms * MS) for ms in (0, 50, 100, 300, 600, 2_000)]
    assert way == sorted(way)
    assert (way[0], way[-1]) == (0.0, 1.0)
    assert way[1] < 0.02 < way[2]  # it has to get going
    leaf.move(0.0, 2 * S)
    assert leaf.at(4 * S) == 0.0


def test_it_bounces_at_the_stop_and_stays() -> None:
    leaf = Leaf()
    leaf.move(1.0, 0)
    leaf.move(0.0, 2 * S)
    rests_ns = leaf.rests_ns
    way = [leaf.at(at_ns) for at_ns in range(2 * S, rests_ns + 50 * MS, MS)]
    back = next(n for n, (one, next_) in enumerate(pairwise(way)) if next_ > one)
    assert 0 < max(way[back:]) < 0.01
    assert leaf.at(rests_ns) == leaf.at(rests_ns + 9 * S) == 0.0


def test_friction_makes_it_slow_and_then_stops_it() -> None:
    took = [Leaf(Drive(friction=f)).ns_to(0.8) for f in (0.0, 6.0, 11.0, 11.9)]
    assert took == sorted(took)
    assert took[-1] > 3 * took[0]
    stuck = Leaf(Drive(friction=12.0))
    stuck.move(1.0, 0)
    assert stuck.at(60 * S) == 0.0
    with pytest.raises(ValueError, match="friction"):
        stuck.ns_to(0.8)


@given(drives, orders)
def test_looking_does_not_move_it(drive: Drive, plan: list[tuple[float | None, int]]) -> None:
    assert ordered(drive, plan) == ordered(drive, plan, 37 * MS)


@given(drives, orders)
def test_it_never_jumps_and_never_leaves_its_way(
    drive: Drive, plan: list[tuple[float | None, int]]
) -> None:
    leaf, now_ns = Leaf(drive), 0
    before = leaf.at(0)
    for target, wait_ns in plan:
        leaf.move(target, now_ns)
        for at_ns in range(now_ns, now_ns + wait_ns, 5 * MS):
            way = leaf.at(at_ns)
            assert 0.0 <= way <= 1.0
            assert abs(way - before) <= drive.speed * 0.0051 + 1e-6
            before = way
        now_ns += wait_ns
        before = leaf.at(now_ns)


@given(drives, orders, st.sampled_from((0.0, 1.0)))
def test_left_alone_it_arrives(
    drive: Drive, plan: list[tuple[float | None, int]], target: float
) -> None:
    leaf, now_ns = Leaf(drive), 0
    for order, wait_ns in plan:
        leaf.move(order, now_ns)
        now_ns += wait_ns
    leaf.move(target, now_ns)
    assert leaf.rests_ns - now_ns < 30 * S
    assert leaf.at(leaf.rests_ns) == target
