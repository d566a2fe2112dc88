"""The card's side of vsmartcard's virtual reader: frames of two bytes of length over TCP.

A frame of one byte is a control: 0 off, 1 on, 2 reset, 4 asks for the answer to reset; any
other frame is a command APDU. Controls but the last are not answered. There is no word for a
chip that falls silent, and vpcd waits for its answer without end: it has to be taken away.
Sans-IO.
"""

from __future__ import annotations

from sim.chip.card import Chip

ANSWER_TO_RESET = bytes.fromhex("3B80800101")
"""What a PC/SC reader makes of a contactless card of ISO/IEC 14443-4 without historical bytes
(PC/SC part 3, 3.1.3.2.3)."""

_OFF, _ON, _RESET, _ASK = 0, 1, 2, 4


class VpcdCard:
    """Takes the reader's bytes, gives the card's; a response waits for `due_ns`.

    Attributes:
        gone: the chip has not answered a command: hang up.
    """

    def __init__(self, chip: Chip) -> None:
        self.gone = False
        self._chip = chip
        self._in = bytearray()
        self._out = bytearray()
        self._pending: bytes | None = None
        self._due_ns: int | None = None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when nothing is awaited."""
        return self._due_ns

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the reader, in pieces of any size; a length bounds each frame to 64 KiB."""
        self._in += data
        while len(self._in) >= 2:
            size = int.from_bytes(self._in[:2], "big")
            if len(self._in) < 2 + size:
                return
            frame = bytes(self._in[2 : 2 + size])
            del self._in[: 2 + size]
            self._frame(frame, now_ns)

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come: the response goes out."""
        if self._pending is not None and self._due_ns is not None and now_ns >= self._due_ns:
            self._send(self._pending)
            self._pending = self._due_ns = None

    def output(self) -> bytes:
        """Take what the card sends now."""
        taken = bytes(self._out)
        self._out.clear()
        return taken

    def _frame(self, frame: bytes, now_ns: int) -> None:
        if len(frame) > 1:
            response, chip_ns = self._chip.transmit(frame)
            self.gone = response is None
            self._pending, self._due_ns = response, now_ns + chip_ns if response else None
        elif frame in (bytes([_OFF]), bytes([_ON]), bytes([_RESET])):
            self._pending = self._due_ns = None
            self._chip.power_up()
        elif frame == bytes([_ASK]):
            self._send(ANSWER_TO_RESET)

    def _send(self, frame: bytes) -> None:
        self._out += len(frame).to_bytes(2, "big") + frame
