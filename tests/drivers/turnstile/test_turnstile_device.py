from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turnstile_bench import MS, Bench, modbus_turnstile

from drivers.errors import DeviceRefused, DriverFault, NoAnswer, PortLost, WrongIdentity
from drivers.ports import Write
from drivers.turnstile.modbus_requests import Read
from drivers.turnstile.rtu import seal
from drivers.types import (
    CancelRead,
    Close,
    DeviceReady,
    Door,
    Flag,
    OpenExit,
    PlantChanged,
    Zone,
)
from firmware_cfg.turnstile import RegisterMap, Turnstile
from sim.devices.turnstile import SimIdentity, SimTurnstile
from sim.devices.turnstile_barrier import Mode


def ready_bench(**kwargs) -> Bench:
    bench = Bench(**kwargs)
    bench.open_port()
    bench.run(200)
    assert bench.ready
    return bench


# --- coming up ------------------------------------------------------------------------


def test_ready_after_identity_and_a_complete_poll() -> None:
    bench = ready_bench()
    first, second = (event for _, event in bench.events[:2])
    assert first == DeviceReady(device=bench.machine.device, identity="egate-sim/turnstile 1.0")
    assert isinstance(second, PlantChanged)
    assert (bench.plant.passages_exit, bench.plant.zone) == (0, Zone.EMPTY)
    assert not bench.faults


def test_nothing_is_written_by_coming_up() -> None:
    bench = ready_bench()
    bench.run(5_000)
    assert bench.peer.releases == 0


def test_the_wrong_device_is_reported_and_left_alone() -> None:
    bench = Bench(profile=Turnstile(port="virtual", identity="acme/gate"))
    bench.open_port()
    bench.run(5_000)
    assert [type(fault) for _, fault in bench.faults] == [WrongIdentity]
    assert not bench.ready
    bench.command(OpenExit(ticket=1))
    assert [done.ok for done in bench.done(1)] == [False]
    bench.peer.set_identity(SimIdentity("acme", "gate"))
    bench.open_port()
    bench.run(200)
    assert bench.ready


def test_a_silent_device_is_reported_once_and_comes_back() -> None:
    bench = Bench()
    bench.peer.freeze(frozen=True)
    bench.open_port()
    bench.run(20_000)
    assert [type(fault) for _, fault in bench.faults] == [NoAnswer]
    assert bench.machine.metrics.probes < 40  # backs off
    bench.peer.freeze(frozen=False)
    bench.run(1_000)
    assert bench.ready


def test_a_device_that_refuses_is_reported() -> None:
    profile = Turnstile(port="virtual", registers=RegisterMap(mode=0x3100))
    bench = Bench(profile=profile)
    bench.peer = SimTurnstile(RegisterMap())
    bench.open_port()
    bench.run(1_000)
    assert [type(fault) for _, fault in bench.faults] == [DeviceRefused]
    assert not bench.ready


# --- signals --------------------------------------------------------------------------


def test_heartbeats_without_change() -> None:
    bench = ready_bench()
    bench.run(10_000)
    times = [at for at, event in bench.events if isinstance(event, PlantChanged)]
    assert all(b - a <= 250 * MS for a, b in itertools.pairwise(times))
    assert len(times) < 60


def test_stale_is_unknown_and_not_the_last_value() -> None:
    bench = ready_bench()
    frozen_ns = bench.now_ns
    bench.peer.freeze(frozen=True)
    bench.run(1_100)
    plant = bench.plant
    assert (plant.exit, plant.entry, plant.zone) == (Door.UNKNOWN, Door.UNKNOWN, Zone.UNKNOWN)
    assert plant.fire is plant.obstruction is plant.tamper is Flag.UNKNOWN
    assert plant.passages_exit is plant.passages_entry is None
    assert frozen_ns - 70 * MS <= plant.read_at_ns <= frozen_ns
    known = [
        at for at, e in bench.events if isinstance(e, PlantChanged) and e.plant.exit != "unknown"
    ]
    assert max(known) - frozen_ns <= bench.profile.stale_ms * MS


