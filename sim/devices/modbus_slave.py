"""The line side of a simulated Modbus RTU slave, without I/O; a subclass is the device behind.

As the standard has it, a request ends with a silence of t3.5 (Modbus over Serial Line V1.02,
2.5.1.1); a broken one, or one for another unit, is not answered.
"""

from __future__ import annotations

from collections import deque

from drivers.turnstile.modbus_requests import EXCEPTION, MEI_IDENTITY
from drivers.turnstile.rtu import FRAME_MAX_BYTES, seal, sealed, silence_ns

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


class Refused(Exception):
    """A request that is answered by an exception response.

    Attributes:
        code: as in the standard's table (Modbus Application Protocol V1.1b3, 7).
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ModbusSlave:
    """One slave on a line.

    Args:
        unit: Modbus address.
        baud: speed of the line, for the silence between frames.
        latency_us: from the end of a request to its answer.
    """

    def __init__(self, unit: int, baud: int, latency_us: int) -> None:
        self._unit = unit
        self._silence_ns = silence_ns(baud)
        self._latency_ns = latency_us * 1_000
        self._frozen = False
        self._buffer = bytearray()
        self._frame_ends_ns: int | None = None
        self._answers: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()

    # --- the device behind --------------------------------------------------------------

    @property
    def changes_ns(self) -> int | None:
        """When the device behind next changes by itself."""
        raise NotImplementedError

    def move(self, now_ns: int) -> None:
        """Let time pass for the device behind."""
        raise NotImplementedError

    def serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        """Answer a good request: everything between function code and check sum.

        Raises:
            Refused: with an exception response.
        """
        raise NotImplementedError

    # --- the line -----------------------------------------------------------------------

    def freeze(self, *, frozen: bool) -> None:
        """Stop answering, or answer again; the device behind works on either way."""
        self._frozen = frozen
        self._buffer.clear()
        self._answers.clear()
        self._frame_ends_ns = None

    @property
    def answering(self) -> bool:
        """Whether a question is being received or answered."""
        return self._frame_ends_ns is not None or bool(self._answers) or bool(self._out)

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self.changes_ns
        frame_ns = self._frame_ends_ns
        if frame_ns is not None:
            # What a request finds is looked up when its answer leaves, as of its end.
            frame_ns += self._latency_ns
            if due_ns is None or frame_ns < due_ns:
                due_ns = frame_ns
        if self._answers and (due_ns is None or self._answers[0][0] < due_ns):
            due_ns = self._answers[0][0]
        return due_ns

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived from the master."""
        self.expire(now_ns)
        if self._frozen or not data:
            return
        self._buffer += data
        del self._buffer[: -(FRAME_MAX_BYTES + 1)]
        self._frame_ends_ns = now_ns + self._silence_ns

    def expire(self, now_ns: int) -> None:
        """Let time pass: the device moves, a request ends, an answer leaves."""
        ended_ns = self._frame_ends_ns
        if ended_ns is not None and now_ns >= ended_ns:
            self._frame_ends_ns = None
            self.move(ended_ns)
            frame = bytes(self._buffer)
            self._buffer.clear()
            answer = self._answer(frame, ended_ns)
            if answer:
                self._answers.append((ended_ns + self._latency_ns, answer))
        self.move(now_ns)
        while self._answers and self._answers[0][0] <= now_ns:
            self._out += self._answers.popleft()[1]

    def output(self) -> bytes:
        """Take what leaves for the master."""
        if not self._out:
            return b""
        out = bytes(self._out)
        self._out.clear()
        return out

    def _answer(self, frame: bytes, now_ns: int) -> bytes:
        if len(frame) > FRAME_MAX_BYTES or not sealed(frame) or frame[0] != self._unit:
            return b""
        function = frame[1]
        try:
            return seal(bytes((self._unit, function)) + self.serve(function, frame[2:-2], now_ns))
        except Refused as refusal:
            return seal(bytes((self._unit, function | EXCEPTION, refusal.code)))


def identity_answer(body: bytes, texts: tuple[str, str, str]) -> bytes:
    """Vendor, product and revision (Modbus Application Protocol V1.1b3, 6.21), basic and streamed.

    Raises:
        Refused: another kind of question than that.
    """
    if len(body) != 3 or body[0] != MEI_IDENTITY:
        raise Refused(ILLEGAL_FUNCTION)
    if body[1] != 0x01:
        raise Refused(ILLEGAL_VALUE)
    objects = b"".join(
        bytes((number, len(text))) + text.encode("ascii") for number, text in enumerate(texts)
    )
    return bytes((MEI_IDENTITY, 0x01, 0x01, 0x00, 0x00, len(texts))) + objects
