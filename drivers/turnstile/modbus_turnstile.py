"""A turnstile behind a register map on a Modbus RTU line.

Rules that hold whatever the line does, besides those of `drivers.turnstile.machine`:

- a plant is built from one complete poll in which nothing unexpected arrived;
- a release is written once, read back, and written a second time only if reading back
  *while synchronised* shows that the first never took effect;
- one ticket is released at most once, and its outcome is repeated, not its write.

**Another turnstile on Modbus** needs these files and no other:

- the same registers at other addresses: a profile with `[turnstile.registers]`, no code;
- other registers, or other values in them: one module in `drivers.turnstile.maps` with a class
  that has the shape of `TurnstileMap` (`drivers.turnstile.maps.authorise` is the example), its
  name in `firmware_cfg.turnstile.Turnstile.driver`, and its row in
  `gate_agent.compose.turnstile.REGISTER_MAPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import ClassVar, Protocol

import msgspec

from drivers.errors import DeviceRefused, WrongIdentity
from drivers.turnstile.half_duplex import LineMetrics, Silence
from drivers.turnstile.machine import Job, PlantMachine
from drivers.turnstile.modbus_master import ModbusMaster
from drivers.turnstile.modbus_requests import (
    Identity,
    Outcome,
    ReadIdentity,
    Refusal,
    Registers,
    Request,
    Written,
)
from drivers.turnstile.read_plan import ReadPlan
from drivers.turnstile.settings import Drift, drift_of, read_settings, unfit
from drivers.turnstile.turnstile_reading import (
    TurnstileMode,
    TurnstileReading,
    judge_release,
    plant_of,
)
from drivers.types import Actuation, Close, Condition, OpenExit
from firmware_cfg.turnstile import Turnstile

RELEASE_WRITES_MAX = 2
WITHDRAW_WRITES_MAX = 5

Poll = Generator[Request, Outcome, TurnstileReading | None]
Glance = Generator[Request, Outcome, Registers | None]


class TurnstileMap(Protocol):
    """The registers of one make of turnstile: what to read and write, and what it means."""

    @property
    def plan(self) -> ReadPlan:
        """The reads of one poll, and the glance at what is released."""

    def decode(self, at_ns: int, words: Mapping[int, int]) -> TurnstileReading:
        """One complete poll, that began at `at_ns`; `words` are registers by address."""

    def released(self, glance: Registers) -> tuple[int, int]:
        """Passages released, as the answer to `plan.glance` says: exit, entry."""

    def release_exit(self) -> Request:
        """The write that releases one passage in the exit direction."""

    def moving_registers(self) -> frozenset[int]:
        """Every register in which a value releases, moves or resets: no setting may name one."""

    def withdraw_all(self) -> tuple[Request, ...]:
        """The writes that withdraw every release."""


class ModbusTurnstile(PlantMachine):
    """Polls a turnstile, releases its exit, withdraws.

    Args:
        profile: the lane's turnstile.
        registers: its register map.
        actuation_ms: after this long nothing is written (again) for one command.
        on_drift: receives what of the device's own configuration is not the profile's, at
            start and whenever that has changed.
    """

    carries_out: ClassVar[tuple[type[Actuation], ...]] = (OpenExit, Close)

    def __init__(
        self,
        profile: Turnstile,
        registers: TurnstileMap,
        *,
        actuation_ms: int = 2_000,
        on_drift: Callable[[tuple[Drift, ...]], None] = lambda _drift: None,
    ) -> None:
        self._on_drift = on_drift
        self._drift: tuple[Drift, ...] = ()
        self._map = registers
        self._plan = registers.plan
        self._master = ModbusMaster(
            profile.unit,
            profile.baud,
            answer_ms=profile.answer_ms,
            backoff_ms=profile.backoff_ms,
            probe=self._plan.probe,
        )
        super().__init__(self._master, profile, actuation_ms=actuation_ms, additive=True)

    def _forget(self) -> None:
        self._reading: TurnstileReading | None = None
        self._decoded: tuple[list[Registers], TurnstileReading] | None = None
        self._check_ns = self._now_ns

    @property
    def metrics(self) -> LineMetrics:
        """Counts of what happened on the bus, by cause."""
        return self._master.metrics

    def _identify(self) -> Job:
        outcome = yield ReadIdentity()
        expected = self._profile.identity
        name = identity = ""
        if isinstance(outcome, Identity):
            name = f"{outcome.vendor}/{outcome.product}"
            identity = f"{name} {outcome.revision}".strip()
        elif isinstance(outcome, Silence):
            self._miss(outcome.cause)
            if expected:
                return
        if expected and name != expected:
            self._wrong_device(
                WrongIdentity(f"turnstile is '{name}', the profile names '{expected}'")
            )
            return
        wrong = unfit(
            self._profile.firmware, outcome.revision if isinstance(outcome, Identity) else ""
        )
        if wrong:
            self._wrong_device(WrongIdentity(f"turnstile: {wrong}"))
            return
        self._known(identity)

    def _spare(self) -> Job | None:
        if not (self._ready and self._profile.settings and self._now_ns >= self._check_ns):
            return None
        self._check_ns = self._now_ns + self._profile.settings_check_s * 1_000_000_000
        return self._check_settings()

    def _check_settings(self) -> Job:
        """Read the device's own configuration back; nothing is written."""
        held = yield from read_settings(self._profile.settings)
        if held is None:
            return
        drift = drift_of(self._profile.settings, held)
        if drift != self._drift:
            self._drift = drift
            self._on_drift(drift)
            self._conditions = (Condition.SETTINGS_DRIFTED,) if drift else ()
            self._announce()

    def _poll(self) -> Job:
        yield from self._read_all()

    def _read_all(self) -> Poll:
        """One complete poll, tried again once when disturbed; None on failure."""
        for _ in range(2):
            began_ns, disturbances = self._now_ns, self._master.disturbances
            answers: list[Registers] = []
            for read in self._plan.sequence:
                outcome = yield read
                if isinstance(outcome, Registers):
                    answers.append(outcome)
                    if self._yields_to_command():
                        return None
                    continue
                if isinstance(outcome, Refusal):
                    what = f"exception {outcome.code} to reading {read.address:#06x}"
                    self._fail(DeviceRefused(f"turnstile answers {what}"))
                elif isinstance(outcome, Silence):
                    self._miss(outcome.cause)
                return None
            reading = self._decode(began_ns, answers)
            if reading is not None and disturbances == self._master.disturbances:
                before, self._reading = self._reading, reading
                self._took(plant_of(reading, before))
                return reading
        self._disturbed("the turnstile's line is too disturbed to be trusted")
        return None

    def _decode(self, at_ns: int, answers: list[Registers]) -> TurnstileReading | None:
        """What a poll's answers say; nearly always the same as those of the poll before."""
        if self._decoded is not None and answers == self._decoded[0]:
            return msgspec.structs.replace(self._decoded[1], at_ns=at_ns)
        words = self._plan.words(answers)
        if words is None:
            return None
        reading = self._map.decode(at_ns, words)
        self._decoded = answers, reading
        return reading

    # --- actions ----------------------------------------------------------------------

    def _carry_out(self, command: Actuation) -> Job:
        return self._open_exit(command) if isinstance(command, OpenExit) else self._close(command)

    def _open_exit(self, command: Actuation) -> Job:
        give_up_ns = self._now_ns + self._actuation_ns
        before = self._fresh_reading() or (yield from self._read_all())
        if before is None:
            self._actions.finish("the state before is not known", ok=False)
            return
        if before.released_exit != 0:
            self._actions.finish("a release is already standing", ok=False)
            return
        for _ in range(RELEASE_WRITES_MAX):
            if not self._may_write(command, give_up_ns):
                break
            outcome = yield self._map.release_exit()
            if isinstance(outcome, Refusal):
                self._actions.finish(f"refused with exception {outcome.code}", ok=False)
                return
            acknowledged = isinstance(outcome, Written)
            if acknowledged:
                glance = yield from self._glance()
                if glance is not None and self._map.released(glance) == (1, before.released_entry):
                    self._finish("")
                    return
            after = yield from self._read_all()
            verdict = judge_release(before, after, acknowledged=acknowledged)
            if verdict is not None:
                self._finish(verdict)
                return
        self._actions.finish("the release did not take effect in time", ok=False)

    def _close(self, command: Actuation) -> Job:
        if self._reading is not None and self._reading.mode is TurnstileMode.ANTIPANIC:
            self._actions.finish("nothing is closed while antipanic lasts", ok=False)
            return
        give_up_ns = self._now_ns + self._actuation_ns
        for _ in range(WITHDRAW_WRITES_MAX):
            if self._actions.acting is not command or self._now_ns >= give_up_ns:
                break
            acknowledged = True
            for write in self._map.withdraw_all():
                outcome = yield write
                if isinstance(outcome, Refusal):
                    self._actions.finish(f"refused with exception {outcome.code}", ok=False)
                    return
                acknowledged = acknowledged and isinstance(outcome, Written)
            if acknowledged:
                glance = yield from self._glance()
                if glance is not None and self._map.released(glance) == (0, 0):
                    self._finish("")
                    return
            after = yield from self._read_all()
            if after is not None and after.nothing_released:
                self._finish("")
                return
        self._actions.finish("the release still stands or is not known", ok=False)

    def _glance(self) -> Glance:
        """What is released alone, quickly; None where that is not possible.

        Its answer has a length that no other has, so no other can be taken for it.
        """
        read = self._plan.glance
        if read is None:
            return None
        disturbances = self._master.disturbances
        outcome = yield read
        if isinstance(outcome, Registers) and disturbances == self._master.disturbances:
            return outcome
        return None

    def _finish(self, wrong: str) -> None:
        """Answer, and let the plant follow at once."""
        self._actions.finish(wrong, ok=not wrong)
        self._next_poll_ns = self._now_ns

    def _fresh_reading(self) -> TurnstileReading | None:
        reading = self._reading
        if reading is None or self._now_ns - reading.at_ns > 2 * self._poll_ns:
            return None
        return reading
