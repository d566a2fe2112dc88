"""Long runs of dlib's integers, read all at once.

An integer is a control byte (bit 7 the sign, low nibble a count) and that many bytes, so where
one begins is known only from the one before. Walks from any byte synchronise with the true
one after a few integers: many are walked side by side, then joined where the true one enters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biometrics.errors import WeightsMalformed

STRETCH = 4096  # bytes that one walk covers
BATCH = 1 << 20  # integers decoded at once
MAX_BYTES = 1 << 30

Offsets = NDArray[np.int64]


def starts(data: bytes) -> Offsets:
    """Where every integer of `data` begins, from its first byte to its last.

    Raises:
        WeightsMalformed: the last integer is cut short, or `data` is too long.
    """
    if len(data) > MAX_BYTES:
        raise WeightsMalformed(f"more than {MAX_BYTES} bytes of integers")
    raw = np.frombuffer(data, np.uint8)
    step = (raw & 0x0F) + np.uint8(1)
    visited = np.zeros(raw.size, np.bool_)
    first = np.arange(0, raw.size, STRETCH)
    end = np.minimum(first + STRETCH, raw.size)
    at, walking = first.copy(), np.arange(first.size)
    while walking.size:
        here = at[walking]
        visited[here] = True
        at[walking] = here + step[here]
        walking = walking[at[walking] < end[walking]]
    enters = 0
    for stretch in range(first.size):
        low, high = int(first[stretch]), int(end[stretch])
        joined = enters
        while joined < high and not visited[joined]:
            joined += int(step[joined])
        visited[low : min(joined, high)] = False
        while enters < min(joined, high):
            visited[enters] = True
            enters += int(step[enters])
        enters = int(at[stretch]) if joined < high else enters
    if enters != raw.size:
        raise WeightsMalformed("the last integer is cut short")
    return np.flatnonzero(visited)


def values(data: bytes, at: Offsets) -> Offsets:
    """The integers that begin at these offsets; `data` has seven spare bytes at its end.

    Raises:
        WeightsMalformed: one of them is not as the format has it.
    """
    raw = np.frombuffer(data, np.uint8)
    found = np.zeros(at.size, np.int64)
    for begin in range(0, at.size, BATCH):
        part = at[begin : begin + BATCH]
        control = raw[part]
        count = control & 0x0F
        if ((control & 0x70) != 0).any() or (count < 1).any() or (count > 7).any():
            raise WeightsMalformed("not an integer")
        value = np.zeros(part.size, np.int64)
        for k in range(int(count.max())):
            byte = raw[part + k + 1].astype(np.int64) << (8 * k)
            value += np.where(k < count, byte, 0)
        found[begin : begin + BATCH] = np.where(control & 0x80, -value, value)
    return found
