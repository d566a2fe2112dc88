"""Which driver speaks to the lane's turnstile, and how long a command to it is good."""

from __future__ import annotations

import logging
from collections.abc import Callable

from drivers.turnstile.device import TurnstileMachine
from drivers.turnstile.machine import PlantMachine
from drivers.turnstile.mantrap import MantrapMachine
from drivers.turnstile.settings import Drift
from drivers.turnstile.swing_gate import SwingGateMachine
from drivers.types import Actuation
from firmware_cfg.profile import Profile
from gate_agent import live

log = logging.getLogger("egate.turnstile")


class InTime(live.CommandQueue):
    """Commands to a turnstile, each good for a short time after the turn that gave it.

    What allowed it to go out may no longer hold when a process that was stopped, or a machine
    that could not follow, comes to it at last.

    Args:
        within_ms: for so long a command is good.
        late: told of a command that was not carried out.
    """

    def __init__(self, within_ms: int, late: Callable[[Actuation], None]) -> None:
        super().__init__()
        self._within_ns = within_ms * 1_000_000
        self._late = late

    def order(self, command: Actuation, at_ns: int) -> bool:
        """Hand over a command of the turn at `at_ns`; False when too many wait already."""
        return self.put((command, at_ns))

    def drain(self) -> list[Actuation]:
        """Take what waits and is in time, in order."""
        now_ns = live.monotonic_ns()
        taken: list[Actuation] = []
        for command, at_ns in super().drain():
            if now_ns - at_ns < self._within_ns:
                taken.append(command)
            else:
                self._late(command)
        return taken


def turnstile_of(profile: Profile) -> PlantMachine:
    """The machine of this lane's turnstile."""
    actuation_ms = profile.budgets.actuation_ms
    if profile.turnstile.driver == "swing":
        return SwingGateMachine(profile.turnstile, actuation_ms=actuation_ms)
    if profile.turnstile.driver == "relay_io":
        return MantrapMachine(
            profile.turnstile, profile.lane.on_power_loss, actuation_ms=actuation_ms
        )
    return TurnstileMachine(profile.turnstile, actuation_ms=actuation_ms, on_drift=_log)


def _log(drift: tuple[Drift, ...]) -> None:
    """Say that the turnstile's own settings are not the profile's (or are again)."""
    told = ", ".join(f"{d.name} holds {d.held}, not {d.wanted}" for d in drift)
    log.warning("turnstile's settings: %s", told or "as the profile says")
