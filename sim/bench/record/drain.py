"""What a record costs, part by part, and what the whole way carries: ratios of one run.

`parts` is in one thread, without a broker. `whole` compares the real way (a gate's process
with its disk, mosquitto, a collector's process, PostgreSQL, receipts back to the gate)
with the bare idempotent COPY of the same records, before it and after it, and with a
message and a COMMIT for each record.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from sim.bench.record.paths import GATE, UTC, Clock, Row, bare, crossing, single
from sim.bench.record.servers import PrivateMosquitto, PrivatePostgres, cpu_ns
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import SALT_BYTES, commitment, encode_record
from sync.log.envelope import RecordPlace, Sealer
from sync.log.keys import (
    CentreKeys,
    SigningKey,
    write_centre_keys,
    write_centre_public,
    write_public_key,
    write_signing_key,
)
from sync.log.merkle import Frontier, leaf_hash

Random = Callable[[int], bytes]
Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, how much there is."""

COMMITS = 500
AT_ONCE = 500
COMPARED = 50_000
"""So many records at most go the bare way; a fiftieth of them one by one."""

NATION_RECORDS_S = 50_000
"""The yardstick: 10,000 gates at 300 an hour, 60 hours without uplink, drained in an hour."""


class Children(Protocol):
    """Starts the processes of the real way; see `sim/commands/bench_sync.py`."""

    def collector(self, state: Path, port: int) -> int:
        """Start the collector on a state; it runs until the measurement ends. Gives its pid."""

    def drain(
        self, folder: Path, port: int, live_ms: int, watch: Callable[[], None]
    ) -> dict[str, Any]:
        """Run a gate's side until its backlog is drained; call `watch` again and again."""


def parts(folder: Path, records: int, *, clock: Clock, random: Random) -> dict[str, Any]:
    """Measure what a record costs at the gate.

    Returns:
        `encryption_us` of a record with an identity, `evidence_us` of any; `commit_*_ms` of
        single records and `fsync_*_ms` of four kilobytes on the same disk, taken in turn.
    """
    centre = CentreKeys.generate(random)
    sealer = Sealer(centre.public.sealing, random)
    path = folder / "parts.db"
    journal = Journal.open(path, gate=GATE, random=random, sealer=sealer)
    try:
        commits: list[int] = []
        syncs: list[int] = []
        with (folder / "plain").open("wb", buffering=0) as file:
            for _ in range(COMMITS):
                began = clock()
                journal.append_many(crossing()[:1])
                committed = clock()
                file.write(bytes(4096))
                os.fsync(file.fileno())
                commits.append(committed - began)
                syncs.append(clock() - committed)
        place = RecordPlace(GATE, journal.epoch, 1)
        data = encode_record(next(journal.records()))
        identity = crossing()[0].identity or {}
        began = clock()
        for _ in range(records):
            sealer.seal(place, identity)
        sealed = clock()
        frontier = Frontier()
        for _ in range(records):
            frontier.append(leaf_hash(commitment(random(SALT_BYTES), data)))
        proven = clock()
    finally:
        journal.close()
    return {
        "encryption_us": round((sealed - began) / records / 1000, 1),
        "evidence_us": round((proven - sealed) / records / 1000, 1),
        "encryption_and_evidence_us": round((proven - began) / records / 1000, 1),
        "commit_p50_ms": _percentile(commits, 50),
        "commit_p99_ms": _percentile(commits, 99),
        "fsync_p50_ms": _percentile(syncs, 50),
        "fsync_p99_ms": _percentile(syncs, 99),
        "commit_to_fsync_p99": round(_percentile(commits, 99) / _percentile(syncs, 99), 2),
    }


