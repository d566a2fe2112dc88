"""The watchdog over a bound notify socket: fed after a healthy turn, and only then."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.types import DeviceId, DeviceReady
from firmware_cfg.load import PROFILES_DIR, SITES_DIR, load
from gate_agent.core.messages import OfficerAction, OfficerDecided
from gate_agent.core.states import initial
from gate_agent.host.service_manager import LAG_MAX_NS, ServiceManager, sickness
from gate_agent.lane_api.api import Role
from gate_agent.live import LiveInbox, spawn
from gate_agent.loop import Loop, Turn, run

MS = 1_000_000
PID = os.getpid()


class Listener:
    """The service manager's end of the notify socket."""

    def __init__(self, address: str) -> None:
        self.name = address.replace("\0", "@")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def next(self) -> str:
        return self.socket.recv(4096).decode()

    def waiting(self) -> list[str]:
        heard = []
        self.socket.setblocking(False)
        try:
            while True:
                heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            self.socket.settimeout(10)
            return heard


@pytest.fixture(params=["path", "abstract"])
def listener(request, tmp_path: Path) -> Iterator[Listener]:
    path = tmp_path / "notify"
    address = str(path) if request.param == "path" else f"\0egate-test-{PID}"
    listener = Listener(address)
    yield listener
    listener.socket.close()


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_000_000 * MS

    def __call__(self) -> int:
        return self.now_ns


def environment(listener: Listener, *, usec: str = "4000000", pid: int = PID) -> dict[str, str]:
    return {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": usec, "WATCHDOG_PID": str(pid)}


def test_ready_once_then_fed_at_a_quarter_of_the_interval(listener: Listener):
    clock = Clock()
    manager = ServiceManager(environment(listener), PID, clock)
    assert manager.tick_s == 1.0
    manager.turned(clock.now_ns)
    assert listener.waiting() == ["READY=1", "WATCHDOG=1"]
    clock.now_ns += 999 * MS
    manager.turned(clock.now_ns)
    assert listener.waiting() == []
    clock.now_ns += MS
    manager.turned(clock.now_ns)
    assert listener.waiting() == ["WATCHDOG=1"]
    manager.stopping()
    assert listener.waiting() == ["STOPPING=1"]


def test_a_loop_that_lags_is_neither_ready_nor_fed(listener: Listener):
    clock = Clock()
    manager = ServiceManager(environment(listener), PID, clock)
    manager.turned(clock.now_ns - LAG_MAX_NS - MS)
    assert listener.waiting() == ["STATUS=the loop lags by 1001 ms"]
    manager.turned(clock.now_ns)
    assert listener.waiting() == ["STATUS=well", "READY=1", "WATCHDOG=1"]


def test_a_thread_that_stays_away_starves_the_watchdog(listener: Listener):
    clock = Clock()
    manager = ServiceManager(environment(listener), PID, clock)
    comes_round = manager.watching("the turnstile's thread", lambda: False)
    manager.turned(clock.now_ns)
    listener.waiting()
    clock.now_ns += 4_001 * MS
    manager.turned(clock.now_ns)
    assert listener.waiting() == ["STATUS=the turnstile's thread has not come round for 4001 ms"]
    assert comes_round() is False
    manager.turned(clock.now_ns)
    assert listener.waiting() == ["STATUS=well", "WATCHDOG=1"]


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({"WATCHDOG_USEC": ""}, ["READY=1"]),
        ({"WATCHDOG_USEC": "soon"}, ["READY=1"]),
        ({"WATCHDOG_USEC": "0"}, ["READY=1"]),
        ({"WATCHDOG_USEC": "9" * 40}, ["READY=1"]),
        ({"WATCHDOG_PID": "1"}, ["READY=1"]),
        ({"NOTIFY_SOCKET": ""}, []),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, []),
        ({"NOTIFY_SOCKET": "/nowhere/at/all"}, []),
    ],
)
def test_what_the_environment_does_not_ask_for_is_not_said(
    listener: Listener, change: dict[str, str], heard: list[str]
):
    clock = Clock()
    manager = ServiceManager({**environment(listener), **change}, PID, clock)
    for _ in range(3):
        clock.now_ns += 5_000 * MS
        manager.turned(clock.now_ns)
    manager.stopping()
    assert listener.waiting() == [*heard, *(["STOPPING=1"] if heard else [])]


