"""A central system that was set back to an older backup gets again what it lacks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from record_support import CENTRE_KEY, UTC, fill
from test_publisher import World, make, receipt, serve

from sim.lane.uplink import CENTRE
from sync.centre.store import CentreStore
from sync.gate.publisher import HEARTBEAT_NS
from sync.gate.setback import AGAIN_NS, RECEIPTS_TO_BELIEVE
from sync.gate.types import HandReceipt
from sync.log.backoff import MS
from sync.log.errors import ReceiptBehind
from sync.log.types import RecordKind

MINUTE_NS = 60_000 * MS


def back_up(store: CentreStore, to: Path) -> None:
    """Copy the database while it is used, as an operator's backup does."""
    with closing(sqlite3.connect(store._db.path)) as source:  # type: ignore[attr-defined]
        source.execute("VACUUM INTO ?", (str(to),))


def replace_store(world: World, place: Path) -> CentreStore:
    """Stop the central system, start it on another database."""
    world.uplink.cut(CENTRE, world.now)
    world.store = world.uplink._store = CentreStore(place)
    world.stack.callback(world.store.close)
    world.uplink.restore(CENTRE, world.now)
    return world.store


@pytest.mark.parametrize(("kept", "new"), [(0, 30), (120, 0)])
def test_what_the_centre_lost_is_sent_again(tmp_path: Path, kept: int, new: int) -> None:
    """With records of now, or only with the heartbeats of an idle gate; with nothing left, too."""
    world = World(tmp_path, 1, 0.0, lanes=1)
    with world.stack:
        journal = world.journals[0]
        fill(journal, kept)
        world.run(15_000 * MS)
        back_up(world.store, tmp_path / "backup.db")
        fill(journal, 400 - kept)
        world.run(world.now + 15_000 * MS)
        assert journal.receipt_seq == world.store.count() == 400
        store = replace_store(world, tmp_path / "backup.db")
        assert store.count() == kept
        fill(journal, new)
        publisher = world.uplink._lanes["gate-0"].publisher
        alarms, resends = set(), publisher.progress.resends
        until = world.now + (RECEIPTS_TO_BELIEVE + 1) * HEARTBEAT_NS
        while store.count() < 400 + new and world.now < until:
            world.run(world.now + 250 * MS)
            alarms.add(publisher.progress.again_to)
        world.run(world.now + 15_000 * MS)
        assert list(store.records("gate-0")) == list(journal.records())
        assert journal.receipt_seq == 400 + new
        assert alarms == {0, 400}
        assert publisher.progress.again_to == 0
        assert publisher.progress.resends - resends <= 5
        assert world.uplink.refusals == [f"the central system was set back to record {kept} of 400"]
        assert (store.audit(CENTRE_KEY.public), store.quarantine.messages()) == ([], [])


def test_a_centre_with_another_history_gets_nothing(tmp_path: Path) -> None:
    """Not an older state of our log but a fork: records stay apart, the alarm names it."""
    world = World(tmp_path, 1, 0.0, lanes=1)
    with world.stack:
        fill(world.journals[0], 100)
        world.run(15_000 * MS)
        (tmp_path / "other").mkdir()
        fork = World(tmp_path / "other", 1, 0.0, lanes=1)
        with fork.stack:
            assert fork.journals[0].epoch == world.journals[0].epoch
            for n in range(50):
                fork.journals[0].append(RecordKind.FINISH, n, 0, UTC, {"outcome": "refused"})
            fork.run(15_000 * MS)
            assert fork.store.count() == 50
        store = replace_store(world, tmp_path / "other" / "centre.db")
        fill(world.journals[0], 10)
        world.run(world.now + MINUTE_NS)
        assert store.count() == 50
        assert world.journals[0].receipt_seq == 100
        assert world.uplink.refusals[0].startswith("the central system was set back to record 50")
        assert world.uplink._lanes["gate-0"].publisher.progress.again_to == 0


def test_late_receipts_are_no_set_back() -> None:
    publisher = make(receipt_seq=10)
    publisher.notice(100, 0)
    publisher.connected(0)
    now = 0
    for seq in (3, 3, 12, 4, 12, 5, 11, 14, 3, 13):
        now += 1_000 * MS
        serve(publisher, now)
        publisher.receive_receipt(receipt(seq), now)
    publisher.receive_receipt(receipt(14), now)
    now += 1_000 * MS
    for _ in range(RECEIPTS_TO_BELIEVE * 10):  # a burst of the same one counts once
        now += MS
        publisher.receive_receipt(receipt(2), now)
    assert publisher.progress.again_to == 0


def test_going_back_is_believed_once_in_a_while() -> None:
    publisher = make(receipt_seq=10)
    publisher.notice(12, 0)
    publisher.connected(0)
    serve(publisher, 0)
    now = 0

    def behind() -> int:
        """Deliver an old receipt every minute; give how often it was believed in an hour."""
        nonlocal now
        believed = 0
        for _ in range(60):
            now += MINUTE_NS
            try:
                publisher.receive_receipt(receipt(4), now)
            except ReceiptBehind as error:
                assert error.receipt.seq == 4
                believed += 1
        return believed

    assert 1 < behind() <= 3600_000 * MS // AGAIN_NS
    publisher.go_back(4, now)
    assert publisher.progress.again_to == 10
    assert publisher.progress.receipt_seq == 4
    assert serve(publisher, now) == [(5, 6)]
    publisher.receive_receipt(receipt(12), now)
    assert publisher.progress.again_to == 0
    assert [type(each) for each in publisher.output()] == [HandReceipt]
