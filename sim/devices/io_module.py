"""A simulated module of relays and inputs between two doors: a Modbus RTU slave, no I/O.

Powered doors (`sim.devices.leaf`) open when their relay frees them and shut when it does not;
contacts come in antivalent pairs, danger is a closed circuit that opened, and the module's watchdog
drops its outputs to their safe value when no master has asked for a while. Fire is wired to
the exit's drive and waits for no host.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.turnstile.modbus_requests import (
    COIL_ON,
    ENCAPSULATED,
    READ_COILS,
    READ_HOLDING,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_MULTIPLE,
)
from firmware_cfg.turnstile import IoModule
from sim.devices.leaf import Leaf, stiff
from sim.devices.modbus_slave import (
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    ModbusSlave,
    Refused,
    identity_answer,
)

POINTS = 64
CONFIG_WORDS = 3
WATCHDOG_UNIT_NS = 10_000_000
CONTACT_GAP = 0.03
IDENTITY = ("egate-sim", "io-module", "1.0")


@dataclass(slots=True)
class SimDoor:
    """A powered door: freed it opens, else it shuts, and opens again on who stands in its way.

    `blocked`: a person stands in it; `forced`: pushed open; `stuck`: it does not move at all.
    """

    leaf: Leaf = field(default_factory=Leaf)
    freed: bool = False
    blocked: bool = False
    forced: bool = False
    stuck: bool = False
    _target: float | None = 0.0
    _at_ns: int = 0

    def move(self, now_ns: int) -> None:
        """Let time pass."""
        target = self._wanted()
        if target != self._target:
            self._target = target
            self.leaf.move(target, self._at_ns)
        self._at_ns = now_ns

    def stiffen(self, share: float | None) -> None:
        """Friction takes this share of the drive's force from now on, None the usual one."""
        self.leaf.drive = stiff(share)
        self.leaf.move(self._target, self._at_ns)

    @property
    def position(self) -> float:
        """0 shut, 1 open."""
        return self.leaf.at(self._at_ns)

    @property
    def closed(self) -> bool:
        """Contact that makes when the door is home, and while it bounces now and then."""
        return self.position <= 0.0

    @property
    def not_closed(self) -> bool:
        """Contact that makes a little later, when the door has left."""
        return self.position > CONTACT_GAP

    @property
    def still(self) -> bool:
        """Whether it has arrived where it goes, or goes nowhere."""
        return self._wanted() == self._target and self.leaf.rests_ns <= self._at_ns

    @property
    def locked(self) -> bool:
        """The bolt is thrown."""
        return self.closed and not self.freed and not self.forced

    def _wanted(self) -> float | None:
        if self.stuck:
            return None
        open_again = self.blocked and not self.closed
        return 1.0 if self.freed or self.forced or open_again else 0.0


