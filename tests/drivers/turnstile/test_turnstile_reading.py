"""From registers to a reading, and from a reading to the plant."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.turnstile_reading import TurnstileMode, TurnstileReading, plant_of
from drivers.types import Door, Flag, Zone
from firmware_cfg.turnstile import RegisterMap

HELD = TurnstileReading(
    at_ns=5,
    released_exit=0,
    released_entry=0,
    objects_exit=0,
    objects_entry=0,
    counter_exit=7,
    counter_entry=8,
    error=0,
    mode=TurnstileMode.NORMAL,
)


def replaced(**changes) -> TurnstileReading:
    return msgspec.structs.replace(HELD, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"exit": Door.CLOSED, "entry": Door.CLOSED, "zone": Zone.EMPTY, "fire": Flag.CLEAR}),
        ({"released_exit": 1}, {"exit": Door.OPEN, "entry": Door.CLOSED}),
        ({"released_entry": 0xFFFF}, {"exit": Door.CLOSED, "entry": Door.OPEN}),
        ({"objects_exit": 1}, {"zone": Zone.ONE}),
        ({"objects_exit": 1, "objects_entry": 1}, {"zone": Zone.MANY}),
        ({"objects_exit": 0xFFFF}, {"zone": Zone.UNKNOWN}),
        ({"mode": TurnstileMode.BLOCKED}, {"fire": Flag.CLEAR, "exit": Door.CLOSED}),
        (
            {"mode": TurnstileMode.ANTIPANIC},
            {"fire": Flag.ACTIVE, "exit": Door.OPEN, "entry": Door.UNKNOWN},
        ),
        (
            {"mode": TurnstileMode.UNKNOWN},
            {"fire": Flag.UNKNOWN, "exit": Door.UNKNOWN, "entry": Door.UNKNOWN},
        ),
        ({"error": 3}, {"fault_code": 3, "obstruction": Flag.UNKNOWN, "tamper": Flag.UNKNOWN}),
        ({"counter_exit": 8}, {"passages_exit": 8, "passages_entry": 8}),
        ({"counter_exit": 6}, {"passages_exit": None, "passages_entry": 8}),
        ({"counter_entry": 900}, {"passages_exit": 7, "passages_entry": None}),
    ],
)
def test_what_a_reading_means(changes, expected) -> None:
    plant = plant_of(replaced(**changes), HELD)
    assert {name: getattr(plant, name) for name in expected} == expected


def test_a_counter_may_wrap() -> None:
    before = replaced(counter_exit=0xFFFF_FFFF)
    after = replaced(counter_exit=0)
    assert plant_of(after, before).passages_exit == 0
    assert after.exits_since(before) == 1


def test_a_poll_is_two_reads_and_a_probe_of_another_length() -> None:
    registers = AuthoriseMap(RegisterMap())
    assert [(read.address, read.count) for read in registers.plan.sequence] == [
        (0x40, 9),
        (0x3000, 1),
        (0x40, 2),
    ]


@given(
    st.lists(st.integers(0, 0xFFFD), min_size=8, max_size=8, unique=True).filter(
        lambda at: not {at[4] + 1, at[5] + 1} & set(at)
    )
)
def test_any_map_gives_reads_that_differ_in_length(at: list[int]) -> None:
    registers = AuthoriseMap(
        RegisterMap(**dict(zip(RegisterMap.__struct_fields__, at, strict=True)))
    )
    lengths = [read.count for read in registers.plan.sequence]
    assert all(a != b for a, b in zip(lengths, lengths[1:] + lengths[:1], strict=True))
