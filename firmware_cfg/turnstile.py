"""The turnstile's part of a profile: its line, its registers, or the wiring of two doors."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from firmware_cfg.section import Baud, BudgetMs, Name, Section

Register = Annotated[int, Meta(ge=0, le=0xFFFF)]
Channel = Annotated[int, Meta(ge=0, le=63)]
Byte = Annotated[int, Meta(ge=0, le=0xFF)]


class RegisterMap(Section, frozen=True, kw_only=True):
    """Addresses of the turnstile's registers, as in its vendor's documents.

    `exit_*` is the direction in which this lane's travellers are released.
    """

    authorise_exit: Register = 0x40
    authorise_entry: Register = 0x41
    zone_exit: Register = 0x42
    zone_entry: Register = 0x43
    counter_exit: Register = 0x44
    counter_entry: Register = 0x46
    error: Register = 0x48
    mode: Register = 0x3000


class Setting(Section, frozen=True, kw_only=True):
    """One register of a device's own configuration, and what it should hold."""

    name: Name
    register: Register
    value: Register


class Firmware(Section, frozen=True, kw_only=True):
    """Revisions of a device's firmware that were tested; an empty bound does not limit."""

    lowest: Annotated[str, Meta(max_length=32)] = ""
    highest: Annotated[str, Meta(max_length=32)] = ""
    denied: tuple[Annotated[str, Meta(min_length=1, max_length=32)], ...] = ()


class SwingGate(Section, frozen=True, kw_only=True):
    """Meaning of a 7E/7F gate's status bytes, as in its vendor's documents.

    Masks name the bits that count; `infrared_idle` is what the beams report when nothing
    is between them.
    """

    exit: Literal["left", "right"] = "left"
    gate_closed: Byte = 0x00
    gate_open_left: Byte = 0x01
    gate_open_right: Byte = 0x02
    infrared_zone: Byte = 0xFF
    infrared_idle: Byte = 0x00
    alarm_fire: Byte = 0x01
    alarm_obstruction: Byte = 0x02
    alarm_tamper: Byte = 0x04


class DoorWiring(Section, frozen=True, kw_only=True):
    """Where one door hangs on the module: a coil, and inputs in antivalent pairs.

    `release` on frees the door; off, it closes and locks by itself. Of each pair one input is
    on while the other is off; `obstruction` is on while nothing is in the door's way.
    """

    release: Channel
    closed: Channel
    not_closed: Channel
    locked: Channel
    not_locked: Channel
    unobstructed: Channel


class IoModule(Section, frozen=True, kw_only=True):
    """A module of relays and digital inputs between two doors (`drivers.turnstile.mantrap`).

    Inputs that report danger are wired closed-circuit: on is good, and a cut wire is danger.
    The host watchdog is the module's own: without a request for `watchdog_ms` its outputs
    fall to the declared safe value.

    Attributes:
        entry, exit: the doors as wired; a reversed lane swaps them.
        chamber_empty, chamber_occupied: antivalent pair of the presence sensor inside.
        chamber_single: on while no more than one person is inside.
        approach_clear, beyond_clear: no person before the entry, behind the exit.
        fire_ok, closed_housing, mains_ok: on is good.
        maintenance_key: on while the key is in.
        direction: coil that is on while the lane is reversed; None: it cannot be.
        discrepancy_ms: how long a pair may contradict itself.
        config: first of three holding registers: watchdog time in 10 ms, safe value of
            the outputs as a mask, and whether the watchdog has tripped (write 0 to clear).
    """

    entry: DoorWiring = DoorWiring(
        release=0, closed=0, not_closed=1, locked=2, not_locked=3, unobstructed=4
    )
    exit: DoorWiring = DoorWiring(
        release=1, closed=5, not_closed=6, locked=7, not_locked=8, unobstructed=9
    )
    chamber_empty: Channel = 10
    chamber_occupied: Channel = 11
    chamber_single: Channel = 12
    approach_clear: Channel | None = 13
    beyond_clear: Channel | None = 14
    fire_ok: Channel = 15
    closed_housing: Channel = 16
    mains_ok: Channel = 17
    maintenance_key: Channel = 18
    direction: Channel | None = 2
    discrepancy_ms: BudgetMs = 300
    watchdog_ms: Annotated[int, Meta(ge=100, le=60_000, multiple_of=10)] = 1_000
    config: Register = 0x0100


class Turnstile(Section, frozen=True, kw_only=True):
    """The turnstile, or the input and output module of two doors, on its serial port.

    `driver` says how it speaks: `modbus` is a turnstile with a register map, `swing` a gate
    with 7E/7F frames, `relay_io` a module of relays and inputs at two doors. `unit` is the
    Modbus address or the gate's machine number.
    """

    port: Annotated[str, Meta(min_length=1, max_length=300)]
    driver: Literal["modbus", "swing", "relay_io"] = "modbus"
    baud: Baud = 115_200
    parity: Literal["N", "E", "O"] = "N"
    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    poll_ms: BudgetMs = 50
    heartbeat_ms: BudgetMs = 250
    answer_ms: BudgetMs = 100
    backoff_ms: BudgetMs = 600  # a slave may sit half a second inside a broken frame
    stale_ms: BudgetMs = 900  # longer than two bad answers and the rest after them
    identity: str = ""  # expected vendor/product, empty accepts any
    firmware: Firmware = Firmware()
    settings: Annotated[tuple[Setting, ...], Meta(max_length=32)] = ()
    settings_check_s: Annotated[int, Meta(ge=10, le=86_400)] = 300
    registers: RegisterMap = RegisterMap()
    swing: SwingGate = SwingGate()
    io: IoModule = IoModule()
