"""Who gets the processor first: the control process, before reader and vision.

On two cores a face or a chip's cryptography keeps both busy. Among equals a loop that wakes
waits for the kernel's next tick, 4 ms at 250 Hz; a process of lower priority gives way to it
at once (measured by `egate bench lane`).
"""

from __future__ import annotations

import os

YIELDING_NICE = 10
"""Of reader and vision, as `Nice=` of their units has it too: these may not set it themselves."""


def yield_processor(pid: int = 0) -> None:
    """Let a process, and what threads it starts from now on, give way to the control process.

    Linux keeps a priority for each thread: one that runs already keeps its own.

    Needs no privilege. Nothing is asked of the kernel where the priority is that low already:
    the units' system call filter ends a process that asks.

    Args:
        pid: the process; 0 is the calling one.
    """
    if os.getpriority(os.PRIO_PROCESS, pid) < YIELDING_NICE:
        os.setpriority(os.PRIO_PROCESS, pid, YIELDING_NICE)
