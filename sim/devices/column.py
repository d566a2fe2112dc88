"""A simulated camera column that speaks VISCA: it takes its time, and no I/O."""

from __future__ import annotations

from collections import deque

END = 0xFF
UNITS_PER_S = 120
ZOOM_PER_S = 0x1000


class SimColumn:
    """A column with a lift and a zoom; `vertical` and `zoom` are where it looks.

    Args:
        address: 1 to 7.
        latency_us: from a message to its first answer.
    """

    def __init__(self, *, address: int = 1, latency_us: int = 16_000) -> None:
        self.vertical = 0
        self.zoom = 0
        self.backlight = False
        self.moves = 0
        self.refuses: int | None = None
        self._address = address
        self._latency_ns = latency_us * 1_000
        self._frozen = False
        self._buffer = bytearray()
        self._answers: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()

    def freeze(self, *, frozen: bool) -> None:
        """Stop answering, or answer again."""
        self._frozen = frozen

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        return self._answers[0][0] if self._answers else None

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived."""
        self._buffer += data
        while END in self._buffer:
            end = self._buffer.index(END) + 1
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            if not self._frozen:
                self._obey(message, now_ns)

    def expire(self, now_ns: int) -> None:
        """Let time pass."""
        while self._answers and self._answers[0][0] <= now_ns:
            self._out += self._answers.popleft()[1]

    def output(self) -> bytes:
        """Take what leaves."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def _obey(self, message: bytes, now_ns: int) -> None:
        body = message[1:-1]
        if message[0] == 0x88:
            answer = (0x30, self._address + 1) if body[0] == 0x30 else tuple(body)
            self._say(now_ns, 0x88, *answer)
        elif message[0] == 0x80 | self._address and body[0] == 0x09:
            self._inquiry(body, now_ns)
        elif message[0] == 0x80 | self._address and body[0] == 0x01:
            self._command(body, now_ns)

    def _inquiry(self, body: bytes, now_ns: int) -> None:
        held = {
            b"\x09\x00\x02": (0x00, 0x01, 0x05, 0x19, 0x01, 0x02, 0x02),
            b"\x09\x06\x12": (*_nibbles(0), *_nibbles(self.vertical)),
            b"\x09\x04\x47": _nibbles(self.zoom),
        }.get(body)
        if held is None:
            self._reply(now_ns, 0x60, 0x02)
        else:
            self._reply(now_ns, 0x50, *held)

    def _command(self, body: bytes, now_ns: int) -> None:
        if self.refuses is not None:
            self._reply(now_ns, 0x61, self.refuses)
            return
        takes_ns = 0
        if body[:3] == b"\x01\x04\x33":
            self.backlight = body[3] == 0x02
        elif body[:3] == b"\x01\x04\x47":
            wanted = _value(body[3:7])
            takes_ns = abs(wanted - self.zoom) * 1_000_000_000 // ZOOM_PER_S
            self.zoom, self.moves = wanted, self.moves + 1
        elif body[:3] == b"\x01\x06\x02":
            wanted = _value(body[9:13])
            wanted -= 0x10000 if wanted >= 0x8000 else 0
            takes_ns = abs(wanted - self.vertical) * 1_000_000_000 // UNITS_PER_S
            self.vertical, self.moves = wanted, self.moves + 1
        else:
            self._reply(now_ns, 0x60, 0x02)
            return
        self._reply(now_ns, 0x41)
        self._reply(now_ns + takes_ns, 0x51)

    def _reply(self, now_ns: int, *body: int) -> None:
        self._say(now_ns, 0x80 | self._address << 4, *body)

    def _say(self, now_ns: int, *body: int) -> None:
        self._answers.append((now_ns + self._latency_ns, bytes((*body, END))))


def _nibbles(value: int) -> tuple[int, ...]:
    return tuple(value >> shift & 0xF for shift in (12, 8, 4, 0))


def _value(nibbles: bytes) -> int:
    value = 0
    for nibble in nibbles:
        value = value << 4 | nibble
    return value
