"""Workers over a real Unix socket: what they may say, and what happens when they die."""

import os
import queue
import socket
import threading
from pathlib import Path

import pytest

from drivers.types import (
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    HolderAttributes,
    MrzRead,
    ReadDocument,
)
from firmware_cfg.codes import Code
from gate_agent.core.messages import OfficerAction, OfficerDecided, Wipe
from gate_agent.lane_api.channel import (
    AgentFrame,
    FrameReader,
    FromWorker,
    StillHere,
    WorkerFrame,
    WorkerHello,
    encode,
)
from gate_agent.lane_api.socket_access import (
    Access,
    access_of,
    hand_over,
    let_the_group_read,
    peer_uid,
)
from gate_agent.live import monotonic_ns
from gate_agent.workers.link import WorkerLink
from gate_agent.workers.server import (
    HELLO_NS,
    SILENT_NS,
    WorkerServer,
)

PATIENCE_S = 60.0


class Served:
    """A running server, its events and payloads."""

    def __init__(self, run_dir: Path, **more) -> None:
        self.events: queue.Queue = queue.Queue()
        self.kept: list = []
        self.pictures: queue.Queue = queue.Queue()
        self.done = threading.Event()
        self.server = WorkerServer(
            run_dir,
            self.events.put,
            lambda ticket, payload: self.kept.append((ticket, dict(payload))),
            lambda request, jpeg: self.pictures.put((request, jpeg)),
            **{"clock": monotonic_ns, **more},
        )
        self.run_dir = run_dir
        self.thread = threading.Thread(target=self.server.run, args=(self.done.is_set,))
        self.thread.start()
        while not all((run_dir / f"{name}.sock").exists() for name in ("reader", "vision")):
            assert self.thread.is_alive()

    def knock(self, door: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE_S)
        sock.connect(str(self.run_dir / f"{door}.sock"))
        return sock

    def connect(self, device: str, door: str = "") -> socket.socket:
        sock = self.knock(door or (device if device in ("reader", "vision") else "reader"))
        sock.sendall(encode(WorkerHello(device=device)))
        return sock

    def event(self):
        return self.events.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.done.set()
        self.server.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@pytest.fixture
def served(tmp_path):
    running = Served(tmp_path, clock=lambda: 0)  # no one is late, however busy the machine
    yield running
    running.close()


def test_the_socket_is_for_its_owner_alone(served):
    for name in ("reader.sock", "vision.sock"):
        assert (served.run_dir / name).stat().st_mode & 0o777 == 0o600


