"""The inbox's policy: bounded, fair to deadlines, and it hides nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.types import Guidance, Liveness, LivenessState, Observation, Observed, VerifyEnded
from drivers.types import DeviceFailed, DeviceId, Plant, PlantChanged, ReadStep, Zone
from gate_agent.core.messages import Tick
from gate_agent.loop import CAPACITY, RESERVED, InboxFull, Mailbox

NOISE = VerifyEnded(ticket=1, frames=0, dropped=0)
FAULT = DeviceFailed(device=DeviceId.READER, code=1, retryable=True, diagnosis="")


def seen(at_ns: int, state: LivenessState = LivenessState.BONA_FIDE) -> Observed:
    observation = Observation(
        frame_at_ns=at_ns,
        faces=1,
        quality=(),
        guidance=Guidance.NONE,
        liveness=Liveness(state=state),
        match=None,
    )
    return Observed(ticket=1, observation=observation)


def drained(mailbox: Mailbox) -> list:
    events = []
    while (taken := mailbox.take(0, None)) is not None:
        events.append(taken[1])
    return events


def test_a_babbling_device_does_not_starve_a_deadline():
    mailbox = Mailbox()
    for at_ns in range(10, 100, 10):
        mailbox.put(NOISE, at_ns)
    assert mailbox.take(500, 25) == (10, NOISE)
    assert mailbox.take(500, 25) == (20, NOISE)
    assert mailbox.take(500, 25) == (25, Tick())
    assert mailbox.take(500, None) == (30, NOISE)


def test_nothing_is_due_yet():
    mailbox = Mailbox()
    assert mailbox.take(10, None) is None
    assert mailbox.take(10, 11) is None
    assert mailbox.take(11, 11) == (11, Tick())


def test_time_never_runs_back():
    mailbox = Mailbox()
    mailbox.put(NOISE, 100)
    assert mailbox.take(100, None) == (100, NOISE)
    assert mailbox.take(100, 40) == (100, Tick())


def test_a_full_inbox_keeps_places_for_safety_and_reports_itself_once():
    mailbox = Mailbox()
    for at_ns in range(CAPACITY - RESERVED):
        assert mailbox.put(NOISE, at_ns)
    assert not mailbox.put(NOISE, 1_000)
    assert not mailbox.put(NOISE, 1_001)
    assert mailbox.put(FAULT, 1_002)
    events = drained(mailbox)
    inbox = [e for e in events if isinstance(e, DeviceFailed) and e.device is DeviceId.INBOX]
    assert len(inbox) == 1
    assert events[-1] == FAULT


def test_safety_events_without_a_place_end_the_process():
    mailbox = Mailbox()
    for at_ns in range(CAPACITY):
        mailbox.put(FAULT, at_ns)
    with pytest.raises(InboxFull):
        mailbox.put(FAULT, CAPACITY)


def test_the_newest_frame_wins_but_never_hides_an_attack():
    mailbox = Mailbox()
    mailbox.put(seen(1), 1)
    mailbox.put(seen(2), 2)
    mailbox.put(seen(3, LivenessState.ATTACK), 3)
    mailbox.put(seen(4), 4)
    mailbox.put(seen(5), 5)
    assert drained(mailbox) == [seen(3, LivenessState.ATTACK), seen(5)]


def test_a_plant_reading_is_replaced_only_by_the_same_reading():
    mailbox = Mailbox()
    for at_ns, zone in enumerate((Zone.ONE, Zone.ONE, Zone.EMPTY, Zone.ONE, Zone.ONE)):
        mailbox.put(PlantChanged(plant=Plant(read_at_ns=at_ns, zone=zone)), at_ns)
    plants = [event.plant for event in drained(mailbox)]
    assert [(p.read_at_ns, p.zone) for p in plants] == [
        (1, Zone.ONE),
        (2, Zone.EMPTY),
        (4, Zone.ONE),
    ]


@given(
    st.lists(
        st.sampled_from([NOISE, FAULT, ReadStep(ticket=1, step="sod"), seen(1), "get", "due"]),
        max_size=400,
    )
)
def test_the_queue_is_bounded_and_ordered(actions):
    mailbox = Mailbox()
    last = 0
    for now_ns, action in enumerate(actions):
        if action == "get" or len(mailbox) > CAPACITY - 2:
            taken = mailbox.take(now_ns, None)
        elif action == "due":
            taken = mailbox.take(now_ns, now_ns)
        else:
            mailbox.put(action, now_ns)
            taken = None
        if taken is not None:
            assert taken[0] >= last
            last = taken[0]
        assert len(mailbox) <= CAPACITY
