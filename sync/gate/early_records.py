"""Records that are sent before their turn, so that a backlog does not hide what happens now.

Such a copy is an ordinary signed batch on a topic of its own. No receipt answers it and
nothing depends on it; the ordered way brings the same record later (docs/decisions/0022).
"""

from __future__ import annotations

from sync.log.backoff import MS

INTERVAL_NS = 200 * MS
MAX_EARLY = 50
"""So many at most, once in `INTERVAL_NS`: a busy gate must not fill a slow connection."""


class EarlyRecords:
    """Which records go before their turn, and when.

    Attributes:
        count: how many were sent this way.
    """

    def __init__(self, receipt_seq: int) -> None:
        self._passed_seq = receipt_seq  # up to here records wait for their turn, or were sent
        self._ripe_ns: int | None = None  # when those after it are sent
        self._next_ns = 0  # no more of them before this
        self._looked = False
        self.count = 0

    def after_seq(self, sent_seq: int) -> int:
        """The place after which they begin; the ordered way has sent up to `sent_seq`."""
        return max(self._passed_seq, sent_seq)

    def connected(self, last_seq: int) -> None:
        """The connection is new: what the journal holds up to `last_seq` is backlog."""
        self._passed_seq, self._ripe_ns = last_seq, None

    def noticed(self, last_seq: int, grown_to: int, sent_seq: int, ripe_ns: int) -> None:
        """The journal, known up to `last_seq`, has grown; new records are ripe at `ripe_ns`."""
        if not self._looked:  # what is there at the first look is backlog
            self._looked, self._passed_seq = True, grown_to
        elif self.after_seq(sent_seq) >= last_seq:
            self._ripe_ns = max(ripe_ns, self._next_ns)
        self._passed_seq = max(self._passed_seq, grown_to - MAX_EARLY)

    def supplied(self, records: int, reached: int, now_ns: int) -> None:
        """So many records, up to `reached`, were sent before their turn."""
        self.count += records
        self._passed_seq = max(reached, self._passed_seq)
        self._ripe_ns = self._next_ns = now_ns + INTERVAL_NS

    def rewound(self, sent_seq: int) -> None:
        """The ordered way starts again; what it sent, up to `sent_seq`, is not sent early."""
        self._passed_seq = max(self._passed_seq, sent_seq)

    def ripe_ns(self, sent_seq: int, last_seq: int, *, ordered_waits: bool) -> int | None:
        """When the next of them go; None when there are none, or their turn has come.

        Args:
            sent_seq: how far the ordered way has sent.
            last_seq: how far the journal goes.
            ordered_waits: the ordered way has a batch to send, and room for it.
        """
        if self.after_seq(sent_seq) >= last_seq:
            return None
        if ordered_waits and sent_seq >= self._passed_seq:
            return None
        return self._ripe_ns