def test_fire_is_seen_and_nothing_is_closed_while_it_lasts() -> None:
    bench = ready_bench()
    bench.command(OpenExit(ticket=1))
    bench.run(100)
    bench.peer.set_fire(bench.now_ns, active=True)
    bench.run(100)
    assert (bench.plant.fire, bench.plant.exit) == (Flag.ACTIVE, Door.OPEN)
    bench.command(Close(ticket=1))
    bench.run(300)
    assert [done.ok for done in bench.done(1)] == [True, False]
    assert bench.peer.authorised == 1
    bench.peer.set_fire(bench.now_ns, active=False)
    bench.run(100)
    bench.command(Close(ticket=1))
    bench.run(100)
    assert bench.peer.authorised == 0
    assert bench.plant.exit is Door.CLOSED


def test_tailgating_counts_two() -> None:
    bench = ready_bench()
    bench.peer.arrive(bench.now_ns, 2)
    bench.command(OpenExit(ticket=1))
    bench.run(100)
    assert bench.plant.zone is Zone.MANY
    assert bench.peer.try_pass(bench.now_ns, 2)
    bench.run(1_500)
    assert (bench.plant.passages_exit, bench.plant.zone) == (2, Zone.EMPTY)


# --- actions --------------------------------------------------------------------------


def test_a_release_is_written_and_read_back() -> None:
    bench = ready_bench()
    bench.command(OpenExit(ticket=4))
    bench.run(100)
    (done,) = bench.done(4)
    assert (done.action, done.ok, done.detail) == ("open_exit", True, "")
    assert bench.peer.authorised == 1
    assert bench.plant.exit is Door.OPEN


def test_one_ticket_is_released_once() -> None:
    bench = ready_bench()
    for _ in range(3):
        bench.command(OpenExit(ticket=4))
    bench.run(100)
    assert len(bench.done(4)) == 1
    bench.peer.arrive(bench.now_ns)
    assert bench.peer.try_pass(bench.now_ns)
    bench.run(2_000)
    bench.command(OpenExit(ticket=4))
    bench.run(500)
    assert [done.ok for done in bench.done(4)] == [True, True]
    assert bench.peer.releases == 1
    assert bench.peer.authorised == 0


def test_a_standing_release_is_not_added_to() -> None:
    bench = ready_bench()
    bench.command(OpenExit(ticket=1))
    bench.run(100)
    bench.command(OpenExit(ticket=2))
    bench.run(100)
    assert [done.ok for done in bench.done(2)] == [False]
    assert bench.peer.releases == 1


def test_a_lost_write_is_written_again_only_after_reading_back() -> None:
    bench = ready_bench()
    bench.command(OpenExit(ticket=1))
    bench.there.take(bench.now_ns + 10_000 * MS)  # the write falls off the wire
    bench.run(1_500)
    assert [done.ok for done in bench.done(1)] == [True]
    assert bench.peer.releases == 1


def test_a_lost_answer_to_a_write_is_not_followed_by_a_second_write() -> None:
    bench = ready_bench()
    bench.peer.arrive(bench.now_ns)
    bench.command(OpenExit(ticket=1))
    while bench.peer.releases == 0:
        bench.run(0.1)
    while bench.back.due_ns is None:
        bench.run(0.1)
    bench.back.unplug()
    bench.back.replug(bench.now_ns)
    bench.run(1_500)
    assert bench.machine.metrics.timeouts == 1
    assert [done.ok for done in bench.done(1)] == [True]
    assert bench.peer.releases == 1


def test_a_close_overtakes_releases_not_yet_written() -> None:
    bench = ready_bench()
    bench.command(Close(ticket=1))
    bench.command(OpenExit(ticket=2))
    bench.command(Close(ticket=2))
    bench.run(300)
    assert [(d.action, d.ok) for d in bench.done(2)] == [("open_exit", False), ("close", True)]
    assert bench.peer.releases == 0


