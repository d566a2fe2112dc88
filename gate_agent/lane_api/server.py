"""The lane's end of the lane API: one thread, one Unix socket, bounded everything.

    peer connects -> Challenge -> Authenticate -> Snapshot -> Delta, Delta, ...

The server owns no decision. It authenticates peers by role, keeps personal data from
every role but CONSOLE, checks actions (see `lane_actions`), and hands what is in order to
its callbacks. A peer that breaks the protocol, is too slow or too late is dropped with
one log line that names the cause; nothing a peer does stops the lane.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import selectors
import socket
import stat
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec

from gate_agent.lane_api.actions import ActionChecks
from gate_agent.lane_api.api import (
    MIN_KEY_BYTES,
    VERSION,
    Action,
    ActionResult,
    Authenticate,
    Challenge,
    Delta,
    FromLane,
    HandReceipt,
    Lease,
    Message,
    Picture,
    PictureRequest,
    Refused,
    ReportLink,
    Role,
    ToLane,
    View,
    proof,
)
from gate_agent.lane_api.channel import ChannelError
from gate_agent.lane_api.peer import Cause, Dropped, Feed, Peer
from gate_agent.lane_api.socket_access import access_of, hand_over

MAX_PEERS = 16
MAX_PICTURE_BYTES = 1024 * 1024
MAX_PENDING_PICTURES = 8
HANDSHAKE_MS = 2_000
HEARTBEAT_MS = 1_000
SILENT_MS = 5_000  # of sync, which reports every second
NONCE_BYTES = 32
PICTURE_KINDS = ("live", "chip")

log = logging.getLogger("egate.lane_api")

Reply = Callable[[bytes], None]
P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time as an argument: the lane's monotonic clock, and UTC in milliseconds."""

    monotonic_ns: Callable[[], int]
    utc_ms: Callable[[], int]


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """What the agent does with requests that are in order. All run on the server's thread.

    `on_action` returns None when it was taken, else what to tell the officer. `on_picture` gets
    (ticket, kind, reply): `reply(jpeg)` once, from any thread, b"" for nothing. `on_link`: alarm.
    """

    on_action: Callable[[Action], str | None]
    on_lease: Callable[[str], None]
    on_picture: Callable[[int, str, Reply], None]
    on_receipt: Callable[[bytes], None]
    on_link: Callable[[bool, str], None]


_ALLOWED: dict[Role, tuple[type[Message], ...]] = {
    Role.CONSOLE: (Action, Lease, PictureRequest),
    Role.SYNC: (HandReceipt, ReportLink),
    Role.STATUS: (),
}


