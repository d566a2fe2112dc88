"""Requests of a Modbus RTU master and the answers of a slave, as frames.

Modbus Application Protocol Specification V1.1b3 (6.1 to 6.3, 6.5, 6.11, 6.12, 6.21, 7).
Pure functions over bytes; the conversation is in `drivers.turnstile.modbus_master`.

RTU has no sequence number: an answer names its unit, its function and its length, and
nothing else ties it to a question. `Request.frame_length` and `Request.parse` compare an
answer with the question in everything that there is.
"""

from __future__ import annotations

from struct import pack, unpack
from typing import ClassVar

import msgspec

from drivers.turnstile.half_duplex import Silence
from drivers.turnstile.rtu import FRAME_MAX_BYTES, seal, sealed

READ_COILS = 0x01
READ_INPUTS = 0x02
READ_HOLDING = 0x03
WRITE_COIL = 0x05
WRITE_COILS = 0x0F
WRITE_MULTIPLE = 0x10
ENCAPSULATED = 0x2B
MEI_IDENTITY = 0x0E
EXCEPTION = 0x80
READ_MAX = 125
WRITE_MAX = 123
BITS_MAX = 64  # far below the standard's 2,000: a lane's module has a few dozen
COIL_ON = 0xFF00


class Mismatch(ValueError):
    """Bytes arrived that are no answer to the present question; `cause` names the metric."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class ModbusMessage(msgspec.Struct, frozen=True, gc=False):
    """Base of questions and answers: compared and hashed in C, for both are kept in tables."""


class Registers(ModbusMessage, frozen=True):
    """Answer to a read: the words from `address` on."""

    address: int
    words: tuple[int, ...]

    def word(self, address: int) -> int:
        """One register."""
        return self.words[address - self.address]


class Bits(ModbusMessage, frozen=True):
    """Answer to a read of coils or discrete inputs: the bits from `address` on."""

    address: int
    bits: tuple[bool, ...]

    def bit(self, address: int) -> bool:
        """One coil or input."""
        return self.bits[address - self.address]


class Written(ModbusMessage, frozen=True):
    """The device acknowledged a write. Only a read shows what it holds now."""


class Identity(ModbusMessage, frozen=True):
    """Basic device identification (6.21): printable ASCII, shortened."""

    vendor: str
    product: str
    revision: str


class Refusal(ModbusMessage, frozen=True):
    """An exception answer (7) with its code."""

    code: int


Answer = Registers | Bits | Written | Identity | Refusal
Outcome = Answer | Silence


class Read(ModbusMessage, frozen=True):
    """FC03, read holding registers."""

    function: ClassVar[int] = READ_HOLDING
    address: int
    count: int

    def __post_init__(self) -> None:
        if not (1 <= self.count <= READ_MAX and 0 <= self.address <= 0x10000 - self.count):
            raise ValueError("read outside of the register space")

    def encode(self, unit: int) -> bytes:
        """The request frame."""
        return seal(pack(">BBHH", unit, READ_HOLDING, self.address, self.count))

    def frame_length(self, frame: bytes | bytearray) -> int | None:
        """Length of the whole answer, None while too little of it is here.

        Raises:
            Mismatch: the byte count is not that of this question.
        """
        if len(frame) < 3:
            return None
        if frame[2] != 2 * self.count:
            raise Mismatch("mismatch")
        return 5 + 2 * self.count

    def parse(self, frame: bytes) -> Registers:
        """Take a whole answer whose CRC is good."""
        return Registers(self.address, unpack(f">{self.count}H", frame[3:-2]))


class ReadBits(ModbusMessage, frozen=True):
    """FC01 or FC02, read coils or discrete inputs."""

    function: int
    address: int
    count: int

    def __post_init__(self) -> None:
        if self.function not in (READ_COILS, READ_INPUTS):
            raise ValueError("not a function that reads bits")
        if not (1 <= self.count <= BITS_MAX and 0 <= self.address <= 0x10000 - self.count):
            raise ValueError("read outside of the space of bits")

    def encode(self, unit: int) -> bytes:
        """The request frame."""
        body = bytes((unit, self.function)) + self.address.to_bytes(2, "big")
        return seal(body + self.count.to_bytes(2, "big"))

    def frame_length(self, frame: bytes | bytearray) -> int | None:
        """Length of the whole answer, None while too little of it is here.

        Raises:
            Mismatch: the byte count is not that of this question.
        """
        if len(frame) < 3:
            return None
        if frame[2] != -(-self.count // 8):
            raise Mismatch("mismatch")
        return 5 + -(-self.count // 8)

    def parse(self, frame: bytes) -> Bits:
        """Take a whole answer whose CRC is good."""
        packed = int.from_bytes(frame[3:-2], "little")
        return Bits(self.address, tuple(bool(packed >> at & 1) for at in range(self.count)))


class WriteCoils(ModbusMessage, frozen=True):
    """FC05 for one coil, FC15 for more."""

    address: int
    bits: tuple[bool, ...]

    def __post_init__(self) -> None:
        count = len(self.bits)
        if not (1 <= count <= BITS_MAX and 0 <= self.address <= 0x10000 - count):
            raise ValueError("write outside of the space of coils")

    @property
    def function(self) -> int:
        """The function code."""
        return WRITE_COIL if len(self.bits) == 1 else WRITE_COILS

    @property
    def _echoed(self) -> bytes:
        tail = len(self.bits)
        if self.function == WRITE_COIL:
            tail = COIL_ON if self.bits[0] else 0
        return self.address.to_bytes(2, "big") + tail.to_bytes(2, "big")

    def encode(self, unit: int) -> bytes:
        """The request frame."""
        body = bytes((unit, self.function)) + self._echoed
        if self.function == WRITE_COILS:
            packed = sum(bit << at for at, bit in enumerate(self.bits))
            size = -(-len(self.bits) // 8)
            body += bytes((size,)) + packed.to_bytes(size, "little")
        return seal(body)

    def frame_length(self, frame: bytes | bytearray) -> int | None:
        """Length of the whole answer, None while too little of it is here.

        Raises:
            Mismatch: what is echoed is not what was asked.
        """
        if len(frame) < 6:
            return None
        if bytes(frame[2:6]) != self._echoed:
            raise Mismatch("mismatch")
        return 8

    def parse(self, _frame: bytes) -> Written:
        """Take a whole answer whose CRC is good."""
        return Written()


class WriteWords(ModbusMessage, frozen=True):
    """FC16, write multiple registers."""

    function: ClassVar[int] = WRITE_MULTIPLE
    address: int
    words: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.words)
        if not (1 <= count <= WRITE_MAX and 0 <= self.address <= 0x10000 - count):
            raise ValueError("write outside of the register space")
        if any(not 0 <= word <= 0xFFFF for word in self.words):
            raise ValueError("a register holds 16 bits")

    def encode(self, unit: int) -> bytes:
        """The request frame."""
        body = bytes((unit, WRITE_MULTIPLE)) + self.address.to_bytes(2, "big")
        body += len(self.words).to_bytes(2, "big") + bytes((2 * len(self.words),))
        return seal(body + b"".join(word.to_bytes(2, "big") for word in self.words))

    def frame_length(self, frame: bytes | bytearray) -> int | None:
        """Length of the whole answer, None while too little of it is here.

        Raises:
            Mismatch: address or count echoed are not those of this question.
        """
        if len(frame) < 6:
            return None
        echo = self.address.to_bytes(2, "big") + len(self.words).to_bytes(2, "big")
        if bytes(frame[2:6]) != echo:
            raise Mismatch("mismatch")
        return 8

    def parse(self, _frame: bytes) -> Written:
        """Take a whole answer whose CRC is good."""
        return Written()


class ReadIdentity(ModbusMessage, frozen=True):
    """FC43 / 14, read device identification, basic objects."""

    function: ClassVar[int] = ENCAPSULATED

    def encode(self, unit: int) -> bytes:
        """The request frame."""
        return seal(bytes((unit, ENCAPSULATED, MEI_IDENTITY, 0x01, 0x00)))

    def frame_length(self, frame: bytes | bytearray) -> int | None:
        """Length of the whole answer, None while too little of it is here.

        Raises:
            Mismatch: another encapsulated interface or code answers, or it is too long.
        """
        if (len(frame) > 2 and frame[2] != MEI_IDENTITY) or (len(frame) > 3 and frame[3] != 0x01):
            raise Mismatch("mismatch")
        if len(frame) < 8:
            return None
        at = 8
        for _ in range(frame[7]):
            if len(frame) < at + 2:
                return None
            at += 2 + frame[at + 1]
            if at + 2 > FRAME_MAX_BYTES:
                raise Mismatch("mismatch")
        return at + 2

    def parse(self, frame: bytes) -> Identity:
        """Take a whole answer whose CRC is good."""
        objects: dict[int, str] = {}
        at = 8
        for _ in range(frame[7]):
            length = frame[at + 1]
            objects[frame[at]] = _printable(frame[at + 2 : at + 2 + length])
            at += 2 + length
        return Identity(objects.get(0, ""), objects.get(1, ""), objects.get(2, ""))


Request = Read | ReadBits | WriteWords | WriteCoils | ReadIdentity


def answer_length(request: Request, unit: int, frame: bytes | bytearray) -> int | None:
    """Length of the answer that begins `frame`, None while too little of it is here.

    Raises:
        Mismatch: whatever this is, it does not answer `request`.
    """
    if frame[0] != unit:
        raise Mismatch("mismatch")
    if len(frame) < 2:
        return None
    if frame[1] == request.function | EXCEPTION:
        return 5
    if frame[1] != request.function:
        raise Mismatch("mismatch")
    return request.frame_length(frame)


def parse_answer(request: Request, frame: bytes) -> Answer:
    """Decode a whole answer, its length as `answer_length` gave it.

    Raises:
        Mismatch: the CRC is wrong.
    """
    if not sealed(frame):
        raise Mismatch("crc")
    if frame[1] & EXCEPTION:
        return Refusal(frame[2])
    return request.parse(frame)


def _printable(raw: bytes) -> str:
    return "".join(chr(byte) for byte in raw[:64] if 0x20 <= byte < 0x7F).strip()
