"""The journal against a model, against tampering, and against a killed writer."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from record_support import (
    CENTRE_KEY,
    CENTRE_KEYS,
    GATE_KEY,
    OWN_KEY,
    STRANGER_KEY,
    UTC,
    fill,
    open_journal,
    seeded,
)

from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.gate.journal_schema import SCHEMA
from sync.gate.receipts import HOURS_KEPT
from sync.log.encoding import GENESIS, commitment, encode_record, open_receipt, seal_receipt
from sync.log.envelope import RecordPlace, centre_hour, gate_hour, open_identity
from sync.log.errors import (
    ReceiptAhead,
    ReceiptConflict,
    ReceiptForeign,
    ReceiptForged,
    ReceiptMalformed,
    RecordMalformed,
    SealBroken,
    StorageBusy,
    StorageCorrupt,
    StorageFailed,
    StorageForeign,
    StorageUnavailable,
)
from sync.log.keys import SigningKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, Checkpoint, countersign, origin_of, sign_checkpoint
from sync.log.types import Receipt, Record, RecordKind

CENTRE = CENTRE_KEY.public


def receipt_for(journal: Journal, seq: int, key: SigningKey = CENTRE_KEY, **changes: Any) -> bytes:
    found = journal._db.value("SELECT commitment FROM records WHERE seq = ?", (seq,))
    fields: dict[str, Any] = {
        "gate": journal.gate,
        "epoch": journal.epoch,
        "seq": seq,
        "commitment": found.hex() if found else GENESIS,
    }
    if found:
        root = root_of(seq, journal.nodes)
        checkpoint = Checkpoint(origin_of(journal.gate, journal.epoch), seq, root)
        note = sign_checkpoint(checkpoint, GATE_KEY)
        fields["checkpoint"] = countersign(note, CENTRE_NAME, key)
    return seal_receipt(Receipt(**(fields | changes)), key)


def note_of(journal: Journal, seq: int) -> str:
    return open_receipt(receipt_for(journal, seq), CENTRE).checkpoint


class JournalMachine(RuleBasedStateMachine):
    """Appends, receipts, restarts and failed commits, against a list and two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "journal.db"
        self.journal = open_journal(self.path)
        self.epoch = self.journal.epoch
        self.model: list[Record] = []
        self.receipt = 0

    def teardown(self) -> None:
        self.journal.close()
        self.directory.cleanup()

    @rule(
        entries=st.lists(
            st.tuples(
                st.sampled_from(list(RecordKind)),
                st.integers(0, 6),
                st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)),
            ),
            max_size=4,
        )
    )
    def append(self, entries: list[tuple[RecordKind, int, dict[str, Any]]]) -> None:
        made = [JournalEntry(kind, ticket, 5, UTC, facts) for kind, ticket, facts in entries]
        try:
            self.model += self.journal.append_many(made)
        except RecordMalformed:
            assert any(
                isinstance(value, int) and not -(2**63) <= value < 2**64
                for _, _, facts in entries
                for value in facts.values()
            )

    @rule()
    def fail_in_the_middle(self) -> None:
        run, left = self.journal._db.run, 2

        def failing(sql: str, parameters: Any = ()) -> int:
            nonlocal left
            left -= sql.startswith("INSERT")
            if left < 0 and sql != "ROLLBACK":
                raise StorageFailed("disk full")
            return run(sql, parameters)

        self.journal._db.run = failing  # type: ignore[method-assign]
        with pytest.raises(StorageFailed):
            self.journal.append_many([JournalEntry(RecordKind.FINISH, 1, 5, UTC, {})] * 2)
        self.journal._db.run = run  # type: ignore[method-assign]

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(0, len(self.model)))
        self.receipt = max(self.receipt, seq)
        receipt = receipt_for(self.journal, seq)
        assert self.journal.acknowledge(receipt, CENTRE) == self.receipt

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = open_journal(self.path, seed=99)

    @precondition(lambda self: self.model)
    @rule(size=st.integers(0, 2000), data=st.data())
    def read(self, size: int, data: st.DataObject) -> None:
        after = data.draw(st.integers(0, len(self.model)))
        with closing(JournalReader(self.path)) as reader:
            taken = reader.unsent(after, size)
            assert reader.receipt_seq() == self.receipt
            assert reader.last_seq() == len(self.model)
        expected = [encode_record(record) for record in self.model[after:]]
        assert taken == expected[: len(taken)]
        assert len(taken) >= min(1, len(expected))
        assert len(taken) <= 1 or sum(map(len, taken)) <= size

    @invariant()
    def agrees(self) -> None:
        assert list(self.journal.records()) == self.model
        assert [record.seq for record in self.model] == list(range(1, len(self.model) + 1))
        assert {record.epoch for record in self.model} <= {self.epoch}
        assert self.journal.epoch == self.epoch
        assert self.journal.receipt_seq == self.receipt
        assert self.journal.verify(key=CENTRE) == []
        crossing = (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION)
        begun = {each.ticket for each in self.model if each.kind in crossing}
        ended = {each.ticket for each in self.model if each.kind is RecordKind.FINISH}
        assert self.journal.unfinished_tickets() == sorted(begun - ended - {0})
        oldest = self.journal.oldest_unsent()
        assert oldest == next(iter(self.model[self.receipt :]), None)


