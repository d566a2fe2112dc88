"""The agent's side of its workers: one Unix socket, one connection per worker device.

A worker may only say what its device can know: a reader cannot speak for an officer, and
vision cannot speak for a document. Anything else, and any frame that does not decode,
ends the connection and is a `DeviceFailed`, as is a worker that dies.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biometrics.types import Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    MrzRead,
    PortraitRead,
    ReadStep,
)
from gate_agent.channel import (
    ChannelError,
    FrameReader,
    FromWorker,
    ToWorker,
    ViewAnswer,
    ViewQuery,
    WorkerFrame,
    WorkerHello,
    encode,
)

log = logging.getLogger("egate.workers")

WORKER_LOST = 110
"""Code of the `DeviceFailed` for a worker process that went away."""
WORKER_VIOLATION = 111
"""Code of the `DeviceFailed` for a worker that broke the protocol."""

MAX_QUEUE_BYTES = 16 * 1024 * 1024
MAX_CONNECTIONS = 8
MAX_PENDING = 1024

_MAY_SAY: Mapping[DeviceId, tuple[type, ...]] = {
    DeviceId.READER: (
        DocumentPresented,
        MrzRead,
        ReadStep,
        PortraitRead,
        DocumentVerified,
        DocumentRemoved,
        DeviceReady,
        DeviceFailed,
    ),
    DeviceId.VISION: (PortraitPrepared, Observed, VerifyEnded, DeviceReady, DeviceFailed),
}


class _Connection:
    """One peer: not yet a worker until its hello."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader: FrameReader[Any] = FrameReader(WorkerFrame)
        self.device: DeviceId | None = None
        self.out = bytearray()


