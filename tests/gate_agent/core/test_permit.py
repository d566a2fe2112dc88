"""The guard, clause by clause: everything right opens, any one thing wrong does not."""

from __future__ import annotations

import pytest
from example_facts import facts_of
from gate_world import MS, PROFILE, REST, T0

from drivers.types import Close, DeviceFailed, DeviceId, Door, Flag, OpenExit, PlantChanged, Zone
from gate_agent.core.ledger import Accept, Ledger, on_command, on_event
from gate_agent.core.messages import Append, Mode
from gate_agent.core.permit import Clause, permit
from gate_agent.core.states import replace
from sync.log.types import RecordKind

ACCEPT = Accept(
    ticket=3,
    stay=5,
    kind=RecordKind.DECISION,
    expires_ns=T0 + 1,
    accept_durable=True,
    release_requested=True,
    release_durable=True,
)
PLANT = replace(REST, zone=Zone.ONE)
LEDGER = Ledger(plant=PLANT, stay=5, lease_until_ns=T0 + 1, accept=ACCEPT, spent=2, closing=3)
STALE = PROFILE.budgets.plant_stale_ms * MS


def asked(command, mode=Mode.AUTO, now_ns=T0, profile=PROFILE, plant=None, accept=None, **changes):
    ledger = replace(LEDGER, **changes)
    if plant is not None and ledger.plant is not None:
        ledger = replace(ledger, plant=replace(ledger.plant, **plant))
    if accept is not None:
        ledger = replace(ledger, accept=replace(ACCEPT, **accept))
    return permit(command, ledger, mode, profile, now_ns)


def test_everything_right_opens():
    assert asked(OpenExit(ticket=3)) is None


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (Clause.MODE, {"mode": Mode.STARTING}),
        (Clause.MODE, {"mode": Mode.OUT_OF_SERVICE}),
        (Clause.MODE, {"mode": Mode.EVACUATION}),
        (Clause.PLANT_UNKNOWN, {"plant": None, "ledger_plant": None}),
        (Clause.PLANT_STALE, {"plant": {"read_at_ns": T0 - STALE}}),
        (Clause.PLANT_STALE, {"plant": {"read_at_ns": T0 + 1}}),
        (Clause.FIRE, {"plant": {"fire": Flag.ACTIVE}}),
        (Clause.FIRE, {"plant": {"fire": Flag.UNKNOWN}}),
        (Clause.OBSTRUCTED, {"plant": {"obstruction": Flag.ACTIVE}}),
        (Clause.OBSTRUCTED, {"plant": {"obstruction": Flag.UNKNOWN}}),
        (Clause.ENTRY_NOT_CLOSED, {"plant": {"entry": Door.OPEN}}),
        (Clause.ENTRY_NOT_CLOSED, {"plant": {"entry": Door.UNKNOWN}}),
        (Clause.ZONE_NOT_ONE, {"plant": {"zone": Zone.EMPTY}}),
        (Clause.ZONE_NOT_ONE, {"plant": {"zone": Zone.MANY}}),
        (Clause.ZONE_NOT_ONE, {"plant": {"zone": Zone.UNKNOWN}}),
        (Clause.NO_LEASE, {"lease_until_ns": T0}),
        (Clause.USED, {"spent": 3}),
        (Clause.NO_ACCEPT, {"accept": {"ticket": 2}}),
        (Clause.SEVERAL_PERSONS, {"crowd": True}),
        (Clause.NOT_DURABLE, {"accept": {"accept_durable": False}}),
        (Clause.NOT_DURABLE, {"accept": {"release_durable": False}}),
        (Clause.OTHER_OCCUPANCY, {"stay": 6}),
        (Clause.EXPIRED, {"accept": {"expires_ns": T0}}),
    ],
)
def test_one_thing_wrong_names_its_clause(clause, wrong):
    wrong = dict(wrong)
    if wrong.pop("ledger_plant", 0) is None:
        ledger = replace(LEDGER, plant=None)
        assert permit(OpenExit(ticket=3), ledger, Mode.AUTO, PROFILE, T0) is clause
        return
    assert asked(OpenExit(ticket=3), **wrong) is clause


def test_an_officers_accept_opens_after_a_crowd_has_gone():
    assert asked(OpenExit(ticket=3), crowd=True, accept={"kind": RecordKind.OFFICER}) is None


def test_the_lease_counts_only_where_the_profile_asks_for_it():
    lax = replace(PROFILE, lane=replace(PROFILE.lane, officer_lease_required=False))
    assert asked(OpenExit(ticket=3), lease_until_ns=T0, profile=lax) is None


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.STARTING, Mode.OUT_OF_SERVICE])
def test_close_is_allowed_on_an_empty_zone(mode):
    assert asked(Close(ticket=3), mode=mode, plant={"zone": Zone.EMPTY}) is None


@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (Clause.FIRE, {"plant": {"zone": Zone.EMPTY, "fire": Flag.ACTIVE}}),
        (Clause.FIRE, {"plant": {"zone": Zone.EMPTY, "fire": Flag.UNKNOWN}}),
        (Clause.MODE, {"plant": {"zone": Zone.EMPTY}, "mode": Mode.EVACUATION}),
        (Clause.ZONE_NOT_EMPTY, {"plant": {"zone": Zone.ONE}}),
        (Clause.ZONE_NOT_EMPTY, {"plant": {"zone": Zone.MANY}}),
        (Clause.ZONE_NOT_EMPTY, {"plant": {"zone": Zone.UNKNOWN}}),
        (Clause.OBSTRUCTED, {"plant": {"zone": Zone.EMPTY, "obstruction": Flag.ACTIVE}}),
        (Clause.PLANT_STALE, {"plant": {"zone": Zone.EMPTY, "read_at_ns": T0 - STALE}}),
        (Clause.NOT_RECORDED, {"plant": {"zone": Zone.EMPTY}, "closing": 2}),
    ],
)
def test_close_names_its_clause(clause, wrong):
    assert asked(Close(ticket=3), **wrong) is clause


def test_a_stay_ends_with_an_empty_zone_and_with_a_lost_sight():
    ledger = LEDGER
    for zone, stay in (
        (Zone.ONE, 5),
        (Zone.UNKNOWN, 6),
        (Zone.ONE, 6),
        (Zone.EMPTY, 7),
        (Zone.EMPTY, 7),
        (Zone.ONE, 7),
    ):
        plant = replace(PLANT, zone=zone)
        ledger = on_event(ledger, PlantChanged(plant=plant), T0, PROFILE)
        assert ledger.stay == stay
    lost = DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis="")
    assert on_event(LEDGER, lost, T0, PROFILE).accept is None


def test_an_officers_rejection_takes_an_accept_back():
    rejected = Append(ticket=3, facts=facts_of(RecordKind.OFFICER, action="reject"))
    after = on_command(LEDGER, rejected, T0, PROFILE)
    assert permit(OpenExit(ticket=3), after, Mode.AUTO, PROFILE, T0) is Clause.NO_ACCEPT


@pytest.mark.parametrize("zone", [Zone.EMPTY, Zone.MANY, Zone.UNKNOWN])
def test_an_accept_given_without_one_person_in_the_zone_never_opens(zone):
    ledger = Ledger(plant=replace(REST, zone=zone), lease_until_ns=T0 + 1)
    word = Append(ticket=3, facts=facts_of(RecordKind.OFFICER, action="accept"))
    given = on_command(ledger, word, T0, PROFILE).accept
    assert given is not None
    assert given.stay is None
    assert asked(OpenExit(ticket=3), accept={"stay": given.stay}) is Clause.OTHER_OCCUPANCY
