"""Trimming a journal that no agent uses, in one go, and making its file small again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.chain import Problem
from sync.log.errors import StorageFailed, StorageUnavailable
from sync.log.keys import VerifyingKey


class TrimResult(NamedTuple):
    """Records that went and that are here, the files' bytes before and after, and the kept head.

    `seq` and `root` are the last record that ever went and the root of the tree up to there,
    `checkpoint` the countersigned note that covers it ("" if nothing was confirmed). With
    `problems` nothing was changed.
    """

    trimmed: int
    kept: int
    bytes_before: int
    bytes_after: int
    seq: int
    root: str
    checkpoint: str
    problems: list[Problem]


def trim_once(
    path: Path,
    before_utc: str,
    kept_days: int,
    key: VerifyingKey | None,
    random: Callable[[int], bytes],
    utc: str,
    at_ns: int,
) -> TrimResult:
    """Verify a journal, remove what may go, and give the room back to the disk.

    Args:
        path: the database.
        before_utc: records from then on stay; RFC 3339 with milliseconds.
        kept_days: what the statement says about the window.
        key: the central system's; with it the receipts' signatures are checked first.
        random: source of the statement's salt.
        utc: now.
        at_ns: now, on the monotonic clock.

    Raises:
        StorageBusy: the agent runs; it trims by itself at night.
        StorageFailed: no room to write; what had gone before that stays gone, and is stated.
        StorageError: it is no journal that can be opened.
    """
    reader = JournalReader(path)
    gate, demo = reader.gate, reader.demo
    reader.close()
    journal = Journal.open(path, gate=gate, random=random, demo=demo)
    removed = 0
    try:
        before = journal.size_bytes()
        problems = journal.verify(key=key)
        while not problems:
            step = journal.trim(before_utc, kept_days, at_ns, utc)
            removed += step.records
            if step.done:
                _give_back(journal)
                break
        after = journal.size_bytes()
        point = journal.trimmed
    finally:
        journal.close()
    reader = JournalReader(path)
    try:
        receipt = reader.receipt()
        note = "" if receipt is None else receipt.checkpoint
        root = point.frontier.root().hex()
        return TrimResult(removed, reader.kept(), before, after, point.seq, root, note, problems)
    finally:
        reader.close()


def _give_back(journal: Journal) -> None:
    """Let the file be no larger than what it holds."""
    while journal.shrink(0.0):
        pass
    if journal.can_shrink:
        journal.forget_deleted()
        return
    needed = 2 * journal.size_bytes()
    try:
        found = os.statvfs(journal.path.parent)
    except OSError as error:
        raise StorageUnavailable(f"{journal.path.name}: {error.strerror}") from error
    if found.f_bavail * found.f_frsize < needed:
        raise StorageFailed(
            f"{journal.path.name}: records were trimmed, but the file was made before files could"
            f" shrink: free {needed // 1_000_000} MB on its disk and run this again"
        )
    journal.rebuild()
