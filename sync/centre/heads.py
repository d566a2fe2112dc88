"""What a central system once signed, kept apart from its database: the heads of its logs.

A file of one signed note (C2SP) beside the centre's keys. It names every enrolled gate, and
for every log its length and root. A database that was set back to an older backup, or from
which an intruder removed a whole log, a gate or a revocation, no longer fits it.

    egate/heads
    gate NAME KEY-IN-HEX ENROLLED REVOKED-OR-DASH
    log NAME EPOCH SIZE ROOT-IN-BASE64
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from sync.centre.audit import AuditFinding
from sync.centre.store import CentreStore
from sync.centre.types import Enrolled
from sync.log.durable_file import replace
from sync.log.errors import KeyRefused, NoteRefused, StorageCorrupt, StorageUnavailable
from sync.log.keys import SigningKey, VerifyingKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, open_long_note, sign_text

ORIGIN = "egate/heads"
MAX_BYTES = 64 * 1024 * 1024
"""Of a file: a few hundred bytes for each gate and log of a nation."""


def heads_text(store: CentreStore) -> str:
    """Say what the store holds now."""
    lines = [ORIGIN]
    for gate in store.registry():
        times = f"{gate.enrolled_utc} {gate.revoked_utc or '-'}"
        lines.append(f"gate {gate.gate} {gate.key.raw.hex()} {times}")
    for log in store.log_rows():
        root = base64.b64encode(log.frontier().root()).decode()
        lines.append(f"log {log.gate} {log.epoch} {log.seq} {root}")
    return "".join(f"{line}\n" for line in lines)


def write_heads(path: Path, store: CentreStore, key: SigningKey) -> None:
    """Replace the file with what the store holds now, durably.

    Raises:
        StorageUnavailable: it cannot be written.
        StorageError: the store cannot be read.
    """
    with store.snapshot():
        note = sign_text(heads_text(store), CENTRE_NAME, key)
    try:
        replace(path, note.encode(), 0o644)
    except OSError as error:
        raise StorageUnavailable(f"{path.name}: {error.strerror}") from error


def check_heads(path: Path, store: CentreStore, key: VerifyingKey) -> list[AuditFinding]:
    """Compare a store with what was signed about it earlier; nothing to find without a file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return [AuditFinding("", "", 0, f"{path.name} is too long")]
        lines = open_long_note(path.read_text(), (CENTRE_NAME, key)).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, NoteRefused) as error:
        return [
            AuditFinding("", "", 0, f"{path.name}: {getattr(error, 'diagnosis', 'unreadable')}")
        ]
    registry = {gate.gate: gate for gate in store.registry()}
    found: list[AuditFinding] = []
    for line in lines[1:]:
        match line.split(" "):
            case ["gate", name, public, enrolled, revoked]:
                what = _gate(registry.get(name), public, enrolled, revoked)
                found += [AuditFinding(name, "", 0, what)] if what else []
            case ["log", name, epoch, size, root] if size.isdecimal():
                what = _log(store, name, epoch, int(size), root)
                found += [AuditFinding(name, epoch, int(size), what)] if what else []
            case _:
                found.append(AuditFinding("", "", 0, f"{path.name} is malformed"))
    return found


def _gate(gate: Enrolled | None, public: str, enrolled: str, revoked: str) -> str:
    """Say what is wrong with a gate, or nothing."""
    if gate is None:
        return "a gate that was enrolled is not there"
    try:
        same = gate.key == VerifyingKey(bytes.fromhex(public))
    except (ValueError, KeyRefused):
        same = False
    if not same or gate.enrolled_utc != enrolled:
        return "the gate is enrolled with another key or time"
    if revoked not in ("-", gate.revoked_utc):
        return "the gate was revoked, and is not"
    return ""


def _log(store: CentreStore, gate: str, epoch: str, size: int, root: str) -> str:
    """Say what is wrong with a log, or nothing."""
    end = store.log(gate, epoch)
    if end.seq < size:
        return f"the store is older than its receipts: it ends at {end.seq}"
    try:
        now = end.frontier().root() if end.seq == size else root_of(size, store.nodes(gate, epoch))
        if now == base64.b64decode(root, validate=True):
            return ""
    except (StorageCorrupt, binascii.Error):
        return "the tree is not there, or damaged"
    return "the log is not the one that was signed at this size"
