"""The PN532 seen from its serial line (NXP UM0701-02, chapter 6): the simulated chip reader.

Sans-IO: bytes of the high speed UART and time in, bytes and the next due time out. The
caller models the line itself; this models what the PN532, the air and the chip take.
A PN532 is asleep after power-up and ignores everything before five rising edges on its line, as
one byte 55 or five bytes 00 have them (7.2.11); it does not activate chips before
SAMConfiguration. It never sends NACK: a broken frame gets no ACK.
"""

from __future__ import annotations

from sim.chip.air import AirTiming
from sim.chip.card import Chip
from sim.chip.keys import Random
from sim.chip.other_card import OtherCard
from sim.chip.pn532_firmware import Pn532Firmware
from sim.chip.pn532_frames import (
    ACK_FRAME,
    ERROR_FRAME,
    FROM_HOST,
    TO_HOST,
    Control,
    FrameReader,
    encode,
)
from sim.chip.pn532_job import STATUS_TIMEOUT, Job

WAKE_UP_EDGES = 5
STALE_NS = 100_000_000
"""A frame that stops for so long is given up, so that the next host is answered."""


def rising_edges(byte: int) -> int:
    """How often the line goes up in one byte: start bit 0, eight bits, lowest first, stop bit 1."""
    line = byte << 1 | 1 << 9
    return (line & ~(line << 1)).bit_count()


class Pn532Peer:
    """A PN532 on a serial line, with room for one chip in its field.

    Args:
        random: identifiers for anticollision are drawn from it.
        timing: what the air and the firmware take.
        lost_status: error reported for a chip that left in an exchange: 01 as for type A,
            or 29 or 2B, which other firmware reports.
    """

    def __init__(
        self,
        random: Random,
        timing: AirTiming | None = None,
        *,
        lost_status: int = STATUS_TIMEOUT,
    ) -> None:
        self._firmware = Pn532Firmware(random, timing or AirTiming(), lost_status)
        self._frames = FrameReader()
        self._out = bytearray()
        self._job: Job | None = None
        self._last_frame = ERROR_FRAME
        self._baud = 115_200
        self._next_baud: int | None = None
        self._asleep = True
        self._edges = 0
        self._received_ns = 0

    @property
    def baud(self) -> int:
        """The line speed the PN532 listens and talks at."""
        return self._baud

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when nothing is awaited."""
        job = self._job
        return None if job is None else job.due_ns

    def put_chip(self, chip: Chip, now_ns: int) -> None:
        """A document comes into the field."""
        self._job = self._firmware.put_chip(chip, self._job, now_ns)

    def put_beside(self, *cards: OtherCard) -> None:
        """Other cards lie with the document from now on."""
        self._firmware.put_beside(*cards)

    def remove_chip(self, now_ns: int) -> None:
        """The document leaves the field; an exchange under way ends with silence."""
        self._job = self._firmware.remove_chip(self._job, now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the host, in pieces of any size."""
        if now_ns - self._received_ns > STALE_NS:
            self._frames = FrameReader()
        self._received_ns = now_ns
        if self._asleep:
            data = self._woken(data)
        for item in self._frames.feed(data):
            if item is Control.ACK:
                self._acknowledged()
            elif item is Control.NACK:
                self._out += self._last_frame
            elif isinstance(item, bytes):
                self._packet(item, now_ns)

    def _woken(self, data: bytes) -> bytes:
        """Count rising edges until they suffice; what is received from then on."""
        for at, byte in enumerate(data):
            self._edges += rising_edges(byte)
            if self._edges >= WAKE_UP_EDGES:
                self._asleep, self._edges = False, 0
                return data[at + 1 :]
        return b""

    def output(self) -> bytes:
        """Take what the PN532 sends now."""
        if not self._out:
            return b""
        taken = bytes(self._out)
        self._out.clear()
        return taken

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come: the answer goes out."""
        job = self._job
        if job is None or job.due_ns is None or now_ns < job.due_ns:
            return
        self._job = None
        self._next_baud = job.baud
        self._send(encode(bytes((TO_HOST,)) + job.packet))
        if job.sleeps:
            self._asleep = True

    def _acknowledged(self) -> None:
        """The host's ACK confirms a change of speed, or aborts the present command (6.2.1.3)."""
        if self._next_baud is not None:
            self._baud, self._next_baud = self._next_baud, None
        self._job = None

    def _packet(self, packet: bytes, now_ns: int) -> None:
        """Acknowledge a command and begin it; a new one replaces one under way."""
        self._out += ACK_FRAME
        self._job = self._next_baud = None
        if packet[0] == FROM_HOST and len(packet) > 1:
            self._job = self._firmware.start(packet[1:], now_ns)
        if self._job is None:
            self._send(ERROR_FRAME)

    def _send(self, frame: bytes) -> None:
        self._last_frame = frame
        self._out += frame
