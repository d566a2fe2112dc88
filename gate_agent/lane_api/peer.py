"""One connection to the lane API, and the view as its audience sees it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from gate_agent.lane_api import channel
from gate_agent.lane_api.api import FromLane, Role, Snapshot, ToLane, View
from gate_agent.lane_api.channel import FrameReader

MAX_REQUEST_BYTES = 64 * 1024  # the longest message to a lane is a receipt
MAX_QUEUED_BYTES = 4 * 1024 * 1024


class Cause(StrEnum):
    """Why a peer was dropped."""

    CLOSED = "closed"
    FULL = "too_many_peers"
    LATE = "handshake_late"
    REFUSED = "authentication_failed"
    MALFORMED = "malformed_frame"
    FORBIDDEN = "role_forbids_message"
    SLOW = "peer_too_slow"
    SILENT = "silent"
    STOPPED = "lane_stopped"


class Dropped(Exception):
    """This connection ends, for a cause that the log names; never a traceback."""

    def __init__(self, cause: Cause, diagnosis: str = "") -> None:
        super().__init__(f"{cause}: {diagnosis}" if diagnosis else cause)
        self.cause = cause
        self.diagnosis = diagnosis


@dataclass(eq=False)
class Peer:
    """One connection: its socket, its buffers, and the role that it proved."""

    sock: socket.socket
    nonce: bytes
    accepted_ns: int
    last_received_ns: int
    last_sent_ns: int
    reader: FrameReader[ToLane] = field(
        default_factory=lambda: FrameReader(ToLane, MAX_REQUEST_BYTES)
    )
    out: bytearray = field(default_factory=bytearray)
    role: Role | None = None
    following: bool = False
    pictures: int = 0

    def send(self, message: FromLane, now_ns: int) -> None:
        """Queue one message and send what the socket takes now.

        Raises:
            Dropped: the peer reads too slowly.
            OSError: the connection is gone.
        """
        self.out += channel.encode(message)
        if len(self.out) > MAX_QUEUED_BYTES:
            raise Dropped(Cause.SLOW, f"{len(self.out)} bytes unsent")
        self.last_sent_ns = now_ns
        self.flush()

    def flush(self) -> None:
        """Send queued bytes until the socket is full."""
        while self.out:
            try:
                sent = self.sock.send(self.out)
            except BlockingIOError:
                return
            del self.out[:sent]


_ABSENT = object()


class Feed:
    """The view as one audience sees it, with the sequence number of its last change."""

    def __init__(self, *, with_holder: bool) -> None:
        self._with_holder = with_holder
        self._plain: dict[str, Any] = {}
        self._view: View | None = None
        self.seq = 0

    def advance(self, view: View) -> dict[str, Any]:
        """Take the next view; give the fields that changed."""
        if not self._with_holder:
            view = msgspec.structs.replace(view, holder=None)
        plain = msgspec.to_builtins(view)
        changes = {k: v for k, v in plain.items() if self._plain.get(k, _ABSENT) != v}
        self._plain, self._view = plain, view
        return changes

    def snapshot(self) -> Snapshot | None:
        """The whole view; None before the first one."""
        return None if self._view is None else Snapshot(seq=self.seq, view=self._view)
