"""Many random days, with the invariants on, each held against what must be true of any day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple

from sim.day.run import Day, run
from sim.live.supervisor import ending_with
from sim.scenario.scenario import Scenario
from sim.search.oracle import undeserved
from sim.search.random_day import random_day
from sim.wires.kernel import SimulationError

CHUNK = 20


class Failure(NamedTuple):
    """A seed whose day went wrong, and the command that plays it again."""

    seed: int
    problems: tuple[str, ...]

    @property
    def command(self) -> str:
        """Plays this seed alone."""
        return f"egate sim soak --first {self.seed} --seeds 1"


def examine(scenario: Scenario, day_class: type[Day] = Day) -> tuple[str, ...]:
    """Run a day; everything that is wrong with it, in words. A crash is one of them."""
    crash = _Crash()
    with crash:
        result = run(scenario, scenario.title, day_class=day_class)
        return (*result.problems, *undeserved(scenario, result))
    return (crash.text,)


class _Crash:
    """Outlives a bug of the software under test: here, and only here, it is a finding.

    What is wrong with the simulation itself (`SimulationError`) goes on to the caller.
    """

    text = ""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Note a bug; True if there was one."""
        if not isinstance(error, Exception) or isinstance(error, SimulationError):
            return False
        place = traceback.extract_tb(trace)[-1]
        self.text = f"crash: {type(error).__name__} at {place.name}"
        return True


def soak(
    first: int,
    seeds: int,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _failed: None,
    day_class: type[Day] = Day,
) -> list[Failure]:
    """Examine the days of many seeds.

    Args:
        first: the first seed.
        seeds: how many.
        jobs: processes; one runs in this process.
        progress: takes how many days are done and how many failed.
        day_class: another day than the product's, for tests of the soak; one job only.
    """
    failures: list[Failure] = []
    numbers = range(first, first + seeds)
    for done, failure in enumerate(_examined(numbers, jobs, day_class), 1):
        if failure.problems:
            failures.append(failure)
        progress(done, len(failures))
    return failures


def _examined(numbers: range, jobs: int, day_class: type[Day]) -> Iterator[Failure]:
    if jobs <= 1:
        for seed in numbers:
            yield Failure(seed, examine(random_day(seed), day_class))
        return
    chunks = [numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK)]
    running: deque[tuple[range, subprocess.Popen[bytes]]] = deque()
    try:
        while chunks or running:
            while chunks and len(running) < jobs:
                chunk = chunks.pop(0)
                running.append((chunk, _child(chunk)))
            yield from _answers(*running.popleft())
    finally:
        for _, child in running:
            child.kill()
            child.wait()


def _child(chunk: range) -> subprocess.Popen[bytes]:
    """A process of its own for some seeds."""
    command = [sys.executable, "-m", "gate_agent.cli", "sim", "soak", "--json"]
    command += ["--first", str(chunk.start), "--seeds", str(len(chunk))]
    return subprocess.Popen(  # noqa: S603 - our own command line
        command,
        stdout=subprocess.PIPE,
        preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509 - one prctl, no locks
    )


def _answers(chunk: range, child: subprocess.Popen[bytes]) -> Iterator[Failure]:
    """What a process found, seed by seed."""
    out, _ = child.communicate()
    if child.returncode not in (0, 1):
        raise SimulationError(f"the process of seeds {chunk.start} to {chunk.stop - 1} died")
    found = {one["seed"]: tuple(one["problems"]) for one in json.loads(out)["failures"]}
    for seed in chunk:
        yield Failure(seed, found.get(seed, ()))
