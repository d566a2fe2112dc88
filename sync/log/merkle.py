"""The Merkle tree of a log: RFC 6962 section 2.1 (hashes and proofs; RFC 9162 for checking).

A writer keeps a `Frontier`: the roots of the complete subtrees that cover the log,
at most one for each bit of its size. Appending leaf number `n` completes as many interior
nodes as `n` has trailing zero bits; they are stored with the leaf, one on average, so that
the root and proofs of any size need a handful of look-ups and no second pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
"""`nodes(level, index)`: the root of the complete subtree over the `2**level` leaves from
leaf `index * 2**level` on, counted from 0. Level 0 are leaf hashes."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an interior node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A compact range over the first `size` leaves of a log."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Begin empty, or from the peaks of a size, the largest subtree first."""
        self.size = size
        self._peaks = list(peaks)

    @classmethod
    def of(cls, size: int, nodes: Nodes) -> Frontier:
        """The frontier of a stored log."""
        return cls(size, [nodes(level, index) for level, index in _peaks(size)])

    @classmethod
    def joined(cls, size: int, peaks: bytes) -> Frontier:
        """The frontier of a size from its `peaks`, joined."""
        return cls(size, [peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)])

    @property
    def peaks(self) -> bytes:
        """The peaks, joined, the largest subtree first."""
        return b"".join(self._peaks)

    def peak(self, level: int, index: int) -> bytes | None:
        """The root of that complete subtree if it is one of the peaks."""
        for place, root in zip(_peaks(self.size), self._peaks, strict=False):
            if place == (level, index):
                return root
        return None

    def copy(self) -> Frontier:
        """The same, to go on from on trial."""
        return Frontier(self.size, self._peaks)

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf's hash; give the interior nodes it completes, lowest first, joined."""
        node, size = leaf, self.size
        completed: list[bytes] = []
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            completed.append(node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1
        return b"".join(completed)

    def extend(self, entries: Sequence[bytes]) -> list[bytes]:
        """Add entries; give for each the nodes it completes. The same as `append`, but quicker."""
        sha256, peaks, size = hashlib.sha256, self._peaks, self.size
        found: list[bytes] = []
        for entry in entries:
            node = sha256(b"\x00" + entry).digest()
            completed = b""
            rest = size
            while rest & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                completed += node
                rest >>= 1
            peaks.append(node)
            size += 1
            found.append(completed)
        self.size = size
        return found

    def root(self) -> bytes:
        """The tree's root at this size."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def stored_place(level: int, index: int) -> tuple[int, int]:
    """Where an interior node is stored: leaf number from 1, offset among what it completes."""
    return (index + 1) << level, (level - 1) * HASH_BYTES


def root_of(size: int, nodes: Nodes) -> bytes:
    """The root of a stored log at a size."""
    return Frontier.of(size, nodes).root()


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1; `index` counts from 0.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a log of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(middle, end, nodes))
            end = middle
        else:
            path.append(_range(start, middle, nodes))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, nodes: Nodes) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 6962 section 2.1.2.

    Raises:
        ValueError: not 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"no log of {second} begins with one of {first}")
    path: list[bytes] = []
    start, end = 0, second
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range(middle, end, nodes))
            end = middle
        else:
            path.append(_range(start, middle, nodes))
            start = middle
    if start:
        path.append(_range(start, end, nodes))
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows a leaf's hash at a place of the log with that root.

    RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def extends(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the first log is the beginning of the second.

    RFC 9162 section 2.1.4.2. Every log extends the empty one, and itself, without a proof.
    """
    if not 0 <= first <= second or (first in (0, second) and path):
        return False
    if first == 0:
        return first_root == EMPTY_ROOT
    if first == second:
        return first_root == second_root
    hashes = list(path) if first & (first - 1) else [first_root, *path]
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    """Give level and index of the complete subtrees that cover a log, largest first."""
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level


def _split(count: int) -> int:
    """Give the largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range(start: int, end: int, nodes: Nodes) -> bytes:
    """Give the root over leaves `start` to `end`, where `start` is a subtree's beginning."""
    parts: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(nodes(level, start >> level))
        start += 1 << level
    node = parts[-1]
    for part in reversed(parts[:-1]):
        node = node_hash(part, node)
    return node
