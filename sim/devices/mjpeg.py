"""Motion JPEG over HTTP on loopback: what a network camera offers.

One pollable descriptor stands for the listener and all its clients, so a select loop
needs to know nothing else. Pictures are made only while a client looks, and a client
that is slow misses frames instead of filling memory.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

BOUNDARY = b"egateframe"
MAX_CLIENTS = 4
MAX_REQUEST_BYTES = 8_192
HEADER = (
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n\r\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Render = Callable[[int], bytes]


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.request = bytearray()
        self.pending = bytearray()
        self.streaming = False
        self.closing = False


class MjpegServer:
    """Serves `render(now_ns)` at `fps` to clients of 127.0.0.1:`port`."""

    def __init__(self, render: Render, *, fps: int = 8, port: int = 0) -> None:
        self._render = render
        self._period_ns = 1_000_000_000 // fps
        self._next_ns = 0
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.EpollSelector()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=MAX_CLIENTS)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._listener.getsockname()[1])

    @property
    def due_ns(self) -> int | None:
        """When the next frame is due; None while no client looks."""
        watched = any(client.streaming for client in self._clients.values())
        return self._next_ns if watched else None

    def fileno(self) -> int:
        """Readable when `ready` has something to do."""
        return self._selector.fileno()

    def ready(self) -> None:
        """Accept, read and write whatever does not block."""
        for key, events in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
                continue
            client = self._clients[key.fd]
            if events & selectors.EVENT_READ:
                self._read(client)
            if key.fd in self._clients and events & selectors.EVENT_WRITE:
                self._write(client)

    def expire(self, now_ns: int) -> None:
        """Send a frame to every client that has taken the one before."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + self._period_ns
        waiting = [c for c in self._clients.values() if c.streaming and not c.pending]
        if not waiting:
            return
        jpeg = self._render(now_ns)
        part = b"--%b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"
        frame = part % (BOUNDARY, len(jpeg), jpeg)
        for client in waiting:
            client.pending += frame
            self._write(client)

    def close(self) -> None:
        """Hang up on every client."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(4_096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        client.request += data
        if not data or (not client.streaming and len(client.request) > MAX_REQUEST_BYTES):
            self._drop(client)
        elif client.streaming:
            client.request.clear()
        elif b"\r\n\r\n" in client.request:
            client.streaming = bytes(client.request).startswith(b"GET /")
            client.closing = not client.streaming
            client.pending += HEADER if client.streaming else NOT_FOUND
            client.request.clear()
            self._write(client)

    def _write(self, client: _Client) -> None:
        try:
            sent = client.connection.send(client.pending) if client.pending else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.pending[:sent]
        if client.closing and not client.pending:
            self._drop(client)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.pending else 0)
        self._selector.modify(client.connection, events)

    def _drop(self, client: _Client) -> None:
        fd = client.connection.fileno()
        self._selector.unregister(client.connection)
        del self._clients[fd]
        client.connection.close()
