"""The collector: what it stores, what it quarantines, and what it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import PostgresServer
from record_support import (
    CENTRE_KEY,
    CENTRE_KEYS,
    GATE_KEY,
    STRANGER_KEY,
    UTC,
    fill,
    open_journal,
    seeded,
)

from sync.centre.collector import Collected, GateMessage, collect, standing
from sync.centre.store import CentreStore
from sync.centre.types import NewRow, QuarantineReason
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import (
    GENESIS,
    commitment,
    decode_record,
    encode_record,
    open_receipt,
    seal_batch,
)
from sync.log.envelope import _hour_info
from sync.log.errors import EnrolmentRefused, StorageError, StorageForeign, StorageUnavailable
from sync.log.hpke import OpeningKey
from sync.log.keys import SigningKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, Checkpoint, open_checkpoint, origin_of, sign_checkpoint
from sync.log.types import Batch, Contents, HourKey, Item, Receipt, Record, RecordKind


@pytest.fixture
def store(place: Path | str) -> Iterator[CentreStore]:
    with closing(CentreStore(place)) as opened:
        opened.enrol("gate-1", GATE_KEY.public, UTC)
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(tmp_path / "journal.db")) as opened:
        fill(opened, 20)
        yield opened


Taken = list[tuple[Record, Item]]


def items_of(journal: Journal) -> Taken:
    with closing(JournalReader(journal._db.path)) as reader:
        outgoing = reader.outgoing(0, 10**9)
    return [(decode_record(item.encoded), item) for item in outgoing.contents.items]


def changed(pair: tuple[Record, Item], **changes: object) -> tuple[Record, Item]:
    """The same place with another record, and a commitment that fits it."""
    record = msgspec.structs.replace(pair[0], **changes)
    data, salt = encode_record(record), pair[1].salt
    return record, Item(commitment=commitment(salt, data), encoded=data, salt=salt)


def batch(
    journal: Journal,
    taken: Taken,
    key: SigningKey = GATE_KEY,
    *,
    root: bytes | None = None,
    note_key: SigningKey = GATE_KEY,
    contents: Contents | None = None,
    centre: OpeningKey = CENTRE_KEYS.opening,
    **changes: object,
) -> bytes:
    first = taken[0][0]
    last = first.seq + len(taken) - 1
    origin = origin_of(first.gate, first.epoch)
    checkpoint = Checkpoint(origin, last, root or root_of(last, journal.nodes))
    made = Batch(
        gate=first.gate,
        epoch=first.epoch,
        first_seq=first.seq,
        sealed=b"",
        checkpoint=sign_checkpoint(checkpoint, note_key),
    )
    held = Contents(items=tuple(item for _, item in taken)) if contents is None else contents
    made = msgspec.structs.replace(made, **changes)
    return seal_batch(made, held, key, centre.public, seeded(9))


def take(store: CentreStore, *payloads: bytes) -> Collected:
    return collect(store, CENTRE_KEYS, payloads, UTC)


def answered(outcome: Collected) -> Receipt:
    assert len(outcome.answers) == 1
    return open_receipt(outcome.answers[0].receipt, CENTRE_KEY.public)


def test_a_receipt_says_how_far_the_log_goes(store: CentreStore, journal: Journal) -> None:
    records = items_of(journal)
    outcome = take(store, batch(journal, records[:7]))
    assert (outcome.stored, outcome.known, outcome.early) == (7, 0, 0)
    receipt = answered(outcome)
    assert receipt.seq == 7
    assert receipt.commitment == records[6][1].commitment.hex()
    origin = origin_of("gate-1", journal.epoch)
    signers = ((origin, GATE_KEY.public), (CENTRE_NAME, CENTRE_KEY.public))
    assert open_checkpoint(receipt.checkpoint, origin, *signers).size == 7
    assert journal.acknowledge(outcome.answers[0].receipt, CENTRE_KEY.public) == 7
    assert standing(store, CENTRE_KEY) == list(outcome.answers)


def test_again_overlapping_and_early(store: CentreStore, journal: Journal) -> None:
    records = items_of(journal)
    early = take(store, batch(journal, records[5:8]))
    assert (early.stored, early.early, answered(early).seq) == (0, 1, 0)
    assert answered(early).commitment == GENESIS
    take(store, batch(journal, records[:5]))
    again = take(store, batch(journal, records[:5]))
    assert (again.stored, again.known, answered(again).seq) == (0, 5, 5)
    overlapping = take(store, batch(journal, records[3:9]))
    assert (overlapping.stored, overlapping.known, answered(overlapping).seq) == (4, 2, 9)
    together = take(
        store,
        batch(journal, records[9:12]),
        batch(journal, records[14:]),
        batch(journal, records[12:14]),
    )
    assert (together.stored, together.early, answered(together).seq) == (5, 1, 14)
    assert list(store.records("gate-1")) == [record for record, _ in records[:14]]
    assert store.audit() == []
    assert store.quarantine.messages() == []


def test_every_part_that_comes_again_beside_new_records_is_known(
    store: CentreStore, journal: Journal
) -> None:
    records = items_of(journal)[:9]
    take(store, batch(journal, records[:4]))
    places = [(first, end) for end in range(1, 10) for first in range(end)]
    again = [batch(journal, records[first:end]) for first, end in places]
    outcome = take(store, batch(journal, records[4:]), *again)
    assert outcome.quarantined == ()
    assert (outcome.stored, answered(outcome).seq) == (5, 9)
    assert outcome.known == sum(end - first for first, end in places)


def test_another_record_at_the_same_place_is_never_written_over(
    store: CentreStore, journal: Journal, tmp_path: Path
) -> None:
    records = items_of(journal)
    take(store, batch(journal, records[:10]))
    other = changed(records[4], facts={"outcome": "refer"})
    outcome = take(store, batch(journal, [other]))
    assert outcome.quarantined == (QuarantineReason.CONFLICT,)
    assert outcome.answers == ()
    with closing(open_journal(tmp_path / "twin.db")) as twin:  # a restored copy: same epoch
        for n in range(12):
            twin.append(RecordKind.SYSTEM, 0, n, UTC, {"other": True})
        fork = items_of(twin)
        assert twin.epoch == journal.epoch
        assert take(store, batch(twin, fork)).quarantined == (QuarantineReason.CONFLICT,)
        assert take(store, batch(twin, fork[10:])).quarantined == (QuarantineReason.BROKEN_CHAIN,)
        hidden = changed(fork[10], previous=records[9][1].commitment.hex())
        assert take(store, batch(twin, [hidden])).quarantined == (QuarantineReason.FORK,)
        again = batch(journal, records[:10], root=root_of(10, twin.nodes))
        assert take(store, again).quarantined == (QuarantineReason.FORK,)
        nothing = batch(twin, fork[10:11], contents=Contents(), first_seq=12)
        assert take(store, nothing).quarantined == ()  # a size to come; its root waits
    assert list(store.records("gate-1")) == [record for record, _ in records[:10]]
    assert store.audit() == []


def test_what_is_quarantined(store: CentreStore, journal: Journal) -> None:
    records = items_of(journal)
    good = batch(journal, records[:3])
    third = msgspec.structs.replace(records[2][1], commitment=bytes(32))
    wrapped = msgspec.structs.replace(records[0][1], wrapped=bytes(40), key_id=7)
    unsalted = msgspec.structs.replace(
        records[0][1], salt=b"", commitment=commitment(b"", records[0][1].encoded)
    )
    unheld = [msgspec.structs.replace(records[0][1], key_id=n) for n in (-1, 2**63, 2**64 - 1)]
    note = msgspec.msgpack.decode(good, type=Batch).checkpoint
    unchained = [records[0], changed(records[1], previous="00" * 32)]
    foreign = changed(records[0], gate="gate-9")
    cases = {
        QuarantineReason.MALFORMED: [
            *(b"", b"\xff" * 100, good[:-1], good + b"\x00", b"\x00" * 800_000),
            *(batch(journal, records[:3], gate=name) for name in ("a\x00b", "a/b", "", "x" * 65)),
        ],
        QuarantineReason.UNKNOWN_GATE: [batch(journal, [foreign])],
        QuarantineReason.FORGED: [
            batch(journal, records[:3], STRANGER_KEY),
            batch(journal, records[:3], note_key=STRANGER_KEY),
            batch(journal, records[:3], checkpoint=""),
            batch(journal, records[:3], checkpoint=f"{note}\u2014 a\x00b AAAA\n"),
            msgspec.msgpack.encode(
                msgspec.structs.replace(msgspec.msgpack.decode(good, type=Batch), first_seq=2),
                order="sorted",
            ),
        ],
        QuarantineReason.INCONSISTENT: [
            batch(journal, records[:3], first_seq=2),
            batch(journal, records[:3], first_seq=0),
            batch(journal, records[:3], first_seq=2**64 - 1),
            batch(journal, records[:3], contents=Contents()),
            batch(journal, records[:3], contents=Contents(items=(Item(commitment=b"x"),))),
            batch(journal, records[:3], version=1),
            batch(journal, [records[0], records[2]]),
            batch(journal, [*records[:2], (records[2][0], third)]),
            batch(journal, [(records[0][0], wrapped)]),
            batch(journal, [(records[0][0], unsalted)]),
            *(batch(journal, [(records[0][0], keyed)]) for keyed in unheld),
        ],
        QuarantineReason.UNREADABLE: [batch(journal, records[:3], centre=OpeningKey(b"\x09" * 32))],
        QuarantineReason.BROKEN_CHAIN: [batch(journal, unchained)],
        QuarantineReason.FORK: [batch(journal, records[:3], root=bytes(32))],
    }
    for reason, payloads in cases.items():
        for payload in payloads:
            assert take(store, payload).quarantined == (reason,), (reason, payload[:40])
    assert store.count() == 0
    mixed = take(store, b"malformed", good, batch(journal, records[3:5], STRANGER_KEY))
    assert mixed.quarantined == (QuarantineReason.MALFORMED, QuarantineReason.FORGED)
    assert (mixed.stored, answered(mixed).seq) == (3, 3)


def test_a_batch_that_names_a_key_twice(store: CentreStore, journal: Journal) -> None:
    """What a gate signs may be odd: the database never sees one row twice, the log goes on."""
    records = items_of(journal)
    info = _hour_info("gate-1", journal.epoch, 1)
    one, two = (
        HourKey(key_id=1, for_centre=CENTRE_KEYS.public.sealing.seal(b"\1" * 32, info, seeded(n)))
        for n in (1, 2)
    )
    items = tuple(item for _, item in records[:3])
    differ = batch(journal, records[:3], contents=Contents(items=items, keys=(one, two)))
    assert take(store, differ).quarantined == (QuarantineReason.CONFLICT,)
    twice = batch(journal, records[:3], contents=Contents(items=items, keys=(one, one)))
    assert answered(take(store, twice)).seq == 3
    assert store.hour_keys("gate-1", journal.epoch) == {1: one.for_centre}


def test_a_broken_chain_at_the_seam(store: CentreStore, journal: Journal) -> None:
    records = items_of(journal)
    take(store, batch(journal, records[:3]))
    seam = changed(records[3], previous="00" * 32)
    assert take(store, batch(journal, [seam])).quarantined == (QuarantineReason.BROKEN_CHAIN,)
    assert store.log("gate-1", journal.epoch).seq == 3


def test_a_new_epoch_starts_a_new_log(store: CentreStore, journal: Journal, tmp_path: Path) -> None:
    take(store, batch(journal, items_of(journal)))
    with closing(open_journal(tmp_path / "new.db", seed=7)) as new:
        fill(new, 2)
        outcome = take(store, batch(new, items_of(new)))
        assert answered(outcome).epoch == new.epoch != journal.epoch
        assert standing(store, CENTRE_KEY) == list(outcome.answers)
    assert (store.count("gate-1"), store.count("gate-2"), store.count()) == (22, 0, 22)
    assert store.audit() == []


def test_the_quarantine_has_an_end(place: Path | str) -> None:
    """So many messages, or so many bytes: also those that were there when it was opened."""
    for limits, kept_times in (((5, 1000), [2] * 5 + [10]), ((100, 33), [2] * 3 + [14])):
        with closing(CentreStore(place, max_quarantined=limits)) as store:
            store._db.run("DELETE FROM quarantine")
        for _ in range(2):
            with closing(CentreStore(place, max_quarantined=limits)) as store:
                for n in range(10):
                    take(store, b"malformed %d" % n)
                times = sorted(each.times for each in store.quarantine.messages())
        assert times == kept_times


def test_enrolment(store: CentreStore) -> None:
    store.enrol("gate-1", GATE_KEY.public, UTC)
    with pytest.raises(EnrolmentRefused):
        store.enrol("gate-1", STRANGER_KEY.public, UTC)
    for name in ("", "a/b", "+", "#", "x" * 65, "\u00e9"):
        with pytest.raises(EnrolmentRefused):
            store.enrol(name, GATE_KEY.public, UTC)
    assert store.gates() == ["gate-1"]
    assert store.key_of("gate-2") is None


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_bytes_break_the_collector(
    store: CentreStore, journal: Journal, data: st.DataObject
) -> None:
    good = bytearray(batch(journal, items_of(journal)))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    payload = bytes(good)
    if payload != batch(journal, items_of(journal)):
        outcome = take(store, payload, data.draw(st.binary(max_size=100)))
        assert outcome.stored == 0
        assert len(outcome.quarantined) == 2
    assert store.count() == 0


def test_records_of_now_are_kept_apart_until_their_turn(
    store: CentreStore, journal: Journal
) -> None:
    records = items_of(journal)
    epoch = journal.epoch
    take(store, batch(journal, records[:5]))
    seen = collect(
        store, CENTRE_KEYS, [GateMessage(batch(journal, records[12:15]), live=True)], UTC
    )
    assert (seen.live, seen.stored, seen.answers, seen.quarantined) == (3, 0, (), ())
    again = collect(
        store, CENTRE_KEYS, [GateMessage(batch(journal, records[11:15]), live=True)], UTC
    )
    assert (again.live, store.count(), store.live.last_seq("gate-1", epoch)) == (1, 5, 15)
    other = changed(records[13], facts={"outcome": "refer"})
    forged = GateMessage(batch(journal, [other]), live=True)
    assert collect(store, CENTRE_KEYS, [forged], UTC).quarantined == (QuarantineReason.CONFLICT,)
    assert store.audit(CENTRE_KEY.public, CENTRE_KEYS.opening) == []
    take(store, batch(journal, records[5:13]))
    assert store.live.commitments("gate-1", epoch, 1, 20).keys() == {14, 15}
    assert take(store, batch(journal, [other])).quarantined == (QuarantineReason.CONFLICT,)
    known = collect(store, CENTRE_KEYS, [GateMessage(batch(journal, records[:5]), live=True)], UTC)
    assert (known.live, known.answers) == (0, ())
    assert answered(take(store, batch(journal, records[13:]))).seq == 20
    assert store.live.last_seq("gate-1", epoch) == 0
    assert list(store.records("gate-1")) == [record for record, _ in records]


def test_a_damaged_log_stops_no_one_else(
    store: CentreStore, journal: Journal, tmp_path: Path
) -> None:
    store.enrol("gate-2", STRANGER_KEY.public, UTC)
    take(store, batch(journal, items_of(journal)[:5]))
    store._db.run("UPDATE logs SET peaks = ?", (b"\x00" * 32,))
    with closing(open_journal(tmp_path / "other.db", "gate-2", seed=5)) as other:
        fill(other, 3)
        mine = batch(journal, items_of(journal)[5:8])
        theirs = batch(other, items_of(other), STRANGER_KEY, note_key=STRANGER_KEY)
        outcome = take(store, mine, theirs)
        assert (outcome.stored, outcome.quarantined) == (3, (QuarantineReason.DAMAGED,))
        assert [answer.gate for answer in outcome.answers] == ["gate-2"]


def test_two_collectors_of_one_gate_wait_for_each_other(
    postgres: PostgresServer, journal: Journal
) -> None:
    address = postgres.database()
    with closing(CentreStore(address)) as one, closing(CentreStore(address)) as two:
        one.enrol("gate-1", GATE_KEY.public, UTC)
        records = items_of(journal)
        payloads = [batch(journal, records[n : n + 2]) for n in range(0, 20, 2)]
        with ThreadPoolExecutor(2) as pool:
            for payload in payloads:
                both = pool.map(lambda store: take(store, payload), (one, two))  # noqa: B023
                assert sorted(outcome.stored for outcome in both) == [0, 2]
        assert one.audit(CENTRE_KEY.public) == []
        assert one.count() == 20


def test_a_copy_that_fails_or_is_given_up_leaves_nothing(
    postgres: PostgresServer, journal: Journal
) -> None:
    """The server works on rows after `add` came back: what it finds wrong comes later."""
    records = items_of(journal)
    again = [NewRow(record.seq, item, b"") for record, item in records[3:5]]
    with closing(CentreStore(postgres.database())) as store:
        store.enrol("gate-1", GATE_KEY.public, UTC)
        first = answered(take(store, batch(journal, records[:5])))
        with pytest.raises(StorageError), store.transaction():
            store.add(first.gate, first.epoch, again)
        with contextlib.suppress(KeyError), store.transaction():
            store.add(first.gate, first.epoch, [NewRow(6, records[5][1], b"")])
            raise KeyError("something else")
        assert (store.count(), store.audit(CENTRE_KEY.public)) == (5, [])
        assert answered(take(store, batch(journal, records[5:9]))).seq == 9


def test_a_server_that_may_lose_commits_is_refused(postgres: PostgresServer) -> None:
    for setting in ("synchronous_commit", "full_page_writes"):
        with psycopg.connect(postgres.address, autocommit=True) as admin:
            admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            admin.execute("SELECT pg_reload_conf()")
            try:
                while (row := admin.execute(f"SHOW {setting}".encode()).fetchone()) != ("off",):
                    assert row == ("on",)
                with pytest.raises(StorageForeign, match=setting):
                    CentreStore(postgres.database())
            finally:
                admin.execute(f"ALTER SYSTEM RESET {setting}".encode())
                admin.execute("SELECT pg_reload_conf()")


def test_a_server_that_dies_costs_a_round_and_no_record(
    postgres: PostgresServer, journal: Journal
) -> None:
    records = items_of(journal)
    with closing(CentreStore(postgres.database())) as store:
        store.enrol("gate-1", GATE_KEY.public, UTC)
        take(store, batch(journal, records[:5]))
        postgres.stop()
        with pytest.raises(StorageError):
            take(store, batch(journal, records[5:9]))
        with pytest.raises(StorageError):
            take(store, batch(journal, records[5:9]))
        postgres.start()
        assert standing(store, CENTRE_KEY)  # the first thing that is asked for, connected again
        assert answered(take(store, batch(journal, records[5:9]))).seq == 9
        assert store.audit(CENTRE_KEY.public) == []


@pytest.mark.parametrize(
    "address",
    [
        "postgresql:///x?host=/nowhere/at/all",
        "postgresql://localhost:1/x?password=hunter2",
        "postgresql://%zz",
    ],
)
def test_a_server_that_is_not_there(address: str) -> None:
    with pytest.raises(StorageUnavailable) as refused:
        CentreStore(address)
    assert "hunter2" not in refused.value.diagnosis
