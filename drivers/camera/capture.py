"""Cameras of the operating system (V4L2) and of the network (RTSP).

The one file of drivers that imports OpenCV. A source connects when it is first read, and
again after a fault; a camera that was pulled out and put back is found by the same name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from drivers.camera.access import UNAUTHORISED, Login, login_of, rtsp_status, with_login
from drivers.camera.mailbox import Frame
from drivers.camera.still_picture import StillPicture
from drivers.camera.stream_clock import StreamClock
from drivers.errors import CredentialsRefused, NoAnswer, PortLost
from firmware_cfg.profile import Camera

OPEN_MS = 5_000
READ_MS = 2_000
V4L2_MANUAL = 1  # V4L2_EXPOSURE_MANUAL
V4L2_APERTURE_PRIORITY = 3
MS = 1_000_000
SAMPLE = 8  # every eighth pixel of every eighth line: noise is everywhere


def controls(camera: Camera) -> tuple[tuple[int, float], ...]:
    """Settings of a V4L2 device after it was opened, in order: property and value.

    Exposure is set after the automatic was switched off: some cameras refuse it before.
    """
    settings: list[tuple[int, float]] = [
        (cv2.CAP_PROP_FRAME_WIDTH, camera.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, camera.height),
        (cv2.CAP_PROP_FPS, camera.fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    if camera.exposure_us is None:
        settings.append((cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_APERTURE_PRIORITY))
    else:
        settings.append((cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_MANUAL))
        settings.append((cv2.CAP_PROP_EXPOSURE, camera.exposure_us / 100))  # in 100 us (UVC)
    if camera.backlight is not None:
        settings.append((cv2.CAP_PROP_BACKLIGHT, camera.backlight))
    return tuple(settings)


class CaptureSource:
    """Reads a video device (`device:0`, `device:/dev/egate/camera`) or a stream (`rtsp://...`)."""

    def __init__(
        self, camera: Camera, clock: Callable[[], int], login: Login | None = None
    ) -> None:
        self._camera = camera
        self._login = login
        self._clock = clock
        kind, _, rest = camera.source.partition(":")
        self._device = rest if kind == "device" else None
        self._capture: Any = None
        self._stream = StreamClock()
        self._still = StillPicture()

    def read(self) -> Frame | None:
        """The next frame, RGB, or None while its age is not known.

        Raises:
            PortLost: the camera is not there, or cannot be reached.
            CredentialsRefused: it asks for a name and password, or does not take ours.
            NoAnswer: it gives no frame.
                A device that gives the same one for `STILL_NS` gives none, unless it is plain.
        """
        if self._capture is None:
            self._open()
        good, picture = self._capture.read()
        arrived_ns = self._clock()
        if not good:
            self.close()
            raise NoAnswer("camera: no frame comes")
        taken_ns: int | None = arrived_ns
        if self._device is not None and self._still.stands_still(
            picture[::SAMPLE, ::SAMPLE].tobytes(), arrived_ns
        ):
            picture.fill(0)
            self.close()
            raise NoAnswer("camera: its picture stands still: it hangs")
        if self._device is None:
            sent_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * MS)
            taken_ns = self._stream.taken_ns(arrived_ns, sent_ns)
        if taken_ns is None:
            picture.fill(0)
            return None
        flipped = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        picture.fill(0)
        return Frame(np.asarray(flipped, np.uint8), taken_ns)

    def _raise_if_refused(self) -> None:
        if not self._camera.source.startswith("rtsp://"):
            return
        login = self._login or login_of(self._camera.source)
        if rtsp_status(self._camera.source, login) in UNAUTHORISED:
            if login is None:
                raise CredentialsRefused("camera: it asks for a name and a password")
            raise CredentialsRefused("camera: it does not take the name and password it was given")

    def close(self) -> None:
        """Give the camera back; the next `read` opens it again."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
            self._still = StillPicture()

    def _open(self) -> None:
        if self._device is None:
            limits = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                OPEN_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                READ_MS,
            ]
            capture = cv2.VideoCapture(
                with_login(self._camera.source, self._login), cv2.CAP_FFMPEG, limits
            )
            self._stream = StreamClock()
        else:
            name = self._device
            path = f"/dev/video{name}" if name.isdigit() else name
            capture = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            self._raise_if_refused()
            raise PortLost("camera: it is not there, or cannot be reached")
        if self._device is not None:
            for what, value in controls(self._camera):
                capture.set(what, value)  # a camera without this control refuses: it is optional
        self._capture = capture
