"""The Merkle tree: vectors of Certificate Transparency, and the definitions of RFC 6962."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from sync.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    Nodes,
    leaf_hash,
    node_hash,
    root_of,
    stored_place,
)

# The leaves and roots that the reference implementations of Certificate Transparency test with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Log:
    """A log as a database stores it: leaves, and beside each what it completes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.frontier = Frontier()
        self.roots = [self.frontier.root()]
        self.completed: list[bytes] = []
        for leaf in leaves:
            self.completed.append(self.frontier.append(leaf_hash(leaf)))
            self.roots.append(self.frontier.root())

    @property
    def nodes(self) -> Nodes:
        def node(level: int, index: int) -> bytes:
            if level == 0:
                return leaf_hash(self.leaves[index])
            seq, offset = stored_place(level, index)
            found = self.completed[seq - 1][offset : offset + HASH_BYTES]
            assert len(found) == HASH_BYTES
            return found

        return node


def mth(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash as RFC 6962 section 2.1 defines it, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def test_certificate_transparency_vectors() -> None:
    log = Log(LEAVES)
    assert [root.hex() for root in log.roots] == ROOTS
    assert bytes.fromhex(ROOTS[0]) == EMPTY_ROOT


leaves = st.lists(st.binary(max_size=4), max_size=70)


@given(leaves)
def test_every_root_is_the_definition(data: list[bytes]) -> None:
    log = Log(data)
    for size in range(len(data) + 1):
        assert log.roots[size] == mth(data[:size]) == root_of(size, log.nodes)


def test_a_frontier_goes_on_from_what_is_stored() -> None:
    log = Log([bytes([n]) for n in range(200)])
    for size in (0, 1, 2, 3, 127, 128, 129, 199):
        frontier = Frontier.of(size, log.nodes)
        trial = frontier.copy()
        for leaf in log.leaves[size:]:
            frontier.append(leaf_hash(leaf))
        assert frontier.root() == log.roots[200]
        assert trial.root() == log.roots[size]
    assert sum(map(len, log.completed)) <= 200 * HASH_BYTES


def test_another_implementation_agrees() -> None:
    """pymerkle: the same roots at every size."""
    tree = InmemoryTree(algorithm="sha256")
    data = [bytes([n]) for n in range(100)]
    for leaf in data:
        tree.append_entry(leaf)
    log = Log(data)
    for size in range(1, 101):
        assert tree.get_root(size) == log.roots[size] == root_of(size, log.nodes)
