"""What the guard remembers of an event and of a command, and what it does not take for one."""

from __future__ import annotations

import pytest
from example_facts import facts_of
from gate_world import MS, PROFILE, T0
from mantrap_world import AT_REST, MANTRAP

from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    OpenExit,
    PlantChanged,
    Zone,
)
from gate_agent.core.ledger import Accept, Ledger, on_command, on_event
from gate_agent.core.messages import Append, OfficerPresent, Tick
from gate_agent.core.reasons import Outcome
from gate_agent.core.release import ReleaseState
from gate_agent.core.states import replace
from sync.log.types import Appended, RecordKind

NONE, RELEASED = ReleaseState.NONE, ReleaseState.RELEASED
SHUTTING, READ_BACK = ReleaseState.SHUTTING, ReleaseState.READ_BACK
ACCEPT = Accept(ticket=3, stay=5, kind=RecordKind.DECISION, expires_ns=T0 + 1)
LEDGER = Ledger(plant=AT_REST, stay=5, synchronised=True, accept=ACCEPT)


def done(action: str, *, ok: bool = True) -> ActuationDone:
    return ActuationDone(ticket=3, action=action, ok=ok)


def appended(kind: RecordKind, ticket: int = 3) -> Appended:
    return Appended(ticket=ticket, kind=kind, seq=1)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        ({"entry_release": SHUTTING}, done("close_entry"), {"entry_release": READ_BACK}),
        ({"entry_release": SHUTTING}, done("close_entry", ok=False), {}),
        ({"entry_release": RELEASED}, done("close_entry"), {}),
        ({"entry_release": NONE}, done("close_entry"), {}),
        ({"entry_release": SHUTTING}, done("open_entry"), {}),
        ({"entry_release": SHUTTING}, done("close"), {}),
        ({"exit_release": SHUTTING}, done("close"), {"exit_release": READ_BACK}),
        ({"exit_release": SHUTTING}, done("close", ok=False), {}),
        ({"exit_release": RELEASED}, done("close"), {}),
        ({"exit_release": NONE}, done("close"), {}),
        ({"exit_release": SHUTTING}, done("open_exit"), {}),
        ({"exit_release": SHUTTING}, done("close_entry"), {}),
        ({"entry_release": SHUTTING, "exit_release": SHUTTING}, Tick(), {}),
    ],
)
def test_only_a_confirmed_shutting_that_went_out_is_read_back(before, event, after):
    ledger = replace(LEDGER, **before)
    assert on_event(ledger, event, T0, MANTRAP) == replace(ledger, **after)


@pytest.mark.parametrize(
    ("given", "event", "after"),
    [
        ({}, appended(RecordKind.DECISION), {"accept_durable": True}),
        ({}, appended(RecordKind.DECISION, ticket=2), {}),
        ({}, appended(RecordKind.OFFICER), {}),
        ({}, appended(RecordKind.ACTUATION), {}),
        ({"release_requested": True}, appended(RecordKind.ACTUATION), {"release_durable": True}),
        ({"release_requested": True}, appended(RecordKind.ACTUATION, ticket=2), {}),
        ({"release_requested": True}, appended(RecordKind.FINISH), {}),
        ({"kind": RecordKind.OFFICER}, appended(RecordKind.OFFICER), {"accept_durable": True}),
        ({"kind": RecordKind.OFFICER}, appended(RecordKind.DECISION), {}),
    ],
)
def test_an_accept_is_durable_by_its_own_records_only(given, event, after):
    accept = replace(ACCEPT, **given)
    ledger = replace(LEDGER, accept=accept)
    assert on_event(ledger, event, T0, PROFILE) == replace(ledger, accept=replace(accept, **after))


def test_without_an_accept_no_record_makes_one():
    ledger = replace(LEDGER, accept=None)
    assert on_event(ledger, appended(RecordKind.DECISION), T0, PROFILE) == ledger


def test_only_a_turnstile_that_fails_takes_what_was_seen_and_accepted():
    for device in DeviceId:
        event = DeviceFailed(device=device, code=1, retryable=True, diagnosis="")
        lost = {"plant": None, "stay": 6, "accept": None, "synchronised": False}
        after = replace(LEDGER, **(lost if device is DeviceId.TURNSTILE else {}))
        assert on_event(LEDGER, event, T0, PROFILE) == after
    assert on_event(LEDGER, DeviceReady(device=DeviceId.TURNSTILE), T0, PROFILE) == LEDGER


