"""The ways from a gate's disk to PostgreSQL that a measurement sets side by side.

bare     rows from memory by COPY into a temporary table, then INSERT ... ON CONFLICT
single   a message and a COMMIT for each record, through a broker, a hundred under way
gate     the gate's side of the real way, in a process of its own
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from firmware_cfg.profile import Sync
from sim.bench.record.servers import cpu_ns
from sync.centre.postgres import PostgresTables
from sync.gate.draft import JournalEntry
from sync.gate.journal import Journal
from sync.gate.run import SyncService
from sync.log.envelope import Sealer
from sync.log.errors import LinkDown
from sync.log.keys import CentrePublic, SigningKey
from sync.log.mqtt import Connected, MqttLink, Received
from sync.log.types import RecordKind

Clock = Callable[[], int]
Row = tuple[str, str, int, bytes]

UTC = "2026-01-01T00:00:00.000Z"
GATE = "bench"
ROWS_A_COMMIT = 1000
WINDOW = 100
BATCH_BYTES = 262_144
"""The profile's largest: a backlog fills it, records of now leave after 50 ms as ever."""

TICK_S = 0.02
STALL_NS = 60_000_000_000

_PROFILE = {"profile_sha256": "0" * 64}
_SPANS = {"spans_ms": {"document": 700.0, "verify": 900.0, "total": 5000.0}}
_DECISION: dict[str, Any] = {
    "outcome": "admit",
    "reasons": [],
    "checks": [[f"check_{n}", "passed", "automatic", 1.5] for n in range(20)],
    "face": {"score": 0.9, "threshold": 0.6},
    **_SPANS,
    **_PROFILE,
}
_ACTUATION = {"action": "open_exit", "by": "machine", "why": "admitted", **_PROFILE}
_FINISH = {"outcome": "admitted", "reasons": [], "passages": 1, "officer": "", **_SPANS, **_PROFILE}
_IDENTITY = {
    "surname": "EXAMPLE",
    "given_names": "ANN",
    "nationality": "UTO",
    "birth_date": "1980-01-01",
    "document_number": "X0000000",
}
_COLUMNS = ("gate", "epoch", "seq", "encoded")


def crossing(ticket: int = 1) -> list[JournalEntry]:
    """The records of one crossing.

    A decision with its checks and an identity, the lane's opening and closing, the end.
    """
    return [
        JournalEntry(RecordKind.DECISION, ticket, 0, UTC, _DECISION, _IDENTITY),
        JournalEntry(RecordKind.ACTUATION, ticket, 0, UTC, _ACTUATION),
        JournalEntry(RecordKind.ACTUATION, ticket, 0, UTC, _ACTUATION),
        JournalEntry(RecordKind.FINISH, ticket, 0, UTC, _FINISH),
    ]


def bare(address: str, rows: Sequence[Row], clock: Clock) -> float:
    """Copy rows in, idempotently, a thousand a COMMIT; give rows a second."""
    tables = PostgresTables(address)
    try:
        tables.run(
            "CREATE TABLE bare (gate text, epoch text, seq bigint, encoded bytea,"
            " PRIMARY KEY (gate, epoch, seq))"
        )
        tables.run("CREATE TEMPORARY TABLE arrived (LIKE bare)")
        began = clock()
        for part in parts(rows):
            with tables.transaction():
                tables.copy_in("arrived", _COLUMNS, part)
                tables.run("INSERT INTO bare SELECT * FROM arrived ON CONFLICT DO NOTHING")
                tables.run("TRUNCATE arrived")
        took = clock() - began
        tables.run("DROP TABLE bare")
        return len(rows) * 1e9 / took
    finally:
        tables.close()


def parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into what one COMMIT takes."""
    for first in range(0, len(rows), ROWS_A_COMMIT):
        yield rows[first : first + ROWS_A_COMMIT]


def single(address: str, port: int, rows: Sequence[Row], clock: Clock) -> float:
    """Send each record by itself, without evidence or encryption; give records a second.

    Raises:
        LinkDown: the broker went away.
    """
    tables = PostgresTables(address)
    gate = _link(port, "single-gate", ("single/receipt",))
    centre = _link(port, "single-centre", ("single/record",))
    try:
        tables.run(
            "CREATE TABLE single (gate text, epoch text, seq bigint, encoded bytea,"
            " PRIMARY KEY (gate, epoch, seq))"
        )
        began, sent, done, seen = clock(), 0, 0, 0
        while done < len(rows):
            while sent < min(len(rows), done + WINDOW):
                gate.publish("single/record", rows[sent][3])
                sent += 1
            _wait(gate, centre)
            for event in centre.pump():
                if isinstance(event, Received):
                    row = (*rows[seen][:3], event.payload)
                    tables.run("INSERT INTO single VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
                    seen += 1
                    centre.acknowledge(event.message_id)
                    centre.publish("single/receipt", b"%d" % seen)
            for event in gate.pump():
                if isinstance(event, Received):
                    done = int(event.payload)
                    gate.acknowledge(event.message_id)
        return len(rows) * 1e9 / (clock() - began)
    finally:
        gate.close()
        centre.close()
        tables.close()


def _link(port: int, name: str, topics: tuple[str, ...]) -> MqttLink:
    """Connect a client."""
    link = MqttLink(host="127.0.0.1", port=port, client_id=name, protocol="5", subscriptions=topics)
    link.connect()
    for _ in range(500):
        if any(isinstance(event, Connected) for event in link.pump()):
            return link
        _wait(link)
    raise LinkDown("the broker does not answer")


def _wait(*links: MqttLink) -> None:
    """Wait for any of the links."""
    sockets = [socket for link in links if (socket := link.socket()) is not None]
    writing = [
        socket for link in links if link.wants_write() and (socket := link.socket()) is not None
    ]
    select.select(sockets, writing, [], TICK_S)


def peak_memory_mb() -> float:
    """The largest resident memory that this process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 0.0 if found is None else round(int(found[1]) / 1024, 1)


class GateSide:
    """A gate with a backlog: its journal, which it releases itself, and its way out."""

    def __init__(
        self,
        folder: Path,
        keys: tuple[SigningKey, CentrePublic],
        port: int,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._clock = clock
        self._centre = keys[1].verifying
        sealer = Sealer(keys[1].sealing, random)
        path = folder / "journal.db"
        self.journal = Journal.open(path, gate=GATE, random=random, sealer=sealer)
        self._service = SyncService(
            journal=path,
            gate=GATE,
            key=keys[0],
            centre=keys[1],
            limits=Sync(port=port, batch_max_bytes=BATCH_BYTES),
            random=random,
            hand_receipt=self._release,
            report_link=lambda _: None,
        )

    def _release(self, receipt: bytes) -> None:
        """Do what the agent does with a receipt."""
        self.journal.acknowledge(receipt, self._centre)

    def drain(self, live_ns: int) -> dict[str, Any]:
        """Send everything, and write a record of now every `live_ns` if that is not 0.

        What counts begins with the first receipt: before it the collector may still be
        starting. Gives how many records were confirmed from then on and how long that took,
        when each record of now was written, processor time, and the largest memory of
        this process.
        """
        moved_ns = self._clock()
        first = watermark = self.journal.receipt_seq
        backlog = self.journal.last_seq
        written: list[tuple[int, int]] = []
        began, spent_ns, next_ns, took_ns = 0, 0, moved_ns + live_ns, 0
        while self.journal.receipt_seq < self.journal.last_seq:
            now = self._clock()
            if self.journal.receipt_seq > watermark:
                moved_ns, watermark = now, self.journal.receipt_seq
                if not began:
                    began, first, spent_ns = now, watermark, cpu_ns(os.getpid())
            elif now - moved_ns > STALL_NS:
                break
            if not took_ns and watermark >= backlog:
                took_ns = now - began
            if live_ns and now >= next_ns and not took_ns:
                record = self.journal.append_many(crossing(2)[:1])[0]
                written.append((record.seq, now))
                next_ns += live_ns
            self._service.turn(now)
            self._service.wait(self._clock())
        return {
            "took_ns": took_ns or self._clock() - began,
            "confirmed": min(backlog, self.journal.receipt_seq) - first,
            "written": written,
            "memory_mb": peak_memory_mb(),
            "cpu_ns": cpu_ns(os.getpid()) - spent_ns,
        }

    def close(self) -> None:
        """Close everything."""
        self._service.close()
        self.journal.close()
