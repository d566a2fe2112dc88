"""Requests for pictures on their way to vision, and the callback that gets each answer.

Asked on the lane API's thread, answered on the workers' one. A vision process that goes
away answers nothing: the caller then gets an empty picture, and may ask again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

MAX_WAITING = 64

Reply = Callable[[bytes], None]


class Pictures:
    """Replies by the number of the question; thread-safe, each called once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Reply] = {}
        self._number = 0

    def ask(self, reply: Reply) -> int:
        """Keep a reply; return the number of its request. At the limit the oldest is dropped."""
        oldest: Reply | None = None
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                oldest = self._waiting.pop(next(iter(self._waiting)))
            self._number += 1
            number = self._number
            self._waiting[number] = reply
        if oldest is not None:
            oldest(b"")
        return number

    def answer(self, number: int, jpeg: bytes) -> None:
        """Hand a picture to its caller; an unknown or answered number is ignored."""
        with self._lock:
            reply = self._waiting.pop(number, None)
        if reply is not None:
            reply(jpeg)

    def give_up(self) -> None:
        """Answer every question with an empty picture: vision went away, or is a new one."""
        with self._lock:
            replies, self._waiting = list(self._waiting.values()), {}
        for reply in replies:
            reply(b"")
