"""The collector: what it stores, what it puts apart, and what it answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_support import CENTRE_KEY, GATE_KEY, STRANGER_KEY, UTC, fill, open_journal

from sync.centre.collector import Outcome, collect, standing
from sync.centre.store import CentreStore, Reason
from sync.encoding import GENESIS, encode_record, open_receipt, record_sha256, seal_batch
from sync.errors import EnrolmentRefused
from sync.journal import Journal
from sync.keys import SigningKey
from sync.types import Batch, Receipt, Record, RecordKind


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CentreStore]:
    with closing(CentreStore(tmp_path / "centre.db")) as opened:
        opened.enrol("gate-1", GATE_KEY.public, UTC)
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(tmp_path / "journal.db")) as opened:
        fill(opened, 20)
        yield opened


def batch(taken: list[Record], key: SigningKey = GATE_KEY, **changes: object) -> bytes:
    made = Batch(
        gate=taken[0].gate,
        epoch=taken[0].epoch,
        first_seq=taken[0].seq,
        records=tuple(encode_record(record) for record in taken),
    )
    return seal_batch(msgspec.structs.replace(made, **changes), key)


def take(store: CentreStore, *payloads: bytes) -> Outcome:
    return collect(store, CENTRE_KEY, payloads, UTC)


def answered(outcome: Outcome) -> Receipt:
    assert len(outcome.answers) == 1
    return open_receipt(outcome.answers[0].receipt, CENTRE_KEY.public)


def test_a_receipt_says_how_far_the_log_goes(store: CentreStore, journal: Journal) -> None:
    records = list(journal.records())
    outcome = take(store, batch(records[:7]))
    assert (outcome.stored, outcome.known, outcome.early) == (7, 0, 0)
    receipt = answered(outcome)
    assert receipt.seq == 7
    assert receipt.record_sha256 == record_sha256(encode_record(records[6]))
    assert journal.acknowledge(outcome.answers[0].receipt, CENTRE_KEY.public) == 7
    assert standing(store, CENTRE_KEY) == list(outcome.answers)


def test_again_overlapping_and_early(store: CentreStore, journal: Journal) -> None:
    records = list(journal.records())
    early = take(store, batch(records[5:8]))
    assert (early.stored, early.early, answered(early).seq) == (0, 1, 0)
    assert answered(early).record_sha256 == GENESIS
    take(store, batch(records[:5]))
    again = take(store, batch(records[:5]))
    assert (again.stored, again.known, answered(again).seq) == (0, 5, 5)
    overlapping = take(store, batch(records[3:9]))
    assert (overlapping.stored, overlapping.known, answered(overlapping).seq) == (4, 2, 9)
    together = take(store, batch(records[9:12]), batch(records[14:]), batch(records[12:14]))
    assert (together.stored, together.early, answered(together).seq) == (5, 1, 14)
    assert list(store.records("gate-1")) == records[:14]
    assert store.audit() == []
    assert store.quarantined() == []


def test_another_record_at_the_same_place_is_never_written_over(
    store: CentreStore, journal: Journal, tmp_path: Path
) -> None:
    records = list(journal.records())
    take(store, batch(records[:10]))
    changed = msgspec.structs.replace(records[4], facts={"outcome": "refer"})
    outcome = take(store, batch([changed]))
    assert outcome.quarantined == (Reason.CONFLICT,)
    assert outcome.answers == ()
    with closing(open_journal(tmp_path / "twin.db")) as twin:  # a restored copy: same epoch
        for n in range(12):
            twin.append(RecordKind.SYSTEM, 0, n, UTC, {"other": True})
        fork = list(twin.records())
        assert twin.epoch == journal.epoch
        assert take(store, batch(fork)).quarantined == (Reason.CONFLICT,)
        assert take(store, batch(fork[10:])).quarantined == (Reason.BROKEN_CHAIN,)
    assert list(store.records("gate-1")) == records[:10]
    assert store.audit() == []


def test_what_is_put_apart(store: CentreStore, journal: Journal) -> None:
    records = list(journal.records())
    good = batch(records[:3])
    skipping = Batch(
        gate="gate-1",
        epoch=journal.epoch,
        first_seq=1,
        records=tuple(encode_record(records[n]) for n in (0, 2)),
    )
    unchained = [records[0], msgspec.structs.replace(records[1], previous="00" * 32)]
    cases = {
        Reason.MALFORMED: [b"", b"\xff" * 100, good[:-1], good + b"\x00", b"\x00" * 600_000],
        Reason.UNKNOWN_GATE: [batch([msgspec.structs.replace(records[0], gate="gate-9")])],
        Reason.FORGED: [
            batch(records[:3], STRANGER_KEY),
            msgspec.msgpack.encode(
                msgspec.structs.replace(msgspec.msgpack.decode(good, type=Batch), first_seq=2),
                order="sorted",
            ),
        ],
        Reason.INCONSISTENT: [
            batch(records[:3], first_seq=2),
            batch(records[:3], first_seq=0),
            batch(records[:3], first_seq=2**64 - 1),
            batch(records[:3], records=()),
            batch(records[:3], records=(b"no record",)),
            batch(records[:3], epoch="ff"),
            batch(records[:3], version=2),
            seal_batch(skipping, GATE_KEY),
        ],
        Reason.BROKEN_CHAIN: [batch(unchained)],
    }
    for reason, payloads in cases.items():
        for payload in payloads:
            assert take(store, payload).quarantined == (reason,), (reason, payload[:40])
    assert store.count() == 0
    mixed = take(store, b"rubbish", good, batch(records[3:5], STRANGER_KEY))
    assert mixed.quarantined == (Reason.MALFORMED, Reason.FORGED)
    assert (mixed.stored, answered(mixed).seq) == (3, 3)


def test_a_broken_chain_at_the_seam(store: CentreStore, journal: Journal) -> None:
    records = list(journal.records())
    take(store, batch(records[:3]))
    seam = msgspec.structs.replace(records[3], previous="00" * 32)
    assert take(store, batch([seam])).quarantined == (Reason.BROKEN_CHAIN,)
    assert store.end_of("gate-1", journal.epoch).seq == 3


def test_a_new_epoch_starts_a_new_log(store: CentreStore, journal: Journal, tmp_path: Path) -> None:
    take(store, batch(list(journal.records())))
    with closing(open_journal(tmp_path / "new.db", seed=7)) as new:
        fill(new, 2)
        outcome = take(store, batch(list(new.records())))
        assert answered(outcome).epoch == new.epoch != journal.epoch
        assert standing(store, CENTRE_KEY) == list(outcome.answers)
    assert (store.count("gate-1"), store.count("gate-2"), store.count()) == (22, 0, 22)
    assert store.audit() == []


def test_the_quarantine_has_an_end(tmp_path: Path) -> None:
    with closing(CentreStore(tmp_path / "small.db", max_quarantined=5)) as store:
        for n in range(20):
            take(store, b"rubbish %d" % (n % 10))
        kept = store.quarantined()
        assert len(kept) == 6
        assert sum(each.times for each in kept) == 20
        assert kept[0].times == 2


def test_enrolment(store: CentreStore) -> None:
    store.enrol("gate-1", GATE_KEY.public, UTC)
    with pytest.raises(EnrolmentRefused):
        store.enrol("gate-1", STRANGER_KEY.public, UTC)
    for name in ("", "a/b", "+", "#", "x" * 65, "\u00e9"):
        with pytest.raises(EnrolmentRefused):
            store.enrol(name, GATE_KEY.public, UTC)
    assert store.gates() == ["gate-1"]
    assert store.key_of("gate-2") is None


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        ("UPDATE records SET encoded = CAST(encoded || x'00' AS BLOB) WHERE seq = 5", 5, "hash"),
        ("DELETE FROM records WHERE seq = 5", 6, "missing"),
        ("DELETE FROM records WHERE seq = 1", 2, "missing"),
        ("DELETE FROM records WHERE seq > 18", 20, "end"),
        ("UPDATE logs SET seq = 21", 21, "end"),
        ("DELETE FROM logs", 1, "not listed"),
    ],
)
def test_the_audit_names_gate_and_place(
    store: CentreStore, journal: Journal, tmp_path: Path, statement: str, seq: int, what: str
) -> None:
    take(store, batch(list(journal.records())))
    assert store.audit() == []
    with closing(sqlite3.connect(tmp_path / "centre.db", isolation_level=None)) as intruder:
        assert intruder.execute(statement).rowcount > 0
    finding = store.audit()[0]
    assert (finding.gate, finding.seq, what in finding.what) == ("gate-1", seq, True), finding


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_bytes_break_the_collector(
    store: CentreStore, journal: Journal, data: st.DataObject
) -> None:
    good = bytearray(batch(list(journal.records())))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    payload = bytes(good)
    if payload != batch(list(journal.records())):
        outcome = take(store, payload, data.draw(st.binary(max_size=100)))
        assert outcome.stored == 0
        assert len(outcome.quarantined) == 2
    assert store.count() == 0
