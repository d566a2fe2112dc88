"""A small client of the lane API over a Unix socket, for peers that wait with select.

It connects, answers the challenge, and from then on gives the lane's messages as they
come. Nothing blocks after the handshake; the caller owns the waiting.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec

from gate_agent.lane_api.api import (
    VERSION,
    Authenticate,
    Challenge,
    Delta,
    FromLane,
    Refused,
    Role,
    Snapshot,
    View,
    proof,
)
from gate_agent.lane_api.channel import ChannelError, FrameReader, encode

HANDSHAKE_S = 2.0
MAX_QUEUE_BYTES = 4 * 1024 * 1024


class LaneAway(Exception):
    """The lane cannot be reached, or refused us; `diagnosis` says which."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


def authentication(challenge: Challenge, role: Role, key: bytes) -> Authenticate:
    """What answers a lane's challenge.

    Raises:
        LaneAway: the lane speaks another version of the lane API.
    """
    if challenge.version != VERSION:
        raise LaneAway(
            f"another version of the lane API ({challenge.version} at the lane, {VERSION} here): "
            "run one version of egate on both sides"
        )
    return Authenticate(role=role, mac=proof(key, challenge.nonce))


class LaneClient:
    """One authenticated connection. `view` follows the lane's snapshot and deltas.

    Raises:
        LaneAway: the socket is not there, the key is refused, or the version differs.
    """

    def __init__(self, path: Path, role: Role, key: bytes) -> None:
        self._reader: FrameReader[Any] = FrameReader(FromLane)
        self._out = bytearray()
        self._seq = 0
        self.view: View | None = None
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.settimeout(HANDSHAKE_S)
            self._sock.connect(str(path))
            early = self._handshake(role, key)
        except OSError as error:
            self._sock.close()
            raise LaneAway(f"lane away: {error.strerror or 'no answer'}") from error
        except LaneAway:
            self._sock.close()
            raise
        self._sock.setblocking(False)
        self._early = early

    def fileno(self) -> int:
        """For select."""
        return self._sock.fileno()

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def send(self, message: msgspec.Struct) -> None:
        """Queue a message and send what the socket takes.

        Raises:
            LaneAway: the lane went away or does not read.
        """
        self._out += encode(message)
        if len(self._out) > MAX_QUEUE_BYTES:
            raise LaneAway("the lane does not read")
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            return
        except OSError as error:
            raise LaneAway(f"lane away: {error.strerror}") from error

    def receive(self) -> list[Any]:
        """Messages that have come since the last call; `view` is up to date with them.

        Raises:
            LaneAway: the lane went away, refused us, or a delta is missing.
        """
        messages, self._early = self._early, []
        while True:
            try:
                data = self._sock.recv(262_144)
            except BlockingIOError:
                break
            except OSError as error:
                raise LaneAway(f"lane away: {error.strerror}") from error
            if not data:
                raise LaneAway("the lane closed the connection")
            messages += self._feed(data)
        for message in messages:
            self._follow(message)
        return messages

    def _feed(self, data: bytes) -> list[Any]:
        try:
            return list(self._reader.feed(data))
        except ChannelError as error:
            raise LaneAway(error.diagnosis) from error

    def _handshake(self, role: Role, key: bytes) -> list[Any]:
        first: list[Any] = []
        while not first:
            data = self._sock.recv(65_536)
            if not data:
                raise LaneAway("the lane closed the connection")
            first = self._feed(data)
        if not isinstance(first[0], Challenge):
            raise LaneAway("the lane did not begin with a challenge")
        self._sock.sendall(encode(authentication(first[0], role, key)))
        return first[1:]

    def _follow(self, message: Any) -> None:
        if isinstance(message, Refused):
            raise LaneAway(f"the lane refused: {message.reason}")
        if isinstance(message, Snapshot):
            self._seq, self.view = message.seq, message.view
        elif isinstance(message, Delta):
            if not message.changes and message.seq == self._seq:
                return  # a sign of life
            if self.view is None or message.seq != self._seq + 1:
                raise LaneAway("a delta is missing")
            self._seq = message.seq
            merged = {**msgspec.to_builtins(self.view), **message.changes}
            self.view = msgspec.convert(merged, View)
