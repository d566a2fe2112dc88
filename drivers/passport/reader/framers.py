"""Framers of MRZ readers that wrap what they read: DESKO, 3M (RTE) and Elyctis.

Each cuts bytes into MRZ lines and counts what is none, like `line_reader.LineFramer`. They
are sans-IO and never raise: a damaged message costs itself, not the next one.

    DESKO    SOD STX line CR line CR [line CR] ETX EOD
    3M       SOH length-low length-high 'O' 'U' STX flag [line] CR line CR line CR ETX BCC
    Elyctis  'I' length-high length-low line CR line [CR line]
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from drivers.passport.reader.line_reader import FramingError, Item, as_line, no_errors

SOH, STX, ETX, CR, LF = 0x01, 0x02, 0x03, 0x0D, 0x0A
MAX_MESSAGE = 160
"""More than three lines with all that is around them."""


class DeskoFramer:
    """DESKO's serial protocol for OCR data (as in its interface for CUTE).

    What stands outside STX and ETX, its own delimiters included, is configurable and of no
    consequence. Up to three lines; a character it could not read makes a line none.
    """

    def __init__(self) -> None:
        self.errors = no_errors()
        self.unread_bytes = 0
        self._buffer = bytearray()
        self._inside = False
        self._overlong = False

    def reset(self) -> None:
        """Forget a message begun."""
        _clear(self._buffer)
        self._inside = self._overlong = False

    def ask(self) -> bytes:
        """Nothing: it sends by itself."""
        return b""

    def go_on(self) -> bytes:
        """Nothing: it sends by itself."""
        return b""

    def receive(self, data: bytes) -> list[Item]:
        """Take bytes; give lines and framing errors in their order."""
        self.unread_bytes += len(data)
        out: list[Item] = []
        for byte in data:
            if byte == STX:
                out += [FramingError.BAD_LENGTH] if self._inside else []
                self.reset()
                self._inside = True
            elif not self._inside:
                continue
            elif byte == ETX:
                found = _lines(bytes(self._buffer))
                if self._overlong:
                    found = [FramingError.OVERLONG]
                out += found
                self.unread_bytes = 0 if understood(found) else self.unread_bytes
                self.reset()
            elif len(self._buffer) >= MAX_MESSAGE:
                self._overlong = True
            else:
                self._buffer.append(byte)
        return _count(self.errors, out)


class RteFramer:
    """3M (formerly RTE) in its native protocol: one message after each document.

    An absent line is empty, the bottom line is always the third, and lines are padded with
    `_`. Firmware differs in what its length counts, so ETX ends a message and BCC, the
    exclusive or of all between SOH and itself, proves it.
    """

    HEAD = 7  # SOH, length, "OU", STX, flag

    def __init__(self) -> None:
        self.errors = no_errors()
        self.unread_bytes = 0
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget a message begun."""
        _clear(self._buffer)

    def ask(self) -> bytes:
        """Nothing: it sends by itself and accepts no commands."""
        return b""

    def go_on(self) -> bytes:
        """Nothing: it sends by itself and accepts no commands."""
        return b""

    def receive(self, data: bytes) -> list[Item]:
        """Take bytes; give lines and framing errors in their order."""
        self._buffer += data
        self.unread_bytes += len(data)
        out: list[Item] = []
        while (found := self._next()) is not None:
            out += found
            self.unread_bytes = 0 if understood(found) else self.unread_bytes
        return _count(self.errors, out)

    def _next(self) -> list[Item] | None:
        """What the buffer begins with; None when more must come first."""
        buffer = self._buffer
        start = buffer.find(SOH)
        del buffer[: start if start >= 0 else len(buffer)]
        if len(buffer) < self.HEAD:
            return None
        if buffer[3:6] != b"OU\x02":
            return self._bad(FramingError.BAD_CHARACTER)
        end = buffer.find(ETX, self.HEAD)
        again = buffer.find(SOH, self.HEAD)
        if 0 <= again < (end if end >= 0 else len(buffer)):
            return self._bad(FramingError.BAD_LENGTH)
        if (end if end >= 0 else len(buffer)) > MAX_MESSAGE:
            return self._bad(FramingError.OVERLONG)
        if end < 0 or len(buffer) < end + 2:
            return None
        if reduce(xor, buffer[1 : end + 1]) != buffer[end + 1]:
            return self._bad(FramingError.BAD_CHECKSUM)
        text = bytes(buffer[self.HEAD : end])
        del buffer[: end + 2]
        return _lines(text)

    def _bad(self, error: FramingError) -> list[Item]:
        del self._buffer[:1]
        return [error]


class ElyctisFramer:
    """Elyctis' scanner commands: it answers `I`, and reports by itself once commanded to.

    Continuous reading ends with each document, so it is started again after each.
    """

    INQUIRE = b"I\x00\x00"
    CONTINUE = b"C\x00\x01\x01"

    def __init__(self) -> None:
        self.errors = no_errors()
        self.unread_bytes = 0
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget a message begun."""
        _clear(self._buffer)

    def ask(self) -> bytes:
        """Read what lies there, and then whatever is put there next."""
        return self.INQUIRE + self.CONTINUE

    def go_on(self) -> bytes:
        """Read whatever is put there next; what lies there is not read twice."""
        return self.CONTINUE

    def receive(self, data: bytes) -> list[Item]:
        """Take bytes; give lines and framing errors in their order."""
        self._buffer += data
        self.unread_bytes += len(data)
        out: list[Item] = []
        while (found := self._next()) is not None:
            out += found
            self.unread_bytes = 0 if understood(found) else self.unread_bytes
        return _count(self.errors, out)

    def _next(self) -> list[Item] | None:
        buffer = self._buffer
        # No line has a zero byte, so this cannot be the inside of one.
        start = buffer.find(b"I\x00")
        if start < 0:
            keep = 1 if buffer.endswith(b"I") else 0
            del buffer[: len(buffer) - keep]
            return None
        del buffer[:start]
        if len(buffer) < 3:
            return None
        size = buffer[2]
        if size > MAX_MESSAGE:
            del buffer[:2]
            return [FramingError.OVERLONG]
        if len(buffer) < 3 + size:
            return None
        found = _lines(bytes(buffer[3 : 3 + size]))
        # Where a byte was lost, the next message begins inside what was taken for this one.
        if size and buffer[2 + size : 4 + size] == b"I\x00":
            found = [FramingError.BAD_LENGTH]
        del buffer[: 3 + size if understood(found) else 2]
        return found


def understood(found: list[Item]) -> bool:
    """Whether a message is whole; one without a line is: nothing lay on the reader."""
    return not any(isinstance(item, FramingError) for item in found)


def _lines(text: bytes) -> list[Item]:
    """The lines of one message; an empty one is absent."""
    parts = (part.rstrip(b"_") for part in text.replace(b"\n", b"\r").split(b"\r"))
    return [as_line(part) for part in parts if part]


def _count(errors: dict[FramingError, int], items: list[Item]) -> list[Item]:
    for item in items:
        if isinstance(item, FramingError):
            errors[item] += 1
    return items


def _clear(buffer: bytearray) -> None:
    buffer[:] = bytes(len(buffer))
    buffer.clear()
