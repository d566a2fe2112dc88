"""PN532 on a high-speed UART (NXP UM0701-02 6.2 and 7): frames, acknowledgement, retries.

Sans-IO. One command is under way at a time: frame out, ACK in, answer in. A frame that
arrives damaged is asked for again by NACK; a command without ACK is sent again. What the
commands mean is in `pn532_commands`.

Normal frame    00 00 FF LEN LCS TFI PD.. DCS 00
Extended frame  00 00 FF FF FF LENM LENL LCS TFI PD.. DCS 00
ACK 00 00 FF 00 FF 00, NACK 00 00 FF FF 00 00, error 00 00 FF 01 FF 7F 81 00
"""

from __future__ import annotations

from enum import Enum, auto
from zlib import adler32

from drivers.errors import DeviceRefused, NoAnswer, ProtocolViolation
from drivers.ports import Output, SetBaud, Write

ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
START = b"\x00\xff"
WAKE_UP = b"\x55\x55" + bytes(14)
"""Long enough a preamble for the chip to leave power-down (UM0701-02, 7.2.11)."""

TO_PN532 = 0xD4
FROM_PN532 = 0xD5
ERROR_TFI = 0x7F
MAX_PACKET = 265
ACK_TIMEOUT_NS = 250_000_000
"""The PN532 acknowledges within a millisecond, and carries out twice what it is sent twice."""

MAX_SENDS = 3
MAX_NACKS = 3
MAX_NOISE = 4096
MS = 1_000_000


class State(Enum):
    """Where the one command under way stands."""

    IDLE = auto()
    AWAIT_ACK = auto()
    AWAIT_ANSWER = auto()


def byte_sum(packet: bytes) -> int:
    """Sum of all bytes, modulo 256, of at most 512.

    The lower half of an Adler-32 begun at 0 is the sum modulo 65,521, which 256 bytes do not
    reach: ten times as fast as adding byte by byte in Python.
    """
    if len(packet) <= 256:
        return adler32(packet, 0) & 0xFF
    return (adler32(packet[:256], 0) + adler32(packet[256:], 0)) & 0xFF


def frame(packet: bytes) -> bytes:
    """Frame a packet that begins with its TFI; extended above 255 bytes."""
    size = len(packet)
    checksum = -byte_sum(packet) & 0xFF
    if size <= 255:
        head = bytes([size, -size & 0xFF])
    else:
        head = bytes([0xFF, 0xFF, size >> 8, size & 0xFF, -((size >> 8) + (size & 0xFF)) & 0xFF])
    return b"\x00" + START + head + packet + bytes([checksum, 0])


