"""A turnstile machine and a simulated turnstile on two wires, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from struct import pack, unpack
from typing import Any

from drivers.errors import DriverFault
from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_requests import READ_HOLDING, WRITE_MULTIPLE
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.types import ActuationDone, DeviceReady, Plant, PlantChanged
from firmware_cfg.turnstile import Turnstile
from sim.devices.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ModbusSlave, Refused
from sim.devices.turnstile import SimTurnstile
from sim.wires.wire import NO_FAULTS, Wire, WireFaults

MS = 1_000_000
STEPS_MAX = 200_000  # for one call of run


def modbus_turnstile(profile: Turnstile) -> ModbusTurnstile:
    return ModbusTurnstile(profile, AuthoriseMap(profile.registers))


class WordSlave(ModbusSlave):
    """A device that is a table of registers, and nothing else behind them.

    Args:
        words: the registers that exist, by address; others are refused.
        on_write: receives address and value of each register written, after it was stored.
    """

    def __init__(self, words: dict[int, int], on_write: Callable[[int, int], None]) -> None:
        super().__init__(1, 115_200, 500)
        self.words = words
        self._on_write = on_write

    @property
    def changes_ns(self) -> int | None:
        return None

    def move(self, now_ns: int) -> None:
        pass

    def serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        if function not in (READ_HOLDING, WRITE_MULTIPLE):
            raise Refused(ILLEGAL_FUNCTION)
        address, count = unpack(">HH", body[:4])
        places = range(address, address + count)
        if not set(places) <= set(self.words):
            raise Refused(ILLEGAL_ADDRESS)
        if function == READ_HOLDING:
            return bytes((2 * count,)) + pack(f">{count}H", *(self.words[at] for at in places))
        self._write(places, unpack(f">{count}H", body[5:]))
        return body[:4]

    def _write(self, places: Iterable[int], values: Iterable[int]) -> None:
        for address, value in zip(places, values, strict=True):
            self.words[address] = value
            self._on_write(address, value)


class Bench:
    """Carries bytes and time between driver and peer; keeps what came out with its time."""

    def __init__(
        self,
        *,
        seed: int = 1,
        there: WireFaults = NO_FAULTS,
        back: WireFaults = NO_FAULTS,
        profile: Turnstile | None = None,
        machine: Any = None,
        peer: Any = None,
    ) -> None:
        self.profile = profile or Turnstile(port="virtual")
        self.machine = machine or modbus_turnstile(self.profile)
        self.peer = peer or SimTurnstile(self.profile.registers, baud=self.profile.baud)
        self.there = Wire(self.profile.baud, random.Random(seed), there)
        self.back = Wire(self.profile.baud, random.Random(seed + 1), back)
        self.now_ns = 0
        self.events: list[tuple[int, Any]] = []
        self.faults: list[tuple[int, DriverFault]] = []
        self.on_event: Callable[[Any], None] = lambda _event: None

    def act(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except DriverFault as fault:
            self.faults.append((self.now_ns, fault))
        self._carry()

    def open_port(self) -> None:
        self.act(self.machine.opened, "bus", self.now_ns)

    def command(self, command: Any) -> None:
        self.act(self.machine.command, command, self.now_ns)

    def run(self, ms: float) -> None:
        until_ns = self.now_ns + int(ms * MS)
        for _ in range(STEPS_MAX):
            due = [self.machine.due_ns, self.peer.due_ns, self.there.due_ns, self.back.due_ns]
            next_ns = min((at for at in due if at is not None), default=until_ns + 1)
            if next_ns > until_ns:
                break
            self.now_ns = max(self.now_ns, next_ns)
            self.step()
        else:
            raise AssertionError("the machine spins")
        self.now_ns = until_ns

    def step(self) -> None:
        now_ns = self.now_ns
        data = self.there.take(now_ns)
        if data:
            self.peer.receive(data, now_ns)
        self.peer.expire(now_ns)
        self.back.send(self.peer.output(), now_ns)
        data = self.back.take(now_ns) + self.there.take_echo()
        if data:
            self.act(self.machine.receive, "bus", data, now_ns)
        due_ns = self.machine.due_ns
        if due_ns is not None and due_ns <= now_ns:
            self.act(self.machine.expire, now_ns)

    def _carry(self) -> None:
        for op in self.machine.output():
            self.there.send(op.data, self.now_ns)
        for emission in self.machine.events():
            self.events.append((self.now_ns, emission.event))
            self.on_event(emission.event)

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def plant(self) -> Plant:
        return self.of(PlantChanged)[-1].plant

    @property
    def ready(self) -> bool:
        return bool(self.of(DeviceReady))

    def done(self, ticket: int) -> list[ActuationDone]:
        return [done for done in self.of(ActuationDone) if done.ticket == ticket]
