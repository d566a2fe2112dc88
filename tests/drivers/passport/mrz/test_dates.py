"""Dates of a zone as what is known of them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from drivers.passport.mrz.attributes import attributes
from drivers.passport.mrz.dates import (
    MAX_AGE_YEARS,
    UNKNOWN,
    Days,
    age_range_years,
    ccyymmdd,
    century_is_asked,
    expiry,
    full_date,
    in_words,
    known_dates,
    plausible,
)
from drivers.passport.mrz.shown_dates import shown_dates
from drivers.passport.mrz.zone import check_digit, parse
from drivers.types import ExpiryKind

AT = date(2027, 2, 28)
SOON = "310101"


def zone(birth: str, expires: str):
    body = f"L898902C36UTO{birth}{check_digit(birth)}F{expires}{check_digit(expires)}" + "<" * 15
    composite = check_digit(body[:10] + body[13:20] + body[21:43])
    return parse(("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", body + composite))


@pytest.mark.parametrize(
    ("birth", "known", "ages"),
    [
        ("740812", "1974-08-12", (52, 52)),
        ("270228", "1927-02-28 or 2027-02-28", (0, 100)),
        ("270301", "1927-03-01", (99, 99)),
        ("190607", "1919-06-07 or 2019-06-07", (7, 107)),
        ("040301", "1904-03-01 or 2004-03-01", (22, 122)),
        ("040228", "2004-02-28", (23, 23)),  # the other would be 123 years old
        ("000229", "2000-02-29", (26, 26)),  # 1900 had no such day
        ("240229", "1924-02-29 or 2024-02-29", (2, 102)),
        ("4203<<", "1942-03-01 to 1942-03-31", (84, 84)),
        ("420300", "1942-03-01 to 1942-03-31", (84, 84)),
        ("42<<<<", "1942-01-01 to 1942-12-31", (84, 85)),
        ("420000", "1942-01-01 to 1942-12-31", (84, 85)),
        ("27<<<<", "1927-01-01 to 1927-12-31 or 2027-01-01 to 2027-02-28", (0, 100)),
        ("0402<<", "1904-02-29 or 2004-02-01 to 2004-02-29", (22, 122)),
        ("<<<<<<", "", None),
        ("000000", "", None),
        ("420231", "", None),
        ("421300", "", None),
    ],
)
def test_a_birth_is_every_day_that_its_digits_allow(birth, known, ages):
    found = known_dates(birth, SOON, AT).births
    assert in_words(found) == known
    assert age_range_years(found, AT) == ages


def test_a_birth_lies_before_the_documents_expiry():
    assert in_words(known_dates("210405", "200101", AT).births) == "1921-04-05"
    assert in_words(known_dates("200405", "2006<<", AT).births) == "1920-04-05 or 2020-04-05"


@pytest.mark.parametrize(
    ("expires", "kind", "known"),
    [
        ("270228", "day", "2027-02-28"),
        ("150301", "day", "2015-03-01"),  # long expired, and readable
        ("070228", "day", "2007-02-28"),
        ("070227", "open", "2007-02-27 or 2107-02-27"),
        ("620915", "day", "2062-09-15"),
        ("770228", "day", "2077-02-28"),
        ("770301", "open", "1977-03-01 or 2077-03-01"),
        ("991231", "open", "1999-12-31 or 2099-12-31"),
        ("3406<<", "part", "2034-06-01 to 2034-06-30"),
        ("340600", "part", "2034-06-01 to 2034-06-30"),
        ("34<<<<", "part", "2034-01-01 to 2034-12-31"),
        ("340000", "part", "2034-01-01 to 2034-12-31"),
        ("<<<<<<", "none", ""),
        ("000000", "open", ""),
        ("340231", "open", ""),
    ],
)
def test_an_expiry_is_never_decades_ago(expires, kind, known):
    found = expiry(expires, AT)
    assert (found.kind.value, in_words(found.readings)) == (kind, known)


@given(st.dates(), st.text("0123456789<", min_size=6, max_size=6))
def test_readings_keep_their_windows_and_what_is_printed(reference, printed):
    births, ends = known_dates(printed, printed, reference)
    for days in births:
        assert days.first <= days.last <= reference
        assert reference.year - days.first.year <= MAX_AGE_YEARS + 1
    for days in (*births, *ends.readings):
        for digits in (f"{days.first:%y%m%d}", f"{days.last:%y%m%d}"):
            assert digits.startswith(printed[:2])
    assert plausible(printed) or not births
    if ends.kind in (ExpiryKind.DAY, ExpiryKind.PART):
        assert (ends.readings[0].last - reference).days >= -21 * 366
        assert (ends.readings[0].first - reference).days <= 50 * 366


@given(st.dates(date(1905, 1, 1), AT))
def test_the_day_of_birth_is_always_among_the_readings(born):
    births = known_dates(f"{born:%y%m%d}", SOON, AT).births
    assert any(days.first == born for days in births)
    youngest, oldest = age_range_years(births, AT)
    age = AT.year - born.year - ((AT.month, AT.day) < (born.month, born.day))
    assert age in (youngest, oldest)


@pytest.mark.parametrize(
    ("birth", "full", "known"),
    [
        ("190607", "19190607", "1919-06-07"),
        ("190607", "20190607", "2019-06-07"),
        ("190607", "20190608", "1919-06-07 or 2019-06-07"),  # it contradicts: nothing settled
        ("190607", "18190607", "1919-06-07 or 2019-06-07"),
        ("42<<<<", "19421103", "1942-11-03"),
        ("<<<<<<", "19421103", "1942-11-03"),
        ("<<<<<<", "19420000", "1942-01-01 to 1942-12-31"),
        ("<<<<<<", "18421103", ""),
        ("<<<<<<", "20421103", ""),
    ],
)
def test_the_date_of_dg11_counts_where_it_agrees(birth, full, known):
    printed = known_dates(birth, SOON, AT)
    assert century_is_asked(birth, printed)
    assert in_words(known_dates(birth, SOON, AT, full_date(full)).births) == known


@pytest.mark.parametrize("birth", ["740812", "000229", "420231"])
def test_dg11_is_not_asked_where_it_would_say_no_more(birth):
    assert not century_is_asked(birth, known_dates(birth, SOON, AT))


@pytest.mark.parametrize("text", ["19190607", "19190600", "19190000", "20240229"])
def test_a_full_date_is_written_as_it_is_read(text):
    assert ccyymmdd(full_date(text)) == text


@pytest.mark.parametrize("text", ["", "190607", "1919060", "19190631", "1919<607", "AA190607"])
def test_what_is_no_full_date_is_none(text):
    assert full_date(text) is None


def test_attributes_are_numbers_where_one_day_is_known():
    found = attributes(zone("740812", SOON), AT)
    assert (found.age_years, found.days_to_expiry) == (52, (date(2031, 1, 1) - AT).days)
    assert (found.age_range_years, found.expiry, found.days_to_expiry_range) == (UNSET,) * 3
    assert attributes(zone("740812", SOON), date(2026, 8, 11)).age_years == 51
    assert attributes(zone("740812", SOON), date(2026, 8, 12)).age_years == 52


def test_attributes_are_ranges_where_more_is_possible():
    found = attributes(zone("190607", "3406<<"), AT)
    assert (found.age_years, found.age_range_years) == (None, (7, 107))
    assert (found.days_to_expiry, found.expiry) == (None, ExpiryKind.PART)
    first = (date(2034, 6, 1) - AT).days
    assert found.days_to_expiry_range == (first, first + 29)
    assert attributes(zone("4203<<", SOON), AT).age_years == 84


@pytest.mark.parametrize(
    ("expires", "kind"), [("991231", ExpiryKind.OPEN), ("<<<<<<", ExpiryKind.NONE)]
)
def test_attributes_count_no_days_where_there_is_no_day(expires, kind):
    found = attributes(zone("740812", expires), AT)
    assert (found.days_to_expiry, found.expiry) == (None, kind)
    assert found.days_to_expiry_range is UNSET


def test_attributes_know_no_age_without_a_trusted_clock():
    found = attributes(zone("740812", SOON), None)
    assert (found.age_years, found.days_to_expiry) == (None, None)
    assert (found.age_range_years, found.expiry) == (UNSET, UNSET)
    assert attributes(zone("740812", "<<<<<<"), None).expiry is ExpiryKind.NONE


def test_pages_show_one_day_or_what_is_printed_and_known():
    assert shown_dates(zone("740812", SOON), AT) == ("1974-08-12", "", "2031-01-01", "")
    assert shown_dates(zone("190607", "<<<<<<"), AT) == (
        "190607",
        "1919-06-07 or 2019-06-07",
        "<<<<<<",
        "no date of expiry",
    )
    settled = shown_dates(zone("190607", SOON), AT, full_date("19190607"))
    assert (settled.birth, settled.birth_known) == ("1919-06-07", "")
    assert shown_dates(zone("<<<<<<", "000000"), AT)[1::2] == ("not known", "not known")


def test_a_range_of_days_names_both_ends():
    assert str(Days(AT, AT + timedelta(days=1))) == "2027-02-28 to 2027-03-01"
    assert all(plausible(text) for text in UNKNOWN)
