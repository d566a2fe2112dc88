"""Batches under way between the newest receipt and the newest record sent.

While receipts stay away one batch probes, so that a stalled central system is not flooded.
The retransmission timer is that of `sync.gate.pacing`, never shorter than a random backoff.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sync.gate.pacing import Pace
from sync.log.backoff import Backoff

MAX_UNDER_WAY_BYTES = 8 * 1024 * 1024
"""Without receipts no more goes, whatever the profile says: it fills 60 megabits for a second."""


class _Sent(NamedTuple):
    """One batch under way."""

    last_seq: int
    at_ns: int
    size: int


class SendWindow:
    """What is under way, and how far it goes.

    Attributes:
        watermark: the newest place that the central system has confirmed.
        sent_seq: the newest place that was sent.
        probing: no receipt has moved on since the start, or since the last rewind.
        give_up_ns: when a missing receipt means: start again. None while none is missing.
    """

    def __init__(self, receipt_seq: int, pace: Pace, backoff: Backoff) -> None:
        self._pace = pace
        self._backoff = backoff
        self._under_way: deque[_Sent] = deque()
        self._bytes = 0
        self._resent_seq = receipt_seq  # up to here a receipt may be for an earlier attempt
        self.watermark = receipt_seq
        self.sent_seq = receipt_seq
        self.probing = True
        self.give_up_ns: int | None = None

    def __len__(self) -> int:
        """Batches without a receipt."""
        return len(self._under_way)

    @property
    def full(self) -> bool:
        """Whether another batch must wait for a receipt."""
        most = 1 if self.probing else self._pace.window
        return len(self._under_way) >= most or self._bytes >= MAX_UNDER_WAY_BYTES

    def sent(self, last_seq: int, size: int, now_ns: int) -> None:
        """A batch of `size` bytes went, which ends with the record `last_seq`."""
        self.sent_seq = last_seq
        self._under_way.append(_Sent(last_seq, now_ns, size))
        self._bytes += size
        if self.give_up_ns is None:
            self.give_up_ns = now_ns + self._wait_ns()

    def confirmed(self, seq: int, now_ns: int) -> None:
        """The central system has everything up to `seq`, which is more than before."""
        self.watermark = seq
        answered: list[_Sent] = []
        while self._under_way and self._under_way[0].last_seq <= seq:
            answered.append(self._under_way.popleft())
        self._bytes -= sum(batch.size for batch in answered)
        if answered and answered[-1].last_seq > self._resent_seq:
            self._pace.answered(len(answered), now_ns - answered[-1].at_ns, now_ns)
        self.sent_seq = max(self.sent_seq, seq)  # an earlier attempt's receipt was lost
        self.probing = False
        self._backoff.reset()
        wait_ns = self._wait_ns()
        self.give_up_ns = now_ns + wait_ns if self._under_way else None

    def rewind(self) -> None:
        """Forget what is under way: go on from the watermark."""
        self._under_way.clear()
        self._bytes = 0
        self._resent_seq = max(self._resent_seq, self.sent_seq)
        self.sent_seq = self.watermark
        self.give_up_ns = None
        self.probing = True

    def _wait_ns(self) -> int:
        return max(self._pace.wait_ns, self._backoff.next_ns())
