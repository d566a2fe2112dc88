"""Puts a turnstile's own configuration right: in stand-by, in two phases, or not at all.

First phase: what it holds is read and kept, and the lane must be at rest: nothing released,
no one in it, no fire. Second phase: what differs is written and read back, then the device must
pass its health checks. Whatever fails, what it held before is written back and read again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from drivers.turnstile.machine import Job
from drivers.turnstile.modbus_requests import Outcome, Request, WriteWords, Written
from drivers.turnstile.modbus_turnstile import ModbusTurnstile, TurnstileMap
from drivers.turnstile.settings import Drift, drift_of, read_settings
from firmware_cfg.turnstile import Setting, Turnstile

HEALTH_POLLS = 5
ROLL_BACK_ATTEMPTS = 3

SuccessJob = Generator[Request, Outcome, bool]


@dataclass(frozen=True, slots=True)
class Overhauled:
    """How it went.

    Attributes:
        drift: what differed at first.
        applied: whether the device now holds what the profile says.
        rolled_back: whether what it held before was put back; None where nothing was written.
        problem: what went wrong, empty when nothing did.
    """

    drift: tuple[Drift, ...]
    applied: bool = False
    rolled_back: bool | None = None
    problem: str = ""


class OverhaulMachine(ModbusTurnstile):
    """Reads a turnstile's configuration once, and puts it right where that is asked.

    Args:
        profile: the lane's turnstile.
        registers: its register map.
        apply: whether to write.
    """

    def __init__(self, profile: Turnstile, registers: TurnstileMap, *, apply: bool) -> None:
        self._apply = apply
        self.outcome: Overhauled | None = None
        super().__init__(profile, registers)

    @property
    def identity(self) -> str:
        """The device's identity, as it reports it."""
        return self._identity

    def _spare(self) -> Job | None:
        return self._overhaul() if self._ready and self.outcome is None else None

    def _overhaul(self) -> Job:
        settings = self._profile.settings
        held = yield from read_settings(settings)
        if held is None:
            return  # tried again after the next poll
        drift = drift_of(settings, held)
        if not drift or not self._apply:
            self.outcome = Overhauled(drift)
            return
        if not (yield from self._at_rest()):
            self.outcome = Overhauled(drift, problem="the lane is not at rest: nothing was written")
            return
        wanted = {setting.name: setting.value for setting in settings}
        if (yield from self._write(settings, wanted)) and (yield from self._healthy(settings)):
            self.outcome = Overhauled(drift, applied=True)
            return
        for _ in range(ROLL_BACK_ATTEMPTS):
            if (yield from self._write(settings, held)):
                problem = "the device did not pass its health checks"
                self.outcome = Overhauled(drift, rolled_back=True, problem=problem)
                return
        problem = "what it held before could not be put back: do not open this lane"
        self.outcome = Overhauled(drift, rolled_back=False, problem=problem)

    def _at_rest(self) -> SuccessJob:
        reading = yield from self._read_all()
        return reading is not None and reading.at_rest

    def _write(self, settings: tuple[Setting, ...], values: dict[str, int]) -> SuccessJob:
        """Write what differs, and read everything back."""
        for setting in settings:
            outcome = yield WriteWords(setting.register, (values[setting.name],))
            if not isinstance(outcome, Written):
                break
        held = yield from read_settings(settings)
        return held == values

    def _healthy(self, settings: tuple[Setting, ...]) -> SuccessJob:
        for _ in range(HEALTH_POLLS):
            if not (yield from self._at_rest()):
                return False
        held = yield from read_settings(settings)
        return held is not None and not drift_of(settings, held)
