"""How often something may fail: a bounded table of recent failures."""

from __future__ import annotations

from collections import OrderedDict, deque

MAX_KEYS = 1024


class RateLimit:
    """Allows `limit` failures per key within a sliding window.

    The table holds at most `MAX_KEYS` keys; the one that failed longest ago makes room.
    """

    def __init__(self, limit: int, window_s: int) -> None:
        self._limit = limit
        self._window_ns = window_s * 1_000_000_000
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def allows(self, key: str, now_ns: int) -> bool:
        """Whether one more attempt is in order now."""
        failures = self._failures.get(key)
        if failures is None:
            return True
        while failures and failures[0] <= now_ns - self._window_ns:
            failures.popleft()
        if not failures:
            del self._failures[key]
        return len(failures) < self._limit

    def failed(self, key: str, now_ns: int) -> None:
        """Count one failure."""
        failures = self._failures.setdefault(key, deque(maxlen=self._limit))
        failures.append(now_ns)
        self._failures.move_to_end(key)
        if len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)
