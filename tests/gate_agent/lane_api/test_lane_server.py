"""The lane API over a real Unix socket: who may connect, what they get, what is refused."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_agent.lane_api import channel
from gate_agent.lane_api.actions import MAX_NONCES, ActionChecks
from gate_agent.lane_api.api import (
    VERSION,
    Action,
    ActionResult,
    Authenticate,
    Beat,
    BeatAnswer,
    Challenge,
    Delta,
    FromLane,
    HandReceipt,
    HolderView,
    Lease,
    Picture,
    PictureRequest,
    Refused,
    ReportLink,
    Role,
    Snapshot,
    Step,
    ToLane,
    UncheckedView,
    View,
    proof,
)
from gate_agent.lane_api.channel import ChannelError, FrameReader
from gate_agent.lane_api.peer import MAX_QUEUED_BYTES
from gate_agent.lane_api.requests import Callbacks
from gate_agent.lane_api.server import MAX_PEERS, SILENT_MS, Clock, LaneServer

PATIENCE_S = 60.0
KEYS = {Role.CONSOLE: b"c" * 32, Role.SYNC: b"s" * 32, Role.STATUS: b"t" * 32}
NOW_MS = 1_800_000_000_000
EVIDENCE = "ab" * 32
HOLDER = HolderView(surname="SANTOSO", document_number="X1234567")
VIEW = View(
    lane=1,
    gate="g1",
    site="s",
    direction="entry",
    topology="barrier",
    demo=True,
    mode="auto",
    since_utc_ms=NOW_MS,
    step=Step.REFERRED,
    ticket=7,
    evidence_sha256=EVIDENCE,
    holder=HOLDER,
    officer_reasons=("identity", "other"),
)
ACCEPT = Action(
    nonce="n" * 22,
    ticket=7,
    action="accept",
    officer="budi",
    reason="identity",
    evidence_sha256=EVIDENCE,
    expires_utc_ms=NOW_MS + 10_000,
)


class Lane:
    """A LaneServer in a thread, a monotonic clock that the test moves, and what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ns = 0
        self.calls: list[tuple] = []
        self.stop = threading.Event()
        self.answer: str | None = None
        self.replies: list = []
        callbacks = Callbacks(
            on_action=self._act,
            on_lease=lambda officer: self.calls.append(("lease", officer)),
            on_picture=self._picture,
            on_receipt=lambda data: self.calls.append(("receipt", data)),
            on_link=self._link,
        )
        self.server = LaneServer(
            path,
            KEYS,
            callbacks,
            os.urandom,
            Clock(monotonic_ns=lambda: self.now_ns, utc_ms=lambda: NOW_MS),
        )
        self.server.listen()
        self.thread = threading.Thread(target=self.server.run, args=(self.stop,))
        self.thread.start()

    def _act(self, action: Action) -> str | None:
        self.calls.append(("action", action))
        return self.answer

    def _link(self, up: bool, alarm: str) -> None:
        self.calls.append(("link", up))
        self.alarm = alarm

    def _picture(self, ticket: int, kind: str, reply) -> None:
        self.calls.append(("picture", ticket, kind))
        self.replies.append(reply)
        if kind == "live":
            reply(b"\xff\xd8live")

    def close(self) -> None:
        self.stop.set()
        self.server.wake()
        self.thread.join(timeout=PATIENCE_S)
        assert not self.thread.is_alive()


