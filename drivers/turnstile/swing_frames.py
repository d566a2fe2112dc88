"""Frames of swing gates that speak 7E/7F: what is asked, what is answered.

The host sends eight bytes, `7E 00 machine command d0 d1 d2 sum`; the gate answers any
command with eighteen, `7F version machine fault gate alarm L2 L1 L0 R2 R1 R0 infrared exec
volts u u sum`. The sum is the complement of the sum of all bytes before it, modulo 256.

That is weak: no sequence number, eight bits of sum, and 7F may stand anywhere inside. So a
frame counts by its length, its sum and its machine number, never by a search for its first
byte, and what a command did is read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

HOST_START = 0x7E
GATE_START = 0x7F
HOST_BYTES = 8
GATE_BYTES = 18
DONE = 0x55


class Order(IntEnum):
    """The orders to a gate."""

    STATUS = 0x10
    RESET_LEFT = 0x20
    RESET_RIGHT = 0x21
    OPEN_LEFT = 0x80  # d0 passages more: an order that adds up
    HOLD_LEFT = 0x81
    OPEN_RIGHT = 0x82
    HOLD_RIGHT = 0x83
    CLOSE = 0x84
    FORBID_LEFT = 0x88
    FORBID_RIGHT = 0x89


class BadFrame(ValueError):
    """Bytes that are no answer of this gate; `cause` names the metric."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def checksum(data: bytes | bytearray) -> int:
    """The complement of the sum, eight bits."""
    return ~sum(data) & 0xFF


@dataclass(frozen=True, slots=True)
class Ask:
    """One command to a gate."""

    order: Order
    passages: int = 0

    def encode(self, machine: int) -> bytes:
        """The frame.

        Raises:
            ValueError: the machine number or the passages need more than eight bits.
        """
        body = bytes((HOST_START, 0x00, machine, self.order, self.passages, 0, 0))
        return body + bytes((checksum(body),))


@dataclass(frozen=True, slots=True)
class Status:
    """What a gate says of itself, whatever it was asked.

    Attributes:
        version: of its firmware.
        fault, gate, alarm, infrared: bytes whose meaning is the vendor's (profile data).
        left, right: completed passages, 24 bits, wrapping.
        done: whether the command that this answers was carried out.
        volts: supply, in the vendor's unit.
    """

    version: int
    fault: int
    gate: int
    alarm: int
    left: int
    right: int
    infrared: int
    done: bool
    volts: int


def parse_status(frame: bytes | bytearray, machine: int) -> Status:
    """Take an answer.

    Raises:
        BadFrame: `mismatch` for a wrong length, start or machine, `crc` for a wrong sum.
    """
    if len(frame) != GATE_BYTES or frame[0] != GATE_START:
        raise BadFrame("mismatch")
    if checksum(frame[:-1]) != frame[-1]:
        raise BadFrame("crc")
    if frame[2] != machine:
        raise BadFrame("mismatch")
    return Status(
        version=frame[1],
        fault=frame[3],
        gate=frame[4],
        alarm=frame[5],
        left=int.from_bytes(frame[6:9], "big"),
        right=int.from_bytes(frame[9:12], "big"),
        infrared=frame[12],
        done=frame[13] == DONE,
        volts=frame[14],
    )
