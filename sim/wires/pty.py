"""A pseudo-terminal in place of a serial port: our end here, the driver's end by its path.

No thread, no clock: its caller waits on `fileno()` and carries bytes to and from a
simulated device. A pulled plug is the pair closed; putting it back makes a new pair behind
the same symlink, as udev does.
"""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path

READ_MAX_BYTES = 4096
WRITE_QUEUE_MAX_BYTES = 65_536


class Pty:
    """A pair of pseudo-terminals in raw mode.

    The driver's end is kept open here too, so that a driver may come and go without the
    pair hanging up.

    Args:
        link: a stable path that points at the driver's end; replaced if it is a symlink.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._ours = -1
        self._theirs = -1
        self._device = ""
        self._unsent = bytearray()
        self.replug()

    @property
    def path(self) -> str:
        """What the driver opens: the symlink if there is one."""
        return self._device if self._link is None else str(self._link)

    @property
    def plugged(self) -> bool:
        """Whether there is a pair."""
        return self._ours >= 0

    def fileno(self) -> int:
        """The descriptor of our end, to wait on; -1 while unplugged."""
        return self._ours

    def read(self) -> bytes:
        """What the driver wrote, at most 4096 bytes; empty when nothing or unplugged."""
        if not self.plugged:
            return b""
        try:
            return os.read(self._ours, READ_MAX_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send to the driver; what does not fit now is kept, and beyond a limit lost."""
        if not self.plugged:
            return
        self._unsent += data
        del self._unsent[WRITE_QUEUE_MAX_BYTES:]
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._ours, self._unsent)]

    def unplug(self) -> None:
        """Close the pair and take the symlink away: the driver sees its port go."""
        if not self.plugged:
            return
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        os.close(self._theirs)
        os.close(self._ours)
        self._ours = self._theirs = -1
        self._unsent.clear()

    def replug(self) -> None:
        """Make a new pair behind the same symlink."""
        if self.plugged:
            return
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self._device = os.ttyname(self._theirs)
        if self._link is not None:
            fresh = self._link.with_name(self._link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._device)
            fresh.replace(self._link)

    def close(self) -> None:
        """Unplug for good; closing twice is fine."""
        self.unplug()

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
