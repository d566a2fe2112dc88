"""The day that a command judges for: a given one, or today by a gate's calendar."""

from __future__ import annotations

import argparse
import datetime
import re
from pathlib import Path
from typing import Any, NamedTuple

from firmware_cfg.time_zone import SHIPPED_ZONE, UnknownTimeZone, calendar_day, time_zone

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class GateDay(NamedTuple):
    """The day by a gate's calendar, and in UTC, in which certificates state their validity."""

    day: datetime.date
    utc_day: datetime.date
    zone: str

    def shown(self) -> dict[str, Any]:
        """For a report; a day that was given belongs to no zone."""
        return {"at": self.day.isoformat(), "time_zone": self.zone or None}


def add_options(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add `--at`, `--zone` and `--profile`: which day, or else whose today."""
    parser.add_argument("--at", type=_day, metavar="YYYY-MM-DD", help=meaning)
    parser.add_argument(
        "--zone",
        type=_zone,
        metavar="NAME",
        help="without --at: for today by the calendar of this IANA time zone "
        f"(default: that of --profile, else {SHIPPED_ZONE})",
    )
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the lane whose time zone counts",
    )


def day_of(arguments: argparse.Namespace, now: datetime.datetime) -> GateDay:
    """The day that was given, else today at the gate.

    Raises:
        ProfileError: `--profile` names no usable profile.
    """
    if arguments.at is not None:
        return GateDay(arguments.at, arguments.at, "")
    zone = arguments.zone or zone_of(arguments.profile)
    return GateDay(calendar_day(zone, now), now.date(), zone)


def zone_of(profile: list[Path]) -> str:
    """The time zone of a lane; the shipped one without a profile.

    Raises:
        ProfileError: it is no usable profile.
    """
    if not profile:
        return SHIPPED_ZONE
    from gate_agent.commands.profile_files import merge

    return str(merge(profile).lane.time_zone)


def _day(text: str) -> datetime.date:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected YYYY-MM-DD") from None


def _zone(text: str) -> str:
    try:
        time_zone(text)
    except UnknownTimeZone as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return text
