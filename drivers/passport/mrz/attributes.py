"""From a zone to what the core may know of its holder."""

from __future__ import annotations

from datetime import date

from msgspec import UNSET

from drivers.passport.mrz.dates import FILLER, Days, age_range_years, known_dates
from drivers.passport.mrz.zone import Mrz
from drivers.types import ExpiryKind, HolderAttributes


def attributes(
    mrz: Mrz, reference: date | None, full_birth: Days | None = None
) -> HolderAttributes:
    """What the core may know of the holder on a day; None where the clock is not trusted.

    `full_birth` is as in `known_dates`.
    """
    if reference is None:
        unlimited = mrz.expiry == FILLER * 6
        return _attributes(mrz, None, None, ExpiryKind.NONE if unlimited else None, None)
    births, ends = known_dates(mrz.birth_date, mrz.expiry, reference, full_birth)
    left = None
    if ends.kind in (ExpiryKind.DAY, ExpiryKind.PART):
        first, last = ends.readings[0]
        left = (first - reference).days, (last - reference).days
    ages = age_range_years(births, reference)
    settled = ages[0] if ages is not None and ages[0] == ages[1] else None
    kind = None if ends.kind is ExpiryKind.DAY else ends.kind
    return _attributes(mrz, settled, ages, kind, left)


def _attributes(
    mrz: Mrz,
    age: int | None,
    ages: tuple[int, int] | None,
    kind: ExpiryKind | None,
    left: tuple[int, int] | None,
) -> HolderAttributes:
    return HolderAttributes(
        document_type=mrz.document_type,
        issuing_state=mrz.issuing_state,
        nationality=mrz.nationality,
        age_years=age,
        days_to_expiry=left[0] if left is not None and kind is None else None,
        age_range_years=UNSET if ages is None or age is not None else ages,
        expiry=UNSET if kind is None else kind,
        days_to_expiry_range=UNSET if left is None or kind is None else left,
    )
