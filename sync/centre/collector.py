"""What the central system does with a batch: check, store, answer. No MQTT, no clock.

`collect` takes messages and gives, after COMMIT, one signed receipt for each log that
they touched. A receipt always says how far the log goes now, so that a message that came
again, or came too early, is answered with the place from which to resend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sync.centre.audit import LogEnd
from sync.centre.store import CentreStore, NewRow, Reason
from sync.encoding import (
    SALT_BYTES,
    batch_is_by,
    commitment,
    decode_record,
    open_batch,
    open_contents,
    seal_receipt,
)
from sync.errors import BatchMalformed, NoteRefused, RecordMalformed, SealBroken
from sync.keys import CentreKeys, SigningKey, VerifyingKey
from sync.merkle import HASH_BYTES, Frontier, leaf_hash, root_of
from sync.notes import CENTRE_NAME, Checkpoint, countersign, open_checkpoint, origin_of
from sync.types import Batch, Contents, Item, Receipt, Record

MAX_SEQ = 2**48
"""More records than any gate will write; beyond it a place is nonsense."""


WRAPPED_BYTES = 40
"""A key of 32 bytes, wrapped (RFC 3394)."""


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


class _Opened(NamedTuple):
    """A message whose signatures are good and whose contents belong together."""

    batch: Batch
    contents: Contents
    checkpoint: Checkpoint


def collect(
    store: CentreStore, keys: CentreKeys, payloads: Sequence[bytes], received_utc: str
) -> Outcome:
    """Take messages from the records' topics, in order, with one COMMIT.

    Args:
        store: where records go.
        keys: the central system's keys, which open batches and sign receipts.
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
                opened = _open(store, keys, payload)
                end, new = _place(store, opened)
            except _Refusal as refusal:
                store.quarantine(refusal.reason, refusal.gate, payload, received_utc)
                reasons.append(refusal.reason)
                continue
            batch, items = opened.batch, opened.contents.items
            log = (batch.gate, batch.epoch)
            if new:
                store.extend(*log, new, opened.contents.keys, received_utc)
            store.hear(*log, opened.checkpoint.size, batch.checkpoint, received_utc)
            if opened.checkpoint.size == (new[-1].seq if new else end.seq):
                store.confirm(*log, countersign(batch.checkpoint, CENTRE_NAME, keys.signing))
            reached = batch.first_seq + len(items) - 1
            stored += len(new)
            known += max(0, min(reached, end.seq) - batch.first_seq + 1)
            early += bool(items) and batch.first_seq > end.seq + 1
            touched[log] = store.end_of(*log)
    answers = tuple(
        Answer(gate, _receipt(keys.signing, gate, epoch, end))
        for (gate, epoch), end in touched.items()
    )
    return Outcome(answers, stored, known, early, tuple(reasons))


def standing(store: CentreStore, key: SigningKey) -> list[Answer]:
    """Give a receipt for the newest log of each gate: to be said after connecting."""
    newest = {gate: (epoch, end) for gate, epoch, end in store.logs()}
    return [Answer(gate, _receipt(key, gate, *log)) for gate, log in newest.items()]


def _receipt(key: SigningKey, gate: str, epoch: str, end: LogEnd) -> bytes:
    """Sign how far a log goes."""
    receipt = Receipt(
        gate=gate,
        epoch=epoch,
        seq=end.seq,
        commitment=end.commitment,
        checkpoint=end.checkpoint,
    )
    return seal_receipt(receipt, key)


def _open(store: CentreStore, keys: CentreKeys, payload: bytes) -> _Opened:
    """Read a message and check everything that does not depend on the log's end."""
    try:
        batch = open_batch(payload)
    except BatchMalformed as error:
        raise _Refusal(Reason.MALFORMED, "") from error
    key = store.key_of(batch.gate)
    if key is None:
        raise _Refusal(Reason.UNKNOWN_GATE, batch.gate)
    if not batch_is_by(batch, key):
        raise _Refusal(Reason.FORGED, batch.gate)
    if store.revoked(batch.gate):
        raise _Refusal(Reason.REVOKED, batch.gate)
    if batch.version != 2 or not 1 <= batch.first_seq <= MAX_SEQ:
        raise _Refusal(Reason.INCONSISTENT, batch.gate)
    try:
        contents = open_contents(batch, keys.opening)
    except SealBroken as error:
        raise _Refusal(Reason.UNREADABLE, batch.gate) from error
    except BatchMalformed as error:
        raise _Refusal(Reason.INCONSISTENT, batch.gate) from error
    _check_items(batch, contents)
    return _Opened(batch, contents, _checkpoint(batch, len(contents.items), key))