def test_what_was_pending_when_the_line_went_never_opens() -> None:
    bench = ready_bench()
    bench.there.unplug()
    bench.command(OpenExit(ticket=9))
    bench.run(1)
    bench.act(bench.machine.lost, "bus", bench.now_ns)
    assert isinstance(bench.faults[-1][1], PortLost)
    assert [done.ok for done in bench.done(9)] == [False]
    assert bench.plant.exit is Door.UNKNOWN
    assert bench.machine.due_ns is None
    bench.there.replug(bench.now_ns)
    bench.open_port()
    bench.run(5_000)
    assert bench.plant.exit is Door.CLOSED
    assert bench.peer.releases == 0
    bench.command(OpenExit(ticket=9))
    bench.run(100)
    assert bench.peer.releases == 0  # the ticket was answered; a new release needs a new one
    bench.command(OpenExit(ticket=10))
    bench.run(100)
    assert bench.done(10)[0].ok


def test_what_was_pending_when_the_device_froze_never_opens() -> None:
    bench = ready_bench()
    bench.peer.freeze(frozen=True)
    bench.command(OpenExit(ticket=3))
    bench.run(10_000)
    assert [done.ok for done in bench.done(3)] == [False]
    bench.peer.freeze(frozen=False)
    bench.run(5_000)
    assert bench.peer.releases == 0


def test_before_it_is_ready_nothing_is_released() -> None:
    bench = Bench()
    bench.open_port()
    bench.command(OpenExit(ticket=1))
    bench.run(1_000)
    assert [done.ok for done in bench.done(1)] == [False]
    assert bench.peer.releases == 0


def test_a_blocked_device_lets_no_one_through() -> None:
    bench = ready_bench()
    bench.peer.barrier.set_mode(Mode.BLOCKED)
    bench.peer.arrive(bench.now_ns)
    assert not bench.peer.try_pass(bench.now_ns)


def test_too_many_commands_are_refused() -> None:
    bench = ready_bench()
    for ticket in range(1, 9):
        bench.command(Close(ticket=ticket))
    bench.run(1_000)
    answers = [bench.done(ticket)[0].ok for ticket in range(1, 9)]
    assert answers == [True] * 5 + [False] * 3


def test_commands_of_others_are_a_bug() -> None:
    machine = modbus_turnstile(Turnstile(port="virtual"))
    with pytest.raises(TypeError):
        machine.command(CancelRead(ticket=1), 0)
    with pytest.raises(ValueError, match="no port"):
        machine.receive("chip", b"x", 0)


# --- garbage --------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=60), max_size=30), st.integers(1, 60))
def test_any_bytes_at_any_time_are_survived(pieces: list[bytes], step_ms: int) -> None:
    bench = Bench()
    bench.open_port()
    for piece in pieces:
        bench.act(bench.machine.receive, "bus", piece, bench.now_ns)
        bench.run(step_ms)
    assert all(isinstance(fault, DriverFault) for _, fault in bench.faults)
    bench.run(3_000)
    assert bench.plant.exit is Door.CLOSED
    assert bench.peer.releases == 0


def test_one_byte_at_a_time() -> None:
    machine, peer = modbus_turnstile(Turnstile(port="virtual")), SimTurnstile()
    now_ns, ready = 0, False
    machine.opened("bus", now_ns)
    for _ in range(400):
        now_ns += 10 * MS
        machine.expire(now_ns)
        for op in machine.output():
            assert isinstance(op, Write)
            peer.receive(op.data, now_ns)
        now_ns += 5 * MS
        peer.expire(now_ns)
        now_ns += 5 * MS
        peer.expire(now_ns)
        for byte in peer.output():
            machine.receive("bus", bytes((byte,)), now_ns)
        ready = ready or any(isinstance(e.event, DeviceReady) for e in machine.events())
    assert ready
    assert machine.metrics.crc == machine.metrics.mismatch == machine.metrics.timeouts == 0


def test_a_replayed_answer_in_place_of_the_true_one_spoils_the_poll() -> None:
    bench = ready_bench()
    bench.run(20)
    while bench.machine._master._asked != Read(0x40, 9):
        bench.run(0.1)
    words = (0, 0, 0, 0, 9, 0, 0, 0, 0)
    old = seal(bytes((1, 3, 18)) + b"".join(word.to_bytes(2, "big") for word in words))
    bench.act(bench.machine.receive, "bus", old, bench.now_ns)
    bench.run(500)
    assert {event.plant.passages_exit for event in bench.of(PlantChanged)} == {0}
    assert bench.machine.metrics.mismatch + bench.machine.metrics.late > 0
