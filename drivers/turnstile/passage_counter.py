"""A device's counter of passages, from one complete poll to the next.

A counter wraps at its own width. A step that no lane can make between two polls is another
counter, a device that started again, or a passage the wrong way on a counter that runs back:
the value is unknown until the next poll agrees with it.
"""

from __future__ import annotations

STEP_MAX = 100
"""Passages between two polls; more is another counter, not this one."""


def passages_between(before: int, now: int, bits: int) -> int:
    """Passages from one value to the next of a counter that is `bits` wide."""
    return (now - before) % (1 << bits)


def counter_read(now: int, before: int | None, bits: int) -> int | None:
    """The value of this poll; None where it does not follow from the one before."""
    if before is not None and passages_between(before, now, bits) > STEP_MAX:
        return None
    return now
