"""Two doors behind a module of relays and digital inputs on a Modbus RTU line.

One relay frees each door; everything else is inputs (`drivers.turnstile.contacts`). What
this machine adds to the rules of `drivers.turnstile.machine`:

- the module's own watchdog drops its outputs to the declared safe value when it receives
  no request: the machine sets time and value, reads them back, and reads them with every
  poll; once the watchdog has tripped, the machine begins again, with the identity;
- coming up releases nothing: a release that stands is withdrawn before the machine is ready,
  unless fire is active or that door's way is occupied;
- one door is not released while the other one's release stands, whatever commands it;
- an output is a level, not a pulse: written again it does no harm, and it is read back.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from drivers.errors import DeviceRefused, WrongIdentity
from drivers.turnstile.contacts import Contacts
from drivers.turnstile.half_duplex import LineMetrics, Silence
from drivers.turnstile.machine import Job, PlantMachine
from drivers.turnstile.modbus_master import ModbusMaster
from drivers.turnstile.modbus_requests import (
    READ_COILS,
    READ_INPUTS,
    Bits,
    Identity,
    Outcome,
    Read,
    ReadBits,
    ReadIdentity,
    Refusal,
    Registers,
    Request,
    WriteCoils,
    WriteWords,
    Written,
)
from drivers.types import (
    Actuation,
    Close,
    CloseEntry,
    Flag,
    OpenEntry,
    OpenExit,
    SetDirection,
)
from firmware_cfg.profile import OnPowerLoss
from firmware_cfg.turnstile import DoorWiring, IoModule, Turnstile

CONFIG_WORDS = 3
WATCHDOG_UNIT_MS = 10
WRITES_MAX = 3

SuccessJob = Generator[Request, Outcome, bool]
BitsJob = Generator[Request, Outcome, Bits | None]


class MantrapMachine(PlantMachine):
    """Polls two doors, releases and withdraws each of them, swaps their direction.

    Args:
        profile: the lane's turnstile, with the module's wiring.
        on_power_loss: what each door does without power: the safe value of its relay.
        actuation_ms: after this long nothing is written (again) for one command.
    """

    carries_out: ClassVar[tuple[type[Actuation], ...]] = (
        OpenExit,
        Close,
        OpenEntry,
        CloseEntry,
        SetDirection,
    )

    def __init__(
        self,
        profile: Turnstile,
        on_power_loss: OnPowerLoss | None = None,
        *,
        actuation_ms: int = 2_000,
    ) -> None:
        wiring = profile.io
        self._wiring = wiring
        self._inputs = _inputs(wiring)
        self._coils = _coils(wiring)
        self._config = Read(wiring.config, CONFIG_WORDS)
        self._wanted = (
            wiring.watchdog_ms // WATCHDOG_UNIT_MS,
            _safe_value(wiring, on_power_loss or OnPowerLoss()),
        )
        self._master = ModbusMaster(
            profile.unit,
            profile.baud,
            answer_ms=profile.answer_ms,
            backoff_ms=profile.backoff_ms,
            probe=Read(wiring.config, CONFIG_WORDS - 1),
        )
        self._contacts = Contacts(wiring, profile.stale_ms * 1_000_000)
        super().__init__(self._master, profile, actuation_ms=actuation_ms, additive=False)

    def _forget(self) -> None:
        self._contacts.forget()

    @property
    def metrics(self) -> LineMetrics:
        """Counts of what happened on the bus, by cause."""
        return self._master.metrics

    # --- coming up --------------------------------------------------------------------

    def _identify(self) -> Job:
        outcome = yield ReadIdentity()
        if isinstance(outcome, Silence):
            self._miss(outcome.cause)
            return
        name = f"{outcome.vendor}/{outcome.product}" if isinstance(outcome, Identity) else ""
        expected = self._profile.identity
        if expected and name != expected:
            self._wrong_device(WrongIdentity(f"module is '{name}', the profile names '{expected}'"))
            return
        if not (yield from self._read_contacts()):
            return
        if not (yield from self._configure()):  # a module may refuse outputs until then
            return
        if not (yield from self._withdraw_standing()):
            return
        revision = outcome.revision if isinstance(outcome, Identity) else ""
        self._known(f"{name} {revision}".strip() or "module of relays and inputs")

    def _withdraw_standing(self) -> SuccessJob:
        """Withdraw releases that stand, unless fire is active or the door's way is occupied."""
        contacts = self._contacts
        if contacts.danger(self._wiring.fire_ok, self._now_ns) is not Flag.CLEAR:
            return True
        for door in (self._wiring.entry, self._wiring.exit):
            free = contacts.danger(door.unobstructed, self._now_ns) is Flag.CLEAR
            if free and contacts.coils[door.release].on:
                outcome = yield WriteCoils(door.release, (False,))
                if not isinstance(outcome, Written):
                    self._miss("a standing release could not be withdrawn")
                    return False
        return True

    def _configure(self) -> SuccessJob:
        """Set watchdog and safe value as declared; clear the latched watchdog trip."""
        outcome = yield self._config
        if isinstance(outcome, Registers) and outcome.words == (*self._wanted, 0):
            return True
        written = yield WriteWords(self._wiring.config, (*self._wanted, 0))
        outcome = yield self._config
        if isinstance(written, Refusal) or (
            isinstance(outcome, Registers) and outcome.words != (*self._wanted, 0)
        ):
            self._fail(DeviceRefused("the module does not take its watchdog's settings"))
            return False
        if not isinstance(outcome, Registers):
            self._miss("the watchdog's settings could not be read back")
            return False
        return True

    # --- reading ----------------------------------------------------------------------

    def _poll(self) -> Job:
        if not (yield from self._read_contacts()):
            return
        disturbances = self._master.disturbances
        outcome = yield self._config
        if not isinstance(outcome, Registers):
            self._no_answer(outcome, "settings")
            return
        if disturbances != self._master.disturbances:
            return
        if outcome.words != (*self._wanted, 0):
            self._contacts.tripped = bool(outcome.words[2])
            what = (
                "its watchdog dropped the outputs" if outcome.words[2] else "it lost its settings"
            )
            self._took(self._contacts.plant(self._now_ns))
            self._fail(DeviceRefused(f"the module started again: {what}"))
            return
        self._took(self._contacts.plant(self._now_ns))

    def _read_contacts(self) -> SuccessJob:
        """All inputs and all coils, each with the time it was asked for."""
        for read, took in (
            (self._inputs, self._contacts.took_inputs),
            (self._coils, self._contacts.took_coils),
        ):
            asked_ns = self._now_ns
            bits = yield from self._read(read)
            if bits is None:
                return False
            took({bits.address + at: on for at, on in enumerate(bits.bits)}, asked_ns)
        self._disturbed_polls = 0
        return True

    def _read(self, read: ReadBits) -> BitsJob:
        """Bits read without a disturbance; tried again once."""
        for _ in range(2):
            disturbances = self._master.disturbances
            outcome = yield read
            if not isinstance(outcome, Bits):
                self._no_answer(outcome, "contacts")
                return None
            if disturbances == self._master.disturbances:
                return outcome
        self._disturbed("the module's line is too disturbed to be trusted")
        return None

    def _no_answer(self, outcome: Outcome, what: str) -> None:
        if isinstance(outcome, Silence):
            self._miss(outcome.cause)
        elif isinstance(outcome, Refusal):
            self._fail(DeviceRefused(f"module answers exception {outcome.code} about its {what}"))

    # --- actions ----------------------------------------------------------------------

    def _carry_out(self, command: Actuation) -> Job:
        if isinstance(command, SetDirection):
            return self._set_direction(command)
        entry, leave = self._contacts.doors
        door = entry if isinstance(command, OpenEntry | CloseEntry) else leave
        if isinstance(command, OpenEntry | OpenExit):
            return self._release(command, door, leave if door is entry else entry)
        return self._withdraw(command, door)

    def _release(self, command: Actuation, door: DoorWiring, other: DoorWiring) -> Job:
        if not (yield from self._read_contacts()):
            self._actions.finish("the state before is not known", ok=False)
            return
        if self._contacts.coils[other.release].on and not self._excused():
            self._actions.finish("the other door's release stands", ok=False)
            return
        yield from self._set(command, door.release, on=True)

    def _withdraw(self, command: Actuation, door: DoorWiring) -> Job:
        if self._contacts.danger(self._wiring.fire_ok, self._now_ns) is Flag.ACTIVE:
            self._actions.finish("nothing is closed while fire is reported", ok=False)
            return
        yield from self._set(command, door.release, on=False)

    def _set_direction(self, command: SetDirection) -> Job:
        coil = self._wiring.direction
        if coil is None:
            self._actions.finish("this lane's direction is wired", ok=False)
            return
        if not (yield from self._read_contacts()):
            self._actions.finish("the state before is not known", ok=False)
            return
        releases = [self._wiring.entry.release, self._wiring.exit.release]
        if any(self._contacts.coils[release].on for release in releases):
            self._actions.finish("a door's release stands", ok=False)
            return
        yield from self._set(command, coil, on=command.reverse)

    def _set(self, command: Actuation, coil: int, *, on: bool) -> Job:
        """Write a level until it is read back."""
        give_up_ns = self._now_ns + self._actuation_ns
        for _ in range(WRITES_MAX):
            if not self._may_write(command, give_up_ns):
                break
            outcome = yield WriteCoils(coil, (on,))
            if isinstance(outcome, Refusal):
                self._actions.finish(f"refused with exception {outcome.code}", ok=False)
                return
            asked_ns = self._now_ns
            held = yield from self._read(self._coils)
            if held is not None and held.bit(coil) is on:
                self._contacts.took_coils(
                    {held.address + at: bit for at, bit in enumerate(held.bits)}, asked_ns
                )
                self._actions.finish("", ok=True)
                self._next_poll_ns = self._now_ns
                return
        self._actions.finish("the output does not hold what was commanded", ok=False)

    def _excused(self) -> bool:
        """Whether both doors may be free at once: fire, or the key of maintenance."""
        plant = self._contacts.plant(self._now_ns)
        return Flag.ACTIVE in (plant.fire, plant.maintenance)


