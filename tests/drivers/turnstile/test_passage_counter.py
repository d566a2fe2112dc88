"""Counters of passages at every width: wraps, fresh starts, torn and backward values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.turnstile.passage_counter import STEP_MAX, counter_read, passages_between
from drivers.turnstile.swing_frames import Status
from drivers.turnstile.swing_gate import plant_of
from drivers.turnstile.turnstile_reading import TurnstileMode, TurnstileReading
from drivers.turnstile.turnstile_reading import plant_of as plant_of_reading
from firmware_cfg.turnstile import SwingGate

WIDTHS = st.sampled_from([16, 24, 32])


@given(st.data(), WIDTHS, st.integers(0, STEP_MAX))
def test_a_counter_wraps_at_its_own_width(data, bits, passages):
    before = data.draw(st.integers(0, (1 << bits) - 1))
    now = (before + passages) % (1 << bits)
    assert passages_between(before, now, bits) == passages
    assert counter_read(now, before, bits) == now


@given(st.data(), WIDTHS)
def test_a_counter_that_jumps_or_runs_back_is_unknown_until_it_is_read_again(data, bits):
    before = data.draw(st.integers(0, (1 << bits) - 1))
    step = data.draw(st.integers(STEP_MAX + 1, (1 << bits) - 1))
    now = (before + step) % (1 << bits)
    assert counter_read(now, before, bits) is None
    assert counter_read(now, now, bits) == now


def test_the_first_value_is_taken_as_it_is():
    assert counter_read(0xFF_FFFF, None, 24) == 0xFF_FFFF


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_swing_gate_reports_the_width_of_its_counters(side):
    gate = SwingGate(exit=side)
    full = {"left": 0xFF_FFFF, "right": 0xFF_FFFF}
    before = Status(1, 0, gate.gate_closed, 0, **full, infrared=0, done=True, volts=1)
    now = Status(1, 0, gate.gate_closed, 0, left=0, right=1, infrared=0, done=True, volts=1)
    plant = plant_of(gate, now, before, 7)
    assert plant.counter_bits == 24
    assert {plant.passages_exit, plant.passages_entry} == {0, 1}


def test_a_map_with_narrower_counters_says_so():
    reading = TurnstileReading(
        at_ns=1,
        released_exit=0,
        released_entry=0,
        objects_exit=0,
        objects_entry=0,
        counter_exit=0xFFFF,
        counter_entry=3,
        error=0,
        mode=TurnstileMode.NORMAL,
        counter_bits=16,
    )
    after = TurnstileReading(
        **{name: getattr(reading, name) for name in reading.__struct_fields__} | {"counter_exit": 1}
    )
    assert after.exits_since(reading) == 2
    plant = plant_of_reading(after, reading)
    assert (plant.passages_exit, plant.counter_bits) == (1, 16)
