"""When the running agent trims its journal: at the gate's night, and once after a start.

It goes in small steps while nothing is to be written, so that no record waits for longer
than one step (`sync.gate.trim`). A gate that is switched off at night does it after its start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sync.gate.journal import Journal
from sync.log.errors import StorageError

log = logging.getLogger("egate.journal")

NIGHT_HOURS = range(1, 5)
LOOK_NS = 60_000_000_000
AGAIN_NS = 3600 * 1_000_000_000
"""After a failure: no step before so long."""

SPARE_SHARE = 0.2
"""So much of the file stays free for the records to come; more is given back to the disk."""


class Cutoff(Protocol):
    """Says before when records may go; None: not now. `at_once`: at any hour."""

    def __call__(self, *, at_once: bool) -> str | None:
        """Give RFC 3339 in UTC with milliseconds, or None."""


class NightTrim:
    """Decides when to trim, and does it step by step.

    Args:
        before: see `Cutoff`.
        clock: monotonic nanoseconds; `utc`: RFC 3339 with milliseconds.
        kept_days: what the statement in the log says about the window.
    """

    def __init__(
        self,
        before: Cutoff,
        clock: Callable[[], int],
        utc: Callable[[], str],
        kept_days: int,
    ) -> None:
        self._before = before
        self._clock = clock
        self._utc = utc
        self._kept_days = kept_days
        self._next_ns = 0
        self._first = True
        self._cutoff: str | None = None
        self.alarm = ""

    @property
    def under_way(self) -> bool:
        """Whether there is more to do at once."""
        return self._cutoff is not None

    def step(self, journal: Journal) -> None:
        """Do one step if it is time for one; for when nothing is to be written."""
        now_ns = self._clock()
        if self._cutoff is None:
            if now_ns < self._next_ns:
                return
            self._next_ns = now_ns + LOOK_NS
            self._cutoff = self._before(at_once=self._first)
            if self._cutoff is None:
                return
        try:
            done = journal.trim(self._cutoff, self._kept_days, now_ns, self._utc()).done
            if not done or journal.shrink(SPARE_SHARE):
                return
            self.alarm = ""
        except StorageError as error:
            self.alarm = f"the journal is not trimmed: {error.diagnosis}"
            log.error("%s", self.alarm)
            self._next_ns = now_ns + AGAIN_NS
        self._first, self._cutoff = False, None


def is_night(local: datetime) -> bool:
    """Whether it is night by the gate's clock (`firmware_cfg.time_zone.local_time`)."""
    return local.hour in NIGHT_HOURS


def cutoff(local: datetime, kept_days: int) -> str:
    """The beginning of the first calendar day of the gate that stays, in UTC as records have it.

    It is the same all day, so that a day's trim has one statement.
    """
    first = (local - timedelta(days=kept_days)).replace(hour=0, minute=0, second=0, microsecond=0)
    return first.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
