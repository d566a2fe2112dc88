"""Evidence, erasure and backups, through the command line: whatever is changed is found."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymerkle import InmemoryTree
from record_support import (
    CENTRE_KEY,
    CENTRE_KEYS,
    GATE_KEY,
    OWN_KEY,
    UTC,
    fill,
    open_journal,
    seeded,
)

from gate_agent.cli import main
from sync.centre.collector import collect
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import decode_record, seal_batch
from sync.log.keys import write_centre_keys, write_public_key
from sync.log.notes import Checkpoint, open_checkpoint, origin_of, sign_checkpoint
from sync.log.types import Batch, RecordKind

Run = Callable[..., tuple[int, Any]]
PERSON = {"surname": "ZZYZX", "given_names": "ANN"}


def send(journal: Journal, store: CentreStore) -> None:
    """Everything that is unsent, in one batch, and the receipt back."""
    after = journal.receipt_seq
    with closing(JournalReader(journal._db.path)) as reader:
        outgoing = reader.outgoing(after, 10**9)
    checkpoint = Checkpoint(origin_of(journal.gate, journal.epoch), journal.last_seq, outgoing.root)
    batch = Batch(
        gate=journal.gate,
        epoch=journal.epoch,
        first_seq=after + 1,
        sealed=b"",
        checkpoint=sign_checkpoint(checkpoint, GATE_KEY),
    )
    sealing = CENTRE_KEYS.public.sealing
    payload = seal_batch(batch, outgoing.contents, GATE_KEY, sealing, seeded(3))
    outcome = collect(store, CENTRE_KEYS, [payload], UTC)
    assert outcome.quarantined == ()
    journal.acknowledge(outcome.answers[0].receipt, CENTRE_KEY.public)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two gates with twelve records each at the centre; the fifth of each has an identity."""
    write_centre_keys(tmp_path, CENTRE_KEYS, demo=True)
    write_public_key(tmp_path / "centre.pub", CENTRE_KEY.public)
    write_public_key(tmp_path / "gate.pub", GATE_KEY.public)
    (tmp_path / "journal.key").write_bytes(OWN_KEY)
    (tmp_path / "journal.key").chmod(0o400)
    with closing(CentreStore(tmp_path / "centre.db")) as store:
        for number, gate in enumerate(("gate-1", "gate-2")):
            store.enrol(gate, GATE_KEY.public, UTC)
            with closing(open_journal(tmp_path / f"{gate}.db", gate, number)) as journal:
                fill(journal, 4)
                journal.append(RecordKind.DECISION, 5, 0, UTC, {"outcome": "admit"}, PERSON)
                fill(journal, 7)
                send(journal, store)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: object) -> tuple[int, Any]:
        code = main([*map(str, words), "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return command


def at_centre(home: Path) -> closing[CentreStore]:
    return closing(CentreStore(home / "centre.db"))


def test_evidence_of_a_trimmed_journal_is_whole_and_a_loss_is_not(home: Path, run: Run) -> None:
    path, state = home / "gate-1.db", ("--state", home)
    with closing(open_journal(path, seed=4)) as journal:
        for ticket in range(1, 13):
            journal.append(RecordKind.FINISH, ticket, 0, UTC, {"outcome": "admit"})
    with closing(open_journal(path, seed=5)) as journal, at_centre(home) as store:
        send(journal, store)
    code, trimmed = run("journal", "trim", path, "--days", 0, "--centre-key", home / "centre.pub")
    assert (code, trimmed["trimmed"], trimmed["kept"], trimmed["head"]["seq"]) == (0, 24, 1, 24)
    assert trimmed["bytes_after"] <= trimmed["bytes_before"]
    code, verified = run("journal", "verify", path, "--centre-key", home / "centre.pub")
    assert (code, verified["records"], verified["trimmed_to"], verified["kept"]) == (0, 25, 24, 1)
    assert run("journal", "show", path, 24)[0] == 2
    keys = ("--gate-key", home / "gate.pub", "--centre-key", home / "centre.pub")
    audit = ("--centre-key", home / "centre.pub")
    assert run("journal", "export", path, "--out", home / "bare", *keys)[0] == 0
    assert run("audit", home / "bare", *audit)[1]["trimmed"] == 24  # a trim point alone
    with closing(open_journal(path, seed=6)) as journal, at_centre(home) as store:
        fill(journal, 3)
        send(journal, store)
    assert run("centre", "audit", *state)[0] == 0
    assert run("journal", "export", path, "--out", home / "evidence", *keys)[1]["records"] == 4
    code, audited = run("audit", home / "evidence", *audit)
    assert (code, audited["records"], audited["trimmed"]) == (0, 4, 24)
    first, head, *rows = (home / "evidence").read_text().splitlines(keepends=True)
    log = json.loads(head)
    seq, commitment, peaks = log["log"]["trimmed"]
    for number, changed in enumerate(
        (
            None,
            [seq + 1, json.loads(rows[0])[1], peaks],
            [seq, commitment, "00" * (len(peaks) // 2)],
            [seq, "00" * 32, peaks],
            [seq, commitment, peaks[64:]],
            [seq, commitment, ""],
            [10**6, commitment, peaks],
            [-1, commitment, peaks],
        )
    ):
        del log["log"]["trimmed"]
        if changed is not None:
            log["log"]["trimmed"] = changed
        file = home / f"changed-{number}"
        file.write_text(first + json.dumps(log) + "\n" + "".join(rows))
        log["log"]["trimmed"] = [seq, commitment, peaks]
        assert run("audit", file, *audit)[0] == 1, changed
    (home / "gap").write_text(first + head + "".join(rows[1:]))
    assert run("audit", home / "gap", *audit)[0] == 1


def test_the_way_of_an_erasure(home: Path, run: Run) -> None:
    state = ("--state", home)
    assert run("centre", "audit", *state)[0] == 0
    code, shown = run("centre", "show", *state, "--gate", "gate-1", "--seq", 5)
    assert (code, shown["identity"]) == (0, PERSON)
    code, _ = run("centre", "erase", *state, "--gate", "gate-1", "--reason", "retention", 5)
    assert code == 0
    assert run("centre", "show", *state, "--gate", "gate-1", "--seq", 5)[1]["erased"] is True
    again = run("centre", "erase", *state, "--gate", "gate-1", "--reason", "x", 4, 5)
    assert again[0] == 2
    assert "erased" not in run("centre", "show", *state, "--gate", "gate-1", "--seq", 4)[1]
    code, audited = run("centre", "audit", *state)
    assert (code, audited["erased"], audited["records"]) == (0, 1, 24)
    run("centre", "export", *state, "--out", home / "evidence")
    assert run("audit", home / "evidence", "--centre-key", home / "centre.pub")[0] == 0
    with closing(sqlite3.connect(home / "centre.db", isolation_level=None)) as intruder:
        intruder.execute("DELETE FROM erasures")
    code, audited = run("centre", "audit", *state)
    assert code == 1
    assert [(each["gate"], each["seq"]) for each in audited["findings"]] == [("gate-1", 5)]


def test_a_record_and_a_growing_log_are_proven_to_others(home: Path, run: Run) -> None:
    """pymerkle judges what is printed; the gate's note signs the root."""
    place = ("--state", home, "--gate", "gate-1")
    code, proof = run("centre", "prove", *place, "--seq", 5)
    assert (code, proof["size"], proof["index"]) == (0, 12, 4)
    origin = origin_of("gate-1", proof["epoch"])
    signed = open_checkpoint(proof["checkpoint"], origin, (origin, GATE_KEY.public))
    assert (signed.size, signed.root.hex()) == (proof["size"], proof["root"])
    theirs = InmemoryTree(algorithm="sha256")
    with closing(CentreStore(home / "centre.db")) as store:
        for seq in range(1, 13):
            theirs.append_entry(store.item("gate-1", proof["epoch"], seq).commitment)
    path = [proof["leaf"], *proof["proof"]]
    assert path == [node.hex() for node in theirs.prove_inclusion(5, 12).path]
    code, grown = run("centre", "prove", *place, "--since", 7)
    assert (code, grown["first_root"]) == (0, theirs.get_root(7).hex())
    assert grown["root"] == theirs.get_root(12).hex()


@pytest.mark.parametrize("words", [("--seq", 0), ("--seq", 13), ("--since", 0), ("--since", 13)])
def test_nothing_is_proven_beyond_the_log(words: tuple[object, ...], home: Path, run: Run) -> None:
    assert run("centre", "prove", "--state", home, "--gate", "gate-1", *words)[0] == 2


def test_a_changed_record_is_not_proven(home: Path, run: Run) -> None:
    with closing(sqlite3.connect(home / "centre.db", isolation_level=None)) as intruder:
        intruder.execute("UPDATE records SET commitment = zeroblob(32) WHERE seq = 5")
    assert run("centre", "prove", "--state", home, "--gate", "gate-1", "--seq", 5)[0] == 2


def test_a_gate_shows_and_proves_its_journal(home: Path, run: Run) -> None:
    journal = home / "gate-1.db"
    key = ("--centre-key", home / "centre.pub")
    code, verified = run("journal", "verify", journal, *key)
    assert (code, verified["records"], verified["receipt_seq"]) == (0, 12, 12)
    assert run("journal", "show", journal)[1]["unsent"] == 0
    rows = run("journal", "show", journal, "--table", "records")[1]["records"]
    assert [row["seq"] for row in rows] == list(range(1, 13))
    assert decode_record(bytes.fromhex(rows[3]["encoded"])).seq == 4
    assert run("journal", "show", journal, "--table", "outbox")[1] == {"outbox": []}
    assert run("journal", "show", journal, 5)[1]["identity"] == "sealed"
    assert (
        run("journal", "show", journal, 5, "--key", home / "journal.key")[1]["identity"] == PERSON
    )
    assert run("journal", "show", journal, 99)[0] == 2
    gate_key = ("--gate-key", home / "gate.pub")
    assert run("journal", "export", journal, "--out", home / "e", *gate_key, *key)[0] == 0
    code, audited = run("audit", home / "e", *key)
    assert (code, audited["records"], audited["pinned"]) == (0, 12, True)
    with closing(sqlite3.connect(journal, isolation_level=None)) as intruder:
        intruder.execute("UPDATE records SET encoded = x'00' WHERE seq = 7")
    code, verified = run("journal", "verify", journal)
    assert (code, verified["problems"][0]["gate"], verified["problems"][0]["seq"]) == (
        1,
        "gate-1",
        7,
    )


def test_a_backup_keeps_keys_apart_and_a_restore_repeats_erasures(home: Path, run: Run) -> None:
    journal = home / "gate-1.db"
    old = ("--records", home / "old.records", "--keys", home / "old.keys")
    assert run("journal", "backup", journal, *old)[0] == 0
    with closing(open_journal(journal)) as opened:
        opened.erase([5], 0, UTC, "retention")
    new = ("--records", home / "new.records", "--keys", home / "new.keys")
    assert run("journal", "backup", journal, *new)[0] == 0
    with closing(sqlite3.connect(home / "old.records")) as copy:
        assert copy.execute("SELECT count(*) FROM records").fetchone() == (12,)
        assert copy.execute("SELECT count(*) FROM secrets").fetchone() == (0,)
        assert copy.execute("SELECT count(*) FROM hour_keys").fetchone() == (0,)
    with closing(sqlite3.connect(home / "old.keys")) as copy:
        assert copy.execute("SELECT count(*) FROM records").fetchone() == (0,)
        salt = copy.execute("SELECT salt FROM secrets WHERE seq = 5").fetchone()[0]
    assert salt not in (home / "old.records").read_bytes()
    for name in ("old.records", "old.keys"):
        assert (home / name).stat().st_mode & 0o777 == 0o600
    mixed = ("--records", home / "new.records", "--keys", home / "old.keys")
    code, restored = run("journal", "restore", home / "back.db", *mixed)
    assert (code, restored["erasures_repeated"]) == (0, 1)
    assert salt not in (home / "back.db").read_bytes()
    assert run("journal", "show", home / "back.db", 5)[1]["erased"] is True
    with closing(sqlite3.connect(home / "back.db")) as copy:
        assert copy.execute("SELECT count(*) FROM secrets WHERE seq = 5").fetchone() == (0,)
    before = sorted(home.iterdir())
    assert not [path for path in before if path.suffix in (".records-wal", ".keys-wal")]
    assert run("journal", "restore", home / "back.db", *mixed)[0] == 2
    nowhere = ("--records", home / "r", "--keys", home / "no" / "k")
    assert run("journal", "backup", journal, *nowhere)[0] == 2
    broken = ("--records", home / "new.records", "--keys", home / "gate.pub")
    assert run("journal", "restore", home / "half.db", *broken)[0] == 2
    assert sorted(home.iterdir()) == before  # what fails leaves nothing
    code, restored = run("journal", "restore", home / "whole.db", *new)
    assert run("journal", "verify", home / "whole.db", "--centre-key", home / "centre.pub")[0] == 0


def test_enrolment_and_revocation(home: Path, run: Run) -> None:
    state = ("--state", home)
    assert run("centre", "enrol", *state, "gate-3", home / "gate.pub")[0] == 0
    assert run("centre", "enrol", *state, "gate-4")[0] == 2
    assert run("centre", "enrol", *state, "gate-9", "--revoke")[0] == 2
    assert run("centre", "enrol", *state, "gate-1", "--revoke")[0] == 0
    shown = run("centre", "show", *state)[1]
    assert shown["gates"] == ["gate-1", "gate-2", "gate-3"]
    assert [bool(log["revoked_utc"]) for log in shown["logs"]] == [True, False]
    with (
        closing(CentreStore(home / "centre.db")) as store,
        closing(open_journal(home / "gate-1.db")) as journal,
    ):
        fill(journal, 1)
        with pytest.raises(AssertionError, match="revoked"):
            send(journal, store)


def tampered(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Every line deleted, doubled, swapped with the next, cut off there; one digit changed."""
    random_source = random.Random(1)
    for n in range(1, len(lines)):
        yield f"{n} deleted", lines[:n] + lines[n + 1 :]
        yield f"{n} doubled", lines[: n + 1] + lines[n:]
        yield f"cut at {n}", lines[:n]
        if n + 1 < len(lines):
            yield f"{n} swapped", [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]]
    for n, line in enumerate(lines):
        digits = [place for place, letter in enumerate(line) if letter.isdigit()]
        for place in random_source.sample(digits, min(6, len(digits))):
            other = str((int(line[place]) + 1) % 10)
            yield (
                f"{n}:{place} changed",
                [*lines[:n], line[:place] + other + line[place + 1 :], *lines[n + 1 :]],
            )


def test_every_change_of_the_evidence_is_found(home: Path, run: Run) -> None:
    run("centre", "erase", "--state", home, "--gate", "gate-2", "--reason", "retention", 3)
    run("centre", "export", "--state", home, "--out", home / "evidence")
    lines = (home / "evidence").read_text().splitlines()
    assert len(lines) == 27
    logs = [n for n, line in enumerate(lines) if line.startswith('{"log"')]
    missed = []
    for name, changed in tampered(lines):
        (home / "changed").write_text("\n".join(changed) + "\n")
        code, found = run("audit", home / "changed", "--centre-key", home / "centre.pub")
        if code == 0:
            missed.append((name, found))
    # Evidence without a whole log is good evidence of less, and says of how many logs it is;
    # the first line's key does not count against the one that is given.
    cuts = {f"cut at {n}" for n in logs}
    assert {name for name, _ in missed if not name.startswith("0:")} <= cuts
    assert all(found["logs"] < 2 for name, found in missed if name.startswith("cut"))


def test_files_that_are_no_evidence(home: Path, run: Run) -> None:
    for text in ("", "x", "[]", "{}", '{"format":"egate evidence 1","centre":"00"}', "[" * 100_000):
        (home / "f").write_text(text)
        assert run("audit", home / "f")[0] == 2
    assert run("audit", home / "missing")[0] == 2
