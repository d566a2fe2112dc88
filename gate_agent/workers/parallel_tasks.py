"""Tasks in parallel in the vision process: attack detection and embedding.

ONNX Runtime releases the interpreter's lock while a graph runs, so a second thread uses the second
core. One helper thread lives as long as the process; a bug in it ends the process like any.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from biometrics.errors import BiometricFault

Task = Callable[[], None]


def in_parallel(spawn: Callable[[str, Task], object]) -> Callable[[Sequence[Task]], None]:
    """Return a function that runs tasks on two cores: the first here, others in one helper thread.

    That function returns after the last task, and raises a fault that any of them met.

    Args:
        spawn: starts a thread of that name (`live.spawn`).
    """
    work: queue.Queue[Sequence[Task]] = queue.Queue(1)
    done: queue.Queue[BiometricFault | None] = queue.Queue(1)

    def serve() -> None:
        while True:
            done.put(_run(work.get()))

    spawn("parallel tasks", serve)

    def run(tasks: Sequence[Task]) -> None:
        first, *others = tasks
        work.put(others)
        here = _run([first])
        there = done.get()
        fault = here or there
        if fault is not None:
            raise fault

    return run


def _run(tasks: Sequence[Task]) -> BiometricFault | None:
    for task in tasks:
        try:
            task()
        except BiometricFault as fault:
            return fault
    return None
