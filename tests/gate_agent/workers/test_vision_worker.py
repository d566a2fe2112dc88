"""The vision process's work: an officer sees the newest frame where no face was looked at."""

import numpy as np
import pytest

from biometrics import image
from drivers.camera.mailbox import Frame
from drivers.errors import PortLost
from drivers.types import Condition, DeviceFailed, DeviceId, DeviceReady
from gate_agent.core.messages import Wipe
from gate_agent.workers.vision import GLANCE_NS, VisionWorker


class BlindDevice:
    """A vision device that has looked at no one."""

    wants_frame = False
    finds_attacks = True
    due_ns = None

    def __init__(self) -> None:
        self.wiped: list[int] = []

    def picture(self, ticket: int, kind: str) -> bytes:
        return b""

    def wipe(self, ticket: int) -> None:
        self.wiped.append(ticket)

    def events(self) -> list:
        return []


class Script:
    """A camera that gives these frames (or faults), then ends."""

    def __init__(self, *frames) -> None:
        self.frames = list(frames)
        self.closed = False

    def over(self) -> bool:
        return not self.frames

    def read(self):
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return frame

    def close(self) -> None:
        self.closed = True


class Work:
    """A worker with its camera played, ready to be asked."""

    def __init__(self, *frames, now_ns: int = 10, rotate: int = 0, mirror: bool = False) -> None:
        self.events: list = []
        self.answers: list = []
        self.device = BlindDevice()
        self.worker = VisionWorker(
            self.device, "tier", self.events.append, self._answered, lambda: now_ns,
            rotate=rotate, mirror=mirror,
        )  # fmt: skip
        self.camera = Script(*frames)
        self.worker.watch_camera(self.camera, self.camera.over, lambda _s: None)

    def _answered(self, request: int, jpeg: bytes) -> None:
        self.answers.append((request, jpeg))

    def turn(self, times: int = 1) -> None:
        left = iter(range(times))
        self.worker.run(lambda: next(left, None) is None)


def test_the_newest_frame_is_shown_where_no_face_was_looked_at():
    work = Work(Frame(b"old", 1), Frame(b"jpeg", 9))
    work.worker.on_query(7, 3, "live")
    work.turn()
    assert work.answers == [(7, b"jpeg")]


def test_a_frame_without_coding_is_coded():
    work = Work(Frame(np.zeros((8, 8, 3), np.uint8), 9))
    work.worker.on_query(7, 3, "live")
    work.turn()
    assert work.answers[0][1].startswith(b"\xff\xd8")


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize(
    ("rotate", "mirror", "red_at"),
    [
        (0, True, (0, -1)),
        (90, False, (0, -1)),
        (180, False, (-1, -1)),
        (270, False, (-1, 0)),
        (90, True, (0, 0)),
        (270, True, (-1, -1)),
    ],
)
def test_a_camera_mounted_sideways_is_set_upright_once(coded, rotate, mirror, red_at):
    held = np.full((48, 32, 3), 40, np.uint8)
    held[:16, :16] = (250, 40, 40)  # the corner at the top left, as the camera sees it
    frame = Frame(image.encode_jpeg(held, 95) if coded else held, 9)
    work = Work(frame, rotate=rotate, mirror=mirror)
    work.worker.on_query(7, 3, "live")
    work.turn()
    shown = image.decode(work.answers[0][1])
    assert shown.shape == ((32, 48, 3) if rotate in (90, 270) else (48, 32, 3))
    corners = {at: int(shown[at][0]) for at in ((0, 0), (0, -1), (-1, 0), (-1, -1))}
    assert max(corners, key=corners.__getitem__) == red_at


def test_a_frame_that_does_not_decode_is_left_to_the_device():
    work = Work(Frame(b"jpeg", 9), rotate=90)
    work.worker.on_query(7, 3, "live")
    work.turn()
    assert work.answers == [(7, b"jpeg")]


@pytest.mark.parametrize(("kind", "now_ns"), [("chip", 10), ("live", 10 + GLANCE_NS)])
def test_neither_a_chip_portrait_nor_an_old_frame_is_made_up(kind, now_ns):
    work = Work(Frame(b"jpeg", 9), now_ns=now_ns)
    work.worker.on_query(7, 3, kind)
    work.turn()
    assert work.answers == [(7, b"")]


def test_a_wipe_takes_the_newest_frame_along():
    picture = np.full((4, 4, 3), 200, np.uint8)
    work = Work(Frame(picture, 9))
    work.worker.on_command(Wipe(ticket=3), {})
    work.worker.on_query(7, 3, "live")
    work.turn(2)
    assert work.device.wiped == [3]
    assert not picture.any()
    assert work.answers == [(7, b"")]


def test_a_camera_says_once_that_it_is_ready_and_once_that_it_failed():
    frames = (Frame(b"a", 1), Frame(b"b", 2), PortLost("gone"), PortLost("gone"), Frame(b"c", 3))
    work = Work(*frames)
    assert [type(event) for event in work.events] == [DeviceReady, DeviceFailed, DeviceReady]
    assert {event.device for event in work.events} == {DeviceId.VISION}
    assert work.camera.closed


@pytest.mark.parametrize(("finds", "lacks"), [(True, ()), (False, (Condition.PAD_ABSENT,))])
def test_a_lane_that_cannot_find_attacks_says_so(finds, lacks):
    work = Work(Frame(b"jpeg", 9))
    work.device.finds_attacks = finds
    work.worker.on_connected()
    assert work.events[-1].conditions == lacks
