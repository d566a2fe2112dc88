"""Small files that are there whole or not at all, also after a power cut.

What is written goes to a file beside, reaches the disk, and takes its name with one step,
which reaches the disk, too: fsync(2) of a file says nothing about its entry in the folder.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Make a file that was not there.

    Raises:
        OSError: it was, or cannot be written.
    """
    beside = _written(path, data, mode)
    try:
        path.hardlink_to(beside)
    finally:
        beside.unlink()
    _keep_names(path.parent)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file in the place of the one of that name, if there is one.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    _written(path, data, mode).replace(path)
    _keep_names(path.parent)


def _written(path: Path, data: bytes, mode: int) -> Path:
    """Write beside; each process has its own place there, and takes over what a crash left."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return beside


def _keep_names(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
