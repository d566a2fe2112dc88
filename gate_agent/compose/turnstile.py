"""Which driver speaks to the lane's turnstile, and how long a command to it is valid."""

from __future__ import annotations

import logging
from collections.abc import Callable

from drivers.turnstile.machine import PlantMachine
from drivers.turnstile.mantrap import MantrapMachine
from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_turnstile import ModbusTurnstile, TurnstileMap
from drivers.turnstile.settings import Drift
from drivers.turnstile.swing_gate import SwingGateMachine
from drivers.types import Actuation
from firmware_cfg.load import ProfileError
from firmware_cfg.profile import Profile
from firmware_cfg.turnstile import Turnstile
from gate_agent import live
from gate_agent.workers.machine_thread import CommandQueue

log = logging.getLogger("egate.turnstile")


class InTime(CommandQueue):
    """Commands to a turnstile, each valid for a short time after the turn that gave it.

    What permitted a command may no longer hold when a process that was stopped, or a machine
    that could not keep up, reaches it at last.

    Args:
        within_ms: how long a command is valid.
        late: receives each command that was not carried out.
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


REGISTER_MAPS: dict[str, Callable[[Turnstile], TurnstileMap]] = {
    "modbus": lambda turnstile: AuthoriseMap(turnstile.registers),
}
"""Turnstiles on Modbus RTU, by `Turnstile.driver`: another register map is a row here.

`drivers.turnstile.modbus_turnstile` says which files such a change touches.
"""


def register_map_of(turnstile: Turnstile) -> TurnstileMap:
    """The register map of a turnstile, with every setting checked against it.

    Raises:
        KeyError: the driver has no register map (`REGISTER_MAPS`).
        ProfileError: a setting names a register that moves.
    """
    registers = REGISTER_MAPS[turnstile.driver](turnstile)
    check_settings(turnstile, registers)
    return registers


def check_settings(turnstile: Turnstile, registers: TurnstileMap) -> None:
    """Refuse a setting in a register that moves.

    `egate profile drift --apply` writes settings: such a one would release travellers without
    a decision.

    Raises:
        ProfileError: a setting names a register that moves; `field` says which.
    """
    moving = registers.moving_registers()
    for index, setting in enumerate(turnstile.settings):
        if setting.register in moving:
            field = f"turnstile.settings[{index}].register"
            raise ProfileError("(profile)", field, "must not name a register that releases")


def _register_map(profile: Profile) -> PlantMachine:
    return ModbusTurnstile(
        profile.turnstile,
        register_map_of(profile.turnstile),
        actuation_ms=profile.budgets.actuation_ms,
        on_drift=_log,
    )


def _swing_gate(profile: Profile) -> PlantMachine:
    return SwingGateMachine(profile.turnstile, actuation_ms=profile.budgets.actuation_ms)


def _mantrap(profile: Profile) -> PlantMachine:
    return MantrapMachine(
        profile.turnstile,
        profile.lane.on_power_loss,
        actuation_ms=profile.budgets.actuation_ms,
    )


DRIVERS: dict[str, Callable[[Profile], PlantMachine]] = {
    **dict.fromkeys(REGISTER_MAPS, _register_map),
    "swing": _swing_gate,
    "relay_io": _mantrap,
}
"""The machine of each `Turnstile.driver`."""


def turnstile_of(profile: Profile) -> PlantMachine:
    """The machine of this lane's turnstile."""
    return DRIVERS[profile.turnstile.driver](profile)


def _log(drift: tuple[Drift, ...]) -> None:
    """Log that the turnstile's own settings are not the profile's, or are again."""
    settings = ", ".join(f"{d.name} holds {d.held}, not {d.wanted}" for d in drift)
    log.warning("turnstile's settings: %s", settings or "as the profile says")
