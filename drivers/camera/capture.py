"""A camera of the operating system (V4L2). The one file of drivers that imports OpenCV."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from drivers.camera.mailbox import Frame
from drivers.errors import NoAnswer, PortLost


class CaptureSource:
    """Reads a numbered video device.

    Raises:
        PortLost: the device is not there or busy.
    """

    def __init__(
        self, index: int, width: int, height: int, fps: int, clock: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise PortLost(f"camera: video device {index} cannot be opened")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> Frame | None:
        """The next frame, RGB; blocks as long as the device's driver does.

        Raises:
            NoAnswer: the device gives no frame.
        """
        good, picture = self._capture.read()
        if not good:
            raise NoAnswer("camera: the video device gives no frame")
        flipped = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return Frame(np.asarray(flipped, np.uint8), self._clock())

    def close(self) -> None:
        """Give the device back."""
        self._capture.release()
