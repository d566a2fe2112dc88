"""A mailbox with one slot: the newest frame wins, an unread older one is gone.

A face is verified on what stands before the camera now; a queue would only make it late.
The slot is guarded by a lock, so that the camera's thread may put while vision takes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One picture: coded bytes, or rows x columns x 3 bytes RGB. `frame_at_ns` monotonic."""

    picture: bytes | NDArray[np.uint8] = field(repr=False)
    frame_at_ns: int

    def age_ns(self, now_ns: int) -> int:
        """How long ago it was taken."""
        return now_ns - self.frame_at_ns


class Mailbox:
    """Holds the newest frame.

    Attributes:
        dropped: frames that were replaced before they were taken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        """Replace whatever is there, unless that is newer."""
        with self._lock:
            if self._frame is not None:
                self.dropped += 1
                if self._frame.frame_at_ns > frame.frame_at_ns:
                    return
            self._frame = frame

    def take(self) -> Frame | None:
        """The newest frame that was not taken yet; None when there is none."""
        with self._lock:
            frame, self._frame = self._frame, None
            return frame
