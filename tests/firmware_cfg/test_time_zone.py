"""The gate's calendar day: zones, daylight saving, days that a country left out, leap days."""

import datetime
import os
import time
import zoneinfo
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_cfg.time_zone import UnknownTimeZone, calendar_day, local_time, time_zone


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "utc", "day"),
    [
        ("Asia/Jayapura", "2026-06-30T14:59:59Z", "2026-06-30"),
        ("Asia/Jayapura", "2026-06-30T15:00:00Z", "2026-07-01"),
        ("America/Anchorage", "2026-03-01T08:59:59Z", "2026-02-28"),
        ("America/Anchorage", "2026-03-01T09:00:00Z", "2026-03-01"),
        ("Asia/Kathmandu", "2026-05-05T18:14:59Z", "2026-05-05"),  # UTC+05:45
        ("Asia/Kathmandu", "2026-05-05T18:15:00Z", "2026-05-06"),
        ("Asia/Kolkata", "2026-12-31T18:30:00Z", "2027-01-01"),  # UTC+05:30
        ("Pacific/Chatham", "2026-07-01T11:15:00Z", "2026-07-02"),  # UTC+12:45
        ("America/St_Johns", "2026-01-10T03:29:59Z", "2026-01-09"),  # UTC-03:30
        # Leap days, both sides of a midnight.
        ("Asia/Jakarta", "2028-02-28T17:00:00Z", "2028-02-29"),
        ("America/Lima", "2028-03-01T04:59:59Z", "2028-02-29"),
        ("Asia/Jakarta", "2027-02-28T17:00:00Z", "2027-03-01"),
        # The hour that comes twice, and the one that does not come.
        ("Europe/Berlin", "2026-10-24T21:59:59Z", "2026-10-24"),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"),  # a day of 25 hours
        ("Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"),
        ("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"),  # a day of 23 hours
        ("Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"),
        # Zones that change at midnight: the day begins at 01:00, or ends twice.
        ("Africa/Cairo", "2024-04-25T21:59:59Z", "2024-04-25"),
        ("Africa/Cairo", "2024-04-25T22:00:00Z", "2024-04-26"),
        ("Africa/Cairo", "2024-10-31T20:30:00Z", "2024-10-31"),
        ("Africa/Cairo", "2024-10-31T21:30:00Z", "2024-10-31"),
        ("Africa/Cairo", "2024-10-31T22:00:00Z", "2024-11-01"),
        ("Asia/Beirut", "2022-03-26T22:00:00Z", "2022-03-27"),
        ("America/Santiago", "2022-09-11T03:59:59Z", "2022-09-10"),
        ("America/Santiago", "2022-09-11T04:00:00Z", "2022-09-11"),
        ("America/Santiago", "2022-04-03T03:30:00Z", "2022-04-02"),  # 23:30 for the second time
        # Samoa went across the date line and had no 30 December 2011.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        # 26 hours lie between the ends of the world: three days at one moment.
        ("Pacific/Kiritimati", "2026-08-01T10:30:00Z", "2026-08-02"),
        ("UTC", "2026-08-01T10:30:00Z", "2026-08-01"),
        ("Pacific/Niue", "2026-08-01T10:30:00Z", "2026-07-31"),
    ],
)
def test_the_day_is_the_gates(zone: str, utc: str, day: str) -> None:
    assert calendar_day(zone, moment(utc)).isoformat() == day


@pytest.mark.parametrize("of_computer", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_the_computers_own_zone_plays_no_part(of_computer: str) -> None:
    before = os.environ.get("TZ")
    os.environ["TZ"] = of_computer
    time.tzset()
    try:
        assert calendar_day("Asia/Makassar", moment("2026-06-01T15:59:59Z")).day == 1
        assert calendar_day("Asia/Makassar", moment("2026-06-01T16:00:00Z")).day == 2
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})),
    st.integers(0, 4_000_000_000),
)
def test_days_never_run_back_and_differ_from_utc_by_one_at_most(zone: str, second: int) -> None:
    at = moment("1970-01-02T00:00:00Z") + datetime.timedelta(seconds=second)
    day = calendar_day(zone, at)
    assert abs((day - at.date()).days) <= 1
    assert calendar_day(zone, at + datetime.timedelta(days=1)) >= day
    assert local_time(zone, at) == at


@pytest.mark.parametrize(
    "name",
    [
        *("", "Jakarta", "asia/jakarta", "WIB", "GMT+7", "+07:00", "Asia", "Asia/Jakarta "),
        *("Asia//Aden", "/etc/localtime", "../UTC", "right/Asia/Jakarta", "posix/UTC"),
        *("localtime", "zone.tab", "Factory", "Asia/Jakarta\n", "Asia/Jakarta\0", "A" * 70),
    ],
)
def test_what_is_no_zone_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(UnknownTimeZone, match=r"such as Asia/Jakarta, or update .* tzdata"):
        time_zone(name)


def test_a_moment_needs_its_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        calendar_day("UTC", moment("2026-01-01T00:00:00"))


def test_every_zone_of_the_locked_package_has_a_name_that_we_take() -> None:
    """So a machine whose system has no database runs, too."""
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    assert len(names) > 400
    for name in names:
        if name != "Factory":
            time_zone(name)
