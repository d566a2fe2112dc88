"""Many random days, with the invariants on, each held against what must be true of any day.

What a day's travellers deserve is told here once more, from the scenario alone: so a core,
a driver, a plant or a journal that goes wrong shows, whichever of them it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple

from sim.kernel import SimulationError
from sim.random_day import random_day
from sim.result import Result
from sim.run import Day, run
from sim.scenario import Scenario, Traveller

CHUNK = 20
HARMLESS = ("reordered_issuer", "revoked_ds")
"""Forgeries that are none: other bytes, the same meaning; or that a list would tell, which
these lanes do not have."""

NEVER_ALONE = ("tailgated", "child", "two_passports", "walks_away")
ADULT_YEARS = 18


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
        return (*result.problems, *_undeserved(scenario, result))
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


def _undeserved(scenario: Scenario, result: Result) -> Iterator[str]:
    by_name = {traveller.name: traveller for traveller in scenario.travellers}
    for finishes in result.finishes.values():
        for finish in finishes:
            traveller = by_name.get(finish.traveller)
            if traveller is None:
                continue
            if finish.outcome == "admitted" and not _may_be_admitted(traveller, scenario):
                yield f"{traveller.name} was admitted by the machine"
            if finish.outcome == "accepted" and traveller.officer.action != "accept":
                yield f"{traveller.name} was accepted by nobody"
    burnt = any(fault.kind == "fire" for fault in scenario.faults)
    wrapped = any(fault.kind == "counter_wrap" for fault in scenario.faults)
    for lane, passed in result.passed_persons.items():
        allowed = result.releases[lane]
        if not burnt and not wrapped and passed > allowed:
            yield f"lane {lane}: {passed} persons passed on {allowed} releases"
        said = result.openings[lane]
        if allowed > said:
            yield f"lane {lane}: {allowed} releases, {said} on record"


def _may_be_admitted(traveller: Traveller, scenario: Scenario) -> bool:
    document, face = traveller.document, traveller.face
    born = document.birth_date
    of_age = born.replace(year=born.year + ADULT_YEARS, day=min(born.day, 28))
    return (
        not set(document.forgeries) - set(HARMLESS)
        and document.expiry >= scenario.start.date()
        and of_age <= scenario.start.date()
        and face.live == "same"
        and face.faces == 1
        and traveller.behaviour not in NEVER_ALONE
    )


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
        progress: told how many days are done and how many failed.
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
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own command line


def _answers(chunk: range, child: subprocess.Popen[bytes]) -> Iterator[Failure]:
    """What a process found, seed by seed."""
    out, _ = child.communicate()
    if child.returncode not in (0, 1):
        raise SimulationError(f"the process of seeds {chunk.start} to {chunk.stop - 1} died")
    found = {one["seed"]: tuple(one["problems"]) for one in json.loads(out)["failures"]}
    for seed in chunk:
        yield Failure(seed, found.get(seed, ()))
