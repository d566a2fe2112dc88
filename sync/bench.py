"""What a record costs: measured on this machine, in one run and one thread, without a broker."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync.centre.collector import collect
from sync.centre.store import CentreStore
from sync.encoding import SALT_BYTES, commitment, encode_record, seal_batch
from sync.envelope import Place, Sealer
from sync.journal import Entry, Journal
from sync.journal_reader import JournalReader
from sync.keys import CentreKeys, SigningKey
from sync.merkle import Frontier, leaf_hash
from sync.notes import Checkpoint, origin_of, sign_checkpoint
from sync.types import Batch, RecordKind

UTC = "2026-01-01T00:00:00.000Z"
GATE = "bench"
COMMITS = 500
AT_ONCE = 100
BATCH_BYTES = 65_536
FACTS: dict[str, Any] = {
    "outcome": "admit",
    "reasons": [],
    "checks": [[f"check_{n}", "passed", "automatic", 1.5] for n in range(20)],
    "face": {"score": 0.9, "threshold": 0.6},
    "spans_ms": {"total": 5000.0},
    "profile_sha256": "0" * 64,
}
IDENTITY = {
    "surname": "EXAMPLE",
    "given_names": "ANN",
    "nationality": "UTO",
    "birth_date": "1980-01-01",
    "document_number": "X0000000",
}


def bench(
    folder: Path, records: int, *, clock: Callable[[], int], random: Callable[[int], bytes]
) -> dict[str, Any]:
    """Measure.

    Args:
        folder: an empty folder on the disk that counts.
        records: how many to append, send, store and audit.
        clock: monotonic nanoseconds.
        random: source of keys and salts.

    Returns:
        `encryption_us` and `evidence_us` a record; `append_us` a record in commits of
        `AT_ONCE`; `commit_p99_ms` of single records beside the disk's own `fsync_p99_ms`;
        `drain_records_s` from journal to the centre's SQLite and back with a receipt for
        each batch; `audit_records_s`.
    """
    keys, gate_key = CentreKeys.generate(random), SigningKey.generate(random)
    sealer = Sealer(keys.public.sealing, random)
    journal = Journal.open(folder / "journal.db", gate=GATE, random=random, sealer=sealer)
    store = CentreStore(folder / "centre.db")
    try:
        entry = Entry(RecordKind.DECISION, 1, 0, UTC, FACTS, IDENTITY)
        began = clock()
        for _ in range(0, records, AT_ONCE):
            journal.append_many([entry] * AT_ONCE)
        append_ns = clock() - began
        singles = _times(lambda: journal.append_many([entry]), COMMITS, clock)
        syncs = _fsyncs(folder / "plain", clock)
        encryption_ns, evidence_ns = _parts(journal, sealer, records, clock, random)
        store.enrol(GATE, gate_key.public, UTC)
        drain_ns = _drain(journal, store, keys, gate_key, clock, random)
        began = clock()
        findings = store.audit(keys.signing.public)
        audit_ns = clock() - began
        stored = store.count()
    finally:
        journal.close()
        store.close()
    return {
        "records": stored,
        "encryption_us": round(encryption_ns / records / 1000, 1),
        "evidence_us": round(evidence_ns / records / 1000, 1),
        "append_us": round(append_ns / records / 1000, 1),
        "commit_p50_ms": _percentile(singles, 50),
        "commit_p99_ms": _percentile(singles, 99),
        "fsync_p50_ms": _percentile(syncs, 50),
        "fsync_p99_ms": _percentile(syncs, 99),
        "drain_records_s": round(stored * 1e9 / drain_ns),
        "audit_records_s": round(stored * 1e9 / audit_ns),
        "findings": len(findings),
    }


def _times(action: Callable[[], object], count: int, clock: Callable[[], int]) -> list[int]:
    """Time an action again and again."""
    taken: list[int] = []
    for _ in range(count):
        began = clock()
        action()
        taken.append(clock() - began)
    return taken


def _fsyncs(path: Path, clock: Callable[[], int]) -> list[int]:
    """Time the disk alone: four kilobytes appended and synced."""
    with path.open("wb", buffering=0) as file:

        def write() -> None:
            file.write(bytes(4096))
            os.fsync(file.fileno())

        return _times(write, COMMITS, clock)


def _parts(
    journal: Journal,
    sealer: Sealer,
    records: int,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
) -> tuple[int, int]:
    """Time encryption, and salt, commitment and tree, apart from everything else."""
    place = Place(GATE, journal.epoch, 1)
    data = encode_record(next(journal.records()))
    began = clock()
    for _ in range(records):
        sealer.seal(place, IDENTITY)
    sealed = clock()
    frontier = Frontier()
    for _ in range(records):
        frontier.append(leaf_hash(commitment(random(SALT_BYTES), data)))
    return sealed - began, clock() - sealed


def _drain(
    journal: Journal,
    store: CentreStore,
    keys: CentreKeys,
    gate_key: SigningKey,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
) -> int:
    """Send everything, a batch and its receipt at a time; give the nanoseconds."""
    origin = origin_of(GATE, journal.epoch)
    reader = JournalReader(journal.path)
    began = clock()
    try:
        while journal.receipt_seq < journal.last_seq:
            after = journal.receipt_seq
            contents, root = reader.outgoing(after, BATCH_BYTES)
            checkpoint = Checkpoint(origin, after + len(contents.items), root)
            batch = Batch(
                gate=GATE,
                epoch=journal.epoch,
                first_seq=after + 1,
                sealed=b"",
                checkpoint=sign_checkpoint(checkpoint, gate_key),
            )
            payload = seal_batch(batch, contents, gate_key, keys.public.sealing, random)
            for _, receipt in collect(store, keys, [payload], UTC).answers:
                journal.acknowledge(receipt, keys.signing.public)
        return clock() - began
    finally:
        reader.close()


def _percentile(values: list[int], share: int) -> float:
    """Give a percentile of nanoseconds in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)] / 1e6, 2)
