"""What happened in a run, as rows of time: the same from the virtual clock and from a live lane.

Rows are kept in a ring, for the report; a listener sees each of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MAX_ROWS = 20_000


class Row(NamedTuple):
    """At `at_s` of the run `what` of a lane became `value`. Lane 0 is the bank of lanes.

    `what` is `step`, `mode`, `zone` or `exit` (these last until the next row), or an event:
    `alarm`, `device`, `fault`, `outcome`, `reason`, `record`, `person`, `violation`.
    """

    at_s: float
    lane: int
    what: str
    value: str


class Timeline:
    """Takes rows in the order of time."""

    def __init__(self) -> None:
        self.rows: deque[Row] = deque(maxlen=MAX_ROWS)
        self.total = 0
        self._listeners: list[Callable[[Row], None]] = []

    def listen(self, listener: Callable[[Row], None]) -> None:
        """Call back for every row from now on."""
        self._listeners.append(listener)

    def add(self, at_s: float, lane: int, what: str, value: str) -> None:
        """Something happened."""
        row = Row(at_s, lane, what, value)
        self.total += 1
        self.rows.append(row)
        for listener in self._listeners:
            listener(row)
