"""Dates of birth on a list: what is known of them, and how far two agree, in bits."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

FULL_BITS: Final = 14.6
"""An equal day among those of some 70 years."""

SWAPPED_BITS: Final = 7.5
"""Day and month in each other's place, or the year beside."""

TWO_PARTS_BITS: Final = 6.5
YEAR_BITS: Final = 5.9
"""An equal year and nothing more; 1 January counts as a year alone."""

_LISTED: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)


class Birth(NamedTuple):
    """A date of birth; what is not known is 0."""

    year: int = 0
    month: int = 0
    day: int = 0

    @property
    def full(self) -> bool:
        """Report whether the day counts: 1 January is written where the year alone is known."""
        return self.day > 0 and (self.month, self.day) != (1, 1)


def read_birth(text: str) -> Birth:
    """Read YYYY, YYYY-MM, YYYY-MM-DD or nothing.

    Raises:
        ValueError: another form, or a day that does not exist.
    """
    if not text:
        return Birth()
    match = _LISTED.fullmatch(text)
    if match is None:
        raise ValueError("write a date of birth as YYYY, YYYY-MM or YYYY-MM-DD, or leave it empty")
    year, month, day = (int(part or 0) for part in match.groups())
    date(year, month if match[2] else 1, day if match[3] else 1)
    return Birth(year, month, day)


def birth_bits(listed: Birth, shown: Birth) -> float:
    """Give the evidence that two dates of birth are one person's: 0 where they do not agree."""
    if not listed.year or not shown.year:
        return 0.0
    same_year = listed.year == shown.year
    if not listed.full or not shown.full:
        return YEAR_BITS if same_year and _months_agree(listed, shown) else 0.0
    parts = sum(one == other for one, other in zip(listed, shown, strict=True))
    if parts == len(listed):
        return FULL_BITS
    if same_year and (listed.month, listed.day) == (shown.day, shown.month):
        return SWAPPED_BITS
    if abs(listed.year - shown.year) == 1 and listed[1:] == shown[1:]:
        return SWAPPED_BITS
    return TWO_PARTS_BITS if parts == len(listed) - 1 else 0.0


def _months_agree(listed: Birth, shown: Birth) -> bool:
    january_alone = any((b.month, b.day) == (1, 1) for b in (listed, shown))
    unknown = not listed.month or not shown.month
    return january_alone or unknown or listed.month == shown.month
