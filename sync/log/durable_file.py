"""Small files that are there whole or not at all, also after a power cut.

A file is written under a temporary name in its folder, reaches the disk, and takes its name in
one step, which reaches the disk, too: fsync(2) of a file does not cover its entry in the folder.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Make a file that was not there.

    Raises:
        OSError: it was, or cannot be written.
    """
    temporary = _written(path, data, mode)
    try:
        path.hardlink_to(temporary)
    finally:
        temporary.unlink()
    _keep_names(path.parent)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file in the place of the one of that name, if there is one.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    _written(path, data, mode).replace(path)
    _keep_names(path.parent)


def _written(path: Path, data: bytes, mode: int) -> Path:
    """Write to this process's temporary file; one that a crash left is replaced."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _keep_names(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
