"""Trimming: what may go, what is proven afterwards, and what is still found wrong."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils
from record_support import CENTRE_KEY, UTC, fill, open_journal, seeded
from test_journal import receipt_for

from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.journal_backup import backup, restore
from sync.gate.journal_reader import JournalReader
from sync.gate.trim import STEP_RECORDS
from sync.gate.trim_once import trim_once
from sync.log.database import Database, Schema
from sync.log.encoding import open_receipt
from sync.log.errors import (
    ReceiptConflict,
    RecordMalformed,
    StorageBusy,
    StorageCorrupt,
)
from sync.log.merkle import root_of
from sync.log.types import TRIM, RecordKind

CENTRE = CENTRE_KEY.public
DAY = "2026-03-{:02}T10:00:00.000Z"


def filled(path: Path, days: int = 20, each: int = 10) -> Journal:
    """So many days of March, whose crossings begin and end."""
    journal = open_journal(path)
    for day in range(1, days + 1):
        for n in range(each):
            ticket = (day - 1) * each + n + 1
            facts = {"outcome": "admit", "filler": "x" * 400}
            entry = JournalEntry(RecordKind.DECISION, ticket, n, DAY.format(day), facts, {"a": "b"})
            end = JournalEntry(RecordKind.FINISH, ticket, n, DAY.format(day), facts)
            journal.append_many([entry, end])
    return journal


def confirm(journal: Journal, seq: int | None = None) -> None:
    seq = journal.last_seq if seq is None else seq
    journal.acknowledge(receipt_for(journal, seq), CENTRE)


def trim(journal: Journal, before: str = DAY.format(15), limit: int = 10_000) -> int:
    gone = 0
    for _ in range(limit):
        step = journal.trim(before, 90, 1, UTC)
        gone += step.records
        if step.done:
            break
    return gone


def kept(journal: Journal) -> list[int]:
    return [record.seq for record in journal.records()]


def test_what_is_old_and_confirmed_goes_and_the_rest_is_still_proven(tmp_path: Path) -> None:
    journal = filled(tmp_path / "j.db")
    confirm(journal)
    roots = {size: root_of(size, journal.nodes) for size in range(280, 401)}
    before = journal.last_seq
    assert trim(journal) == 280  # fourteen days
    assert kept(journal) == list(range(281, 402))  # and the statement
    assert {size: root_of(size, journal.nodes) for size in range(280, 401)} == roots
    assert journal.verify(key=CENTRE) == []
    statement = list(journal.records())[-1]
    assert statement.facts == {
        "event": TRIM,
        "to_seq": 280,
        "root": roots[280].hex(),
        "kept_days": 90,
    }
    assert statement.seq == before + 1
    assert trim(journal) == 0  # and no second statement
    assert journal.last_seq == before + 1
    confirm(journal)
    fill(journal, 3)
    journal.close()
    with closing(open_journal(tmp_path / "j.db")) as again:
        assert again.verify(key=CENTRE) == []
        assert again.last_ticket() == 404
        assert again.trimmed.seq == 280


@pytest.mark.parametrize("receipt", [0, 1, 77, 399])
def test_what_the_centre_has_not_confirmed_stays(tmp_path: Path, receipt: int) -> None:
    with closing(filled(tmp_path / "j.db")) as journal:
        confirm(journal, receipt)
        trim(journal, "2030")
        assert kept(journal)[0] == receipt + 1
        assert journal.verify(key=CENTRE) == []


def test_a_crossing_without_an_end_keeps_its_records_and_what_follows(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 4)  # four decisions without an end
        for ticket in (1, 2):
            journal.append(RecordKind.FINISH, ticket, 1, UTC, {})
        confirm(journal)
        trim(journal, "2030")
        assert kept(journal)[0] == 3
        assert journal.unfinished_tickets() == [3, 4]
        assert journal.last_ticket() == 4


def test_a_clock_that_was_behind_lets_nothing_younger_go(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "j.db", days=5)) as journal:
        journal.append(RecordKind.SYSTEM, 0, 1, "2020-01-01T00:00:00.000Z", {"event": "late"})
        confirm(journal)
        assert trim(journal, DAY.format(3)) == 40


def test_a_trim_that_is_cut_off_is_whole_after_every_step_and_goes_on(tmp_path: Path) -> None:
    journal = filled(tmp_path / "j.db")
    confirm(journal)
    seen = set()
    while not trim(journal, limit=1):
        pass
    for _ in range(10):
        journal.close()
        journal = open_journal(tmp_path / "j.db", seed=len(seen) + 9)
        seen.add(kept(journal)[0])
        assert journal.verify(key=CENTRE) == []
        trim(journal, limit=1)
    assert {STEP_RECORDS + 1, 2 * STEP_RECORDS + 1, 281} <= seen
    statements = [record for record in journal.records() if record.facts.get("event") == TRIM]
    assert len(statements) == 1
    journal.close()


def test_a_late_receipt_changes_nothing_and_a_false_one_is_a_conflict(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "j.db")) as journal:
        late = receipt_for(journal, 30)
        confirm(journal)
        trim(journal)
        assert journal.acknowledge(late, CENTRE) == 400
        for seq in (280, 300):
            false = receipt_for(journal, seq, commitment="11" * 32)
            with pytest.raises(ReceiptConflict):
                journal.acknowledge(false, CENTRE)


def test_a_centre_set_back_before_the_trim_gets_no_false_beginning(tmp_path: Path) -> None:
    journal = filled(tmp_path / "j.db")
    far, near = (open_receipt(receipt_for(journal, seq), CENTRE) for seq in (100, 300))
    confirm(journal)
    trim(journal)
    with closing(JournalReader(tmp_path / "j.db")) as reader:
        assert reader.begins_with(near, CENTRE)
        with pytest.raises(ReceiptConflict, match="keeps records from 281 on"):
            reader.begins_with(far, CENTRE)
    journal.close()


BELOW = """INSERT INTO records SELECT 5, kind, ticket, commitment, encoded, nodes
    FROM records WHERE seq = 300"""


def tampered(path: Path, sql: str) -> list[str]:
    with closing(filled(path)) as journal:
        confirm(journal)
        trim(journal)
        journal.forget_deleted()
    database = sqlite_utils.Database(path)
    database.execute("PRAGMA foreign_keys=OFF")
    database.conn.commit()
    database.conn.executescript(sql)
    database.close()
    with closing(JournalReader(path)) as reader:
        return [f"{problem.seq}: {problem.what}" for problem in reader.verify(CENTRE)]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM records WHERE seq <= 285", "records 281 to 285 are missing"),
        ("DELETE FROM records WHERE seq = 290", "records 290 to 290 are missing"),
        ("DELETE FROM trimmed", "records 1 to 280 are missing"),
        ("UPDATE trimmed SET peaks = zeroblob(length(peaks))", "not the one that was signed"),
        ("UPDATE trimmed SET commitment = zeroblob(32)", "does not follow the one before"),
        ("UPDATE trimmed SET stated_seq = 300", "no record states a trim"),
        ("UPDATE trimmed SET to_seq = 400", "no record states a trim"),
        ("UPDATE trimmed SET receipt = x''", "280: "),
        ("UPDATE journal SET receipt_seq = 200", "never confirmed"),
        (BELOW, "records stand before the place where the log begins"),
    ],
)
def test_a_loss_is_no_trim(tmp_path: Path, sql: str, what: str) -> None:
    assert any(what in problem for problem in tampered(tmp_path / "j.db", sql))


def test_peaks_that_are_not_whole_are_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(StorageCorrupt, match="peaks"):
        tampered(tmp_path / "j.db", "UPDATE trimmed SET peaks = x''")


def test_an_untouched_trim_is_in_order(tmp_path: Path) -> None:
    assert tampered(tmp_path / "j.db", "") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET encoded = zeroblob(10)",
        "UPDATE records SET commitment = zeroblob(32)",
        "UPDATE records SET nodes = zeroblob(32)",
    ],
)
def test_nothing_goes_that_is_not_in_order(tmp_path: Path, change: str) -> None:
    path = tmp_path / "j.db"
    with closing(filled(path, days=30)) as journal:
        confirm(journal)
        for _ in range(600):
            journal.append(RecordKind.SYSTEM, 0, 1, DAY.format(31), {"event": "later"})
        confirm(journal)
    database = sqlite_utils.Database(path)
    database.execute(change + " WHERE seq = 7")
    database.conn.commit()
    database.close()
    with closing(open_journal(path, seed=4)) as journal:
        with pytest.raises(StorageCorrupt, match="record 7"):
            trim(journal)
        assert journal.trimmed.seq == 0


def test_erasures_go_with_what_they_erased_and_a_statement_cannot_be_erased(
    tmp_path: Path,
) -> None:
    with closing(filled(tmp_path / "j.db")) as journal:
        journal.erase([5, 290], 1, UTC, "asked for")
        confirm(journal)
        assert trim(journal) == 280
        assert journal.verify(key=CENTRE) == []
        for seq in (5, 402):
            with pytest.raises(RecordMalformed):
                journal.erase([seq], 1, UTC, "again")
        journal.erase([300], 1, UTC, "asked for")
        confirm(journal)
        assert trim(journal, "2030") == 123
        assert journal.verify(key=CENTRE) == []


def test_a_backup_of_a_trimmed_journal_restores_and_an_older_one_is_a_conflict(
    tmp_path: Path,
) -> None:
    journal = filled(tmp_path / "j.db")
    confirm(journal, 200)
    backup(tmp_path / "j.db", tmp_path / "old.records", tmp_path / "old.keys")
    confirm(journal)
    trim(journal)
    confirm(journal)
    newest = receipt_for(journal, 401)
    backup(tmp_path / "j.db", tmp_path / "new.records", tmp_path / "new.keys")
    journal.close()
    restore(tmp_path / "new.records", tmp_path / "new.keys", tmp_path / "again.db")
    with closing(open_journal(tmp_path / "again.db", seed=7)) as again:
        assert again.verify(key=CENTRE) == []
        assert again.trimmed.seq == 280
    restore(tmp_path / "old.records", tmp_path / "old.keys", tmp_path / "rewound.db")
    with closing(open_journal(tmp_path / "rewound.db", seed=8)) as rewound:
        fill(rewound, 1)  # another record at a place that the centre has
        with pytest.raises(ReceiptConflict):
            rewound.acknowledge(newest, CENTRE)


def test_the_command_makes_a_file_of_any_version_small_and_refuses_a_running_agents(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    journal = filled(path, days=28)
    confirm(journal)
    with pytest.raises(StorageBusy):
        trim_once(path, DAY.format(27), 1, CENTRE, seeded(3), UTC, 1)
    journal.close()
    older = sqlite_utils.Database(path)  # as files were before they could shrink
    older.execute("PRAGMA auto_vacuum=NONE")
    older.execute("DROP TABLE trimmed")
    older.execute("PRAGMA user_version=2")
    older.conn.commit()
    older.vacuum()
    older.close()
    with closing(JournalReader(path)) as reader:
        assert reader.verify(CENTRE) == []
        assert reader.trimmed().seq == 0
    for before, gone in ((15, 280), (27, 240)):
        found = trim_once(path, DAY.format(before), 1, CENTRE, seeded(before), UTC, 1)
        assert (found.trimmed, found.problems) == (gone, [])
        assert found.bytes_after < 0.7 * found.bytes_before
        assert found.kept == 560 - found.seq + (1 if before == 15 else 2)
        assert found.checkpoint
        with closing(JournalReader(path)) as reader:
            assert reader.verify(CENTRE) == []
    again = trim_once(path, DAY.format(27), 1, CENTRE, seeded(5), UTC, 1)
    assert (again.trimmed, again.seq, again.root) == (0, 520, found.root)


def test_the_write_ahead_log_does_not_keep_its_largest_size(tmp_path: Path) -> None:
    schema = Schema(1, [("CREATE TABLE t (b BLOB) STRICT",)])
    path, wal = tmp_path / "d.db", tmp_path / "d.db-wal"
    writer = Database.open_writer(path, schema)
    reader = Database.open_reader(path, schema)
    block = random.Random(1).randbytes(1_000_000)
    with reader.snapshot():  # a long look keeps the log from beginning again
        reader.value("SELECT count(*) FROM t")
        for _ in range(20):
            writer.run("INSERT INTO t VALUES (?)", (block,))
        assert wal.stat().st_size > 20_000_000
    for _ in range(3):
        writer.run("INSERT INTO t VALUES (?)", (block[:5000],))
    writer.rows("PRAGMA wal_checkpoint(PASSIVE)")
    writer.run("INSERT INTO t VALUES (?)", (block[:5000],))
    assert wal.stat().st_size <= 8 * 1024 * 1024
    reader.close()
    writer.close()


def test_the_statement_goes_to_the_centre_like_any_record(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "j.db")) as journal:
        confirm(journal)
        trim(journal)
        with closing(JournalReader(tmp_path / "j.db")) as reader:
            outgoing = reader.outgoing(400, 100_000)
        assert len(outgoing.contents.items) == 1
        assert outgoing.root == root_of(401, journal.nodes)
