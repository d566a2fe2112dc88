"""What the turnstile was told to do: waiting, under way, and answered.

Every command is answered by exactly one `ActuationDone`, whatever becomes of the line; a
ticket whose release was answered is answered the same again and never released again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from drivers.types import ActuationDone, Close, OpenExit

WAITING_MAX = 4
TICKETS_REMEMBERED = 32

Action = OpenExit | Close


class Actions:
    """The queue of commands and its answers.

    Args:
        emit: takes each answer.
    """

    def __init__(self, emit: Callable[[ActuationDone], None]) -> None:
        self._emit = emit
        self._waiting: deque[Action] = deque()
        self._answered: deque[ActuationDone] = deque(maxlen=TICKETS_REMEMBERED)
        self.acting: Action | None = None
        self.withdrawn = False

    def offer(self, command: Action, *, ready: bool) -> None:
        """Queue a command, or answer it at once where it cannot or need not be queued."""
        if isinstance(command, OpenExit):
            for done in self._answered:
                if done.ticket == command.ticket:
                    self._emit(done)
                    return
        if command == self.acting or command in self._waiting:
            return
        if isinstance(command, Close):
            self._withdraw_opens()
        if not ready:
            self._answer(command, "not in step with the turnstile", ok=False)
        elif len(self._waiting) >= WAITING_MAX:
            self._answer(command, "too many commands are waiting", ok=False)
        else:
            self._waiting.append(command)

    def start(self) -> Action | None:
        """Take the next command to be carried out."""
        self.withdrawn = False
        self.acting = self._waiting.popleft() if self._waiting else None
        return self.acting

    def finish(self, detail: str, *, ok: bool) -> None:
        """Answer the command under way, if it was not answered before."""
        command, self.acting = self.acting, None
        if command is not None:
            self._answer(command, detail, ok=ok)

    def drop(self, why: str) -> None:
        """Answer everything as not done."""
        self.finish(why, ok=False)
        while self._waiting:
            self._answer(self._waiting.popleft(), why, ok=False)

    def _withdraw_opens(self) -> None:
        """A close overtakes every release that was not written yet."""
        self.withdrawn = True
        for command in [command for command in self._waiting if isinstance(command, OpenExit)]:
            self._waiting.remove(command)
            self._answer(command, "withdrawn by a close", ok=False)

    def _answer(self, command: Action, detail: str, *, ok: bool) -> None:
        action = "open_exit" if isinstance(command, OpenExit) else "close"
        done = ActuationDone(ticket=command.ticket, action=action, ok=ok, detail=detail)
        if isinstance(command, OpenExit):
            self._answered.append(done)
        self._emit(done)
