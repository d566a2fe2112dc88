"""A camera that repeats its last picture is one that does not answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

from drivers.camera.capture import CaptureSource
from drivers.camera.still_picture import STILL_NS, StillPicture
from drivers.errors import NoAnswer
from firmware_cfg.profile import Camera

FRAME_NS = 33_000_000


def noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(3000)


def test_pictures_with_noise_never_stand_still() -> None:
    still = StillPicture()
    assert not any(still.stands_still(noise(n), n * FRAME_NS) for n in range(200))


@pytest.mark.parametrize("before", [0, 1, 50])
def test_the_same_picture_stands_still_after_two_seconds_and_not_before(before: int) -> None:
    still = StillPicture()
    for n in range(before):
        still.stands_still(noise(n), n * FRAME_NS)
    began_ns = before * FRAME_NS
    times = range(began_ns, began_ns + 2 * STILL_NS, FRAME_NS)
    found = [at for at in times if still.stands_still(noise(-1), at)]
    assert found == [at for at in times if at - began_ns >= STILL_NS]
    assert not still.stands_still(noise(-2), times[-1] + 1)


class Repeats:
    """A capture that says success for ever and gives one picture, as after the plug is pulled."""

    def __init__(self) -> None:
        self.released = False

    def read(self) -> tuple[bool, np.ndarray]:
        return True, np.full((4, 4, 3), 7, np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_frozen_camera_gives_no_more_frames_and_is_opened_again() -> None:
    now = [0]
    source = CaptureSource(Camera(source="device:0"), lambda: now[0])
    source._capture = capture = Repeats()
    while now[0] < STILL_NS:
        assert source.read() is not None
        now[0] += FRAME_NS
    with pytest.raises(NoAnswer, match="stands still"):
        source.read()
    assert capture.released
    assert source._capture is None
