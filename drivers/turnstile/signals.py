"""From registers to the plant: what is read in one poll, and what it means.

Meaning of the registers (the vendor's map, addresses in `firmware_cfg.profile.RegisterMap`):

- authorise: 0 closed, n = n passages released, 0xFFFF free passage. A direction with
  anything released is reported OPEN, with nothing released CLOSED.
- zone: objects that the light curtain of this side sees. The sum of both sides is the
  zone: 0 EMPTY, 1 ONE, more MANY; a count no lane can hold is UNKNOWN.
- counters: 32 bits in two registers, low word first, wrapping.
- error: 0 is none. It is the device's only word about an obstruction or an opened
  housing: at 0 both are CLEAR, at anything else both are UNKNOWN.
- mode: 0 normal, 1 blocked, 2 antipanic. Antipanic is what fire looks like from here:
  the exit is OPEN whatever its register says, and a closed entry is not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.turnstile.rtu import Read, Registers, WriteWords
from drivers.types import Door, Flag, Plant, Zone
from firmware_cfg.profile import RegisterMap

MODE_NORMAL = 0
MODE_BLOCKED = 1
MODE_ANTIPANIC = 2
FREE = 0xFFFF
ZONE_MAX = 20
COUNTER_MODULO = 1 << 32
COUNTER_STEP_MAX = 100  # passages between two polls; more is another counter, not this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The registers of one complete poll, that began at `at_ns`."""

    at_ns: int
    authorise_exit: int
    authorise_entry: int
    zone_exit: int
    zone_entry: int
    counter_exit: int
    counter_entry: int
    error: int
    mode: int

    def exits_since(self, before: Reading) -> int:
        """Completed passages in the exit direction since `before`."""
        return (self.counter_exit - before.counter_exit) % COUNTER_MODULO


class ReadPlan:
    """Which reads make up a poll, and the probe that closes it.

    Neighbouring registers are read in one request, so counters cannot tear. Consecutive
    reads differ in length and the probe differs from all, so that an answer out of place
    is noticed (see `drivers.turnstile.modbus`).
    """

    def __init__(self, registers: RegisterMap) -> None:
        self._map = registers
        blocks = _blocks(registers)
        self.probe = _probe(blocks)
        sequence: list[Read] = []
        for block in blocks:
            if sequence and sequence[-1].count == block.count:
                sequence.append(self.probe)
            sequence.append(block)
        self.sequence: tuple[Read, ...] = (*sequence, self.probe)
        self.glance = _glance(registers, blocks, self.probe)

    def reading(self, at_ns: int, answers: Sequence[Registers]) -> Reading | None:
        """Put a poll together; None when two reads of the same register disagree."""
        words: dict[int, int] = {}
        for answer in answers:
            for offset, word in enumerate(answer.words):
                if words.setdefault(answer.address + offset, word) != word:
                    return None
        at = self._map
        return Reading(
            at_ns=at_ns,
            authorise_exit=words[at.authorise_exit],
            authorise_entry=words[at.authorise_entry],
            zone_exit=words[at.zone_exit],
            zone_entry=words[at.zone_entry],
            counter_exit=words[at.counter_exit] | words[at.counter_exit + 1] << 16,
            counter_entry=words[at.counter_entry] | words[at.counter_entry + 1] << 16,
            error=words[at.error],
            mode=words[at.mode],
        )

    def held(self, glance: Registers) -> tuple[int, int]:
        """What a glance says is released: exit, entry."""
        return glance.word(self._map.authorise_exit), glance.word(self._map.authorise_entry)

    def release_exit(self) -> WriteWords:
        """Release one passage in the exit direction."""
        return WriteWords(self._map.authorise_exit, (1,))

    def withdraw_all(self) -> tuple[WriteWords, ...]:
        """Withdraw every release, in one request where the registers are neighbours."""
        leave, come = self._map.authorise_exit, self._map.authorise_entry
        if abs(leave - come) == 1:
            return (WriteWords(min(leave, come), (0, 0)),)
        return (WriteWords(leave, (0,)), WriteWords(come, (0,)))


def plant_of(reading: Reading, before: Reading | None) -> Plant:
    """What a reading says of the lane; `before` is the reading before it.

    A counter that jumped or ran backwards is None until the next reading agrees with it.
    """
    fire = {MODE_NORMAL: Flag.CLEAR, MODE_BLOCKED: Flag.CLEAR, MODE_ANTIPANIC: Flag.ACTIVE}.get(
        reading.mode, Flag.UNKNOWN
    )
    leave = _door(reading.authorise_exit)
    come = _door(reading.authorise_entry)
    if fire is not Flag.CLEAR:
        leave = Door.OPEN if fire is Flag.ACTIVE else Door.UNKNOWN
        come = Door.UNKNOWN if come is Door.CLOSED else come
    self_report = Flag.CLEAR if reading.error == 0 else Flag.UNKNOWN
    return Plant(
        read_at_ns=reading.at_ns,
        entry=come,
        exit=leave,
        zone=_zone(reading.zone_exit, reading.zone_entry),
        obstruction=self_report,
        fire=fire,
        tamper=self_report,
        passages_entry=_counter(reading.counter_entry, before.counter_entry if before else None),
        passages_exit=_counter(reading.counter_exit, before.counter_exit if before else None),
        fault_code=reading.error,
    )


def judge_release(before: Reading, after: Reading | None, *, acknowledged: bool) -> str | None:
    """Judge a release by reading back: "" is done, None to write again, else what is wrong."""
    if after is None:
        return "written, but what the turnstile holds could not be read back"
    passed = after.exits_since(before)
    if (after.authorise_exit, passed) in {(1, 0), (0, 1)}:
        return ""
    if passed or after.authorise_exit:
        return "what the turnstile holds is not what was written"
    return "acknowledged, but the turnstile holds no release" if acknowledged else None


def _door(authorised: int) -> Door:
    return Door.CLOSED if authorised == 0 else Door.OPEN


def _zone(*objects: int) -> Zone:
    if any(count > ZONE_MAX for count in objects):
        return Zone.UNKNOWN
    total = sum(objects)
    return {0: Zone.EMPTY, 1: Zone.ONE}.get(total, Zone.MANY)


def _counter(now: int, before: int | None) -> int | None:
    if before is not None and (now - before) % COUNTER_MODULO > COUNTER_STEP_MAX:
        return None
    return now


def _blocks(registers: RegisterMap) -> list[Read]:
    spans = sorted(
        (
            (registers.authorise_exit, 1),
            (registers.authorise_entry, 1),
            (registers.zone_exit, 1),
            (registers.zone_entry, 1),
            (registers.counter_exit, 2),
            (registers.counter_entry, 2),
            (registers.error, 1),
            (registers.mode, 1),
        )
    )
    blocks: list[Read] = []
    for address, width in spans:
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


def _glance(registers: RegisterMap, blocks: list[Read], probe: Read) -> Read | None:
    """The shortest read of both authorise registers whose length is not in use; None if none.

    It reaches no further than the block does that it is a part of: what lies beyond a map may
    not be there to be read.
    """
    first = min(registers.authorise_exit, registers.authorise_entry)
    last = max(registers.authorise_exit, registers.authorise_entry)
    used = {block.count for block in blocks} | {probe.count}
    for block in blocks:
        end = block.address + block.count
        if block.address <= first and last < end:
            for count in range(last - first + 1, end - first + 1):
                if count not in used:
                    return Read(first, count)
    return None
