"""The lane's end of the lane API: one thread, one Unix socket, a limit on everything.

    peer connects -> Challenge -> Authenticate -> Snapshot -> Delta, Delta, ...

The server owns connections and the view that each role follows; personal data go to the role
CONSOLE alone. Requests are answered by `lane_api.requests`. A peer that breaks the protocol, is
too slow or too late is dropped with one log line that names the cause; nothing a peer does stops
the lane.
"""

from __future__ import annotations

import contextlib
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

from gate_agent.lane_api.api import (
    VERSION,
    Challenge,
    Delta,
    FromLane,
    Picture,
    Role,
    ToLane,
    View,
)
from gate_agent.lane_api.channel import ChannelError
from gate_agent.lane_api.peer import Cause, Dropped, Feed, Peer
from gate_agent.lane_api.requests import Callbacks, Requests
from gate_agent.lane_api.socket_access import access_of, hand_over

MAX_PEERS = 16
MAX_PICTURE_BYTES = 1024 * 1024
HANDSHAKE_MS = 2_000
HEARTBEAT_MS = 1_000
SILENT_MS = 5_000  # of sync, which reports every second
NONCE_BYTES = 32

log = logging.getLogger("egate.lane_api")

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time as an argument: the lane's monotonic clock, and UTC in milliseconds."""

    monotonic_ns: Callable[[], int]
    utc_ms: Callable[[], int]


class LaneServer:
    """Serves one lane's view and takes requests of its peers. See the module.

    Args:
        path: the Unix socket; a stale one is replaced; its mode is 0600.
        keys: one key per role, at least `MIN_KEY_BYTES` long; a role without a key is refused.
        callbacks: the agent's part of requests that are in order.
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
        self._path = path
        self._requests = Requests(keys, callbacks, clock.utc_ms, self._send, self._reply)
        self._random = random
        self._clock, self._last_turn_ns = clock, clock.monotonic_ns()
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
        """End the present wait of `run` at once, for instance after `stop` was set."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_in.send(b"\0")

    def _reply(self, peer: Peer, request: int, jpeg: bytes) -> None:
        with self._lock:
            self._replies.append((peer, request, jpeg[: MAX_PICTURE_BYTES + 1]))
        self.wake()

    # --- the loop ------------------------------------------------------------------

    def listen(self) -> None:
        """Bind the socket; `run` does it where that was not done. Raises OSError on failure."""
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
        """Serve until `stop` is set (checked twice a second, and after `wake`)."""
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
        self._last_turn_ns = now_ns  # silence is judged by the turn before: all was read since

    def _guarded(
        self,
        peer: Peer,
        work: Callable[Concatenate[Peer, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run work for one peer; a mistake of the peer ends that peer alone."""
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
        peer = Peer(
            sock, self._random(NONCE_BYTES), now_ns, last_received_ns=now_ns, last_sent_ns=now_ns
        )
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
            peer.last_received_ns = self._clock.monotonic_ns()
            for message in peer.reader.feed(data):
                self._receive(peer, message)

    def _receive(self, peer: Peer, message: ToLane) -> None:
        if peer.role is not None:
            self._requests.serve(peer, peer.role, message)
            return
        self._requests.authenticate(peer, message)
        self._follow(peer)

    def _keep_alive(self, peer: Peer, now_ns: int) -> None:
        if peer.role is None:
            if now_ns - peer.accepted_ns >= HANDSHAKE_MS * 1_000_000:
                raise Dropped(Cause.LATE)
        elif (
            peer.role is Role.SYNC
            and self._last_turn_ns - peer.last_received_ns >= SILENT_MS * 1_000_000
        ):
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
            self._requests.sync_lost(dropped.cause)
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
        self._requests.view = view
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
