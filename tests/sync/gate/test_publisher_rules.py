"""The publisher's rules one by one: what it states, forgets, keeps, and does only when due."""

from __future__ import annotations

import pytest
from test_live_records import draining
from test_live_records import serve as serve_lanes
from test_publisher import LIMITS, MS, make, receipt, serve

from firmware_cfg.profile import Sync
from sync.gate.early_records import INTERVAL_NS, EarlyRecords
from sync.gate.journal_reader import Outgoing
from sync.gate.progress import Progress
from sync.gate.publisher import HEARTBEAT_NS, Publisher
from sync.gate.types import Fetch, HandReceipt, Publish
from sync.log.types import Contents, Item

NOTHING = Outgoing(Contents(), bytes(32))
S = 1_000 * MS


def running(backlog: int, *, receipt_seq: int = 0, limits: Sync = LIMITS) -> Publisher:
    publisher = make(receipt_seq, limits)
    publisher.notice(backlog, 0)
    publisher.connected(0)
    return publisher


def test_before_anything_happened_nothing_is_reported() -> None:
    assert make().progress == Progress(0, 0, 0, False, 0, 0, 0, 0, 0.0, 0)


def test_a_lost_connection_takes_along_all_but_the_receipts() -> None:
    publisher = running(20)
    serve(publisher, 0)
    good = receipt(2)
    publisher.receive_receipt(good, 1)
    while (fetch := publisher.wants(1)) is not None:
        publisher.supply(
            fetch, Outgoing(Contents(items=(Item(commitment=bytes(32)),)), b"r" * 32), 1
        )
    assert publisher.progress.in_flight == 2
    publisher.disconnected(2)
    assert publisher.output() == [HandReceipt(good)]
    assert (publisher.progress.connected, publisher.progress.in_flight) == (False, 0)
    assert (publisher.due_ns, publisher.wants(S)) == (None, None)


def test_a_connection_in_the_place_of_another_begins_at_the_watermark() -> None:
    publisher = running(20)
    assert serve(publisher, 0) == [(1, 2)]
    publisher.connected(1)
    assert serve(publisher, 1) == [(1, 2)]


@pytest.mark.parametrize(("sends", "largest"), [(True, 5), (False, 10)])
def test_a_broker_that_hangs_up_on_large_batches_gets_smaller_ones(
    sends: bool, largest: int
) -> None:
    """Only where a batch was under way when the connection ended."""
    publisher = running(10, limits=Sync(batch_max_bytes=4096))
    for now in range(3):
        publisher.connected(now)
        if sends:
            assert serve(publisher, now) == [(1, 10)]
        publisher.disconnected(now)
    publisher.connected(3)
    assert serve(publisher, 3) == [(1, largest)]


def test_the_packet_that_mqtt_calls_too_large_is_halved() -> None:
    """MQTT 5, 2.4: reason code 0x95, and no other."""
    for reason, largest in ((0x95, 5), (0x97, 10)):
        publisher = running(10, limits=Sync(batch_max_bytes=4096))
        serve(publisher, 0)
        publisher.refused(reason, 0)
        assert serve(publisher, 10**12) == [(1, largest)]


def test_receipts_that_stay_away_are_counted_until_one_comes() -> None:
    publisher = running(2)
    for count in (1, 2, 3):
        assert serve(publisher, count * 10 * S) == [(1, 2)]
        publisher.expire(count * 10 * S + 5 * S)
        assert publisher.progress.unanswered == publisher.progress.resends == count
    publisher.receive_receipt(receipt(2), 50 * S)
    assert (publisher.progress.unanswered, publisher.progress.resends) == (0, 3)


def test_a_late_receipt_for_everything_ends_what_was_to_be_sent_again() -> None:
    publisher = running(2)
    serve(publisher, 0)
    publisher.expire(S)
    assert publisher.due_ns == S
    publisher.receive_receipt(receipt(2), S)
    assert publisher.wants(S) is None
    assert publisher.due_ns == HEARTBEAT_NS


def test_a_late_receipt_for_a_part_leaves_the_rest_to_be_sent_again() -> None:
    publisher = running(6)
    serve(publisher, 0)
    publisher.receive_receipt(receipt(2), 0)
    assert serve(publisher, 0) == [(3, 4), (5, 6)]
    publisher.expire(10 * S)
    publisher.receive_receipt(receipt(4), 10 * S)
    assert serve(publisher, 10 * S) == [(5, 6)]


def test_how_long_a_backlog_takes_is_estimated_from_the_connection_on() -> None:
    publisher = running(100)
    assert publisher.progress.drain_s is None
    serve(publisher, 0)
    publisher.receive_receipt(receipt(2), S)
    assert publisher.progress.drain_s == pytest.approx(49)


def test_a_receipt_repeated_at_once_is_followed_and_handed_over_then_not_for_a_while() -> None:
    publisher = running(20)
    serve(publisher, 0)
    publisher.receive_receipt(receipt(2), 0)
    for now in (0, 500 * MS, 1_000 * MS):  # retry_min_ms apart
        publisher.output()
        serve(publisher, now)
        publisher.receive_receipt(receipt(2), now)
        assert [op for op in publisher.output() if isinstance(op, HandReceipt)] == [
            HandReceipt(receipt(2))
        ]
        serve(publisher, now)
        publisher.receive_receipt(receipt(2), now + 499 * MS)
        assert publisher.output() == []
    assert publisher.progress.resends == 3


