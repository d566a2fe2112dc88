"""Vocabulary of records: what the journal keeps and what the central system answers.

A record has two parts: `facts`, which the core wrote and which identify no person, and
`identity`, which the vault added when the record was appended and which is sealed from
then on. Fields follow Regulation (EU) 2017/2226.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

GATE_NAME = r"\A[A-Za-z0-9._-]{1,64}\Z"
"""What a gate may be called: its name stands in topics, notes, metrics and columns."""

KeyNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Which hour's key, 0 for none: no more than a column holds."""


RECORD_VERSION = 3
"""What new records are. 1: the identity is readable, no salt. 2: sealed and salted. 3: facts
may hold the blocks of version 3 (docs/record.md). All three are read and verified.
"""


class JournalMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, gc=False):
    """Base of every event and command of the record; tagged with its own name on the wire."""


class RecordKind(StrEnum):
    """Why a record was written."""

    DECISION = "decision"  # the machine admitted or referred
    OFFICER = "officer"  # an officer accepted, refused or overrode
    ACTUATION = "actuation"  # a command that moves hardware was issued
    FINISH = "finish"  # the crossing ended: who went through
    SYSTEM = "system"  # start, stop, mode, alarms


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One journal entry, canonical as msgpack with sorted keys.

    `seq` counts from 1 without gaps within (`gate`, `epoch`); `epoch` is random per
    journal. `utc` is RFC 3339 with milliseconds; `at_ns` is the lane's monotonic clock.
    `previous` is the commitment to the record before, 32 zero bytes as hex for the first.
    `facts` are plain data (`gate_agent.core.facts` defines them), and may hold bytes.
    `identity` is encrypted with a key of this record alone (`sync.log.envelope`); in records
    of version 1 it is readable.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=RECORD_VERSION)] = RECORD_VERSION
    gate: str
    epoch: str
    seq: int
    kind: RecordKind
    ticket: int
    at_ns: int
    utc: str
    previous: str
    facts: dict[str, Any]
    identity: dict[str, str] | bytes | None = None
    demo: bool = False


ERASURE: Literal["erasure"] = "erasure"
"""The event of a SYSTEM record by which a journal states what it erased."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Facts of the SYSTEM record in which a journal states which records it erased, and why."""

    event: Literal["erasure"] = ERASURE
    seqs: list[int]
    reason: str


TRIM: Literal["trim"] = "trim"
"""The event of a SYSTEM record by which a journal states up to where it removes records."""


class Trim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Facts of the SYSTEM record in which a journal states up to where it removes records.

    `to_seq`: the last record that goes; the central system has confirmed it. `root`: the root,
    in hex, of the tree up to there. `kept_days`: calendar days of the gate that stay.
    """

    event: Literal["trim"] = TRIM
    to_seq: int
    root: str
    kept_days: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The central system has stored everything up to and including `seq` (after COMMIT).

    `commitment` is the one to record `seq`, in hex. `checkpoint` is the gate's own note
    about the log at this size with the central system's signature on it: neither can
    deny it later. It is empty while nothing is stored. The whole is signed with the
    centre's Ed25519 key over the canonical encoding without `signature`.
    """

    version: int = 2
    gate: str
    epoch: str
    seq: int
    commitment: str
    checkpoint: str = ""
    signature: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A record with what belongs to it but not into it.

    `commitment` is SHA-256 over salt and record, and the leaf of the log. `wrapped` is the
    record's key, wrapped with the key `key_id` of its hour. An erased record is its
    commitment alone.
    """

    commitment: bytes
    encoded: bytes = b""
    salt: bytes = b""
    key_id: KeyNumber = 0
    wrapped: bytes = b""


class HourKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The key of an hour, sealed for the central system."""

    key_id: KeyNumber
    for_centre: bytes


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a batch brings: consecutive records and the hours' keys that they use."""

    items: tuple[Item, ...] = ()
    keys: tuple[HourKey, ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Consecutive records on their way, the first at `first_seq`.

    `sealed` are the `Contents`, encrypted for the central system: a broker sees sizes and
    times, nothing else. `checkpoint` is the gate's signed note about its log at the end of
    this batch, or of the whole journal in a batch without records, which is a heartbeat.
    Signed with the gate's Ed25519 key over the canonical encoding without `signature` and
    with the SHA-256 of `sealed` in its place, so that nothing depends on what the broker
    states about the sender.
    """

    version: int = 3
    gate: Annotated[str, msgspec.Meta(pattern=GATE_NAME)]
    epoch: str
    first_seq: int
    sealed: bytes
    checkpoint: str
    signature: bytes = b""


# --- events ---------------------------------------------------------------------------


class Appended(JournalMessage, frozen=True, kw_only=True):
    """The record is durable: it survives power loss from here on."""

    ticket: int
    kind: RecordKind
    seq: int


class AppendFailed(JournalMessage, frozen=True, kw_only=True):
    """The record could not be made durable (disk full, I/O error)."""

    ticket: int
    kind: RecordKind
    detail: str
