"""Where publishing stands, in figures for operators."""

from __future__ import annotations

from typing import NamedTuple

RATE_SHARE = 8
"""Each receipt counts for one part in so many of the rate that is estimated."""


class Progress(NamedTuple):
    """Where publishing stands, for metrics and alarms.

    `refusal` is the reason code with which the broker last denied a publish, 0 if the
    central system has answered since. `resends` counts returns to the watermark,
    `unanswered` those since the last receipt, `live` records that were sent before their
    turn. `drain_s` estimates when the central system will have everything; None while there
    is nothing to estimate it from. `again_to`: up to this place records are sent again, because
    the central system lost what it had confirmed; 0 if it did not.
    """

    last_seq: int
    receipt_seq: int
    in_flight: int
    connected: bool
    resends: int
    refusal: int
    unanswered: int = 0
    live: int = 0
    drain_s: float | None = None
    again_to: int = 0

    @property
    def lag(self) -> int:
        """Records that the central system has not confirmed."""
        return self.last_seq - self.receipt_seq


class DrainRate:
    """How fast receipts move on: an average of the newest ones."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._per_s = 0.0

    def restart(self, now_ns: int) -> None:
        """The connection is new: the time without one does not count."""
        self._since_ns = now_ns

    def moved(self, records: int, now_ns: int) -> None:
        """Receipts moved on by so many records."""
        since_ns, self._since_ns = self._since_ns, now_ns
        if since_ns is None or now_ns <= since_ns:
            return
        rate = records * 1e9 / (now_ns - since_ns)
        self._per_s += (rate - self._per_s) / RATE_SHARE if self._per_s else rate

    def seconds(self, lag: int) -> float | None:
        """How long this many records will take; None while nothing is known."""
        return lag / self._per_s if self._per_s else (None if lag else 0.0)


def metrics(progress: Progress, oldest_wait_ns: int, *, alarm: bool) -> str:
    """Give the figures as Prometheus reads them (text format 0.0.4)."""
    figures = {
        "connected": progress.connected,
        "lag_records": progress.lag,
        "oldest_wait_seconds": oldest_wait_ns / 1e9,
        "in_flight_batches": progress.in_flight,
        "resends_total": progress.resends,
        "live_records_total": progress.live,
        "refusal_code": progress.refusal,
        "set_back": bool(progress.again_to),
        "alarm": alarm,
    }
    if progress.drain_s is not None:
        figures["drain_seconds"] = progress.drain_s
    return "".join(
        f"# TYPE egate_sync_{name} {'counter' if name.endswith('_total') else 'gauge'}\n"
        f"egate_sync_{name} {float(value):g}\n"
        for name, value in figures.items()
    )
