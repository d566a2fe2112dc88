"""How much may be under way: as much as the way carries without a queue building up.

A backlog must not stand in a queue before the records of now, whether the queue is in our
kernel, at the broker or at a busy collector. So the delay from batch to receipt is kept
near its own minimum, as LEDBAT does (RFC 6817): more than `QUEUE_NS` above it (or twice it, on
a long way) means fewer batches under way, then smaller ones; less means larger ones, then more
of them, up to the profile's limits. It begins with one small batch (slow start).

A busy computer at either end delays everything, however little is sent. So delay alone never
goes below two batches of `FLOOR_BYTES`, where what is left is the way's own delay and no queue
of ours: it becomes the minimum that later delays are compared with, and the pace grows again.

The same delays say how long to wait for a receipt before sending again (RFC 6298, with
Karn's rule: what was sent twice is not measured, and the doubled wait stays).
"""

from __future__ import annotations

from firmware_cfg.profile import Sync
from sync.log.backoff import MS

QUEUE_NS = 200 * MS
FIRST_BATCH_BYTES = 4096
FLOOR_BYTES = 32_768
FLOOR_WINDOW = 2
MIN_BATCH_BYTES = 1024
"""Smaller ones are not tried even with a broker that takes no larger packets."""

BREAKS_TO_SUSPECT = 3
MINIMUM_AGE_NS = 600_000 * MS
"""Window for the minimum round trip; older samples are stale after a change of route."""


class Pace:
    """The window in batches, the size of a batch in bytes, and the wait for a receipt."""

    def __init__(self, limits: Sync) -> None:
        self._most = limits.window_batches
        self._largest = limits.batch_max_bytes
        self._shortest_wait_ns = limits.retry_min_ms * MS
        self._longest_wait_ns = limits.retry_max_ms * MS
        self._smooth_ns: float | None = None
        self._variation_ns = 0.0
        self._minima: list[int] = []  # of the present and the last period
        self._period_ends_ns = 0
        self._next_cut_ns = 0
        self._proven = 0
        self._breaks = 0
        self.wait_ns = self._shortest_wait_ns
        self.window = 1
        self.batch_bytes = min(FIRST_BATCH_BYTES, self._largest)

    def answered(self, batches: int, delay_ns: int, now_ns: int) -> None:
        """A receipt came for so many batches, the last of which was sent once, so long ago."""
        self._measure(delay_ns)
        if self.batch_bytes > self._proven:
            self._proven, self._breaks = self.batch_bytes, 0
        least_ns = self._least(delay_ns, now_ns)
        if delay_ns - least_ns <= max(QUEUE_NS, least_ns):
            if self.batch_bytes < self._largest:
                self.batch_bytes = min(self._largest, 2 * self.batch_bytes)
            else:
                self.window = min(self._most, self.window + batches)
        elif now_ns >= self._next_cut_ns:  # what was sent before the last cut does not count
            self._next_cut_ns = now_ns + delay_ns
            self._slower(delay_ns)
        self.window = min(self._most, max(self.window, FLOOR_WINDOW))

    def _slower(self, delay_ns: int) -> None:
        """A queue has built up: fewer batches, then smaller ones, and no further."""
        floor = min(FLOOR_BYTES, self._largest)
        if self.window > FLOOR_WINDOW:
            self.window = max(FLOOR_WINDOW, self.window // 2)
        elif self.batch_bytes > floor:
            self.batch_bytes = max(floor, self.batch_bytes // 2)
        else:
            self._minima = [delay_ns]

    def silent(self) -> None:
        """No receipt came in time: begin slowly, wait longer."""
        self.wait_ns = min(2 * self.wait_ns, self._longest_wait_ns)
        self.window = 1

    def broken(self) -> None:
        """The connection ended while a batch had no answer.

        It begins slowly again. If that happens again and again with batches larger than any
        that was ever answered, the broker takes none of that size, though it does not say so.
        """
        self.window = 1
        if self.batch_bytes > self._proven:
            self._breaks += 1
        if self._breaks >= BREAKS_TO_SUSPECT:
            self._breaks = 0
            self.too_large()

    def too_large(self) -> None:
        """The broker takes no packets of this size, whatever their pace."""
        self._largest = self.batch_bytes = max(MIN_BATCH_BYTES, self.batch_bytes // 2)

    def _measure(self, delay_ns: int) -> None:
        """Take one delay into account, as RFC 6298 section 2 does."""
        if self._smooth_ns is None:
            self._smooth_ns, self._variation_ns = float(delay_ns), delay_ns / 2
        else:
            self._variation_ns += (abs(self._smooth_ns - delay_ns) - self._variation_ns) / 4
            self._smooth_ns += (delay_ns - self._smooth_ns) / 8
        wait_ns = int(self._smooth_ns + 4 * self._variation_ns)
        self.wait_ns = min(max(wait_ns, self._shortest_wait_ns), self._longest_wait_ns)

    def _least(self, delay_ns: int, now_ns: int) -> int:
        """Give the least delay of the present and the last period."""
        if now_ns >= self._period_ends_ns:
            self._period_ends_ns = now_ns + MINIMUM_AGE_NS
            self._minima = [delay_ns, *self._minima[:1]]
        self._minima[0] = min(self._minima[0], delay_ns)
        return min(self._minima)
