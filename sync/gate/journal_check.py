"""Checks of a journal: against itself, and against what the central system confirmed."""

from __future__ import annotations

from sync.gate.journal_schema import (
    STORED,
    TrimPoint,
    commitment_at,
    nodes_of,
    stored,
    trim_point,
)
from sync.log.chain import MAX_PROBLEMS, LogCheck, Problem, erased_by
from sync.log.database import Database
from sync.log.encoding import GENESIS, decode_record, open_receipt, read_receipt
from sync.log.errors import NoteRefused, ReceiptForged, ReceiptRefused, RecordMalformed
from sync.log.keys import VerifyingKey
from sync.log.merkle import Frontier, root_of
from sync.log.notes import CENTRE_NAME, open_checkpoint, origin_of
from sync.log.types import ERASURE, TRIM, Receipt, RecordKind


def check_journal(
    database: Database, gate: str, epoch: str, after_seq: int, key: VerifyingKey | None
) -> list[Problem]:
    """Check everything after a place, as of one moment; at most `MAX_PROBLEMS`.

    That is: contents, links, contiguity, the tree, erasures, outbox, what was trimmed, and the
    tree that the newest receipt confirms. With the central system's key the signatures of
    receipts are checked again.
    """
    with database.snapshot():
        point = trim_point(database)
        last_seq = int(database.value("SELECT coalesce(max(seq), 0) FROM records"))
        receipt_seq, receipt = database.rows("SELECT receipt_seq, receipt FROM journal")[0]
        roots, found = _receipt_root(origin_of(gate, epoch), receipt_seq, receipt, key)
        found += _trim_problems(database, point, receipt_seq)
        frontier, previous = point.frontier, point.commitment
        if after_seq > point.seq:
            frontier = Frontier.of(after_seq, nodes_of(database))
            previous = commitment_at(database, after_seq) or GENESIS
        elif point.seq:
            found += _add_receipt_then(roots, point, gate, epoch, key)
        check = LogCheck(
            gate,
            epoch,
            roots=roots,
            erased=stated_erasures(database),
            frontier=frontier,
            previous=previous,
        )
        query = f"{STORED} WHERE seq > ? ORDER BY seq"
        check.walk(stored(row) for row in database.each(query, (max(after_seq, point.seq),)))
        if last_seq < receipt_seq:
            check.report(receipt_seq, "the log ends before the newest receipt")
        outbox = database.one("SELECT count(*), coalesce(min(seq), ?) FROM outbox", (last_seq + 1,))
    if outbox != (max(0, last_seq - receipt_seq), receipt_seq + 1):
        check.report(receipt_seq, "the outbox does not match the receipt")
    return [*check.problems, *found][:MAX_PROBLEMS]


def _trim_problems(database: Database, point: TrimPoint, receipt_seq: int) -> list[Problem]:
    """What is wrong with what stands for the records that were removed."""
    if not point.seq:
        return []
    found: list[Problem] = []
    if database.value("SELECT count(*) FROM records WHERE seq <= ?", (point.seq,)):
        found.append(Problem(point.seq, "records stand before the place where the log begins"))
    if point.seq > receipt_seq:
        found.append(Problem(point.seq, "records went that the central system never confirmed"))
    data = database.value("SELECT encoded FROM records WHERE seq = ?", (point.stated_seq,))
    try:
        facts = decode_record(data or b"").facts
    except RecordMalformed:
        facts = {}
    to_seq = facts.get("to_seq") if facts.get("event") == TRIM else None
    if not isinstance(to_seq, int) or to_seq != point.to_seq or to_seq < point.seq:
        found.append(Problem(point.seq, "records are gone, and no record states a trim"))
    elif not found and facts.get("root") != root_of(to_seq, nodes_of(database)).hex():
        found.append(Problem(to_seq, "the tree up to the trim is not the one that was stated"))
    return found


def _add_receipt_then(
    roots: dict[int, bytes], point: TrimPoint, gate: str, epoch: str, key: VerifyingKey | None
) -> list[Problem]:
    """Add the root that the receipt at the time of the trim confirms; give what is wrong there."""
    try:
        size = read_receipt(point.receipt).seq
    except ReceiptRefused as error:
        return [Problem(point.seq, error.diagnosis)]
    if size < point.seq:
        return [Problem(point.seq, "the receipt of the trim confirms less than what went")]
    then, found = _receipt_root(origin_of(gate, epoch), size, point.receipt, key)
    if then and roots.setdefault(size, then[size]) != then[size]:
        found.append(Problem(size, "two receipts of this size differ"))
    if roots.get(point.seq, point.frontier.root()) != point.frontier.root():
        found.append(Problem(point.seq, "the tree up to the trim is not the one that was signed"))
    return found


def stated_erasures(database: Database) -> set[int]:
    """The places whose erasure the log states."""
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
