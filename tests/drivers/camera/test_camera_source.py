"""The mailbox of one slot, and pictures from files."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.capture import controls
from drivers.camera.mailbox import Frame, Mailbox
from drivers.camera.source import READ_WAIT_S, FileSource, Source, open_source
from drivers.camera.stream_clock import StreamClock
from drivers.errors import DeviceRefused, NoAnswer, PortLost
from firmware_cfg.profile import Camera
from sim.live.setup import free_port

MS = 1_000_000


class Clock:
    """Virtual time that a wait moves on."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.waits: list[float] = []

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_ns += round(seconds * 1e9)


def test_the_newest_frame_wins_and_is_taken_once() -> None:
    box = Mailbox()
    assert box.take() is None
    for at in (1, 3, 2):
        box.put(Frame(b"%d" % at, at))
    assert box.take() == Frame(b"3", 3)
    assert box.take() is None
    assert box.dropped == 2


@given(st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=50))
def test_every_frame_is_taken_or_counted(steps: list[int | None]) -> None:
    box, put, taken = Mailbox(), 0, 0
    for step in steps:
        if step is None:
            taken += box.take() is not None
        else:
            box.put(Frame(b"", step))
            put += 1
    taken += box.take() is not None
    assert put == taken + box.dropped


def test_a_frame_has_an_age_and_hides_its_picture() -> None:
    frame = Frame(b"secret", 5 * MS)
    assert frame.age_ns(12 * MS) == 7 * MS
    assert "secret" not in repr(frame)


def test_a_folder_is_shown_in_turn_at_its_rate(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    clock = Clock()
    source = open_source(Camera(source=f"file:{tmp_path}", fps=10), clock=clock, wait=clock.wait)
    seen = []
    while len(seen) < 3:
        frame = source.read()
        if frame is not None:
            seen.append((frame.picture, frame.frame_at_ns))
    assert seen == [(b"a.png", 0), (b"b.jpg", 100 * MS), (b"a.png", 200 * MS)]
    assert max(clock.waits) <= READ_WAIT_S
    source.close()


def test_a_single_picture_is_shown_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "one.JPG"
    path.write_bytes(b"one")
    clock = Clock()
    source = FileSource(path, 1, clock, clock.wait)
    assert source.read() == Frame(b"one", 0)
    reads = [source.read() for _ in range(6)]
    assert [r.picture for r in reads if r] == [b"one"]


def test_no_picture_is_a_fault(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(PortLost):
        FileSource(tmp_path, 10, clock, clock.wait)
    with pytest.raises(PortLost):
        FileSource(tmp_path / "absent.jpg", 10, clock, clock.wait)
    path = tmp_path / "gone.jpg"
    path.write_bytes(b"x")
    source = FileSource(path, 10, clock, clock.wait)
    path.unlink()
    with pytest.raises(PortLost):
        source.read()


@pytest.mark.parametrize(
    "source", ["x", "device:", "device:-1", "device:a", "device:/etc/passwd", "rtsp:x", "mjpeg:",
               "mjpeg:https://h/", "mjpeg:http:///path", "mjpeg:http://user@h/",
               "mjpeg:http://h:99999/"]
)  # fmt: skip
def test_a_source_that_names_no_camera_is_refused(source: str) -> None:
    clock = Clock()
    with pytest.raises(DeviceRefused):
        open_source(Camera(source=source), clock=clock, wait=clock.wait)


@pytest.mark.parametrize("source", ["device:97", "device:/dev/egate-none", "device:/dev/null"])
def test_a_device_that_is_not_there_is_a_fault_and_tried_again(source: str) -> None:
    camera = open_source(Camera(source=source), clock=Clock(), wait=Clock().wait)
    for _ in range(2):
        with pytest.raises(PortLost):
            camera.read()
    camera.close()


def test_exposure_and_backlight_are_set_after_the_automatic_is_off() -> None:
    values = dict(controls(Camera(source="device:0", exposure_us=8_000, backlight=2)))
    assert values[cv2.CAP_PROP_EXPOSURE] == 80
    assert values[cv2.CAP_PROP_BACKLIGHT] == 2
    order = [what for what, _ in controls(Camera(source="device:0", exposure_us=8_000))]
    assert order.index(cv2.CAP_PROP_AUTO_EXPOSURE) < order.index(cv2.CAP_PROP_EXPOSURE)
    automatic = dict(controls(Camera(source="device:0")))
    assert automatic[cv2.CAP_PROP_AUTO_EXPOSURE] == 3
    assert cv2.CAP_PROP_EXPOSURE not in automatic
    assert cv2.CAP_PROP_BACKLIGHT not in automatic


# --- the age of a stream's frames ---------------------------------------------------------------


def test_frames_that_piled_up_are_not_believed_and_later_ones_are_dated() -> None:
    stream = StreamClock()
    piled = [stream.taken_ns(5_000 * MS + n * MS, n * 100 * MS) for n in range(20)]
    assert piled == [None] * 20
    paced = [stream.taken_ns((5_020 + 100 * n) * MS, (1_900 + 100 * n) * MS) for n in range(1, 5)]
    assert paced == [(5_020 + 100 * n) * MS for n in range(1, 5)]
    # Held up for 700 ms on the way: it was taken when its time says.
    assert stream.taken_ns(6_220 * MS, 2_400 * MS) == 5_520 * MS


def test_a_stream_that_jumps_back_is_dated_again() -> None:
    stream = StreamClock()
    for n in range(5):
        stream.taken_ns(n * 100 * MS, n * 100 * MS)
    assert stream.taken_ns(600 * MS, 0) is None
    assert stream.taken_ns(601 * MS, 100 * MS) is None
    assert stream.taken_ns(701 * MS, 200 * MS) == 701 * MS


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 300)), min_size=2, max_size=300))
def test_no_frame_is_dated_in_the_future(steps: list[tuple[int, int]]) -> None:
    stream, arrived, sent = StreamClock(), 0, 0
    for gap, jitter in steps:
        sent += gap * MS
        arrived = max(arrived, sent + jitter * MS)
        taken = stream.taken_ns(arrived, sent)
        assert taken is None or taken <= arrived


