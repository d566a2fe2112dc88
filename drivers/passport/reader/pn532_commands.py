"""What the PN532 is asked (NXP UM0701-02, 7.2 and 7.3): start-up, targets, APDUs.

Every procedure is a generator that yields `Call(data, timeout_ms)` and gets the answer's
data. `Pause` lets time pass, `ChangeBaud` changes the line. The caller owns the link.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from drivers.errors import DeviceRefused, NoAnswer, ProtocolViolation
from drivers.passport.chip.apdu import MAX_RESPONSE
from drivers.passport.errors import TagLost

GET_FIRMWARE_VERSION = b"\x02"
SAM_NORMAL_MODE = b"\x14\x01\x00\x00"
RF_FIELD_ON = b"\x32\x01\x01"
RF_FIELD_OFF = b"\x32\x01\x00"
RF_MAX_RETRIES = b"\x32\x05\x00\x01\x02"  # ATR, PSL, passive activation: few, we poll ourselves
LIST_ONE_TYPE_A = b"\x4a\x01\x00"
LIST_TWO_TYPE_A = b"\x4a\x02\x00"
LIST_TWO_TYPE_B = b"\x4a\x02\x03\x00"
TYPE_B = 0x03
LIST_ONE_TYPE_B = b"\x4a\x01\x03\x00"  # any application family
RELEASE_ALL = b"\x52\x00"
SET_SERIAL_BAUD_RATE = 0x10
IN_PSL = 0x4E
IN_SELECT = 0x54
IN_DATA_EXCHANGE = 0x40

MORE = 0x40
STATUS_MASK = 0x3F
MAX_EXCHANGE = 262
PN532_IC = 0x32
CONTROL_TIMEOUT_MS = 500
LIST_TIMEOUT_MS = 1_000
POLL_PAUSE_MS = 30
POLL_ROUND_MS = 80  # both types looked for, and the pause
LOST_STATUS = {0x01: "time-out", 0x29: "released by the chip", 0x2B: "disappeared"}
ISO_DEP = 0x20
KBIT_424 = 0x02
TA1_424_BOTH_WAYS = 0x22
BAUD_CODES = {
    9_600: 0, 19_200: 1, 38_400: 2, 57_600: 3, 115_200: 4,
    230_400: 5, 460_800: 6, 921_600: 7, 1_288_000: 8,
}  # fmt: skip
"""Codes of SetSerialBaudRate (UM0701-02, 7.2.8)."""
BAUD_SETTLE_MS = 1  # the PN532 wants 200 us after the confirming ACK


class Call(NamedTuple):
    """One command of the PN532: code and parameters, and how long its answer may take.

    `meanwhile` is work for the time until the answer comes; it need not be done.
    """

    data: bytes
    timeout_ms: int
    wake: bool = False
    meanwhile: Callable[[], object] | None = None


class Pause(NamedTuple):
    """Let this time pass."""

    ms: int


class ChangeBaud(NamedTuple):
    """Change the speed of our end of the line; `confirm` sends the PN532 an ACK first."""

    baud: int
    confirm: bool = False


T = TypeVar("T")
Op = Call | Pause | ChangeBaud
Calls = Generator[Op, Any, T]


class Started(NamedTuple):
    """A PN532 that was woken: its identity in words, and the speed of its line."""

    identity: str
    baud: int


class Target(NamedTuple):
    """A chip in the field.

    Attributes:
        number: the PN532's name for it.
        iso_dep: it speaks ISO/IEC 14443-4.
        fast: its answer to select offers 424 kbit/s both ways.
        uid: its identifier (UID, PUPI).
    """

    number: int
    iso_dep: bool
    fast: bool
    uid: bytes = b""


def start_up(baud: int, baud_max: int, wanted: int | None = None) -> Calls[Started]:
    """Wake, identify and configure; then bring the line to the wanted speed.

    Args:
        baud: the PN532's speed after power-up.
        baud_max: the speed that an earlier start-up may have left it at.
        wanted: the speed to go on with, `baud_max` by default; a PN532 that does not take
            it stays where it is.

    Raises:
        NoAnswer: it answers at neither speed.
        DeviceRefused: it is no PN532, or does not take its configuration.
        ProtocolViolation: an answer has not its form.
    """
    at = yield from _wake(baud, baud_max)
    version = yield Call(GET_FIRMWARE_VERSION, CONTROL_TIMEOUT_MS)
    if len(version) != 4:
        raise ProtocolViolation(f"PN532: firmware version of {len(version)} bytes")
    if version[0] != PN532_IC:
        raise DeviceRefused(f"reader chip {version[0]:02X} is no PN532")
    yield Call(SAM_NORMAL_MODE, CONTROL_TIMEOUT_MS)
    yield Call(RF_MAX_RETRIES, CONTROL_TIMEOUT_MS)
    yield Call(RF_FIELD_ON, CONTROL_TIMEOUT_MS)
    at = yield from set_speed(at, wanted or baud_max)
    return Started(f"PN532 firmware {version[1]}.{version[2]}, {at} baud", at)


def _wake(baud: int, baud_max: int) -> Calls[int]:
    """Find the speed at which it answers: it keeps one until it loses its power."""
    for at in dict.fromkeys((baud, baud_max)):
        yield ChangeBaud(at)
        try:
            yield Call(SAM_NORMAL_MODE, CONTROL_TIMEOUT_MS, wake=True)
        except (NoAnswer, ProtocolViolation):
            continue
        return at
    raise NoAnswer(f"PN532: no answer at {baud} baud or {baud_max}")


def set_speed(at: int, wanted: int) -> Calls[int]:
    """Bring the line from one speed to another (UM0701-02, 7.2.8); the speed it has then.

    Its answer comes at the old speed, and our ACK to it makes the PN532 change. A PN532
    that refuses, or does not answer at the new speed, goes on at the old one.

    Raises:
        NoAnswer: it answers at neither speed.
    """
    if wanted == at or wanted not in BAUD_CODES:
        return at
    try:
        yield Call(bytes([SET_SERIAL_BAUD_RATE, BAUD_CODES[wanted]]), CONTROL_TIMEOUT_MS)
    except (DeviceRefused, NoAnswer, ProtocolViolation):
        return at
    yield ChangeBaud(wanted, confirm=True)
    yield Pause(BAUD_SETTLE_MS)
    try:
        yield Call(GET_FIRMWARE_VERSION, CONTROL_TIMEOUT_MS)
    except (NoAnswer, ProtocolViolation):
        # Its confirmation was lost, or the line does not carry this speed.
        yield ChangeBaud(at)
        yield Call(SAM_NORMAL_MODE, CONTROL_TIMEOUT_MS, wake=True)
        return at
    return wanted


def health_check() -> Calls[None]:
    """Ask for a sign of life.

    Raises:
        ProtocolViolation: the answer is not that of a PN532.
    """
    version = yield Call(GET_FIRMWARE_VERSION, CONTROL_TIMEOUT_MS)
    if len(version) != 4 or version[0] != PN532_IC:
        raise ProtocolViolation("PN532: firmware version is not its own any more")


def poll(for_ms: int) -> Calls[Target | None]:
    """Look for a chip of type A or B until one is there, for about this long.

    Raises:
        ProtocolViolation: an answer has not its form.
    """
    for _ in range(max(1, for_ms // POLL_ROUND_MS)):
        for request in (LIST_ONE_TYPE_A, LIST_ONE_TYPE_B):
            target = _target(request, (yield Call(request, LIST_TIMEOUT_MS)))
            if target is not None and target.iso_dep:
                return (yield from _speed_up(target))
            if target is not None:
                yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)
        yield Pause(POLL_PAUSE_MS)
    return None


def _speed_up(target: Target) -> Calls[Target | None]:
    """424 kbit/s where the chip offers it: 1.3 s less for a whole read than at 106."""
    if not target.fast:
        return target
    faster = bytes([IN_PSL, target.number, KBIT_424, KBIT_424])
    answer = yield Call(faster, CONTROL_TIMEOUT_MS)
    if answer[:1] == b"\x00":
        return target
    # It does not keep its promise: start it again and stay at 106 kbit/s.
    yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)
    answer = yield Call(LIST_ONE_TYPE_A, LIST_TIMEOUT_MS)
    return _target(LIST_ONE_TYPE_A, answer)


def find_again(for_ms: int) -> Calls[Target | None]:
    """After a loss: drop the field, so that a stuck chip starts again, and poll."""
    yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)
    yield Call(RF_FIELD_OFF, CONTROL_TIMEOUT_MS)
    yield Pause(10)
    yield Call(RF_FIELD_ON, CONTROL_TIMEOUT_MS)
    return (yield from poll(for_ms))


def targets_in_field() -> Calls[tuple[tuple[bytes, Target], ...]]:
    """The cards of the field: two of each type, the most that a PN532 lists (7.3.5).

    Each with the request that lists it. The field is reset first: cards begin again.
    """
    found: list[tuple[bytes, Target]] = []
    yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)
    yield Call(RF_FIELD_OFF, CONTROL_TIMEOUT_MS)
    yield Pause(10)
    yield Call(RF_FIELD_ON, CONTROL_TIMEOUT_MS)
    for request in (LIST_TWO_TYPE_A, LIST_TWO_TYPE_B):
        answer = yield Call(request, LIST_TIMEOUT_MS)
        found += [(request, target) for target in _targets(request, answer)]
        yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)
    return tuple(found)


def take_up(request: bytes, number: int) -> Calls[Target | None]:
    """List again and select one of the two (InSelect, 7.3.12); None where it is gone."""
    answer = yield Call(request, LIST_TIMEOUT_MS)
    for target in _targets(request, answer):
        if target.number == number and target.iso_dep:
            selected = yield Call(bytes([IN_SELECT, number]), CONTROL_TIMEOUT_MS)
            return target if selected[:1] == b"\x00" else None
    return None


def release() -> Calls[None]:
    """Let the chip go."""
    yield Call(RELEASE_ALL, CONTROL_TIMEOUT_MS)


def exchange(
    target: int,
    apdu: bytes,
    timeout_ms: int,
    meanwhile: Callable[[], object] | None = None,
) -> Calls[bytes]:
    """Exchange one APDU, in pieces of 262 bytes by the MI bit both ways.

    Raises:
        TagLost: the chip is gone or its answer is damaged beyond the PN532's repair.
        ProtocolViolation: an answer has not its form.
    """
    pieces = [apdu[at : at + MAX_EXCHANGE] for at in range(0, len(apdu), MAX_EXCHANGE)] or [b""]
    for piece in pieces[:-1]:
        _, rest = yield from _exchange_piece(target | MORE, piece, timeout_ms)
        if rest:
            raise ProtocolViolation("PN532: data in answer to a piece of a command")
    more, data = yield from _exchange_piece(target, pieces[-1], timeout_ms, meanwhile)
    response = bytearray(data)
    while more:
        more, data = yield from _exchange_piece(target, b"", timeout_ms)
        response += data
        if len(response) > MAX_RESPONSE or (more and not data):
            raise TagLost("response beyond extended length, or without end")
    return bytes(response)


def _exchange_piece(
    target: int,
    piece: bytes,
    timeout_ms: int,
    meanwhile: Callable[[], object] | None = None,
) -> Calls[tuple[bool, bytes]]:
    data = bytes([IN_DATA_EXCHANGE, target]) + piece
    answer = yield Call(data, timeout_ms, meanwhile=meanwhile)
    if not answer:
        raise ProtocolViolation("PN532: InDataExchange without status")
    status = answer[0] & STATUS_MASK
    if status:
        raise TagLost(f"InDataExchange status {status:02X} {LOST_STATUS.get(status, '')}".strip())
    return bool(answer[0] & MORE), answer[1:]


def _target(request: bytes, answer: bytes) -> Target | None:
    """The first of InListPassiveTarget's answer; None for an empty one."""
    return next(iter(_targets(request, answer)), None)