def _check_items(batch: Batch, contents: Contents) -> None:
    """Check that records match their commitments, their places, and one another."""
    previous: str | None = None
    hours = {key.key_id for key in contents.keys}
    for seq, item in enumerate(contents.items, batch.first_seq):
        record = _record(batch, seq, item)
        if item.wrapped and item.key_id not in hours:
            raise _Refusal(Reason.INCONSISTENT, batch.gate)
        if record is not None and previous is not None and record.previous != previous:
            raise _Refusal(Reason.BROKEN_CHAIN, batch.gate)
        previous = item.commitment.hex()


def _record(batch: Batch, seq: int, item: Item) -> Record | None:
    """Read one record; None if it was erased."""
    sizes = (len(item.commitment), len(item.salt), len(item.wrapped))
    if sizes[0] != HASH_BYTES or sizes[1] > SALT_BYTES or sizes[2] > WRAPPED_BYTES:
        raise _Refusal(Reason.INCONSISTENT, batch.gate)
    if not item.encoded:
        return None
    try:
        record = decode_record(item.encoded)
    except RecordMalformed as error:
        raise _Refusal(Reason.INCONSISTENT, batch.gate) from error
    salted = len(item.salt) == SALT_BYTES or record.version == 1
    honest = commitment(item.salt, item.encoded) == item.commitment
    placed = (record.gate, record.epoch, record.seq) == (batch.gate, batch.epoch, seq)
    if not (salted and honest and placed):
        raise _Refusal(Reason.INCONSISTENT, batch.gate)
    return record


def _checkpoint(batch: Batch, count: int, key: VerifyingKey) -> Checkpoint:
    """Read the gate's note about its log, which ends where the batch ends."""
    origin = origin_of(batch.gate, batch.epoch)
    try:
        checkpoint = open_checkpoint(batch.checkpoint, origin, (origin, key))
    except NoteRefused as error:
        raise _Refusal(Reason.FORGED, batch.gate) from error
    if checkpoint.size != batch.first_seq + count - 1:
        raise _Refusal(Reason.INCONSISTENT, batch.gate)
    return checkpoint


def _place(store: CentreStore, opened: _Opened) -> tuple[LogEnd, list[NewRow]]:
    """Find where the log ends, and which records extend it.

    Records that are stored already must be the same; a batch that comes too early extends
    nothing; the first new record must follow the last stored one; and the tree that
    follows from the records must be the one that the gate signed.
    """
    batch, items = opened.batch, opened.contents.items
    log = (batch.gate, batch.epoch)
    end = store.end_of(*log)
    last = batch.first_seq + len(items) - 1
    again = [item.commitment.hex() for item in items[: max(0, end.seq - batch.first_seq + 1)]]
    if again != store.hashes(*log, batch.first_seq, min(last, end.seq)):
        raise _Refusal(Reason.CONFLICT, batch.gate)
    if last <= end.seq:
        if root_of(last, store.nodes(*log)) != opened.checkpoint.root:
            raise _Refusal(Reason.FORK, batch.gate)
        return end, []
    if batch.first_seq > end.seq + 1 or not items:
        return end, []
    new = items[len(again) :]
    record = _record(batch, end.seq + 1, new[0])
    if record is not None and record.previous != end.commitment:
        raise _Refusal(Reason.BROKEN_CHAIN, batch.gate)
    frontier = Frontier.of(end.seq, store.nodes(*log))
    rows = [
        NewRow(seq, item, frontier.append(leaf_hash(item.commitment)))
        for seq, item in enumerate(new, end.seq + 1)
    ]
    if frontier.root() != opened.checkpoint.root:
        raise _Refusal(Reason.FORK, batch.gate)
    return end, rows