def hung_up(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(("device", "door"), [("vision", "reader"), ("reader", "vision")])
def test_a_worker_at_another_ones_door_is_not_heard(served, device, door):
    with served.connect(device, door) as sock:
        assert hung_up(sock)
    assert served.events.empty()


def test_a_hello_comes_once(served):
    with served.connect("reader") as sock:
        sock.sendall(encode(WorkerHello(device="reader")))
        assert hung_up(sock)
    assert served.event().code == Code.WORKER_VIOLATION


def test_another_user_is_not_let_in(tmp_path):
    others = Access(frozenset({os.getuid() + 1}), None)
    running = Served(tmp_path, access={DeviceId.READER: others})
    try:
        with running.knock("reader") as refused:
            assert hung_up(refused)
        with running.connect("vision") as sock:
            ready = DeviceReady(device=DeviceId.VISION)
            sock.sendall(encode(FromWorker(event=ready)))
            assert running.event() == ready
    finally:
        running.close()


def test_who_says_nothing_is_sent_away_in_time(tmp_path):
    now_ns = [0]
    running = Served(tmp_path, clock=lambda: now_ns[0])
    try:
        with running.knock("reader") as silent, running.connect("vision") as sock:
            ready = DeviceReady(device=DeviceId.VISION)
            sock.sendall(encode(FromWorker(event=ready)))
            assert running.event() == ready
            now_ns[0] = HELLO_NS
            running.server.stop()  # look around
            assert hung_up(silent)
            sock.sendall(encode(FromWorker(event=ready)))
            assert running.event() == ready
    finally:
        running.close()


def test_who_connects_is_known_from_the_kernel():
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer_uid(here) == os.getuid()


def test_users_and_groups_that_do_not_exist_open_no_door(tmp_path):
    access = access_of("egate-no-such-user", group="egate-no-such-group")
    assert access == Access(frozenset({os.getuid()}), None)
    path = tmp_path / "file"
    path.touch(mode=0o666)
    hand_over(path, access)
    assert path.stat().st_mode & 0o777 == 0o600
    hand_over(path, Access(access.uids, os.getgid()))
    assert path.stat().st_mode & 0o777 == 0o660


def test_an_event_reaches_the_inbox_after_its_payload_is_kept(served):
    attributes = HolderAttributes(
        document_type="P",
        issuing_state="UTO",
        nationality="UTO",
        age_years=30,
        days_to_expiry=100,
    )
    with served.connect("reader") as sock:
        event = MrzRead(ticket=4, attributes=attributes, holder="h")
        sock.sendall(encode(FromWorker(event=event, payload={"h": b"P<UTO"})))
        assert served.event() == event
        assert served.kept == [(4, {"h": b"P<UTO"})]


def test_a_dead_worker_is_a_failed_device(served):
    served.connect("vision").close()
    assert served.event() == DeviceFailed(
        device=DeviceId.VISION,
        code=Code.WORKER_LOST,
        retryable=True,
        diagnosis="its process went away",
    )


@pytest.mark.parametrize(
    ("device", "event"),
    [
        (
            "reader",
            OfficerDecided(
                ticket=1,
                officer="x",
                action=OfficerAction.ACCEPT,
                reason="identity",
                evidence_sha256="",
                expires_at_ns=1,
            ),
        ),
        ("vision", DocumentPresented()),
        ("reader", DeviceReady(device=DeviceId.TURNSTILE)),
    ],
)
def test_a_worker_cannot_speak_for_others(served, device, event):
    with served.connect(device) as sock:
        sock.sendall(encode(FromWorker(event=event)))
        failed = served.event()
    assert isinstance(failed, DeviceFailed)
    assert (failed.device, failed.code) == (DeviceId(device), Code.WORKER_VIOLATION)


@pytest.mark.parametrize("garbage", [b"\xff" * 64, b"\0\0\0\4abcd"])
def test_garbage_ends_only_its_own_connection(served, garbage):
    with served.connect("reader") as sock:
        sock.sendall(garbage)
        assert served.event().code == Code.WORKER_VIOLATION
        with served.connect("vision") as other:
            other.sendall(encode(FromWorker(event=DeviceReady(device=DeviceId.VISION))))
            assert served.event() == DeviceReady(device=DeviceId.VISION)


def test_a_command_reaches_its_worker_and_no_other(served):
    command = ReadDocument(ticket=9, mrz_budget_ms=100, chip_budget_ms=200)
    with served.connect("reader") as reader, served.connect("vision") as vision:
        for device, sock in (("reader", reader), ("vision", vision)):
            sock.sendall(encode(FromWorker(event=DeviceReady(device=DeviceId(device)))))
            served.event()
        served.server.command(DeviceId.READER, command, {"h": b"x"})
        frames: FrameReader = FrameReader(AgentFrame)
        (frame,) = frames.feed(reader.recv(65536))
        assert (frame.command, frame.payload) == (command, {"h": b"x"})
        vision.setblocking(False)
        with pytest.raises(BlockingIOError):
            vision.recv(1)


def test_the_link_carries_commands_events_and_pictures_both_ways(served):
    commands: queue.Queue = queue.Queue()
    done = threading.Event()
    link = WorkerLink(
        served.run_dir / "vision.sock",
        DeviceId.VISION,
        lambda command, payload: commands.put((command, dict(payload))),
        lambda: link.emit(DeviceReady(device=DeviceId.VISION)),
        lambda request, ticket, kind: link.answer(request, f"{ticket}{kind}".encode()),
    )
    thread = threading.Thread(target=link.run, args=(done.is_set, lambda _s: None))
    thread.start()
    try:
        assert served.event() == DeviceReady(device=DeviceId.VISION)
        command = ReadDocument(ticket=1, mrz_budget_ms=10, chip_budget_ms=10)
        served.server.command(DeviceId.VISION, command, {})
        assert commands.get(timeout=PATIENCE_S) == (command, {})
        served.server.ask_picture(5, 1, "live")
        assert served.pictures.get(timeout=PATIENCE_S) == (5, b"1live")
    finally:
        done.set()
        link.emit(DeviceReady(device=DeviceId.VISION))
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_worker_that_hangs_is_noticed_and_may_come_back(tmp_path):
    now_ns = [0]
    running = Served(tmp_path, clock=lambda: now_ns[0])
    try:
        with running.connect("vision") as hanging, running.connect("reader") as sock:
            for name, worker in (("vision", hanging), ("reader", sock)):
                ready = FromWorker(event=DeviceReady(device=DeviceId(name)))
                worker.sendall(encode(ready))
                running.event()
            now_ns[0] = SILENT_NS - 1
            sock.sendall(encode(StillHere()))
            sock.sendall(encode(FromWorker(event=DocumentPresented())))
            assert running.event() == DocumentPresented()  # so the sign of life was heard too
            now_ns[0] = SILENT_NS
            sock.sendall(encode(FromWorker(event=DocumentPresented())))
            for _ in range(10):
                failed = running.event()
                if isinstance(failed, DeviceFailed):
                    break
                sock.sendall(encode(FromWorker(event=DocumentPresented())))  # makes it look
            assert (failed.device, failed.code) == (DeviceId.VISION, Code.WORKER_SILENT)
            assert hung_up(hanging)
        with running.connect("vision") as again:
            again.sendall(encode(FromWorker(event=DeviceReady(device=DeviceId.VISION))))
            while running.event() != DeviceReady(device=DeviceId.VISION):
                pass
    finally:
        running.close()


def test_a_server_that_was_held_up_itself_blames_no_one(tmp_path):
    now_ns, goes_on, held_up = [0], threading.Event(), threading.Event()
    goes_on.set()

    def clock() -> int:
        if not goes_on.is_set():
            held_up.set()
            goes_on.wait(PATIENCE_S)
        return now_ns[0]

    running = Served(tmp_path, clock=clock)
    try:
        with running.connect("vision") as vision:
            here = encode(FromWorker(event=DeviceReady(device=DeviceId.VISION)))
            vision.sendall(here)
            running.event()
            goes_on.clear()
            running.server.stop()  # wakes it: it looks at its clock
            assert held_up.wait(PATIENCE_S)
            now_ns[0] = 100 * SILENT_NS
            vision.sendall(here)
            goes_on.set()
            assert running.event() == DeviceReady(device=DeviceId.VISION)
    finally:
        goes_on.set()
        running.close()


def test_a_worker_with_nothing_to_do_shows_that_it_is_there(tmp_path):
    done = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.bind(str(tmp_path / "reader.sock"))
        agent.listen(1)
        link = WorkerLink(tmp_path / "reader.sock", DeviceId.READER, lambda *_: None, lambda: None)
        thread = threading.Thread(target=link.run, args=(done.is_set, lambda _s: None))
        thread.start()
        sock, _ = agent.accept()
        sock.settimeout(PATIENCE_S)
        frames: FrameReader = FrameReader(WorkerFrame)
        heard = []
        while len(heard) < 2:
            heard += frames.feed(sock.recv(4096))
        assert heard == [WorkerHello(device="reader"), StillHere()]
        done.set()
        sock.close()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_command_after_the_end_harms_no_one(tmp_path):
    running = Served(tmp_path)
    running.close()
    running.server.command(DeviceId.READER, Wipe(ticket=1), {})
    running.server.stop()


def test_an_event_after_the_end_harms_no_one(tmp_path):
    link = WorkerLink(tmp_path / "reader.sock", DeviceId.READER, lambda *_: None, lambda: None)
    link._connected = True
    link.run(lambda: True, lambda _s: None)
    link.emit(DeviceReady(device=DeviceId.READER, identity=""))


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0o077, 0o600)])
def test_a_journal_is_for_the_group_to_read_where_the_umask_lets_it(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        let_the_group_read(tmp_path / "journal.db")
    finally:
        os.umask(before)
    assert (tmp_path / "journal.db").stat().st_mode & 0o777 == mode
    (tmp_path / "journal.db").write_bytes(b"kept")
    let_the_group_read(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes() == b"kept"
