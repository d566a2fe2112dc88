"""What a log takes from a batch: every record of it counts, not only the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from record_support import CENTRE_KEYS, GATE_KEY, UTC, fill, open_journal, seeded
from test_centre import Taken, batch, changed, items_of

from sync.centre.collector import Collected, GateMessage, collect
from sync.centre.store import CentreStore
from sync.centre.types import QuarantineReason
from sync.gate.journal import Journal
from sync.log.encoding import open_batch
from sync.log.envelope import _hour_info
from sync.log.types import Contents, HourKey

CONFLICT = (QuarantineReason.CONFLICT,)


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


@pytest.fixture
def records(journal: Journal) -> Taken:
    return items_of(journal)


def take(store: CentreStore, *payloads: bytes, live: bool = False) -> Collected:
    return collect(store, CENTRE_KEYS, [GateMessage(each, live) for each in payloads], UTC)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_early_copy_must_agree_in_every_record(
    store: CentreStore, journal: Journal, records: Taken, at: int
) -> None:
    assert take(store, batch(journal, records[5:8]), live=True).live == 3
    wrong = _unchained(journal, records, 5 + at)
    assert take(store, wrong, live=True).quarantined == CONFLICT


def _unchained(journal: Journal, records: Taken, at: int) -> bytes:
    """Records 6 to 8, erased, with another hash in one place that no chain names."""
    items = [msgspec.structs.replace(item, encoded=b"") for _, item in records[5:8]]
    items[at - 5] = msgspec.structs.replace(items[at - 5], commitment=bytes(32))
    return batch(journal, records[5:8], contents=Contents(items=tuple(items)))


@pytest.mark.parametrize("at", [5, 6, 7])
def test_a_record_in_its_turn_must_agree_with_its_early_copy(
    store: CentreStore, journal: Journal, records: Taken, at: int
) -> None:
    take(store, batch(journal, records[:5]))
    take(store, batch(journal, records[5:8]), live=True)
    assert take(store, _unchained(journal, records, at)).quarantined == CONFLICT
    assert take(store, batch(journal, records[5:8])).stored == 3


def test_early_copies_that_overlap_are_kept_once(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    take(store, batch(journal, records[:5]))
    first = take(store, batch(journal, records[9:11]), batch(journal, records[6:8]), live=True)
    assert (first.live, store.live.last_seq("gate-1", journal.epoch)) == (4, 11)
    again = take(store, batch(journal, records[4:12]), live=True)
    assert (again.live, store.live.last_seq("gate-1", journal.epoch)) == (3, 12)
    assert set(store.live.commitments("gate-1", journal.epoch, 1, 20)) == set(range(6, 13))


def test_only_a_batch_with_records_beyond_the_next_place_is_early(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    assert take(store, batch(journal, records[:5])).early == 0
    assert take(store, batch(journal, records[5:8])).early == 0
    assert take(store, batch(journal, records[9:])).early == 1
    size_alone = batch(journal, records[9:10], contents=Contents(), first_seq=11)
    assert take(store, size_alone).early == 0


def test_an_hours_key_that_does_not_open_is_refused(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    items = tuple(item for _, item in records[:3])
    info = _hour_info("gate-1", journal.epoch, 2)
    sealed = CENTRE_KEYS.public.sealing.seal(b"\1" * 32, info, seeded(1))
    wrong = Contents(items=items, keys=(HourKey(key_id=1, for_centre=sealed),))
    refused = take(store, batch(journal, records[:3], contents=wrong))
    assert refused.quarantined == (QuarantineReason.UNREADABLE,)
    right = Contents(items=items, keys=(HourKey(key_id=2, for_centre=sealed),))
    assert take(store, batch(journal, records[:3], contents=right)).stored == 3


def test_a_record_after_an_erased_one_is_taken_at_the_seam(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    take(store, batch(journal, records[:3]))
    erased = tuple(msgspec.structs.replace(item, encoded=b"") for _, item in records[3:5])
    done = take(store, batch(journal, records[3:5], contents=Contents(items=erased)))
    assert (done.stored, done.quarantined) == (2, ())


@pytest.mark.parametrize("at", [0, 1])
def test_a_record_in_another_ones_place_is_refused(
    store: CentreStore, journal: Journal, records: Taken, at: int
) -> None:
    moved = list(records[:2])
    moved[at] = changed(moved[at], seq=7)
    assert take(store, batch(journal, moved)).quarantined == (QuarantineReason.INCONSISTENT,)


def test_copies_and_records_in_one_round_must_agree_too(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    messages = [
        GateMessage(batch(journal, records[5:8]), live=True),
        GateMessage(batch(journal, records[:5])),
        GateMessage(_unchained(journal, records, 6)),
    ]
    done = collect(store, CENTRE_KEYS, messages, UTC)
    assert (done.live, done.stored, done.quarantined) == (3, 5, CONFLICT)


def test_a_copy_is_dropped_with_the_round_that_brings_its_record(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    messages = [
        GateMessage(batch(journal, records[5:8]), live=True),
        GateMessage(batch(journal, records[:6])),
    ]
    assert collect(store, CENTRE_KEYS, messages, UTC).stored == 6
    assert set(store.live.commitments("gate-1", journal.epoch, 1, 20)) == {7, 8}


def test_copies_of_what_is_stored_bring_nothing(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    take(store, batch(journal, records[:8]))
    done = take(store, batch(journal, records[5:8]), live=True)
    assert (done.live, done.quarantined, done.answers) == (0, (), ())


def test_of_two_notes_about_the_same_size_the_later_one_is_kept(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    """A gate that signs two roots for what the centre lacks: the last word is what it stands by."""
    for root in (bytes(32), b"\1" * 32, bytes(32)):
        early = batch(journal, records[9:11], root=root)
        assert take(store, early).early == 1
        assert store.log("gate-1", journal.epoch).head == open_batch(early).checkpoint
    shorter = batch(journal, records[7:9])
    assert take(store, shorter).early == 1
    assert store.log("gate-1", journal.epoch).head_size == 11


def test_a_message_that_is_no_batch_does_not_keep_others_out(
    store: CentreStore, journal: Journal, records: Taken
) -> None:
    done = take(store, b"no batch", batch(journal, records[:5]))
    assert (done.stored, done.quarantined) == (5, (QuarantineReason.MALFORMED,))
