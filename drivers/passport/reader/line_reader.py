"""MRZ line readers on a serial line: lines ended by CR (LF around it is ignored).

`LineFramer` cuts bytes into lines and counts what is not a line; `MrzAssembler` puts
lines together to a machine readable zone. Both are sans-IO and never raise: a wire with
noise on it loses the noise, not the next document. Readers that wrap what they read have
their framers in `framers`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MAX_LINE = 96
LINE_GAP_NS = 1_500_000_000
ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<")
SHAPES = {44: 2, 36: 2, 30: 3}
JOINED = {88: 44, 72: 36, 90: 30}


class FramingError(StrEnum):
    """Why bytes were not a line."""

    OVERLONG = "overlong"
    BAD_CHARACTER = "bad_character"
    BAD_LENGTH = "bad_length"
    BAD_CHECKSUM = "bad_checksum"


class Line(NamedTuple):
    """One line of MRZ characters."""

    text: str

    def __repr__(self) -> str:
        return f"Line({len(self.text)} characters)"


Item = Line | FramingError


def as_line(raw: bytes) -> Item:
    """A line of one of the formats' widths, or why it is none."""
    if not ALPHABET.issuperset(raw):
        return FramingError.BAD_CHARACTER
    if len(raw) not in SHAPES and len(raw) not in JOINED:
        return FramingError.BAD_LENGTH
    return Line(raw.decode("ascii"))


def no_errors() -> dict[FramingError, int]:
    """A count of each kind of error, none met yet."""
    return dict.fromkeys(FramingError, 0)


class LineFramer:
    """Cuts a byte stream into CR-terminated lines, resynchronising at each CR.

    Attributes:
        errors: how often each kind of framing error was met.
    """

    def __init__(self) -> None:
        self.errors = no_errors()
        self._buffer = bytearray()
        self._bad: FramingError | None = None

    def reset(self) -> None:
        """Forget a line begun."""
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer.clear()
        self._bad = None

    def ask(self) -> bytes:
        """Nothing: it sends by itself."""
        return b""

    def go_on(self) -> bytes:
        """Nothing: it sends by itself."""
        return b""

    def receive(self, data: bytes) -> list[Item]:
        """Take bytes; give lines and framing errors in their order."""
        out: list[Item] = []
        for byte in data:
            if byte == 0x0D:
                result = self._end()
                if result is not None:
                    out.append(result)
            elif byte == 0x0A or self._bad is not None:
                continue
            elif byte not in ALPHABET:
                self._bad = FramingError.BAD_CHARACTER
            elif len(self._buffer) >= MAX_LINE:
                self._bad = FramingError.OVERLONG
            else:
                self._buffer.append(byte)
        return out

    def _end(self) -> Item | None:
        raw, bad = bytes(self._buffer), self._bad
        self.reset()
        if bad is None and not raw:
            return None
        item = bad or as_line(raw)
        if isinstance(item, FramingError):
            self.errors[item] += 1
        return item


class MrzAssembler:
    """Puts lines together: two of 44 or 36, three of 30, or one that holds them all."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._last_ns = 0

    def reset(self) -> None:
        """Forget lines held."""
        self._lines = []

    def add(self, line: Line, now_ns: int) -> tuple[str, ...] | None:
        """Take a line; give the whole zone when this line completes it."""
        text = line.text
        width = JOINED.get(len(text))
        if width is not None:
            self.reset()
            return tuple(text[at : at + width] for at in range(0, len(text), width))
        stale = now_ns - self._last_ns > LINE_GAP_NS
        if self._lines and (stale or len(self._lines[0]) != len(text)):
            self.reset()
        self._last_ns = now_ns
        self._lines.append(text)
        if len(self._lines) < SHAPES[len(text)]:
            return None
        lines = tuple(self._lines)
        self.reset()
        return lines