def test_a_lease_lasts_no_longer_than_the_profile_allows():
    longest_ns = T0 + PROFILE.budgets.lease_ms * MS
    for until_ns in (T0 + 1, longest_ns, longest_ns + 1):
        ledger = on_event(LEDGER, OfficerPresent(officer="o", until_ns=until_ns), T0, PROFILE)
        assert ledger == replace(LEDGER, lease_until_ns=min(until_ns, longest_ns))


def test_at_a_barrier_a_crowd_is_forgotten_only_when_a_document_is_asked_for():
    ledger = replace(LEDGER, crowd=True)
    empty = PlantChanged(plant=replace(AT_REST, zone=Zone.EMPTY))
    assert on_event(ledger, empty, T0, PROFILE).crowd
    assert not on_event(ledger, empty, T0, MANTRAP).crowd


def test_a_release_uses_up_the_accept_and_two_doors_remember_it():
    release = OpenExit(ticket=3)
    barrier = replace(LEDGER, accept=None, spent=3)
    assert on_command(LEDGER, release, T0, PROFILE) == barrier
    assert on_command(LEDGER, release, T0, MANTRAP) == replace(
        barrier, exit_used=True, exit_release=RELEASED
    )


def append(kind: RecordKind, ticket: int = 3, **given: object) -> Append:
    return Append(ticket=ticket, facts=facts_of(kind, **given))


@pytest.mark.parametrize(
    ("command", "after"),
    [
        (append(RecordKind.FINISH), {"accept": None}),
        (append(RecordKind.FINISH, ticket=2), {}),
        (append(RecordKind.DECISION, outcome=Outcome.REFER), {"accept": None}),
        (append(RecordKind.DECISION, ticket=2, outcome=Outcome.REFER), {}),
        (append(RecordKind.OFFICER, action="reject"), {"accept": None}),
        (append(RecordKind.OFFICER, ticket=2, action="reject"), {}),
        (append(RecordKind.OFFICER, action="acknowledge"), {}),
        (append(RecordKind.SYSTEM, event="permit_refused"), {}),
        (append(RecordKind.ACTUATION, ticket=2, action="open_exit"), {}),
        (
            append(RecordKind.ACTUATION, action="open_exit"),
            {"accept": replace(ACCEPT, release_requested=True)},
        ),
    ],
)
def test_an_accept_is_followed_and_taken_back_by_its_own_records_only(command, after):
    assert on_command(LEDGER, command, T0, PROFILE) == replace(LEDGER, **after)


@pytest.mark.parametrize("kind", [RecordKind.FINISH, RecordKind.ACTUATION, RecordKind.DECISION])
def test_without_an_accept_there_is_nothing_to_follow(kind):
    ledger = replace(LEDGER, accept=None)
    assert on_command(ledger, append(kind), T0, PROFILE) == ledger


def test_between_two_doors_only_who_was_let_in_is_accepted():
    admit = append(RecordKind.DECISION, outcome=Outcome.ADMIT)
    ledger = replace(LEDGER, accept=None)
    assert on_command(replace(ledger, inside=2), admit, T0, MANTRAP).accept is None
    assert on_command(replace(ledger, inside=3), admit, T0, MANTRAP).accept is not None
    assert on_command(ledger, admit, T0, PROFILE).accept is not None


def test_an_accept_is_valid_for_as_long_as_the_profile_says_and_for_whom_was_seen_alone():
    admit = append(RecordKind.DECISION, outcome=Outcome.ADMIT)
    for zone, stay in ((Zone.ONE, 5), (Zone.MANY, None), (Zone.EMPTY, None)):
        ledger = replace(LEDGER, accept=None, plant=replace(AT_REST, zone=zone))
        assert on_command(ledger, admit, T0, PROFILE).accept == Accept(
            ticket=3,
            stay=stay,
            kind=RecordKind.DECISION,
            expires_ns=T0 + PROFILE.budgets.accept_valid_ms * MS,
        )
