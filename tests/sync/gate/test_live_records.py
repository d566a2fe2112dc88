"""Records of now during a backlog: before their turn, soon, and never instead of it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from record_support import CENTRE_KEYS, GATE_KEY, fill, seeded
from test_publisher import MS, World, receipt

from firmware_cfg.profile import Sync
from sync.centre.types import NewRow
from sync.gate.early_records import MAX_EARLY
from sync.gate.journal_reader import Outgoing
from sync.gate.pacing import FIRST_BATCH_BYTES, FLOOR_BYTES, FLOOR_WINDOW, QUEUE_NS, Pace
from sync.gate.publisher import Publisher
from sync.gate.types import Publish
from sync.log.encoding import open_batch, open_contents
from sync.log.notes import open_checkpoint, origin_of
from sync.log.types import Contents, Item

LIMITS = Sync(batch_max_bytes=1024, batch_max_age_ms=50, window_batches=3, retry_min_ms=500)


def make() -> Publisher:
    return Publisher(
        gate="gate-1",
        epoch="e",
        receipt_seq=0,
        key=GATE_KEY,
        centre=CENTRE_KEYS.public,
        limits=LIMITS,
        random=seeded(),
    )


def serve(publisher: Publisher, now_ns: int, size: int = 400) -> list[tuple[str, int, int]]:
    """(lane, first, last) of each batch that goes now."""
    lasts = []
    while (fetch := publisher.wants(now_ns)) is not None:
        count = min(max(1, fetch.max_bytes // size), publisher.progress.last_seq - fetch.after_seq)
        items = (Item(commitment=bytes(32), encoded=b"r" * size),) * count
        publisher.supply(fetch, Outgoing(Contents(items=items), bytes(32)), now_ns)
        lasts.append(fetch.after_seq + count)
    sent = []
    batches = [each for each in publisher.output() if isinstance(each, Publish)]
    for batch, last in zip(batches, lasts, strict=True):
        first = open_batch(batch.payload).first_seq
        sent.append((batch.topic.split("/")[1], first, last))
    return sent


def draining(backlog: int = 100) -> Publisher:
    """With a full window and much behind it."""
    publisher = make()
    publisher.notice(backlog, 0)
    publisher.connected(0)
    assert serve(publisher, 0) == [("records", 1, 2)]
    publisher.receive_receipt(receipt(2), 10 * MS)
    assert [lane for lane, _, _ in serve(publisher, 10 * MS)] == ["records"] * 2
    publisher.receive_receipt(receipt(4), 15 * MS)
    assert [lane for lane, _, _ in serve(publisher, 15 * MS)] == ["records"] * 2
    assert publisher.progress.in_flight == 3
    return publisher


def test_without_a_backlog_everything_goes_once() -> None:
    publisher = make()
    publisher.connected(0)
    sent, now = [], 0
    for seq in range(1, 20):
        now += 1000 * MS
        publisher.notice(seq, now)
        sent += serve(publisher, now + 50 * MS)
        publisher.receive_receipt(receipt(seq), now + 60 * MS)
    assert sent == [("records", seq, seq) for seq in range(1, 20)]
    assert publisher.progress.live == 0


def test_a_new_record_goes_at_once_and_again_in_its_turn() -> None:
    publisher = draining()
    publisher.notice(101, 20 * MS)
    assert publisher.due_ns == 70 * MS
    assert serve(publisher, 69 * MS) == []
    assert serve(publisher, 70 * MS) == [("live", 101, 101)]
    assert serve(publisher, 71 * MS) == []
    in_order, now = [], 80 * MS
    for seq in range(6, 102):
        now += 20 * MS
        publisher.receive_receipt(receipt(seq), now)
        in_order += serve(publisher, now)
    assert {lane for lane, _, _ in in_order} == {"records"}
    assert in_order[-1][2] == 101
    assert publisher.progress.live == 1


def test_what_waits_when_the_connection_comes_is_backlog() -> None:
    publisher = draining()
    publisher.notice(101, 20 * MS)
    publisher.disconnected(30 * MS)
    publisher.connected(40 * MS)
    publisher.receive_receipt(receipt(6), 50 * MS)
    assert all(lane == "records" for lane, _, _ in serve(publisher, 500 * MS))


def test_a_silent_centre_gets_no_copies() -> None:
    publisher = draining()
    now = 20 * MS
    sent = []
    for seq in range(101, 400):
        now += 100 * MS
        publisher.notice(seq, now)
        due = publisher.due_ns
        if due is not None and due <= now:
            publisher.expire(now)
        sent += [each for each in serve(publisher, now) if each[0] == "live"]
    assert 1 <= len(sent) <= 3  # until the first receipt was missed


def test_copies_are_bounded_when_more_is_written_than_can_be_sent() -> None:
    publisher = draining(100)
    publisher.notice(100_000, 20 * MS)
    live: list[tuple[str, int, int]] = []
    now = 20 * MS
    for step in range(1, 200):
        now += 50 * MS
        publisher.receive_receipt(receipt(4 + step), now)  # never fast enough
        live += [each for each in serve(publisher, now) if each[0] == "live"]
    assert live[0][1] == 100_000 - MAX_EARLY + 1
    assert sum(last - first + 1 for _, first, last in live) <= MAX_EARLY
    assert len(live) <= 10_000 // 200 + 1


class Narrow:
    """A way that carries one message at a time, each in `service_ns`."""

    def __init__(self, service_ns: int) -> None:
        self._service_ns = service_ns
        self._free_ns = 0

    def __call__(self, now_ns: int) -> int:
        self._free_ns = max(now_ns, self._free_ns) + self._service_ns
        return self._free_ns - now_ns


@pytest.mark.parametrize("service_ms", [20, 60])
def test_live_records_arrive_within_a_second_while_a_backlog_drains(
    tmp_path: Path, service_ms: int
) -> None:
    """Whatever the way carries: the window follows it. Without that, 100 batches wait before."""
    limits = Sync(batch_max_bytes=4096, batch_max_age_ms=50, window_batches=100)
    way = Narrow(service_ms * MS)
    world = World(tmp_path, 1, 0.0, lanes=1, limits=limits, latency=way)
    with world.stack:
        (journal,) = world.journals
        world.uplink.cut("gate-0", world.now)
        for _ in range(2):
            fill(journal, 1000)
        world.uplink.restore("gate-0", world.now)
        world.run(world.now + 500 * MS)
        written: dict[int, int] = {}
        arrived: dict[int, int] = {}
        add = world.store.add

        def stored(gate: str, epoch: str, new: Sequence[NewRow]) -> None:
            add(gate, epoch, new)
            for each in new:
                arrived.setdefault(each.seq, world.now)

        world.store.add = stored  # type: ignore[method-assign]
        while journal.receipt_seq < 1200:
            fill(journal, 1)
            written[journal.last_seq] = world.now
            world.run(world.now + 300 * MS)
        world.run(world.now + 2_000 * MS)
        for payload, now in world.live:
            batch = open_batch(payload)
            items = open_contents(batch, CENTRE_KEYS.opening).items
            origin = origin_of("gate-0", journal.epoch)
            note = open_checkpoint(batch.checkpoint, origin, (origin, GATE_KEY.public))
            assert note.size == batch.first_seq + len(items) - 1
            for seq in range(batch.first_seq, note.size + 1):
                arrived[seq] = min(now, arrived.get(seq, now))
        delays = sorted(arrived[seq] - at for seq, at in written.items())
        assert len(delays) >= 5
        assert delays[-1] < 1_000 * MS
        assert world.uplink._lanes["gate-0"].publisher.progress.resends == 0
        while not world.settled():
            world.run(world.now + 1_000 * MS)
        assert list(world.store.records("gate-0")) == list(journal.records())
        assert world.store.audit() == []
        assert world.store.quarantine.messages() == []


def test_the_pace_follows_the_way() -> None:
    pace = Pace(Sync())
    assert (pace.window, pace.batch_bytes) == (1, FIRST_BATCH_BYTES)
    for now in range(10):
        pace.answered(pace.window, 10 * MS, now)
    assert (pace.window, pace.batch_bytes) == (100, 65_536)
    cuts = [50, 25, 12, 6, 3, 2, 2, 2]
    for step, window in enumerate(cuts):
        pace.answered(1, QUEUE_NS + 11 * MS, 10**9 * (1 + step))
        assert pace.window == window
    assert pace.batch_bytes == FLOOR_BYTES
    pace.answered(1, QUEUE_NS + 11 * MS, 10**10)  # with two batches that is no queue of ours
    assert (pace.window, pace.batch_bytes) == (2, 65_536)
    pace.silent()
    for step in range(200):
        pace.answered(pace.window, QUEUE_NS, 10**12 + step)
    assert (pace.window, pace.batch_bytes) == (100, 65_536)


def test_a_busy_computer_does_not_starve_the_drain() -> None:
    """Delays from 20 ms to 2 s, whatever is sent: not a queue that sending less would end."""
    pace = Pace(Sync())
    random_source = random.Random(1)
    for now in range(10):
        pace.answered(pace.window, 10 * MS, now)
    now, sent = 10**9, 0
    for _ in range(500):
        delay = random_source.randrange(20, 2_000) * MS
        sent += pace.window * pace.batch_bytes
        now += delay
        pace.answered(pace.window, delay, now)
        assert (pace.window, pace.batch_bytes) >= (FLOOR_WINDOW, FLOOR_BYTES)
    assert sent / (now / 1e9) > 200_000  # bytes a second: three hundred records


def test_a_long_way_is_no_queue() -> None:
    """A satellite's 600 ms are the way's own; a second more is a queue."""
    pace = Pace(Sync())
    for now in range(12):
        pace.answered(pace.window, 600 * MS, now)
    assert (pace.window, pace.batch_bytes) == (100, 65_536)
    pace.answered(1, 1_600 * MS, 100)
    assert pace.window == 50


def test_the_least_delay_is_forgotten_after_a_while() -> None:
    pace = Pace(Sync())
    pace.answered(1, 10 * MS, 0)
    for step in range(1, 100):  # the route changed: 10 ms will not come again
        pace.answered(pace.window, 800 * MS, step * 60_000 * MS)
    assert (pace.window, pace.batch_bytes) == (100, 65_536)


def test_one_queue_is_cut_once() -> None:
    pace = Pace(Sync())
    for now in range(12):
        pace.answered(pace.window, 10 * MS, now)
    for now in range(50):  # receipts of one window, all late by the same queue
        pace.answered(1, 500 * MS, 100 + now)
    assert pace.window == 50


def test_a_packet_that_was_too_large_stays_too_large() -> None:
    pace = Pace(Sync())
    for now in range(10):
        pace.answered(1, 1, now)
    pace.too_large()
    for now in range(10):
        pace.answered(1, 1, now)
    assert pace.batch_bytes == 32_768


def test_waits_follow_the_delays() -> None:
    """RFC 6298 section 2: SRTT + 4 RTTVAR, not below the least, doubled by silence."""
    pace = Pace(Sync(retry_min_ms=500, retry_max_ms=30_000))
    assert pace.wait_ns == 500 * MS
    pace.answered(1, 2_000 * MS, 0)
    assert pace.wait_ns == 6_000 * MS  # 2 s + 4 x 1 s
    for now in itertools.repeat(0, 100):
        pace.answered(1, 2_000 * MS, now)
    assert 2_000 * MS <= pace.wait_ns <= 2_100 * MS
    for _ in range(10):
        pace.silent()
    assert pace.wait_ns == 30_000 * MS
    for _ in range(100):
        pace.answered(1, 1 * MS, 0)
    assert pace.wait_ns == 500 * MS
