"""Stays and their limits.

The cases are those with which the Swiss State Secretariat for Migration explains the European
Commission's short-stay calculator (guide of 1 December 2014, examples 1, 2 and 4 to 6; the
dates of its example 3 contradict one another). What follows from the text of the rule itself
is checked day by day against a slow reading of it.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_record import plain_record

from firmware_cfg.time_zone import UnknownTimeZone
from sync.centre.stay import (
    DAY,
    Authorised,
    DatedCrossing,
    Direction,
    Stay,
    Visa,
    authorised,
    crossing_of,
    days_present,
    earliest_entry,
    overstayed_days,
    pair,
    used_days,
)
from sync.log.types import Record, RecordKind


def d(text: str) -> date:
    day, month, year = map(int, text.split("."))
    return date(year, month, day)


def stays(*periods: str) -> list[Stay]:
    return [Stay(*(d(each) for each in period.split("-"))) for period in periods]


AUTUMN = stays("15.08.2014-30.09.2014")
WINTER = stays("15.08.2014-30.09.2014", "01.11.2014-30.11.2014")
THREE = stays("01.06.2013-13.07.2013", "15.08.2013-30.09.2013", "01.01.2014-30.01.2014")
SHORT = stays("01.09.2013-30.09.2013", "21.02.2014-20.04.2014", "01.05.2014-09.06.2014")
LONG = stays("28.06.2013-09.08.2013", "19.09.2013-01.03.2014")


def test_example_1_a_new_stay_after_one_of_47_days() -> None:
    assert used_days(AUTUMN, d("30.09.2014")) == 47
    assert authorised(AUTUMN, d("01.01.2015")).days == 90


def test_example_2_legal_and_until_when() -> None:
    assert overstayed_days(WINTER, d("30.11.2014")) == 0
    assert authorised(WINTER[:1], d("01.11.2014")).last_day == d("13.12.2014")


def test_example_4_several_entries() -> None:
    assert overstayed_days(THREE, d("30.01.2014")) == 0
    expected = Authorised(90, d("31.03.2014"), "90/180 days")
    assert authorised(THREE[:2], d("01.01.2014")) == expected


def test_example_5_overstayed_by_nine_days_and_when_to_come_back() -> None:
    assert overstayed_days(SHORT, d("09.06.2014")) == 9
    assert authorised(SHORT, d("30.08.2014")).days == 50


def test_example_6_overstayed_by_74_days() -> None:
    assert overstayed_days(LONG, d("01.03.2014")) == 74
    assert used_days(LONG, d("01.03.2014")) == 164


@pytest.mark.parametrize(
    ("visa", "entry", "expected"),
    [
        (Visa(d("01.01.2015"), d("31.12.2015"), 90), "01.01.2015", (90, "31.03.2015", "90/180")),
        (Visa(d("01.01.2015"), d("31.12.2015"), 30), "01.01.2015", (30, "30.01.2015", "days of")),
        (Visa(d("01.01.2015"), d("10.01.2015"), 90), "01.01.2015", (10, "10.01.2015", "end of")),
        (Visa(d("01.01.2015"), d("10.01.2015"), 90), "11.01.2015", (0, None, "outside")),
        (Visa(d("02.01.2015"), d("10.01.2015"), 90), "01.01.2015", (0, None, "outside")),
        (Visa(d("01.08.2014"), d("31.12.2015"), 60), "01.02.2015", (13, "13.02.2015", "days of")),
        (Visa(d("01.08.2014"), d("31.12.2015"), 90, 1), "01.02.2015", (0, None, "entries")),
        (Visa(d("01.08.2014"), d("31.12.2015"), 90, 2), "01.02.2015", (43, "15.03.2015", "days")),
    ],
)
def test_a_visa_shortens_a_stay(
    visa: Visa, entry: str, expected: tuple[int, str | None, str]
) -> None:
    found = authorised(AUTUMN, d(entry), visa)
    last = None if expected[1] is None else d(expected[1])
    assert (found.days, found.last_day) == (expected[0], last)
    assert found.limit.startswith(expected[2])


def test_pairing() -> None:
    entry, exits = Direction.ENTRY, Direction.EXIT
    crossings = [
        DatedCrossing(exits, d("03.01.2026"), "10:00"),
        DatedCrossing(entry, d("05.01.2026"), "08:00"),
        DatedCrossing(exits, d("05.01.2026"), "20:00"),
        DatedCrossing(entry, d("05.01.2026"), "23:00"),
        DatedCrossing(entry, d("09.01.2026"), "12:00"),
        DatedCrossing(exits, d("12.01.2026"), "12:00"),
        DatedCrossing(entry, d("20.01.2026"), "12:00"),
    ]
    found = pair(reversed(crossings))
    assert found == [
        Stay(None, d("03.01.2026")),
        Stay(d("05.01.2026"), d("05.01.2026")),
        Stay(d("05.01.2026"), None),
        Stay(d("09.01.2026"), d("12.01.2026")),
        Stay(d("20.01.2026"), None),
    ]
    days = days_present(found, d("22.01.2026"))
    assert {day.day for day in days} == {3, 5, 9, 10, 11, 12, 20, 21, 22}


def test_days_of_planning() -> None:
    assert earliest_entry(LONG, d("02.03.2014"), 90) == d("31.05.2014")
    assert earliest_entry([], d("02.03.2014"), 90) == d("02.03.2014")
    assert earliest_entry([], d("02.03.2014"), 91) is None
    assert earliest_entry([], d("02.03.2014"), 0) is None


BEGIN = date(2026, 1, 1)


@settings(max_examples=25, deadline=None)
@given(
    periods=st.lists(st.tuples(st.integers(0, 120), st.integers(1, 60)), max_size=6),
    gap=st.integers(0, 200),
)
def test_as_the_rule_reads(periods: list[tuple[int, int]], gap: int) -> None:
    """Each day of the new stay: that day and the 179 before hold at most 90 days of stay."""
    known: list[Stay] = []
    day = BEGIN
    for away, length in periods:
        first = day + away * DAY
        known.append(Stay(first, first + (length - 1) * DAY))
        day = first + length * DAY
    entry = day + gap * DAY
    found = authorised(known, entry)
    days = {
        first + n * DAY
        for first, last in known
        if first is not None and last is not None
        for n in range((last - first).days + 1)
    }

    def lawful(last: date) -> bool:
        there = days | {entry + n * DAY for n in range((last - entry).days + 1)}
        return all(
            len(there & {each - timedelta(k) for k in range(180)}) <= 90
            for each in (entry + n * DAY for n in range((last - entry).days + 1))
        )

    if found.last_day is None:
        assert not lawful(entry)
    else:
        assert lawful(found.last_day)
        assert not lawful(found.last_day + DAY)
    if gap >= 90:
        assert found.days == 90  # an absence of 90 days allows a new stay of 90


def end(utc: str, direction: str = "entry", **facts: object) -> Record:
    given = {"outcome": "admitted", "direction": direction, **facts}
    return plain_record(utc, RecordKind.FINISH, **given)


@pytest.mark.parametrize(
    ("utc", "facts", "day"),
    [
        # 00:30 in Bangkok on 2 March is still 1 March in UTC.
        ("2026-03-01T17:30:00.000Z", {"time_zone": "Asia/Bangkok"}, "02.03.2026"),
        ("2026-03-02T04:30:00.000Z", {"time_zone": "America/Toronto"}, "01.03.2026"),
        ("2026-03-01T17:30:00.000Z", {"time_zone": "UTC"}, "01.03.2026"),
        # One crossing has one day, by which it was judged.
        (
            "2026-03-01T17:00:04.000Z",
            {"time_zone": "Asia/Bangkok", "inspection_day": "2026-03-01"},
            "01.03.2026",
        ),
        # Records from before zones were recorded: by the centre's settings.
        ("2026-03-01T17:30:00.000Z", {}, "02.03.2026"),
    ],
)
def test_a_crossing_is_dated_where_it_was(utc: str, facts: dict[str, str], day: str) -> None:
    crossing = crossing_of(end(utc, **facts), "Asia/Jakarta")
    assert crossing is not None
    assert crossing.day == d(day)


def test_the_centre_says_where_older_records_were_written() -> None:
    old = end("2026-03-02T04:30:00.000Z")
    crossing = crossing_of(old, "America/Toronto")
    assert crossing is not None
    assert crossing.day == d("01.03.2026")
    with pytest.raises(UnknownTimeZone):
        crossing_of(old, "America/Nowhere")


def test_crossings_of_two_zones_are_paired_by_their_moments() -> None:
    """Out of Jayapura at 00:30 on the 2nd, into Jakarta an hour later at 23:30 on the 1st."""
    crossings = [
        crossing_of(end(utc, direction, time_zone=zone), "UTC")
        for utc, direction, zone in (
            ("2026-04-01T16:30:00.000Z", "entry", "Asia/Jakarta"),
            ("2026-04-01T15:30:00.000Z", "exit", "Asia/Jayapura"),
            ("2026-03-28T03:00:00.000Z", "entry", "Asia/Jayapura"),
        )
    ]
    paired = pair([each for each in crossings if each is not None])
    assert paired == [Stay(d("28.03.2026"), d("02.04.2026")), Stay(d("01.04.2026"), None)]


def test_a_stay_that_ends_on_the_day_before_it_began_counts_both() -> None:
    """Eastward over the date line within one state: an hour's stay, two days of two calendars."""
    assert days_present([Stay(d("02.04.2026"), d("01.04.2026"))], d("30.04.2026")) == {
        d("01.04.2026"),
        d("02.04.2026"),
    }
