"""A journal that the code before version 3 wrote is opened, checked, continued and handed on.

`tests/sync/gate/journal_of_version_2.db.gz` was written by the code of commit 8ec1587: two days of
the simulator (`ordinary/other_photograph`, `officer/manual_opening`), all five kinds of record,
identities sealed for the tests' centre, its first decision erased.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from example_facts import facts_of
from record_support import CENTRE_KEY, CENTRE_KEYS, GATE_KEY, OWN_KEY, UTC, open_journal, seeded
from schema_judge import fits
from test_facts import SIGNATURE, WHOLE

from gate_agent.cli import main
from gate_agent.core.facts import FinishFacts, plain_facts
from gate_agent.records.record_schema import as_json, check, json_schema
from sync.centre.audit import audit
from sync.centre.collector import collect
from sync.centre.evidence import EvidenceFile
from sync.centre.office import record_at
from sync.centre.stay import crossing_of
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import seal_batch
from sync.log.keys import write_public_key
from sync.log.notes import Checkpoint, origin_of, sign_checkpoint
from sync.log.types import Batch, Record, RecordKind

GOLDEN = Path(__file__).parents[2] / "sync" / "gate" / "journal_of_version_2.db.gz"
OLD = 26
"""Records in it, the last of which states the erasure."""

PERSON = {"surname": "ERIKSSON"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    (tmp_path / "journal.db").write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    with closing(open_journal(tmp_path / "journal.db", seed=9)) as opened:
        yield opened


def go_on(journal: Journal) -> None:
    """Records of version 3 with every block that there is."""
    journal.append(RecordKind.DECISION, 900, 1, UTC, plain_facts(WHOLE), PERSON)
    signed = facts_of(RecordKind.OFFICER, signature=SIGNATURE)
    journal.append(RecordKind.OFFICER, 900, 2, UTC, plain_facts(signed))
    ended = facts_of(RecordKind.FINISH, outcome="accepted", direction="entry")
    journal.append(RecordKind.FINISH, 900, 3, UTC, plain_facts(ended))


def send(journal: Journal, store: CentreStore) -> None:
    """Everything in one batch to the centre, and its receipt back."""
    with closing(JournalReader(journal.path)) as reader:
        outgoing = reader.outgoing(0, 10**9)
    checkpoint = Checkpoint(origin_of(journal.gate, journal.epoch), journal.last_seq, outgoing.root)
    batch = Batch(
        gate=journal.gate,
        epoch=journal.epoch,
        first_seq=1,
        sealed=b"",
        checkpoint=sign_checkpoint(checkpoint, GATE_KEY),
    )
    sealing = CENTRE_KEYS.public.sealing
    payload = seal_batch(batch, outgoing.contents, GATE_KEY, sealing, seeded(3))
    outcome = collect(store, CENTRE_KEYS, [payload], UTC)
    assert outcome.quarantined == ()
    journal.acknowledge(outcome.answers[0].receipt, CENTRE_KEY.public)


def test_records_of_version_2_are_opened_verified_and_fit_the_schema(journal: Journal) -> None:
    assert list(journal.verify()) == []
    records: list[Record] = list(journal.records())
    assert len(records) == OLD - 1  # one was erased
    assert {record.version for record in records} == {2}
    assert set(Counter(record.kind for record in records)) == set(RecordKind)
    schema = json_schema()
    for record in records:
        assert check(record).version == 2
        assert fits(schema, as_json(record), schema["$defs"]) == ""
    ends = [check(record).facts for record in records if record.kind is RecordKind.FINISH]
    assert any(isinstance(end, FinishFacts) and end.passages == 1 for end in ends)
    crossed = [crossing_of(record, "UTC") for record in records]
    assert any(crossed)


def test_a_journal_of_version_2_goes_on_with_version_3_up_to_the_audit(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_on(journal)
    assert list(journal.verify()) == []
    assert [record.version for record in journal.records()] == [2] * (OLD - 1) + [3] * 3
    with closing(CentreStore(tmp_path / "centre.db")) as store:
        store.enrol(journal.gate, GATE_KEY.public, UTC)
        send(journal, store)
        assert journal.receipt_seq == journal.last_seq == OLD + 3
        assert [each.what for each in audit(store, CENTRE_KEY.public)] == []
        shown = record_at(store, CENTRE_KEYS, journal.gate, OLD + 1)
        assert shown["identity"] == PERSON
        assert len(json.loads(json.dumps(shown))["facts"]["sealed_list_note"]) == 344
    path, out = tmp_path / "journal.db", tmp_path / "evidence"
    keys = {"gate": GATE_KEY.public, "centre": CENTRE_KEY.public}
    for name, key in keys.items():
        write_public_key(tmp_path / f"{name}.pub", key)
    (tmp_path / "journal.key").write_bytes(OWN_KEY)
    (tmp_path / "journal.key").chmod(0o400)

    def command(*words: object) -> dict[str, Any]:
        assert main([*map(str, words), "--json"]) == 0
        return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]

    assert command("journal", "verify", path, "--centre-key", tmp_path / "centre.pub")["ok"]
    own = ("--key", tmp_path / "journal.key")
    new = command("journal", "show", path, OLD + 1, *own)
    assert new["identity"] == PERSON
    assert new["facts"] == json.loads(msgspec.json.encode(plain_facts(WHOLE)))
    old = [command("journal", "show", path, seq) for seq in range(1, OLD + 1)]
    assert sum("erased" in each for each in old) == 1
    sealed = next(each["seq"] for each in old if each.get("identity") == "sealed")
    assert command("journal", "show", path, sealed, *own)["identity"]["surname"] == "ERIKSSON"
    assert command("stats", "deadlines", path)["crossings"] == 6
    evidence = [
        *("journal", "export", path, "--out", out),
        *("--gate-key", tmp_path / "gate.pub", "--centre-key", tmp_path / "centre.pub"),
    ]
    assert command(*evidence)["records"] == OLD + 3
    assert EvidenceFile(out).records == OLD + 3
    assert main(["audit", str(out), "--centre-key", str(tmp_path / "centre.pub")]) == 0
