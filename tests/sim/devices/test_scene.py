"""The rendered camera and its server. Photographs are drawn here, not fetched."""

from __future__ import annotations

import hashlib
import select
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim.devices import camera, mjpeg, photos
from sim.devices.camera import EMPTY, CameraError, Scene, SceneRenderer, icao_portrait
from sim.devices.mjpeg import MjpegServer
from sim.devices.photos import Photo


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One invented picture: a pale oval with two dark spots."""
    image = np.full((400, 300, 3), 90, np.uint8)
    cv2.ellipse(image, (150, 180), (70, 90), 0, 0, 360, (180, 200, 230), -1)
    for x in (125, 175):
        cv2.circle(image, (x, 165), 8, (20, 20, 20), -1)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    photo = Photo("a1", hashlib.sha256(data).hexdigest(), ".jpg", (80, 90, 220, 270))
    monkeypatch.setattr(photos, "PHOTOS", (photo,))
    photo.path(tmp_path).write_bytes(data)
    return tmp_path


def decode(jpeg: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_the_same_seed_scene_and_frame_give_the_same_picture(folder: Path) -> None:
    scene = Scene("a1", 0.5)
    one = SceneRenderer(folder, 1, 1).render(scene, 7)
    assert one == SceneRenderer(folder, 1, 1).render(scene, 7)
    assert one != SceneRenderer(folder, 2, 1).render(scene, 7)
    assert one != SceneRenderer(folder, 1, 1).render(scene, 8)


def test_a_frame_has_its_size_and_an_empty_one_no_face(folder: Path) -> None:
    renderer = SceneRenderer(folder, 1, 1)
    empty, person = decode(renderer.render(EMPTY, 0)), decode(renderer.render(Scene("a1"), 0))
    assert empty.shape == person.shape == (720, 1280, 3)
    middle = (slice(250, 400), slice(560, 720))
    assert np.abs(empty[middle].astype(int) - person[middle]).mean() > 15


def test_who_comes_nearer_is_larger(folder: Path) -> None:
    renderer = SceneRenderer(folder, 1, 1)
    hall = decode(renderer.render(EMPTY, 4)).astype(int)

    def covered(approach: float) -> int:
        frame = decode(renderer.render(Scene("a1", approach), 4))
        return int((np.abs(frame - hall).max(axis=2) > 25).sum())

    assert covered(0.0) < covered(0.5) < covered(1.0)


def test_two_people_and_a_print_are_drawn(folder: Path) -> None:
    renderer = SceneRenderer(folder, 1, 1)
    frames = {
        renderer.render(scene, 1)
        for scene in (Scene("a1"), Scene("a1", people=2), Scene("a1", printed=True))
    }
    assert len(frames) == 3


def test_a_portrait_has_the_size_of_a_passports(folder: Path) -> None:
    portrait = icao_portrait(photos.by_handle("a1"), folder)
    assert decode(portrait).shape == (531, 413, 3)
    assert len(portrait) <= camera.PORTRAIT_MAX_BYTES


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_photograph_that_is_none_is_an_error(folder: Path, content: bytes | None) -> None:
    path = photos.by_handle("a1").path(folder)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraError, match="a1"):
        icao_portrait(photos.by_handle("a1"), folder)


class Watcher:
    """A client of the camera."""

    def __init__(self, server: MjpegServer, request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port))
        self.sock.settimeout(5)
        self.sock.sendall(request)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


def hung_up(watcher: Watcher) -> bool:
    """Whether the server closed the connection."""
    try:
        return watcher.sock.recv(10) == b""
    except ConnectionResetError:
        return True


def attend(server: MjpegServer, rounds: int = 1) -> None:
    for _ in range(rounds):
        assert select.select([server], [], [], 5)[0], "nothing came"
        server.ready()


def test_pictures_are_made_only_while_a_client_looks() -> None:
    made: list[int] = []

    def render(now_ns: int) -> bytes:
        made.append(now_ns)
        return b"JPEG"

    server = MjpegServer(render, fps=10)
    try:
        assert server.due_ns is None
        server.expire(1)
        assert made == []
        with Watcher(server) as watcher:
            attend(server, 2)
            assert server.due_ns is not None
            server.expire(server.due_ns)
            received = watcher.sock.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            assert b"multipart/x-mixed-replace" in received
            assert b"Content-Length: 4\r\n\r\nJPEG\r\n" in received
            server.expire(server.due_ns - 1)
            assert len(made) == 1
        attend(server)
        assert server.due_ns is None
    finally:
        server.close()


@pytest.mark.parametrize("request_", [b"POST / HTTP/1.1\r\n\r\n", b"\x00\xff\r\n\r\n"])
def test_anything_but_a_get_is_not_found(request_: bytes) -> None:
    server = MjpegServer(lambda _: b"")
    try:
        with Watcher(server, request_) as watcher:
            attend(server, 2)
            assert watcher.sock.recv(4_096).startswith(b"HTTP/1.1 404")
            assert watcher.sock.recv(4_096) == b""
    finally:
        server.close()


def test_a_request_without_end_is_dropped() -> None:
    server = MjpegServer(lambda _: b"")
    try:
        with Watcher(server, b"GET /" + b"x" * 20_000) as watcher:
            attend(server, 4)
            assert hung_up(watcher)
    finally:
        server.close()


def test_a_slow_client_misses_frames_and_fills_no_memory() -> None:
    size = 4_000_000
    made: list[int] = []

    def render(now_ns: int) -> bytes:
        made.append(now_ns)
        return b"x" * size

    server = MjpegServer(render, fps=10)
    try:
        with Watcher(server):
            attend(server, 2)
            for now_s in range(1, 20):
                server.expire(now_s * 1_000_000_000)
            assert len(made) == 1
    finally:
        server.close()


def test_there_is_a_limit_of_clients() -> None:
    server = MjpegServer(lambda _: b"x")
    watchers: list[Watcher] = []
    try:
        for _ in range(mjpeg.MAX_CLIENTS + 1):
            watchers.append(Watcher(server))
            attend(server)
        server.ready()
        assert hung_up(watchers[-1])
    finally:
        for watcher in watchers:
            watcher.__exit__()
        server.close()
