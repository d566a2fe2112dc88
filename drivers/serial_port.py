"""Serial ports: the only file of the drivers that imports pyserial.

A thin, non-blocking byte stream: what runs a device waits on `fileno()` and carries
bytes between the port and the device's machine. Works on real ports and on pseudo-terminals.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import termios
from typing import Literal

import serial

from drivers.errors import PortLost

READ_MAX_BYTES = 4096
WRITE_QUEUE_MAX_BYTES = 65_536
DRAIN_MAX_S = 2.0
PSEUDO_TERMINALS = "/dev/pts/"


class SerialPort:
    """An open serial port, ours alone.

    Exclusive twice over: an advisory lock keeps out programs that ask for one, TIOCEXCL
    keeps out every other open() by an ordinary user. A pseudo-terminal has the lock alone:
    its other end would keep TIOCEXCL standing after our death, against our successor.

    Args:
        path: device file or a symlink to one.
        baud: speed in bits per second.
        parity: "N", "E" or "O".

    Raises:
        PortLost: the port cannot be opened.
    """

    def __init__(self, path: str, baud: int, parity: Literal["N", "E", "O"] = "N") -> None:
        self._path = path
        self._unsent = bytearray()
        try:
            self._serial = serial.Serial(
                path, baud, parity=parity, timeout=0, write_timeout=0, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise PortLost(f"cannot open {path}: {_reason(error)}") from error
        try:
            if not os.ttyname(self._serial.fd).startswith(PSEUDO_TERMINALS):
                fcntl.ioctl(self._serial.fd, termios.TIOCEXCL)
        except OSError as error:
            self._serial.close()
            raise PortLost(f"cannot have {path} alone: {_reason(error)}") from error

    def fileno(self) -> int:
        """The file descriptor to wait on.

        Raises:
            PortLost: the port is closed.
        """
        if not self._serial.is_open:
            raise PortLost(f"{self._path} is closed")
        return int(self._serial.fd)

    @property
    def unsent(self) -> int:
        """Bytes that the port has not taken yet; call `write(b"")` once it can take more."""
        return len(self._unsent)

    def read(self) -> bytes:
        """What has arrived, at most 4096 bytes; empty when nothing has.

        Raises:
            PortLost: the port went away.
        """
        try:
            data = os.read(self.fileno(), READ_MAX_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(error) from error
        # A serial line has no end of file. One that was set to return at once gives zero
        # bytes both when nothing has come and when its adapter was pulled out: ask which.
        if not data:
            try:
                termios.tcgetattr(self.fileno())
            except (OSError, termios.error) as error:
                raise self._lost(error) from error
        return data

    def write(self, data: bytes) -> None:
        """Send, without waiting; what the port does not take now is kept (bounded).

        Raises:
            PortLost: the port went away, or takes nothing any more.
        """
        self._unsent += data
        if len(self._unsent) > WRITE_QUEUE_MAX_BYTES:
            self.close()
            raise PortLost(f"{self._path} takes no more bytes")
        try:
            while self._unsent:
                del self._unsent[: os.write(self.fileno(), self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            raise self._lost(error) from error

    def set_baud(self, baud: int) -> None:
        """Wait until everything written is on the wire, then change the speed.

        Raises:
            PortLost: the port went away or cannot have this speed.
        """
        try:
            while self._unsent:
                if not select.select([], [self.fileno()], [], DRAIN_MAX_S)[1]:
                    raise TimeoutError(errno.ETIMEDOUT, "the port takes no more bytes")
                self.write(b"")
            termios.tcdrain(self.fileno())
            self._serial.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port; closing twice is fine."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.close()

    def _lost(self, error: Exception) -> PortLost:
        self.close()
        return PortLost(f"{self._path} went away: {_reason(error)}")


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return os.strerror(number) if number in errno.errorcode else f"error {number}"
    return type(error).__name__
