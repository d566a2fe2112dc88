"""The Merkle tree: vectors of Certificate Transparency, and the definitions of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from sync.log.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    Nodes,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
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
INCLUSION_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENCY_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
CONSISTENCY_2_TO_5 = [
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
]


class Log:
    """A log as a database stores it: leaves, and with each what it completes."""

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
    assert [each.hex() for each in inclusion_proof(0, 8, log.nodes)] == INCLUSION_0_OF_8
    assert [each.hex() for each in consistency_proof(6, 8, log.nodes)] == CONSISTENCY_6_TO_8
    assert [each.hex() for each in consistency_proof(2, 5, log.nodes)] == CONSISTENCY_2_TO_5


leaves = st.lists(st.binary(max_size=4), max_size=70)


@given(leaves)
def test_every_root_is_the_definition(data: list[bytes]) -> None:
    log = Log(data)
    for size in range(len(data) + 1):
        assert log.roots[size] == mth(data[:size]) == root_of(size, log.nodes)


@given(leaves.filter(bool), st.data())
def test_inclusion(data: list[bytes], draw: st.DataObject) -> None:
    log = Log(data)
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))
    path = inclusion_proof(index, size, log.nodes)
    leaf, root = leaf_hash(data[index]), log.roots[size]
    assert includes(leaf, index, size, path, root)
    assert not includes(leaf_hash(b"other leaf"), index, size, path, root)
    assert not includes(leaf, index, size, [*path, root], root)
    assert not includes(leaf, index, size, path, bytes(32))
    assert not includes(leaf, size, size, path, root)
    assert not includes(leaf, -1, size, path, root)
    if path:
        assert not includes(leaf, index, size, path[:-1], root)
        assert not includes(leaf, index, size, [bytes(32), *path[1:]], root)
        place = draw.draw(st.integers(0, size - 1))
        same = place == index or data[place] == data[index]
        assert same or not includes(leaf, place, size, path, root)


@given(leaves.filter(bool), st.data())
def test_consistency(data: list[bytes], draw: st.DataObject) -> None:
    log = Log(data)
    second = draw.draw(st.integers(1, len(data)))
    first = draw.draw(st.integers(1, second))
    path = consistency_proof(first, second, log.nodes)
    old, new = log.roots[first], log.roots[second]
    assert extends(first, old, second, new, path)
    assert not extends(first, bytes(32), second, new, path)
    assert not extends(first, old, second, bytes(32), path)
    assert not extends(first, old, second, new, [*path, new])
    assert not extends(second + 1, old, second, new, path)
    if path:
        assert not extends(first, old, second, new, path[:-1])
        assert not extends(first, old, second, new, [bytes(32), *path[1:]])
    fork = Log([b"another first leaf", *data[1:]])
    assert not extends(first, fork.roots[first], second, new, path)


def test_the_ends_of_the_ranges() -> None:
    log = Log(LEAVES)
    assert extends(0, EMPTY_ROOT, 8, log.roots[8], [])
    assert not extends(0, log.roots[1], 8, log.roots[8], [])
    assert extends(8, log.roots[8], 8, log.roots[8], [])
    assert not extends(3, log.roots[3], 8, log.roots[8], [])
    for index, size in ((8, 8), (-1, 8), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_proof(index, size, log.nodes)
    for first, second in ((0, 8), (5, 4)):
        with pytest.raises(ValueError, match="begins"):
            consistency_proof(first, second, log.nodes)


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
    """pymerkle: the same roots, and the same proofs of inclusion, hash by hash."""
    tree = InmemoryTree(algorithm="sha256")
    data = [bytes([n]) for n in range(100)]
    for leaf in data:
        tree.append_entry(leaf)
    log = Log(data)
    for size in (1, 2, 3, 7, 64, 65, 99, 100):
        assert tree.get_root(size) == log.roots[size]
        for index in {0, size // 2, size - 1}:
            theirs = tree.prove_inclusion(index + 1, size)
            verify_inclusion(leaf_hash(data[index]), log.roots[size], theirs)
            ours = inclusion_proof(index, size, log.nodes)
            assert [leaf_hash(data[index]), *ours] == theirs.path
            assert includes(leaf_hash(data[index]), index, size, theirs.path[1:], log.roots[size])


def test_another_implementation_agrees_on_consistency() -> None:
    """What pymerkle proves consistent, our proofs show, too."""
    tree = InmemoryTree(algorithm="sha256")
    data = [bytes([n]) for n in range(40)]
    for leaf in data:
        tree.append_entry(leaf)
    log = Log(data)
    for first in range(1, 41):
        for second in range(first, 41):
            proof = tree.prove_consistency(first, second)
            verify_consistency(log.roots[first], log.roots[second], proof)
            ours = consistency_proof(first, second, log.nodes)
            assert extends(first, log.roots[first], second, log.roots[second], ours)
