"""Reading files named at the command line: bounded in size and in time."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

PIPE_WAIT_S = 2.0
CHUNK = 1 << 16


class TooLarge(Exception):
    """The file has more bytes than are wanted."""


def read_bounded(path: Path, limit: int) -> bytes:
    """A file of at most `limit` bytes. A pipe is read as well, while it keeps giving.

    Raises:
        TooLarge: it has more; a regular one is then not read at all.
        OSError: it cannot be read; a folder; a pipe that gives nothing for two seconds.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        regular = stat.S_ISREG(status.st_mode)
        if regular and status.st_size > limit:
            raise TooLarge(f"more than {limit} bytes")
        found = bytearray()
        while len(found) <= limit:
            if not regular:
                _wait(descriptor, path)
            part = os.read(descriptor, CHUNK)
            if not part:
                return bytes(found)
            found += part
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)
    raise TooLarge(f"more than {limit} bytes")


def _wait(descriptor: int, path: Path) -> None:
    if not select.select([descriptor], [], [], PIPE_WAIT_S)[0]:
        raise TimeoutError(errno.ETIMEDOUT, "gives nothing", str(path))
