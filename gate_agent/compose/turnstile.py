"""Which driver speaks to the lane's turnstile, by the profile."""

from __future__ import annotations

import logging

from drivers.turnstile.device import TurnstileMachine
from drivers.turnstile.machine import PlantMachine
from drivers.turnstile.mantrap import MantrapMachine
from drivers.turnstile.settings import Drift
from drivers.turnstile.swing_gate import SwingGateMachine
from firmware_cfg.profile import Profile

log = logging.getLogger("egate.turnstile")


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
