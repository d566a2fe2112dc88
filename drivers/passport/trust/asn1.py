"""One error for whatever asn1crypto raises on malformed input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
