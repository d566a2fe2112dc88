"""MRZ line readers on a serial line: lines ended by CR (LF around it is ignored).

`LineFramer` cuts bytes into lines and counts what is not a line; `MrzAssembler` puts
lines together to a machine readable zone. Both are sans-IO and never raise: a wire with
noise on it loses the noise, not the next document.
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


class Line(NamedTuple):
    """One line of MRZ characters."""

    text: str


class LineFramer:
    """Cuts a byte stream into CR-terminated lines, resynchronising at each CR.

    Attributes:
        errors: how often each kind of framing error was met.
    """

    def __init__(self) -> None:
        self.errors = dict.fromkeys(FramingError, 0)
        self._buffer = bytearray()
        self._bad: FramingError | None = None

    def reset(self) -> None:
        """Forget a line begun."""
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer.clear()
        self._bad = None

    def receive(self, data: bytes) -> list[Line | FramingError]:
        """Take bytes; give lines and framing errors in their order."""
        out: list[Line | FramingError] = []
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

    def _end(self) -> Line | FramingError | None:
        text, bad = self._buffer.decode("ascii"), self._bad
        self.reset()
        if bad is None and not text:
            return None
        if bad is None and len(text) not in SHAPES and len(text) not in JOINED:
            bad = FramingError.BAD_LENGTH
        if bad is not None:
            self.errors[bad] += 1
            return bad
        return Line(text)


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
