"""The camera column as a sans-IO `drivers.ports.Machine`: it follows the face.

One message at a time; after anything unexpected the machine begins again. A column that does
not answer is reported, and the camera looks where it looked: the lane goes on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from drivers.camera import visca
from drivers.camera.aim import FacePosition, View, home, steer
from drivers.errors import DeviceRefused, DriverFault, NoAnswer, PortLost
from drivers.ports import Emission, Output, Write
from drivers.types import DeviceId, DeviceReady
from firmware_cfg.profile import Column

ANSWER_NS = 300_000_000
COMPLETION_NS = 8_000_000_000
RETRY_NS = 2_000_000_000
HOME_AFTER_NS = 6_000_000_000
SEEN_MAX_NS = 1_000_000_000
PORT = "column"

Job = Generator[bytes, visca.Reply, None]


class ColumnMachine:
    """Keeps the face in its place. Its command is a `FacePosition`, None when no one is there."""

    device = DeviceId.VISION
    ports = (PORT,)

    def __init__(self, column: Column) -> None:
        self._column = column
        self._connected = False
        self._now_ns = 0
        self._out: list[bytes] = []
        self._events: list[Emission] = []
        self._restart()

    def _restart(self) -> None:
        self._job: Job | None = None
        self._view: View | None = None
        self._buffer = bytearray()
        self._message = b""
        self._deadline_ns: int | None = None
        self._next_ns = self._now_ns
        self._face: tuple[int, FacePosition] | None = None
        self._face_ns = self._now_ns

    @property
    def view(self) -> View | None:
        """Where the column looks; None before it reported that."""
        return self._view

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        if not self._connected:
            return None
        return self._next_ns if self._deadline_ns is None else self._deadline_ns

    def opened(self, port: str, now_ns: int) -> None:
        """The port was opened (again)."""
        del port
        self._now_ns = now_ns
        self._restart()
        self._connected = True
        self._turn()

    def lost(self, port: str, now_ns: int) -> None:
        """The port went away.

        Raises:
            PortLost: always.
        """
        del port
        self._now_ns = now_ns
        self._connected = False
        self._restart()
        raise PortLost("the camera column's serial port was lost")

    def command(self, command: Any, now_ns: int) -> None:
        """A face was seen, or the picture is empty (None).

        Raises:
            DriverFault: see `drivers.errors`.
        """
        self._now_ns = now_ns
        if command is not None:
            self._face = (now_ns, command)
            self._face_ns = now_ns
        self._turn()

    def receive(self, port: str, data: bytes, now_ns: int) -> None:
        """Bytes arrived.

        Raises:
            DriverFault: see `drivers.errors`.
        """
        del port
        self._now_ns = now_ns
        self._buffer += data
        while visca.END in self._buffer:
            end = self._buffer.index(visca.END) + 1
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._take(message)
        del self._buffer[: -visca.MESSAGE_MAX_BYTES]

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: see `drivers.errors`.
        """
        self._now_ns = now_ns
        if self._deadline_ns is not None and now_ns >= self._deadline_ns:
            self._fail(NoAnswer("the camera column does not answer"))
        self._turn()

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        out, self._out = self._out, []
        return [Write(PORT, message) for message in out]

    def events(self) -> list[Emission]:
        """Take what happened."""
        events, self._events = self._events, []
        return events

    def wipe(self, ticket: int) -> None:
        """A column holds nothing of a traveller but where the face was."""
        del ticket
        self._face = None

    # --- inside -----------------------------------------------------------------------

    def _turn(self) -> None:
        if self._connected and self._job is None and self._now_ns >= self._next_ns:
            self._next_ns = self._now_ns + self._column.step_ms * 1_000_000
            self._job = self._begin() if self._view is None else self._follow(self._view)
            self._advance(None)

    def _advance(self, reply: visca.Reply | None) -> None:
        if self._job is None:
            return
        try:
            self._message = next(self._job) if reply is None else self._job.send(reply)
        except StopIteration:
            self._job = None
            self._deadline_ns = None
            return
        self._out.append(self._message)
        self._deadline_ns = self._now_ns + ANSWER_NS

    def _take(self, message: bytes) -> None:
        """One message: an acknowledgement is waited past, anything else goes to the job."""
        if message[0] == visca.BROADCAST and self._message[:1] == message[:1]:
            self._advance(visca.Answer(message[1:-1]))
            return
        try:
            reply = visca.parse_reply(message, self._column.address)
        except visca.BadMessage:
            return  # of another device on the line, or an old one
        if isinstance(reply, visca.Acknowledged):
            self._deadline_ns = self._now_ns + COMPLETION_NS
        elif isinstance(reply, visca.Failed):
            self._fail(DeviceRefused(f"camera column: {reply.text}"))
        elif self._deadline_ns is not None and self._expected(reply):
            self._advance(reply)

    def _expected(self, reply: visca.Reply) -> bool:
        """An inquiry (09) wants an answer, a command (01) its completion."""
        inquiry = self._message[1] == 0x09
        return isinstance(reply, visca.Answer if inquiry else visca.Completed)

    def _fail(self, fault: DriverFault) -> None:
        self._restart()
        self._next_ns = self._now_ns + RETRY_NS
        raise fault

    def _begin(self) -> Job:
        """Address, who it is, backlight, where it looks."""
        address = self._column.address
        yield visca.ADDRESS_SET
        yield visca.CLEAR_ALL
        version = yield visca.ask_version(address)
        identity = visca.version_of(version) if isinstance(version, visca.Answer) else ""
        yield visca.backlight(address, on=self._column.backlight)
        yield from self._where()
        self._events.append(Emission(DeviceReady(device=self.device, identity=identity), {}))

    def _where(self) -> Job:
        """Read back where the column looks."""
        position = yield visca.ask_position(self._column.address)
        zoom = yield visca.ask_zoom(self._column.address)
        if isinstance(position, visca.Answer) and isinstance(zoom, visca.Answer):
            self._view = View(visca.position_of(position), visca.zoom_of(zoom))

    def _follow(self, view: View) -> Job:
        wanted = self._wanted(view)
        address = self._column.address
        if wanted.vertical != view.vertical:
            yield visca.vertical_to(address, wanted.vertical, self._column.speed)
        if wanted.zoom != view.zoom:
            yield visca.zoom_to(address, wanted.zoom)
        if wanted != view:
            self._face = None  # seen before the move: no longer true
            yield from self._where()

    def _wanted(self, view: View) -> View:
        if self._face is not None and self._now_ns - self._face[0] <= SEEN_MAX_NS:
            return steer(self._face[1], view, self._column)
        if self._now_ns - self._face_ns > HOME_AFTER_NS:
            return home(self._column)
        return view
