"""The agent's side of its workers: a Unix socket and one connection per worker device.

A worker may only report events of its own device: a reader cannot decide as an officer, and
vision cannot report a document. Anything else, and any frame that does not decode,
ends the connection and is a `DeviceFailed`, as is a worker that dies. The peer must be
the worker's own user, and must send its hello at once.
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
from firmware_cfg.codes import Code
from gate_agent.lane_api.channel import (
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
from gate_agent.lane_api.socket_access import Access, access_of, hand_over, peer_uid

log = logging.getLogger("egate.workers")

MAX_QUEUE_BYTES = 16 * 1024 * 1024
MAX_CONNECTIONS = 8
HELLO_NS = 2_000_000_000
SILENT_NS = 5_000_000_000
"""A worker sends something every second; one that is silent for so long is stopped, or hangs."""

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
    """One peer on a device's socket: not yet a worker until its hello.

    `due_ns`: when it must have sent something.
    """

    def __init__(self, sock: socket.socket, door: DeviceId, due_ns: int) -> None:
        self.sock = sock
        self.door = door
        self.due_ns = due_ns
        self.reader: FrameReader[Any] = FrameReader(WorkerFrame)
        self.device: DeviceId | None = None
        self.out = bytearray()


class WorkerServer:
    """Carries commands to workers and their events to the inbox.

    Args:
        run_dir: where the sockets are made: `reader.sock` and `vision.sock`.
        put: puts an event into the inbox.
        keep: keeps an event's payload in the vault: `keep(ticket, payload)`.
        on_picture: `on_picture(request, jpeg)` when vision answered a view query.
        clock: monotonic nanoseconds.
        access: who may connect to a device's socket; our own user alone unless given.
    """

    def __init__(
        self,
        run_dir: Path,
        put: Callable[[Any], None],
        keep: Callable[[int, Mapping[str, bytes]], None],
        on_picture: Callable[[int, bytes], None],
        clock: Callable[[], int],
        access: Mapping[DeviceId, Access] | None = None,
    ) -> None:
        self._paths = {device: run_dir / f"{device}.sock" for device in _MAY_SAY}
        self._clock = clock
        ours = access_of()
        self._access = {device: (access or {}).get(device, ours) for device in _MAY_SAY}
        self._nameless: set[_Connection] = set()
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
        self._looked_ns = clock()

    def command(self, device: DeviceId, command: Any, payload: Mapping[str, bytes]) -> None:
        """Send one command to a worker; dropped if it is away (its failure was reported)."""
        given = {handle: bytearray(data) for handle, data in payload.items()}
        self._send(device, encode(ToWorker(command=command, payload=given)))

    def ask_picture(self, request: int, ticket: int, kind: str) -> None:
        """Ask vision for a picture; the answer comes to `on_picture`."""
        self._send(DeviceId.VISION, encode(ViewQuery(request=request, ticket=ticket, kind=kind)))

    def stop(self) -> None:
        """Make `run` look at its stop condition now."""
        self._wake()

    def run(self, stop: Callable[[], bool]) -> None:
        """Serve until `stop()`; the body of one thread."""
        listeners = {device: self._listen(device) for device in self._paths}
        for device, listener in listeners.items():
            self._selector.register(listener, selectors.EVENT_READ, device)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        try:
            while not stop():
                for key, mask in self._selector.select(timeout=1.0):
                    if isinstance(key.data, DeviceId):
                        self._accept(listeners[key.data], key.data)
                    elif key.fileobj is self._wake_out:
                        self._drain_wake()
                    else:
                        self._serve(key.data, mask)
                self._flush_pending()
                self._end_silent()
        finally:
            self._close_all(listeners)

    def _listen(self, device: DeviceId) -> socket.socket:
        """The listening socket; it takes its name only when it can be connected to."""
        path = self._paths[device]
        unnamed = path.with_name(path.name + ".new")
        unnamed.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            listener.bind(str(unnamed))
        finally:
            os.umask(previous)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
        hand_over(unnamed, self._access[device])
        unnamed.rename(path)
        return listener

    def _send(self, device: DeviceId, frame: bytes) -> None:
        if len(self._pending) < MAX_PENDING:
            self._pending.append((device, frame))
        else:
            self._overrun.add(device)  # a command is lost: its worker must start again
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

    def _accept(self, listener: socket.socket, door: DeviceId) -> None:
        sock, _ = listener.accept()
        uid = peer_uid(sock)
        if self._connections >= MAX_CONNECTIONS or uid not in self._access[door].uids:
            log.warning("a peer of user %d was not let in at %s", uid, door)
            sock.close()
            return
        sock.setblocking(False)
        self._connections += 1
        connection = _Connection(sock, door, self._clock() + HELLO_NS)
        self._nameless.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _end_silent(self) -> None:
        """Drop peers without a hello in time, and workers that have fallen silent.

        Judged by the turn before, so that everything was read since: where this process itself
        was held up, no worker counts as silent.
        """
        now_ns, self._looked_ns = self._looked_ns, self._clock()
        for connection in (*self._nameless, *self._workers.values()):
            if now_ns < connection.due_ns:
                continue
            if connection.device is None:
                self._drop(connection, Code.WORKER_VIOLATION, "no hello in time")
            else:
                self._drop(connection, Code.WORKER_SILENT, "its process does not answer")

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
            self._drop(connection, Code.WORKER_LOST, "its process went away")
            return
        if connection.device is not None:
            connection.due_ns = self._clock() + SILENT_NS
        try:
            for frame in connection.reader.feed(data):
                self._frame(connection, frame)
        except ChannelError as error:
            self._drop(connection, Code.WORKER_VIOLATION, error.diagnosis)

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
        # else StillHere: that it came is all it says

    def _hello(self, connection: _Connection, hello: WorkerHello) -> None:
        try:
            device = DeviceId(hello.device)
        except ValueError as error:
            raise ChannelError("hello of an unknown device") from error
        if device is not connection.door or connection.device is not None or hello.version != 1:
            raise ChannelError(f"hello of {device} version {hello.version}")
        if device in self._workers:
            self._drop(self._workers[device], Code.WORKER_LOST, "a new process took its place")
        connection.device = device
        connection.due_ns = self._clock() + SILENT_NS
        self._nameless.discard(connection)
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
                self._drop(connection, Code.WORKER_VIOLATION, "it does not read its commands")
                continue
            connection.out += frame
            self._write(connection)
        while self._overrun:
            device = self._overrun.pop()
            connection = self._workers.get(device)
            if connection is not None:
                self._drop(connection, Code.WORKER_VIOLATION, "too many commands wait for it")

    def _write(self, connection: _Connection) -> None:
        try:
            while connection.out:
                sent = connection.sock.send(connection.out)
                del connection.out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection, Code.WORKER_LOST, "its process went away")
            return
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
        self._selector.modify(connection.sock, mask, connection)

    def _drop(self, connection: _Connection, code: Code, diagnosis: str) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._connections -= 1
        self._nameless.discard(connection)
        device = connection.device
        if device is None:
            log.warning("a peer without a name was dropped: %s", diagnosis)
            return
        if self._workers.get(device) is connection:
            del self._workers[device]
        log.warning("worker %s dropped: %s", device, diagnosis)
        self._put(DeviceFailed(device=device, code=code, retryable=True, diagnosis=diagnosis))

    def _close_all(self, listeners: Mapping[DeviceId, socket.socket]) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Connection):
                key.data.sock.close()
        self._selector.close()
        self._wake_out.close()
        self._wake_in.close()
        for device, listener in listeners.items():
            listener.close()
            self._paths[device].unlink(missing_ok=True)