TestJournalAgainstModel = JournalMachine.TestCase
TestJournalAgainstModel.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        ("UPDATE records SET encoded = CAST(encoded || x'00' AS BLOB) WHERE seq = 5", 5, "match"),
        ("UPDATE records SET commitment = zeroblob(32) WHERE seq = 5", 5, "match"),
        ("UPDATE records SET encoded = x'' WHERE seq = 5", 5, "without an erasure"),
        ("UPDATE records SET nodes = zeroblob(32) WHERE seq = 6", 6, "nodes"),
        ("UPDATE secrets SET salt = zeroblob(32) WHERE seq = 5", 5, "match"),
        ("DELETE FROM secrets WHERE seq = 5", 5, "match"),
        ("DELETE FROM records WHERE seq = 5", 6, "missing"),
        ("DELETE FROM outbox WHERE seq = 5", 0, "outbox"),
        ("UPDATE records SET seq = 99 WHERE seq = 5", 6, "missing"),
    ],
)
def test_tampering_is_found(tmp_path: Path, statement: str, seq: int, what: str) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 10)
        assert journal.verify() == []
        with closing(sqlite3.connect(tmp_path / "j.db", isolation_level=None)) as intruder:
            changed = intruder.execute(statement)
            assert changed.rowcount == 1
        problems = journal.verify()
        assert (problems[0].seq, what in problems[0].what) == (seq, True), problems
    with pytest.raises(StorageCorrupt):
        open_journal(tmp_path / "j.db")


def test_a_record_replaced_with_its_commitment_breaks_the_log(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 10)
        entry = JournalEntry(RecordKind.DECISION, 5, 0, UTC, {"outcome": "x"})
        forged = encode_record(journal._drafter._record(entry, 5, GENESIS, None))
        with closing(sqlite3.connect(tmp_path / "j.db", isolation_level=None)) as intruder:
            salt = intruder.execute("SELECT salt FROM secrets WHERE seq = 5").fetchone()[0]
            intruder.execute(
                "UPDATE records SET encoded = ?, commitment = ? WHERE seq = 5",
                (forged, commitment(salt, forged)),
            )
        assert [problem.seq for problem in journal.verify()] == [5, 6, 8]


