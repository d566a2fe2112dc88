"""What one complete poll of a turnstile says, in terms of no vendor, and what follows from it.

A register map (`drivers.turnstile.modbus_turnstile.TurnstileMap`) decodes its registers into
a `TurnstileReading`; the plant and the judgement of a release are made from that alone.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from drivers.turnstile.passage_counter import counter_read, passages_between
from drivers.types import Door, Flag, Plant, Zone

FREE_PASSAGE = 0xFFFF
"""Passages released where passage is free."""
ZONE_MAX = 20


class TurnstileMode(Enum):
    """What a turnstile says of its own state. Antipanic is what fire looks like from here."""

    NORMAL = "normal"
    BLOCKED = "blocked"
    ANTIPANIC = "antipanic"
    UNKNOWN = "unknown"


FIRE = {
    TurnstileMode.NORMAL: Flag.CLEAR,
    TurnstileMode.BLOCKED: Flag.CLEAR,
    TurnstileMode.ANTIPANIC: Flag.ACTIVE,
    TurnstileMode.UNKNOWN: Flag.UNKNOWN,
}


class TurnstileReading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One complete poll, that began at `at_ns`.

    Attributes:
        released_exit, released_entry: passages released, `FREE_PASSAGE` where passage is free.
        objects_exit, objects_entry: what each side's light curtain sees.
        counter_exit, counter_entry: completed passages, wrapping.
        counter_bits: the width of both counters.
        error: the device's own number, 0 is none.
        mode: the device's state.
    """

    at_ns: int
    released_exit: int
    released_entry: int
    objects_exit: int
    objects_entry: int
    counter_exit: int
    counter_entry: int
    error: int
    mode: TurnstileMode
    counter_bits: int = 32

    @property
    def nothing_released(self) -> bool:
        """Whether no passage is released in either direction."""
        return self.released_exit == self.released_entry == 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing is released, no one is inside, and the device reports nothing."""
        return (
            self.nothing_released
            and self.objects_exit == self.objects_entry == 0
            and self.mode is TurnstileMode.NORMAL
            and self.error == 0
        )

    def exits_since(self, before: TurnstileReading) -> int:
        """Completed passages in the exit direction since `before`."""
        return passages_between(before.counter_exit, self.counter_exit, self.counter_bits)


def plant_of(reading: TurnstileReading, before: TurnstileReading | None) -> Plant:
    """What a reading says of the lane; `before` is the reading before it.

    - A direction with anything released is OPEN, with nothing released CLOSED.
    - The zone is the sum of both sides; a count that no lane can hold is UNKNOWN.
    - The error is the device's only word about an obstruction or an opened housing: at 0
      both are CLEAR, at anything else both are UNKNOWN.
    - In antipanic the exit is OPEN whatever is released, and a closed entry is not trusted.
    - A counter that jumped or ran backwards is None until the next reading agrees with it.
    """
    fire = FIRE[reading.mode]
    leave = _door(reading.released_exit)
    come = _door(reading.released_entry)
    if fire is not Flag.CLEAR:
        leave = Door.OPEN if fire is Flag.ACTIVE else Door.UNKNOWN
        come = Door.UNKNOWN if come is Door.CLOSED else come
    bits = reading.counter_bits
    self_report = Flag.CLEAR if reading.error == 0 else Flag.UNKNOWN
    return Plant(
        read_at_ns=reading.at_ns,
        entry=come,
        exit=leave,
        zone=_zone(reading.objects_exit, reading.objects_entry),
        obstruction=self_report,
        fire=fire,
        tamper=self_report,
        passages_entry=counter_read(
            reading.counter_entry, before.counter_entry if before else None, bits
        ),
        passages_exit=counter_read(
            reading.counter_exit, before.counter_exit if before else None, bits
        ),
        counter_bits=bits,
        fault_code=reading.error,
    )


def judge_release(
    before: TurnstileReading, after: TurnstileReading | None, *, acknowledged: bool
) -> str | None:
    """Judge a release by reading back: "" is done, None to write again, else what is wrong."""
    if after is None:
        return "written, but what the turnstile holds could not be read back"
    passed = after.exits_since(before)
    if (after.released_exit, passed) in {(1, 0), (0, 1)}:
        return ""
    if passed or after.released_exit:
        return "what the turnstile holds is not what was written"
    return "acknowledged, but the turnstile holds no release" if acknowledged else None


def _door(released: int) -> Door:
    return Door.CLOSED if released == 0 else Door.OPEN


def _zone(leaving: int, coming: int) -> Zone:
    if leaving > ZONE_MAX or coming > ZONE_MAX:
        return Zone.UNKNOWN
    return (Zone.EMPTY, Zone.ONE)[leaving + coming] if leaving + coming < 2 else Zone.MANY
