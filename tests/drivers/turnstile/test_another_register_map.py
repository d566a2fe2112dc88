"""A turnstile with another register map is one class with the shape of `TurnstileMap`."""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack, unpack
from typing import get_args, get_type_hints

import pytest
from turnstile_bench import Bench

from drivers.turnstile.authorise_map import AuthoriseMap
from drivers.turnstile.modbus_requests import (
    READ_HOLDING,
    WRITE_MULTIPLE,
    Registers,
    WriteWords,
)
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.turnstile.read_plan import ReadPlan
from drivers.turnstile.turnstile_reading import TurnstileMode, TurnstileReading
from drivers.types import Close, Door, Flag, OpenExit, Zone
from firmware_cfg.turnstile import RegisterMap, Turnstile
from gate_agent.compose.turnstile import DRIVERS, REGISTER_MAPS
from sim.devices.modbus_slave import ILLEGAL_FUNCTION, ModbusSlave, Refused

STATUS, PEOPLE, PASSED, ORDER = 0x10, 0x11, 0x12, 0x80
RELEASED, FIRE, FAULT = 1, 2, 4


class StatusWordMap:
    """One word of status bits, one count of people, counters with the high word first."""

    def __init__(self) -> None:
        self.plan = ReadPlan(((STATUS, 1), (PEOPLE, 1), (PASSED, 2), (ORDER, 1)), (ORDER, ORDER))

    def decode(self, at_ns: int, words: Mapping[int, int]) -> TurnstileReading:
        status = words[STATUS]
        return TurnstileReading(
            at_ns=at_ns,
            released_exit=status & RELEASED,
            released_entry=0,
            objects_exit=words[PEOPLE],
            objects_entry=0,
            counter_exit=words[PASSED] << 16 | words[PASSED + 1],
            counter_entry=0,
            error=status & FAULT,
            mode=TurnstileMode.ANTIPANIC if status & FIRE else TurnstileMode.NORMAL,
        )

    def released(self, glance: Registers) -> tuple[int, int]:
        return glance.word(ORDER), 0

    def release_exit(self) -> WriteWords:
        return WriteWords(ORDER, (1,))

    def withdraw_all(self) -> tuple[WriteWords, ...]:
        return (WriteWords(ORDER, (0,)),)


class StatusWordSlave(ModbusSlave):
    """A device with such registers, and nothing else behind them."""

    def __init__(self) -> None:
        super().__init__(1, 115_200, 500)
        self.words = dict.fromkeys((STATUS, PEOPLE, PASSED, PASSED + 1, ORDER), 0)

    @property
    def changes_ns(self) -> int | None:
        return None

    def move(self, now_ns: int) -> None:
        pass

    def serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        if function == WRITE_MULTIPLE:
            self.words[ORDER] = unpack(">H", body[5:7])[0]
            self.words[STATUS] = self.words[STATUS] & ~RELEASED | self.words[ORDER]
            return body[:4]
        if function != READ_HOLDING:
            raise Refused(ILLEGAL_FUNCTION)
        address, count = unpack(">HH", body)
        words = [self.words[address + at] for at in range(count)]
        return bytes((2 * count,)) + pack(f">{count}H", *words)


@pytest.fixture
def bench() -> Bench:
    profile = Turnstile(port="virtual")
    bench = Bench(
        profile=profile,
        machine=ModbusTurnstile(profile, StatusWordMap()),
        peer=StatusWordSlave(),
    )
    bench.open_port()
    bench.run(300)
    assert bench.ready
    return bench


def test_its_poll_becomes_a_plant(bench: Bench) -> None:
    assert (bench.plant.exit, bench.plant.fire) == (Door.CLOSED, Flag.CLEAR)
    assert (bench.plant.zone, bench.plant.passages_exit) == (Zone.EMPTY, 0)
    bench.peer.words |= {STATUS: FIRE, PEOPLE: 2, PASSED + 1: 3}
    bench.run(300)
    assert (bench.plant.exit, bench.plant.fire) == (Door.OPEN, Flag.ACTIVE)
    assert (bench.plant.zone, bench.plant.passages_exit) == (Zone.MANY, 3)


def test_it_is_released_and_withdrawn(bench: Bench) -> None:
    bench.command(OpenExit(ticket=1))
    bench.run(200)
    assert bench.peer.words[ORDER] == 1
    bench.command(Close(ticket=1))
    bench.run(200)
    assert bench.peer.words[ORDER] == 0
    assert [done.ok for done in bench.done(1)] == [True, True]


def test_the_profiles_map_counts_with_the_low_word_first() -> None:
    at = RegisterMap()
    words = dict.fromkeys(range(at.authorise_exit, at.error + 1), 0)
    words |= {at.counter_exit: 5, at.counter_exit + 1: 1, at.mode: 2, at.zone_entry: 4}
    reading = AuthoriseMap(at).decode(7, words)
    assert (reading.at_ns, reading.counter_exit, reading.objects_entry) == (7, 0x1_0005, 4)
    assert reading.mode is TurnstileMode.ANTIPANIC
    assert AuthoriseMap(at).decode(7, words | {at.mode: 3}).mode is TurnstileMode.UNKNOWN


def test_every_driver_of_the_profile_is_composed() -> None:
    assert set(DRIVERS) == set(get_args(get_type_hints(Turnstile)["driver"]))
    assert set(REGISTER_MAPS) <= set(DRIVERS)
