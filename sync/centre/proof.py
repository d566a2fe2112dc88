"""Proofs about one record, or about how a log grew, for those who have its signed checkpoint.

Both are proofs of RFC 6962 (2.1.1, 2.1.2) under the newest checkpoint that the gate signed,
in hexadecimal: any verifier of the RFC and of C2SP's signed notes can check them.
"""

from __future__ import annotations

from typing import Any

from sync.centre.store import CentreStore
from sync.log.errors import RecordMalformed, StorageCorrupt
from sync.log.merkle import (
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    leaf_hash,
    root_of,
)


def prove_record(store: CentreStore, gate: str, epoch: str, seq: int) -> dict[str, Any]:
    """That a record's commitment is at its place of the log, and where it lies in the tree.

    Raises:
        RecordMalformed: the checkpoint does not reach so far.
        StorageCorrupt: what is stored proves nothing.
    """
    head = _head(store, gate, epoch)
    size = head["size"]
    item = store.item(gate, epoch, seq)
    if item is None or not 1 <= seq <= size:
        raise RecordMalformed(f"gate {gate} signed a log of {size} records: none of them is {seq}")
    path = inclusion_proof(seq - 1, size, store.nodes(gate, epoch))
    leaf = leaf_hash(item.commitment)
    if not includes(leaf, seq - 1, size, path, bytes.fromhex(head["root"])):
        raise StorageCorrupt(f"gate {gate}: the stored tree does not hold record {seq}")
    shown = {"seq": seq, "index": seq - 1, "commitment": item.commitment.hex(), "leaf": leaf.hex()}
    return head | shown | {"proof": [node.hex() for node in path]}


def prove_growth(store: CentreStore, gate: str, epoch: str, first: int) -> dict[str, Any]:
    """That the log of `first` records is the beginning of the log as it is now.

    Raises:
        RecordMalformed: the checkpoint does not reach so far.
        StorageCorrupt: what is stored proves nothing.
    """
    head = _head(store, gate, epoch)
    size, nodes = head["size"], store.nodes(gate, epoch)
    if not 0 < first <= size:
        raise RecordMalformed(f"gate {gate} signed a log of {size} records, not of {first}")
    path, root = consistency_proof(first, size, nodes), root_of(first, nodes)
    if not extends(first, root, size, bytes.fromhex(head["root"]), path):
        raise StorageCorrupt(f"gate {gate}: the stored log did not grow from {first} records")
    shown = {"first": first, "first_root": root.hex()}
    return head | shown | {"proof": [node.hex() for node in path]}


def _head(store: CentreStore, gate: str, epoch: str) -> dict[str, Any]:
    size, note = store.head_of(gate, epoch)
    if not size:
        raise RecordMalformed(f"gate {gate} has signed no checkpoint yet")
    root = root_of(size, store.nodes(gate, epoch))
    return {"gate": gate, "epoch": epoch, "size": size, "root": root.hex(), "checkpoint": note}
