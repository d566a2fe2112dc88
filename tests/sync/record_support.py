"""What the tests of the record share: keys, a gate with a journal, a loop in real time."""

from __future__ import annotations

import json
import random
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

from firmware_cfg.profile import Sync
from sync.centre.run import BrokerAccess, CentreService
from sync.centre.store import CentreStore
from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.run import SyncService
from sync.log.envelope import Sealer
from sync.log.hpke import OpeningKey
from sync.log.keys import CentreKeys, SigningKey
from sync.log.mqtt import Tls
from sync.log.types import RecordKind

UTC = "2026-01-01T00:00:00.000Z"
GATE_KEY = SigningKey(b"\x01" * 32)
CENTRE_KEYS = CentreKeys(SigningKey(b"\x02" * 32), OpeningKey(b"\x04" * 32))
CENTRE_KEY = CENTRE_KEYS.signing
OWN_KEY = b"\x05" * 32
STRANGER_KEY = SigningKey(b"\x03" * 32)
DEADLINE_NS = 60_000_000_000
QUICK = Sync(batch_max_age_ms=10, retry_min_ms=50, retry_max_ms=200)


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def open_journal(path: Path, gate: str = "gate-1", seed: int = 0) -> Journal:
    sealer = Sealer(CENTRE_KEYS.public.sealing, seeded(seed + 1), OWN_KEY)
    return Journal.open(path, gate=gate, random=seeded(seed), sealer=sealer)


def fill(journal: Journal, count: int) -> None:
    first = journal.last_seq + 1
    journal.append_many(
        [
            JournalEntry(RecordKind.DECISION, n, n * 1000, UTC, {"outcome": "admit", "n": n})
            for n in range(first, first + count)
        ]
    )


def free_ports(count: int) -> list[int]:
    found = [socket.socket() for _ in range(count)]
    for each in found:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in found]
    for each in found:
        each.close()
    return ports


def now_ns() -> int:
    return time.monotonic_ns()


class Bench:
    """A gate's sync and a centre, turned by one thread, over a real broker."""

    def __init__(
        self, tmp: Path, limits: Sync, tls: Tls | None = None, centre_tls: Tls | None = None
    ) -> None:
        self.tmp = tmp
        self.tls, self.centre_tls = tls, centre_tls
        self.limits = limits
        self.journal = open_journal(tmp / "journal.db")
        self.store = CentreStore(tmp / "centre.db")
        self.store.enrol("gate-1", GATE_KEY.public, UTC)
        self.links: list[bool] = []
        self.sync: SyncService | None = self.new_sync()
        self.centre: CentreService | None = self.new_centre()

    def new_sync(self) -> SyncService:
        return SyncService(
            journal=self.tmp / "journal.db",
            gate="gate-1",
            key=GATE_KEY,
            centre=CENTRE_KEYS.public,
            limits=self.limits,
            random=seeded(1),
            hand_receipt=lambda data: self.journal.acknowledge(data, CENTRE_KEY.public) and None,
            report_link=self.links.append,
            tls=self.tls,
        )

    def new_centre(self) -> CentreService:
        broker = BrokerAccess(
            host=self.limits.host,
            port=self.limits.port,
            protocol=self.limits.protocol,
            retry_min_ms=self.limits.retry_min_ms,
            retry_max_ms=self.limits.retry_max_ms,
            tls=self.centre_tls,
        )
        return CentreService(store=self.store, keys=CENTRE_KEYS, broker=broker, random=seeded(2))

    def replace_store(self, place: Path) -> None:
        """Stop the central system, start it on another database."""
        if self.centre is not None:
            self.centre.close()
        self.store.close()
        self.store = CentreStore(place)
        self.centre = self.new_centre()

    def turn(self) -> None:
        now = now_ns()
        due = now + 20_000_000
        reading: list[socket.socket] = []
        writing: list[socket.socket] = []
        for service in (self.sync, self.centre):
            if service is None:
                continue
            if isinstance(service, SyncService):
                service.turn(now)
                due = min(due, service.due_ns(now))
            else:
                service.turn(now, UTC)
            link = service._link
            if (found := link.socket()) is not None:
                reading.append(found)
                if link.wants_write():
                    writing.append(found)
        select.select(reading, writing, [], max(0, due - now_ns()) / 1e9)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = now_ns() + DEADLINE_NS
        while not condition():
            assert now_ns() < deadline, self.state()
            self.turn()

    def settled(self) -> bool:
        return self.journal.receipt_seq == self.journal.last_seq

    def state(self) -> str:
        sync = None if self.sync is None else self.sync.status(now_ns())
        centre = None if self.centre is None else self.centre.status()
        return f"{self.journal.receipt_seq} of {self.journal.last_seq}; {sync}; {centre}"

    def compare(self) -> tuple[int, int]:
        """(lost, doubled): the two sides record by record."""
        ours = list(self.journal.records())
        theirs = list(self.store.records("gate-1"))
        lost = sum(1 for record in ours if record not in theirs[record.seq - 1 : record.seq])
        doubled = len(theirs) - len({record.seq for record in theirs})
        print(json.dumps({"records": len(ours), "lost": lost, "doubled": doubled}))  # -rP shows it
        return lost, doubled

    def close(self) -> None:
        for service in (self.sync, self.centre):
            if service is not None:
                service.close()
        self.journal.close()
        self.store.close()
