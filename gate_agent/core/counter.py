"""The counters of passages: what is known of them, and how many passages lie between two values.

A counter wraps at the width that the driver reports (`Plant.counter_bits`). What a lane cannot have
let through in the time between two readings is no number of passages: the counter jumped, ran back
or started again, and the number is unknown.
"""

from __future__ import annotations

import msgspec

from drivers.types import Plant
from gate_agent.core.reasons import Reason

PLAUSIBLE_PASSAGES = 1 << 16
PASSAGES_AT_ONCE = 100
"""Passages that one reading may add, however soon it follows the one before: the drivers' limit."""
PASSAGES_PER_S = 4
"""More than a free passage lets through in one direction."""


class Counters(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Both counters as last known; None before they were.

    `at_ns`: when they were read; None where they were kept from before this start.
    """

    exit: int | None = None
    entry: int | None = None
    bits: int = 32
    at_ns: int | None = None


class Unchecked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Passages that no decision of this lane stands behind, since a supervisor's last note.

    `unknown`: there may have been others, which no counter counted.
    """

    exit: int = 0
    entry: int = 0
    unknown: bool = False

    def plus(self, other: Unchecked) -> Unchecked:
        """Both together."""
        return Unchecked(
            exit=self.exit + other.exit,
            entry=self.entry + other.entry,
            unknown=self.unknown or other.unknown,
        )


class Kept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a journal holds of passages from before a restart; `alarms`: why a note is due."""

    counters: Counters = Counters()
    unchecked: Unchecked = Unchecked()
    note_due: bool = False
    alarms: tuple[Reason, ...] = ()


NOTHING_KEPT = Kept()


def exits_since(baseline: int, plant: Plant) -> int | None:
    """Passages through the exit since `baseline`; None where the counter is unknown or ran back."""
    if plant.passages_exit is None:
        return None
    return passages_since(baseline, plant.passages_exit, plant.counter_bits, PLAUSIBLE_PASSAGES)


def passages_since(known: int | None, now: int | None, bits: int, most: int) -> int | None:
    """Passages between two values of one counter.

    Args:
        known: the value before; with None there is nothing to compare with.
        now: the value now, likewise.
        bits: the width at which the counter wraps.
        most: as many as there may have been.

    Returns:
        0 where there is nothing to compare, None where the counter did not count on.
    """
    if known is None or now is None:
        return 0
    passages = (now - known) % (1 << bits)
    return passages if passages <= min(most, (1 << (bits - 1)) - 1) else None


def most_since(known: Counters, at_ns: int) -> int:
    """As many passages as there may have been since these counters were read."""
    if known.at_ns is None:
        return PLAUSIBLE_PASSAGES
    elapsed_s = max(0, at_ns - known.at_ns) // 1_000_000_000
    return min(PLAUSIBLE_PASSAGES, PASSAGES_AT_ONCE + PASSAGES_PER_S * elapsed_s)


def counters_read(known: Counters, plant: Plant) -> Counters:
    """The counters after a reading; what it does not say stays as last known."""
    if plant.passages_exit is None and plant.passages_entry is None:
        return known
    return Counters(
        exit=known.exit if plant.passages_exit is None else plant.passages_exit,
        entry=known.entry if plant.passages_entry is None else plant.passages_entry,
        bits=plant.counter_bits,
        at_ns=plant.read_at_ns,
    )
