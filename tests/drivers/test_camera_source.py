"""The mailbox of one slot, and pictures from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.mailbox import Frame, Mailbox
from drivers.camera.source import READ_WAIT_S, FileSource, open_source
from drivers.errors import DeviceRefused, PortLost

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
    source = open_source(
        f"file:{tmp_path}", width=640, height=480, fps=10, clock=clock, wait=clock.wait
    )
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
    "source", ["", "device:", "device:-1", "device:a", "rtsp://x", "mjpeg:", "mjpeg:https://h/",
               "mjpeg:http:///path", "mjpeg:http://user@h/", "mjpeg:http://h:99999/"]
)  # fmt: skip
def test_a_source_that_names_no_camera_is_refused(source: str) -> None:
    clock = Clock()
    with pytest.raises(DeviceRefused):
        open_source(source, width=640, height=480, fps=10, clock=clock, wait=clock.wait)


def test_a_device_that_is_not_there_is_a_fault() -> None:
    clock = Clock()
    with pytest.raises(PortLost):
        open_source("device:97", width=640, height=480, fps=10, clock=clock, wait=clock.wait)
