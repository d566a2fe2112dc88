"""Distinguishes a central system that was set back to a backup from a receipt that is late.

Receipts name how far the log goes at the centre, and it only grows. A single receipt that
names less than an earlier one was on its way for long, or was kept by a broker; it changes
nothing. But a centre that answers again and again with less than it once confirmed has lost
records, and the gate has them all. Whether what is left is the beginning of our own log is
the caller's to check, with the journal at hand.
"""

from __future__ import annotations

from sync.log.backoff import MS

RECEIPTS_TO_BELIEVE = 3
"""So many in a row, with none in between that confirms what was confirmed before."""

AGAIN_NS = 600_000 * MS
"""No second time within so long: a broker that repeats old receipts costs that much at most."""


class SetBack:
    """Counts receipts that are behind the watermark; knows up to where to send again."""

    def __init__(self, apart_ms: int) -> None:
        """Begin without suspicion; receipts count that come `apart_ms` after one another."""
        self._apart_ns = apart_ms * MS
        self._count = 0
        self._next_ns = 0
        self.mark = 0
        """Up to here the central system once confirmed what it is sent again; 0: nothing."""

    def suspects(self, now_ns: int) -> bool:
        """Take note of a receipt behind the watermark; say whether it is time to believe it."""
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + self._apart_ns
        self._count += 1
        if self._count < RECEIPTS_TO_BELIEVE:
            return False
        self._count = 0
        self._next_ns = now_ns + AGAIN_NS
        return True

    def begin(self, watermark: int) -> None:
        """What was confirmed up to here is sent again."""
        self.mark = max(self.mark, watermark)

    def confirmed(self, seq: int) -> None:
        """A receipt named the watermark or more."""
        self._count = 0
        if seq >= self.mark:
            self.mark = 0
