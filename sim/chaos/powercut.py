"""Power cuts: the real journal's writes, cut off anywhere, on a disk that drops unsynced writes.

A session of the real journal is recorded below SQLite (`sim.chaos.recording_vfs`). For every
cut a disk is built as it might look afterwards: all that was synced, and of everything
written later each sector of 512 bytes or not, at random; the last write may be torn. The
journal is then opened there, as after any start.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sim.chaos.recording_vfs import Deleted, Mark, Operation, Synced, Truncated, Wrote, recording
from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.log.encoding import seal_receipt
from sync.log.envelope import Sealer
from sync.log.errors import SyncError
from sync.log.keys import CentreKeys, SigningKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, Checkpoint, countersign, origin_of, sign_checkpoint
from sync.log.types import Receipt, Record, RecordKind

GATE = "cut-1"
UTC = "2026-01-01T00:00:00.000Z"
LATER = "2026-06-01T00:00:00.000Z"
SECTOR = 512
STEPS = 40


class Promise(NamedTuple):
    """What the journal had promised when the power went: all of it must be there again."""

    last_seq: int
    receipt_seq: int
    erased: tuple[int, ...]
    trimmed: int = 0


class CutResult(NamedTuple):
    """What came of the cuts. `lost` counts those after which a promise was broken."""

    cuts: int
    records: int
    lost: int
    altered: int
    unopened: int
    unsynced_dropped: int


class Disk:
    """A disk with a cache: what was synced, and what may be lost."""

    def __init__(self) -> None:
        self._synced: dict[str, bytes] = {}
        self._pending: dict[str, list[Wrote | Truncated]] = {}

    def apply(self, operation: Operation) -> None:
        """Do one operation."""
        match operation:
            case Wrote() | Truncated():
                self._pending.setdefault(operation.name, []).append(operation)
            case Synced(name):
                content = bytearray(self._synced.get(name, b""))
                for each in self._pending.pop(name, []):
                    _write(content, each)
                self._synced[name] = bytes(content)
            case Deleted(name):
                # SQLite removes a log only after what it held is synced elsewhere.
                self._synced.pop(name, None)
                self._pending.pop(name, None)

    def after_cut(self, random_source: random.Random) -> tuple[dict[str, bytes], int]:
        """How the disk may look after a cut now; and how many sectors were dropped."""
        files = {name: bytearray(content) for name, content in self._synced.items()}
        dropped = 0
        share = random_source.choice((0.0, 0.5, 1.0, random_source.random()))
        for name, operations in self._pending.items():
            content = files.setdefault(name, bytearray())
            for each in operations:
                if isinstance(each, Truncated):
                    if random_source.random() < share:
                        _write(content, each)
                    continue
                for start, end in _sectors(each):
                    if random_source.random() < share:
                        _write(content, Wrote(name, each.offset + start, each.data[start:end]))
                    else:
                        dropped += 1
        return {name: bytes(content) for name, content in files.items()}, dropped


def record_session(
    folder: Path, random_source: random.Random, *, sync: bool = True
) -> _RecordedSession:
    """Run the real journal for a while, and write down what reaches the disk.

    `sync=False` takes the durability away, to show that the cuts would find it.
    """
    centre, key = (
        CentreKeys.generate(random_source.randbytes),
        SigningKey.generate(random_source.randbytes),
    )
    with recording() as vfs:
        sealer = Sealer(centre.public.sealing, random_source.randbytes, random_source.randbytes(32))
        path = folder / "journal.db"
        journal = Journal.open(path, gate=GATE, random=random_source.randbytes, sealer=sealer)
        begun = len(vfs.log)
        if not sync:
            journal._db.rows("PRAGMA synchronous=NORMAL")  # noqa: SLF001 - the control
        promise, records = Promise(0, 0, ()), dict[int, str]()
        for step in range(STEPS):
            promise, new = _step(journal, centre, key, random_source, promise, step)
            records.update((record.seq, repr(record)) for record in new)
            vfs.mark(promise)
        journal.close()
    return _RecordedSession(vfs.log, begun, records)


class _RecordedSession(NamedTuple):
    """What a journal wrote, where it was made, and its records as they should be."""

    log: list[Operation]
    begun: int
    records: dict[int, str]


def _step(
    journal: Journal,
    centre: CentreKeys,
    key: SigningKey,
    random_source: random.Random,
    promise: Promise,
    step: int,
) -> tuple[Promise, list[Record]]:
    """Do one thing that a journal does; give what it has promised by then, and new records."""
    first = journal.trimmed.seq + 1
    if step % 10 == 7:
        size = random_source.randint(max(first, promise.receipt_seq), promise.last_seq)
        journal.acknowledge(_receipt(journal, centre, key, size), centre.signing.public)
        return promise._replace(receipt_seq=size), []
    if step % 13 == 11:
        left = [seq for seq in range(first, promise.last_seq) if seq not in promise.erased]
        seq = random_source.choice(left)
        if not _states_something(journal, seq):
            record = journal.erase([seq], step, UTC, "asked for")
            erased = (*promise.erased, seq)
            return promise._replace(last_seq=record.seq, erased=erased), [record]
    if step % 8 == 6 and promise.receipt_seq:
        for _ in range(random_source.choice((1, 2, 3, 9))):  # a trim that may be cut off, too
            journal.trim(LATER, 90, step, UTC)
        new = list(journal.records(promise.last_seq))
        trimmed = journal.trimmed.seq
        return promise._replace(last_seq=journal.last_seq, trimmed=trimmed), new
    if step % 9 == 8:
        journal.shrink(0.0)
        journal._db.rows("PRAGMA wal_checkpoint(PASSIVE)")  # noqa: SLF001 - as SQLite does later
    facts: dict[str, Any] = {
        "outcome": "admit",
        "filler": "x" * random_source.choice((10, 300, 6000)),
    }
    identity = {"surname": "EXAMPLE"} if random_source.random() < 0.7 else None
    ticket = 0 if step < 2 * STEPS // 3 else step + 1  # crossings without an end are not trimmed
    entries = [
        JournalEntry(RecordKind.DECISION, ticket, step, UTC, {**facts, "n": n}, identity)
        for n in range(random_source.choice((1, 1, 1, 8)))
    ]
    new = journal.append_many(entries)
    return promise._replace(last_seq=new[-1].seq), new


def _states_something(journal: Journal, seq: int) -> bool:
    """Whether a record states an erasure or a trim: those stay."""
    return any(record.seq == seq and "event" in record.facts for record in journal.records())


def _receipt(journal: Journal, centre: CentreKeys, key: SigningKey, size: int) -> bytes:
    """Answer as the central system does."""
    origin = origin_of(GATE, journal.epoch)
    note = sign_checkpoint(Checkpoint(origin, size, root_of(size, journal.nodes)), key)
    leaf = journal._db.value(  # noqa: SLF001 - the central system has it from the batch
        "SELECT commitment FROM records WHERE seq = ?", (size,)
    )
    receipt = Receipt(
        gate=GATE,
        epoch=journal.epoch,
        seq=size,
        commitment=leaf.hex(),
        checkpoint=countersign(note, CENTRE_NAME, centre.signing),
    )
    return seal_receipt(receipt, centre.signing)


def cut(
    folder: Path,
    cuts: int,
    seed: int,
    say: Callable[[str], None] = lambda _line: None,
    *,
    sync: bool = True,
) -> CutResult:
    """Cut the power so many times, each time somewhere else in a session of the journal.

    Args:
        folder: where databases may lie; best in memory.
        cuts: how many.
        seed: of the session, the moments and what is dropped.
        say: takes a line about how far it is.
        sync: False takes the journal's durability away, for comparison.

    Raises:
        VfsUnavailable: see `sim.chaos.recording_vfs`.
    """
    random_source = random.Random(seed)  # noqa: S311 - where the power goes
    counts = [0, 0, 0, 0]
    done = 0
    records = 0
    while done < cuts:
        home = folder / f"session-{done}"
        home.mkdir()
        session = record_session(home, random_source, sync=sync)
        records += len(session.records)
        moments = sorted(
            random_source.randrange(session.begun, len(session.log) + 1)
            for _ in range(min(500, cuts - done))
        )
        disk, promise, at = Disk(), Promise(0, 0, ()), 0
        for moment in moments:
            for operation in session.log[at:moment]:
                if isinstance(operation, Mark):
                    promise = operation.promise
                else:
                    disk.apply(operation)
            at = moment
            files, dropped = disk.after_cut(random_source)
            found = _judge(folder / "after", files, promise, session.records)
            counts = [a + b for a, b in zip(counts, (*found, dropped), strict=True)]
        done += len(moments)
        say(f"{done} of {cuts} cuts")
    return CutResult(done, records, *counts)


def _judge(
    home: Path, files: dict[str, bytes], promise: Promise, records: dict[int, str]
) -> tuple[int, int, int]:
    """Start again on this disk: (promises broken, records altered, not to be opened).

    Opening checks everything: pages, contents, links, the tree, receipt and outbox.
    """
    home.mkdir(exist_ok=True)
    for old in home.iterdir():
        old.unlink()
    for name, content in files.items():
        (home / name).write_bytes(content)
    try:
        journal = Journal.open(home / "journal.db", gate=GATE, random=random.Random(0).randbytes)  # noqa: S311 - nothing is made here
    except SyncError:
        return (1, 0, 1)
    try:
        found = {record.seq: repr(record) for record in journal.records()}
        broken = journal.last_seq < promise.last_seq or journal.receipt_seq < promise.receipt_seq
        broken = broken or any(seq in found for seq in promise.erased)
        begins = journal.trimmed.seq + 1
        broken = broken or begins <= promise.trimmed or bool(found and min(found) < begins)
        missing = set(range(begins, promise.last_seq + 1)) - set(found) - set(promise.erased)
        # One erasure may have been under way; the journal's own check knows which.
        broken = broken or len(missing) > 1
        altered = sum(records.get(seq) != text for seq, text in found.items())
        return (int(broken), altered, 0)
    finally:
        journal.close()


def _sectors(write: Wrote) -> list[tuple[int, int]]:
    """Where a write's data fall into sectors of the disk."""
    size = len(write.data)
    first = SECTOR - write.offset % SECTOR
    edges = [0, *range(first, size, SECTOR), size]
    return [(a, b) for a, b in itertools.pairwise(edges) if a < b]


def _write(content: bytearray, operation: Wrote | Truncated) -> None:
    """Change a file's content."""
    if isinstance(operation, Truncated):
        del content[operation.size :]
        content.extend(bytes(operation.size - len(content)))
        return
    end = operation.offset + len(operation.data)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.offset : end] = operation.data
