"""Disks that are full or fail: the journal keeps its word, the trace gives way, no one blocks."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from example_facts import facts_of

from drivers.types import DeviceFailed, DeviceId, DeviceReady
from firmware_cfg.codes import Code
from firmware_cfg.load import PROFILES_DIR, SITES_DIR, load
from gate_agent.core.messages import Append, Tick
from gate_agent.core.states import initial
from gate_agent.loop import Loop
from gate_agent.records.journal_writer import (
    DEFAULT_LIMITS,
    MAX_WAITING,
    JournalWriter,
    Limits,
)
from gate_agent.records.recorder import RETRY_NS, Recorder, replay, traces
from gate_agent.workers.server import MAX_PENDING, WorkerServer
from gate_agent.workers.vision import MAX_WORK, VisionWorker
from sync.gate.journal import Journal
from sync.gate.reserve import Reserve
from sync.log.types import Appended, AppendFailed, RecordKind

DEVICES = ("turnstile_modbus", "pn532", "mrz_line", "camera_usb")
PROFILE = load([*(PROFILES_DIR / f"{name}.toml" for name in DEVICES), SITES_DIR / "example.toml"])
UTC = "2026-01-01T00:00:00.000Z"
MB = 1024 * 1024
PATIENCE_S = 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        message = "needs root, to mount a small tmpfs"
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(message)
        pytest.skip(message)
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("this container may not mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill_up(disk: Path, leave: int = 0) -> Path:
    junk = disk / "junk"
    with junk.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        if leave:
            file.truncate(max(0, file.tell() - leave))
    return junk


class Running:
    """A journal writer in its thread."""

    def __init__(
        self, folder: Path, reserve: Reserve | None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.events: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.now_ns = 0
        self.journal = Journal.open(folder / "journal.db", gate="g", random=Random(1).randbytes)
        self.writer = JournalWriter(
            self.journal,
            None,
            self.events.put,
            lambda _holder, _day: {},
            self.clock,
            lambda: UTC,
            reserve,
            limits,
        )
        self.thread = threading.Thread(target=self.writer.run)
        self.thread.start()

    def clock(self) -> int:
        self.now_ns += 1_000_000_000
        return self.now_ns

    def append(self, ticket: int, size: int = 100) -> None:
        facts = facts_of(RecordKind.ACTUATION, why="x" * size)
        self.writer.append(Append(ticket=ticket, facts=facts))

    def next(self) -> object:
        return self.events.get(timeout=PATIENCE_S)

    def end(self) -> None:
        self.writer.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@contextmanager
def running(
    folder: Path, reserve: Reserve | None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Running]:
    made = Running(folder, reserve, limits)
    try:
        yield made
    finally:
        made.end()


def test_a_full_disk_costs_the_reserve_and_the_lane_but_no_record(small_disk: Path) -> None:
    with running(small_disk, Reserve(small_disk / "journal.reserve", MB)) as run:
        assert isinstance(run.next(), DeviceReady)
        run.append(1)
        assert isinstance(run.next(), Appended)
        junk = fill_up(small_disk)
        durable, failed = 1, []
        for ticket in range(2, 20):
            run.append(ticket, 8_000)
            while True:
                event = run.next()
                if isinstance(event, DeviceFailed):
                    failed.append(event)
                    continue
                break
            assert isinstance(event, Appended)
            durable += 1
        assert [event.code for event in failed] == [Code.JOURNAL_DISK_LOW]
        assert failed[0].device is DeviceId.JOURNAL
        assert "free space" in failed[0].diagnosis
        assert not (small_disk / "journal.reserve").exists()
        junk.unlink()
        assert isinstance(run.next(), DeviceReady)
        assert (small_disk / "journal.reserve").stat().st_size == MB
    opened = Journal.open(small_disk / "journal.db", gate="g", random=Random(2).randbytes)
    assert opened.last_seq == durable
    assert opened.verify() == []
    opened.close()


def test_a_disk_that_is_full_to_the_end_fails_records_and_keeps_those_before(
    small_disk: Path,
) -> None:
    with running(small_disk, Reserve(small_disk / "journal.reserve", MB)) as run:
        assert isinstance(run.next(), DeviceReady)
        fill_up(small_disk)
        durable, codes = 0, []
        for ticket in range(1, 400):
            run.append(ticket, 30_000)
            event = run.next()
            while isinstance(event, DeviceFailed):
                codes.append(event.code)
                event = run.next()
            if isinstance(event, AppendFailed):
                break
            durable += 1
        assert isinstance(event, AppendFailed)
        failed = run.next()
        assert isinstance(failed, DeviceFailed)
        assert failed.code == Code.JOURNAL_NOT_DURABLE
        assert codes[0] == Code.JOURNAL_DISK_LOW
        (small_disk / "junk").unlink()
        assert isinstance(run.next(), DeviceReady)
        run.append(1000)
        assert isinstance(run.next(), Appended)
    opened = Journal.open(small_disk / "journal.db", gate="g", random=Random(2).randbytes)
    assert opened.last_seq == durable + 1
    assert opened.verify() == []
    opened.close()


def test_a_start_without_room_says_so_and_waits(small_disk: Path) -> None:
    Journal.open(small_disk / "journal.db", gate="g", random=Random(1).randbytes).close()
    junk = fill_up(small_disk, leave=MB)
    with running(small_disk, Reserve(small_disk / "journal.reserve", MB)) as run:
        event = run.next()
        assert isinstance(event, DeviceFailed)
        assert event.code == Code.JOURNAL_DISK_LOW
        junk.unlink()
        assert isinstance(run.next(), DeviceReady)


def test_the_reserve_never_takes_the_last_room(small_disk: Path) -> None:
    reserve = Reserve(small_disk / "r", MB)
    junk = fill_up(small_disk, leave=MB + 8192)
    assert not reserve.fill()
    assert list(small_disk.iterdir()) == [junk]
    junk.unlink()
    assert reserve.fill()
    assert reserve.there
    assert reserve.release()
    assert not reserve.release()


def test_size_and_age_are_alarms(tmp_path: Path) -> None:
    with running(tmp_path, None, Limits(size_bytes=1, unsent_s=10**9)) as run:
        run.next()
        run.append(1)
        run.next()
    assert "MB" in run.writer.written.alarm
    with running(tmp_path, None, Limits(unsent_s=1)) as run:
        run.next()
        run.append(2)
        run.next()
    assert "waited" in run.writer.written.alarm


def test_what_an_earlier_start_wrote_is_as_old_as_this_start(tmp_path: Path) -> None:
    """Another start's monotonic clock says nothing: ages never run backwards or ahead."""
    journal = Journal.open(tmp_path / "journal.db", gate="g", random=Random(1).randbytes)
    journal.append(RecordKind.SYSTEM, 0, 10**18, UTC, {})
    journal.close()
    with running(tmp_path, None) as run:
        run.next()
        run.append(2)
        run.next()
    oldest = run.writer.oldest_unsent_at_ns
    assert oldest is not None
    assert 0 < oldest <= run.now_ns


