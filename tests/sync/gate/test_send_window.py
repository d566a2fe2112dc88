"""What is under way: how much, for how long, and what a receipt for it says about the way."""

from __future__ import annotations

import pytest

from firmware_cfg.profile import Sync
from sync.gate.pacing import Pace
from sync.gate.send_window import MAX_UNDER_WAY_BYTES, SendWindow
from sync.log.backoff import MS, Backoff

S = 1_000 * MS
LIMITS = Sync(retry_min_ms=500, retry_max_ms=60_000)


def pace_of(batches: int) -> Pace:
    """A pace that lets so many batches go."""
    pace = Pace(Sync(window_batches=batches, retry_min_ms=500, retry_max_ms=60_000))
    for now in range(20):
        pace.answered(pace.window, 1, now)
    assert pace.window == batches
    return pace


def window_of(pace: Pace | None = None, receipt_seq: int = 0) -> SendWindow:
    backoff = Backoff(LIMITS.retry_min_ms, LIMITS.retry_max_ms, bytes)
    return SendWindow(receipt_seq, pace or Pace(LIMITS), backoff)


def test_it_begins_with_one_batch_that_probes() -> None:
    window = window_of(pace_of(4), receipt_seq=7)
    assert (window.watermark, window.sent_seq, len(window)) == (7, 7, 0)
    assert (window.probing, window.full, window.give_up_ns) == (True, False, None)
    window.sent(8, 100, 0)
    assert (window.sent_seq, window.full) == (8, True)
    window.confirmed(8, 1)
    assert (window.watermark, window.probing, window.full, window.give_up_ns) == (
        8,
        False,
        False,
        None,
    )
    for last in (9, 10, 11):
        window.sent(last, 100, 2)
        assert not window.full
    window.sent(12, 100, 2)
    assert window.full


def probed(window: SendWindow, last: int) -> SendWindow:
    """After a probe that was answered."""
    window.sent(last, 10, 0)
    window.confirmed(last, 1)
    return window


def fills_up(window: SendWindow, last: int) -> None:
    """It takes all but one byte, and is full with that one."""
    window.sent(last + 1, MAX_UNDER_WAY_BYTES - 1, 1)
    assert not window.full
    window.sent(last + 2, 1, 1)
    assert window.full


def test_bytes_under_way_have_a_limit_of_their_own() -> None:
    window = probed(window_of(pace_of(100)), 1)
    fills_up(window, 1)
    window.confirmed(3, 2)
    fills_up(window, 3)


def test_what_is_forgotten_takes_no_room() -> None:
    window = probed(window_of(pace_of(100)), 1)
    fills_up(window, 1)
    window.rewind()
    assert (window.sent_seq, len(window), window.probing, window.full) == (1, 0, True, False)
    assert window.give_up_ns is None
    fills_up(probed(window, 2), 2)


def test_a_receipt_is_awaited_as_long_as_the_way_takes_or_as_waits_have_doubled() -> None:
    window = window_of()
    for wait_ms in (500, 1_000, 2_000):
        window.sent(1, 10, 3 * S)
        assert window.give_up_ns == 3 * S + wait_ms * MS
        window.sent(2, 10, 4 * S)  # the first that is missing counts
        assert window.give_up_ns == 3 * S + wait_ms * MS
        window.rewind()
    pace = Pace(LIMITS)
    pace.answered(1, 2 * S, 0)
    slow = window_of(pace)
    slow.sent(1, 10, 0)
    assert slow.give_up_ns == pace.wait_ns == 6 * S


@pytest.mark.parametrize(("upto", "wait_s"), [(2, 3 * 8), (4, 3 * 5)])
def test_the_newest_batch_that_a_receipt_answers_is_measured(upto: int, wait_s: int) -> None:
    pace = Pace(LIMITS)
    window = window_of(pace)
    window.sent(2, 10, 0)
    window.sent(4, 10, 3 * S)
    window.confirmed(upto, 8 * S)
    assert pace.wait_ns == wait_s * S  # RFC 6298 section 2: R + 4 R / 2
    assert len(window) == (0 if upto == 4 else 1)


@pytest.mark.parametrize(("upto", "measured"), [(2, False), (4, True)])
def test_what_was_sent_twice_is_not_measured(upto: int, measured: bool) -> None:
    pace = Pace(LIMITS)
    window = window_of(pace)
    window.sent(2, 10, 0)
    window.rewind()
    window.sent(2, 10, 1 * S)
    window.sent(4, 10, 1 * S)
    window.confirmed(upto, 3 * S)
    assert (pace.wait_ns == 6 * S) is measured


def test_a_receipt_for_more_than_was_sent_moves_on() -> None:
    """It answers an earlier attempt, whose own receipt was lost."""
    window = window_of()
    window.sent(6, 10, 0)
    window.rewind()
    window.confirmed(6, 1)
    assert (window.sent_seq, window.watermark, window.probing) == (6, 6, False)
