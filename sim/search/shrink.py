"""Makes a failing scenario small: takes away whatever it fails without.

A smaller scenario counts if it still fails in one of the ways in which the whole one did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from sim.scenario.scenario import Scenario
from sim.scenario.traveller import Document, Face, Officer, Traveller
from sim.search.soak import examine

MAX_RUNS = 400

replace = msgspec.structs.replace
Problems = tuple[str, ...]


class Shrunk(NamedTuple):
    """The smallest scenario found, how it fails, and how many runs it took."""

    scenario: Scenario
    problems: Problems
    runs: int


def shrink(
    scenario: Scenario,
    test: Callable[[Scenario], Problems] = examine,
    progress: Callable[[int], None] = lambda _runs: None,
) -> Shrunk | None:
    """Minimise a failing scenario; None if it does not fail.

    Args:
        scenario: what fails.
        test: gives what is wrong with a scenario.
        progress: takes the number of runs so far.
    """
    problems = test(scenario)
    if not problems:
        return None
    kinds = {_kind(problem) for problem in problems}
    runs, smaller = 1, True
    while smaller and runs < MAX_RUNS:
        smaller = False
        for candidate in _smaller(scenario):
            runs += 1
            progress(runs)
            found = test(candidate)
            if kinds & {_kind(problem) for problem in found}:
                scenario, problems, smaller = candidate, found, True
                break
            if runs >= MAX_RUNS:
                break
    return Shrunk(scenario, problems, runs)


def _kind(problem: str) -> str:
    """What is wrong, without names of people, no numbers."""
    words = problem.partition(": ")
    text = words[2] or words[0]
    return " ".join(
        word for word in text.split() if word.islower() and not any(c.isdigit() for c in word)
    )


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Every scenario that is a step simpler, the biggest steps first."""
    yield from _without_lanes(scenario)
    for field in ("faults", "travellers", "arrivals", "expectations"):
        parts = getattr(scenario, field)
        for size in (len(parts) // 2, 1):
            for at in range(0, len(parts), size) if size else ():
                left = parts[:at] + parts[at + size :]
                if left or field != "travellers" or scenario.arrivals:
                    yield replace(scenario, **{field: left})
    for at, traveller in enumerate(scenario.travellers):
        for simpler in _plainer(traveller):
            people = (*scenario.travellers[:at], simpler, *scenario.travellers[at + 1 :])
            yield replace(scenario, travellers=people)
    for at, fault in enumerate(scenario.faults):
        if fault.for_s > 1:
            shorter = replace(fault, for_s=fault.for_s // 2)
            yield replace(
                scenario, faults=(*scenario.faults[:at], shorter, *scenario.faults[at + 1 :])
            )


def _without_lanes(scenario: Scenario) -> Iterator[Scenario]:
    for gone in scenario.lanes if len(scenario.lanes) > 1 else ():
        people = tuple(one for one in scenario.travellers if one.lane != gone.number)
        if not people and not scenario.arrivals:
            continue
        faults = tuple(
            fault
            for fault in scenario.faults
            if gone.number not in (fault.lane, fault.when.lane if fault.when else None)
        )
        claims = tuple(claim for claim in scenario.expectations if claim.lane != gone.number)
        lanes = tuple(lane for lane in scenario.lanes if lane is not gone)
        yield replace(scenario, lanes=lanes, travellers=people, faults=faults, expectations=claims)


def _plainer(traveller: Traveller) -> Iterator[Traveller]:
    document = traveller.document
    if traveller.behaviour != "normal":
        yield replace(traveller, behaviour="normal")
    if document.forgeries:
        yield replace(traveller, document=replace(document, forgeries=()))
    if traveller.face != Face():
        yield replace(traveller, face=Face())
    if traveller.officer != Officer():
        yield replace(traveller, officer=Officer())
    plain = Document(number="X1", birth_date=document.birth_date, expiry=document.expiry)
    if not document.forgeries and document != plain:
        yield replace(traveller, document=plain)
