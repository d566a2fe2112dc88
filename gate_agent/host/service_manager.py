"""Reports to the service manager: that the process is ready, and that it is well.

A process under systemd has a watchdog (`WatchdogSec`): unless it sends `WATCHDOG=1` in time
it is killed and started again, and the hardware falls to its safe state meanwhile. So it may
send it only when it really works: after a turn of its loop without `sickness`, from the
loop's own thread, never from a thread or timer of its own. Protocol: sd_notify(3).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping

LAG_MAX_NS = 1_000_000_000
FEEDS_PER_INTERVAL = 4
STATUS_MAX_CHARS = 200


def sickness(now_ns: int, event_ns: int, seen: Mapping[str, int], limit_ns: int) -> str:
    """What is wrong with a process whose loop has just ended a turn; empty when it is well.

    Args:
        now_ns: the end of the turn.
        event_ns: the time of the event that it handled: a loop that lags is not well.
        seen: when each other thread last completed a turn.
        limit_ns: how long a thread's turn may take.
    """
    lag_ns = now_ns - event_ns
    if lag_ns > LAG_MAX_NS:
        return f"the loop lags by {lag_ns // 1_000_000} ms"
    for name, at_ns in seen.items():
        if now_ns - at_ns > limit_ns:
            return f"{name} has not come round for {(now_ns - at_ns) // 1_000_000} ms"
    return ""


class ServiceManager:
    """A process's connection to its service manager; does nothing where there is none.

    `turned` is for the thread of the loop alone; `watching` is for the other threads.

    Args:
        environ: where the service manager names its socket and its time limit.
        pid: of this process; a watchdog meant for another process is not ours to feed.
        clock: monotonic nanoseconds.
    """

    def __init__(self, environ: Mapping[str, str], pid: int, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.interval_ns = _interval_ns(environ, pid) if self._address else None
        self._seen: dict[str, int] = {}
        self._fed_ns: int | None = None
        self._ready = False
        self._status = ""

    @property
    def tick_s(self) -> float | None:
        """How often the loop must turn for the watchdog, even when nothing happens."""
        if self.interval_ns is None:
            return None
        return self.interval_ns / FEEDS_PER_INTERVAL / 1e9

    def watching(self, name: str, stop: Callable[[], bool]) -> Callable[[], bool]:
        """`stop` for another thread, noting that the thread completes its turns."""
        self._seen[name] = self._clock()

        def asked() -> bool:
            self._seen[name] = self._clock()
            return stop()

        return asked

    def watched(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """`stop` for a loop that calls it before every turn: the turn before ended."""

        def asked() -> bool:
            self.turned(self._clock())
            return stop()

        return asked

    def turned(self, event_ns: int) -> None:
        """Note that the loop has ended a turn; feed the watchdog if the process is well.

        Args:
            event_ns: the time of the event that the turn handled.
        """
        if not self._address:
            return
        now_ns = self._clock()
        wrong = sickness(now_ns, event_ns, dict(self._seen), self.interval_ns or 1 << 63)
        if wrong != self._status:
            self._status = wrong
            self._say(f"STATUS={(wrong or 'well')[:STATUS_MAX_CHARS]}")
        if wrong:
            return
        if not self._ready:
            self._ready = True
            self._say("READY=1")
        if self.interval_ns is not None and (
            self._fed_ns is None or now_ns - self._fed_ns >= self.interval_ns // FEEDS_PER_INTERVAL
        ):
            self._fed_ns = now_ns
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """The process has begun to end."""
        if self._address:
            self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        """Send; errors are ignored: work goes on without a service manager."""
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
            contextlib.suppress(OSError),
        ):
            line.setblocking(False)
            line.sendto(state.encode(), self._address)


def _address(name: str) -> str:
    """A path, or a name in the abstract namespace, which is written with an @."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _interval_ns(environ: Mapping[str, str], pid: int) -> int | None:
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    patience_us = environ.get("WATCHDOG_USEC", "")
    if not patience_us.isascii() or not patience_us.isdigit() or len(patience_us) > 18:
        return None
    return int(patience_us) * 1000 or None
