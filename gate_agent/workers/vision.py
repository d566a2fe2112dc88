"""The body of the vision process: camera, models, and the socket to the agent.

Three threads: the camera's keeps the newest frame, the link's carries messages, and this
one, the only one that touches the device, does the work in the order it came.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from biometrics import image
from biometrics.device import VisionDevice
from biometrics.errors import BiometricFault, ImageRefused
from drivers.camera.mailbox import Frame, Mailbox
from drivers.camera.source import Source
from drivers.errors import DriverFault
from drivers.types import Condition, DeviceFailed, DeviceId, DeviceReady
from gate_agent.core.messages import Wipe

MAX_WORK = 256
CAMERA_RETRY_S = 0.5
IDLE_S = 1.0
GLANCE_NS = 2_000_000_000


class _QueuedCommand(NamedTuple):
    command: Any
    payload: Mapping[str, bytearray]


class _QueuedQuery(NamedTuple):
    request: int
    ticket: int
    kind: str


class _Frame(NamedTuple):
    """A new frame lies in the mailbox."""


class VisionWorker:
    """Serves one vision device.

    Args:
        device: with its models loaded.
        identity: what the agent shows of it (tier and models).
        emit: reports an event to the agent.
        answer: answers a picture query.
        clock: monotonic nanoseconds.
        aim: called after every frame with the face's place (`VisionDevice.face_place`).
        rotate, mirror: how a picture is made upright (`camera.rotate`, `camera.mirror`); here
            alone, so that guidance, evidence and officers' pictures all have it.
    """

    def __init__(
        self,
        device: VisionDevice,
        identity: str,
        emit: Callable[[Any], None],
        answer: Callable[[int, bytes], None],
        clock: Callable[[], int],
        aim: Callable[[tuple[float, float] | None], None] = lambda _place: None,
        rotate: int = 0,
        *,
        mirror: bool = False,
    ) -> None:
        self._aim = aim
        self._rotate, self._mirror = rotate, mirror
        self._device = device
        self._identity = identity
        self._emit = emit
        self._answer = answer
        self._clock = clock
        self._mailbox = Mailbox()
        self._work: queue.Queue[_QueuedCommand | _QueuedQuery | _Frame] = queue.Queue(MAX_WORK)
        self._frame_queued = False
        self._camera_fault: DriverFault | None = None
        self._camera_seen = False

    def on_command(self, command: Any, payload: Mapping[str, bytearray]) -> None:
        """Queue a command of the agent.

        Raises:
            RuntimeError: so many wait that one would be lost, and it may be a `Wipe`: the
                process ends and is started again, with empty buffers.
        """
        try:
            self._work.put_nowait(_QueuedCommand(command, payload))
        except queue.Full as error:
            raise RuntimeError("vision does not follow its commands") from error

    def on_query(self, request: int, ticket: int, kind: str) -> None:
        """Queue a picture query of the agent; too many of them get no picture."""
        try:
            self._work.put_nowait(_QueuedQuery(request, ticket, kind))
        except queue.Full:
            self._answer(request, b"")

    def on_connected(self) -> None:
        """Report readiness; the agent may be a new one."""
        if self._camera_fault is not None:
            self._emit(_failed(self._camera_fault))
        elif self._camera_seen:
            self._emit(self._ready())

    def watch_camera(
        self, source: Source, stop: Callable[[], bool], wait: Callable[[float], object]
    ) -> None:
        """Keep the newest frame; the body of the camera's thread."""
        try:
            while not stop():
                try:
                    frame = source.read()
                except DriverFault as fault:
                    if self._camera_fault is None:
                        self._camera_fault = fault
                        self._emit(_failed(fault))
                    wait(CAMERA_RETRY_S)
                    continue
                if frame is None:
                    continue
                self._mailbox.put(frame)
                if self._camera_fault is not None or not self._camera_seen:
                    self._camera_fault, self._camera_seen = None, True
                    self._emit(self._ready())
                self._announce_frame()
        finally:
            source.close()

    def run(self, stop: Callable[[], bool]) -> None:
        """Do the work until `stop()`."""
        while not stop():
            self._expire()
            try:
                item = self._work.get(timeout=self._patience_s())
            except queue.Empty:
                continue
            try:
                self._do(item)
            except BiometricFault as fault:
                self._emit(
                    DeviceFailed(
                        device=DeviceId.VISION,
                        code=fault.code,
                        retryable=False,
                        diagnosis=fault.diagnosis,
                    )
                )
            self._report()

    def _do(self, item: _QueuedCommand | _QueuedQuery | _Frame) -> None:
        now_ns = self._clock()
        if isinstance(item, _QueuedQuery):
            jpeg = self._device.picture(item.ticket, item.kind)
            if not jpeg and item.kind == "live":
                jpeg = self._glance(now_ns)
            self._answer(item.request, jpeg)
        elif isinstance(item, _Frame):
            self._frame_queued = False
            frame = self._upright_frame()
            if frame is not None:
                self._device.step(frame.picture, frame.frame_at_ns, now_ns)
                self._aim(self._device.face_place)
        elif isinstance(item.command, Wipe):
            self._device.wipe(item.command.ticket)
            frame = self._mailbox.take()
            if frame is not None and not isinstance(frame.picture, bytes):
                frame.picture.fill(0)
        else:
            self._device.command(item.command, item.payload, now_ns)

    def _upright_frame(self) -> Frame | None:
        """The newest frame, made upright; one that does not decode stays as it is."""
        frame = self._mailbox.take()
        if frame is None or not (self._rotate or self._mirror):
            return frame
        picture = frame.picture
        try:
            if isinstance(picture, bytes):
                picture = image.decode(picture)
        except ImageRefused:
            return frame
        made = image.upright(picture, self._rotate, mirror=self._mirror)
        if picture.flags.writeable:
            picture.fill(0)
        return Frame(made, frame.frame_at_ns)

    def _glance(self, now_ns: int) -> bytes:
        """The camera's newest frame, for a referral that never came to the face."""
        frame = self._upright_frame()
        if frame is None or frame.age_ns(now_ns) > GLANCE_NS:
            return b""
        if isinstance(frame.picture, bytes):
            return frame.picture
        return image.encode_jpeg(frame.picture)

    def _announce_frame(self) -> None:
        if not self._device.wants_frame or self._frame_queued:
            return
        self._frame_queued = True
        try:
            self._work.put_nowait(_Frame())
        except queue.Full:
            self._frame_queued = False  # too busy for frames: the next one tries again

    def _expire(self) -> None:
        due_ns, now_ns = self._device.due_ns, self._clock()
        if due_ns is not None and now_ns >= due_ns:
            self._device.expire(now_ns)
            self._report()

    def _patience_s(self) -> float:
        due_ns = self._device.due_ns
        if due_ns is None:
            return IDLE_S
        return min(IDLE_S, max(0.0, (due_ns - self._clock()) / 1e9))

    def _report(self) -> None:
        for event in self._device.events():
            self._emit(event)

    def _ready(self) -> DeviceReady:
        lacks = () if self._device.finds_attacks else (Condition.PAD_ABSENT,)
        return DeviceReady(device=DeviceId.VISION, identity=self._identity, conditions=lacks)


def _failed(fault: DriverFault) -> DeviceFailed:
    return DeviceFailed(
        device=DeviceId.VISION,
        code=fault.code,
        retryable=fault.retryable,
        diagnosis=fault.diagnosis,
    )
