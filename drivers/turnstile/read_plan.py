"""Which reads make up a poll of registers, so that an answer out of place is noticed.

Neighbouring registers are read in one request, so counters cannot tear. Consecutive reads
differ in length and the probe differs from all (see `drivers.turnstile.modbus_master`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.turnstile.modbus_requests import Read, Registers


class ReadPlan:
    """The reads of one poll.

    Args:
        spans: address and width in words of everything that is read.
        glance: first and last register of what is read back after a write.

    Attributes:
        probe: the read that proves that nothing older can still arrive.
        sequence: the reads of one poll in order; the probe is the last.
        glance: the shortest read of the registers to be read back whose length no other has;
            None where there is none.
    """

    def __init__(self, spans: Iterable[tuple[int, int]], glance: tuple[int, int]) -> None:
        blocks = _blocks(spans)
        self.probe = _probe(blocks)
        sequence: list[Read] = []
        for block in blocks:
            if sequence and sequence[-1].count == block.count:
                sequence.append(self.probe)
            sequence.append(block)
        self.sequence: tuple[Read, ...] = (*sequence, self.probe)
        self.glance = _glance(glance, blocks, self.probe)

    def words(self, answers: Sequence[Registers]) -> dict[int, int] | None:
        """Every register of a poll by address; None when two reads of one register disagree."""
        words: dict[int, int] = {}
        for answer in answers:
            for offset, word in enumerate(answer.words):
                if words.setdefault(answer.address + offset, word) != word:
                    return None
        return words


def _blocks(spans: Iterable[tuple[int, int]]) -> list[Read]:
    blocks: list[Read] = []
    for address, width in sorted(spans):
        last = blocks[-1] if blocks else None
        if last is not None and address <= last.address + last.count:
            count = max(last.count, address + width - last.address)
            blocks[-1] = Read(last.address, count)
        else:
            blocks.append(Read(address, width))
    return blocks


def _probe(blocks: list[Read]) -> Read:
    """The shortest part of the longest block, two words or more, of a length not in use."""
    longest = max(blocks, key=lambda block: block.count)
    used = {block.count for block in blocks}
    count = next((n for n in range(2, longest.count) if n not in used), longest.count + 1)
    return Read(longest.address, count)


def _glance(span: tuple[int, int], blocks: list[Read], probe: Read) -> Read | None:
    """The shortest read of the span whose length is not in use; None where there is none.

    It reaches no further than the block does that it is a part of: what lies beyond a map may
    not be there to be read.
    """
    first, last = span
    used = {block.count for block in blocks} | {probe.count}
    for block in blocks:
        end = block.address + block.count
        if block.address <= first and last < end:
            for count in range(last - first + 1, end - first + 1):
                if count not in used:
                    return Read(first, count)
    return None
