"""Vocabulary of records: what the journal keeps and what the central system answers.

A record has two parts: `facts`, which the core wrote and which identify nobody, and
`identity`, which the vault added when the record was appended. Fields follow Regulation
(EU) 2017/2226.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Base of every event and command of the record; tagged with its own name on the wire."""


class RecordKind(StrEnum):
    """Why a record was written."""

    DECISION = "decision"  # the machine admitted or referred
    OFFICER = "officer"  # an officer accepted, refused or overrode
    ACTUATION = "actuation"  # a command that moves hardware was issued
    FINISH = "finish"  # the crossing ended: who went through
    SYSTEM = "system"  # start, stop, mode, alarms


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One journal entry, canonical as msgpack with sorted keys; its hash is SHA-256 of that.

    `seq` counts from 1 without gaps within (`gate`, `epoch`); `epoch` is random per
    journal. `utc` is RFC 3339 with milliseconds; `at_ns` is the lane's monotonic clock.
    `previous` is the hash of the record before, 32 zero bytes as hex for the first.
    """

    version: int = 1
    gate: str
    epoch: str
    seq: int
    kind: RecordKind
    ticket: int
    at_ns: int
    utc: str
    previous: str
    facts: dict[str, Any]
    identity: dict[str, str] | None = None
    demo: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The central system has stored everything up to and including `seq` (after COMMIT).

    Signed with the centre's Ed25519 key over the canonical encoding without `signature`.
    """

    version: int = 1
    gate: str
    epoch: str
    seq: int
    record_sha256: str
    signature: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consecutive records on their way, each in its canonical bytes, the first at `first_seq`.

    Signed with the gate's Ed25519 key over the canonical encoding without `signature`, so
    that nothing depends on what the broker says about the sender.
    """

    version: int = 1
    gate: str
    epoch: str
    first_seq: int
    records: tuple[bytes, ...]
    signature: bytes = b""


# --- events ---------------------------------------------------------------------------


class Appended(Message, frozen=True, kw_only=True):
    """The record is durable: it survives power loss from here on."""

    ticket: int
    kind: RecordKind
    seq: int


class AppendFailed(Message, frozen=True, kw_only=True):
    """The record could not be made durable (disk full, I/O error)."""

    ticket: int
    kind: RecordKind
    detail: str


# --- commands -------------------------------------------------------------------------


class Append(Message, frozen=True, kw_only=True):
    """Make a record durable. `holder` names the vault's identity to join, if any.

    `facts` are plain data, free of personal data.
    """

    ticket: int
    kind: RecordKind
    facts: dict[str, Any]
    holder: str | None = None
