"""Dates of a zone as what is known of them (ICAO Doc 9303-3, 4.8).

A zone has two digits for the year, and states leave out what they do not know of a date. So a
date is no day but the days that it may be: one day, a month or a year, or the same day of two
centuries. Nothing here picks the likelier one.
"""

from __future__ import annotations

import calendar
from datetime import date
from typing import NamedTuple

from drivers.types import ExpiryKind

FILLER = "<"
UNKNOWN = (FILLER * 6, "000000")
"""A date of which nothing is known: fillers by Doc 9303-3, zeros where a state writes those."""

MAX_AGE_YEARS = 122
"""The longest life on record: no reading of a birth makes its holder older."""

EXPIRED_WITHIN_YEARS = 20
VALID_WITHIN_YEARS = 50
"""A date of expiry is read as a day of these years around the reference, where it has one there.
Chips exist since 2004 and are issued for ten years; identity cards for up to fifty."""


class Days(NamedTuple):
    """The days from `first` to `last`, both counted."""

    first: date
    last: date

    @property
    def exact(self) -> bool:
        """Whether it is a single day."""
        return self.first == self.last

    def __str__(self) -> str:
        return str(self.first) if self.exact else f"{self.first} to {self.last}"


class Expiry(NamedTuple):
    """When a document expires: `readings` are one for a day or a part, several where it is open."""

    kind: ExpiryKind
    readings: tuple[Days, ...] = ()


def plausible(yymmdd: str) -> bool:
    """Whether six characters can be meant as a date: digits, from the right unknown first.

    Unknown is a filler (Doc 9303-3, 4.8), or 00 where a state writes that.
    """
    if yymmdd in UNKNOWN:
        return True
    parts = _parts(yymmdd)
    return parts is not None and any(_days(century, parts) for century in (19, 20))


class KnownDates(NamedTuple):
    """What is known of a holder's birth and of the document's expiry on a day.

    `births` has one reading for each century that is possible, the earliest first; it is empty
    where nothing is known.
    """

    births: tuple[Days, ...]
    expiry: Expiry


def known_dates(
    birth: str, expires: str, reference: date, full_birth: Days | None = None
) -> KnownDates:
    """What two printed dates say on the day of inspection.

    A birth lies not after that day, nor after the document's own expiry.

    Args:
        birth: date of birth, YYMMDD as printed.
        expires: date of expiry, the same.
        reference: the day of inspection.
        full_birth: the date of birth with its century from a verified EF.DG11. It counts
            where it agrees with what is printed.
    """
    ends = expiry(expires, reference)
    known = ends.kind in (ExpiryKind.DAY, ExpiryKind.PART)
    latest = min(reference, ends.readings[0].last) if known else reference
    return KnownDates(_births(birth, reference, latest, full_birth), ends)


def _births(yymmdd: str, reference: date, latest: date, full: Days | None) -> tuple[Days, ...]:
    oldest = _after(_add_years(reference, -MAX_AGE_YEARS - 1))
    found = tuple(_clipped(days, oldest, latest) for days in _readings(yymmdd, reference))
    possible = tuple(days for days in found if days.first <= days.last)
    if full is not None:
        wide = (Days(oldest, latest),) if yymmdd in UNKNOWN else possible
        settled = tuple(_clipped(days, full.first, full.last) for days in wide)
        agreed = tuple(days for days in settled if days.first <= days.last)
        return agreed or possible
    return possible


def settled(found: tuple[Days, ...]) -> date | None:
    """The day, where only one is possible."""
    return found[0].first if len(found) == 1 and found[0].exact else None


def century_is_asked(birth: str, known: KnownDates) -> bool:
    """Whether the date of birth of EF.DG11 would say more than the zone's."""
    return (birth in UNKNOWN or bool(known.births)) and settled(known.births) is None


