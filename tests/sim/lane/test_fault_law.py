"""The law of the faults: each kind is in a scenario of the library, and changes what happens."""

from __future__ import annotations

import functools
from typing import get_args

import msgspec
import pytest

from sim.day.run import Result, run
from sim.scenario.catalogue import Entry, catalogue
from sim.scenario.parts import PLANTS, FaultKind

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@functools.cache
def library() -> tuple[Entry, ...]:
    return tuple(entry for entry in catalogue() if not entry.plan.long)


def smallest(kind: FaultKind) -> Entry:
    """The scenario with such a fault that takes the least to run."""
    having = [e for e in library() if any(fault.kind == kind for fault in e.plan.faults)]
    assert having, f"no scenario of the library has {kind}"
    return min(having, key=lambda e: (len(e.plan.lanes), len(e.plan.travellers), e.full_name))


@functools.cache
def played(name: str, without: FaultKind | None) -> Result:
    """A scenario of the library, without one kind of fault; every run is used again."""
    (plan,) = (entry.plan for entry in library() if entry.full_name == name)
    faults = tuple(fault for fault in plan.faults if fault.kind != without)
    return run(msgspec.structs.replace(plan, faults=faults), name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_changes_the_trace(kind: FaultKind) -> None:
    name = smallest(kind).full_name
    assert played(name, None).trace_sha256 != played(name, kind).trace_sha256


def test_every_plant_and_a_camera_column_are_in_the_library() -> None:
    lanes = [lane for entry in library() for lane in entry.plan.lanes]
    assert {lane.plant for lane in lanes} == set(PLANTS)
    assert any(lane.column for lane in lanes)
