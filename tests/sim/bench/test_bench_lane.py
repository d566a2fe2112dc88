"""The bench of the lane: what it judges, and that its parts run."""

from __future__ import annotations

import json

import pytest

from drivers.turnstile.half_duplex import Silence
from drivers.turnstile.modbus_requests import Read, Refusal, Registers, WriteWords, Written
from gate_agent.cli import main
from gate_agent.live import cpu_ns
from sim.bench.lane import SCENARIO
from sim.bench.live import Played
from sim.bench.noise import NoisyBus, judge
from sim.bench.virtual import SHARES, core_step_us, percentile, play, write_and_read_back_ms
from sim.scenario.scenario import load
from sim.wires.wire import NO_FAULTS


def test_noise_is_judged_and_reported(capsys):
    assert main(["bench", "lane", "--noise", "--transactions", "600", "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert (reported["transactions"], reported["wrong"]) == (600, 0)
    assert 0 < reported["unresolved"] < 60
    assert reported["struck"]["back"]["flip_bytes"] > 5


def test_a_wrong_value_would_be_seen():
    bus = NoisyBus(1, NO_FAULTS)
    bus.shake()
    read, write = Read(0x42, 1), WriteWords(0x40, (1,))
    (held,) = bus.truth(read)
    assert judge(bus, read, bus.ask(read)) is True
    assert judge(bus, read, Registers(0x42, (held + 1,))) is False
    assert judge(bus, read, Refusal(2)) is False
    assert judge(bus, write, Written()) is False
    assert judge(bus, write, bus.ask(write)) is True
    assert judge(bus, write, Silence("timeout", sent=True)) is None


@pytest.fixture(scope="module")
def seen():
    return play(load(SCENARIO), 1, lambda _text: None)


def test_crossings_are_followed_on_the_virtual_clock(seen):
    assert len(seen.openings) >= 5
    assert {one.topology for one in seen.openings} == {"barrier", "mantrap"}
    assert all(300 < ms < 20_000 for ms in seen.placed_to_open_ms())
    assert len(seen.deadlines) > 10
    assert seen.late_admits == 0
    for spans in core_step_us(seen, cpu_ns):
        assert len(spans) == 5 * len(seen.turns)


@pytest.mark.parametrize("topology", ["barrier", "mantrap"])
def test_an_admission_is_divided_among_what_its_time_went_for(seen, topology):
    for opening in seen.openings:
        if opening.topology != topology:
            continue
        shares = opening.shares_ms
        assert set(shares) <= set(SHARES)
        assert min(shares[what] for what in ("zone", "chip", "portrait", "face")) > 0
        # Only who goes through a doorway moves between the document and the open exit.
        for what in ("doors", "traveller"):
            assert (shares.get(what, 0) > 500) is (topology == "mantrap")
        assert opening.ms < sum(shares.values()) or topology == "barrier"


def test_an_admitted_crossing_can_be_played_again(seen):
    from biometrics.types import Observed

    played = Played(seen.turns)
    assert played.of(Observed, 77).ticket == 77
    assert played.of(Observed, 77).observation.match is not None


def test_a_release_is_written_and_read_back_within_ten_milliseconds_of_the_wire():
    assert percentile(write_and_read_back_ms(40, 3, 200), 0.5) <= 10.0
