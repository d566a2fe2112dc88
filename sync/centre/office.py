"""What people do at the central system: read one record, erase, hand evidence to an auditor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sync.centre.audit import erasure_note
from sync.centre.evidence import LogEvidence
from sync.centre.store import CentreStore
from sync.log.at_gate import at_gate
from sync.log.encoding import decode_record
from sync.log.envelope import RecordPlace, centre_hour, open_identity
from sync.log.errors import RecordMalformed
from sync.log.keys import CentreKeys, SigningKey


def record_at(store: CentreStore, keys: CentreKeys, gate: str, seq: int) -> dict[str, Any]:
    """One record of a gate's newest log as plain data, its identity decrypted.

    Raises:
        RecordMalformed: there is no such record.
        SealBroken: its identity does not open with these keys.
    """
    epoch = log_of(store, gate, None)
    item = store.item(gate, epoch, seq)
    if item is None:
        raise RecordMalformed(f"gate {gate} has no record {seq}")
    shown = {"gate": gate, "epoch": epoch, "seq": seq, "commitment": item.commitment.hex()}
    if not item.encoded:
        return shown | {"erased": True}
    record = decode_record(item.encoded)
    identity: Any = record.identity
    if isinstance(identity, bytes):
        sealed = store.hour_key(gate, epoch, item.key_id)
        hour = centre_hour(sealed, keys.opening, gate, epoch, item.key_id)
        identity = open_identity(RecordPlace(gate, epoch, seq), identity, item.wrapped, hour)
    return shown | {
        "kind": record.kind.value,
        "ticket": record.ticket,
        "utc": record.utc,
        "at_gate": at_gate(record),
        "facts": msgspec.to_builtins(record.facts),
        "identity": identity,
    }


def erase(
    store: CentreStore,
    key: SigningKey,
    place: tuple[str, str | None],
    seqs: Sequence[int],
    utc: str,
    reason: str,
) -> None:
    """Erase records of a gate's log: all of them, or none.

    Contents, salts and keys go; commitments stay, with a signed note of where, when, why.

    Raises:
        RecordMalformed: one is not there or was erased, or the reason is no single line.
        StorageFailed: nothing was changed.
    """
    if not reason.isprintable() or not 1 <= len(reason) <= 200:
        raise RecordMalformed("the reason of an erasure is one line of 1 to 200 characters")
    gate = place[0]
    epoch = log_of(store, *place)
    with store.transaction():
        for seq in seqs:
            item = store.item(gate, epoch, seq)
            if item is None or not item.encoded:
                raise RecordMalformed(f"gate {gate} has no record {seq} to erase")
            note = erasure_note((gate, epoch, seq), item.commitment, utc, reason, key)
            store.erase(gate, epoch, seq, note)
    store.forget_deleted()


def evidence_of(store: CentreStore) -> Iterator[LogEvidence]:
    """Every log as evidence for an auditor."""
    for gate, epoch, end in store.logs():
        key = store.key_of(gate)
        if key is not None:
            yield LogEvidence(
                gate,
                epoch,
                key,
                end,
                store.head_of(gate, epoch),
                store.erasures(gate, epoch),
                store.stored(gate, epoch),
            )


def log_of(store: CentreStore, gate: str, epoch: str | None) -> str:
    """Give the epoch of the log that is meant: the one that is named, or the gate's newest.

    Raises:
        RecordMalformed: there is no such log.
    """
    found = [each for name, each, _ in store.logs() if name == gate and epoch in (None, each)]
    if not found:
        raise RecordMalformed(f"gate {gate} has no such log")
    return found[-1]
