"""Dates of a zone as records and pages show them: one day, or what is printed and what is known."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from drivers.passport.mrz.dates import Days, in_words, known_dates, settled
from drivers.passport.mrz.zone import Mrz
from drivers.types import ExpiryKind

NO_EXPIRY = "no date of expiry"
UNKNOWN_DATE = "not known"


class ShownDates(NamedTuple):
    """Both dates: ISO 8601 where one day is known, else as printed.

    What is known of a date that is shown as printed: `1925-03-01 or 2025-03-01`; "" beside an
    ISO date.
    """

    birth: str
    birth_known: str
    expiry: str
    expiry_known: str


def shown_dates(mrz: Mrz, reference: date, full_birth: Days | None = None) -> ShownDates:
    """The dates of a zone on a day; `full_birth` is as in `known_dates`."""
    births, ends = known_dates(mrz.birth_date, mrz.expiry, reference, full_birth)
    born = settled(births)
    ended = settled(ends.readings) if ends.kind is ExpiryKind.DAY else None
    none = NO_EXPIRY if ends.kind is ExpiryKind.NONE else UNKNOWN_DATE
    return ShownDates(
        birth=str(born or mrz.birth_date),
        birth_known="" if born else in_words(births) or UNKNOWN_DATE,
        expiry=str(ended or mrz.expiry),
        expiry_known="" if ended else in_words(ends.readings) or none,
    )
