"""Records before they are written: sealed, encoded, and placed in the tree. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sync.log.chain import Stored
from sync.log.encoding import SALT_BYTES, commitment, decode_record, encode_record
from sync.log.envelope import NewHour, RecordPlace, Sealed, Sealer
from sync.log.errors import RecordMalformed
from sync.log.merkle import Frontier, leaf_hash
from sync.log.types import Record, RecordKind


class JournalEntry(NamedTuple):
    """What the writer states about one record; the journal adds place, epoch and links.

    `at_ns` is the lane's monotonic clock, `utc` RFC 3339 with milliseconds. `ticket` is 0
    for what belongs to no crossing.
    """

    kind: RecordKind
    ticket: int
    at_ns: int
    utc: str
    facts: Mapping[str, Any]
    identity: Mapping[str, str] | None = None


class JournalEnd(NamedTuple):
    """Where the next record goes: the tree, the newest commitment (hex), the newest hour key."""

    frontier: Frontier
    previous: str
    key_id: int


class Drafts(NamedTuple):
    """Records ready to be written, the hour of keys they begin, and the tree behind them."""

    rows: list[tuple[Record, Stored, Sealed | None]]
    hour: NewHour | None
    frontier: Frontier


class Drafter:
    """Drafts the records of one journal (`place`: gate and epoch)."""

    def __init__(
        self,
        place: tuple[str, str],
        random: Callable[[int], bytes],
        sealer: Sealer | None,
        *,
        demo: bool,
    ) -> None:
        """Draft with salts from `random`; without a sealer an identity is refused."""
        self._gate, self._epoch = place
        self._random = random
        self._sealer = sealer
        self._demo = demo

    def draft(self, entries: Sequence[JournalEntry], end: JournalEnd) -> Drafts:
        """Make records of entries, after the journal's end.

        Raises:
            RecordMalformed: facts are not plain data, or there is no key for an identity.
        """
        frontier, previous = end.frontier.copy(), end.previous
        rows: list[tuple[Record, Stored, Sealed | None]] = []
        hour: NewHour | None = None
        for entry in entries:
            seq = frontier.size + 1
            sealed = None
            if entry.identity:
                if self._sealer is None:
                    raise RecordMalformed("there is no key to seal an identity with")
                place = RecordPlace(self._gate, self._epoch, seq)
                last_key_id = end.key_id if hour is None else hour.key_id
                hour = self._sealer.hour(place, last_key_id, entry.at_ns) or hour
                sealed = self._sealer.seal(place, entry.identity)
            data = encode_record(self._record(entry, seq, previous, sealed))
            salt = self._random(SALT_BYTES)
            leaf = commitment(salt, data)
            nodes = frontier.append(leaf_hash(leaf))
            rows.append((decode_record(data), Stored(seq, leaf, data, salt, nodes), sealed))
            previous = leaf.hex()
        return Drafts(rows, hour, frontier)

    def abandon(self) -> None:
        """What was drafted was not written: the key of its hour may not have been stored."""
        if self._sealer is not None:
            self._sealer.forget()

    def _record(
        self, entry: JournalEntry, seq: int, previous: str, sealed: Sealed | None
    ) -> Record:
        """Give an entry its place in the log."""
        return Record(
            gate=self._gate,
            epoch=self._epoch,
            seq=seq,
            kind=entry.kind,
            ticket=entry.ticket,
            at_ns=entry.at_ns,
            utc=entry.utc,
            previous=previous,
            facts=dict(entry.facts),
            identity=None if sealed is None else sealed.data,
            demo=self._demo,
        )
