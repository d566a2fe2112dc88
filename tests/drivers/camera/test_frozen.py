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
        return True, np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)

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


@pytest.mark.parametrize("level", [0, 3, 128, 255])
def test_a_covered_or_dazzled_camera_is_not_taken_for_one_that_hangs(level: int) -> None:
    """Its noise is cut off; one pixel in two hundred is always bright."""
    pixels = np.full(4800, level, np.uint8)
    pixels[::2] = max(0, level - 4)
    pixels[::200] = 255
    still = StillPicture()
    times = range(0, 3600 * STILL_NS, STILL_NS // 2)
    assert not any(still.stands_still(pixels.tobytes(), at) for at in times)


def test_a_dim_picture_with_something_in_it_still_stands_still() -> None:
    dim = np.tile(np.arange(40, dtype=np.uint8), 100).tobytes()
    still = StillPicture()
    assert [still.stands_still(dim, at) for at in (0, STILL_NS)] == [False, True]


def test_a_lens_cap_in_a_quiet_lane_leaves_the_camera_open() -> None:
    now = [0]
    source = CaptureSource(Camera(source="device:0"), lambda: now[0])
    source._capture = capture = Repeats()
    capture.read = lambda: (True, np.zeros((32, 32, 3), np.uint8))
    for _ in range(200):
        assert source.read() is not None
        now[0] += FRAME_NS
    assert not capture.released
