"""Starts the processes of a demo, restarts what dies, and ends all of them at once.

Every child asks the kernel to be ended with its parent, so even a killed supervisor leaves
nothing behind. Children stand in process groups of their own: Ctrl-C reaches the
supervisor alone, which then ends them in order.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
RESTART_NS = 250_000_000
MAX_RESTART_NS = 2_000_000_000
HEALTHY_NS = 5_000_000_000
END_S = 3.0


@dataclass(kw_only=True)
class Child:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    log: Path
    pipe: bool = False  # its standard output is read by the caller
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_ns: int = 0
    restart_at_ns: int | None = None
    backoff_ns: int = RESTART_NS
    restarts: int = 0


class Supervisor:
    """Keeps children running until `end`. Time is an argument."""

    def __init__(self, on_restart: Callable[[Child], None] = lambda _child: None) -> None:
        self.children: dict[str, Child] = {}
        self._on_restart = on_restart

    def add(self, child: Child, now_ns: int) -> Child:
        """Start a child and keep it running."""
        self.children[child.name] = child
        self._start(child, now_ns)
        return child

    def tend(self, now_ns: int) -> None:
        """Restart what has died, each with a back-off of its own."""
        for child in self.children.values():
            if child.restart_at_ns is not None:
                if now_ns >= child.restart_at_ns:
                    self._start(child, now_ns)
                    child.restarts += 1
                    self._on_restart(child)
            elif child.process is not None and child.process.poll() is not None:
                self._release(child)
                if now_ns - child.started_ns > HEALTHY_NS:
                    child.backoff_ns = RESTART_NS
                child.restart_at_ns = now_ns + child.backoff_ns
                child.backoff_ns = min(2 * child.backoff_ns, MAX_RESTART_NS)

    def end(self, names: Sequence[str] | None = None) -> None:
        """End these children, or all: the latest first, asked once, then forced."""
        chosen = [c for n, c in self.children.items() if names is None or n in names]
        for child in reversed(chosen):
            child.restart_at_ns = None
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        for child in reversed(chosen):
            if child.process is None:
                continue
            try:
                child.process.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            self._release(child)
            del self.children[child.name]

    def _start(self, child: Child, now_ns: int) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own command line
                list(child.argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if child.pipe else log,
                stderr=log,
                env={**os.environ, **child.env},
                start_new_session=True,
                preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509 - one prctl, no locks
            )
        child.started_ns = now_ns
        child.restart_at_ns = None

    @staticmethod
    def _release(child: Child) -> None:
        if child.process is not None and child.process.stdout is not None:
            child.process.stdout.close()
        child.process = None


_LIBC = ctypes.CDLL(None, use_errno=True)


def ending_with(parent: int) -> Callable[[], None]:
    """What a child of ours calls before its program runs, to be ended (SIGTERM) with us.

    Args:
        parent: our process.
    """

    def bind() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(0)  # it ended before the kernel was asked

    return bind
