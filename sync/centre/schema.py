"""The central system's database: its tables through their versions, and what is read from them.

gates, logs  who may send, and how far each log goes, with its countersigned checkpoint
records      commitments, nodes of the trees, canonical bytes (none once erased)
secrets      beside each record: the salt, and the wrapped key of its identity
hour_keys    the keys of hours, sealed for the central system
erasures     signed notes of what was erased
quarantine   messages that were put apart
"""

from __future__ import annotations

from sync.database import Database, Schema
from sync.errors import StorageCorrupt
from sync.merkle import HASH_BYTES, Nodes, leaf_hash, stored_place

SCHEMA = Schema(
    application_id=0x65676331,
    migrations=[
        (
            """CREATE TABLE gates (
                gate TEXT PRIMARY KEY,
                public_key BLOB NOT NULL,
                enrolled_utc TEXT NOT NULL
            ) STRICT""",
            """CREATE TABLE logs (
                gate TEXT NOT NULL REFERENCES gates (gate),
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                sha256 TEXT NOT NULL,
                PRIMARY KEY (gate, epoch)
            ) STRICT""",
            """CREATE TABLE records (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                sha256 TEXT NOT NULL,
                received_utc TEXT NOT NULL,
                encoded BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, seq),
                FOREIGN KEY (gate, epoch) REFERENCES logs (gate, epoch)
            ) STRICT""",
            """CREATE TABLE quarantine (
                reason TEXT NOT NULL,
                sha256 BLOB NOT NULL,
                gate TEXT NOT NULL,
                first_utc TEXT NOT NULL,
                times INTEGER NOT NULL,
                payload BLOB,
                PRIMARY KEY (reason, sha256)
            ) STRICT""",
        ),
        (
            "ALTER TABLE gates ADD COLUMN revoked_utc TEXT",
            "ALTER TABLE logs RENAME COLUMN sha256 TO commitment",
            "ALTER TABLE logs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE logs ADD COLUMN head_size INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE logs ADD COLUMN head TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE logs ADD COLUMN heard_utc TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE records RENAME COLUMN sha256 TO commitment",
            "ALTER TABLE records ADD COLUMN nodes BLOB",
            """CREATE TABLE secrets (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                salt BLOB NOT NULL,
                key_id INTEGER NOT NULL,
                wrapped BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, seq)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE hour_keys (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                key_id INTEGER NOT NULL,
                for_centre BLOB NOT NULL,
                PRIMARY KEY (gate, epoch, key_id)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE erasures (
                gate TEXT NOT NULL,
                epoch TEXT NOT NULL,
                seq INTEGER NOT NULL,
                note TEXT NOT NULL,
                PRIMARY KEY (gate, epoch, seq)
            ) STRICT, WITHOUT ROWID""",
        ),
    ],
)


def nodes_of(database: Database, gate: str, epoch: str) -> Nodes:
    """The nodes of one stored tree.

    Its function raises `StorageCorrupt` for a node that is not there.
    """
    row = "FROM records WHERE gate = ? AND epoch = ? AND seq = ?"

    def node(level: int, index: int) -> bytes:
        if level == 0:
            leaf = database.value(f"SELECT commitment {row}", (gate, epoch, index + 1))
            if leaf is not None:
                return leaf_hash(bytes.fromhex(leaf))
        else:
            seq, offset = stored_place(level, index)
            nodes = database.value(f"SELECT nodes {row}", (gate, epoch, seq)) or b""
            if len(nodes) >= offset + HASH_BYTES:
                return bytes(nodes[offset : offset + HASH_BYTES])
        raise StorageCorrupt(f"{database.path.name}: a node of the tree of {gate} is missing")

    return node
