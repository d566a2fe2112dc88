"""Room that is kept for the end: a full disk must not keep the journal from its last words.

On a full disk even a DELETE fails, because the log must grow first. So a file of zeros lies
beside the journal while all is well; when a write fails, the file goes, and in its place the
journal can note what happened and take receipts, which is what makes room. Nothing that is
unsent is ever dropped.
"""

from __future__ import annotations

import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024
"""Some thousand records, or the receipts of a whole backlog."""

_BLOCK = bytes(65_536)


class Reserve:
    """The file that is given up first.

    Args:
        path: where it lies: on the journal's file system.
        size: how much room it keeps.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size

    @property
    def there(self) -> bool:
        """Whether the room is kept."""
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def fill(self) -> bool:
        """Keep the room, if twice as much is free: else the file itself would fill the disk."""
        if self.there:
            return True
        try:
            if self.free_bytes() < 2 * self._size:
                return False
            part = self._path.with_name(self._path.name + ".part")
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                for _ in range(0, self._size, len(_BLOCK)):
                    file.write(_BLOCK)  # not sparse: the blocks are taken
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._path)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room up; whether there was any."""
        was_there = False
        for path in (self._path, self._path.with_name(self._path.name + ".part")):
            try:
                path.unlink()
                was_there = True
            except OSError:
                continue
        return was_there

    def free_bytes(self) -> int:
        """What an ordinary account could still write there."""
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize
