"""Time on the air between a PN532 and a passport: ISO/IEC 14443-3 type A and 14443-4."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

RATES_KBIT_S = (106, 212, 424)
_BITS_PER_BYTE = 9  # eight and odd parity
_BLOCK_OVERHEAD = 3  # protocol control byte and CRC_A
_FRAME_BITS = 3  # start and end of a frame


@dataclass(frozen=True)
class AirTiming:
    """What an exchange costs besides the chip's own computation.

    Attributes:
        chip_to_reader_block: the PN532's frame size (FSD): 64 bytes, its RATS says so.
        reader_to_chip_block: the chip's frame size (FSC), from its answer to select.
        turnaround_ns: frame delay and firmware between two blocks.
        activation_ns: REQA to answer to select, with the chip's start-up guard time.
        poll_ns: one unanswered attempt to find a chip.
        no_answer_ns: how long the PN532 waits, retries included, before it reports silence.
        command_ns: the firmware's own time for any command.
    """

    chip_to_reader_block: int = 64
    reader_to_chip_block: int = 256
    turnaround_ns: int = 250_000
    activation_ns: int = 14_000_000
    poll_ns: int = 6_000_000
    no_answer_ns: int = 310_000_000
    command_ns: int = 300_000

    def to_chip_ns(self, size: int, rate_kbit_s: int) -> int:
        """A command (or a part of one) of `size` bytes, block acknowledgements included."""
        return _blocks_ns(size, self.reader_to_chip_block, rate_kbit_s, self.turnaround_ns)

    def to_reader_ns(self, size: int, rate_kbit_s: int) -> int:
        """A response (or a part of one) of `size` bytes, block acknowledgements included."""
        return _blocks_ns(size, self.chip_to_reader_block, rate_kbit_s, self.turnaround_ns)


@lru_cache(4_096)  # a few sizes of blocks make up every reading
def _blocks_ns(size: int, block: int, rate_kbit_s: int, turnaround_ns: int) -> int:
    room = block - _BLOCK_OVERHEAD
    blocks = max(1, -(-size // room))
    acknowledgements = blocks - 1
    data = size + blocks * _BLOCK_OVERHEAD + acknowledgements * _BLOCK_OVERHEAD
    frames = blocks + acknowledgements
    bits = data * _BITS_PER_BYTE + frames * _FRAME_BITS
    return bits * 1_000_000 // rate_kbit_s + frames * turnaround_ns
