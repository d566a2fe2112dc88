"""The 7E/7F gate: frames, the line, the device over clean and faulty wires."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from turnstile_bench import MS, Bench

from drivers.errors import NoAnswer
from drivers.turnstile.half_duplex import Silence
from drivers.turnstile.swing_frames import (
    GATE_BYTES,
    Ask,
    BadFrame,
    Order,
    Status,
    checksum,
    parse_status,
)
from drivers.turnstile.swing_gate import SwingGateMachine, zone_of
from drivers.turnstile.swing_link import SETTLE, SUSPECT_NS, Settled, SwingLink
from drivers.types import Close, Door, Flag, OpenEntry, OpenExit, PlantChanged, Zone
from firmware_cfg.turnstile import SwingGate, Turnstile
from sim.devices.swing_gate import SimSwingGate
from sim.wires.wire import NO_FAULTS, WireFaults

# --- golden vectors -------------------------------------------------------------------------

VECTORS = [
    (Ask(Order.STATUS), 1, "7E 00 01 10 00 00 00 70"),
    (Ask(Order.OPEN_LEFT, 1), 1, "7E 00 01 80 01 00 00 FF"),
    (Ask(Order.OPEN_RIGHT, 3), 2, "7E 00 02 82 03 00 00 FA"),
    (Ask(Order.CLOSE), 1, "7E 00 01 84 00 00 00 FC"),
    (Ask(Order.RESET_LEFT), 255, "7E 00 FF 20 00 00 00 62"),
]
ANSWER = bytes.fromhex("7F 12 01 00 01 02 00 01 02 7F 00 03 03 55 7F 00 00 0E")


@pytest.mark.parametrize(("ask", "machine", "frame"), VECTORS)
def test_commands_are_these_bytes(ask, machine, frame):
    assert ask.encode(machine) == bytes.fromhex(frame)


def test_an_answer_with_its_first_byte_inside_is_read():
    assert parse_status(ANSWER, 1) == Status(
        version=0x12,
        fault=0,
        gate=1,
        alarm=2,
        left=0x000102,
        right=0x7F0003,
        infrared=3,
        done=True,
        volts=0x7F,
    )


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        (ANSWER[:-1], "mismatch"),
        (ANSWER + b"\0", "mismatch"),
        (b"\x7e" + ANSWER[1:-1] + bytes((ANSWER[-1] + 1,)), "mismatch"),
        (ANSWER[:-1] + b"\x12", "crc"),
        (ANSWER[:2] + b"\x02" + ANSWER[3:-1] + bytes((ANSWER[-1] - 1,)), "mismatch"),
    ],
)
def test_anything_else_is_no_answer(frame, cause):
    with pytest.raises(BadFrame) as bad:
        parse_status(frame, 1)
    assert bad.value.cause == cause


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_no_status(data):
    try:
        parse_status(data, 1)
    except BadFrame:
        return
    assert len(data) == GATE_BYTES
    assert checksum(data[:-1]) == data[-1]


@pytest.mark.parametrize(
    ("beams", "zone"),
    [
        (0b0000, Zone.EMPTY),
        (0b0010, Zone.ONE),
        (0b0111, Zone.ONE),
        (0b1010, Zone.MANY),
        (0b1000_0001, Zone.MANY),
        (0xFF, Zone.ONE),
    ],
)
def test_beams_are_people(beams, zone):
    assert zone_of(beams) is zone


# --- the line -------------------------------------------------------------------------------


def quiet_link() -> SwingLink:
    link = SwingLink(1, 9600, answer_ms=100, backoff_ms=600)
    link.expire(600 * MS)
    return link


def test_after_anything_unexpected_the_line_is_suspect_for_a_while():
    link = quiet_link()
    later = 600 * MS + SUSPECT_NS
    assert not link.suspect(later)
    link.receive(ANSWER, later)  # unsolicited
    assert link.suspect(later + 600 * MS + SUSPECT_NS - 1)
    assert not link.suspect(later + 600 * MS + SUSPECT_NS)


def test_a_late_answer_is_not_taken_for_the_next_one():
    link = quiet_link()
    link.request(Ask(Order.STATUS), 600 * MS)
    assert len(link.output()) == 1
    link.expire(800 * MS)
    assert link.take() == Silence("timeout", sent=True)
    link.request(Ask(Order.STATUS), 800 * MS)
    assert link.output() == []  # the line must be quiet first
    link.receive(ANSWER, 1_000 * MS)
    assert (link.take(), link.metrics.late) == (None, 1)
    link.expire(1_599 * MS)
    assert link.output() == []
    link.expire(1_600 * MS)
    assert len(link.output()) == 1


def test_a_line_that_settles_is_quiet_and_one_that_does_not_is_silence():
    link = quiet_link()
    link.request(SETTLE, 700 * MS)
    link.expire(800 * MS)
    assert link.take() == Settled()
    link.request(SETTLE, 800 * MS)
    link.receive(ANSWER, 850 * MS)
    assert link.take() == Silence("late", sent=False)
    assert link.disturbances == 1


def test_two_questions_at_once_are_a_bug():
    link = quiet_link()
    link.request(Ask(Order.STATUS), 600 * MS)
    with pytest.raises(RuntimeError, match="one question"):
        link.request(Ask(Order.STATUS), 600 * MS)


# --- the device -----------------------------------------------------------------------------


def single_orders(faults: WireFaults) -> WireFaults:
    return replace(faults, duplicate=0.0, stale=0.0)


def swing_bench(seed: int = 1, faults: WireFaults = NO_FAULTS, exit_side: str = "left") -> Bench:
    # A line that doubles an order to the gate opens it twice: the protocol has no defence.
    single = single_orders(faults)
    profile = Turnstile(
        port="virtual",
        driver="swing",
        baud=9600,
        poll_ms=150,
        heartbeat_ms=300,
        stale_ms=900,
        swing=SwingGate(exit=exit_side),
    )
    bench = Bench(
        seed=seed,
        there=single,
        back=faults,
        profile=profile,
        machine=SwingGateMachine(profile),
        peer=SimSwingGate(profile.swing),
    )
    bench.open_port()
    return bench


@pytest.fixture(params=["left", "right"])
def ready(request) -> Bench:
    bench = swing_bench(exit_side=request.param)
    bench.run(2_000)
    assert bench.ready
    return bench


def test_a_closed_empty_lane(ready: Bench):
    plant = ready.plant
    assert (plant.entry, plant.exit, plant.zone) == (Door.CLOSED, Door.CLOSED, Zone.EMPTY)
    assert (plant.fire, plant.obstruction, plant.tamper) == (Flag.CLEAR,) * 3
    assert ready.peer.releases == 0


def test_a_traveller_is_released_counted_and_the_gate_closed(ready: Bench):
    ready.peer.arrive(ready.now_ns)
    ready.run(400)
    assert ready.plant.zone is Zone.ONE
    ready.command(OpenExit(ticket=1))
    ready.run(400)
    assert [done.ok for done in ready.done(1)] == [True]
    ready.run(400)
    assert ready.plant.exit is Door.OPEN
    ready.peer.try_pass(ready.now_ns)
    ready.run(2_000)
    assert (ready.plant.passages_exit, ready.plant.zone) == (1, Zone.EMPTY)
    ready.command(Close(ticket=1))
    ready.run(600)
    assert ready.done(1)[-1].ok
    assert ready.plant.exit is Door.CLOSED


def test_an_open_that_was_not_confirmed_is_never_repeated(ready: Bench):
    ready.there.set_faults(WireFaults(drop=1.0))
    ready.command(OpenExit(ticket=1))
    ready.run(200)
    ready.there.set_faults(NO_FAULTS)
    ready.run(6_000)
    assert ready.machine.metrics.timeouts >= 1
    assert [done.ok for done in ready.done(1)] == [False]
    assert ready.peer.releases == 0


def test_the_same_ticket_opens_once(ready: Bench):
    for _ in range(3):
        ready.command(OpenExit(ticket=5))
        ready.run(500)
    assert ready.peer.releases == 1
    ready.command(OpenExit(ticket=6))
    ready.run(500)
    assert [done.ok for done in ready.done(6)] == [False]
    assert ready.peer.releases == 1


def test_fire_opens_and_nothing_is_closed_while_it_lasts(ready: Bench):
    ready.peer.set_fire(ready.now_ns, active=True)
    ready.run(500)
    assert (ready.plant.fire, ready.plant.exit, ready.plant.entry) == (
        Flag.ACTIVE,
        Door.OPEN,
        Door.UNKNOWN,
    )
    ready.command(Close(ticket=1))
    ready.run(500)
    assert [done.ok for done in ready.done(1)] == [False]


def test_a_gate_with_a_fault_is_believed_in_nothing_that_moves(ready: Bench):
    ready.peer.fault = 3
    ready.run(500)
    plant = ready.plant
    assert (plant.entry, plant.exit, plant.fault_code) == (Door.UNKNOWN, Door.UNKNOWN, 3)


def test_a_silent_gate_is_unknown_and_reported(ready: Bench):
    ready.peer.freeze(frozen=True)
    ready.run(4_000)
    assert (ready.plant.exit, ready.plant.zone) == (Door.UNKNOWN, Zone.UNKNOWN)
    assert [type(fault) for _, fault in ready.faults] == [NoAnswer]
    ready.peer.freeze(frozen=False)
    ready.run(4_000)
    assert ready.plant.exit is Door.CLOSED


def test_what_a_gate_cannot_do_is_answered(ready: Bench):
    ready.command(OpenEntry(ticket=2))
    (done,) = ready.done(2)
    assert (done.action, done.ok) == ("open_entry", False)


NOISE = WireFaults(flip=0.02, drop=0.02, duplicate=0.02, slice=0.02, babble=0.01)
LATE = WireFaults(delay=0.05, drop=0.01, delay_ms=500)
GHOSTS = WireFaults(stale=0.2, stale_ms=300)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("faults", [NOISE, LATE, GHOSTS], ids=["noise", "late", "ghosts"])
def test_no_plant_is_what_the_gate_did_not_hold_and_no_release_is_doubled(seed, faults):
    bench = swing_bench(seed, faults)
    rng = random.Random(seed)
    held: list[tuple[int, int]] = [(0, 0)]
    seen = 0
    for ticket in range(1, 120):
        bench.peer.barrier.exit.counter += rng.randrange(1, 5)
        held.append((bench.now_ns, bench.peer.barrier.exit.counter))
        before = bench.peer.releases
        if ticket % 4 == 0:
            bench.command(OpenExit(ticket=ticket))
        bench.run(rng.randrange(400, 1_600))
        assert bench.peer.releases - before <= 1
        for at_ns, event in bench.events:
            if isinstance(event, PlantChanged) and event.plant.passages_exit is not None:
                true = [
                    count
                    for (since, count), (until, _) in zip(
                        held, [*held[1:], (bench.now_ns + 1, 0)], strict=True
                    )
                    if since <= at_ns and until >= event.plant.read_at_ns
                ]
                assert event.plant.passages_exit in true
                seen += 1
        bench.events.clear()
        bench.peer.barrier.authorise(bench.peer.barrier.exit, 0, bench.now_ns)
        del held[:-20]
    assert seen > 40
