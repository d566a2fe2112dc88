"""When a plant is published: changes, heartbeats, and UNKNOWN once it is too old."""

from __future__ import annotations

import pytest

from drivers.turnstile.plant_publisher import PlantPublisher
from drivers.types import Door, Plant, PlantChanged

POLL_NS, HEARTBEAT_NS, STALE_NS = 50, 250, 900


@pytest.fixture
def sent() -> list[PlantChanged]:
    return []


@pytest.fixture
def publisher(sent: list[PlantChanged]) -> PlantPublisher:
    return PlantPublisher(
        sent.append, poll_ns=POLL_NS, heartbeat_ns=HEARTBEAT_NS, stale_ns=STALE_NS
    )


def closed(read_at_ns: int) -> Plant:
    return Plant(read_at_ns=read_at_ns, exit=Door.CLOSED)


def test_nothing_is_due_before_the_first_plant(publisher, sent) -> None:
    assert publisher.due_ns is None
    assert not publisher.expire(10_000)
    assert sent == []


def test_a_change_is_published_and_a_repetition_only_before_the_heartbeat(publisher, sent) -> None:
    publisher.take(closed(0), 0)
    publisher.take(closed(100), 100)
    publisher.take(closed(200), 200)
    assert sent == [PlantChanged(plant=closed(0))]
    publisher.take(closed(201), 201)  # the next poll would come after the heartbeat
    assert sent[1:] == [PlantChanged(plant=closed(201))]
    opened = Plant(read_at_ns=202, exit=Door.OPEN)
    publisher.take(opened, 202)
    assert sent[2:] == [PlantChanged(plant=opened)]


def test_a_heartbeat_repeats_the_last_plant(publisher, sent) -> None:
    publisher.take(closed(0), 0)
    assert publisher.due_ns == HEARTBEAT_NS
    assert not publisher.expire(HEARTBEAT_NS - 1)
    assert len(sent) == 1
    assert not publisher.expire(HEARTBEAT_NS)
    assert sent[1:] == [PlantChanged(plant=closed(0))]


def test_what_is_too_old_is_unknown_once_and_stays_so(publisher, sent) -> None:
    publisher.take(closed(0), 0)
    for at_ns in (250, 500, 750):
        publisher.expire(at_ns)
    assert publisher.due_ns == STALE_NS
    assert not publisher.expire(STALE_NS - 1)
    assert publisher.expire(STALE_NS)
    assert sent[-1] == PlantChanged(plant=Plant(read_at_ns=0))
    assert publisher.due_ns == STALE_NS + HEARTBEAT_NS
    assert not publisher.expire(STALE_NS + HEARTBEAT_NS)
    assert sent[-1] == PlantChanged(plant=Plant(read_at_ns=0))


def test_a_lost_line_ends_the_age_of_its_last_poll(publisher, sent) -> None:
    publisher.take(closed(0), 0)
    publisher.forget()
    publisher.unknown(10)
    assert sent[1:] == [PlantChanged(plant=Plant(read_at_ns=0))]
    assert not publisher.expire(STALE_NS)