class WorkerServer:
    """Carries commands to workers and their events to the inbox.

    Args:
        path: where the socket is made, mode 0600.
        put: puts an event into the inbox.
        keep: keeps an event's payload in the vault: `keep(ticket, payload)`.
        on_picture: `on_picture(request, jpeg)` when vision answered a view query.
    """

    def __init__(
        self,
        path: Path,
        put: Callable[[Any], None],
        keep: Callable[[int, Mapping[str, bytes]], None],
        on_picture: Callable[[int, bytes], None],
    ) -> None:
        self._path = path
        self._put = put
        self._keep = keep
        self._on_picture = on_picture
        self._wake_out, self._wake_in = socket.socketpair()
        for end in (self._wake_out, self._wake_in):
            end.setblocking(False)
        self._pending: deque[tuple[DeviceId, bytes]] = deque()
        self._overrun: set[DeviceId] = set()
        self._selector = selectors.DefaultSelector()
        self._workers: dict[DeviceId, _Connection] = {}
        self._connections = 0

    def command(self, device: DeviceId, command: Any, payload: Mapping[str, bytes]) -> None:
        """Send one command to a worker; dropped if it is away (its failure was reported)."""
        self._send(device, encode(ToWorker(command=command, payload=dict(payload))))

    def ask_picture(self, request: int, ticket: int, kind: str) -> None:
        """Ask vision for a picture; the answer comes to `on_picture`."""
        self._send(DeviceId.VISION, encode(ViewQuery(request=request, ticket=ticket, kind=kind)))

    def stop(self) -> None:
        """Make `run` look at its stop condition now."""
        self._wake()

    def run(self, stop: Callable[[], bool]) -> None:
        """Serve until `stop()`; the body of one thread."""
        listener = self._listen()
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        try:
            while not stop():
                for key, mask in self._selector.select(timeout=1.0):
                    if key.fileobj is listener:
                        self._accept(listener)
                    elif key.fileobj is self._wake_out:
                        self._drain_wake()
                    else:
                        self._serve(key.data, mask)
                self._flush_pending()
        finally:
            self._close_all(listener)

    def _listen(self) -> socket.socket:
        """The listening socket; it takes its name only when it can be connected to."""
        unnamed = self._path.with_name(self._path.name + ".new")
        unnamed.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            listener.bind(str(unnamed))
        finally:
            os.umask(previous)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
        unnamed.rename(self._path)
        return listener

    def _send(self, device: DeviceId, frame: bytes) -> None:
        if len(self._pending) < MAX_PENDING:
            self._pending.append((device, frame))
        else:
            self._overrun.add(device)  # a command is lost: its worker must begin anew
        self._wake()

    def _wake(self) -> None:
        # A full buffer means that a wake-up is already waiting; a closed one, that `run` ended.
        with contextlib.suppress(OSError):
            self._wake_in.send(b"\0")

    def _drain_wake(self) -> None:
        try:
            while self._wake_out.recv(4096):
                continue
        except BlockingIOError:
            return

    def _accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        if self._connections >= MAX_CONNECTIONS:
            sock.close()
            return
        sock.setblocking(False)
        self._connections += 1
        self._selector.register(sock, selectors.EVENT_READ, _Connection(sock))

    def _serve(self, connection: _Connection, mask: int) -> None:
        if connection.sock.fileno() >= 0 and mask & selectors.EVENT_WRITE:
            self._write(connection)
        if connection.sock.fileno() < 0 or not mask & selectors.EVENT_READ:
            return
        try:
            data = connection.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection, WORKER_LOST, "its process went away")
            return
        try:
            for frame in connection.reader.feed(data):
                self._frame(connection, frame)
        except ChannelError as error:
            self._drop(connection, WORKER_VIOLATION, error.diagnosis)

    def _frame(self, connection: _Connection, frame: Any) -> None:
        if isinstance(frame, WorkerHello):
            self._hello(connection, frame)
        elif connection.device is None:
            raise ChannelError("a worker spoke before its hello")
        elif isinstance(frame, ViewAnswer):
            if connection.device is DeviceId.VISION:
                self._on_picture(frame.request, frame.jpeg)
        elif isinstance(frame, FromWorker):
            self._event(connection.device, frame)

    def _hello(self, connection: _Connection, hello: WorkerHello) -> None:
        try:
            device = DeviceId(hello.device)
        except ValueError as error:
            raise ChannelError("hello of an unknown device") from error
        if device not in _MAY_SAY or hello.version != 1:
            raise ChannelError(f"hello of {device} version {hello.version}")
        if device in self._workers:
            self._drop(self._workers[device], WORKER_LOST, "a new process took its place")
        connection.device = device
        self._workers[device] = connection
        log.info("worker %s connected", device)

    def _event(self, device: DeviceId, frame: FromWorker) -> None:
        event = frame.event
        if not isinstance(event, _MAY_SAY[device]):
            raise ChannelError(f"{device} may not say {type(event).__name__}")
        if isinstance(event, DeviceReady | DeviceFailed) and event.device is not device:
            raise ChannelError(f"{device} may not speak for {event.device}")
        if frame.payload:
            self._keep(getattr(event, "ticket", 0), frame.payload)
        self._put(event)

    def _flush_pending(self) -> None:
        while self._pending:
            device, frame = self._pending.popleft()
            connection = self._workers.get(device)
            if connection is None:
                continue
            if len(connection.out) + len(frame) > MAX_QUEUE_BYTES:
                self._drop(connection, WORKER_VIOLATION, "it does not read its commands")
                continue
            connection.out += frame
            self._write(connection)
        while self._overrun:
            device = self._overrun.pop()
            connection = self._workers.get(device)
            if connection is not None:
                self._drop(connection, WORKER_VIOLATION, "too many commands wait for it")

    def _write(self, connection: _Connection) -> None:
        try:
            while connection.out:
                sent = connection.sock.send(connection.out)
                del connection.out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection, WORKER_LOST, "its process went away")
            return
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
        self._selector.modify(connection.sock, mask, connection)

    def _drop(self, connection: _Connection, code: int, diagnosis: str) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._connections -= 1
        device = connection.device
        if device is None:
            log.warning("a peer without a name was dropped: %s", diagnosis)
            return
        if self._workers.get(device) is connection:
            del self._workers[device]
        log.warning("worker %s dropped: %s", device, diagnosis)
        self._put(DeviceFailed(device=device, code=code, retryable=True, diagnosis=diagnosis))

    def _close_all(self, listener: socket.socket) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Connection):
                key.data.sock.close()
        self._selector.close()
        listener.close()
        self._wake_out.close()
        self._wake_in.close()
        self._path.unlink(missing_ok=True)
