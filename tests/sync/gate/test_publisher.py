"""The publisher in virtual time: its limits one by one, and over a link that does its worst."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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

from firmware_cfg.profile import Sync
from sim.lane.uplink import CENTRE, LaneUplink, Uplink
from sim.wires.broker import VirtualBroker
from sync.centre.store import CentreStore
from sync.centre.types import LogRow
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader, Outgoing
from sync.gate.publisher import PACKET_TOO_LARGE, Publisher
from sync.gate.send_window import MAX_UNDER_WAY_BYTES
from sync.gate.types import HandReceipt, Publish
from sync.log.backoff import Backoff
from sync.log.encoding import GENESIS, open_batch, open_contents, seal_receipt
from sync.log.errors import ReceiptAhead, ReceiptForeign, ReceiptForged, ReceiptMalformed
from sync.log.keys import SigningKey
from sync.log.types import Contents, HourKey, Item, Receipt

MS = 1_000_000
LIMITS = Sync(
    batch_max_bytes=1024, batch_max_age_ms=50, window_batches=3, retry_min_ms=500, retry_max_ms=4000
)


def make(receipt_seq: int = 0, limits: Sync = LIMITS) -> Publisher:
    return Publisher(
        gate="gate-1",
        epoch="e",
        receipt_seq=receipt_seq,
        key=GATE_KEY,
        centre=CENTRE_KEYS.public,
        limits=limits,
        random=seeded(),
    )


def receipt(
    seq: int, key: SigningKey = CENTRE_KEY, gate: str = "gate-1", epoch: str = "e"
) -> bytes:
    return seal_receipt(Receipt(gate=gate, epoch=epoch, seq=seq, commitment=GENESIS), key)


def serve(publisher: Publisher, now_ns: int, size: int = 400) -> list[tuple[int, int]]:
    """Answer every wish from a journal of equal records; give (first, last) of each batch."""
    while (fetch := publisher.wants(now_ns)) is not None:
        end = publisher.progress.last_seq
        count = max(1, fetch.max_bytes // size)
        items = (Item(commitment=bytes(32), encoded=b"r" * size),) * min(
            count, end - fetch.after_seq
        )
        publisher.supply(fetch, Outgoing(Contents(items=items), bytes(32)), now_ns)
    batches = []
    for operation in publisher.output():
        if isinstance(operation, Publish):
            batch = open_batch(operation.payload)
            contents = open_contents(batch, CENTRE_KEYS.opening)
            batches.append((batch.first_seq, batch.first_seq + len(contents.items) - 1))
            assert operation.topic == "egate/records/gate-1"
    return batches


@pytest.mark.parametrize(("fraction", "share"), [(0, 1.0), (0xFFFF, 0.5)])
def test_waits_double_to_a_limit_and_differ_from_lane_to_lane(fraction: int, share: float) -> None:
    backoff = Backoff(500, 4_000, lambda count: fraction.to_bytes(count, "big"))
    for wait_ms in (500, 1_000, 2_000, 4_000, 4_000):
        assert round(backoff.next_ns() / MS) == wait_ms * share
    backoff.reset()
    assert round(backoff.longest_ns() / MS) == 4_000 * share
    backoff.reset()
    assert round(backoff.next_ns() / MS) == 500 * share


def test_nothing_is_sent_before_the_broker_accepts_us() -> None:
    publisher = make()
    publisher.notice(5, 0)
    assert publisher.due_ns is None
    assert serve(publisher, 10**12) == []


def test_a_batch_closes_by_age_or_size() -> None:
    publisher = make()
    publisher.connected(0)
    assert publisher.due_ns is None
    publisher.notice(1, 10 * MS)
    assert publisher.due_ns == 60 * MS
    assert serve(publisher, 59 * MS) == []
    publisher.notice(3, 59 * MS)
    assert serve(publisher, 60 * MS) == [(1, 2)]  # 1,024 bytes hold two records of 400
    publisher.receive_receipt(receipt(2), 61 * MS)
    assert serve(publisher, 61 * MS) == [(3, 3)]  # the rest waited long enough, too


def test_the_window_opens_with_the_first_receipt_and_has_an_end() -> None:
    publisher = make(receipt_seq=10)
    publisher.notice(100, 0)
    publisher.connected(0)
    assert serve(publisher, 0) == [(11, 12)]  # one batch probes
    publisher.receive_receipt(receipt(12), 1)
    assert serve(publisher, 1) == [(13, 14), (15, 16)]
    publisher.receive_receipt(receipt(16), 2)
    assert serve(publisher, 2) == [(17, 18), (19, 20), (21, 22)]
    assert publisher.progress.in_flight == 3


def test_no_profile_lets_more_bytes_go_than_the_limit() -> None:
    """Records of 60,000 bytes go one a batch, however small batches are: a thousand are 60 MB."""
    widest = Sync(batch_max_bytes=1024, window_batches=1000)
    publisher, done, sent = make(limits=widest), 0, 0
    publisher.notice(100_000, 0)
    publisher.connected(0)
    for now in range(10):  # the window doubles with every answer
        batches = serve(publisher, now, 60_000)
        sent += len(batches)
        under_way = 60_000 * (sent - done)
        assert under_way <= MAX_UNDER_WAY_BYTES + 60_000
        done = batches[-1][1]
        publisher.receive_receipt(receipt(done), now)
    assert under_way > MAX_UNDER_WAY_BYTES * 0.9


def test_silence_leads_back_to_the_watermark_with_growing_waits() -> None:
    publisher = make()
    publisher.notice(6, 0)
    publisher.connected(0)
    waits, now = [], 0
    assert serve(publisher, now) == [(1, 2)]
    for _ in range(6):
        due = publisher.due_ns
        assert due is not None
        waits.append(due - now)
        now = due
        assert serve(publisher, now - 1) == []
        publisher.expire(now)
        assert serve(publisher, now) == [(1, 2)]
    for wait, longest in zip(waits, (500, 1000, 2000, 4000, 4000, 4000), strict=True):
        assert longest * MS / 2 <= wait <= longest * MS
    assert publisher.progress.resends == 6


def test_a_repeated_receipt_asks_for_what_follows_but_not_too_often() -> None:
    publisher = make()
    publisher.notice(20, 0)
    publisher.connected(0)
    serve(publisher, 0)
    publisher.receive_receipt(receipt(2), 1)
    assert serve(publisher, 1) == [(3, 4), (5, 6)]
    publisher.receive_receipt(receipt(2), 2)
    assert serve(publisher, 2) == [(3, 4)]
    for _ in range(50):
        publisher.receive_receipt(receipt(2), 3)
    assert serve(publisher, 3) == []
    assert publisher.progress.resends == 1


def test_a_denial_drops_nothing_and_waits_longest() -> None:
    publisher = make()
    publisher.notice(2, 0)
    publisher.connected(0)
    assert serve(publisher, 0) == [(1, 2)]
    publisher.refused(0x87, 1)
    publisher.disconnected(2)  # mosquitto drops the connection after it
    publisher.connected(3)
    due = publisher.due_ns
    assert due is not None
    assert due >= 2000 * MS
    assert serve(publisher, due - 1) == []
    assert publisher.progress.refusal == 0x87
    assert serve(publisher, due) == [(1, 2)]
    publisher.receive_receipt(receipt(2), due + 1)
    assert publisher.progress.refusal == 0


def test_a_batch_too_large_for_the_broker_is_halved() -> None:
    publisher = make(limits=Sync(batch_max_bytes=4096))
    publisher.notice(10, 0)
    publisher.connected(0)
    assert serve(publisher, 0) == [(1, 10)]
    publisher.refused(PACKET_TOO_LARGE, 0)
    assert serve(publisher, 10**12) == [(1, 5)]
    for _ in range(5):
        publisher.refused(PACKET_TOO_LARGE, 10**12)
    assert serve(publisher, 10**13) == [(1, 2)]  # never under 1,024 bytes


def test_receipts_are_handed_over_once_and_strangers_not_at_all() -> None:
    publisher = make(receipt_seq=1)
    publisher.notice(4, 0)
    publisher.connected(0)
    serve(publisher, 0)
    for data, refusal in (
        (receipt(2, STRANGER_KEY), ReceiptForged),
        (receipt(2, gate="gate-2"), ReceiptForeign),
        (receipt(2, epoch="f"), ReceiptForeign),
        (receipt(9), ReceiptAhead),
        (b"malformed", ReceiptMalformed),
    ):
        with pytest.raises(refusal):
            publisher.receive_receipt(data, 1)
    assert publisher.progress.receipt_seq == 1
    good = receipt(3)
    publisher.receive_receipt(good, 1)
    publisher.receive_receipt(receipt(2), 1)  # late
    publisher.receive_receipt(receipt(0), 1)
    assert [op for op in publisher.output() if isinstance(op, HandReceipt)] == [HandReceipt(good)]
    assert publisher.progress.receipt_seq == 3


def test_a_wish_that_finds_nothing_comes_to_rest() -> None:
    publisher = make()
    publisher.notice(3, 0)
    publisher.connected(0)
    fetch = publisher.wants(0)
    assert fetch is not None
    publisher.supply(fetch, Outgoing(Contents(), bytes(32)), 0)
    assert publisher.wants(10**9) is None
    assert publisher.due_ns is None  # an empty log has no size to state


SMALL = Sync(batch_max_bytes=2048, window_batches=4, retry_max_ms=2000)


class World:
    """Lanes with journals, a link with a character, a centre; all in virtual time."""

    def __init__(
        self,
        directory: Path,
        seed: int,
        trouble: float,
        lanes: int,
        *,
        limits: Sync = SMALL,
        latency: Callable[[int], int] | None = None,
    ) -> None:
        random_source = random.Random(seed)
        self.now = 0
        self.stack = ExitStack()
        self.store = CentreStore(directory / "centre.db")
        self.stack.callback(self.store.close)

        def copies() -> int:
            draw = random_source.uniform(0, 1)
            return 0 if draw < trouble else 2 if draw < 2 * trouble else 1

        def delay() -> int:
            return random_source.randrange(1, 300) * MS if latency is None else latency(self.now)

        broker = VirtualBroker(delay, copies)
        self.live: list[tuple[bytes, int]] = []
        self.uplink = Uplink(
            broker,
            self.store,
            CENTRE_KEYS,
            utc=lambda _: UTC,
            on_live=lambda payload, now: self.live.append((payload, now)),
        )
        self.journals: list[Journal] = []
        for lane in range(lanes):
            gate = f"gate-{lane}"
            path = directory / f"{gate}.db"
            journal = self.stack.enter_context(closing(open_journal(path, gate, seed)))
            reader = self.stack.enter_context(closing(JournalReader(path)))
            self.store.enrol(gate, GATE_KEY.public, UTC)
            publisher = Publisher(
                gate=gate,
                epoch=journal.epoch,
                receipt_seq=journal.receipt_seq,
                key=GATE_KEY,
                centre=CENTRE_KEYS.public,
                limits=limits,
                random=random_source.randbytes,
            )
            hand = self.acknowledger(journal)
            self.uplink.add(LaneUplink(publisher, reader, hand), self.now)
            self.journals.append(journal)

    def acknowledger(self, journal: Journal):  # type: ignore[no-untyped-def]
        def hand(data: bytes) -> None:
            journal.acknowledge(data, CENTRE_KEY.public)

        return hand

    def run(self, until_ns: int) -> None:
        while self.uplink.due_ns <= until_ns:
            self.now = max(self.now, self.uplink.due_ns)
            self.uplink.expire(self.now)
        self.now = until_ns

    def settled(self) -> bool:
        return all(journal.receipt_seq == journal.last_seq for journal in self.journals)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 1), st.integers(1, 25)),
        st.tuples(st.just("wait"), st.just(0), st.integers(1, 3000)),
        st.tuples(st.just("cut"), st.integers(0, 2), st.integers(0, 3000)),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), steps=steps, trouble=st.sampled_from([0.0, 0.1, 0.3]))
def test_nothing_lost_nothing_doubled_over_a_bad_link(
    seed: int, steps: list[tuple[str, int, int]], trouble: float
) -> None:
    with TemporaryDirectory() as directory:
        world = World(Path(directory), seed, trouble, lanes=2)
        with world.stack:
            for kind, who, amount in steps:
                if kind == "append":
                    fill(world.journals[who], amount)
                elif kind == "wait":
                    world.run(world.now + amount * MS)
                else:
                    client = ("gate-0", "gate-1", CENTRE)[who]
                    world.uplink.cut(client, world.now)
                    world.run(world.now + amount * MS)
                    world.uplink.restore(client, world.now)
            for _ in range(600):
                if world.settled():
                    break
                world.run(world.now + 1000 * MS)
            assert world.settled()
            for journal in world.journals:
                assert list(world.store.records(journal.gate)) == list(journal.records())
                assert journal.verify() == []
            assert world.store.audit() == []
            assert world.store.quarantine.messages() == []
            assert world.uplink.refusals == []


def test_an_idle_link_states_the_size_of_the_log_now_and_then(tmp_path: Path) -> None:
    world = World(tmp_path, 1, 0.0, lanes=1)
    with world.stack:
        fill(world.journals[0], 10)
        world.run(5_000 * MS)
        assert world.settled()
        publisher = world.uplink._lanes["gate-0"].publisher
        before = publisher.progress
        noted: list[tuple[int, int]] = []
        real = world.store.save

        def save(row: LogRow, hours: Sequence[HourKey], utc: str) -> None:
            noted.append((row.head_size, world.now // MS))
            real(row, hours, utc)

        world.store.save = save  # type: ignore[method-assign]
        world.run(world.now + 10 * 60_000 * MS)
        assert publisher.progress == before
        assert 8 <= len(noted) <= 10
        assert {size for size, _ in noted} == {10}
        assert world.store.audit(CENTRE_KEY.public) == []


def test_sixty_hours_without_an_uplink(tmp_path: Path) -> None:
    """A hundred records in each of 60 h without a connection: none is lost."""
    limits = Sync(batch_max_bytes=65_536)
    world = World(tmp_path, 1, 0.0, lanes=1, limits=limits, latency=lambda _now: 20 * MS)
    with world.stack:
        journal, uplink = world.journals[0], world.uplink
        uplink.cut("gate-0", world.now)
        for _ in range(60):
            fill(journal, 100)
            world.now += 3_600_000 * MS
            uplink._look_ns = world.now  # an hour of looks finds what the last one does
            uplink.expire(world.now)
        publisher = uplink._lanes["gate-0"].publisher
        assert publisher.progress.lag == 6_000
        assert publisher.progress.in_flight == 0
        assert world.store.count() == 0
        uplink.restore("gate-0", world.now)
        cut_off = world.now
        fill(journal, 1)
        while not world.settled():
            world.run(world.now + 1_000 * MS)
            assert world.now < cut_off + 600_000 * MS
        assert world.store.count() == 6_001
        assert list(world.store.records("gate-0")) == list(journal.records())
        assert world.store.audit() == []
        assert world.store.quarantine.messages() == []
        assert journal.verify() == []