def test_a_log_rewritten_from_end_to_end_is_not_the_one_that_was_confirmed(tmp_path: Path) -> None:
    """An intruder who writes every table again still has no signature of the central system."""
    with (
        closing(open_journal(tmp_path / "j.db")) as journal,
        closing(open_journal(tmp_path / "other.db")) as other,
    ):
        fill(journal, 10)
        other.append(RecordKind.SYSTEM, 0, 0, UTC, {"other": True})
        fill(other, 9)
        assert other.epoch == journal.epoch
        receipt = receipt_for(journal, 8)
        with pytest.raises(ReceiptConflict):
            other.acknowledge(receipt, CENTRE)
        journal.acknowledge(receipt, CENTRE)
        other.acknowledge(receipt_for(other, 8), CENTRE)
        assert other.verify(key=CENTRE) == []
        with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as intruder:
            intruder.execute("UPDATE journal SET receipt = ?", (receipt,))
        assert [problem.seq for problem in other.verify(key=CENTRE)] == [8]
        forged = receipt_for(other, 8, STRANGER_KEY)
        with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as intruder:
            intruder.execute("UPDATE journal SET receipt = ?", (forged,))
        assert other.verify() == []  # without the key it cannot be found
        assert "signed" in other.verify(key=CENTRE)[0].what


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    """SQLite takes it in a URI, where some characters mean something else."""
    path = tmp_path / "lane #1?mode=memory&x=%41.db"
    with closing(open_journal(path)) as journal:
        fill(journal, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, f"{path.name}.lock"]
    with closing(JournalReader(path)) as reader:
        assert reader.last_seq() == 2


def test_tails_that_are_cut_off(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 10)
        journal.acknowledge(receipt_for(journal, 8), CENTRE)
        with closing(sqlite3.connect(tmp_path / "j.db", isolation_level=None)) as intruder:
            intruder.execute("DELETE FROM records WHERE seq > 6")
            intruder.execute("DELETE FROM outbox WHERE seq > 6")
        assert any("ends before" in problem.what for problem in journal.verify())


def test_an_identity_is_sealed_erased_and_its_proof_stays(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path)) as journal:
        fill(journal, 3)
        person = {"surname": "ZZYZX", "given_names": "ANN"}
        record = journal.append(RecordKind.DECISION, 4, 0, UTC, {"outcome": "admit"}, person)
        fill(journal, 3)
        assert b"ZZYZX" not in path.read_bytes() + path.with_name("j.db-wal").read_bytes()
        assert isinstance(record.identity, bytes)
        place = RecordPlace(journal.gate, journal.epoch, 4)
        key_id, wrapped = journal._db.rows("SELECT key_id, wrapped FROM secrets WHERE seq = 4")[0]
        hours = journal._db.rows(
            "SELECT for_centre, for_gate FROM hour_keys WHERE id = ?", (key_id,)
        )
        at_centre = centre_hour(hours[0][0], CENTRE_KEYS.opening, place.gate, place.epoch, key_id)
        at_gate = gate_hour(hours[0][1], OWN_KEY)
        assert at_centre == at_gate
        assert open_identity(place, record.identity, wrapped, at_gate) == person
        with pytest.raises(SealBroken):
            open_identity(place._replace(seq=5), record.identity, wrapped, at_gate)
        with pytest.raises(SealBroken):
            gate_hour(hours[0][1], b"x" * 32)
        root = root_of(7, journal.nodes)
        salt = journal._db.value("SELECT salt FROM secrets WHERE seq = 4")
        kept = (path, path.with_name("j.db-wal"))
        assert any(salt in file.read_bytes() for file in kept)
        event = journal.erase([4], 0, UTC, "retention")
        assert event.facts == {"event": "erasure", "seqs": [4], "reason": "retention"}
        assert journal.verify() == []
        assert root_of(7, journal.nodes) == root
        for trace in (salt, wrapped, record.identity):
            assert not any(trace in file.read_bytes() for file in kept)
        assert [each.seq for each in journal.records()] == [1, 2, 3, 5, 6, 7, 8]
        assert journal._db.rows("SELECT * FROM secrets WHERE seq = 4") == []
        for seq in (4, 8, 99):
            with pytest.raises(RecordMalformed):
                journal.erase([seq], 0, UTC, "again")
    with closing(open_journal(path)) as journal:
        assert journal.verify() == []


