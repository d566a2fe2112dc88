"""Two doors behind relays and inputs: contacts, the machine, its module, faulty wires."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from turnstile_bench import MS, Bench

from drivers.errors import DeviceRefused, NoAnswer, PortLost, WrongIdentity
from drivers.turnstile.contacts import TRIPPED, Contacts
from drivers.turnstile.mantrap import MantrapMachine
from drivers.turnstile.modbus_requests import READ_COILS, READ_INPUTS, ReadBits, WriteCoils
from drivers.types import (
    Close,
    CloseEntry,
    DeviceReady,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    PlantChanged,
    SetDirection,
    Zone,
)
from firmware_cfg.profile import OnPowerLoss
from firmware_cfg.turnstile import IoModule, Turnstile
from sim.devices.io_module import SimIoModule
from sim.wires.wire import NO_FAULTS, WireFaults

PROFILE = Turnstile(port="virtual", driver="relay_io")
WIRING = PROFILE.io


# --- frames: Modbus Application Protocol V1.1b3, the examples of 6.1, 6.2, 6.5 and 6.11 ------


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (ReadBits(READ_COILS, 0x13, 0x13), "01 0013 0013"),
        (ReadBits(READ_INPUTS, 0xC4, 0x16), "02 00C4 0016"),
        (WriteCoils(0xAC, (True,)), "05 00AC FF00"),
        (
            WriteCoils(0x13, tuple(bit == "1" for bit in "1011001110")),
            "0F 0013 000A 02 CD01",
        ),
    ],
)
def test_requests_are_those_of_the_standard(request_, body):
    assert request_.encode(0x11)[1:-2] == bytes.fromhex(body.replace(" ", ""))


def test_an_answer_of_the_standard_is_read():
    frame = bytes.fromhex("11 01 03 CD 6B 05 00 00".replace(" ", ""))
    bits = ReadBits(READ_COILS, 0x13, 0x13).parse(frame).bits
    assert "".join(str(int(bit)) for bit in bits) == "1011001111010110101"


# --- contacts -------------------------------------------------------------------------------


def contacts(*, discrepancy_ms: int = 300, **inputs: bool) -> Contacts:
    wiring = msgspec.structs.replace(WIRING, discrepancy_ms=discrepancy_ms)
    held = Contacts(wiring, 500 * MS)
    module = SimIoModule(wiring).inputs()
    held.took_inputs(dict(enumerate(module)), 1_000 * MS)
    return held


PAIRS = [
    (WIRING.entry.closed, WIRING.entry.not_closed, "entry", Door),
    (WIRING.exit.closed, WIRING.exit.not_closed, "exit", Door),
    (WIRING.entry.locked, WIRING.entry.not_locked, "entry_lock", Lock),
    (WIRING.exit.locked, WIRING.exit.not_locked, "exit_lock", Lock),
    (WIRING.chamber_empty, WIRING.chamber_occupied, "zone", Zone),
]
SAFE = {Door: (Door.CLOSED, Door.OPEN), Lock: (Lock.LOCKED, Lock.UNLOCKED)}
SAFE[Zone] = (Zone.EMPTY, Zone.ONE)


@pytest.mark.parametrize(("yes", "no", "field", "kind"), PAIRS)
@pytest.mark.parametrize(("first", "second"), [*itertools.product([True, False], repeat=2)])
@pytest.mark.parametrize("age_ms", [0, 299, 300, 499, 500])
def test_a_pair_that_contradicts_itself_is_never_closed(
    yes, no, field, kind, first, second, age_ms
):
    held = contacts()
    held.took_inputs({yes: first, no: second}, 1_000 * MS)
    value = getattr(held.plant((1_000 + age_ms) * MS), field)
    good, bad = SAFE[kind]
    if age_ms >= 500:
        assert value is kind.UNKNOWN
    elif first != second:
        assert value is (good if first else bad)
    else:
        assert value is (bad if age_ms < 300 else kind.UNKNOWN)


@pytest.mark.parametrize(
    ("number", "field"),
    [
        (WIRING.fire_ok, "fire"),
        (WIRING.closed_housing, "tamper"),
        (WIRING.mains_ok, "power_loss"),
        (WIRING.exit.unobstructed, "obstruction"),
        (WIRING.entry.unobstructed, "entry_obstruction"),
    ],
)
def test_a_cut_wire_is_danger(number, field):
    held = contacts()
    assert getattr(held.plant(1_000 * MS), field) is Flag.CLEAR
    held.took_inputs({number: False}, 1_100 * MS)
    assert getattr(held.plant(1_100 * MS), field) is Flag.ACTIVE
    assert getattr(held.plant(1_600 * MS), field) is Flag.UNKNOWN


def test_empty_and_more_than_one_contradict_each_other():
    held = contacts()
    held.took_inputs({WIRING.chamber_single: False}, 1_000 * MS)
    assert held.plant(1_000 * MS).zone is Zone.UNKNOWN


def test_a_plant_is_as_old_as_its_oldest_signal():
    held = contacts()
    held.took_inputs({WIRING.fire_ok: True}, 1_200 * MS)
    assert held.plant(1_300 * MS).read_at_ns == 1_000 * MS


# --- the machine ----------------------------------------------------------------------------


def mantrap_bench(
    seed: int = 1, faults: WireFaults = NO_FAULTS, profile: Turnstile = PROFILE
) -> Bench:
    bench = Bench(
        seed=seed,
        there=faults,
        back=faults,
        profile=profile,
        machine=MantrapMachine(profile, OnPowerLoss(entry="locked", exit="released")),
        peer=SimIoModule(profile.io),
    )
    bench.open_port()
    return bench


@pytest.fixture
def ready() -> Bench:
    bench = mantrap_bench()
    bench.run(500)
    assert bench.ready
    return bench


def test_coming_up_declares_the_watchdog_and_releases_nothing(ready: Bench):
    assert ready.of(DeviceReady)[0].identity == "egate-sim/io-module 1.0"
    assert ready.peer.config == [100, 0b10, 0]
    assert (ready.peer.releases, any(ready.peer.coils)) == (0, False)
    plant = ready.plant
    assert (plant.entry, plant.exit, plant.zone) == (Door.CLOSED, Door.CLOSED, Zone.EMPTY)
    assert (plant.entry_lock, plant.exit_lock) == (Lock.LOCKED, Lock.LOCKED)
    assert (plant.fire, plant.tamper, plant.power_loss) == (Flag.CLEAR,) * 3
    assert (plant.approach, plant.beyond) == (Zone.EMPTY, Zone.EMPTY)
    assert plant.maintenance is Flag.CLEAR


def test_a_traveller_goes_through_both_doors(ready: Bench):
    ready.peer.approaching = 1
    ready.run(200)
    assert ready.plant.approach is Zone.ONE
    ready.command(OpenEntry(ticket=1))
    ready.run(1_000)
    assert [(done.action, done.ok) for done in ready.done(1)] == [("open_entry", True)]
    assert (ready.plant.entry, ready.plant.entry_lock) == (Door.OPEN, Lock.UNLOCKED)
    ready.peer.approaching, ready.peer.persons = 0, 1
    ready.command(CloseEntry(ticket=1))
    ready.run(1_500)
    assert (ready.plant.entry, ready.plant.entry_lock) == (Door.CLOSED, Lock.LOCKED)
    assert ready.plant.zone is Zone.ONE
    ready.command(OpenExit(ticket=1))
    ready.run(1_000)
    assert ready.plant.exit is Door.OPEN
    ready.peer.persons, ready.peer.leaving = 0, 1
    ready.command(Close(ticket=1))
    ready.run(1_500)
    assert (ready.plant.exit, ready.plant.exit_lock) == (Door.CLOSED, Lock.LOCKED)
    assert [done.ok for done in ready.done(1)] == [True] * 4


def test_one_door_is_not_released_while_the_other_ones_release_stands(ready: Bench):
    ready.command(OpenEntry(ticket=1))
    ready.run(300)
    ready.command(OpenExit(ticket=2))
    ready.run(300)
    assert [(done.ok, done.detail) for done in ready.done(2)] == [
        (False, "the other door's release stands")
    ]
    ready.peer.key = True
    ready.command(OpenExit(ticket=3))
    ready.run(300)
    assert [done.ok for done in ready.done(3)] == [True]


def test_nothing_is_closed_while_fire_lasts(ready: Bench):
    ready.peer.fire = True
    ready.run(800)
    assert (ready.plant.fire, ready.plant.exit) == (Flag.ACTIVE, Door.OPEN)
    for command in (Close(ticket=1), CloseEntry(ticket=1)):
        ready.command(command)
        ready.run(200)
    assert [done.ok for done in ready.done(1)] == [False, False]


def test_the_direction_is_swapped_at_rest_and_read_back(ready: Bench):
    ready.command(SetDirection(ticket=0, reverse=True))
    ready.run(300)
    assert ready.done(0)[-1].ok
    assert ready.plant.reversed
    ready.peer.entry.blocked = True  # as wired: now it is in the way of the exit
    ready.run(200)
    assert (ready.plant.obstruction, ready.plant.entry_obstruction) == (Flag.ACTIVE, Flag.CLEAR)
    ready.command(OpenEntry(ticket=4))
    ready.run(800)
    assert (ready.plant.entry, ready.plant.exit) == (Door.OPEN, Door.CLOSED)
    assert ready.peer.exit.position > 0
    ready.command(SetDirection(ticket=5, reverse=False))
    ready.run(300)
    assert [done.ok for done in ready.done(5)] == [False]


def test_a_lane_without_a_direction_coil_says_so():
    profile = Turnstile(
        port="virtual", driver="relay_io", io=msgspec.structs.replace(WIRING, direction=None)
    )
    bench = mantrap_bench(profile=profile)
    bench.run(500)
    bench.command(SetDirection(ticket=0, reverse=True))
    bench.run(100)
    assert [done.ok for done in bench.done(0)] == [False]


def test_a_silent_master_lets_the_outputs_fall_to_their_safe_value(ready: Bench):
    ready.command(OpenEntry(ticket=1))
    ready.run(300)
    ready.there.unplug()
    ready.run(1_100)
    assert ready.peer.config[2] == 1
    coils = ready.peer.coils
    assert (coils[WIRING.entry.release], coils[WIRING.exit.release]) == (False, True)


def test_after_a_watchdog_trip_everything_begins_again(ready: Bench):
    ready.command(OpenEntry(ticket=1))
    ready.run(800)
    ready.peer.config[2] = 1  # it tripped in a moment when the line still worked
    ready.peer.coils[WIRING.entry.release] = False
    ready.peer.coils[WIRING.exit.release] = True
    before = len(ready.of(DeviceReady))
    ready.run(100)
    assert any(event.plant.fault_code == TRIPPED for event in ready.of(PlantChanged))
    assert [type(fault) for _, fault in ready.faults] == [DeviceRefused]
    ready.run(2_000)
    assert len(ready.of(DeviceReady)) == before + 1
    assert ready.peer.config == [100, 0b10, 0]
    assert not any(ready.peer.coils)


def test_a_module_that_was_replaced_is_set_again(ready: Bench):
    ready.peer.config = [0, 0, 0]
    ready.run(1_000)
    assert ready.peer.config == [100, 0b10, 0]


def test_a_release_that_stands_at_power_on_is_withdrawn_unless_the_way_is_occupied():
    for blocked, stands in ((False, False), (True, True)):
        bench = mantrap_bench()
        bench.peer.coils[WIRING.exit.release] = True
        bench.peer.exit.blocked = blocked
        bench.run(800)
        assert bench.ready
        assert bench.peer.coils[WIRING.exit.release] is stands


def test_another_module_is_left_alone():
    bench = mantrap_bench(profile=msgspec.structs.replace(PROFILE, identity="acme/io"))
    bench.run(500)
    assert [type(fault) for _, fault in bench.faults] == [WrongIdentity]
    assert bench.peer.config == [0, 0, 0]


def test_silence_is_unknown_and_reported(ready: Bench):
    ready.peer.freeze(frozen=True)
    ready.run(3_000)
    plant = ready.plant
    assert (plant.entry, plant.exit, plant.zone) == (Door.UNKNOWN, Door.UNKNOWN, Zone.UNKNOWN)
    assert (plant.fire, plant.entry_lock) == (Flag.UNKNOWN, Lock.UNKNOWN)
    assert NoAnswer in {type(fault) for _, fault in ready.faults}
    ready.peer.freeze(frozen=False)
    ready.run(3_000)
    assert ready.plant.exit is Door.CLOSED


def test_what_was_pending_when_the_plug_was_pulled_never_opens(ready: Bench):
    ready.there.unplug()
    ready.command(OpenExit(ticket=9))
    ready.run(5)
    ready.act(ready.machine.lost, "bus", ready.now_ns)
    assert isinstance(ready.faults[-1][1], PortLost)
    assert [done.ok for done in ready.done(9)] == [False]
    ready.there.replug(ready.now_ns)
    ready.open_port()
    ready.run(2_000)
    assert ready.plant.exit is Door.CLOSED
    assert ready.peer.releases == 0


NOISE = WireFaults(flip=0.02, drop=0.02, duplicate=0.02, slice=0.03, babble=0.01)
LATE = WireFaults(delay=0.04, drop=0.01, delay_ms=500)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("faults", [NOISE, LATE], ids=["noise", "late"])
def test_no_plant_is_what_the_doors_did_not_do(seed, faults):
    bench = mantrap_bench(seed, faults)
    persons = [(0, 0)]
    seen = 0
    for step in range(1, 200):
        bench.peer.persons = step % 3
        persons.append((bench.now_ns, step % 3))
        bench.run(60 + 37 * (step % 5))
        for at_ns, event in bench.events:
            if isinstance(event, PlantChanged) and event.plant.zone is not Zone.UNKNOWN:
                until = [since for since, _ in persons[1:]] + [bench.now_ns + 1]
                true = {
                    (Zone.EMPTY, Zone.ONE, Zone.MANY)[count]
                    for (since, count), end in zip(persons, until, strict=True)
                    if since <= at_ns and end >= event.plant.read_at_ns
                }
                assert event.plant.zone in true
                seen += 1
        bench.events.clear()
    assert seen > 15


def test_wiring_defaults_do_not_overlap():
    doors = [
        getattr(door, name)
        for door in (WIRING.entry, WIRING.exit)
        for name in ("closed", "not_closed", "locked", "not_locked", "unobstructed")
    ]
    assert len(set(doors)) == 10
    assert isinstance(WIRING, IoModule)
