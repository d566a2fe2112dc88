"""A worker's side of the agent's socket: connect, say hello, carry frames, connect again.

While the agent is away the worker keeps trying, and events meant for it are dropped: an
agent that comes back starts with no crossing, so earlier events do not concern it.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drivers.types import DeviceId
from gate_agent.lane_api.channel import (
    AgentFrame,
    ChannelError,
    FrameReader,
    FromWorker,
    StillHere,
    ToWorker,
    ViewAnswer,
    ViewQuery,
    WorkerHello,
    drop,
    encode,
)

log = logging.getLogger("egate.worker")

RETRY_S = 0.25
BEAT_S = 1.0
"""After so long without anything to report the worker sends `StillHere`."""

RECEIVE_BYTES = 262_144
MAX_QUEUE_BYTES = 16 * 1024 * 1024


class WorkerLink:
    """The connection of one worker process to its agent.

    Args:
        path: the agent's socket.
        device: what this worker is.
        on_command: `on_command(command, payload)` for each command.
        on_connected: called after each (new) connection: report readiness again.
        on_query: `on_query(request, ticket, kind)`, for vision only; see `answer`.
    """

    def __init__(
        self,
        path: Path,
        device: DeviceId,
        on_command: Callable[[Any, Mapping[str, bytearray]], None],
        on_connected: Callable[[], None],
        on_query: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self._path = path
        self._device = device
        self._on_command = on_command
        self._on_connected = on_connected
        self._on_query = on_query
        self._lock = threading.Lock()
        self._out = bytearray()
        self._received = bytearray(RECEIVE_BYTES)
        self._connected = False
        self._wake_out, self._wake_in = socket.socketpair()
        for end in (self._wake_out, self._wake_in):
            end.setblocking(False)

    def emit(self, event: Any, payload: Mapping[str, bytes] | None = None) -> None:
        """Report one event to the agent; dropped while it is away."""
        self._queue(encode(FromWorker(event=event, payload=dict(payload or {}))))

    def answer(self, request: int, jpeg: bytes) -> None:
        """Answer a picture query; empty when there is nothing to show."""
        self._queue(encode(ViewAnswer(request=request, jpeg=jpeg)))

    def run(self, stop: Callable[[], bool], wait: Callable[[float], object]) -> None:
        """Keep connected until `stop()`; the body of one thread. `wait(s)` is the live wait."""
        try:
            while not stop():
                try:
                    self._session(stop)
                except OSError as error:
                    log.debug("agent away: %s", error.strerror)
                if not stop():
                    wait(RETRY_S)
        finally:
            self._wake_out.close()
            self._wake_in.close()

    def _queue(self, frame: bytes) -> None:
        with self._lock:
            if not self._connected:
                return
            if len(self._out) + len(frame) > MAX_QUEUE_BYTES:
                log.warning("agent does not read; an event was dropped")
                return
            self._out += frame
        # A full buffer means that a wake-up is already waiting; a closed one, that `run` ended.
        with contextlib.suppress(OSError):
            self._wake_in.send(b"\0")

    def _session(self, stop: Callable[[], bool]) -> None:
        reader: FrameReader[Any] = FrameReader(AgentFrame)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock,
            selectors.DefaultSelector() as selector,
        ):
            sock.connect(str(self._path))
            sock.setblocking(False)
            with self._lock:
                self._out = bytearray(encode(WorkerHello(device=self._device.value)))
                self._connected = True
            try:
                self._on_connected()
                selector.register(self._wake_out, selectors.EVENT_READ)
                while not stop():
                    self._flush(sock)
                    mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
                    if sock in selector.get_map():
                        selector.modify(sock, mask)
                    else:
                        selector.register(sock, mask)
                    ready = selector.select(BEAT_S)
                    if not ready:
                        self._queue(encode(StillHere()))
                    for key, events in ready:
                        if key.fileobj is self._wake_out:
                            self._wake_out.recv(4096)
                        elif events & selectors.EVENT_READ and not self._read(sock, reader):
                            return
            finally:
                with self._lock:
                    self._connected = False

    def _flush(self, sock: socket.socket) -> None:
        with self._lock:
            try:
                while self._out:
                    drop(self._out, sock.send(self._out))
            except BlockingIOError:
                return

    def _read(self, sock: socket.socket, reader: FrameReader[Any]) -> bool:
        count = sock.recv_into(self._received)
        if not count:
            return False
        try:
            with memoryview(self._received)[:count] as data:
                frames = list(reader.feed(data))
        except ChannelError as error:
            log.error("the agent's frames do not decode: %s", error.diagnosis)
            return False
        finally:
            self._received[:count] = bytes(count)
        for frame in frames:
            if isinstance(frame, ToWorker):
                self._on_command(frame.command, frame.payload)
            elif isinstance(frame, ViewQuery) and self._on_query is not None:
                self._on_query(frame.request, frame.ticket, frame.kind)
        return True
