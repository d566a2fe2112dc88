"""The gate's calendar: from a moment in UTC to the legal day and the time of day at the gate.

A document is valid, and a holder of age, by the calendar of the place where it is inspected.
The place is named by its zone in the IANA time zone database (RFC 6557), never by an offset:
the database knows daylight saving, zones that change at midnight, and days that a country left
out. The operating system's database is used, and the `tzdata` package where it has none. The
time zone of the computer itself plays no part.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SHIPPED_ZONE = "Asia/Jakarta"
"""The zone of a profile that names none, and of records from before zones were recorded."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}")
_NO_ZONE = frozenset({"Factory", "localtime", "posixrules"})
_NO_ZONE_FOLDERS = ("posix/", "right/")
"""`right/` counts leap seconds, which UTC in records does not; `posix/` is the same again."""


class UnknownTimeZone(ValueError):
    """A name is none of the IANA time zone database that this machine has."""


def time_zone(name: str) -> ZoneInfo:
    """The zone of this name.

    Raises:
        UnknownTimeZone: there is none; the message says what to write.
    """
    named = _NAME.fullmatch(name) is not None and len(name) <= 64
    if named and name not in _NO_ZONE and not name.startswith(_NO_ZONE_FOLDERS):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass  # absent, a folder of zones, or a file of another kind
    raise UnknownTimeZone(
        "is no time zone of the IANA database; write its name, such as Asia/Jakarta, "
        "or update the system's tzdata if the zone is new"
    )


def local_time(name: str, at: datetime) -> datetime:
    """A moment by the gate's clock, with the offset from UTC that was in force then.

    Args:
        name: the gate's zone.
        at: the moment, with its own offset.

    Raises:
        UnknownTimeZone: see `time_zone`.
        ValueError: `at` has no offset and so names no moment.
    """
    if at.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return at.astimezone(time_zone(name))


def time_at_gate(name: str, utc: str) -> str:
    """A record's UTC by the gate's clock, with offset and zone (RFC 9557).

    2026-12-01T18:30:00.000Z in Asia/Jakarta is 2026-12-02T01:30:00.000+07:00[Asia/Jakarta].

    Args:
        name: the gate's zone.
        utc: RFC 3339.

    Raises:
        UnknownTimeZone: see `time_zone`.
        ValueError: `utc` is no moment.
    """
    at = local_time(name, datetime.fromisoformat(utc))
    return f"{at.isoformat(timespec='milliseconds')}[{name}]"


def minute_at_gate(utc_ms: int, name: str) -> str:
    """Date, time to the minute, and zone, for pages: 2026-12-02 01:30 Asia/Jakarta.

    In UTC where the zone is none that this machine knows, "" where there is no name.

    Args:
        utc_ms: milliseconds since 1970.
        name: the gate's zone.
    """
    if not name:
        return ""
    at = datetime.fromtimestamp(utc_ms / 1000, UTC)
    try:
        return f"{local_time(name, at):%Y-%m-%d %H:%M} {name}"
    except UnknownTimeZone:
        return f"{at:%Y-%m-%d %H:%M} UTC"


def calendar_day(name: str, at: datetime) -> date:
    """The day of a moment by the gate's calendar: the day of inspection.

    Args and errors are those of `local_time`.
    """
    return local_time(name, at).date()
