"""When a frame of a network stream was taken: the sender's clock brought onto ours.

A stream's frames carry the sender's time, and arrive later by the way they came. The way
is shortest when nothing waits anywhere, so the least lateness seen of late is taken for the
way itself; what a frame is later than that, it has waited. After (re)connecting, frames that
had piled up come all at once and carry no timing: none is trusted until they come at their pace.
"""

from __future__ import annotations

WINDOW_NS = 30_000_000_000
PACE = 0.5


class StreamClock:
    """Dates frames by when they were taken. One per connection."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None
        self._paced = False
        self._window_ns = 0
        self._least_ns: int | None = None  # of the window that ended
        self._coming_ns: int | None = None  # of the present one

    def taken_ns(self, arrived_ns: int, sent_ns: int) -> int | None:
        """When a frame was taken, on our clock; None while that is not known.

        Args:
            arrived_ns: on our clock.
            sent_ns: the stream's own time of the frame, from any origin.
        """
        before, self._before = self._before, (arrived_ns, sent_ns)
        if before is None or sent_ns == before[1]:
            return None
        if sent_ns < before[1]:  # another origin: everything known of the way is gone
            self._paced = False
            self._least_ns = self._coming_ns = None
            return None
        if not self._paced:
            if arrived_ns - before[0] < PACE * (sent_ns - before[1]):
                return None
            self._paced = True
            self._window_ns = arrived_ns
        late_ns = arrived_ns - sent_ns
        if arrived_ns - self._window_ns > WINDOW_NS:
            self._window_ns = arrived_ns
            self._least_ns, self._coming_ns = self._coming_ns, None
        self._coming_ns = late_ns if self._coming_ns is None else min(self._coming_ns, late_ns)
        way_ns = self._coming_ns
        if self._least_ns is not None:
            way_ns = min(way_ns, self._least_ns)
        return min(arrived_ns, sent_ns + way_ns)