class SimIoModule(ModbusSlave):
    """Two doors, the chamber between them, and the module that a master talks to.

    People act by setting `persons`, `approaching`, `leaving`, `entry.blocked` ...; contacts
    break by `broken`: input number to the value that it then always has.

    Args:
        wiring: of the lane's profile.
        unit, baud, latency_us: as for `sim.devices.modbus_slave.ModbusSlave`.
    """

    def __init__(
        self,
        wiring: IoModule | None = None,
        *,
        unit: int = 1,
        baud: int = 115_200,
        latency_us: int = 1_000,
    ) -> None:
        super().__init__(unit, baud, latency_us)
        self.wiring = wiring or IoModule()
        self.entry, self.exit = SimDoor(), SimDoor()
        self.persons = self.approaching = self.leaving = 0
        self.fire = self.tampered = self.mains_lost = self.key = False
        self.broken: dict[int, bool] = {}
        self.identity = IDENTITY
        self.releases = 0
        self._exit_by_master = False  # its coil may be on by the watchdog's safe value, too
        self.coils = [False] * POINTS
        self.config = [0, 0, 0]
        self._asked_ns = 0

    @property
    def exit_released(self) -> bool:
        """Whether the exit is free because a master released it."""
        return self._exit_by_master and not self.config[2]

    # --- the line -------------------------------------------------------------------------

    @property
    def changes_ns(self) -> int | None:
        """When the watchdog trips."""
        return self._trips_ns

    @property
    def moves_ns(self) -> int | None:
        """None while both doors are still, else the past: they move all the time."""
        return None if self.entry.still and self.exit.still else 0

    def asked_later(self, by_ns: int) -> None:
        """Polls of so long a time were skipped; they would have fed the watchdog."""
        self._asked_ns += by_ns

    @property
    def _trips_ns(self) -> int | None:
        """When the watchdog drops the outputs; None while it is off or has tripped."""
        if not self.config[0] or self.config[2]:
            return None
        return self._asked_ns + self.config[0] * WATCHDOG_UNIT_NS

    def move(self, now_ns: int) -> None:
        """Doors move, the watchdog trips."""
        trips_ns = self._trips_ns
        if trips_ns is not None and now_ns >= trips_ns:
            self.config[2] = 1
            self._exit_by_master = False
            for number in range(16):
                self.coils[number] = bool(self.config[1] >> number & 1)
        self.entry.freed = self.coils[self.wiring.entry.release]
        self.exit.freed = self.coils[self.wiring.exit.release] or self.fire
        for door in (self.entry, self.exit):
            door.move(now_ns)

    # --- requests ---------------------------------------------------------------------------

    def inputs(self) -> list[bool]:
        """Every input as it is now."""
        wiring, held = self.wiring, [False] * POINTS
        for door, wires in ((self.entry, wiring.entry), (self.exit, wiring.exit)):
            held[wires.closed], held[wires.not_closed] = door.closed, door.not_closed
            held[wires.locked], held[wires.not_locked] = door.locked, not door.locked
            held[wires.unobstructed] = not door.blocked
        held[wiring.chamber_empty] = self.persons == 0
        held[wiring.chamber_occupied] = self.persons > 0
        held[wiring.chamber_single] = self.persons <= 1
        if wiring.approach_clear is not None:
            held[wiring.approach_clear] = self.approaching == 0
        if wiring.beyond_clear is not None:
            held[wiring.beyond_clear] = self.leaving == 0
        held[wiring.fire_ok] = not self.fire
        held[wiring.closed_housing] = not self.tampered
        held[wiring.mains_ok] = not self.mains_lost
        held[wiring.maintenance_key] = self.key
        for number, value in self.broken.items():
            held[number] = value
        return held

    def serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        """Answer a good request; the watchdog is fed by it."""
        self._asked_ns = now_ns
        if function == ENCAPSULATED:
            return identity_answer(body, self.identity)
        address, value = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        match function:
            case _ if function in (READ_COILS, READ_INPUTS) and len(body) == 4:
                held = self.coils if function == READ_COILS else self.inputs()
                return _packed(held, address, value)
            case _ if function == READ_HOLDING and len(body) == 4:
                at = self._config_at(address, value)
                words = self.config[at : at + value]
                return bytes((2 * value,)) + b"".join(word.to_bytes(2, "big") for word in words)
            case _ if function == WRITE_COIL and len(body) == 4:
                if value not in (0, COIL_ON):
                    raise Refused(ILLEGAL_VALUE)
                self._write_coils(address, [value == COIL_ON])
            case _ if function == WRITE_COILS and len(body) == 5 + -(-value // 8):
                packed = int.from_bytes(body[5:], "little")
                self._write_coils(address, [bool(packed >> at & 1) for at in range(value)])
            case _ if function == WRITE_MULTIPLE and len(body) == 5 + 2 * value:
                at = self._config_at(address, value)
                for word in range(value):
                    raw = body[5 + 2 * word : 7 + 2 * word]
                    self.config[at + word] = int.from_bytes(raw, "big")
            case _:
                raise Refused(ILLEGAL_FUNCTION)
        return body[:4]

    def _config_at(self, address: int, count: int) -> int:
        at = address - self.wiring.config
        if at < 0 or not 1 <= count <= CONFIG_WORDS - at:
            raise Refused(ILLEGAL_ADDRESS)
        return at

    def _write_coils(self, address: int, bits: list[bool]) -> None:
        if not 0 <= address <= POINTS - len(bits):
            raise Refused(ILLEGAL_ADDRESS)
        if self.config[2]:
            raise Refused(ILLEGAL_VALUE)  # the watchdog has tripped: clear it first
        for at, on in enumerate(bits):
            if address + at == self.wiring.exit.release:
                self.releases += on and not self._exit_by_master  # a level: again is once
                self._exit_by_master = on
            self.coils[address + at] = on


def _packed(held: list[bool], address: int, count: int) -> bytes:
    if not 1 <= count <= POINTS or address + count > POINTS:
        raise Refused(ILLEGAL_ADDRESS)
    packed = sum(bit << at for at, bit in enumerate(held[address : address + count]))
    size = -(-count // 8)
    return bytes((size,)) + packed.to_bytes(size, "little")
