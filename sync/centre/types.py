"""Vocabulary of the central system's store: what a log is there, and who may send."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sync.log.encoding import GENESIS
from sync.log.errors import StorageCorrupt
from sync.log.keys import VerifyingKey
from sync.log.merkle import HASH_BYTES, Frontier
from sync.log.types import Item


class LogEnd(NamedTuple):
    """The newest record of a gate's log, its commitment in hex, and the countersigned note.

    0, `GENESIS` and no note for an empty log.
    """

    seq: int
    commitment: str
    checkpoint: str


class LogStart(NamedTuple):
    """After which record a copy of a log begins: its place, commitment (hex) and joined peaks.

    0, `GENESIS` and nothing for a whole log. A gate's own copy begins later once it was trimmed.
    """

    seq: int = 0
    commitment: str = GENESIS
    peaks: bytes = b""


class QuarantineReason(StrEnum):
    """Why a message was quarantined instead of being stored."""

    MALFORMED = "malformed"  # no batch, too long, or not canonical
    UNKNOWN_GATE = "unknown_gate"  # that gate is not enrolled
    FORGED = "forged"  # not signed with the enrolled key
    INCONSISTENT = "inconsistent"  # records that do not match their batch
    CONFLICT = "conflict"  # another record is stored at that place
    BROKEN_CHAIN = "broken_chain"  # does not follow the record before
    UNREADABLE = "unreadable"  # not encrypted for this central system
    REVOKED = "revoked"  # the gate's key is not accepted any more
    FORK = "fork"  # the signed tree is not the one that follows from the records
    ENROLMENT = "enrolment"  # a request to enrol whose token or key is not good
    DAMAGED = "damaged"  # our own copy of that log is: audit, and restore it


class NewRow(NamedTuple):
    """A record to store: its place, what came with it, the nodes of the tree it completes."""

    seq: int
    item: Item
    nodes: bytes


class LogRow(NamedTuple):
    """One log as it is stored. `commitment` is the newest record's, `head` the newest signed size.

    `peaks` are those of the tree at `seq`; `checkpoint` is the countersigned note.
    """

    gate: str
    epoch: str
    seq: int
    commitment: bytes
    peaks: bytes
    checkpoint: str
    head_size: int
    head: str

    @property
    def end(self) -> LogEnd:
        """How far it goes."""
        return LogEnd(self.seq, self.commitment.hex(), self.checkpoint)

    def frontier(self) -> Frontier:
        """The tree, to append to.

        Raises:
            StorageCorrupt: the stored peaks are not those of a tree of this size.
        """
        peaks = [self.peaks[n : n + HASH_BYTES] for n in range(0, len(self.peaks), HASH_BYTES)]
        if len(self.peaks) != self.seq.bit_count() * HASH_BYTES:
            raise StorageCorrupt(f"the peaks of the log of {self.gate} are not those of its size")
        return Frontier(self.seq, peaks)


class LogStanding(NamedTuple):
    """One log as an operator sees it.

    `head_size` is the newest size that the gate signed; `newest` its last record, b"" if erased.
    """

    gate: str
    epoch: str
    seq: int
    head_size: int
    heard_utc: str
    revoked_utc: str
    erased: int
    newest: bytes | None = None


class Enrolled(NamedTuple):
    """A gate that may send, or might until it was revoked. `revoked_utc` is "" if it may."""

    gate: str
    key: VerifyingKey
    enrolled_utc: str
    revoked_utc: str


class Quarantined(NamedTuple):
    """A message that was quarantined. `gate` is what it claims, "" if it claims nothing."""

    reason: str
    gate: str
    first_utc: str
    times: int
    sha256: str
