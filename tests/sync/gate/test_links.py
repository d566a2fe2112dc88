"""The way to the broker at its worst: cut, slow, half open, a byte at a time; wrong clocks."""

from __future__ import annotations

import os
import random
import select
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from example_facts import facts_of
from record_support import (
    CENTRE_KEY,
    CENTRE_KEYS,
    GATE_KEY,
    OWN_KEY,
    QUICK,
    UTC,
    Bench,
    fill,
    free_ports,
    now_ns,
    open_journal,
    seeded,
)

from gate_agent.core.messages import Append
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key
from gate_agent.records.journal_writer import JournalWriter
from sim.wires.broker import EmbeddedBroker
from sync.gate.journal import Journal
from sync.gate.progress import Progress, metrics
from sync.log.encoding import seal_receipt
from sync.log.envelope import Sealer
from sync.log.errors import KeyRefused
from sync.log.keys import read_signing_key, write_signing_key
from sync.log.merkle import root_of
from sync.log.mqtt import MAX_UNANSWERED_BYTES, Disconnected, MqttLink
from sync.log.notes import CENTRE_NAME, Checkpoint, countersign, origin_of, sign_checkpoint
from sync.log.types import Receipt, RecordKind

MS = 1_000_000


class Proxy:
    """Stands between a gate and the broker, and treats what passes as the test sets it."""

    def __init__(self, target: int, random_source: random.Random) -> None:
        self._target = target
        self._random = random_source
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._held: dict[socket.socket, bytearray] = {}
        self.most_bytes = 65_536
        self.silent = False
        self.cut_share = 0.0
        self.connections = 0

    def turn(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except BlockingIOError:
                break
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._target))
            for end in (near, far):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((near, far))
            self._held[near] = bytearray()
            self._held[far] = bytearray()
        for near, far in list(self._pairs):
            if self.silent:
                continue  # half open: nothing passes, nothing ends
            if self._random.random() < self.cut_share or not (
                self._pass(near, far) and self._pass(far, near)
            ):
                self._drop((near, far))

    def _pass(self, source: socket.socket, sink: socket.socket) -> bool:
        held = self._held[source]
        try:
            if len(held) < 65_536 and select.select([source], [], [], 0)[0]:
                data = source.recv(65_536)
                if not data:
                    return False
                held += data
            if held:
                del held[: sink.send(held[: self.most_bytes])]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def _drop(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self._pairs.remove(pair)
        for end in pair:
            del self._held[end]
            end.close()

    def close(self) -> None:
        for pair in list(self._pairs):
            self._drop(pair)
        self._listener.close()


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[tuple[Bench, Proxy]]:
    (port,) = free_ports(1)
    with EmbeddedBroker(port=port) as broker:
        proxy = Proxy(broker.port, random.Random(5))
        bench = Bench(tmp_path, msgspec.structs.replace(QUICK, port=proxy.port, retry_max_ms=5_000))
        real = bench.turn

        def turn() -> None:
            proxy.turn()
            real()

        bench.turn = turn  # type: ignore[method-assign]
        # The collector has a good link: only the gate is far.
        assert bench.centre is not None
        bench.centre.close()
        bench.limits = msgspec.structs.replace(QUICK, port=broker.port)
        bench.centre = bench.new_centre()
        yield bench, proxy
        bench.close()
        proxy.close()


@pytest.mark.live
def test_a_link_that_is_cut_again_and_again(behind: tuple[Bench, Proxy]) -> None:
    bench, proxy = behind
    fill(bench.journal, 400)
    proxy.cut_share = 0.02
    bench.until(lambda: proxy.connections >= 8 or bench.settled())
    proxy.cut_share = 0.0
    bench.until(bench.settled)
    assert proxy.connections >= 2
    assert bench.compare() == (0, 0)
    assert bench.store.audit() == []


@pytest.mark.live
def test_a_link_that_carries_a_few_bytes_at_a_time(behind: tuple[Bench, Proxy]) -> None:
    bench, proxy = behind
    proxy.most_bytes = 1
    bench.until(lambda: bool(bench.links))  # the whole greeting, byte by byte
    proxy.most_bytes = 300
    fill(bench.journal, 20)
    bench.until(bench.settled)
    assert bench.compare() == (0, 0)
    assert proxy.connections <= 3  # the broker may lose patience with a machine held up


@pytest.mark.live
def test_a_broker_that_acknowledges_nothing_is_left_before_memory_fills() -> None:
    """It reads all and answers pings, but no message: what waits for it has an end."""
    (port,) = free_ports(1)
    with EmbeddedBroker(port=port) as broker:
        link = MqttLink(host=broker.host, port=port, client_id="x", protocol="5", subscriptions=())
        with closing(link):
            link.connect()
            while not link.connected:
                link.pump()
            for _ in range(3):  # answered: nothing waits afterwards
                link.publish("a/b", bytes(700_000))
                while link._unanswered_bytes:
                    link.pump()
            count = 0
            while link.connected:  # no one pumps: no acknowledgement arrives
                link.publish("a/b", bytes(700_000))
                count += 1
            assert count == MAX_UNANSWERED_BYTES // 700_000 + 1
            assert link.pump() == [Disconnected(stolen=False)]
            assert link.socket() is None


@pytest.mark.live
def test_a_half_open_link_holds_back_nothing_for_ever(behind: tuple[Bench, Proxy]) -> None:
    bench, proxy = behind
    fill(bench.journal, 50)
    bench.until(bench.settled)
    proxy.silent = True
    fill(bench.journal, 50)
    assert bench.sync is not None
    bench.until(lambda: bench.sync.status(now_ns()).progress.unanswered >= 3)  # type: ignore[union-attr]
    assert "no receipt" in bench.sync.status(now_ns()).alarm
    assert bench.journal.receipt_seq == 50
    proxy.silent = False
    bench.until(bench.settled)
    assert bench.compare() == (0, 0)


@pytest.mark.parametrize("step_days", [-7, 3650, 0])
def test_no_clock_changes_order_or_completeness(tmp_path: Path, step_days: int) -> None:
    """UTC jumps by a week or ten years, the monotonic clock of a new start begins at 0."""
    events: list[object] = []
    clock = {"ns": 10**18, "utc": 20_000}

    def utc() -> str:
        clock["utc"] -= 1 if step_days == 0 else 0  # 0: it runs backwards all the time
        return f"{2000 + clock['utc'] // 365:04d}-01-01T00:00:00.000Z"

    for start in range(3):
        sealer = Sealer(CENTRE_KEYS.public.sealing, seeded(start), OWN_KEY)
        journal = Journal.open(
            tmp_path / "journal.db", gate="gate-1", random=seeded(start), sealer=sealer
        )
        writer = JournalWriter(
            journal,
            None,
            events.append,
            lambda *_: {"surname": "X"},
            lambda: clock["ns"],
            utc,
        )
        facts = facts_of(RecordKind.DECISION)
        for ticket in range(1, 20):
            writer.append(Append(ticket=ticket, facts=facts, holder="h"))
        writer.stop()
        writer.run()
        clock["ns"] = start  # a restart: the monotonic clock begins again
        clock["utc"] += step_days
    with closing(open_journal(tmp_path / "journal.db")) as again:
        assert [record.seq for record in again.records()] == list(range(1, 58))
        assert again.verify() == []


def test_a_receipt_for_what_was_never_written_is_a_dispute(tmp_path: Path) -> None:
    """An old backup took the journal's place: the centre knows more than the gate."""
    journal = open_journal(tmp_path / "journal.db")
    fill(journal, 5)
    shutil.copy(tmp_path / "journal.db", tmp_path / "old.db")
    shutil.copy(tmp_path / "journal.db-wal", tmp_path / "old.db-wal")
    fill(journal, 5)
    origin = origin_of("gate-1", journal.epoch)
    note = sign_checkpoint(Checkpoint(origin, 10, root_of(10, journal.nodes)), GATE_KEY)
    leaf = journal._db.value("SELECT commitment FROM records WHERE seq = 10")
    receipt = seal_receipt(
        Receipt(
            gate="gate-1",
            epoch=journal.epoch,
            seq=10,
            commitment=leaf.hex(),
            checkpoint=countersign(note, CENTRE_NAME, CENTRE_KEY),
        ),
        CENTRE_KEY,
    )
    journal.close()
    for written, words in ((0, "names record 10 of 5"), (7, "holds another record 10")):
        old = open_journal(tmp_path / "old.db", seed=9)
        if written:
            fill(old, written)
        made = JournalWriter(
            old, CENTRE_KEY.public, lambda _: None, lambda _holder, _day: {}, lambda: 1, lambda: UTC
        )
        made.receipt(receipt)
        made.stop()
        made.run()
        assert words in made.written.alarm
        assert "backup" in made.written.alarm
        assert made.written.receipt_seq == 0


# --- where secrets come from ----------------------------------------------------------


def acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NO_ONE = 0xFFFFFFFF
OWNER, USER, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20


def test_a_credential_of_the_service_manager_is_taken(tmp_path: Path) -> None:
    """systemd gives the service's account read access by a list; the mode then says 0440."""
    path = tmp_path / "gate.key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o400)
    ours = acl(
        (OWNER, 4, NO_ONE), (USER, 4, os.geteuid()), (GROUP, 0, NO_ONE), (MASK, 4, NO_ONE),
        (OTHER, 0, NO_ONE),
    )  # fmt: skip
    try:
        os.setxattr(path, "system.posix_acl_access", ours)
    except OSError:
        pytest.skip("this file system has no access control lists")
    assert path.stat().st_mode & 0o777 == 0o440
    assert read_key(path) == b"k" * 32
    others = acl(
        (OWNER, 4, NO_ONE), (USER, 4, 12345), (GROUP, 0, NO_ONE), (MASK, 4, NO_ONE),
        (OTHER, 0, NO_ONE),
    )  # fmt: skip
    os.setxattr(path, "system.posix_acl_access", others)
    with pytest.raises(KeyUnusable, match="read by others"):
        read_key(path)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420, 0o444, 0o640])
def test_a_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "journal.key"
    path.write_bytes(b"k" * 32)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="read by others"):
        read_key(path)
    link = tmp_path / "link.key"
    path.chmod(0o400)
    link.symlink_to(path)
    with pytest.raises(KeyUnusable):
        read_key(link)


def test_a_demo_key_is_marked_and_refused_in_production(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "gate.key", CENTRE_KEY, demo=True)
    with pytest.raises(KeyRefused, match="demo"):
        read_signing_key(tmp_path / "gate.key")
    assert read_signing_key(tmp_path / "gate.key", accept_demo=True).public == CENTRE_KEY.public


def test_figures_are_prometheus_text() -> None:
    progress = Progress(10, 4, 2, connected=True, resends=3, refusal=0, live=1, drain_s=2.5)
    text = metrics(progress, 1_500 * MS, alarm=False)
    lines = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    assert lines["egate_sync_lag_records"] == "6"
    assert lines["egate_sync_oldest_wait_seconds"] == "1.5"
    assert lines["egate_sync_drain_seconds"] == "2.5"
    assert lines["egate_sync_connected"] == "1"
    assert "# TYPE egate_sync_resends_total counter" in text
