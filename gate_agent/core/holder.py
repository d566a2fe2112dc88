"""What is known of a holder's age and a document's days left, as ranges."""

from __future__ import annotations

from msgspec import UNSET

from drivers.types import HolderAttributes

Range = tuple[int, int]


def ages(holder: HolderAttributes) -> Range | None:
    """Youngest and oldest age in whole years that the document allows; None: not known."""
    if holder.age_years is not None:
        return holder.age_years, holder.age_years
    return None if holder.age_range_years is UNSET else holder.age_range_years


def days_left(holder: HolderAttributes) -> Range | None:
    """Fewest and most days to the document's expiry; None: not known, or it does not expire."""
    if holder.days_to_expiry is not None:
        return holder.days_to_expiry, holder.days_to_expiry
    return None if holder.days_to_expiry_range is UNSET else holder.days_to_expiry_range
