"""The chip's side of half-duplex block transmission (ISO/IEC 14443-4, clauses 5 to 8).

What a PN532 does by itself in InDataExchange, a host may do itself through InCommunicateThru:
RATS, PPS, blocks with chaining and waiting time extension. Frames here are without CRC, which
the PN532 adds and takes away.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.chip.card import Chip

ANSWER_TO_SELECT = bytes.fromhex("067877950280")
"""FSC 256, 106 to 848 kbit/s each way, FWI 9, SFGI 5, CID; one historical byte."""

FRAME_WAITING_NS = 4096 * 2**9 * 1_000_000_000 // 13_560_000
"""FWT of FWI 9 (7.2): 155 ms; a chip that needs longer asks for an extension."""

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""FSD by FSDI (5.1)."""

_RATS = 0xE0
_PPS = 0xD0
_CHAINING = 0x10
_HAS_CID = 0x08
_HAS_NAD = 0x04
_LONGEST_EXTENSION = 59
_LONGEST_COMMAND = 65_544
_CRC = 2
_BUSY_NS = FRAME_WAITING_NS * 4 // 5


class Reply(NamedTuple):
    """What the chip sends, and after how many nanoseconds of computing."""

    frame: bytes
    after_ns: int = 0


class BlockChannel:
    """One activation of a chip, from RATS to DESELECT.

    Args:
        chip: takes the APDUs.
        frame_size: FSD where the PN532 has sent RATS itself; None while the chip awaits it.
    """

    def __init__(self, chip: Chip, frame_size: int | None = None) -> None:
        self._chip = chip
        self._frame_size = frame_size or 0
        self._cid = 0
        self._number = 1
        self._command = bytearray()
        self._parts: list[bytes] = []
        self._last = b""
        self._halted = False
        self._thinking_ns = 0
        self._extension = 0

    def receive(self, frame: bytes) -> Reply | None:
        """Take a frame; None where the chip stays silent."""
        if self._halted or not frame:
            return None
        if not self._frame_size:
            return self._select(frame)
        control, cid, rest = self._header(frame)
        if cid is not None and cid != self._cid:
            return None
        if frame[0] & 0xF0 == _PPS:
            return Reply(frame[:1]) if len(frame) in (2, 3) else None
        if control & 0xC2 == 0x02:
            return self._information(control, rest)
        if control & 0xE6 == 0xA2:
            return self._acknowledged(control)
        if control & 0xF7 == 0xC2:
            self._halted = True
            return Reply(frame)
        if control & 0xF7 == 0xF2 and rest and self._extension:
            return self._answered(self._thinking_ns)
        return None

    def _select(self, frame: bytes) -> Reply | None:
        """RATS (5.1); HLTA and whatever else ends the activation without a word."""
        if frame[0] != _RATS or len(frame) != 2 or frame[1] & 0x0F == 0x0F:
            self._halted = True
            return None
        self._frame_size = FRAME_SIZES[min(frame[1] >> 4, 8)]
        self._cid = frame[1] & 0x0F
        return Reply(ANSWER_TO_SELECT)

    @staticmethod
    def _header(frame: bytes) -> tuple[int, int | None, bytes]:
        """Control byte, CID where it is there, information field; NAD is never negotiated."""
        control = frame[0]
        if not control & _HAS_CID or len(frame) < 2:
            return control, None, frame[1:]
        return control, frame[1] & 0x0F, frame[2:]

    def _information(self, control: int, data: bytes) -> Reply | None:
        if control & _HAS_NAD or control & 0x20:
            return None
        self._number ^= 1  # rule D: for each I-block, whatever its number
        self._extension = 0
        self._command += data
        if len(self._command) > _LONGEST_COMMAND:
            self._halted = True
            return None
        if control & _CHAINING:
            return self._block(0xA2, b"", control & _HAS_CID)
        command, self._command = bytes(self._command), bytearray()
        response, computing_ns = self._chip.transmit(command)
        if response is None:
            return None
        room = self._frame_size - _CRC - 1 - bool(control & _HAS_CID)
        self._parts = [response[i : i + room] for i in range(0, len(response), room)]
        self._with_cid = control & _HAS_CID
        return self._answered(computing_ns)

    def _answered(self, needs_ns: int) -> Reply:
        """The response's first block, or a request for more time."""
        granted_ns = _BUSY_NS * max(1, self._extension)
        if needs_ns > granted_ns:
            self._thinking_ns = needs_ns - granted_ns
            wanted = -(-self._thinking_ns // _BUSY_NS)
            self._extension = min(_LONGEST_EXTENSION, wanted)
            self._last = self._framed(0xF2, bytes((self._extension,)), self._with_cid)
            return Reply(self._last, granted_ns)
        self._extension = 0
        return self._next_part(needs_ns)

    def _next_part(self, after_ns: int = 0) -> Reply:
        part = self._parts.pop(0)
        more = _CHAINING if self._parts else 0
        return self._block(0x02 | more, part, self._with_cid, after_ns)

    def _acknowledged(self, control: int) -> Reply | None:
        """R(ACK) and R(NAK): rules 11 to 13 of 7.5.4.3."""
        if control & 1 == self._number or self._extension:
            return Reply(self._last) if self._last else None
        if control & 0x10:
            return Reply(self._framed(0xA2 | self._number, b"", control & _HAS_CID))
        if not self._parts:
            return None
        self._number ^= 1  # rule E
        return self._next_part()

    def _block(self, control: int, data: bytes, with_cid: int, after_ns: int = 0) -> Reply:
        self._last = self._framed(control | self._number, data, with_cid)
        return Reply(self._last, after_ns)

    def _framed(self, control: int, data: bytes, with_cid: int) -> bytes:
        if with_cid:
            return bytes((control | _HAS_CID, self._cid)) + data
        return bytes((control,)) + data
