"""Whether a process can work in its folders, checked before it starts, with a sentence why not."""

from __future__ import annotations

import os
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 107
"""Of a socket's path on Linux (unix(7)), without its final zero."""

LONGEST_SOCKET = "vision.sock.new"


def unfit(run_dir: Path, state_dir: Path) -> str:
    """What is wrong with an agent's folders and what to do; "" if all is well."""
    for option, folder in (("--run-dir", run_dir), ("--state", state_dir)):
        if not folder.is_dir():
            return f"{option} {folder}: there is no such folder; make it, for our user alone"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{option} {folder}: cannot be written; look at its owner, mode and disk"
    return too_long(run_dir)


def too_long(run_dir: Path) -> str:
    """Why no socket can be made in this folder; "" if its path is short enough."""
    spare = MAX_SOCKET_PATH_BYTES - len(os.fsencode(run_dir / LONGEST_SOCKET))
    if spare >= 0:
        return ""
    return (
        f"{run_dir}: this path is {-spare} bytes too long for sockets in it; choose a shorter one"
    )
