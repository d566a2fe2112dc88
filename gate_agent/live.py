"""The live edge: the only clock, the only threads, the only randomness of the system.

Everything else takes time and randomness as arguments and is started by this file. `LiveInbox`
is the inbox on a real clock.
"""

from __future__ import annotations

import datetime
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

from gate_agent.core.messages import Event
from gate_agent.loop import Mailbox

NS_PER_S = 1_000_000_000
EXIT_SOFTWARE = 70


def monotonic_ns() -> int:
    """The lane's clock: never runs back, has no date."""
    return time.monotonic_ns()  # noqa: TID251 - this file is the clock


def cpu_ns() -> int:
    """CPU time of this thread so far; a busy computer does not count in it."""
    return time.thread_time_ns()


def process_ns() -> int:
    """CPU time of all threads of this process so far."""
    return time.process_time_ns()


def utc_now() -> datetime.datetime:
    """The date and time, for records; nothing is ordered by it."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251 - this file is the clock


def utc_text() -> str:
    """The date and time as records have it: RFC 3339 with milliseconds and Z."""
    return utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_ms() -> int:
    """The date and time in milliseconds since 1970."""
    return round(utc_now().timestamp() * 1000)


def utc_offset_ms() -> int:
    """What to add to monotonic milliseconds to get UTC milliseconds, at this moment."""
    return utc_ms() - monotonic_ns() // 1_000_000


def system_random(count: int) -> bytes:
    """Random bytes of the operating system's generator."""
    return os.urandom(count)  # noqa: TID251 - this file is the source


def spawn(name: str, target: Callable[[], None]) -> threading.Thread:  # noqa: TID251 - its home
    """Start a thread; if it dies of an exception, so does the process.

    A lane with a part missing must not look alive: the service manager restarts it, and
    the hardware falls to its safe state meanwhile.
    """

    def body() -> None:
        finished = False
        try:
            target()
            finished = True
        finally:
            if not finished:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(EXIT_SOFTWARE)

    thread = threading.Thread(target=body, name=name, daemon=True)  # noqa: TID251 - its home
    thread.start()
    return thread


def favour_turns() -> None:
    """Exclude all objects made so far from garbage collection; call it when set-up is complete."""
    gc.collect()
    gc.freeze()


class Stop:
    """Whether the process is to end, and callbacks for when that comes.

    `set` may be called from a signal handler: callbacks must do no more than write a byte.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Whether the process is to end."""
        return self.event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the process is to end, at most `seconds`; return whether it is."""
        return self.event.wait(seconds)

    def on_set(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the process is to end."""
        self._callbacks.append(callback)

    def set(self) -> None:
        """The process is to end."""
        self.event.set()
        for callback in self._callbacks:
            callback()


def stop_on_sigterm() -> Stop:
    """A `Stop` that SIGTERM and SIGINT set; called once, from the main thread."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end a command as Ctrl-C does, with all that it started and made."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class LiveInbox:
    """The inbox on the real clock; any thread may put, one may get."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns) -> None:
        self._clock = clock
        self._mailbox = Mailbox()
        self._changed = threading.Condition()

    def put(self, event: Event) -> None:
        """Stamp and hand in an event.

        Raises:
            InboxFull: a safety event found no place; the process must end.
        """
        with self._changed:
            self._mailbox.put(event, self._clock())
            self._changed.notify()

    def get(self, due_ns: int | None) -> tuple[int, Event]:
        """Wait for the next event, or for the `Tick` at `due_ns`."""
        with self._changed:
            while True:
                now_ns = self._clock()
                taken = self._mailbox.take(now_ns, due_ns)
                if taken is not None:
                    return taken
                wait_s = None if due_ns is None else max(0, due_ns - now_ns) / NS_PER_S
                self._changed.wait(wait_s)
