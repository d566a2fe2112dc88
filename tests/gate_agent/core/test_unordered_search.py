"""The search finds a lane that overlooks what nothing ordered, and names the invariant."""

from __future__ import annotations

import pytest

from drivers.types import PlantChanged
from gate_agent.core import officer, regions
from gate_agent.core.messages import OfficerAction, OfficerDecided
from gate_agent.core.states import replace
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.safety.environment import ENVIRONMENTS
from gate_agent.safety.search import search


def sees_nothing(state, event, now_ns, profile):
    state = regions.plant_read(state, event.plant, now_ns, profile)
    return regions.plant_forbids(state), ()


def records_nothing(state, event, now_ns, profile):
    return regions.plant_changed(state, event, now_ns, profile)[0], ()


def takes_any_note(state, event, now_ns, profile):
    if event.action is OfficerAction.ACKNOWLEDGE:
        event = replace(event, note="no one asked")
    return officer.officer_acted(state, event, now_ns, profile)


SEEDED = {
    "opened_unordered": ("barrier", "other master", {PlantChanged: sees_nothing}),
    "opened_unordered: two doors": ("mantrap", "exit", {PlantChanged: sees_nothing}),
    "opened_unordered: unrecorded": ("barrier", "other master", {PlantChanged: records_nothing}),
    "passed_unseen": ("barrier", "stray passages", {PlantChanged: sees_nothing}),
    "passed_unseen: unrecorded": ("barrier", "stray passages", {PlantChanged: records_nothing}),
    "reopened_unnoted": ("barrier", "other master", {OfficerDecided: takes_any_note}),
    "reopened_unnoted: fire": ("barrier", "fire", {OfficerDecided: takes_any_note}),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_the_search_names_what_was_overlooked(seed):
    kind, environment, lie = SEEDED[seed]
    topology = TOPOLOGIES[kind]
    blind = topology._replace(regions={**topology.regions, **lie})
    name = seed.partition(":")[0]
    found = search(ENVIRONMENTS[kind][environment], topology=blind, stop_at=name, most=3_000)
    assert found.broken.get(name), found.broken
