"""A journal of years: its size before and after a trim, and what a trim costs a record of now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import seal_receipt
from sync.log.envelope import Sealer
from sync.log.keys import CentreKeys, SigningKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, Checkpoint, countersign, origin_of, sign_checkpoint
from sync.log.types import Receipt, RecordKind

GATE = "bench-years"
KEPT_DAYS = 90
DAYS = 3 * 365
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 1000
COMMITS = 2000
IDENTITY = {"surname": "EXAMPLE", "given_names": "PERSON", "number": "X1234567"}


class YearsResult(NamedTuple):
    """What the bench prints. Sizes are the database's with its write-ahead log."""

    records: int
    trimmed: int
    kept: int
    bytes_before: int
    bytes_after: int
    verified: bool
    commit_p99_us: int
    commit_beside_trim_p99_us: int
    ratio_p99: float


def measure(
    folder: Path, records: int, clock: Callable[[], int], random: Callable[[int], bytes]
) -> YearsResult:
    """Make a journal of three years, trim it to 90 days, and time records beside that.

    A step of trimming stands before every record; the record waits for what the step takes,
    in the worst case. Without steps the same records are timed in the same run.

    Args:
        folder: where the journal lies.
        records: how many it has.
        clock: monotonic nanoseconds.
        random: source of keys and salts.
    """
    centre, key = CentreKeys.generate(random), SigningKey.generate(random)
    path = folder / "years.db"
    sealer = Sealer(centre.public.sealing, random, random(32))
    journal = Journal.open(path, gate=GATE, random=random, sealer=sealer)
    try:
        _fill(journal, records)
        journal.acknowledge(_receipt(journal, centre, key), centre.signing.public)
        journal.forget_deleted()
        before = journal.size_bytes()
        cutoff = _utc(FIRST + timedelta(days=DAYS - KEPT_DAYS))
        while not journal.trim(cutoff, KEPT_DAYS, 0, _utc(FIRST)).records:
            pass
        plain: list[int] = []
        beside: list[int] = []
        for _ in range(COMMITS):
            plain.append(_timed(journal, clock))
            step = journal.trim(cutoff, KEPT_DAYS, 0, _utc(FIRST))
            beside.append(_timed(journal, clock))
            if step.done:
                break
        while not journal.trim(cutoff, KEPT_DAYS, 0, _utc(FIRST)).done:
            pass
        while journal.shrink(0.0):
            pass
        journal.forget_deleted()
        after = journal.size_bytes()
        trimmed = journal.trimmed.seq
    finally:
        journal.close()
    reader = JournalReader(path)
    try:
        kept, good = reader.kept(), not reader.verify(centre.signing.public)
    finally:
        reader.close()
    p99, p99_beside = _p99(plain), _p99(beside)
    ratio = round(p99_beside / p99, 2)
    return YearsResult(
        records, trimmed, kept, before, after, good, p99 // 1000, p99_beside // 1000, ratio
    )


def _fill(journal: Journal, records: int) -> None:
    """Write records evenly over three years; each crossing has a decision and an end."""
    for first in range(0, records, AT_ONCE):
        entries = []
        for n in range(first, min(first + AT_ONCE, records)):
            utc = _utc(FIRST + timedelta(days=n * DAYS / records))
            kind = RecordKind.FINISH if n % 2 else RecordKind.DECISION
            facts = {"outcome": "admit", "checks": ["passed"] * 20, "n": n}
            entries.append(
                JournalEntry(kind, n // 2 + 1, n, utc, facts, None if n % 2 else IDENTITY)
            )
        journal.append_many(entries)


def _receipt(journal: Journal, centre: CentreKeys, key: SigningKey) -> bytes:
    """Answer as the central system does."""
    size = journal.last_seq
    checkpoint = Checkpoint(origin_of(GATE, journal.epoch), size, root_of(size, journal.nodes))
    receipt = Receipt(
        gate=GATE,
        epoch=journal.epoch,
        seq=size,
        commitment=journal.newest,
        checkpoint=countersign(sign_checkpoint(checkpoint, key), CENTRE_NAME, centre.signing),
    )
    return seal_receipt(receipt, centre.signing)


def _timed(journal: Journal, clock: Callable[[], int]) -> int:
    """How long one record takes to be durable, in nanoseconds."""
    began_ns = clock()
    journal.append(RecordKind.SYSTEM, 0, began_ns, _utc(FIRST), {"event": "mode"})
    return clock() - began_ns


def _p99(times_ns: list[int]) -> int:
    return sorted(times_ns)[(len(times_ns) - 1) * 99 // 100]


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
