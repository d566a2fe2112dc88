"""The day of inspection: only by a clock that is right, or was a short while ago."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gate_agent.host.system_clock import (
    HOLDOVER_NS,
    TrustedDay,
    VouchedClock,
    follows_time_server,
)

START = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
HOUR_NS = 3_600 * 1_000_000_000


class Computer:
    """A clock that follows a time server, or not, and that a person may set."""

    def __init__(self, zone: str = "UTC") -> None:
        self.follows, self.error, self.now_ns = True, timedelta(), 5
        self.day = TrustedDay(
            lambda: self.follows,
            lambda: START + timedelta(microseconds=self.now_ns // 1000) + self.error,
            lambda: self.now_ns,
            zone,
        )


def test_a_clock_that_never_followed_gives_no_day():
    computer = Computer()
    computer.follows = False
    assert computer.day() is None


def test_a_day_is_counted_on_for_a_while_and_no_longer():
    computer = Computer()
    assert computer.day() == date(2026, 11, 22)
    computer.follows = False
    computer.now_ns += 2 * HOUR_NS
    assert computer.day() == date(2026, 11, 23)
    computer.now_ns += HOLDOVER_NS
    assert computer.day() is None
    computer.follows = True
    assert computer.day() == date(2026, 11, 30)


@pytest.mark.parametrize("days", [-400, 400])
def test_who_sets_the_clock_of_a_gate_on_its_own_does_not_move_the_day(days):
    computer = Computer()
    assert computer.day() == date(2026, 11, 22)
    computer.follows, computer.error = False, timedelta(days=days)
    assert computer.day() == date(2026, 11, 22)


def test_the_day_is_that_of_the_gate_and_certificates_go_by_utc():
    """At 23:00 UTC it is tomorrow at noon on Kiritimati, today at noon in Pago Pago."""
    east, west = Computer("Pacific/Kiritimati"), Computer("Pacific/Pago_Pago")
    assert (east.day(), west.day()) == (date(2026, 11, 23), date(2026, 11, 22))
    assert east.day.utc_day() == west.day.utc_day() == date(2026, 11, 22)
    west.now_ns += 2 * HOUR_NS
    assert (west.day(), west.day.utc_day()) == (date(2026, 11, 22), date(2026, 11, 23))
    west.follows, west.now_ns = False, west.now_ns + 2 * HOLDOVER_NS
    assert west.day() is west.day.utc_day() is None


def test_the_kernel_is_asked():
    assert follows_time_server() in (True, False)


def test_what_is_vouched_for_is_counted_on_and_never_set():
    computer = Computer()
    computer.now_ns = 0
    clock = VouchedClock(
        lambda: START + timedelta(microseconds=computer.now_ns // 1000) + computer.error,
        lambda: computer.now_ns,
    )
    assert clock.now() is None
    clock.reported(right=True)
    computer.error, computer.now_ns = timedelta(days=400), HOUR_NS
    clock.reported(right=True)  # the first time counts
    assert clock.now() == START + timedelta(hours=1)
    clock.reported(right=False)
    assert clock.now() is None
    computer.error = timedelta()
    clock.reported(right=True)
    assert clock.now() == START + timedelta(hours=1)
