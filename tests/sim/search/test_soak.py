"""The soak: random days pass, and what is broken on purpose is found."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from seeded import PLANTED, WITHIN

from gate_agent.cli import main
from gate_agent.core.states import State
from gate_agent.loop import Loop
from sim.day.run import Day
from sim.lane.virtual_lane import VirtualLane
from sim.scenario.scenario import parse
from sim.scenario.toml_text import toml_text
from sim.search.random_day import random_day
from sim.search.shrink import shrink
from sim.search.soak import Failure, examine, soak

SHORT = 15
LIMIT_S = 60.0


def test_random_days_pass() -> None:
    assert soak(5_000, SHORT) == []


def test_a_seed_is_a_day() -> None:
    assert random_day(7) == random_day(7)
    assert len({toml_text(random_day(seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", range(40))
def test_a_random_day_is_a_file(seed: int) -> None:
    assert parse(toml_text(random_day(seed)).encode()) == random_day(seed)


# --- broken on purpose ----------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in PLANTED if not PLANTED[name].long])
def test_what_is_broken_is_found(name: str) -> None:
    assert PLANTED[name].found(range(1, WITHIN + 1)) is not None


def test_a_crash_is_a_finding() -> None:
    class Crashing(VirtualLane):
        def make_loop(self, state: State) -> Loop:
            raise LookupError("on purpose")

    class CrashingDay(Day):
        lane_class = Crashing

    assert examine(random_day(1), CrashingDay) == ("crash: LookupError at make_loop",)


def test_a_failing_seed_names_its_command() -> None:
    assert Failure(41, ("x",)).command == "egate sim soak --first 41 --seeds 1"


def test_the_command_prints_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "soak", "--seeds", "2", "--first", "9000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"seeds": 2, "passed": 2, "failed": 0, "failures": []}


def test_bad_numbers_are_broken() -> None:
    assert main(["sim", "soak", "--seeds", "0"]) == 2


def test_a_soak_that_is_killed_takes_its_processes_with_it() -> None:
    argv = [sys.executable, "-m", "gate_agent.cli", "sim", "soak", "--seeds", "2000", "--jobs", "2"]
    with subprocess.Popen(argv) as run:
        children: list[str] = []
        while len(children) < 2:
            assert run.poll() is None
            select.select([], [], [], 0.02)
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        handles = [os.pidfd_open(int(child)) for child in children]
        run.kill()
    for handle in handles:
        ended, _, _ = select.select([handle], [], [], LIMIT_S)
        assert ended
        os.close(handle)


# --- shrinking ------------------------------------------------------------------------


def test_shrinking_keeps_what_it_takes() -> None:
    day = next(random_day(seed) for seed in range(100) if len(random_day(seed).faults) == 3)
    guilty = day.faults[1].kind

    def test(scenario):  # type: ignore[no-untyped-def]
        return ("it breaks",) if any(f.kind == guilty for f in scenario.faults) else ()

    small = shrink(day, test)
    assert small is not None
    assert [fault.kind for fault in small.scenario.faults] == [guilty]
    assert len(small.scenario.travellers) == len(small.scenario.lanes) == 1
    assert small.scenario.faults[0].for_s == 1
    assert parse(toml_text(small.scenario).encode()) == small.scenario


def test_what_does_not_fail_is_not_shrunk() -> None:
    assert shrink(random_day(1), lambda _scenario: ()) is None


def test_another_failure_is_not_taken_for_the_first() -> None:
    day = random_day(11)

    def test(scenario):  # type: ignore[no-untyped-def]
        return ("the old way",) if scenario == day else ("in some new fashion",)

    small = shrink(day, test)
    assert small is not None
    assert small.scenario == day
