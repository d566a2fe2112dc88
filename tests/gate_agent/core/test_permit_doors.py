"""The guard of two doors, clause by clause: all right moves, any one thing wrong does not."""

from __future__ import annotations

import pytest
from gate_world import PROFILE, T0
from mantrap_world import AT_REST, MANTRAP
from test_permit import ACCEPT

from drivers.types import (
    Close,
    CloseEntry,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    SetDirection,
    Zone,
)
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import Mode
from gate_agent.core.permit import Clause, permit
from gate_agent.core.release import ReleaseState
from gate_agent.core.states import replace

LEDGER = Ledger(
    plant=AT_REST,
    stay=5,
    lease_until_ns=T0 + 1,
    accept=ACCEPT,
    spent=2,
    closing=3,
    entry_opening=3,
    entry_closing=3,
    turning=True,
    inside=2,
    synchronised=True,
)
INSIDE = {"zone": Zone.ONE}
LAX = replace(MANTRAP, lane=replace(MANTRAP.lane, officer_lease_required=False))
ONE_WAY = replace(MANTRAP, lane=replace(MANTRAP.lane, reversible=False))


def asked(command, mode=Mode.AUTO, now_ns=T0, profile=MANTRAP, plant=None, **changes):
    ledger = replace(LEDGER, **changes)
    return permit(
        command, replace(ledger, plant=replace(AT_REST, **(plant or {}))), mode, profile, now_ns
    )


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {}),
        (Clause.ENTRY_NOT_CLOSED, {"plant": INSIDE | {"entry_lock": Lock.UNLOCKED}}),
        (Clause.ENTRY_NOT_CLOSED, {"entry_release": ReleaseState.READ_BACK}),
        (Clause.NOT_IN_STEP, {"synchronised": False}),
        (Clause.NOT_INSIDE, {"inside": 2}),
    ],
)
def test_the_exit_behind_a_locked_entry(clause, wrong):
    said = {"plant": INSIDE, "inside": 3} | wrong
    assert asked(OpenExit(ticket=3), **said) is clause


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {}),
        (Clause.NO_SUCH_DOOR, {"profile": PROFILE}),
        (Clause.FIRE, {"plant": {"fire": Flag.ACTIVE}}),
        (Clause.EXIT_NOT_SHUT, {"plant": {"exit": Door.OPEN}}),
        (Clause.EXIT_NOT_SHUT, {"plant": {"exit": Door.UNKNOWN}}),
        (Clause.EXIT_NOT_SHUT, {"plant": {"exit_lock": Lock.UNLOCKED}}),
        (Clause.EXIT_NOT_SHUT, {"exit_release": ReleaseState.RELEASED}),
        (Clause.OBSTRUCTED, {"plant": {"entry_obstruction": Flag.UNKNOWN}}),
        (Clause.MAINTENANCE, {"plant": {"maintenance": Flag.ACTIVE}}),
        (Clause.NOT_RECORDED, {"entry_opening": 2}),
        (Clause.MODE, {"mode": Mode.OUT_OF_SERVICE}),
        (Clause.NOT_IN_STEP, {"synchronised": False}),
        (Clause.NO_LEASE, {"lease_until_ns": T0}),
        (None, {"lease_until_ns": T0, "profile": LAX}),
        (Clause.USED, {"inside": 3}),
    ],
)
def test_the_entry_to_come_in(clause, wrong):
    assert asked(OpenEntry(ticket=3), **wrong) is clause


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {}),
        (None, {"mode": Mode.OUT_OF_SERVICE, "lease_until_ns": T0, "inside": 3}),
        (Clause.MODE, {"mode": Mode.EVACUATION}),
        (Clause.MODE, {"mode": Mode.MAINTENANCE}),
        (Clause.ZONE_UNKNOWN, {"plant": {"zone": Zone.UNKNOWN}}),
        (Clause.NOT_IN_STEP, {"synchronised": False}),
        (Clause.EXIT_USED, {"exit_used": True}),
        (None, {"exit_used": True, "synchronised": False, "release_ordered": True}),
    ],
)
def test_the_entry_to_go_back_out(clause, wrong):
    assert asked(OpenEntry(ticket=3), **({"plant": INSIDE} | wrong)) is clause


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {"mode": Mode.OUT_OF_SERVICE}),
        (Clause.OBSTRUCTED, {"plant": {"entry_obstruction": Flag.ACTIVE}}),
        (Clause.MODE, {"mode": Mode.EVACUATION}),
        (Clause.MODE, {"mode": Mode.MAINTENANCE}),
        (Clause.NOT_RECORDED, {"entry_closing": 2}),
        (Clause.ZONE_UNKNOWN, {"plant": {"zone": Zone.UNKNOWN}}),
    ],
)
def test_shutting_the_entry(clause, wrong):
    assert asked(CloseEntry(ticket=3), **wrong) is clause


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {}),
        (Clause.MODE, {"mode": Mode.MAINTENANCE}),
        (Clause.ZONE_NOT_EMPTY, {"plant": INSIDE}),
        (
            Clause.ZONE_NOT_EMPTY,
            {"plant": INSIDE | {"exit": Door.OPEN}, "exit_release": ReleaseState.RELEASED},
        ),
        (None, {"plant": INSIDE, "exit_release": ReleaseState.RELEASED}),
    ],
)
def test_shutting_the_exit(clause, wrong):
    assert asked(Close(ticket=3), **wrong) is clause


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (None, {}),
        (Clause.NOT_STANDBY, {"mode": Mode.AUTO}),
        (Clause.NOT_RECORDED, {"turning": False}),
        (Clause.ENTRY_NOT_CLOSED, {"plant": {"entry": Door.OPEN}}),
        (Clause.EXIT_NOT_SHUT, {"plant": {"exit": Door.OPEN}}),
        (Clause.ZONE_NOT_EMPTY, {"plant": INSIDE}),
        (Clause.ONE_WAY, {"profile": ONE_WAY}),
    ],
)
def test_swapping_the_direction(clause, wrong):
    said = {"mode": Mode.OUT_OF_SERVICE} | wrong
    assert asked(SetDirection(ticket=0, reverse=True), **said) is clause
