"""What readings of the doors and commands for them leave in the guard's ledger, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from example_facts import facts_of
from gate_world import MS, PROFILE, T0
from mantrap_world import AT_REST, MANTRAP, OPEN_ENTRY, OPEN_EXIT

from drivers.types import (
    CancelRead,
    Close,
    CloseEntry,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    PlantChanged,
    ReadDocument,
    SetDirection,
    Zone,
)
from gate_agent.core.ledger import Ledger, on_command, on_event
from gate_agent.core.messages import Append
from gate_agent.core.release import ReleaseState
from gate_agent.core.states import replace
from sync.log.types import RecordKind

NONE, RELEASED = ReleaseState.NONE, ReleaseState.RELEASED
SHUTTING, READ_BACK = ReleaseState.SHUTTING, ReleaseState.READ_BACK
STALE_NS = MANTRAP.budgets.plant_stale_ms * MS
OCCUPIED = replace(AT_REST, read_at_ns=T0, zone=Zone.ONE)
IN_USE = Ledger(
    plant=OCCUPIED,
    stay=5,
    spent=6,
    inside=6,
    crowd=True,
    closing=7,
    entry_opening=7,
    entry_closing=7,
    turning=True,
    synchronised=True,
    entry_release=READ_BACK,
    exit_release=READ_BACK,
    exit_used=True,
    release_ordered=True,
)
SHUT: Mapping[str, object] = {"entry_release": NONE, "exit_release": NONE}
RESTS = {**SHUT, "crowd": False, "exit_used": False, "release_ordered": False}


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({}, SHUT),
        ({"zone": Zone.MANY}, SHUT),
        ({"zone": Zone.UNKNOWN}, {**SHUT, "stay": 6}),
        ({"zone": Zone.EMPTY}, {**RESTS, "stay": 6}),
        ({"zone": Zone.EMPTY, **OPEN_ENTRY}, {"exit_release": NONE, "crowd": False, "stay": 6}),
        ({"zone": Zone.EMPTY, **OPEN_EXIT}, {"entry_release": NONE, "crowd": False, "stay": 6}),
        ({"entry": Door.OPEN}, {"exit_release": NONE}),
        ({"entry_lock": Lock.UNLOCKED}, {"exit_release": NONE}),
        ({"exit": Door.OPEN}, {"entry_release": NONE}),
        ({"exit_lock": Lock.UNLOCKED}, {"entry_release": NONE}),
        ({"fire": Flag.ACTIVE}, {**SHUT, "synchronised": False}),
        ({"fire": Flag.UNKNOWN}, {**SHUT, "synchronised": False}),
        ({"power_loss": Flag.ACTIVE}, {**SHUT, "synchronised": False}),
        ({"maintenance": Flag.ACTIVE}, {**SHUT, "synchronised": False}),
        (
            {"maintenance": Flag.ACTIVE, "zone": Zone.EMPTY},
            {**RESTS, "stay": 6, "synchronised": False},
        ),
    ],
)
def test_what_a_reading_of_two_doors_changes(
    changes: Mapping[str, object], after: Mapping[str, object]
) -> None:
    plant = replace(OCCUPIED, **changes)
    read = on_event(IN_USE, PlantChanged(plant=plant), T0, MANTRAP)
    assert read == replace(IN_USE, plant=plant, **after)


@pytest.mark.parametrize("release", [NONE, RELEASED, SHUTTING])
def test_a_door_seen_shut_ends_no_release_whose_shutting_was_not_read_back(
    release: ReleaseState,
) -> None:
    ledger = replace(IN_USE, entry_release=release, exit_release=release)
    assert on_event(ledger, PlantChanged(plant=OCCUPIED), T0, MANTRAP) == ledger


@pytest.mark.parametrize(
    ("plant", "synchronised", "age_ns", "after"),
    [
        (OCCUPIED, True, STALE_NS - 1, True),
        (OCCUPIED, True, STALE_NS, False),
        (OCCUPIED, False, 0, False),
        (None, True, 0, False),
    ],
)
def test_doors_stay_in_step_only_while_they_are_read_without_a_gap(
    plant: object, synchronised: bool, age_ns: int, after: bool
) -> None:
    ledger = replace(IN_USE, plant=plant, synchronised=synchronised)
    event = PlantChanged(plant=replace(OCCUPIED, read_at_ns=T0 + age_ns))
    assert on_event(ledger, event, T0 + age_ns, MANTRAP).synchronised is after


@pytest.mark.parametrize("synchronised", [True, False])
@pytest.mark.parametrize("before", [None, OCCUPIED])
def test_doors_at_rest_are_in_step_whatever_was_before(before: object, synchronised: bool) -> None:
    ledger = replace(IN_USE, plant=before, synchronised=synchronised)
    rest = PlantChanged(plant=replace(AT_REST, read_at_ns=T0 + 9 * STALE_NS))
    assert on_event(ledger, rest, T0 + 9 * STALE_NS, MANTRAP).synchronised


@pytest.mark.parametrize(
    ("was", "now", "stays"),
    [
        (None, Zone.UNKNOWN, 0),
        (None, Zone.EMPTY, 1),
        (None, Zone.ONE, 0),
        (Zone.UNKNOWN, Zone.UNKNOWN, 0),
        (Zone.UNKNOWN, Zone.ONE, 0),
        (Zone.EMPTY, Zone.EMPTY, 0),
        (Zone.EMPTY, Zone.ONE, 0),
        (Zone.ONE, Zone.ONE, 0),
        (Zone.ONE, Zone.MANY, 0),
        (Zone.MANY, Zone.ONE, 0),
        (Zone.ONE, Zone.EMPTY, 1),
        (Zone.ONE, Zone.UNKNOWN, 1),
    ],
)
def test_a_stay_ends_when_the_zone_is_left_or_no_longer_seen(
    was: Zone | None, now: Zone, stays: int
) -> None:
    """A reading at a barrier changes nothing else; a crowd is remembered."""
    before = None if was is None else replace(OCCUPIED, zone=was)
    ledger = replace(IN_USE, plant=before, crowd=False)
    plant = replace(OCCUPIED, zone=now, **OPEN_ENTRY)
    read = on_event(ledger, PlantChanged(plant=plant), T0, PROFILE)
    crowd = now is Zone.MANY
    assert read == replace(ledger, plant=plant, stay=5 + stays, crowd=crowd)


def recorded(action: str) -> Append:
    return Append(ticket=9, facts=facts_of(RecordKind.ACTUATION, action=action))


@pytest.mark.parametrize(
    ("command", "after"),
    [
        (OpenExit(ticket=9), {"spent": 9, "exit_release": RELEASED}),
        (OpenExit(ticket=2), {"exit_release": RELEASED}),
        (
            OpenEntry(ticket=9),
            {
                "inside": 9,
                "entry_opening": -1,
                "entry_release": RELEASED,
                "release_ordered": False,
            },
        ),
        (
            OpenEntry(ticket=2),
            {"entry_opening": -1, "entry_release": RELEASED, "release_ordered": False},
        ),
        (Close(ticket=7), {"closing": -1, "exit_release": SHUTTING}),
        (CloseEntry(ticket=7), {"entry_closing": -1, "entry_release": SHUTTING}),
        (SetDirection(ticket=9, reverse=True), {"turning": False, "synchronised": False}),
        (ReadDocument(ticket=9, mrz_budget_ms=1, chip_budget_ms=1), {}),
        (CancelRead(ticket=9), {}),
        (recorded("close"), {"closing": 9}),
        (recorded("open_entry"), {"entry_opening": 9}),
        (recorded("close_entry"), {"entry_closing": 9}),
    ],
)
def test_what_a_command_for_two_doors_leaves(command: object, after: Mapping[str, object]) -> None:
    assert on_command(IN_USE, command, T0, MANTRAP) == replace(IN_USE, **after)


def test_a_direction_and_a_release_are_remembered_once_they_are_on_record() -> None:
    ledger = replace(IN_USE, turning=False, release_ordered=False)
    turned = on_command(ledger, recorded("set_direction"), T0, MANTRAP)
    assert turned == replace(ledger, turning=True)
    order = Append(ticket=9, facts=facts_of(RecordKind.OFFICER, action="release"))
    assert on_command(ledger, order, T0, MANTRAP) == replace(ledger, release_ordered=True)


@pytest.mark.parametrize("before", [NONE, RELEASED, SHUTTING, READ_BACK])
def test_a_close_makes_every_release_one_that_is_shutting(before: ReleaseState) -> None:
    after = NONE if before is NONE else SHUTTING
    ledger = replace(IN_USE, entry_release=before, exit_release=before)
    assert on_command(ledger, Close(ticket=7), T0, MANTRAP).exit_release is after
    assert on_command(ledger, CloseEntry(ticket=7), T0, MANTRAP).entry_release is after


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("zone", [None, *Zone])
def test_at_a_barrier_a_document_begins_with_whom_the_zone_holds(
    zone: Zone | None, before: bool
) -> None:
    plant = None if zone is None else replace(OCCUPIED, zone=zone)
    ledger = replace(IN_USE, plant=plant, crowd=before)
    asked = on_command(
        ledger, ReadDocument(ticket=9, mrz_budget_ms=1, chip_budget_ms=1), T0, PROFILE
    )
    assert asked == replace(ledger, crowd=zone is Zone.MANY)
