"""How long to wait before trying again: doubling, bounded, with jitter.

Jitter keeps the lanes of a hall, cut off at the same moment, from coming back in step.
"""

from __future__ import annotations

from collections.abc import Callable

MS = 1_000_000


class Backoff:
    """Waits that double from `min_ms` to `max_ms`, each shortened at random by up to half."""

    def __init__(self, min_ms: int, max_ms: int, random: Callable[[int], bytes]) -> None:
        self._min_ms = min_ms
        self._max_ms = max(min_ms, max_ms)
        self._next_ms = min_ms
        self._random = random

    def next_ns(self) -> int:
        """Give the next wait in nanoseconds, and double the one after it."""
        wait_ns = self._next_ms * MS
        self._next_ms = min(self._next_ms * 2, self._max_ms)
        fraction = int.from_bytes(self._random(2), "big")
        return wait_ns - wait_ns * fraction // (2 * 65_536)

    def longest_ns(self) -> int:
        """Give the longest wait, for what waiting alone will hardly mend."""
        self._next_ms = self._max_ms
        return self.next_ns()

    def reset(self) -> None:
        """It worked: begin with the shortest wait again."""
        self._next_ms = self._min_ms
