"""Checks of a journal: against itself, and against what the central system confirmed."""

from __future__ import annotations

from sync.gate.journal_schema import STORED, nodes_of, stored
from sync.log.chain import MAX_PROBLEMS, LogCheck, Problem, erased_by
from sync.log.database import Database
from sync.log.encoding import GENESIS, open_receipt, read_receipt
from sync.log.errors import NoteRefused, ReceiptForged, ReceiptRefused, RecordMalformed
from sync.log.keys import VerifyingKey
from sync.log.merkle import Frontier
from sync.log.notes import CENTRE_NAME, open_checkpoint, origin_of
from sync.log.types import ERASURE, Receipt, RecordKind


def check_journal(
    database: Database, gate: str, epoch: str, after_seq: int, key: VerifyingKey | None
) -> list[Problem]:
    """Check everything after a place; at most `MAX_PROBLEMS`.

    That is: contents, links, contiguity, the tree, erasures, outbox, and the tree that the
    newest receipt confirms. With the central system's key that receipt's signatures are
    checked again.
    """
    last_seq = int(database.value("SELECT coalesce(max(seq), 0) FROM records"))
    receipt_seq, receipt = database.rows("SELECT receipt_seq, receipt FROM journal")[0]
    roots, found = _receipt_root(origin_of(gate, epoch), receipt_seq, receipt, key)
    previous = database.value("SELECT commitment FROM records WHERE seq = ?", (after_seq,))
    check = LogCheck(
        gate,
        epoch,
        roots=roots,
        erased=_erased(database),
        frontier=Frontier.of(after_seq, nodes_of(database)),
        previous=GENESIS if previous is None else previous.hex(),
    )
    query = f"{STORED} WHERE seq > ? ORDER BY seq"
    check.walk(stored(row) for row in database.each(query, (after_seq,)))
    if last_seq < receipt_seq:
        check.report(receipt_seq, "the log ends before the newest receipt")
    outbox = database.one("SELECT count(*), coalesce(min(seq), ?) FROM outbox", (last_seq + 1,))
    if outbox != (max(0, last_seq - receipt_seq), receipt_seq + 1):
        check.report(receipt_seq, "the outbox does not match the receipt")
    return [*check.problems, *found][:MAX_PROBLEMS]


def _erased(database: Database) -> set[int]:
    """Give the places whose erasure the log states."""
    query = "SELECT encoded FROM records WHERE kind = ? AND instr(encoded, ?) > 0"
    places: set[int] = set()
    for (data,) in database.each(query, (RecordKind.SYSTEM.value, ERASURE.encode())):
        try:
            places.update(erased_by(data))
        except RecordMalformed:
            continue  # reported where the log is walked
    return places


def _receipt_root(
    origin: str, receipt_seq: int, data: bytes | None, key: VerifyingKey | None
) -> tuple[dict[int, bytes], list[Problem]]:
    """Give the root that the stored receipt confirms, and what is wrong with that receipt."""
    if data is None:
        return {}, [Problem(receipt_seq, "the receipt is gone")] if receipt_seq else []
    try:
        receipt = read_receipt(data) if key is None else open_receipt(data, key)
        signers = () if key is None else ((CENTRE_NAME, key),)
        note = open_checkpoint(receipt.checkpoint, origin, *signers)
    except (ReceiptRefused, NoteRefused) as error:
        return {}, [Problem(receipt_seq, error.diagnosis)]
    if (receipt.seq, note.size) != (receipt_seq, receipt_seq):
        return {}, [Problem(receipt_seq, "the receipt is for another place")]
    return {note.size: note.root}, []


def signed_root(receipt: Receipt, key: VerifyingKey) -> bytes:
    """Give the root that a receipt confirms."""
    try:
        origin = origin_of(receipt.gate, receipt.epoch)
        note = open_checkpoint(receipt.checkpoint, origin, (CENTRE_NAME, key))
    except NoteRefused as error:
        raise ReceiptForged(error.diagnosis) from error
    if note.size != receipt.seq:
        raise ReceiptForged("a receipt's checkpoint is for another place")
    return note.root
