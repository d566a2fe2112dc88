"""A camera that repeats its last picture: it counts as one that does not answer.

Some capture stacks go on giving the newest frame, as a success, after the camera was pulled
out or has hung. Two pictures of a real sensor are never equal in every byte, because of its
noise; a picture that stays equal for a while is not being taken. Noise is cut off where a picture
is black or white all over: a covered lens, a dark hall at night, a lamp that shines into it. Such a
picture may stay equal, and says nothing about the camera; no face is found in it, so no one is
admitted on it. A stream states itself when each picture was taken (`drivers.camera.stream_clock`),
so this is for devices alone.
"""

from __future__ import annotations

import hashlib

import numpy as np

STILL_NS = 2_000_000_000
"""A camera that drops a frame or two repeats one for a tenth of a second."""
PLAIN_LEVELS = 24
"""A picture whose samples lie within so many of 256 levels shows nothing."""
PLAIN_PERCENT = (1, 99)
"""Between these shares of the samples: a sensor has pixels that are always bright."""


class StillPicture:
    """Compares each picture of one connection with the one before; keeps a hash, no picture."""

    def __init__(self) -> None:
        self._known = b""
        self._since_ns = 0

    def stands_still(self, picture: bytes, now_ns: int) -> bool:
        """Whether the picture has been the same for `STILL_NS`, and shows something.

        Args:
            picture: its samples, a byte each.
            now_ns: monotonic.
        """
        known = hashlib.blake2b(picture, digest_size=16).digest()
        if known != self._known:
            self._known, self._since_ns = known, now_ns
            return False
        return now_ns - self._since_ns >= STILL_NS and not _plain(picture)


def _plain(picture: bytes) -> bool:
    low, high = np.percentile(np.frombuffer(picture, np.uint8), PLAIN_PERCENT)
    return bool(high - low < PLAIN_LEVELS)