class Peer:
    """A blocking peer with a limit on every read."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(path))
        self.reader: FrameReader[FromLane] = FrameReader(FromLane)
        self.ready: list[FromLane] = []

    def get(self) -> FromLane | None:
        """Next message, None at the end of the connection."""
        while not self.ready:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.ready += self.reader.feed(data)
        return self.ready.pop(0)

    def send(self, message: msgspec.Struct) -> None:
        self.sock.sendall(channel.encode(message))

    def sign_in(self, role: Role, key: bytes | None = None) -> FromLane | None:
        challenge = self.get()
        assert isinstance(challenge, Challenge)
        assert challenge.version == VERSION
        self.send(Authenticate(role=role, mac=proof(key or KEYS[role], challenge.nonce)))
        return self.get()

    def ask(self, message: msgspec.Struct) -> FromLane | None:
        self.send(message)
        return self.get()

    def ended(self) -> bool:
        while (message := self.get()) is not None:
            assert isinstance(message, Refused | Delta)
        return True


@pytest.fixture
def lane(tmp_path):
    lane = Lane(tmp_path / "lane.sock")
    lane.server.publish(VIEW)
    yield lane
    lane.close()


@pytest.fixture
def connect(lane):
    peers: list[Peer] = []

    def connect_one() -> Peer:
        peers.append(Peer(lane.path))
        return peers[-1]

    yield connect_one
    for peer in peers:
        peer.sock.close()


def test_socket_is_private_and_goes_away(tmp_path):
    lane = Lane(tmp_path / "lane.sock")
    assert stat.S_IMODE(lane.path.stat().st_mode) == 0o600
    lane.close()
    assert not lane.path.exists()


def test_console_gets_snapshot_with_holder_then_deltas(lane, connect):
    console = connect()
    snapshot = console.sign_in(Role.CONSOLE)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.view == VIEW
    lane.server.publish(msgspec.structs.replace(VIEW, step=Step.CROSSING, holder=None))
    delta = console.get()
    assert delta == Delta(seq=snapshot.seq + 1, changes={"step": "crossing", "holder": None})


@pytest.mark.parametrize("role", [Role.STATUS, Role.SYNC])
def test_other_roles_never_see_the_holder(lane, connect, role):
    peer = connect()
    snapshot = peer.sign_in(role)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.view == msgspec.structs.replace(VIEW, holder=None)
    other = msgspec.structs.replace(HOLDER, surname="WIBOWO")
    lane.server.publish(msgspec.structs.replace(VIEW, holder=other))
    lane.server.publish(msgspec.structs.replace(VIEW, holder=other, zone="one"))
    delta = peer.get()
    assert delta == Delta(seq=snapshot.seq + 1, changes={"zone": "one"})


def test_peer_before_the_first_view_waits_for_it(tmp_path):
    lane = Lane(tmp_path / "lane.sock")
    peer = Peer(lane.path)
    challenge = peer.get()
    peer.send(Authenticate(role=Role.STATUS, mac=proof(KEYS[Role.STATUS], challenge.nonce)))
    lane.server.publish(VIEW)
    assert isinstance(peer.get(), Snapshot)
    peer.sock.close()
    lane.close()


@pytest.mark.parametrize("key", [b"x" * 32, KEYS[Role.STATUS]])
def test_wrong_key_is_refused_and_dropped(lane, connect, caplog, key):
    peer = connect()
    with caplog.at_level(logging.WARNING):
        assert isinstance(peer.sign_in(Role.CONSOLE, key), Refused)
        assert peer.ended()
    assert "cause=authentication_failed" in caplog.text
    assert isinstance(connect().sign_in(Role.STATUS), Snapshot)


def test_old_answer_does_not_fit_a_new_challenge(lane, connect):
    first, second = connect(), connect()
    nonce = first.get().nonce
    assert second.get().nonce != nonce
    answer = Authenticate(role=Role.CONSOLE, mac=proof(KEYS[Role.CONSOLE], nonce))
    assert isinstance(second.ask(answer), Refused)


def test_action_before_authentication_is_refused(lane, connect):
    peer = connect()
    peer.get()
    assert isinstance(peer.ask(ACCEPT), Refused)
    assert lane.calls == []


def test_short_key_is_refused_at_start(tmp_path):
    callbacks = Callbacks(**dict.fromkeys(Callbacks.__dataclass_fields__))
    clock = Clock(monotonic_ns=lambda: 0, utc_ms=lambda: 0)
    with pytest.raises(ValueError, match="shorter than 32"):
        LaneServer(tmp_path / "l", {Role.CONSOLE: b"short"}, callbacks, bytes, clock)


def test_accept_reaches_the_agent_once(lane, connect):
    console = connect()
    console.sign_in(Role.CONSOLE)
    assert console.ask(ACCEPT) == ActionResult(nonce=ACCEPT.nonce, ok=True)
    replay = console.ask(ACCEPT)
    assert isinstance(replay, ActionResult)
    assert not replay.ok
    assert "sent before" in replay.error
    assert replay.done
    other = connect()
    other.sign_in(Role.CONSOLE)
    assert not other.ask(ACCEPT).ok
    later = msgspec.structs.replace(ACCEPT, expires_utc_ms=ACCEPT.expires_utc_ms + 1)
    assert other.ask(later).done
    for changes in ({"reason": "other"}, {"action": "reject"}, {"ticket": 9}):
        assert not other.ask(msgspec.structs.replace(ACCEPT, **changes)).done
    assert lane.calls == [("action", ACCEPT)]


def test_what_was_not_taken_is_not_called_done(lane, connect):
    lane.answer = "The lane is on fire."
    console = connect()
    console.sign_in(Role.CONSOLE)
    assert not console.ask(ACCEPT).ok
    assert not console.ask(ACCEPT).done


def test_a_beat_is_answered_with_its_number(lane, connect):
    console = connect()
    console.sign_in(Role.CONSOLE)
    assert console.ask(Beat(number=41)) == BeatAnswer(number=41)


def test_error_of_the_agent_reaches_the_officer(lane, connect):
    lane.answer = "The lane is on fire."
    console = connect()
    console.sign_in(Role.CONSOLE)
    assert console.ask(ACCEPT) == ActionResult(nonce=ACCEPT.nonce, ok=False, error=lane.answer)


NOTE_DUE = UncheckedView(exit=2, note_due=True)
LANE_ACTION = {"ticket": 0, "evidence_sha256": "", "reason": ""}


@pytest.mark.parametrize(
    ("changes", "view_changes", "error"),
    [
        ({"action": "launch"}, {}, "Unknown action"),
        ({"officer": ""}, {}, "name is missing"),
        ({"officer": "x\nforged log line"}, {}, "name is missing"),
        ({"nonce": "short"}, {}, "malformed"),
        ({"expires_utc_ms": NOW_MS}, {}, "expired"),
        ({"expires_utc_ms": NOW_MS + 30_001}, {}, "too long"),
        ({"ticket": 6}, {}, "is over"),
        ({}, {"zone": "many"}, "Several persons"),
        ({"ticket": 0}, {"ticket": 0}, "is over"),
        ({}, {"step": Step.VERIFYING}, "is over"),
        ({"evidence_sha256": "cd" * 32}, {}, "evidence has changed"),
        ({"evidence_sha256": "é"}, {}, "evidence has changed"),
        ({"evidence_sha256": ""}, {"evidence_sha256": ""}, "evidence has changed"),
        ({"reason": ""}, {}, "Choose a reason"),
        ({"reason": "because"}, {}, "Choose a reason"),
        ({"action": "close_lane"}, {}, "names no crossing"),
        ({"action": "open_lane", **LANE_ACTION, "reason": "because"}, {}, "Unknown reason"),
        ({"action": "acknowledge", **LANE_ACTION}, {"unchecked": NOTE_DUE}, "Write a note"),
        ({"action": "acknowledge", **LANE_ACTION, "note": " "}, {"unchecked": NOTE_DUE}, "Write a"),
        ({"action": "acknowledge", **LANE_ACTION, "note": "x" * 281}, {}, "at most 280"),
        ({"action": "acknowledge", **LANE_ACTION, "note": "a\nb"}, {}, "one line"),
        (
            {"action": "acknowledge", **LANE_ACTION, "note": "seen"},
            {"unchecked": msgspec.structs.replace(NOTE_DUE, supervisors=("chief",))},
            "supervisor",
        ),
    ],
)
def test_actions_out_of_order_are_refused(changes, view_changes, error):
    action = msgspec.structs.replace(ACCEPT, **changes)
    view = msgspec.structs.replace(VIEW, **view_changes)
    refusal = ActionChecks().refuse(action, view, NOW_MS)
    assert refusal is not None
    assert error in refusal


@pytest.mark.parametrize("name", ["open_lane", "close_lane", "acknowledge"])
def test_lane_actions_are_in_order_without_a_crossing(name):
    action = msgspec.structs.replace(ACCEPT, action=name, **LANE_ACTION)
    assert ActionChecks().refuse(action, VIEW, NOW_MS) is None


def test_nonces_are_kept_while_valid_and_bounded():
    checks = ActionChecks()
    for number in range(MAX_NONCES):
        action = msgspec.structs.replace(ACCEPT, nonce=f"{number:022}")
        assert checks.refuse(action, VIEW, NOW_MS) is None
    assert "Too many" in checks.refuse(ACCEPT, VIEW, NOW_MS)
    assert "sent before" in checks.refuse(action, VIEW, NOW_MS)
    later = msgspec.structs.replace(ACCEPT, expires_utc_ms=NOW_MS + 20_000)
    assert checks.refuse(later, VIEW, NOW_MS + 10_000) is None


def test_roles_may_ask_only_their_own(lane, connect):
    sync = connect()
    sync.sign_in(Role.SYNC)
    sync.send(ReportLink(connected=True))
    sync.send(HandReceipt(receipt=b"signed"))
    sync.send(ACCEPT)
    assert sync.ended()
    console = connect()
    console.sign_in(Role.CONSOLE)
    console.send(Lease(officer="budi"))
    console.send(HandReceipt(receipt=b"forged"))
    assert console.ended()
    status = connect()
    status.sign_in(Role.STATUS)
    status.send(PictureRequest(request=1, ticket=7, kind="live"))
    assert status.ended()
    reported = [("link", True), ("receipt", b"signed"), ("link", False)]
    assert lane.calls == [*reported, ("lease", "budi")]


def test_pictures_of_the_present_ticket_alone(lane, connect):
    console = connect()
    console.sign_in(Role.CONSOLE)
    asked = PictureRequest(request=5, ticket=7, kind="live")
    assert console.ask(asked) == Picture(request=5, jpeg=b"\xff\xd8live")
    for wrong in ({"ticket": 6}, {"ticket": 0}, {"kind": "fingerprint"}):
        refused = msgspec.structs.replace(asked, **wrong)
        assert console.ask(refused) == Picture(request=5, jpeg=b"")
    assert lane.calls == [("picture", 7, "live")]


def test_picture_may_come_later_from_another_thread(lane, connect):
    console = connect()
    console.sign_in(Role.CONSOLE)
    console.send(PictureRequest(request=1, ticket=7, kind="chip"))
    console.ask(msgspec.structs.replace(ACCEPT, nonce="m" * 22))
    lane.replies[0](b"x" * (1024 * 1024 + 1))
    assert console.get() == Picture(request=1, jpeg=b"")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        (64 * 1024 + 1).to_bytes(4, "big"),
        b"\x00\x00\xea\x60" + b"\x91" * 60_000,
        b"\x00\x00\x00\x05\xa4\xff\xfe\xfd\xfc",
        b"GET / HTTP/1.1\r\n\r\n",
        channel.encode(Delta(seq=1, changes={})),
    ],
)
@pytest.mark.parametrize("role", [None, Role.CONSOLE])
def test_garbage_ends_one_connection_and_no_lane(lane, connect, caplog, garbage, role):
    peer = connect()
    if role is None:
        peer.get()
    else:
        peer.sign_in(role)
    with caplog.at_level(logging.WARNING):
        peer.sock.sendall(garbage)
        assert peer.ended()
    assert "cause=malformed_frame" in caplog.text
    assert "Traceback" not in caplog.text
    assert isinstance(connect().sign_in(Role.CONSOLE), Snapshot)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_channel_errors(data):
    for bytes_in in (data, len(data).to_bytes(4, "big") + data):
        reader: FrameReader[ToLane] = FrameReader(ToLane, 1024)
        with contextlib.suppress(ChannelError):
            reader.feed(bytes_in)


def test_silent_peer_is_dropped_at_the_handshake_deadline(lane, connect, caplog):
    peer = connect()
    peer.get()
    with caplog.at_level(logging.WARNING):
        lane.now_ns += 2_000_000_000
        lane.server.wake()
        assert peer.ended()
    assert "cause=handshake_late" in caplog.text


def test_follower_hears_a_sign_of_life_every_second(lane, connect):
    peer = connect()
    snapshot = peer.sign_in(Role.STATUS)
    lane.now_ns += 1_000_000_000
    lane.server.wake()
    assert peer.get() == Delta(seq=snapshot.seq, changes={})


def test_slow_peer_is_dropped_and_the_others_follow(lane, connect, caplog):
    slow, quick = connect(), connect()
    slow.sign_in(Role.CONSOLE)
    quick.sign_in(Role.CONSOLE)
    diagnosis = "x" * (MAX_QUEUED_BYTES // 4)
    with caplog.at_level(logging.WARNING):
        for number in range(8):
            lane.server.publish(msgspec.structs.replace(VIEW, document_step=f"{number}{diagnosis}"))
            assert isinstance(quick.get(), Delta)
    assert Counter(r.message.split("cause=")[1].split()[0] for r in caplog.records) == {
        "peer_too_slow": 1
    }


def test_peers_are_bounded(lane, connect):
    peers = [connect() for _ in range(MAX_PEERS)]
    for peer in peers:
        assert isinstance(peer.get(), Challenge)
    assert connect().get() is None
    peers[0].sock.close()
    for _ in range(50):
        late = connect()
        if late.get() is not None:
            break
    else:
        pytest.fail("the freed place was not given away")


def test_a_sync_process_that_is_gone_is_no_link(lane, connect):
    first, second = connect(), connect()
    for sync in (first, second):
        sync.sign_in(Role.SYNC)
    first.send(ReportLink(connected=True))
    first.send(ACCEPT)
    assert first.ended()
    assert lane.calls == [("link", True)]
    second.send(ACCEPT)
    assert second.ended()
    assert lane.calls == [("link", True), ("link", False)]
    assert "look at its service" in lane.alarm


def test_a_sync_process_that_hangs_is_no_link(lane, connect):
    console, sync = connect(), connect()
    console.sign_in(Role.CONSOLE)
    sync.sign_in(Role.SYNC)
    sync.send(ReportLink(connected=True))
    while not lane.calls:
        assert console.ask(PictureRequest(request=1, ticket=0, kind="live")) is not None
    lane.now_ns += SILENT_MS * 1_000_000
    lane.server.wake()
    assert sync.ended()
    assert lane.calls == [("link", True), ("link", False)]
    assert "does not answer" in lane.alarm
    assert isinstance(console.get(), Delta)  # who only looks may be silent
    connect().sign_in(Role.SYNC)