def whole(
    folder: Path,
    records: int,
    children: Children,
    progress: Progress,
    *,
    live_ms: int,
    clock: Clock,
    random: Random,
) -> dict[str, Any]:
    """Measure the whole way, and the ways beside it.

    Returns:
        records a second of each way, their ratios, the gate's largest memory, the delays of
        records of now while the backlog drains (seconds, from writing to COMMIT at the
        centre), and the audit.
    """
    centre, key = CentreKeys.generate(random), SigningKey.generate(random)
    _write_keys(folder, centre, key)
    _fill(folder / "journal.db", records, centre, random, progress)
    rows = _rows(folder / "journal.db", min(records, COMPARED))
    with PrivatePostgres() as server, PrivateMosquitto() as broker:
        progress("bare COPY, single messages", 0, 1)
        before = bare(server.database(), rows, clock)
        few = rows[: max(200, len(rows) // 50)]
        one_by_one = single(server.database(), broker.port, few, clock)
        address = server.database()
        (folder / "database").write_text(address)
        with closing(CentreStore(address)) as store:
            store.enrol(GATE, key.public, UTC)
            collector = children.collector(folder, broker.port)
            busy = {"collector": collector, "broker": broker.pid, "postgresql": server.pid}
            sight = _Sight(store, clock, progress, records, busy)
            result = children.drain(folder, broker.port, live_ms, sight.look)
            spent = sight.spent_ns() | {"gate": result["cpu_ns"]}
            sight.look()
            after = bare(server.database(), rows, clock)
            progress("audit", 0, 1)
            audited = _audit(store, centre, clock)
            stored = store.count()
    counted = result["confirmed"]
    rate, plain = counted * 1e9 / result["took_ns"], (before + after) / 2
    return {
        "records": stored,
        "bytes_a_record": round(sum(len(row[3]) for row in rows) / len(rows)),
        "end_to_end_records_s": round(rate),
        "bare_copy_records_s": round(plain),
        "single_messages_records_s": round(one_by_one),
        "end_to_end_to_bare": round(rate / plain, 2),
        "end_to_end_to_single": round(rate / one_by_one, 1),
        "nation_records_s": NATION_RECORDS_S,
        "collectors_for_a_nation": round(NATION_RECORDS_S / rate + 0.5),
        "gate_memory_mb": result["memory_mb"],
        **{f"cpu_{name}_us": round(ns / counted / 1000, 1) for name, ns in spent.items()},
        "lost": records - min(records, stored),
        **sight.delays(result["written"]),
        **audited,
    }


def _audit(store: CentreStore, centre: CentreKeys, clock: Clock) -> dict[str, Any]:
    """Audit everything; say how long it took, and a million records would."""
    began = clock()
    findings = store.audit(centre.signing.public, centre.opening)
    audit_s, stored = (clock() - began) / 1e9, store.count()
    return {
        "audit_s": round(audit_s, 1),
        "audit_records_s": round(stored / audit_s),
        "audit_million_s": round(1e6 * audit_s / stored, 1),
        "findings": len(findings),
    }


class _Sight:
    """When the centre first had each record, as another reader of its database sees it."""

    def __init__(
        self,
        store: CentreStore,
        clock: Clock,
        progress: Progress,
        records: int,
        processes: dict[str, int],
    ) -> None:
        self._processes = processes
        self._before_ns: dict[str, int] = {}
        self._store = store
        self._clock = clock
        self._progress = progress
        self._records = records
        self._log_ns: list[tuple[int, int]] = []
        self._live_ns: dict[int, int] = {}

    def look(self) -> None:
        """Look once."""
        logs = self._store.log_rows()
        now = self._clock()
        if not logs:
            return
        if not self._log_ns:
            self._before_ns = {name: cpu_ns(pid) for name, pid in self._processes.items()}
        self._log_ns.append((logs[0].seq, now))
        self._progress("end to end", min(logs[0].seq, self._records), self._records)
        for seq in self._store.live.commitments(GATE, logs[0].epoch, self._records, 2**40):
            self._live_ns.setdefault(seq, now)

    def spent_ns(self) -> dict[str, int]:
        """Processor time of each process since the centre had its first record."""
        return {name: cpu_ns(self._processes[name]) - ns for name, ns in self._before_ns.items()}

    def delays(self, written: list[list[int]]) -> dict[str, Any]:
        """How long records of now took to be durable at the centre, at most."""
        delays: list[int] = []
        for seq, at_ns in written:
            stored = next((seen for end, seen in self._log_ns if end >= seq), None)
            seen = [each for each in (stored, self._live_ns.get(seq)) if each is not None]
            if seen:
                delays.append(min(seen) - at_ns)
        if not delays:
            return {"live_records": len(written)}
        return {
            "live_records": len(written),
            "live_seen": len(delays),
            "live_p50_ms": _percentile(delays, 50),
            "live_p99_ms": _percentile(delays, 99),
        }


def _write_keys(folder: Path, centre: CentreKeys, key: SigningKey) -> None:
    """Write every key where its process looks for it."""
    write_centre_keys(folder, centre, demo=True)
    write_centre_public(folder, centre.public)
    write_signing_key(folder / "gate.key", key, demo=True)
    write_public_key(folder / "gate.pub", key.public)


def _fill(path: Path, records: int, centre: CentreKeys, random: Random, progress: Progress) -> None:
    """Write a gate's backlog."""
    sealer = Sealer(centre.public.sealing, random)
    journal = Journal.open(path, gate=GATE, random=random, sealer=sealer)
    try:
        while journal.last_seq < records:
            journal.append_many((crossing() * AT_ONCE)[: min(AT_ONCE, records - journal.last_seq)])
            progress("backlog", journal.last_seq, records)
    finally:
        journal.close()


def _rows(path: Path, count: int) -> list[Row]:
    """Read records as the bare way takes them."""
    reader = JournalReader(path)
    try:
        return [(GATE, reader.epoch, row.seq, row.encoded) for row in reader.stored(count)]
    finally:
        reader.close()


def _percentile(values: list[int], share: int) -> float:
    """Give a percentile of nanoseconds in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)] / 1e6, 3)
