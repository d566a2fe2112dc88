"""The bench of the simulator: what its rows say, not how fast they are."""

from __future__ import annotations

from sim.bench.layers import LAYERS, shares
from sim.bench.sim import dense, timed
from sim.day.run import RunOptions
from sim.lane.recorded_chip import Transcripts


def test_a_row_says_what_was_computed_and_carried() -> None:
    known = RunOptions(transcripts=Transcripts())
    first = timed(dense(10), known).plain()
    again = timed(dense(10), known._replace(every_reading=True)).plain()
    assert first["ok"]
    assert again["ok"]
    assert first["chips"] == again["chips"] == "recorded"
    assert again["bytes_of_readings_counted"] == 0
    assert again["bytes_of_quiet_polls_counted"] > 0
    assert again["crossings_per_lane_hour"] == first["crossings_per_lane_hour"] > 500


def test_the_layers_share_all_the_time() -> None:
    found = shares(dense(10), RunOptions())
    assert set(found) == {name for name, _ in LAYERS}
    assert abs(sum(found.values()) - 1.0) < 0.01
    assert found["kernel and wires"] > 0.02
    assert found["core and guard"] > 0.01
    assert found["driver: turnstile"] > 0.01
