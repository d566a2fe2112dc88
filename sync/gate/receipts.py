"""What a receipt does to a journal: it is checked against the log, and releases records."""

from __future__ import annotations

from sync.gate.journal_check import signed_root
from sync.gate.journal_schema import commitment_at, nodes_of, trim_point
from sync.log.database import Database
from sync.log.encoding import open_receipt
from sync.log.errors import ReceiptAhead, ReceiptConflict, ReceiptForeign
from sync.log.keys import VerifyingKey
from sync.log.merkle import root_of
from sync.log.types import Receipt

HOURS_KEPT = 24
"""So many of the newest hours stay readable at the gate, even when the centre has them."""


def check_receipt(
    database: Database, place: tuple[str, str], last_seq: int, data: bytes, key: VerifyingKey
) -> Receipt:
    """Open a receipt and compare it with the log.

    Args:
        database: the journal's.
        place: the journal's gate and epoch.
        last_seq: the journal's newest record.
        data: the receipt, as the central system signed it.
        key: the central system's.

    Raises:
        ReceiptRefused: see its subclasses. `ReceiptConflict` is an alarm: the central
            system and this gate disagree about the past.
    """
    receipt = open_receipt(data, key)
    if (receipt.gate, receipt.epoch) != place:
        raise ReceiptForeign("a receipt is for another gate or journal")
    if not 0 <= receipt.seq <= last_seq:
        raise ReceiptAhead(f"a receipt names record {receipt.seq} of {last_seq}")
    if receipt.seq < trim_point(database).seq:
        return receipt  # late: a newer one let the records go that it confirms
    if receipt.commitment != commitment_at(database, receipt.seq):
        raise ReceiptConflict(f"the central system holds another record {receipt.seq}")
    if receipt.seq and signed_root(receipt, key) != root_of(receipt.seq, nodes_of(database)):
        raise ReceiptConflict(f"the central system holds another log up to {receipt.seq}")
    return receipt


def release(database: Database, seq: int, data: bytes, newest_key_id: int) -> None:
    """Release records up to `seq`, and the gate's hour keys that only they need.

    Raises:
        StorageFailed: nothing was changed.
    """
    with database.transaction():
        database.run("DELETE FROM outbox WHERE seq <= ?", (seq,))
        database.run("UPDATE journal SET receipt_seq = ?, receipt = ?", (seq, data))
        database.run(
            "UPDATE hour_keys SET for_gate = x'' WHERE id <= ? AND for_gate <> x'' AND"
            " (SELECT min(first_seq) FROM hour_keys AS later"
            " WHERE later.id > hour_keys.id) <= ?",
            (newest_key_id - HOURS_KEPT, seq + 1),
        )