def age_range_years(found: tuple[Days, ...], reference: date) -> tuple[int, int] | None:
    """Youngest and oldest age in whole years that births allow; None where nothing is known."""
    if not found:
        return None
    latest, earliest = max(days.last for days in found), min(days.first for days in found)
    return _age_years(latest, reference), _age_years(earliest, reference)


def expiry(yymmdd: str, reference: date) -> Expiry:
    """When a document expires, as the zone has it.

    Within 20 years before and 50 after the reference one century at most is possible, and it is
    taken. Beyond, the date is open: no readable document expired decades ago, and none is known
    to be issued for so long. Fillers alone say that the document does not expire.
    """
    if yymmdd == FILLER * 6:
        return Expiry(ExpiryKind.NONE)
    first = _add_years(reference, -EXPIRED_WITHIN_YEARS)
    last = _add_years(reference, VALID_WITHIN_YEARS)
    found = _readings(yymmdd, reference)
    for days in found:
        if days.last >= first and days.first <= last:
            return Expiry(ExpiryKind.DAY if days.exact else ExpiryKind.PART, (days,))
    nearest = sorted(found, key=lambda days: abs(days.first - reference))[:2]
    return Expiry(ExpiryKind.OPEN, tuple(sorted(nearest)))


def full_date(ccyymmdd: str) -> Days | None:
    """A date with its century; None where it is none. Month and day may be unknown."""
    parts = _parts(ccyymmdd[2:]) if len(ccyymmdd) == 8 and ccyymmdd[:2].isdigit() else None
    return _days(int(ccyymmdd[:2]), parts) if parts is not None else None


def ccyymmdd(days: Days) -> str:
    """A date as `full_date` reads it, zeros for an unknown day or month."""
    if days.exact:
        return f"{days.first:%Y%m%d}"
    return f"{days.first:%Y%m}00" if days.first.month == days.last.month else f"{days.first:%Y}0000"


def in_words(found: tuple[Days, ...]) -> str:
    """What is known, for people: `1925-03-01 or 2025-03-01`; empty where nothing is."""
    return " or ".join(map(str, found))


def _parts(yymmdd: str) -> tuple[int, int | None, int | None] | None:
    """Year of the century, month and day; None for what is unknown, and where it is no date."""
    known = yymmdd.rstrip(FILLER)
    known = known[:2] + known[2:].removesuffix("00").removesuffix("00")
    if len(known) not in (2, 4, 6) or not (known.isascii() and known.isdigit()):
        return None
    month = int(known[2:4]) if len(known) > 2 else None
    day = int(known[4:]) if len(known) > 4 else None
    return int(known[:2]), month, day


def _days(century: int, parts: tuple[int, int | None, int | None]) -> Days | None:
    """The days of one century; None where its calendar has none."""
    year, month, day = century * 100 + parts[0], parts[1], parts[2]
    if not date.min.year <= year <= date.max.year or (month is not None and not 1 <= month <= 12):
        return None
    first_month, last_month = (1, 12) if month is None else (month, month)
    length = calendar.monthrange(year, last_month)[1]
    if day is not None and day > length:
        return None
    return Days(date(year, first_month, day or 1), date(year, last_month, day or length))


def _readings(yymmdd: str, reference: date) -> tuple[Days, ...]:
    """What six characters may mean in the centuries around the reference, the earliest first."""
    parts = None if yymmdd in UNKNOWN else _parts(yymmdd)
    if parts is None:
        return ()
    century = reference.year // 100
    found = (_days(century + offset, parts) for offset in (-2, -1, 0, 1))
    return tuple(days for days in found if days is not None)


def _clipped(days: Days, first: date, last: date) -> Days:
    return Days(max(days.first, first), min(days.last, last))


def _age_years(born: date, reference: date) -> int:
    early = (reference.month, reference.day) < (born.month, born.day)
    return reference.year - born.year - early


def _add_years(day: date, years: int) -> date:
    year = min(max(day.year + years, date.min.year), date.max.year)
    leap = (day.month, day.day) == (2, 29)
    return day.replace(year=year, day=28 if leap else day.day)


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
