"""The journal's database: its tables through their versions, and what is read from them.

records    the log: commitment, nodes of the tree, canonical bytes (none once erased)
secrets    beside each record: the salt, and the wrapped key of its identity
hour_keys  the keys of hours, sealed for the central system and wrapped for the gate
outbox     what no receipt confirms yet
crossings  which crossings have no end yet
"""

from __future__ import annotations

from sync.log.chain import Stored
from sync.log.database import Database, Schema
from sync.log.errors import StorageCorrupt
from sync.log.merkle import HASH_BYTES, Nodes, leaf_hash, stored_place

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
    ],
)

STORED = (
    "SELECT seq, commitment, encoded, coalesce(salt, x''), nodes"
    " FROM records LEFT JOIN secrets USING (seq)"
)
"""Rows as `Stored` has them; a condition on `seq` and an order follow."""


def stored(row: tuple[int, bytes, bytes, bytes, bytes | None]) -> Stored:
    """Give a row of `STORED` its names."""
    return Stored(*row)


def nodes_of(database: Database) -> Nodes:
    """The nodes of the stored tree.

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
        raise StorageCorrupt(f"{database.path.name}: a node of the tree is missing")

    return node