def test_an_idle_gate_states_its_size_a_minute_after_it_connected_and_not_before() -> None:
    publisher = running(10, receipt_seq=10)
    assert publisher.due_ns == HEARTBEAT_NS
    assert publisher.wants(HEARTBEAT_NS - 1) is None
    publisher.supply(Fetch(10, 1024), NOTHING, HEARTBEAT_NS - 1)
    assert publisher.output() == []
    fetch = publisher.wants(HEARTBEAT_NS)
    assert fetch == Fetch(10, 1024)
    publisher.supply(fetch, NOTHING, HEARTBEAT_NS)
    (heartbeat,) = publisher.output()
    assert isinstance(heartbeat, Publish)
    assert publisher.due_ns == 2 * HEARTBEAT_NS


def test_no_size_is_stated_while_a_record_waits_for_its_receipt() -> None:
    publisher = running(2)
    assert serve(publisher, 0) == [(1, 2)]
    assert publisher.wants(2 * HEARTBEAT_NS) is None


def test_no_size_is_stated_while_a_record_waits_to_be_sent() -> None:
    publisher = running(2)
    publisher.refused(0x87, HEARTBEAT_NS - S)
    due_ns = publisher.due_ns
    assert due_ns is not None
    assert due_ns > HEARTBEAT_NS
    assert publisher.wants(HEARTBEAT_NS) is None


def test_a_journal_that_holds_less_than_was_noticed_is_believed() -> None:
    publisher = running(3)
    fetch = publisher.wants(0)
    assert fetch is not None
    publisher.supply(fetch, NOTHING, 0)
    assert publisher.output() == []
    assert (publisher.progress.last_seq, publisher.progress.lag) == (0, 0)


def test_a_journal_that_holds_more_than_was_noticed_is_believed() -> None:
    publisher = running(1)
    fetch = publisher.wants(0)
    assert fetch is not None
    two = Contents(items=(Item(commitment=bytes(32)),) * 2)
    publisher.supply(fetch, Outgoing(two, bytes(32)), 0)
    assert (publisher.progress.last_seq, publisher.progress.lag) == (2, 2)
    publisher.receive_receipt(receipt(2), 1)
    assert publisher.progress.lag == 0


# --- records before their turn --------------------------------------------------------


def test_a_record_of_now_goes_before_a_backlog_that_may_go_too() -> None:
    publisher = draining()
    publisher.notice(101, 20 * MS)
    publisher.receive_receipt(receipt(6), 65 * MS)  # there is room for more of the backlog
    lanes = [lane for lane, _, _ in serve_lanes(publisher, 70 * MS)]
    assert (lanes[0], lanes.count("live")) == ("live", 1)
    assert "records" in lanes


def test_a_record_whose_turn_has_come_goes_early_only_where_the_window_is_full() -> None:
    publisher = make()
    publisher.notice(2, 0)
    publisher.connected(0)
    assert serve_lanes(publisher, 0) == [("records", 1, 2)]
    publisher.receive_receipt(receipt(2), 1)
    publisher.notice(8, 2)
    assert serve_lanes(publisher, 2 + 50 * MS) == [
        ("records", 3, 4),
        ("records", 5, 6),
        ("live", 7, 8),
    ]


def test_copies_keep_their_distance() -> None:
    publisher = draining()
    publisher.notice(101, 20 * MS)
    assert serve_lanes(publisher, 70 * MS) == [("live", 101, 101)]
    publisher.notice(102, 80 * MS)
    assert serve_lanes(publisher, 269 * MS) == []
    assert serve_lanes(publisher, 270 * MS) == [("live", 102, 102)]
    assert INTERVAL_NS == 200 * MS


def test_more_than_one_batch_of_now_goes_one_at_a_time() -> None:
    publisher = draining()
    publisher.notice(105, 20 * MS)
    for at_ms, first, last in ((70, 101, 102), (270, 103, 104), (470, 105, 105)):
        assert serve_lanes(publisher, (at_ms - 1) * MS) == []
        assert serve_lanes(publisher, at_ms * MS) == [("live", first, last)]
    assert serve_lanes(publisher, 500 * MS) == []
    publisher.notice(106, 900 * MS)
    assert serve_lanes(publisher, 949 * MS) == []
    assert serve_lanes(publisher, 950 * MS) == [("live", 106, 106)]


def test_what_the_ordered_way_sent_is_not_sent_early_when_it_starts_again() -> None:
    publisher = running(6)
    serve(publisher, 0)
    publisher.receive_receipt(receipt(2), 0)
    serve(publisher, 0)
    publisher.receive_receipt(receipt(6), 0)
    publisher.notice(12, 0)
    assert serve(publisher, 50 * MS) == [(7, 8), (9, 10), (11, 12)]
    publisher.expire(10 * S)
    assert serve(publisher, 10 * S) == [(7, 8)]
    publisher.receive_receipt(receipt(8), 10 * S)
    assert serve(publisher, 10 * S) == [(9, 10)]  # one at a time, and 11 was sent once


def test_which_records_go_early() -> None:
    early = EarlyRecords(0)
    early.noticed(0, 5, 0, ripe_ns=0)  # the first look finds a backlog
    assert early.ripe_ns(0, 5, ordered_waits=False) is None
    early.noticed(5, 6, 0, ripe_ns=0)
    assert early.ripe_ns(0, 6, ordered_waits=False) == 0
    assert (early.after_seq(0), early.after_seq(6)) == (5, 6)
    assert early.ripe_ns(6, 6, ordered_waits=False) is None
    early.rewound(6)
    assert early.after_seq(0) == 6
    assert early.ripe_ns(0, 6, ordered_waits=False) is None
    early.rewound(4)
    assert early.after_seq(0) == 6
