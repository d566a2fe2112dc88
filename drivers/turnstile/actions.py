"""Commands to the turnstile: waiting, under way, and answered.

Every command is answered by exactly one `ActuationDone`, whatever becomes of the line.
Where releases add up in the device, a ticket whose release was answered is answered the
same again and never released again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from drivers.types import (
    Actuation,
    ActuationDone,
    Close,
    CloseEntry,
    OpenEntry,
    OpenExit,
    action_of,
)

WAITING_MAX = 4
TICKETS_REMEMBERED = 32

OVERTAKES: dict[type, type] = {Close: OpenExit, CloseEntry: OpenEntry}


class Actions:
    """The queue of commands and its answers.

    Args:
        emit: takes each answer.
        additive: whether releases of the exit add up in the device.
    """

    def __init__(self, emit: Callable[[ActuationDone], None], *, additive: bool = True) -> None:
        self._emit = emit
        self._additive = additive
        self._waiting: deque[Actuation] = deque()
        self._answered: deque[ActuationDone] = deque(maxlen=TICKETS_REMEMBERED)
        self.acting: Actuation | None = None
        self.withdrawn = False

    @property
    def waiting(self) -> bool:
        """Whether a command waits to be carried out."""
        return bool(self._waiting)

    def offer(self, command: Actuation, *, ready: bool) -> None:
        """Queue a command, or answer it at once where it cannot or need not be queued."""
        if self._additive and isinstance(command, OpenExit):
            for done in self._answered:
                if done.ticket == command.ticket:
                    self._emit(done)
                    return
        if command == self.acting or command in self._waiting:
            return
        if type(command) in OVERTAKES:
            self._withdraw(OVERTAKES[type(command)])
        if not ready:
            self._answer(command, "not synchronised with the turnstile", ok=False)
        elif len(self._waiting) >= WAITING_MAX:
            self._answer(command, "too many commands are waiting", ok=False)
        else:
            self._waiting.append(command)

    def start(self) -> Actuation | None:
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

    def _withdraw(self, opening: type) -> None:
        """A close overtakes every release of its door that was not written yet."""
        self.withdrawn = self.withdrawn or isinstance(self.acting, opening)
        for command in [command for command in self._waiting if isinstance(command, opening)]:
            self._waiting.remove(command)
            self._answer(command, "withdrawn by a close", ok=False)

    def refuse(self, command: Actuation, why: str) -> None:
        """Answer a command that this device cannot carry out at all."""
        self._answer(command, why, ok=False)

    def _answer(self, command: Actuation, detail: str, *, ok: bool) -> None:
        done = ActuationDone(ticket=command.ticket, action=action_of(command), ok=ok, detail=detail)
        if isinstance(command, OpenExit):
            self._answered.append(done)
        self._emit(done)
