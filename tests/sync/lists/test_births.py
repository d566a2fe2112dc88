"""Dates of birth as lists compare them."""

from __future__ import annotations

import pytest

from sync.lists.births import Birth, birth_bits, read_birth


@pytest.mark.parametrize(
    ("text", "birth"),
    [("", Birth()), ("1971", Birth(1971)), ("1971-09", Birth(1971, 9)),
     ("2000-02-29", Birth(2000, 2, 29))],
)  # fmt: skip
def test_what_is_known_is_read(text: str, birth: Birth) -> None:
    assert read_birth(text) == birth


@pytest.mark.parametrize(
    "text", ["71", "1971-13", "1971-00", "1999-02-29", "1971-9-1", "0000", " "]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_birth(text)


@pytest.mark.parametrize(
    ("one", "other", "bits"),
    [
        ("1971-09-04", "1971-09-04", 14.6),
        ("1971-09-04", "1971-04-09", 7.5),
        ("1971-09-04", "1972-09-04", 7.5),
        ("1971-09-04", "1971-09-14", 6.5),
        ("1971-09-04", "1981-09-04", 6.5),
        ("1971-01-01", "1971-01-01", 5.9),
        ("1971-01-01", "1971-09-04", 5.9),
        ("1971", "1971-09-04", 5.9),
        ("1971-09", "1971-09-04", 5.9),
        ("1971-08", "1971-09-04", 0.0),
        ("1970", "1971-09-04", 0.0),
        ("", "1971-09-04", 0.0),
        ("1971-09-04", "1965-02-11", 0.0),
    ],
)
def test_agreement_is_weighed_and_order_never_counts(one: str, other: str, bits: float) -> None:
    assert birth_bits(read_birth(one), read_birth(other)) == bits
    assert birth_bits(read_birth(other), read_birth(one)) == bits
