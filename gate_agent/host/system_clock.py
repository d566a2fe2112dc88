"""Whether the computer's date can be relied on, and the day where it can.

Expiry and validity are judged by the day. A clock that follows a time server has it right.
Where the time server is away, as in an outage of days, the day is counted on from when it was
last right, by the monotonic clock: setting the clock meanwhile does not move the day.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from datetime import date, datetime, timedelta

from firmware_cfg.time_zone import calendar_day

HOLDOVER_NS = 7 * 86_400 * 1_000_000_000
"""A computer's quartz is wrong by less than a minute in a week."""

STA_UNSYNC = 0x0040  # adjtimex(2)
TIMEX_BYTES = 208
CLOCK_ERROR = 5


def follows_time_server() -> bool:
    """Whether the kernel's clock is synchronised (adjtimex(2)); the flag expires after 9 hours."""
    timex = ctypes.create_string_buffer(TIMEX_BYTES)  # modes 0: read only
    state = ctypes.CDLL(None).adjtimex(timex)
    # `struct timex` on 64-bit Linux: status is the int after modes and four longs.
    status = int.from_bytes(timex.raw[40:44], "little")
    return 0 <= state < CLOCK_ERROR and not status & STA_UNSYNC


class TrustedDay:
    """The day by a clock that follows a time server, or did within `HOLDOVER_NS`.

    Args:
        follows: whether the clock follows a time server now.
        utc_now: date and time by that clock.
        monotonic_ns: a clock that cannot be set.
        time_zone: the gate's zone in the IANA database (`Lane.time_zone`).
    """

    def __init__(
        self,
        follows: Callable[[], bool],
        utc_now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
        time_zone: str,
    ) -> None:
        self._follows = follows
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._time_zone = time_zone
        self._right: tuple[datetime, int] | None = None

    def __call__(self) -> date | None:
        """The day by the gate's calendar; None where it cannot be relied on."""
        now = self._utc()
        return calendar_day(self._time_zone, now) if now is not None else None

    def utc_day(self) -> date | None:
        """The day in UTC, for certificates; None where it cannot be relied on."""
        now = self._utc()
        return now.date() if now is not None else None

    def _utc(self) -> datetime | None:
        now_ns = self._monotonic_ns()
        if self._follows():
            self._right = (self._utc_now(), now_ns)
        if self._right is None:
            return None
        utc, at_ns = self._right
        if now_ns - at_ns > HOLDOVER_NS:
            return None
        return utc + timedelta(microseconds=(now_ns - at_ns) // 1000)


class VouchedClock:
    """The time counted on from when another process last began to vouch for the clock.

    A clock that is set meanwhile moves nothing, and without a word of that process there is none.

    Args:
        utc_now: date and time by the computer's clock.
        monotonic_ns: a clock that cannot be set.
    """

    def __init__(self, utc_now: Callable[[], datetime], monotonic_ns: Callable[[], int]) -> None:
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._since: tuple[datetime, int] | None = None

    def reported(self, *, right: bool) -> None:
        """The process says whether the clock is right, or is gone and says nothing."""
        if not right:
            self._since = None
        elif self._since is None:
            self._since = (self._utc_now(), self._monotonic_ns())

    def now(self) -> datetime | None:
        """Date and time in UTC; None while no one vouches for it."""
        if self._since is None:
            return None
        utc, at_ns = self._since
        return utc + timedelta(microseconds=(self._monotonic_ns() - at_ns) // 1000)
