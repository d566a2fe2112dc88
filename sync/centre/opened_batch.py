"""A batch's signatures, seal and contents, checked as far as they do not depend on the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sync.centre.types import Enrolled, QuarantineReason
from sync.log.encoding import (
    SALT_BYTES,
    batch_is_by,
    commitment,
    decode_records,
    open_contents,
)
from sync.log.errors import BatchMalformed, NoteRefused, RecordMalformed, SealBroken
from sync.log.keys import CentreKeys, VerifyingKey
from sync.log.merkle import HASH_BYTES
from sync.log.notes import Checkpoint, open_checkpoint, origin_of
from sync.log.types import Batch, Contents, Item

MAX_SEQ = 2**48
"""More records than any gate will write; beyond it a place is nonsense."""

BATCH_VERSION = 3
AT_ONCE = 48

_EPOCH = re.compile(r"[0-9a-f]{1,64}")

WRAPPED_BYTES = 40
"""A key of 32 bytes, wrapped (RFC 3394)."""


class BatchRefused(Exception):
    """Why one message is quarantined; caught where messages are taken one by one."""

    def __init__(self, reason: QuarantineReason, gate: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gate = gate


class OpenedBatch(NamedTuple):
    """A message whose signatures are good and whose contents belong together.

    `previous` is what its records name as the one before them, None where one was erased.
    """

    batch: Batch
    contents: Contents
    checkpoint: Checkpoint
    previous: list[str | None]


def open_signed(batch: Batch, gate: Enrolled | None, keys: CentreKeys) -> OpenedBatch:
    """Check everything about a message that does not depend on the log's end."""
    if gate is None:
        raise BatchRefused(QuarantineReason.UNKNOWN_GATE, batch.gate)
    if not batch_is_by(batch, gate.key):
        raise BatchRefused(QuarantineReason.FORGED, batch.gate)
    if gate.revoked_utc:
        raise BatchRefused(QuarantineReason.REVOKED, batch.gate)
    well_formed = batch.version == BATCH_VERSION and _EPOCH.fullmatch(batch.epoch) is not None
    if not well_formed or not 1 <= batch.first_seq <= MAX_SEQ:
        raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate)
    try:
        contents = open_contents(batch, keys.opening)
    except SealBroken as error:
        raise BatchRefused(QuarantineReason.UNREADABLE, batch.gate) from error
    except BatchMalformed as error:
        raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate) from error
    links = _check_items(batch, contents)
    return OpenedBatch(batch, contents, _checkpoint(batch, len(contents.items), gate.key), links)


def _check_items(batch: Batch, contents: Contents) -> list[str | None]:
    """Check that records match their commitments, their places, and one another.

    Gives what each names as the one before, None for an erased one. A few at a time: more
    would fall out of the processor's caches between one step and the next.
    """
    links: list[str | None] = []
    hours = {key.key_id for key in contents.keys}
    for first in range(0, len(contents.items), AT_ONCE):
        items = contents.items[first : first + AT_ONCE]
        if not all(map(_is_sized, items)):
            raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate)
        if any(item.wrapped and item.key_id not in hours for item in items):
            raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate)
        links += _previous(batch, batch.first_seq + first, items)
    for item, link in zip(contents.items, links[1:], strict=False):
        if link is not None and link != item.commitment.hex():
            raise BatchRefused(QuarantineReason.BROKEN_CHAIN, batch.gate)
    return links


def _is_sized(item: Item) -> bool:
    """Whether hash, salt and key have the sizes that ours have."""
    if len(item.commitment) != HASH_BYTES or len(item.wrapped) > WRAPPED_BYTES:
        return False
    return len(item.salt) <= SALT_BYTES


def _previous(batch: Batch, first_seq: int, items: Sequence[Item]) -> list[str | None]:
    """Check some records; give what each names as the one before, None if it was erased."""
    whole = [(seq, item) for seq, item in enumerate(items, first_seq) if item.encoded]
    try:
        records = decode_records([item.encoded for _, item in whole])
    except RecordMalformed as error:
        raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate) from error
    links: list[str | None] = [None] * len(items)
    place = (batch.gate, batch.epoch)
    for (seq, item), record in zip(whole, records, strict=True):
        salted = len(item.salt) == SALT_BYTES or record.version == 1
        placed = record.seq == seq and (record.gate, record.epoch) == place
        if not (salted and placed and commitment(item.salt, item.encoded) == item.commitment):
            raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate)
        links[seq - first_seq] = record.previous
    return links


def _checkpoint(batch: Batch, count: int, key: VerifyingKey) -> Checkpoint:
    """Read the gate's note about its log, which ends where the batch ends."""
    origin = origin_of(batch.gate, batch.epoch)
    try:
        checkpoint = open_checkpoint(batch.checkpoint, origin, (origin, key))
    except NoteRefused as error:
        raise BatchRefused(QuarantineReason.FORGED, batch.gate) from error
    if checkpoint.size != batch.first_seq + count - 1:
        raise BatchRefused(QuarantineReason.INCONSISTENT, batch.gate)
    return checkpoint
