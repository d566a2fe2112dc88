"""A turnstile's own firmware and configuration against what the profile says of them.

Reading is for any time; writing is two-phase and for a lane in stand-by alone
(`drivers.turnstile.overhaul`).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from drivers.turnstile.modbus_requests import Outcome, Read, Registers, Request
from firmware_cfg.turnstile import Firmware, Setting

Held = dict[str, int]
SettingsJob = Generator[Request, Outcome, Held | None]


class Drift(NamedTuple):
    """One setting that is not what it should be."""

    name: str
    register: int
    wanted: int
    held: int


def unfit(firmware: Firmware, revision: str) -> str:
    """Why a device with this firmware must not serve; empty when it may.

    A device that does not report its revision is unfit where the profile asks for one.
    """
    if firmware == Firmware():
        return ""
    if not revision:
        return "it does not report its firmware's revision"
    if revision in firmware.denied:
        return f"firmware {revision} is denied"
    if firmware.lowest and version(revision) < version(firmware.lowest):
        return f"firmware {revision} is older than {firmware.lowest}"
    if firmware.highest and version(revision) > version(firmware.highest):
        return f"firmware {revision} is newer than {firmware.highest}"
    return ""


def version(text: str) -> tuple[tuple[int, str], ...]:
    """A revision as it is compared: numbers by their value, anything else by its letters."""
    parts = re.findall(r"[0-9]{1,9}|[A-Za-z]+", text)
    return tuple((int(part), "") if part[0].isdigit() else (-1, part) for part in parts)


def read_settings(settings: Sequence[Setting]) -> SettingsJob:
    """What a device holds, by name; None when it did not answer every question.

    Every register is read twice, and both answers must agree.
    """
    held: Held = {}
    for setting in settings:
        words = []
        for _ in range(2):
            outcome = yield Read(setting.register, 1)
            if not isinstance(outcome, Registers):
                return None
            words.append(outcome.word(setting.register))
        if words[0] != words[1]:
            return None
        held[setting.name] = words[0]
    return held


def drift_of(settings: Sequence[Setting], held: Mapping[str, int]) -> tuple[Drift, ...]:
    """What is not as it should be."""
    return tuple(
        Drift(setting.name, setting.register, setting.value, held[setting.name])
        for setting in settings
        if held[setting.name] != setting.value
    )
