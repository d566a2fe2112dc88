"""A network camera that asks for a password, over a real connection; and how it is written."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.access import Login, basic, login_of, parse_login, rtsp_status, with_login
from drivers.camera.mjpeg import MjpegParser, request
from drivers.errors import CredentialsRefused
from firmware_cfg.codes import Code

SECRET = Login("gate", "p#a@s/s%w:d ")


@contextmanager
def camera(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Answers one request of each connection in turn; gives its port and what it received."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                line, _ = server.accept()
                with line:
                    heard.append(line.recv(4096))
                    line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(5)


ASKS = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: %s\r\n\r\n"
DIGEST = ASKS % b'Digest realm="cam", nonce="abc"'
GOOD = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"


@pytest.mark.parametrize("challenge", [DIGEST, ASKS % b'Basic realm="cam"'])
@pytest.mark.parametrize(("second", "status"), [(GOOD, 200), (DIGEST, 401)])
def test_a_login_is_tried_and_its_refusal_known(
    challenge: bytes, second: bytes, status: int
) -> None:
    with camera(challenge, second) as (port, heard):
        assert rtsp_status(f"rtsp://127.0.0.1:{port}/live", SECRET) == status
    assert b"Authorization" not in heard[0]
    assert b"Authorization: " in heard[1]
    assert SECRET.password.encode() not in b"".join(heard)


def test_without_a_login_the_first_answer_counts() -> None:
    with camera(DIGEST) as (port, _):
        assert rtsp_status(f"rtsp://127.0.0.1:{port}/live", None) == 401
    assert rtsp_status(f"rtsp://127.0.0.1:{port}/live", None) is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1), st.text())
def test_any_password_is_one_part_of_the_address(name: str, password: str) -> None:
    parts = urlsplit(with_login("rtsp://camera:8554/a?b=1", Login(name, password)))
    assert (parts.hostname, parts.port, parts.path) == ("camera", 8554, "/a")
    assert unquote(parts.username or "") == name
    assert unquote(parts.password or "") == password


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1), st.text())
def test_what_an_address_holds_is_read_as_it_was_written(name: str, password: str) -> None:
    login = Login(name, password)
    assert login_of(with_login("rtsp://camera:8554/a?b=1", login)) == login
    assert login_of("rtsp://camera/a@b") is None


def test_the_quality_of_protection_that_a_camera_asks_for_is_answered() -> None:
    asked = b'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n"'
    asked += b', opaque="o", qop="auth"\r\n\r\n'
    with camera(asked, b"RTSP/1.0 404 Not Found\r\n\r\n") as (port, heard):
        url = f"rtsp://127.0.0.1:{port}/live"
        assert rtsp_status(url, SECRET) == 404
    given = dict(re.findall(r'(\w+)="?([^",\r]*)"?', heard[1].decode()))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    who, what = md5(f"{SECRET.name}:r:{SECRET.password}"), md5(f"DESCRIBE:{url}")
    assert given["opaque"] == "o"
    assert given["response"] == md5(f"{who}:n:00000001:{given['cnonce']}:auth:{what}")


def test_a_login_is_a_line_and_shown_nowhere() -> None:
    assert parse_login(b"gate:p#a@s/s%w:d \n") == SECRET
    assert "p#a" not in repr(SECRET)
    for wrong in (b"", b"gate", b":x", b"a:b\nc:d\n", b"\xff:\xff"):
        with pytest.raises(CredentialsRefused, match="NAME:PASSWORD"):
            parse_login(wrong)


@pytest.mark.parametrize("status", [401, 403])
def test_motion_jpeg_is_refused_with_a_code_of_its_own(status: int) -> None:
    sent = request("camera", "/stream", basic(SECRET))
    assert b"\r\nAuthorization: Basic " in sent
    assert sent.endswith(b"\r\n\r\n")
    with pytest.raises(CredentialsRefused) as refused:
        MjpegParser().receive(b"HTTP/1.1 %d No\r\n\r\n" % status)
    assert refused.value.code is Code.CREDENTIALS_REFUSED


def test_a_stream_that_asks_for_a_login_says_so() -> None:
    pytest.importorskip("cv2")
    from drivers.camera.source import open_source
    from firmware_cfg.profile import Camera

    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            server.settimeout(0.1)
            while not ended.is_set():
                try:
                    line, _ = server.accept()
                except TimeoutError:
                    continue
                with line:
                    line.settimeout(2)
                    line.recv(4096)
                    line.sendall(DIGEST)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            address = f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"
            source = open_source(
                Camera(source=address), clock=lambda: 0, wait=lambda _s: None, login=SECRET
            )
            with pytest.raises(CredentialsRefused) as refused:
                source.read()
        finally:
            ended.set()
            thread.join(5)
    assert "p#a" not in str(refused.value)
