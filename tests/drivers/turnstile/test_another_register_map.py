"""A turnstile with another register map is one class with the shape of `TurnstileMap`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args, get_type_hints

import pytest
from turnstile_bench import Bench, WordSlave

from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_requests import Registers, WriteWords
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.turnstile.read_plan import ReadPlan
from drivers.turnstile.turnstile_reading import TurnstileMode, TurnstileReading
from drivers.types import Close, Door, Flag, OpenExit, Zone
from firmware_cfg.load import ProfileError
from firmware_cfg.turnstile import RegisterMap, Setting, Turnstile
from gate_agent.compose.turnstile import DRIVERS, REGISTER_MAPS, check_settings, register_map_of

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

    def moving_registers(self) -> frozenset[int]:
        return frozenset((ORDER,))

    def withdraw_all(self) -> tuple[WriteWords, ...]:
        return (WriteWords(ORDER, (0,)),)


def status_word_slave() -> WordSlave:
    """A device with such registers: an order shows in the status."""
    words = dict.fromkeys((STATUS, PEOPLE, PASSED, PASSED + 1, ORDER), 0)

    def on_write(_address: int, value: int) -> None:
        words[STATUS] = words[STATUS] & ~RELEASED | value

    return WordSlave(words, on_write)


@pytest.fixture
def bench() -> Bench:
    profile = Turnstile(port="virtual")
    bench = Bench(
        profile=profile,
        machine=ModbusTurnstile(profile, StatusWordMap()),
        peer=status_word_slave(),
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


def test_every_write_of_a_map_goes_to_a_register_that_it_names_as_moving() -> None:
    made = [of(Turnstile(port="virtual")) for of in REGISTER_MAPS.values()]
    for registers in (*made, StatusWordMap()):
        for write in (registers.release_exit(), *registers.withdraw_all()):
            assert isinstance(write, WriteWords)
            written = set(range(write.address, write.address + len(write.words)))
            assert written <= registers.moving_registers()


def test_no_setting_may_name_a_register_that_moves() -> None:
    harmless = Setting(name="finish_passage_s", register=0x40, value=7)
    order = Setting(name="order", register=ORDER, value=1)
    check_settings(Turnstile(port="virtual", settings=(harmless,)), StatusWordMap())
    with pytest.raises(ProfileError, match="register that releases") as refused:
        check_settings(Turnstile(port="virtual", settings=(harmless, order)), StatusWordMap())
    assert refused.value.field == "turnstile.settings[1].register"
    at = RegisterMap().authorise_entry
    moves = Setting(name="order", register=at, value=1)
    with pytest.raises(ProfileError, match="register that releases"):
        register_map_of(Turnstile(port="virtual", settings=(moves,)))