def _targets(request: bytes, answer: bytes) -> tuple[Target, ...]:
    """InListPassiveTarget's answer at 106 kbit/s, type A or B (UM0701-02, 7.3.5)."""
    if not answer or answer[0] > 2:
        raise ProtocolViolation("PN532: InListPassiveTarget without number of targets")
    found = []
    rest = answer[1:]
    for _ in range(answer[0]):
        if len(rest) < 5:
            raise ProtocolViolation("PN532: target data cut short")
        if request[2] == TYPE_B:
            found.append(Target(rest[0], iso_dep=True, fast=False, uid=rest[2:6]))  # PUPI
            length = rest[13] if len(rest) > 13 else 0  # number, ATQB of 12, ATTRIB_RES
            rest = rest[14 + length :]
            continue
        uid, iso_dep = rest[5 : 5 + rest[4]], bool(rest[3] & ISO_DEP)
        ats = rest[5 + rest[4] :]
        # T0 says whether TA(1) follows; TA(1) lists divisors (ISO/IEC 14443-4, 5.2.3 and 5.2.4).
        offered = ats[2] if iso_dep and len(ats) > 2 and ats[1] & 0x10 else 0
        fast = offered & TA1_424_BOTH_WAYS == TA1_424_BOTH_WAYS
        found.append(Target(rest[0], iso_dep=iso_dep, fast=fast, uid=uid))
        rest = ats[ats[0] :] if iso_dep and ats else ats
    return tuple(found)