def test_a_sender_whose_clock_runs_slow_does_not_make_frames_look_old() -> None:
    stream, oldest = StreamClock(), 0
    for n in range(1, 3_000):
        arrived = n * 100_010_000  # one in ten thousand slow
        taken = stream.taken_ns(arrived, n * 100_000_000)
        if taken is not None:
            oldest = max(oldest, arrived - taken)
    assert oldest < 20 * MS


# --- another author's network camera ------------------------------------------------------------

GSTREAMER = "import gi; gi.require_version('GstRtspServer', '1.0')"


def loses(camera: Source) -> bool:
    """Whether a camera is found to be gone."""
    try:
        for _ in range(100):
            camera.read()
    except (NoAnswer, PortLost):
        return True
    return False


@pytest.mark.live
def test_gstreamers_camera_is_read_lost_and_found_again() -> None:
    python = "/usr/bin/python3"
    known = subprocess.run([python, "-c", GSTREAMER], check=False, capture_output=True)
    if known.returncode or not Path("/usr/lib").glob("*/gstreamer-1.0/libgstjpeg.so"):
        message = "needs the Debian packages gir1.2-gst-rtsp-server-1.0, python3-gi and "
        message += "gstreamer1.0-plugins-good (tests/packages.sh)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    port = free_port()
    camera = open_source(
        Camera(source=f"rtsp://127.0.0.1:{port}/live"),
        clock=time.monotonic_ns,
        wait=lambda _seconds: None,
    )
    with pytest.raises(PortLost):
        camera.read()
    for _ in range(2):  # found, lost, found again
        server = subprocess.Popen(
            [python, str(Path(__file__).with_name("gstreamer_camera.py")), str(port)],
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            frames = [frame for frame in (camera.read() for _ in range(40)) if frame is not None]
            assert len(frames) >= 5
            assert frames[-1].picture.shape == (240, 320, 3)
            assert frames[-1].age_ns(time.monotonic_ns()) < 1_000 * MS
            assert [f.frame_at_ns for f in frames] == sorted(f.frame_at_ns for f in frames)
        finally:
            server.kill()
            server.communicate()
        assert loses(camera)
    camera.close()
