"""Command APDUs as the chip parses them (ISO/IEC 7816-4, 5.1), short and extended."""

from __future__ import annotations

from typing import NamedTuple


class Status:
    """Status words of ISO/IEC 7816-4, table 5, that this chip uses."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    NO_INFORMATION = 0x6300
    WRONG_LENGTH = 0x6700
    CHANNEL_NOT_SUPPORTED = 0x6881
    CHAINING_NOT_SUPPORTED = 0x6884
    SECURITY_STATUS = 0x6982
    CONDITIONS_OF_USE = 0x6985
    NO_CURRENT_FILE = 0x6986
    SM_OBJECT_MISSING = 0x6987
    SM_OBJECT_INCORRECT = 0x6988
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    WRONG_P1_P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    EXACT_LENGTH = 0x6C00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00


class Command(NamedTuple):
    """A parsed command. `le` is the greatest answer in bytes, 0 when none is expected."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int


class Response(NamedTuple):
    """A response before it is encoded."""

    status: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Data followed by SW1 SW2."""
        return self.data + self.status.to_bytes(2, "big")


def parse_command(raw: bytes) -> Command | None:
    """Parse any of the cases 1 to 4, short or extended; None when the lengths disagree."""
    if len(raw) < 4:
        return None
    body = raw[4:]
    parsed = _extended(body) if is_extended(raw) else _short(body)
    if parsed is None:
        return None
    return Command(raw[0], raw[1], raw[2], raw[3], *parsed)


def is_extended(raw: bytes) -> bool:
    """Whether its lengths are of extended form: a zero byte, and more after it."""
    return len(raw) >= 7 and raw[4] == 0


def _short(body: bytes) -> tuple[bytes, int] | None:
    if not body:
        return b"", 0
    if len(body) == 1:
        return b"", body[0] or 256
    size = body[0]
    data, rest = body[1 : 1 + size], body[1 + size :]
    if size == 0 or len(data) != size or len(rest) > 1:
        return None
    return data, (rest[0] or 256) if rest else 0


def _extended(body: bytes) -> tuple[bytes, int] | None:
    first = int.from_bytes(body[1:3], "big")
    if len(body) == 3:
        return b"", first or 65536
    data, rest = body[3 : 3 + first], body[3 + first :]
    if first == 0 or len(data) != first or len(rest) not in (0, 2):
        return None
    return data, (int.from_bytes(rest, "big") or 65536) if rest else 0
