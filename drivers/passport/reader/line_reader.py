"""MRZ line readers on a serial line: lines ended by CR, by LF, or by both.

`LineFramer` cuts bytes into lines and counts what is not a line; `MrzAssembler` puts
lines together to a machine readable zone. Both are sans-IO and never raise: a wire with
noise on it loses the noise, not the next document. Readers that wrap what they read have
their framers in `framers`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from drivers.passport.reader.line_roles import role_of

MAX_LINE = 96
LINE_GAP_NS = 1_500_000_000
DISORDERED_GAP_NS = 500_000_000
"""Lines in another order belong together only within this: no second swipe is so fast."""
LINE_ENDS = frozenset(b"\r\n")
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
    """A line of one of the formats' widths, or why it is none.

    Some readers send lower case, a space for each filler, or spaces around a line.
    """
    raw = raw.upper()
    if len(raw) not in SHAPES and len(raw) not in JOINED:
        raw = raw.strip(b" ")
    raw = raw.replace(b" ", b"<")
    if not ALPHABET.issuperset(raw):
        return FramingError.BAD_CHARACTER
    if len(raw) not in SHAPES and len(raw) not in JOINED:
        return FramingError.BAD_LENGTH
    return Line(raw.decode("ascii"))


def no_errors() -> dict[FramingError, int]:
    """A count of each kind of error, none met yet."""
    return dict.fromkeys(FramingError, 0)


class LineFramer:
    """Cuts a byte stream into lines, resynchronising at each end of one.

    Attributes:
        errors: how often each kind of framing error was met.
        unread_bytes: bytes since the last line; many of them show a wrong baud rate.
    """

    def __init__(self) -> None:
        self.errors = no_errors()
        self.unread_bytes = 0
        self._buffer = bytearray()
        self._skipping = False

    def reset(self) -> None:
        """Forget a line begun."""
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer.clear()
        self._skipping = False

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
            if byte in LINE_ENDS:
                if self._buffer and not self._skipping:
                    out.append(as_line(bytes(self._buffer)))
                self.reset()
            elif len(self._buffer) < MAX_LINE:
                self._buffer.append(byte)
            else:
                # Counted at once, and again after as many bytes: an end may never come.
                out.append(FramingError.OVERLONG)
                self.reset()
                self._skipping = True
        for item in out:
            if isinstance(item, FramingError):
                self.errors[item] += 1
            else:
                self.unread_bytes = 0
        return out


class MrzAssembler:
    """Puts lines together: two of 44 or 36, three of 30, or one that holds them all.

    A line that is there already starts the next zone: of two upper lines, the second counts.
    Lines in another order are put in theirs where they come close together.
    """

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self._last_ns = 0

    def reset(self) -> None:
        """Forget lines held."""
        self._lines = {}

    def add(self, line: Line, now_ns: int) -> tuple[str, ...] | None:
        """Take a line; give the whole zone when this line completes it."""
        text = line.text
        width = JOINED.get(len(text))
        if width is not None:
            self.reset()
            parts = [text[at : at + width] for at in range(0, len(text), width)]
            return _in_order({role_of(part): part for part in parts}, width)
        role = role_of(text)
        ordered = [*self._lines, role] == list(range(len(self._lines) + 1))
        longest_ns = LINE_GAP_NS if ordered else DISORDERED_GAP_NS
        width_held = {len(held) for held in self._lines.values()} or {len(text)}
        if now_ns - self._last_ns > longest_ns or role in self._lines or width_held != {len(text)}:
            self.reset()
        self._last_ns = now_ns
        self._lines[role] = text
        zone = _in_order(self._lines, len(text))
        if zone is not None:
            self.reset()
        return zone


def _in_order(lines: dict[int, str], width: int) -> tuple[str, ...] | None:
    """The zone of these lines by their roles; None while one is absent."""
    if len(lines) < SHAPES[width]:
        return None
    return tuple(lines[role] for role in sorted(lines))
