"""What a batch must be like before the log is asked: each bound, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from record_support import CENTRE_KEYS, GATE_KEY, UTC, fill, open_journal
from test_centre import Taken, batch, changed, items_of

from sync.centre.opened_batch import BatchRefused, OpenedBatch, open_signed
from sync.centre.types import Enrolled, QuarantineReason
from sync.gate.journal import Journal
from sync.log.encoding import SALT_BYTES, commitment, encode_record, open_batch, seal_batch
from sync.log.notes import Checkpoint, origin_of, sign_checkpoint
from sync.log.types import Batch, Contents, HourKey, Item

GATE = Enrolled("gate-1", GATE_KEY.public, UTC, "")
HOUR = HourKey(key_id=7, for_centre=b"")
ERASED = b""
INCONSISTENT = QuarantineReason.INCONSISTENT


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    path: Path = tmp_path_factory.mktemp("journal") / "journal.db"
    with closing(open_journal(path)) as opened:
        fill(opened, 60)
        yield opened


@pytest.fixture(scope="module")
def records(journal: Journal) -> Taken:
    return items_of(journal)


def opened(payload: bytes, gate: Enrolled | None = GATE) -> OpenedBatch:
    return open_signed(open_batch(payload), gate, CENTRE_KEYS)


def refusal(payload: bytes, gate: Enrolled | None = GATE) -> QuarantineReason:
    with pytest.raises(BatchRefused) as refused:
        opened(payload, gate)
    assert refused.value.gate == "gate-1"
    return refused.value.reason


def empty(epoch: str, first_seq: int, **changes: object) -> bytes:
    """A batch without records, whose note is of the size that it follows."""
    note = Checkpoint(origin_of("gate-1", epoch), first_seq - 1, bytes(32))
    made = Batch(
        gate="gate-1",
        epoch=epoch,
        first_seq=first_seq,
        sealed=b"",
        checkpoint=sign_checkpoint(note, GATE_KEY),
    )
    made = msgspec.structs.replace(made, **changes)
    return seal_batch(made, Contents(), GATE_KEY, CENTRE_KEYS.public.sealing, bytes)


def with_items(journal: Journal, records: Taken, *changes: dict[str, object]) -> bytes:
    """A batch of the first records, each changed as is said."""
    items = tuple(
        msgspec.structs.replace(item, **change)
        for (_, item), change in zip(records, changes, strict=False)
    )
    contents = Contents(items=items, keys=(HOUR,))
    return batch(journal, records[: len(changes)], contents=contents)


def test_a_good_batch_is_opened(journal: Journal, records: Taken) -> None:
    found = opened(batch(journal, records))
    assert [item for _, item in records] == list(found.contents.items)
    assert found.previous == [record.previous for record, _ in records]
    assert found.checkpoint.size == len(records) == 60


def test_who_sends(journal: Journal, records: Taken) -> None:
    payload = batch(journal, records)
    assert refusal(payload, None) is QuarantineReason.UNKNOWN_GATE
    assert refusal(payload, GATE._replace(revoked_utc=UTC)) is QuarantineReason.REVOKED


@pytest.mark.parametrize("first_seq", [1, 2**48])
def test_places_within_the_bounds(journal: Journal, first_seq: int) -> None:
    assert opened(empty(journal.epoch, first_seq)).checkpoint.size == first_seq - 1


@pytest.mark.parametrize(
    ("first_seq", "epoch", "version"),
    [(2**48 + 1, "aa", 3), (5, "AA", 3), (5, "a" * 65, 3), (5, "aa", 2), (5, "aa", 4)],
)
def test_places_beyond_the_bounds(first_seq: int, epoch: str, version: int) -> None:
    assert refusal(empty(epoch, first_seq, version=version)) is INCONSISTENT


def test_hashes_salts_and_keys_have_the_sizes_that_ours_have(
    journal: Journal, records: Taken
) -> None:
    held = {"key_id": 7, "wrapped": bytes(40)}
    assert opened(with_items(journal, records, held, held)).contents.items[0].wrapped == bytes(40)
    for wrong in (
        {"wrapped": bytes(41), "key_id": 7},
        {"salt": bytes(SALT_BYTES + 1), "encoded": ERASED},
        {"commitment": bytes(31), "encoded": ERASED},
        {"commitment": bytes(33), "encoded": ERASED},
        {"wrapped": bytes(40), "key_id": 8},
    ):
        assert refusal(with_items(journal, records, {}, wrong)) is INCONSISTENT, wrong
        assert refusal(with_items(journal, records, wrong, {})) is INCONSISTENT, wrong
    late = [{}] * 50 + [{"commitment": bytes(31), "encoded": ERASED}]
    assert refusal(with_items(journal, records, *late)) is INCONSISTENT


def test_a_record_that_was_erased_leaves_its_hash_and_its_place(
    journal: Journal, records: Taken
) -> None:
    found = opened(with_items(journal, records, {}, {"encoded": ERASED}, {}))
    assert found.previous == [records[0][0].previous, None, records[2][0].previous]
    another = {"encoded": ERASED, "commitment": bytes(32)}
    broken = with_items(journal, records, {}, another, {})
    assert refusal(broken) is QuarantineReason.BROKEN_CHAIN


def test_a_record_without_salt_is_of_version_1_alone(journal: Journal, records: Taken) -> None:
    assert isinstance(records[0][1], Item)
    assert refusal(with_items(journal, records, {"salt": b""}, {})) is INCONSISTENT


@pytest.mark.parametrize(
    ("version", "salt_bytes", "taken"),
    [(1, 0, True), (1, SALT_BYTES, True), (2, 0, False), (3, 0, False)],
)
def test_which_versions_need_a_salt(
    journal: Journal, records: Taken, version: int, salt_bytes: int, taken: bool
) -> None:
    record = msgspec.structs.replace(records[0][0], version=version)
    data, salt = encode_record(record), bytes(salt_bytes)
    item = Item(commitment=commitment(salt, data), encoded=data, salt=salt)
    payload = batch(journal, [(record, item)])
    if taken:
        assert opened(payload).contents.items == (item,)
    else:
        assert refusal(payload) is INCONSISTENT


@pytest.mark.parametrize("change", [{"gate": "gate-2"}, {"epoch": "ff"}, {"seq": 7}])
@pytest.mark.parametrize("at", [0, 1])
def test_a_record_of_another_log_is_not_taken(
    journal: Journal, records: Taken, at: int, change: dict[str, object]
) -> None:
    """Signed by the gate and sealed in its batch, and yet not of the log that the batch names."""
    (_, item), (_, other) = records[at], changed(records[at], **change)
    assert opened(batch(journal, [records[at]])).contents.items == (item,)
    wrong = batch(journal, [records[at]], contents=Contents(items=(other,)))
    assert refusal(wrong) is INCONSISTENT


def test_no_record_stands_before_the_first_place(journal: Journal, records: Taken) -> None:
    before = changed(records[0], seq=0)
    assert refusal(batch(journal, [before], root=bytes(32))) is INCONSISTENT
