"""Entries and exits of one person paired into stays, and how long a stay may be.

Pure functions of dates. Regulation (EU) 2016/399 (Schengen Borders Code), Article 6(1) and
(2), as amended by Regulation (EU) 610/2013: at most 90 days in any period of 180 days, which
for each day of the stay is that day and the 179 before it; the day of entry is the first day
of a stay and the day of exit its last. Regulation (EU) 2017/2226, Article 11: the calculator.

Out of scope: days under bilateral visa waiver agreements (Article 20(2) of the Schengen
Convention), whose lists overlap this rule country by country; residence permits and
long-stay visas, whose days the caller leaves out according to Article 6(2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from firmware_cfg.time_zone import calendar_day
from sync.log.types import Record, RecordKind

LIMIT_DAYS = 90
PERIOD_DAYS = 180

DAY = timedelta(days=1)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

WENT_THROUGH = ("admitted", "accepted")
"""Outcomes of an end after which a traveller has crossed: by the machine, or by an officer."""


class Direction(StrEnum):
    """Which way a traveller crossed."""

    ENTRY = "entry"
    EXIT = "exit"


class DatedCrossing(NamedTuple):
    """A crossing that was completed, on a day by the calendar of its crossing point.

    `at` is its moment in UTC as records have it (RFC 3339), or what orders those of one day.
    """

    direction: Direction
    day: date
    at: str = ""


class Stay(NamedTuple):
    """From the day of entry to the day of exit, both counted.

    None stands for what is not known: no exit yet, or an entry that was not recorded.
    """

    entry: date | None
    exit: date | None


class Visa(NamedTuple):
    """A short-stay visa: valid from and to, days it allows, and how many entries (0: any)."""

    valid_from: date
    valid_to: date
    days: int
    entries: int = 0


class Authorised(NamedTuple):
    """How long a person may stay from a day on.

    `days` counts that day; 0 if the stay is not authorised. `last_day` is the last day on
    which the person may still be there, None with 0 days. `limit` says what ends it.
    """

    days: int
    last_day: date | None
    limit: str


def crossing_of(record: Record, time_zone: str) -> DatedCrossing | None:
    """The crossing that a record is the end of, dated by the calendar of its crossing point.

    The day is the one by which the gate judged the crossing, else that of the record's UTC in
    the zone that the record names.

    Args:
        record: any record.
        time_zone: where the crossing point is, for records that were written before they
            named it.

    None if it is no end of a crossing, if no one went through, or if it does not state which way:
    records from before directions were written, and crossings that a restart forgot. Those
    are for a person to look up, not to be guessed.

    Raises:
        UnknownTimeZone: `time_zone`, or the record's, is none that this machine knows.
    """
    facts = record.facts
    if record.kind is not RecordKind.FINISH or facts.get("outcome") not in WENT_THROUGH:
        return None
    if facts.get("direction") not in list(Direction):
        return None
    judged = facts.get("inspection_day")
    if judged is not None:
        day = date.fromisoformat(judged)
    else:
        zone = facts.get("time_zone", time_zone)
        day = calendar_day(zone, datetime.fromisoformat(record.utc))
    return DatedCrossing(Direction(facts["direction"]), day, record.utc)


def pair(crossings: Iterable[DatedCrossing]) -> list[Stay]:
    """Pair entries with exits in order of time.

    Where every moment is known they are in its order, for crossing points in different zones
    can have different days at one moment; else they are in the order of days.

    Two entries in a row leave the first stay open: its exit was missed. An exit without an
    entry is a stay whose beginning is unknown.
    """
    stays: list[Stay] = []
    entered: date | None = None
    every = sorted(crossings, key=lambda each: (each.day, each.at))
    if all(_MOMENT.fullmatch(each.at) for each in every):
        every.sort(key=lambda each: each.at)
    for crossing in every:
        if crossing.direction is Direction.ENTRY:
            if entered is not None:
                stays.append(Stay(entered, None))
            entered = crossing.day
        else:
            stays.append(Stay(entered, crossing.day))
            entered = None
    if entered is not None:
        stays.append(Stay(entered, None))
    return stays


def days_present(stays: Iterable[Stay], until: date) -> set[date]:
    """Every day up to `until` on which the person was there, once each.

    Only the newest stay may be going on: an earlier one without an exit counts its first
    day alone, because no more is known; so does one without an entry with its last.
    """
    known = sorted(stays, key=lambda stay: stay.entry or stay.exit or until)
    days: set[date] = set()
    for n, stay in enumerate(known):
        newest = n == len(known) - 1
        first = stay.entry or stay.exit
        last = stay.exit or (until if newest else first)
        if first is not None and last is not None:
            first, last = min(first, last), max(first, last)  # of two zones' calendars
            days.update(_days(first, min(last, until)))
    return days


def used_days(stays: Sequence[Stay], on: date) -> int:
    """Days of stay within the period of 180 days that ends with `on`."""
    return _used(days_present(stays, on), on)


def overstayed_days(stays: Sequence[Stay], on: date) -> int:
    """Days beyond 90 within the period that ends with `on`, as the calculator counts them."""
    return max(0, used_days(stays, on) - LIMIT_DAYS)


def authorised(stays: Sequence[Stay], entry: date, visa: Visa | None = None) -> Authorised:
    """How long a person who enters on a day may stay.

    Args:
        stays: earlier stays, none of them going on.
        entry: the day of entry, the first day of the new stay.
        visa: the visa, None for a person who needs none.
    """
    present = {day for day in days_present(stays, entry) if day < entry}
    if visa is not None:
        refusal = _visa_refusal(visa, stays, entry)
        if refusal:
            return Authorised(0, None, refusal)
    last: date | None = None
    day = entry
    limit = "90/180 days"
    while (day - entry).days < LIMIT_DAYS:
        if visa is not None and day > visa.valid_to:
            limit = "end of the visa's validity"
            break
        if visa is not None and _used_under(visa, stays, entry) + (day - entry).days >= visa.days:
            limit = "days of the visa"
            break
        present.add(day)
        if _used(present, day) > LIMIT_DAYS:
            break
        last = day
        day += DAY
    if last is None:
        return Authorised(0, None, limit)
    return Authorised((last - entry).days + 1, last, limit)


def earliest_entry(stays: Sequence[Stay], after: date, days: int) -> date | None:
    """The first day from `after` on at which so many days are authorised.

    None for more than 90 or fewer than one, which never are.
    """
    if not 1 <= days <= LIMIT_DAYS:
        return None
    for offset in range(PERIOD_DAYS + 1):
        day = after + offset * DAY
        if authorised(stays, day).days >= days:
            return day
    return None


def _visa_refusal(visa: Visa, stays: Sequence[Stay], entry: date) -> str:
    """Why a visa does not allow this entry, or ""."""
    if not visa.valid_from <= entry <= visa.valid_to:
        return "outside the visa's validity"
    entries = sum(1 for stay in stays if stay.entry and visa.valid_from <= stay.entry < entry)
    return "entries of the visa" if visa.entries and entries >= visa.entries else ""


def _used_under(visa: Visa, stays: Sequence[Stay], entry: date) -> int:
    """Days that were spent under a visa before this entry."""
    return sum(1 for day in days_present(stays, entry) if visa.valid_from <= day < entry)


def _used(present: set[date], on: date) -> int:
    """Days of a set within the period that ends with `on`."""
    return sum(1 for day in present if 0 <= (on - day).days < PERIOD_DAYS)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + n * DAY for n in range((last - first).days + 1))
