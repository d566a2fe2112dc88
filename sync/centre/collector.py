"""What the central system does with a batch: check, store, answer. No MQTT, no clock.

`collect` takes messages and gives, after COMMIT, one signed receipt for each log that
they touched. A receipt always says how far the log goes now, so that a message that came
again, or came too early, is answered with the place from which to resend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sync.centre.open_log import OpenLog, receipt_of
from sync.centre.opened_batch import BatchRefused, OpenedBatch, open_signed
from sync.centre.store import CentreStore
from sync.centre.types import NewRow, QuarantineReason
from sync.log.encoding import (
    open_batch,
    seal_receipt,
)
from sync.log.envelope import centre_hour
from sync.log.errors import BatchMalformed, SealBroken, StorageCorrupt
from sync.log.keys import CentreKeys, SigningKey
from sync.log.types import Batch, HourKey, Receipt


class GateMessage(NamedTuple):
    """A message as it came. `live`: on the topic of those that come before their turn."""

    payload: bytes
    live: bool = False


class GateReceipt(NamedTuple):
    """A receipt for a gate."""

    gate: str
    receipt: bytes


class Collected(NamedTuple):
    """What came of some messages: receipts, and counts for metrics.

    `early` counts messages whose predecessors are missing, `live` records that were seen
    before their turn; `quarantined` names the
    reasons of those that were quarantined, which are alarms.
    """

    answers: tuple[GateReceipt, ...]
    stored: int
    known: int
    early: int
    live: int
    quarantined: tuple[QuarantineReason, ...]


class _Round:
    """Messages that are stored with one COMMIT."""

    def __init__(self, store: CentreStore, keys: CentreKeys, utc: str) -> None:
        self._store = store
        self._keys = keys
        self._utc = utc
        self._logs: dict[tuple[str, str], OpenLog] = {}
        self._touched: dict[tuple[str, str], None] = {}
        self.stored = self.known = self.early = self.live = 0
        self.reasons: list[QuarantineReason] = []

    def run(self, messages: Sequence[GateMessage]) -> None:
        """Take every message; quarantine those that are refused."""
        read = [(message, _read(message.payload)) for message in messages]
        enrolled = self._store.hold(batch.gate for _, batch in read if batch is not None)
        for (payload, live), batch in read:
            if batch is None:
                self._quarantine(QuarantineReason.MALFORMED, "", payload)
                continue
            try:
                opened = open_signed(batch, enrolled.get(batch.gate), self._keys)
                if live:
                    self._see(opened)
                else:
                    self._take(opened)
            except StorageCorrupt:
                self._quarantine(QuarantineReason.DAMAGED, batch.gate, payload)
            except BatchRefused as refusal:
                self._quarantine(refusal.reason, refusal.gate, payload)

    def receipts(self) -> list[Receipt]:
        """Write every log that was touched; give the receipts, unsigned."""
        return [self._logs[log].save(self._keys.signing, self._utc) for log in self._touched]

    def _quarantine(self, reason: QuarantineReason, gate: str, payload: bytes) -> None:
        """Keep a message that cannot be stored."""
        self._store.quarantine.keep(reason, gate, payload, self._utc)
        self.reasons.append(reason)

    def _log(self, batch: Batch) -> OpenLog:
        """Give the log that a message belongs to."""
        place = (batch.gate, batch.epoch)
        if place not in self._logs:
            self._logs[place] = OpenLog(self._store, *place)
        return self._logs[place]

    def _see(self, opened: OpenedBatch) -> None:
        """Keep copies of records whose turn has not come; the log answers for the others.

        No receipt follows, and nothing of the log depends on them.
        """
        batch = opened.batch
        log = self._log(batch)
        rows = [
            NewRow(seq, item, b"")
            for seq, item in enumerate(opened.contents.items, batch.first_seq)
            if seq > log.seq
        ]
        known = log.live(rows[0].seq, rows[-1].seq) if rows else {}
        if any(known.get(row.seq, row.item.commitment) != row.item.commitment for row in rows):
            raise BatchRefused(QuarantineReason.CONFLICT, batch.gate)
        new = [row for row in rows if row.seq not in known]
        self._store.live.keep(batch.gate, batch.epoch, new, self._utc)
        log.live_seq = max([log.live_seq, *(row.seq for row in new)])
        self.live += len(new)

    def _take(self, opened: OpenedBatch) -> None:
        """Add what one message brings to its log."""
        batch = opened.batch
        place = (batch.gate, batch.epoch)
        log = self._log(batch)
        end_seq = log.seq
        hours = self._new_hours(log, opened)
        rows = _place(log, opened)
        self._touched[place] = None
        if rows:
            log.new_hours += hours
            log.write(rows)
        size = opened.checkpoint.size
        if size >= log.head_size:
            log.head_size, log.head = size, batch.checkpoint
        if size == log.seq:
            log.confirmed = batch.checkpoint
        count = len(opened.contents.items)
        reached = batch.first_seq + count - 1
        self.stored += len(rows)
        self.known += max(0, min(reached, end_seq) - batch.first_seq + 1)
        self.early += bool(count) and batch.first_seq > end_seq + 1

    def _new_hours(self, log: OpenLog, opened: OpenedBatch) -> list[HourKey]:
        """Give the hours' keys that are not stored yet, once they have been seen to open.

        Afterwards the gate keeps no copy: what cannot be opened now never can be.
        """
        gate, epoch = opened.batch.gate, opened.batch.epoch
        new: dict[int, HourKey] = {}
        for hour in opened.contents.keys:
            known = new[hour.key_id].for_centre if hour.key_id in new else log.hour(hour.key_id)
            if not known:
                try:
                    centre_hour(hour.for_centre, self._keys.opening, gate, epoch, hour.key_id)
                except SealBroken as error:
                    raise BatchRefused(QuarantineReason.UNREADABLE, gate) from error
                new[hour.key_id] = hour
            elif known != hour.for_centre:
                raise BatchRefused(QuarantineReason.CONFLICT, gate)
        return list(new.values())


def collect(
    store: CentreStore,
    keys: CentreKeys,
    messages: Sequence[bytes | GateMessage],
    received_utc: str,
) -> Collected:
    """Take messages from the records' topics, in order, with one COMMIT.

    Args:
        store: where records go.
        keys: the central system's keys, which open batches and sign receipts.
        messages: what came; plain bytes are an ordered batch.
        received_utc: when they came, RFC 3339.

    Raises:
        StorageError: nothing was stored; acknowledge none of the messages.
    """
    with store.transaction():
        taken = _Round(store, keys, received_utc)
        taken.run(
            [each if isinstance(each, GateMessage) else GateMessage(each) for each in messages]
        )
        receipts = taken.receipts()
    answers = [GateReceipt(each.gate, seal_receipt(each, keys.signing)) for each in receipts]
    return Collected(
        tuple(answers), taken.stored, taken.known, taken.early, taken.live, tuple(taken.reasons)
    )


def standing(store: CentreStore, key: SigningKey) -> list[GateReceipt]:
    """Give a receipt for the newest log of each gate: to be sent after connecting."""
    newest = {gate: (epoch, end) for gate, epoch, end in store.logs()}
    return [
        GateReceipt(gate, seal_receipt(receipt_of(gate, *log), key)) for gate, log in newest.items()
    ]


def _read(payload: bytes) -> Batch | None:
    """Read a message; None if it is no batch."""
    try:
        return open_batch(payload)
    except BatchMalformed:
        return None


def _place(log: OpenLog, opened: OpenedBatch) -> list[NewRow]:
    """Find which records extend a log; the log's tree is extended with them.

    Records that are stored already must be the same; a batch that comes too early extends
    nothing; the first new record must follow the last stored one; and the tree that
    follows from the records must be the one that the gate signed.
    """
    batch, items = opened.batch, opened.contents.items
    last = batch.first_seq + len(items) - 1
    again = [item.commitment for item in items[: max(0, log.seq - batch.first_seq + 1)]]
    if again and again != log.hashes(batch.first_seq, min(last, log.seq)):
        raise BatchRefused(QuarantineReason.CONFLICT, batch.gate)
    if last <= log.seq:
        if log.root(last) != opened.checkpoint.root:
            raise BatchRefused(QuarantineReason.FORK, batch.gate)
        return []
    if batch.first_seq > log.seq + 1:
        return []
    link = opened.previous[len(again)]
    if link is not None and link != log.newest.hex():
        raise BatchRefused(QuarantineReason.BROKEN_CHAIN, batch.gate)
    frontier = log.frontier.copy()
    new = items[len(again) :]
    nodes = frontier.extend([item.commitment for item in new])
    rows = list(map(NewRow, range(log.seq + 1, last + 1), new, nodes))
    seen = log.live(rows[0].seq, last)
    if any(seen.get(row.seq, row.item.commitment) != row.item.commitment for row in rows):
        raise BatchRefused(QuarantineReason.CONFLICT, batch.gate)
    if frontier.root() != opened.checkpoint.root:
        raise BatchRefused(QuarantineReason.FORK, batch.gate)
    log.frontier = frontier
    return rows
