"""Where frames come from, named by a string of the profile.

    device:N, device:/dev/NAME        a video device of the operating system (V4L2)
    rtsp://HOST/PATH, rtsps://...     a network camera
    mjpeg:http://HOST:PORT/PATH       motion JPEG over HTTP
    file:PATH                         one picture, or a folder of them in turn

Every source is read by a thread of the vision process: `read` blocks for a short while and
gives a frame or None. A `DriverFault` leaves the source usable: the next `read` tries again.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from drivers.camera.access import Login, basic
from drivers.camera.mailbox import Frame
from drivers.camera.mjpeg import MjpegParser, request
from drivers.errors import CredentialsRefused, DeviceRefused, NoAnswer, PortLost, ProtocolViolation
from firmware_cfg.profile import Camera

READ_WAIT_S = 0.2
CONNECT_WAIT_S = 2.0
SILENCE_NS = 2_000_000_000
RECEIVE_BYTES = 256 * 1024
MAX_PICTURES = 1000
MAX_PICTURE_BYTES = 8 * 1024 * 1024
SUFFIXES = (".jpg", ".jpeg", ".png")

Clock = Callable[[], int]


class Source(Protocol):
    """A camera of any kind."""

    def read(self) -> Frame | None:
        """The newest frame within a short wait, or None. Raises `DriverFault`."""

    def close(self) -> None:
        """Release it."""


class MjpegSource:
    """Reads motion JPEG over HTTP; connects when first read, and again after a fault."""

    def __init__(self, url: str, clock: Clock, login: Login | None = None) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 80
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            if parts.scheme != "http" or host is None or "@" in parts.netloc:
                raise ValueError
            self._request = request(parts.netloc, path, basic(login) if login else "")
        except ValueError as error:
            raise DeviceRefused("camera: not a stream's address (scheme, host or user)") from error
        self._address = (host, port)
        self._clock = clock
        self._socket: socket.socket | None = None
        self._parser = MjpegParser()
        self._received_ns = 0

    def read(self) -> Frame | None:
        """The newest whole picture within `READ_WAIT_S`, or None.

        Raises:
            PortLost: the camera cannot be reached or closed the connection.
            NoAnswer: nothing came for `SILENCE_NS`.
            ProtocolViolation: it does not speak motion JPEG.
            CredentialsRefused: it asks for a name and password, or does not take ours.
        """
        connection = self._socket or self._connect()
        try:
            data = connection.recv(RECEIVE_BYTES)
        except TimeoutError:
            if self._clock() - self._received_ns > SILENCE_NS:
                self.close()
                raise NoAnswer("camera: the stream is silent") from None
            return None
        except OSError as error:
            self.close()
            raise PortLost("camera: the stream broke") from error
        if not data:
            self.close()
            raise PortLost("camera: the stream was closed")
        self._received_ns = self._clock()
        try:
            pictures = self._parser.receive(data)
        except (ProtocolViolation, CredentialsRefused):
            self.close()
            raise
        return Frame(pictures[-1], self._received_ns) if pictures else None

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection(self._address, CONNECT_WAIT_S)
        except OSError as error:
            raise PortLost("camera: the stream cannot be reached") from error
        self._socket = connection
        self._parser = MjpegParser()
        self._received_ns = self._clock()
        try:
            connection.settimeout(READ_WAIT_S)
            connection.sendall(self._request)
        except OSError as error:
            self.close()
            raise PortLost("camera: the stream broke") from error
        return connection

    def close(self) -> None:
        """Disconnect; the next `read` connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class FileSource:
    """Gives a picture, or a folder's pictures in turn, at the profile's rate.

    Args:
        wait: waits that many seconds, or less when it is woken.

    Raises:
        PortLost: there is no picture.
    """

    def __init__(self, path: Path, fps: int, clock: Clock, wait: Callable[[float], object]) -> None:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        self._paths = [p for p in found if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not self._paths or len(self._paths) > MAX_PICTURES:
            raise PortLost(f"camera: {path.name} holds no picture, or more than {MAX_PICTURES}")
        self._period_ns = 1_000_000_000 // fps
        self._clock = clock
        self._wait = wait
        self._next = 0
        self._due_ns = clock()

    def read(self) -> Frame | None:
        """The next picture's bytes when its time has come, else None after a wait.

        Raises:
            PortLost: the picture cannot be read or is too large.
        """
        now_ns = self._clock()
        if now_ns < self._due_ns:
            self._wait(min((self._due_ns - now_ns) / 1e9, READ_WAIT_S))
            return None
        self._due_ns = now_ns + self._period_ns
        path = self._paths[self._next % len(self._paths)]
        self._next += 1
        try:
            with path.open("rb") as file:
                data = file.read(MAX_PICTURE_BYTES + 1)
        except OSError as error:
            raise PortLost(f"camera: {path.name} cannot be read") from error
        if len(data) > MAX_PICTURE_BYTES:
            raise PortLost(f"camera: {path.name} exceeds {MAX_PICTURE_BYTES} bytes")
        return Frame(data, now_ns)

    def close(self) -> None:
        """Nothing is held open."""


def open_source(
    camera: Camera,
    *,
    clock: Clock,
    wait: Callable[[float], object],
    login: Login | None = None,
) -> Source:
    """Open the camera that a profile names.

    Args:
        camera: its source and settings.
        clock: monotonic nanoseconds.
        wait: waits that many seconds (e.g. the `wait` of the event that stops the thread).
        login: for a network camera that asks for one.

    Raises:
        DeviceRefused: the string names no kind of camera.
        PortLost: the camera is not there.
    """
    kind, _, rest = camera.source.partition(":")
    if kind == "mjpeg":
        return MjpegSource(rest, clock, login)
    if kind == "file":
        return FileSource(Path(rest), camera.fps, clock, wait)
    device = kind == "device" and re.fullmatch(r"[0-9]{1,3}|/dev/[A-Za-z0-9_./-]{1,200}", rest)
    if device or (kind in ("rtsp", "rtsps") and rest.startswith("//")):
        from drivers.camera.capture import CaptureSource

        return CaptureSource(camera, clock, login)
    raise DeviceRefused(
        "camera: the source is none of device:N, device:/dev/NAME, rtsp://, mjpeg:URL, file:PATH"
    )
