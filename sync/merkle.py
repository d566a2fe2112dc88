"""The Merkle tree of a log: RFC 6962 section 2.1.

Whoever appends keeps a `Frontier`: the roots of the complete subtrees that cover the log,
at most one for each bit of its size. Appending leaf number `n` completes as many interior
nodes as `n` has trailing zero bits; they are stored with the leaf, one on average, so that
the root of any size needs a handful of look-ups and no second pass.
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

    @property
    def peaks(self) -> bytes:
        """The peaks, joined, the largest subtree first."""
        return b"".join(self._peaks)

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


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    """Give level and index of the complete subtrees that cover a log, largest first."""
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level