def test_stop_never_blocks(tmp_path: Path) -> None:
    """Even with a full queue and no one to empty it."""
    journal = Journal.open(tmp_path / "journal.db", gate="g", random=Random(1).randbytes)
    events: list[object] = []
    made = JournalWriter(journal, None, events.append, lambda *_: {}, lambda: 1, lambda: UTC)
    for ticket in range(1, MAX_WAITING + 1):
        made.append(Append(ticket=ticket, facts=facts_of(RecordKind.SYSTEM)))
    stopper = threading.Thread(target=made.stop, daemon=True)
    stopper.start()
    stopper.join(PATIENCE_S)
    assert not stopper.is_alive()
    made.run()
    assert sum(isinstance(event, Appended) for event in events) == MAX_WAITING


# --- the trace ------------------------------------------------------------------------


def lane() -> Loop:
    return Loop(initial(PROFILE), PROFILE)


def test_a_trace_on_a_full_disk_gives_up_with_an_alarm_and_starts_again(small_disk: Path) -> None:
    folder = small_disk / "trace"
    loop = lane()
    recorder = Recorder(folder, loop, max_bytes=100_000)
    for step in range(50):
        recorder(loop.turn(step, Tick()))
    assert recorder.alarm == ""
    junk = fill_up(small_disk)
    now = 50
    while not recorder.alarm:
        now += 1
        recorder(loop.turn(now, Tick()))
        assert now < 100_000
    assert "no trace" in recorder.alarm
    assert len(traces(folder)) == 1  # the older ones made room for the journal
    junk.unlink()
    recorder(loop.turn(now + 1, Tick()))
    assert recorder.alarm
    recorder(loop.turn(now + RETRY_NS, Tick()))
    assert recorder.alarm == ""
    for step in range(20):
        recorder(loop.turn(now + RETRY_NS + step, Tick()))
    recorder.close()
    assert replay(traces(folder)[-1]) is None


def test_a_trace_that_cannot_even_begin_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text("a file where the folder should be")
    loop = lane()
    recorder = Recorder(tmp_path / "trace", loop)
    assert recorder.alarm
    recorder(loop.turn(1, Tick()))
    recorder.close()


def test_a_trace_survives_a_device_that_fails(tmp_path: Path) -> None:
    """/dev/full takes the open and refuses every write."""
    (tmp_path / "trace-00000001.jsonl").symlink_to("/dev/full")
    loop = lane()
    recorder = Recorder(tmp_path, loop, files=8)
    recorder.close()
    recorder._number = 0
    recorder._begin(loop.state, loop.ledger, 5)
    assert "No space left" in recorder.alarm
    recorder(loop.turn(6, Tick()))
    recorder.close()


# --- queues ---------------------------------------------------------------------------


def test_a_command_for_a_worker_is_never_dropped_silently(tmp_path: Path) -> None:
    events: list[object] = []
    server = WorkerServer(tmp_path, events.append, lambda *_: None, lambda *_: None, lambda: 0)
    for _ in range(MAX_PENDING + 1):
        server.command(DeviceId.VISION, Tick(), {})
    assert server._overrun == {DeviceId.VISION}
    assert len(server._pending) == MAX_PENDING
    server._selector.close()
    server._wake_in.close()
    server._wake_out.close()


def test_vision_ends_rather_than_lose_a_command() -> None:
    answers: list[tuple[int, bytes]] = []
    worker = VisionWorker(
        None,  # type: ignore[arg-type]
        "none",
        lambda _event: None,
        lambda request, jpeg: answers.append((request, jpeg)),
        lambda: 0,
    )
    for _ in range(MAX_WORK):
        worker.on_command(Tick(), {})
    with pytest.raises(RuntimeError, match="does not follow"):
        worker.on_command(Tick(), {})
    worker.on_query(7, 1, "live")
    assert answers == [(7, b"")]
