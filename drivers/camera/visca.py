"""VISCA frames: commands to a camera column and its answers.

Sony's published protocol (RS-232C, "VISCA command list" of the EVI and SRG series). A
message is three to sixteen bytes and ends with FF, which stands nowhere else; the first
byte names receiver or sender. A command is acknowledged, then completed, each with the number of
the socket that carries it out; an inquiry is answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass

END = 0xFF
MESSAGE_MAX_BYTES = 16
BROADCAST = 0x88

ADDRESS_SET = bytes((BROADCAST, 0x30, 0x01, END))
CLEAR_ALL = bytes((BROADCAST, 0x01, 0x00, 0x01, END))

FAULTS = {
    0x01: "the message is too long",
    0x02: "the column does not know this command",
    0x03: "the column's buffer is full",
    0x04: "the command was cancelled",
    0x05: "there is no such socket",
    0x41: "not possible now",
}


class BadMessage(ValueError):
    """Bytes that are no message of this column."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command was taken; a socket carries it out."""

    socket: int


@dataclass(frozen=True, slots=True)
class Completed:
    """A command was carried out."""

    socket: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An inquiry's answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A command was not taken, or could not be carried out."""

    code: int

    @property
    def text(self) -> str:
        """In plain words."""
        return FAULTS.get(self.code, f"error {self.code:#04x}")


Reply = Acknowledged | Completed | Answer | Failed


def to(address: int, *body: int) -> bytes:
    """A message to one column.

    Raises:
        ValueError: there is no such address, or the message is too long.
    """
    message = bytes((0x80 | address, *body, END))
    if not 1 <= address <= 7 or len(message) > MESSAGE_MAX_BYTES or END in message[:-1]:
        raise ValueError("not a VISCA message")
    return message


def zoom_to(address: int, position: int) -> bytes:
    """CAM_Zoom direct."""
    return to(address, 0x01, 0x04, 0x47, *_nibbles(position))


def vertical_to(address: int, position: int, speed: int) -> bytes:
    """Pan-tiltDrive absolute: the pan stays in the middle, the tilt (or lift) goes there."""
    return to(address, 0x01, 0x06, 0x02, speed, speed, *_nibbles(0), *_nibbles(position & 0xFFFF))


def stop(address: int, speed: int) -> bytes:
    """Pan-tiltDrive stop."""
    return to(address, 0x01, 0x06, 0x01, speed, speed, 0x03, 0x03)


def backlight(address: int, *, on: bool) -> bytes:
    """CAM_BackLight."""
    return to(address, 0x01, 0x04, 0x33, 0x02 if on else 0x03)


def ask_version(address: int) -> bytes:
    """CAM_VersionInq."""
    return to(address, 0x09, 0x00, 0x02)


def ask_position(address: int) -> bytes:
    """Pan-tiltPosInq."""
    return to(address, 0x09, 0x06, 0x12)


def ask_zoom(address: int) -> bytes:
    """CAM_ZoomPosInq."""
    return to(address, 0x09, 0x04, 0x47)


def parse_reply(message: bytes, address: int) -> Reply:
    """Take a whole message of this column, its FF included.

    Raises:
        BadMessage: it is none.
    """
    if not 3 <= len(message) <= MESSAGE_MAX_BYTES or message[-1] != END:
        raise BadMessage("no message")
    if message[0] != (0x80 | address << 4):
        raise BadMessage("of another sender")
    kind, socket = message[1] >> 4, message[1] & 0x0F
    if kind == 4 and len(message) == 3:
        return Acknowledged(socket)
    if kind == 5:
        return Completed(socket) if len(message) == 3 else Answer(message[2:-1])
    if kind == 6 and len(message) == 4:
        return Failed(message[2])
    raise BadMessage("of no known kind")


def position_of(answer: Answer) -> int:
    """The vertical position, signed.

    Raises:
        BadMessage: the answer is not one to `ask_position`.
    """
    if len(answer.data) != 8:
        raise BadMessage("not a position")
    value = _value(answer.data[4:])
    return value - 0x10000 if value >= 0x8000 else value


def zoom_of(answer: Answer) -> int:
    """The position of the zoom.

    Raises:
        BadMessage: the answer is not one to `ask_zoom`.
    """
    if len(answer.data) != 4:
        raise BadMessage("not a zoom")
    return _value(answer.data)


def version_of(answer: Answer) -> str:
    """Vendor, model and revision as numbers.

    Raises:
        BadMessage: the answer is not one to `ask_version`.
    """
    if len(answer.data) != 7:
        raise BadMessage("not a version")
    data = answer.data
    return f"vendor {data[0:2].hex()} model {data[2:4].hex()} revision {data[4:6].hex()}"


def _nibbles(value: int) -> tuple[int, int, int, int]:
    return (value >> 12 & 0xF, value >> 8 & 0xF, value >> 4 & 0xF, value & 0xF)


def _value(nibbles: bytes) -> int:
    if any(nibble > 0xF for nibble in nibbles):
        raise BadMessage("a nibble has four bits")
    value = 0
    for nibble in nibbles:
        value = value << 4 | nibble
    return value