class LaneServer:
    """Serves one lane's view and takes what its peers may ask. See the module.

    Args:
        path: the Unix socket; a stale one is replaced; its mode is 0600.
        keys: one key per role, at least `MIN_KEY_BYTES` long; a role without a key is refused.
        callbacks: what to do with requests that are in order.
        random: n random bytes, for challenges.
        clock: see `Clock`.

    Raises:
        ValueError: a key is too short.
    """

    def __init__(
        self,
        path: Path,
        keys: Mapping[Role, bytes],
        callbacks: Callbacks,
        random: Callable[[int], bytes],
        clock: Clock,
    ) -> None:
        for role, key in keys.items():
            if len(key) < MIN_KEY_BYTES:
                raise ValueError(f"key of role {role} is shorter than {MIN_KEY_BYTES} bytes")
        self._path = path
        self._keys = dict(keys)
        self._callbacks = callbacks
        self._random = random
        self._clock, self._looked_ns = clock, clock.monotonic_ns()
        self._checks = ActionChecks()
        self._view: View | None = None
        self._feeds = {True: Feed(with_holder=True), False: Feed(with_holder=False)}
        self._peers: set[Peer] = set()
        self._lock = threading.Lock()
        self._published: View | None = None
        self._replies: deque[tuple[Peer, int, bytes]] = deque()
        self._selector: selectors.BaseSelector | None = None
        self._listener: socket.socket | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.settimeout(0)
        self._wake_out.settimeout(0)

    # --- from any thread -----------------------------------------------------------

    def publish(self, view: View) -> None:
        """Show this view from now on. Never blocks; only the newest unsent view counts."""
        with self._lock:
            self._published = view
        self.wake()

    def wake(self) -> None:
        """Make `run` look around at once, for instance after `stop` was set."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_in.send(b"\0")

    def _reply(self, peer: Peer, request: int, jpeg: bytes) -> None:
        with self._lock:
            self._replies.append((peer, request, jpeg[: MAX_PICTURE_BYTES + 1]))
        self.wake()

    # --- the loop ------------------------------------------------------------------

    def listen(self) -> None:
        """Bind the socket; `run` does it if nobody did. Raises OSError when it cannot."""
        if self._listener is not None:
            return
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listener.fileno(), 0o600)  # Linux gives the file the socket's own mode
            listener.bind(str(self._path))
            hand_over(self._path, access_of(group="egate-lane"))
            listener.listen(MAX_PEERS)
            listener.settimeout(0)
        except OSError:
            listener.close()
            raise
        self._listener = listener

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set (looked at twice a second, or after `wake`)."""
        self.listen()
        if self._listener is None:
            raise RuntimeError("the lane server was closed")
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._listener, selectors.EVENT_READ, None)
            selector.register(self._wake_out, selectors.EVENT_READ, None)
            try:
                while not stop.is_set():
                    self._turn(selector)
            finally:
                for peer in tuple(self._peers):
                    self._drop(peer, Dropped(Cause.STOPPED))
                self._selector = None
                self.close()

    def close(self) -> None:
        """Release the socket and its file."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        self._wake_in.close()
        self._wake_out.close()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        for key, events in selector.select(0.5):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake_out:
                with contextlib.suppress(BlockingIOError):
                    self._wake_out.recv(4096)
            elif key.data in self._peers:
                self._guarded(key.data, self._serve, events)
        self._take_published()
        self._take_replies()
        now_ns = self._clock.monotonic_ns()
        for peer in tuple(self._peers):
            self._guarded(peer, self._keep_alive, now_ns)
            self._watch(peer)
        self._looked_ns = now_ns  # silence is judged by the look before: all was read since

    def _guarded(
        self,
        peer: Peer,
        work: Callable[Concatenate[Peer, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run work for one peer; whatever the peer did wrong ends that peer alone."""
        try:
            work(peer, *args, **kwargs)
        except Dropped as dropped:
            self._drop(peer, dropped)
        except ChannelError as error:
            self._drop(peer, Dropped(Cause.MALFORMED, error.diagnosis))
        except OSError as error:
            self._drop(peer, Dropped(Cause.CLOSED, error.strerror or ""))

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            log.warning("lane API: cannot accept a peer: %s", error.strerror)
            return
        if len(self._peers) >= MAX_PEERS:
            sock.close()
            log.warning("lane API: peer dropped: cause=%s", Cause.FULL)
            return
        sock.settimeout(0)
        now_ns = self._clock.monotonic_ns()
        peer = Peer(sock, self._random(NONCE_BYTES), now_ns, heard_ns=now_ns, last_sent_ns=now_ns)
        self._peers.add(peer)
        if self._selector is not None:
            self._selector.register(sock, selectors.EVENT_READ, peer)
        self._guarded(peer, self._send, Challenge(version=VERSION, nonce=peer.nonce))

    def _watch(self, peer: Peer) -> None:
        if self._selector is not None and peer in self._peers:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.out else 0)
            if self._selector.get_key(peer.sock).events != wanted:
                self._selector.modify(peer.sock, wanted, peer)

    def _serve(self, peer: Peer, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            peer.flush()
        if events & selectors.EVENT_READ:
            data = peer.sock.recv(65536)
            if not data:
                raise Dropped(Cause.CLOSED)
            peer.heard_ns = self._clock.monotonic_ns()
            for message in peer.reader.feed(data):
                self._receive(peer, message)

    def _keep_alive(self, peer: Peer, now_ns: int) -> None:
        if peer.role is None:
            if now_ns - peer.accepted_ns >= HANDSHAKE_MS * 1_000_000:
                raise Dropped(Cause.LATE)
        elif peer.role is Role.SYNC and self._looked_ns - peer.heard_ns >= SILENT_MS * 1_000_000:
            raise Dropped(Cause.SILENT)
        elif peer.following and now_ns - peer.last_sent_ns >= HEARTBEAT_MS * 1_000_000:
            self._send(peer, Delta(seq=self._feed_of(peer).seq, changes={}))

    def _drop(self, peer: Peer, dropped: Dropped) -> None:
        if peer not in self._peers:
            return
        self._peers.discard(peer)
        if self._selector is not None:
            self._selector.unregister(peer.sock)
        log.log(
            logging.INFO if dropped.cause in (Cause.CLOSED, Cause.STOPPED) else logging.WARNING,
            "lane API: peer dropped: role=%s cause=%s %s",
            peer.role or "none",
            dropped.cause,
            dropped.diagnosis,
        )
        if peer.role is Role.SYNC and Role.SYNC not in (one.role for one in self._peers):
            does = "answer" if dropped.cause is Cause.SILENT else "run"
            self._callbacks.on_link(False, f"egate sync does not {does}: look at its service")
        peer.sock.close()

    # --- output --------------------------------------------------------------------

    def _send(self, peer: Peer, message: FromLane) -> None:
        peer.send(message, self._clock.monotonic_ns())

    def _feed_of(self, peer: Peer) -> Feed:
        return self._feeds[peer.role is Role.CONSOLE]

    def _follow(self, peer: Peer) -> None:
        snapshot = self._feed_of(peer).snapshot()
        if snapshot is not None and not peer.following:
            peer.following = True
            self._send(peer, snapshot)

    def _take_published(self) -> None:
        with self._lock:
            view, self._published = self._published, None
        if view is None:
            return
        self._view = view
        for feed in self._feeds.values():
            changes = feed.advance(view)
            followers = [p for p in self._peers if p.role and self._feed_of(p) is feed]
            if changes:
                feed.seq += 1
                delta = Delta(seq=feed.seq, changes=changes)
                for peer in followers:
                    if peer.following:
                        self._guarded(peer, self._send, delta)
            for peer in followers:
                self._guarded(peer, self._follow)

    def _take_replies(self) -> None:
        with self._lock:
            replies, self._replies = self._replies, deque()
        for peer, request, jpeg in replies:
            if peer in self._peers:
                peer.pictures -= 1
                shown = b"" if len(jpeg) > MAX_PICTURE_BYTES else jpeg
                picture = Picture(request=request, jpeg=shown)
                self._guarded(peer, self._send, picture)

    # --- input ---------------------------------------------------------------------

    def _receive(self, peer: Peer, message: ToLane) -> None:
        if peer.role is None:
            self._authenticate(peer, message)
            return
        if not isinstance(message, _ALLOWED[peer.role]):
            raise Dropped(Cause.FORBIDDEN, type(message).__name__)
        match message:
            case Action():
                error = self._act(message)
                result = ActionResult(nonce=message.nonce, ok=error is None, error=error or "")
                self._send(peer, result)
            case Lease():
                self._callbacks.on_lease(message.officer[:64])
            case PictureRequest():
                self._picture(peer, message)
            case HandReceipt():
                self._callbacks.on_receipt(message.receipt)
            case ReportLink():
                self._callbacks.on_link(message.connected, message.alarm)

    def _authenticate(self, peer: Peer, message: ToLane) -> None:
        if isinstance(message, Authenticate):
            key = self._keys.get(message.role)
            if key is not None and hmac.compare_digest(proof(key, peer.nonce), message.mac):
                peer.role = message.role
                log.info("lane API: peer authenticated: role=%s", peer.role)
                self._follow(peer)
                return
        self._send(peer, Refused(reason="authentication failed"))
        raise Dropped(Cause.REFUSED, type(message).__name__)

    def _act(self, action: Action) -> str | None:
        if self._view is None:
            return "The lane is still starting. Wait a moment."
        error = self._checks.refuse(action, self._view, self._clock.utc_ms())
        return self._callbacks.on_action(action) if error is None else error

    def _picture(self, peer: Peer, message: PictureRequest) -> None:
        known = (
            self._view is not None
            and message.ticket != 0
            and message.ticket == self._view.ticket
            and message.kind in PICTURE_KINDS
        )
        if not known or peer.pictures >= MAX_PENDING_PICTURES:
            self._send(peer, Picture(request=message.request, jpeg=b""))
            return
        peer.pictures += 1
        self._callbacks.on_picture(
            message.ticket, message.kind, lambda jpeg: self._reply(peer, message.request, jpeg)
        )
