"""One error for whatever asn1crypto raises on malformed input, and the day of its times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date
from typing import Any

from drivers.passport.errors import DocumentError

PARSER_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What asn1crypto raises on malformed input, beside ValueError which it documents."""


@contextmanager
def parsing(what: str, kind: type[DocumentError]) -> Iterator[None]:
    """Turn asn1crypto's many errors on malformed input into ours."""
    try:
        yield
    except PARSER_FAULTS as error:
        raise kind(f"{what}: malformed ({type(error).__name__})") from None
    except RecursionError:
        raise kind(f"{what}: nested too deeply") from None


def utc_day(time: Any) -> date:
    """The day in UTC of a parsed UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5).

    Some producers write an offset in place of Z. A time with neither is taken as UTC.
    """
    at = time.native
    day: date = at.date() if at.tzinfo is None else at.astimezone(UTC).date()
    return day
