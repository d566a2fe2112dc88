"""One log while a round of messages is taken: as it is stored, and what comes to it."""

from __future__ import annotations

from collections.abc import Sequence

from sync.centre.store import CentreStore
from sync.centre.types import LogEnd, LogRow, NewRow
from sync.log.keys import SigningKey
from sync.log.merkle import HASH_BYTES, leaf_hash, root_of, stored_place
from sync.log.notes import CENTRE_NAME, countersign
from sync.log.types import HourKey, Receipt


class OpenLog:
    """One log while a round of messages is taken: as it is stored, and what comes to it."""

    def __init__(self, store: CentreStore, gate: str, epoch: str) -> None:
        self._store = store
        self.stored = store.log(gate, epoch)
        self.seq = self.stored.seq
        self.newest = self.stored.commitment
        self.frontier = self.stored.frontier()
        self.live_seq = store.live.last_seq(gate, epoch)
        self.head_size, self.head = self.stored.head_size, self.stored.head
        self.confirmed = ""  # the note that both ends stand by once it is countersigned
        self.new: list[NewRow] = []
        self.new_hours: list[HourKey] = []

    def hour(self, key_id: int) -> bytes:
        """Give the key of an hour, stored or about to be; empty if there is none."""
        for each in self.new_hours:
            if each.key_id == key_id:
                return each.for_centre
        return self._store.hour_key(self.stored.gate, self.stored.epoch, key_id)

    def hashes(self, first_seq: int, last_seq: int) -> list[bytes]:
        """Give commitments from one place to another, stored or about to be."""
        found = []
        if first_seq <= self.stored.seq:
            place = (self.stored.gate, self.stored.epoch)
            found = self._store.hashes(*place, first_seq, min(last_seq, self.stored.seq))
        begin, end = (max(0, seq - self.stored.seq) for seq in (first_seq - 1, last_seq))
        return found + [row.item.commitment for row in self.new[begin:end]]

    def live(self, first_seq: int, last_seq: int) -> dict[int, bytes]:
        """Give the commitments to records that were seen before their turn, by place."""
        if first_seq > self.live_seq:
            return {}
        return self._store.live.commitments(
            self.stored.gate, self.stored.epoch, first_seq, last_seq
        )

    def root(self, size: int) -> bytes:
        """Give the tree's root at a size that the log has had."""
        if size == self.seq:
            return self.frontier.root()
        stored = self._store.nodes(self.stored.gate, self.stored.epoch)

        def node(level: int, index: int) -> bytes:
            seq, offset = (index + 1, 0) if level == 0 else stored_place(level, index)
            if seq <= self.stored.seq:
                return stored(level, index)
            row = self.new[seq - self.stored.seq - 1]
            if level == 0:
                return leaf_hash(row.item.commitment)
            return row.nodes[offset : offset + HASH_BYTES]

        return root_of(size, node)

    def write(self, rows: Sequence[NewRow]) -> None:
        """Add records: the store begins to write while the next message is checked."""
        self.new += rows
        self.seq, self.newest = rows[-1].seq, rows[-1].item.commitment
        self._store.add(self.stored.gate, self.stored.epoch, rows)

    def save(self, key: SigningKey, utc: str) -> Receipt:
        """Write what the log is now; give the receipt for it, unsigned."""
        note = self.stored.checkpoint
        if self.confirmed:
            note = countersign(self.confirmed, CENTRE_NAME, key)
        gate, epoch = self.stored.gate, self.stored.epoch
        row = LogRow(
            gate=gate,
            epoch=epoch,
            seq=self.seq,
            commitment=self.newest,
            peaks=self.frontier.peaks,
            checkpoint=note,
            head_size=self.head_size,
            head=self.head,
        )
        self._store.save(row, self.new_hours, utc)
        if self.new and self.live_seq:
            self._store.live.drop(gate, epoch, self.seq)
        return receipt_of(gate, epoch, row.end)


def receipt_of(gate: str, epoch: str, end: LogEnd) -> Receipt:
    """Say how far a log goes; to be signed."""
    return Receipt(
        gate=gate,
        epoch=epoch,
        seq=end.seq,
        commitment=end.commitment,
        checkpoint=end.checkpoint,
    )
