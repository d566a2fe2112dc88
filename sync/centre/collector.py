"""What the central system does with a batch: check, store, answer. No MQTT, no clock.

`collect` takes messages and gives, after COMMIT, one signed receipt for each log that
they touched. A receipt always says how far the log goes now, so that a message that came
again, or came too early, is answered with the place from which to resend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sync.centre.store import CentreStore, LogEnd, Reason
from sync.encoding import (
    batch_is_by,
    decode_record,
    open_batch,
    record_sha256,
    seal_receipt,
)
from sync.errors import BatchMalformed, RecordMalformed
from sync.keys import SigningKey
from sync.types import Batch, Receipt

MAX_SEQ = 2**48
"""More records than any gate will write; beyond it a place is nonsense."""


class Answer(NamedTuple):
    """A receipt for a gate."""

    gate: str
    receipt: bytes


class Outcome(NamedTuple):
    """What came of some messages: receipts, and counts for metrics.

    `early` counts messages whose predecessors are missing; `quarantined` names the
    reasons of those that were put apart, which are alarms.
    """

    answers: tuple[Answer, ...]
    stored: int
    known: int
    early: int
    quarantined: tuple[Reason, ...]


class _Refusal(Exception):
    """Why one message is put apart; caught where messages are taken one by one."""

    def __init__(self, reason: Reason, gate: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gate = gate


class _Row(NamedTuple):
    seq: int
    sha256: str
    encoded: bytes


def collect(
    store: CentreStore, key: SigningKey, payloads: Sequence[bytes], received_utc: str
) -> Outcome:
    """Take messages from the records' topics, in order, with one COMMIT.

    Args:
        store: where records go.
        key: the central system's key, which signs receipts.
        payloads: the messages.
        received_utc: the time to note beside new records, RFC 3339.

    Raises:
        StorageFailed: nothing was stored; acknowledge none of the messages.
    """
    touched: dict[tuple[str, str], LogEnd] = {}
    stored = known = early = 0
    reasons: list[Reason] = []
    with store.transaction():
        for payload in payloads:
            try:
                batch, rows = _open(store, payload)
                end, new = _place(store, batch, rows)
            except _Refusal as refusal:
                store.quarantine(refusal.reason, refusal.gate, payload, received_utc)
                reasons.append(refusal.reason)
                continue
            if new:
                store.extend(batch.gate, batch.epoch, new, received_utc)
                end = LogEnd(new[-1].seq, new[-1].sha256)
            stored += len(new)
            known += sum(row.seq <= end.seq for row in rows) - len(new)
            early += batch.first_seq > end.seq + 1
            touched[batch.gate, batch.epoch] = end
    answers = tuple(
        Answer(gate, _receipt(key, gate, epoch, end)) for (gate, epoch), end in touched.items()
    )
    return Outcome(answers, stored, known, early, tuple(reasons))


def standing(store: CentreStore, key: SigningKey) -> list[Answer]:
    """Give a receipt for the newest log of each gate: to be said after connecting."""
    newest = {gate: (epoch, end) for gate, epoch, end in store.logs()}
    return [Answer(gate, _receipt(key, gate, *log)) for gate, log in newest.items()]


def _receipt(key: SigningKey, gate: str, epoch: str, end: LogEnd) -> bytes:
    """Sign how far a log goes."""
    receipt = Receipt(gate=gate, epoch=epoch, seq=end.seq, record_sha256=end.sha256)
    return seal_receipt(receipt, key)


def _open(store: CentreStore, payload: bytes) -> tuple[Batch, list[_Row]]:
    """Read a message and check everything that does not depend on what is stored."""
    try:
        batch = open_batch(payload)
    except BatchMalformed as error:
        raise _Refusal(Reason.MALFORMED, "") from error
    key = store.key_of(batch.gate)
    if key is None:
        raise _Refusal(Reason.UNKNOWN_GATE, batch.gate)
    if not batch_is_by(batch, key):
        raise _Refusal(Reason.FORGED, batch.gate)
    if batch.version != 1 or not 1 <= batch.first_seq <= MAX_SEQ or not batch.records:
        raise _Refusal(Reason.INCONSISTENT, batch.gate)
    rows: list[_Row] = []
    for seq, encoded in enumerate(batch.records, batch.first_seq):
        try:
            record = decode_record(encoded)
        except RecordMalformed as error:
            raise _Refusal(Reason.INCONSISTENT, batch.gate) from error
        if (record.gate, record.epoch, record.seq) != (batch.gate, batch.epoch, seq):
            raise _Refusal(Reason.INCONSISTENT, batch.gate)
        if rows and record.previous != rows[-1].sha256:
            raise _Refusal(Reason.BROKEN_CHAIN, batch.gate)
        rows.append(_Row(seq, record_sha256(encoded), encoded))
    return batch, rows


def _place(store: CentreStore, batch: Batch, rows: Sequence[_Row]) -> tuple[LogEnd, Sequence[_Row]]:
    """Find where the log ends, and which rows extend it.

    Rows that are stored already must be the same; a batch that comes too early extends
    nothing; the first new row must follow the last stored one.
    """
    end = store.end_of(batch.gate, batch.epoch)
    again = [row.sha256 for row in rows if row.seq <= end.seq]
    if again != store.hashes(batch.gate, batch.epoch, batch.first_seq, min(rows[-1].seq, end.seq)):
        raise _Refusal(Reason.CONFLICT, batch.gate)
    new = rows[len(again) :]
    if not new or batch.first_seq > end.seq + 1:
        return end, ()
    if decode_record(new[0].encoded).previous != end.sha256:
        raise _Refusal(Reason.BROKEN_CHAIN, batch.gate)
    return end, new