def _inputs(wiring: IoModule) -> ReadBits:
    numbers = [
        wiring.chamber_empty,
        wiring.chamber_occupied,
        wiring.chamber_single,
        wiring.fire_ok,
        wiring.closed_housing,
        wiring.mains_ok,
        wiring.maintenance_key,
        *(n for n in (wiring.approach_clear, wiring.beyond_clear) if n is not None),
    ]
    for door in (wiring.entry, wiring.exit):
        numbers += [door.closed, door.not_closed, door.locked, door.not_locked, door.unobstructed]
    return ReadBits(READ_INPUTS, min(numbers), max(numbers) - min(numbers) + 1)


def _coils(wiring: IoModule) -> ReadBits:
    numbers = [wiring.entry.release, wiring.exit.release]
    if wiring.direction is not None:
        numbers.append(wiring.direction)
    return ReadBits(READ_COILS, min(numbers), max(numbers) - min(numbers) + 1)


def _safe_value(wiring: IoModule, on_power_loss: OnPowerLoss) -> int:
    """The relays' safe value as a mask over coil numbers; those past 15 are always off."""
    mask = 0
    for door, behaviour in (
        (wiring.entry, on_power_loss.entry),
        (wiring.exit, on_power_loss.exit),
    ):
        if behaviour == "released":
            mask |= 1 << door.release
    return mask & 0xFFFF
