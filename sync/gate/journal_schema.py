"""The journal's database: its tables through their versions, and what is read from them.

records    the log: commitment, nodes of the tree, canonical bytes (none once erased)
secrets    beside each record: the salt, and the wrapped key of its identity
hour_keys  the keys of hours, sealed for the central system and wrapped for the gate
outbox     what no receipt confirms yet
crossings  which crossings have no end yet
trimmed    up to where records were removed, and what the rest of the log is proven from
"""

from __future__ import annotations

from typing import NamedTuple

from sync.log.chain import Stored
from sync.log.database import Database, Schema
from sync.log.encoding import GENESIS
from sync.log.errors import StorageCorrupt
from sync.log.merkle import HASH_BYTES, Frontier, Nodes, leaf_hash, stored_place

SCHEMA = Schema(
    application_id=0x65676A31,
    migrations=[
        (
            """CREATE TABLE journal (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                demo INTEGER NOT NULL,
                receipt_seq INTEGER NOT NULL,
                receipt BLOB
            ) STRICT""",
            """CREATE TABLE records (
                seq INTEGER PRIMARY KEY,
                kind TEXT NOT NULL,
                ticket INTEGER NOT NULL,
                sha256 BLOB NOT NULL,
                encoded BLOB NOT NULL
            ) STRICT""",
            "CREATE TABLE outbox (seq INTEGER PRIMARY KEY REFERENCES records (seq)) STRICT",
            """CREATE TABLE crossings (
                ticket INTEGER PRIMARY KEY,
                finished INTEGER NOT NULL
            ) STRICT""",
            "CREATE INDEX unfinished ON crossings (ticket) WHERE finished = 0",
        ),
        (
            "ALTER TABLE records RENAME COLUMN sha256 TO commitment",
            "ALTER TABLE records ADD COLUMN nodes BLOB",
            """CREATE TABLE secrets (
                seq INTEGER PRIMARY KEY REFERENCES records (seq),
                salt BLOB NOT NULL,
                key_id INTEGER NOT NULL,
                wrapped BLOB NOT NULL
            ) STRICT""",
            """CREATE TABLE hour_keys (
                id INTEGER PRIMARY KEY,
                first_seq INTEGER NOT NULL,
                for_centre BLOB NOT NULL,
                for_gate BLOB NOT NULL
            ) STRICT""",
            # What the centre confirmed before there was a tree is confirmed again with it.
            "UPDATE journal SET receipt_seq = 0, receipt = NULL",
            "INSERT OR IGNORE INTO outbox SELECT seq FROM records",
        ),
        (
            """CREATE TABLE trimmed (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                seq INTEGER NOT NULL,
                commitment BLOB NOT NULL,
                peaks BLOB NOT NULL,
                stated_seq INTEGER NOT NULL,
                to_seq INTEGER NOT NULL,
                receipt BLOB NOT NULL
            ) STRICT""",
        ),
    ],
    readable_from=2,
)


class TrimPoint(NamedTuple):
    """Up to where records were removed: the last one's place and commitment (hex), the tree there.

    `stated_seq` is the record that states it, up to `to_seq`; `receipt` is the central
    system's newest at that time: it had everything that went.
    """

    seq: int = 0
    commitment: str = GENESIS
    frontier: Frontier = Frontier()  # never changed: checks copy it
    stated_seq: int = 0
    to_seq: int = 0
    receipt: bytes = b""


def trim_point(database: Database) -> TrimPoint:
    """Up to where a journal was trimmed; nothing of one that never was, or of version 2.

    Raises:
        StorageCorrupt: what stands for the trimmed tree is not whole.
    """
    if not database.value("SELECT count(*) FROM sqlite_master WHERE name = 'trimmed'"):
        return TrimPoint()
    row = database.one("SELECT seq, commitment, peaks, stated_seq, to_seq, receipt FROM trimmed")
    if row is None:
        return TrimPoint()
    seq, commitment, peaks, *rest = row
    if len(peaks) != seq.bit_count() * HASH_BYTES:
        raise StorageCorrupt(f"{database.path.name}: the peaks of the trimmed tree are not whole")
    return TrimPoint(seq, commitment.hex(), Frontier.joined(seq, peaks), *rest)


def commitment_at(database: Database, seq: int) -> str:
    """The commitment to a record in hex, `GENESIS` before the first; "" if it is not there."""
    found = database.value("SELECT commitment FROM records WHERE seq = ?", (seq,))
    if found is not None:
        return str(found.hex())
    point = trim_point(database)
    return point.commitment if seq == point.seq else ""


STORED = (
    "SELECT seq, commitment, encoded, coalesce(salt, x''), nodes"
    " FROM records LEFT JOIN secrets USING (seq)"
)
"""Rows as `Stored` has them; a condition on `seq` and an order follow."""


def stored(row: tuple[int, bytes, bytes, bytes, bytes | None]) -> Stored:
    """Give a row of `STORED` its names."""
    return Stored(*row)


def nodes_of(database: Database) -> Nodes:
    """The nodes of the stored tree; of its trimmed part the peaks, which is what the rest needs.

    Its function raises `StorageCorrupt` for a node that is not there.
    """

    def node(level: int, index: int) -> bytes:
        if level == 0:
            found = database.value("SELECT commitment FROM records WHERE seq = ?", (index + 1,))
            if found is not None:
                return leaf_hash(found)
        else:
            seq, offset = stored_place(level, index)
            nodes = database.value("SELECT nodes FROM records WHERE seq = ?", (seq,)) or b""
            if len(nodes) >= offset + HASH_BYTES:
                return bytes(nodes[offset : offset + HASH_BYTES])
        kept = trim_point(database).frontier.peak(level, index)
        if kept is not None:
            return kept
        raise StorageCorrupt(f"{database.path.name}: a node of the tree is missing")

    return node