@pytest.mark.parametrize(
    ("now_ms", "event_ms", "seen_ms", "well"),
    [
        (5_000, 5_000, {}, True),
        (5_000, 4_000, {}, True),
        (5_001, 4_000, {}, False),
        (5_000, 5_000, {"a": 3_000}, True),
        (5_000, 5_000, {"a": 2_999}, False),
        (5_000, 5_000, {"a": 5_000, "b": 0}, False),
        (5_000, 5_005, {"a": 5_005}, True),  # stamped after the turn was over: no lag at all
    ],
)
def test_health_is_a_function(now_ms, event_ms, seen_ms, well):
    seen = {name: at * MS for name, at in seen_ms.items()}
    assert (sickness(now_ms * MS, event_ms * MS, seen, 2_000 * MS) == "") is well


def test_a_stuck_loop_is_not_fed_though_events_keep_coming(listener: Listener, profile):
    """The real loop over a live inbox; its commands block in the middle of a turn."""
    clock = Clock()
    manager = ServiceManager(environment(listener), PID, clock)
    inbox = LiveInbox(clock)
    entered, released, ended = threading.Event(), threading.Event(), threading.Event()

    def submit(_command: object, _at_ns: int) -> None:
        entered.set()
        released.wait(30)

    def turned(turn: Turn) -> None:
        manager.turned(turn.at_ns)

    def body() -> None:
        loop = Loop(initial(profile), profile)
        run(loop, inbox, submit, lambda _turn: None, ended.is_set, turned)

    thread = spawn("loop", body)
    ready = [DeviceReady(device=device) for device in DeviceId]
    inbox.put(ready[0])
    assert [listener.next(), listener.next()] == ["READY=1", "WATCHDOG=1"]
    for event in stuck_makers(profile):
        inbox.put(event)
    assert entered.wait(10)
    listener.waiting()
    for _ in range(5):
        clock.now_ns += 2_000 * MS
        inbox.put(ready[0])
    assert listener.waiting() == []
    ended.set()
    released.set()
    thread.join(10)
    assert listener.waiting()[0].startswith("STATUS=the loop lags")


def stuck_makers(profile) -> list:
    """Events after which the core of a lane asks for something: an officer closes the lane."""
    return [
        DeviceReady(device=DeviceId.JOURNAL),
        OfficerDecided(
            ticket=0,
            officer="o",
            action=OfficerAction.CLOSE_LANE,
            reason="other",
            evidence_sha256="",
            expires_at_ns=1 << 62,
        ),
    ]


@pytest.fixture
def profile():
    names = ("turnstile_modbus", "pn532", "mrz_line", "camera_usb")
    return load([*(PROFILES_DIR / f"{name}.toml" for name in names), SITES_DIR / "example.toml"])


def start(listener: Listener, folder: Path, process: str) -> subprocess.Popen[bytes]:
    """A real process of a lane whose devices are all away."""
    profile = folder / "lane.toml"
    ports = "\n".join(
        f'[{part}]\nport = "{folder}/none"' for part in ("turnstile", "chip_reader", "mrz_reader")
    )
    profile.write_text(
        f'[lane]\ngate = "t"\nnumber = 1\n{ports}\n[camera]\nsource = "file:none.png"\n'
    )
    keys = folder / "keys"
    keys.mkdir()
    for role in Role:
        (keys / f"{role.value}.key").write_bytes(bytes(32))
        (keys / f"{role.value}.key").chmod(0o400)
    state = folder / "state"
    state.mkdir(mode=0o700)
    more = ["--state", str(state), "--keys", str(keys)] if process == "agent" else []
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gate_agent.cli",
            process,
            "--profile",
            str(SITES_DIR / "demo.toml"),
            "--profile",
            str(profile),
            "--run-dir",
            str(folder),
            *more,
        ],
        env={
            **os.environ,
            "NOTIFY_SOCKET": listener.name,
            "WATCHDOG_USEC": "1000000",
        },
    )


@pytest.mark.live
@pytest.mark.parametrize("process", ["agent", "reader"])
def test_a_process_that_has_nothing_to_do_is_fed_until_it_is_stopped(
    listener: Listener, tmp_path: Path, process: str
):
    listener.socket.settimeout(60)
    child = start(listener, tmp_path, process)
    try:
        heard: list[str] = []
        while heard.count("WATCHDOG=1") < 3:
            heard.append(listener.next())
        reported = [line for line in heard if not line.startswith("STATUS=")]  # a busy machine lags
        assert reported == ["READY=1"] + 3 * ["WATCHDOG=1"]
        child.send_signal(signal.SIGTERM)
        while listener.next() != "STOPPING=1":
            continue
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.wait()
