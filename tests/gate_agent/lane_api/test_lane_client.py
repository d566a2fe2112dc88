"""The small client of the lane API: what it follows, and what makes it give up."""

from __future__ import annotations

import select
import socket
import threading

import pytest

from gate_agent.lane_api.api import (
    VERSION,
    Authenticate,
    Challenge,
    Delta,
    Refused,
    Role,
    Snapshot,
    Step,
    ToLane,
    View,
    proof,
)
from gate_agent.lane_api.channel import FrameReader, encode
from gate_agent.lane_api.client import LaneAway, LaneClient

KEY, NONCE = b"k" * 32, b"n" * 32
PATIENCE_S = 60.0
VIEW = View(
    lane=1,
    gate="g",
    site="s",
    direction="exit",
    topology="single",
    demo=True,
    mode="auto",
    since_utc_ms=0,
    step=Step.WAITING,
)


class ScriptedLane:
    """A lane that challenges, checks the proof, and says what the test wants."""

    def __init__(self, path, *, version=VERSION) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.settimeout(PATIENCE_S)
        self._version = version
        self.peer: socket.socket | None = None
        self.received: list[Authenticate] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        self.peer, _ = self._listener.accept()
        self.peer.settimeout(PATIENCE_S)
        self.peer.sendall(encode(Challenge(version=self._version, nonce=NONCE)))
        reader: FrameReader = FrameReader(ToLane)
        while not self.received and (data := self.peer.recv(4096)):
            self.received += reader.feed(data)

    def say(self, *messages) -> None:
        self._thread.join()
        self.peer.sendall(b"".join(map(encode, messages)))

    def close(self) -> None:
        self._thread.join()
        if self.peer is not None:
            self.peer.close()
        self._listener.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lane.sock"


@pytest.fixture
def lane(path):
    lane = ScriptedLane(path)
    yield lane
    lane.close()


@pytest.fixture
def client(lane, path):
    client = LaneClient(path, Role.CONSOLE, KEY)
    lane.say(Snapshot(seq=7, view=VIEW))
    assert len(received(client)) == 1
    yield client
    client.close()


def received(client):
    assert select.select([client], [], [], 5)[0]
    return client.receive()


def test_it_proves_its_role_and_takes_the_snapshot(lane, client):
    assert lane.received == [Authenticate(role=Role.CONSOLE, mac=proof(KEY, NONCE))]
    assert client.view == VIEW


def test_a_heartbeat_is_a_sign_of_life_and_changes_nothing(lane, client):
    lane.say(Delta(seq=7, changes={}))
    assert received(client) == [Delta(seq=7, changes={})]
    lane.say(Delta(seq=8, changes={"step": "reading", "ticket": 4}))
    received(client)
    assert (client.view.step, client.view.ticket, client.view.gate) == (Step.READING, 4, "g")
    lane.say(Delta(seq=8, changes={}), Delta(seq=9, changes={"step": "waiting"}))
    assert len(received(client)) == 2
    assert client.view.step is Step.WAITING


@pytest.mark.parametrize(
    "delta",
    [
        pytest.param(Delta(seq=9, changes={"step": "reading"}), id="one left out"),
        pytest.param(Delta(seq=7, changes={"step": "reading"}), id="one said again"),
        pytest.param(Delta(seq=9, changes={}), id="a heartbeat from further on"),
    ],
)
def test_a_missing_delta_is_noticed(lane, client, delta):
    lane.say(delta)
    with pytest.raises(LaneAway, match="a delta is missing"):
        received(client)
    assert client.view == VIEW


def test_a_delta_before_any_snapshot_is_noticed(lane, path):
    client = LaneClient(path, Role.STATUS, KEY)
    lane.say(Delta(seq=1, changes={"step": "reading"}))
    with pytest.raises(LaneAway, match="a delta is missing"):
        received(client)
    client.close()


def test_a_refused_key_says_so(lane, path):
    client = LaneClient(path, Role.CONSOLE, b"x" * 32)
    lane.say(Refused(reason="authentication failed"))
    with pytest.raises(LaneAway, match="the lane refused: authentication failed"):
        received(client)
    client.close()


def test_garbage_and_a_closed_connection_are_distinguished(lane, client):
    lane.peer.sendall(b"\xff" * 64)
    with pytest.raises(LaneAway, match="announced"):
        received(client)
    lane.peer.close()
    lane.peer = None
    with pytest.raises(LaneAway, match="closed"):
        received(client)


def test_no_lane_and_another_version_are_lanes_that_are_away(path, tmp_path):
    with pytest.raises(LaneAway, match="lane away"):
        LaneClient(path, Role.CONSOLE, KEY)
    lane = ScriptedLane(path, version=VERSION + 1)
    with pytest.raises(LaneAway, match="3 at the lane, 2 here"):
        LaneClient(path, Role.CONSOLE, KEY)
    lane.close()
