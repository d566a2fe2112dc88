"""Power cuts and failing syncs below the real journal."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from record_support import UTC, fill, open_journal

from sim.chaos.powercut import GATE, Disk, Promise, cut, record_session
from sim.chaos.powercut import _judge as judge
from sim.chaos.recording_vfs import Mark, Synced, Truncated, Wrote, recording
from sync.gate.journal import Journal
from sync.log.errors import StorageFailed
from sync.log.types import RecordKind


def test_no_promise_is_broken_by_a_power_cut(tmp_path: Path) -> None:
    found = cut(tmp_path, 150, seed=7)
    assert found.cuts == 150
    assert found.records > 30
    assert (found.lost, found.altered, found.unopened) == (0, 0, 0)
    assert found.unsynced_dropped > 100


def test_the_disk_is_cruel_enough(tmp_path: Path) -> None:
    """The same cuts break a journal that does not wait for its syncs."""
    assert cut(tmp_path, 40, seed=7, sync=False).lost > 0


def test_the_judge_sees_a_lost_and_a_changed_record(tmp_path: Path) -> None:
    home = tmp_path / "session"
    home.mkdir()
    session = record_session(home, random.Random(3))
    disk, promise = Disk(), Promise(0, 0, ())
    for operation in session.log:
        if isinstance(operation, Mark):
            promise = operation.promise
        else:
            disk.apply(operation)
    files, dropped = disk.after_cut(random.Random(1))
    after = tmp_path / "after"
    assert dropped == 0
    assert promise.trimmed > 10
    assert judge(after, files, promise, session.records) == (0, 0, 0)
    more = promise._replace(last_seq=promise.last_seq + 1)
    assert judge(after, files, more, session.records)[0] == 1
    received = promise._replace(receipt_seq=promise.receipt_seq + 1)
    assert judge(after, files, received, session.records)[0] == 1
    back = promise._replace(trimmed=promise.trimmed + 1000)
    assert judge(after, files, back, session.records)[0] == 1
    kept = next(
        seq for seq in session.records if seq not in promise.erased and seq > promise.trimmed
    )
    forgotten = promise._replace(erased=(*promise.erased, kept))
    assert judge(after, files, forgotten, session.records)[0] == 1
    assert judge(after, files, promise, {**session.records, kept: "another"})[1] == 1
    database = bytearray(files["journal.db"])
    database[database.index(b"filler")] ^= 1
    assert judge(after, {"journal.db": bytes(database)}, promise, session.records)[2] == 1


def test_the_disk_keeps_what_was_synced_and_may_drop_the_rest() -> None:
    disk = Disk()
    for operation in (Wrote("f", 0, b"a" * 1024), Synced("f"), Wrote("f", 512, b"b" * 1024)):
        disk.apply(operation)
    disk.apply(Truncated("f", 1600))
    seen = set()
    for seed in range(200):
        files, _ = disk.after_cut(random.Random(seed))
        assert files["f"][:512] == b"a" * 512
        seen.add((files["f"][512:1024], files["f"][1024:1536], len(files["f"])))
    assert {second for second, _, _ in seen} == {b"a" * 512, b"b" * 512}
    assert (b"a" * 512, b"b" * 512, 1536) in seen  # the sectors of one write, out of order
    assert {1024, 1536, 1600} <= {size for _, _, size in seen}


def test_a_sync_that_fails_promises_nothing_and_is_got_over(tmp_path: Path) -> None:
    """EIO: the append says so; what was durable stays; the disk may come back."""
    with recording() as vfs:
        journal = open_journal(tmp_path / "journal.db", GATE)
        fill(journal, 5)
        vfs.fail_syncs = True
        with pytest.raises(StorageFailed):
            journal.append(RecordKind.DECISION, 1, 0, UTC, {"n": 6})
        assert not journal.writes()
        assert journal.last_seq == 5
        vfs.fail_syncs = False
        assert journal.writes()
        record = journal.append(RecordKind.DECISION, 1, 0, UTC, {"n": "instead"})
        assert record.seq == 6
        assert journal.verify() == []
        journal.close()
    again = Journal.open(tmp_path / "journal.db", gate=GATE, random=random.Random(1).randbytes)
    assert [each.facts["n"] for each in again.records()] == [1, 2, 3, 4, 5, "instead"]
    assert again.verify() == []
    again.close()