def test_the_gate_cannot_read_old_hours_once_the_centre_has_them(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        for hour in range(HOURS_KEPT + 4):
            for half in range(2):
                at_ns = hour * 3_600_000_000_000 + half * 1_800_000_000_000
                journal.append(RecordKind.DECISION, 1, at_ns, UTC, {}, {"surname": "X"})
        readable = "SELECT id FROM hour_keys WHERE for_gate <> x''"
        assert len(journal._db.rows(readable)) == HOURS_KEPT + 4
        journal.acknowledge(receipt_for(journal, 5), CENTRE)  # two hours, and half of the third
        assert journal._db.rows(readable)[0] == (3,)
        journal.acknowledge(receipt_for(journal, journal.last_seq), CENTRE)
        assert journal._db.rows(readable)[0] == (5,)


def test_an_hour_begins_again_when_its_key_was_not_stored(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        with pytest.raises(RecordMalformed):
            journal.append(RecordKind.DECISION, 1, 0, UTC, {"x": object()}, {"surname": "X"})
        journal.append(RecordKind.DECISION, 1, 0, UTC, {}, {"surname": "X"})
        assert journal._db.rows("SELECT id FROM hour_keys") == [(1,)]
        assert journal._db.value("SELECT key_id FROM secrets WHERE seq = 1") == 1
    bare = Journal.open(tmp_path / "bare.db", gate="gate-1", random=seeded())
    with closing(bare), pytest.raises(RecordMalformed, match="no key"):
        bare.append(RecordKind.DECISION, 1, 0, UTC, {}, {"surname": "X"})


def test_receipts_that_release_nothing(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 5)
        good = receipt_for(journal, 4)
        cases: list[tuple[bytes, type[Exception]]] = [
            (b"", ReceiptMalformed),
            (b"\x00" * 2000, ReceiptMalformed),
            (good[:-1], ReceiptMalformed),
            (good + b"\x00", ReceiptMalformed),
            (receipt_for(journal, 4, STRANGER_KEY), ReceiptForged),
            (receipt_for(journal, 4, gate="gate-2"), ReceiptForeign),
            (receipt_for(journal, 4, epoch="ff" * 16), ReceiptForeign),
            (receipt_for(journal, 6), ReceiptAhead),
            (receipt_for(journal, -1), ReceiptAhead),
            (receipt_for(journal, 4, commitment="ab" * 32), ReceiptConflict),
            (receipt_for(journal, 4, checkpoint=""), ReceiptForged),
            (receipt_for(journal, 4, checkpoint=note_of(journal, 3)), ReceiptForged),
            (receipt_for(journal, 0, commitment="ab" * 32), ReceiptConflict),
        ]
        flipped = bytearray(good)
        flipped[good.index(b"seq") + 3] = 5
        cases.append((bytes(flipped), ReceiptForged))
        for receipt, refusal in cases:
            with pytest.raises(refusal):
                journal.acknowledge(receipt, CENTRE)
            assert journal.receipt_seq == 0
        assert journal.acknowledge(good, CENTRE) == 4
        assert journal.acknowledge(receipt_for(journal, 2), CENTRE) == 4
        assert journal.verify() == []


def test_other_files_and_gates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        JournalReader(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    open_journal(tmp_path / "j.db").close()
    with pytest.raises(StorageForeign):
        open_journal(tmp_path / "j.db", gate="gate-2")
    with pytest.raises(StorageForeign):
        Journal.open(tmp_path / "j.db", gate="gate-1", random=seeded(), demo=True)
    with closing(sqlite3.connect(tmp_path / "j.db")) as later:
        later.execute("PRAGMA user_version=99")
    for opener in (open_journal, JournalReader):
        with pytest.raises(StorageForeign):
            opener(tmp_path / "j.db")
    (tmp_path / "text.db").write_text("this is no database, it is only text\n" * 200)
    with pytest.raises(StorageCorrupt):
        open_journal(tmp_path / "text.db")
    with pytest.raises(StorageUnavailable):
        JournalReader(tmp_path / "text.db")
    with pytest.raises(StorageUnavailable):
        open_journal(tmp_path / "no such directory" / "j.db")


def test_one_writer_and_a_private_file(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j.db")):
        with pytest.raises(StorageBusy):
            open_journal(tmp_path / "j.db")
        for path in tmp_path.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
    open_journal(tmp_path / "j.db").close()


def test_facts_that_are_not_plain(tmp_path: Path) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with closing(open_journal(tmp_path / "j.db")) as journal:
        for facts in ({"x": object()}, {"x": 2**64}, {"x": "y" * 70_000}, {"x": cycle}):
            with pytest.raises(RecordMalformed):
                journal.append(RecordKind.SYSTEM, 0, 0, UTC, facts)
        record = journal.append(RecordKind.SYSTEM, 0, 0, UTC, {"x": (1, 2.5)}, {"surname": "X"})
        assert record.facts == {"x": [1, 2.5]}
        assert record.seq == 1


def test_another_program_reads_the_journal(tmp_path: Path) -> None:
    """sqlite-utils, which knows nothing of us, sees the tables that the schema promises."""
    with closing(open_journal(tmp_path / "j.db")) as journal:
        fill(journal, 3)
        with closing(sqlite3.connect(tmp_path / "j.db")) as connection:
            tables = sqlite_utils.Database(connection)
            assert tables["records"].count == tables["outbox"].count == 3
            assert list(tables["records"].columns_dict) == [
                "seq",
                "kind",
                "ticket",
                "commitment",
                "encoded",
                "nodes",
            ]


def test_a_journal_of_version_1_goes_on_with_a_tree(tmp_path: Path) -> None:
    path, previous = tmp_path / "j.db", GENESIS
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for statement in SCHEMA.migrations[0]:
            old.execute(statement)
        old.execute("INSERT INTO journal VALUES (1, 'gate-1', 'ab', 0, 3, x'00')")
        for seq in range(1, 6):
            record = Record(
                version=1,
                gate="gate-1",
                epoch="ab",
                seq=seq,
                kind=RecordKind.DECISION,
                ticket=seq,
                at_ns=0,
                utc=UTC,
                previous=previous,
                facts={},
                identity={"surname": "X"},
            )
            data = encode_record(record)
            digest = commitment(b"", data)
            previous = digest.hex()
            row = (seq, "decision", seq, digest, data)
            old.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO outbox VALUES (4), (5)")
        old.execute(f"PRAGMA application_id={SCHEMA.application_id}")
        old.execute("PRAGMA user_version=1")
    for count in (2, 1):
        with closing(open_journal(path)) as journal:
            fill(journal, count)
            assert journal.verify() == []
            assert journal.receipt_seq == 0
            with closing(JournalReader(path)) as reader:
                assert len(reader.outgoing(0, 10**6).contents.items) == journal.last_seq


WRITER = """
import random, sys
from pathlib import Path
from sync.gate.journal import Journal
from sync.log.types import RecordKind
journal = Journal.open(Path(sys.argv[1]), gate="gate-1", random=random.Random(0).randbytes)
while True:
    record = journal.append(RecordKind.DECISION, 1, 0, "2026-01-01T00:00:00.000Z", {"x": 1})
    sys.stdout.write(f"{record.seq}\\n")
    sys.stdout.flush()
"""


@pytest.mark.live
def test_killed_writer_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    acknowledged = 0
    for round_ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            text = b""
            while text.count(b"\n") < 20 + 13 * round_:
                assert select.select([writer.stdout], [], [], 30)[0], "the writer is stuck"
                text += os.read(writer.stdout.fileno(), 4096)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            text += writer.stdout.read()
        seqs = [int(line) for line in text.split(b"\n")[:-1]]
        assert seqs[0] >= acknowledged + 1
        acknowledged = seqs[-1]
        with closing(open_journal(path)) as journal:
            assert acknowledged <= journal.last_seq <= acknowledged + 1
            assert journal.verify() == []
            acknowledged = journal.last_seq