class Pn532Link:
    """Carries one command at a time to the PN532 and its answer back.

    Attributes:
        resent, nacks: counters of repairs, for diagnosis.
    """

    def __init__(self, port: str) -> None:
        self.resent = 0
        self.nacks = 0
        self.due_ns: int | None = None
        self._port = port
        self._state = State.IDLE
        self._buffer = bytearray()
        self._out: list[Output] = []
        self._frame = b""
        self._code = 0
        self._sends = 0
        self._nacks = 0
        self._noise = 0
        self._timeout_ns = 0

    @property
    def busy(self) -> bool:
        """Whether a command is under way."""
        return self._state is not State.IDLE

    def request(self, data: bytes, timeout_ms: int, now_ns: int, *, wake: bool = False) -> None:
        """Send a command (code and parameters); its answer comes from `receive`.

        Raises:
            ProtocolViolation: the command is longer than a frame holds.
        """
        packet = bytes([TO_PN532]) + data
        if not data or len(packet) > MAX_PACKET:
            raise ProtocolViolation(f"PN532 command of {len(packet)} bytes")
        self._frame = (WAKE_UP if wake else b"") + frame(packet)
        self._code = data[0]
        self._timeout_ns = timeout_ms * MS
        self._sends = self._nacks = self._noise = 0
        self._buffer.clear()
        self._send(now_ns)

    def change_baud(self, baud: int, *, confirm: bool) -> None:
        """Change our speed after all that was written; `confirm` acknowledges the answer first."""
        if confirm:
            self._out.append(Write(self._port, ACK))
        self._out.append(SetBaud(self._port, baud))

    def abort(self) -> None:
        """Give the command up; an ACK makes the PN532 drop it too (UM0701-02, 6.2.1.6)."""
        if self.busy:
            self._out.append(Write(self._port, ACK))
        self.reset()

    def reset(self) -> None:
        """Forget the command under way and any bytes held."""
        self._state = State.IDLE
        self._buffer.clear()
        self.due_ns = None

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        out, self._out = self._out, []
        return out

    def receive(self, data: bytes, now_ns: int) -> bytes | None:
        """Take bytes; give the answer's data after its code, when it is whole.

        Raises:
            ProtocolViolation: noise or damaged frames beyond the limits.
            DeviceRefused: the PN532 does not know the command.
        """
        if self._state is State.IDLE:
            return None
        if data == ACK and not self._buffer:  # every command's first answer, nearly always whole
            self._buffer += data[-1:]  # its postamble is looked at with what comes next
            return self._accept(b"", now_ns)
        self._buffer += data
        while True:
            found = self._next_frame(now_ns)
            if found is None:
                return None
            answer = self._accept(found, now_ns)
            if answer is not None:
                self.reset()
                return answer

    def expire(self, now_ns: int) -> None:
        """The time has come: send again, or give up.

        Raises:
            NoAnswer: neither ACK nor answer came.
        """
        if self.due_ns is None or now_ns < self.due_ns:
            return
        if self._state is State.AWAIT_ACK and self._sends < MAX_SENDS:
            self.resent += 1
            self._buffer.clear()
            self._send(now_ns)
            return
        if self._state is State.AWAIT_ANSWER and self._nacks < MAX_NACKS:
            # The answer's very head may have been hit, so that nothing looked like a frame.
            self._ask_again(now_ns + ACK_TIMEOUT_NS)
            return
        awaited = "ACK" if self._state is State.AWAIT_ACK else "answer"
        code = self._code
        self.abort()
        raise NoAnswer(f"PN532: no {awaited} to command {code:02X}")

    def _send(self, now_ns: int) -> None:
        self._sends += 1
        self._out.append(Write(self._port, self._frame))
        self._state = State.AWAIT_ACK
        self.due_ns = now_ns + ACK_TIMEOUT_NS

    def _next_frame(self, now_ns: int) -> bytes | None:
        """The next whole frame's packet: empty for ACK, one byte FF for NACK; None: wait."""
        buffer = self._buffer
        while True:
            start = buffer.find(START)
            if start < 0:
                self._skip(max(0, len(buffer) - 1))
                return None
            if start:
                self._skip(start)
            if len(buffer) < 4:
                return None
            size, checksum, head = buffer[2], buffer[3], 4
            if size == 0x00 and checksum == 0xFF:
                del buffer[:4]
                return b""
            if size == 0xFF and checksum == 0x00:
                del buffer[:4]
                return b"\xff"
            if size == 0xFF and checksum == 0xFF:
                if len(buffer) < 7:
                    return None
                size, head = buffer[4] << 8 | buffer[5], 7
                checksum = (buffer[6] + (buffer[4] + buffer[5] - size)) & 0xFF
            if (size + checksum) & 0xFF or not 1 <= size <= MAX_PACKET:
                self._skip(2)
                self._damaged(now_ns)
                continue
            end = head + size
            if len(buffer) <= end:
                return None
            checked = bytes(buffer[head : end + 1])
            del buffer[: end + 1]
            if byte_sum(checked) == 0:
                return checked[:-1]
            self._damaged(now_ns)

    def _skip(self, count: int) -> None:
        if not count:
            return
        # Preamble and postamble zeros are no noise.
        skipped = self._buffer[:count]
        self._noise += len(skipped) - skipped.count(0)
        del self._buffer[:count]
        if self._noise > MAX_NOISE:
            self._give_up(f"PN532: more than {MAX_NOISE} bytes outside any frame")

    def _damaged(self, now_ns: int) -> None:
        """A frame was hit: while an answer is awaited, ask for it again."""
        if self._state is not State.AWAIT_ANSWER:
            return
        if self._nacks >= MAX_NACKS:
            self._give_up("PN532: answers keep arriving damaged")
        self._ask_again(now_ns + self._timeout_ns)

    def _ask_again(self, due_ns: int) -> None:
        self._nacks += 1
        self.nacks += 1
        self._buffer.clear()
        self._out.append(Write(self._port, NACK))
        self.due_ns = due_ns

    def _accept(self, packet: bytes, now_ns: int) -> bytes | None:
        if packet == b"":
            if self._state is State.AWAIT_ACK:
                self._state = State.AWAIT_ANSWER
                self.due_ns = now_ns + self._timeout_ns
            return None
        if packet == b"\xff":
            if self._sends >= MAX_SENDS:
                self._give_up("PN532: refuses every frame")
            self.resent += 1
            self._send(now_ns)
            return None
        if packet[0] == ERROR_TFI:
            code = self._code
            self.reset()
            raise DeviceRefused(f"PN532: does not accept command {code:02X}")
        if packet[0] != FROM_PN532 or len(packet) < 2 or packet[1] != self._code + 1:
            return None  # an answer to something given up earlier
        # An answer says that the command arrived, even where its ACK was lost.
        return packet[2:]

    def _give_up(self, diagnosis: str) -> None:
        self.abort()
        raise ProtocolViolation(diagnosis)
