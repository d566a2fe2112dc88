"""Motion JPEG: whole, one byte at a time, damaged, and from a real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera import mjpeg
from drivers.camera.mjpeg import MjpegParser, request
from drivers.camera.source import MjpegSource
from drivers.errors import DeviceRefused, NoAnswer, PortLost, ProtocolViolation

HEAD = b'HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary="frame"\r\n\r\n'


def jpeg(body: bytes = b"picture") -> bytes:
    return b"\xff\xd8" + body + b"\xff\xd9"


def part(picture: bytes, *, length: bool = True) -> bytes:
    size = b"Content-Length: %d\r\n" % len(picture) if length else b""
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + size + b"\r\n" + picture + b"\r\n"


def cut(data: bytes, sizes: Iterator[int]) -> list[bytes]:
    parser, pictures, at = MjpegParser(), [], 0
    while at < len(data):
        size = next(sizes)
        pictures += parser.receive(data[at : at + size])
        at += size
    return pictures


@pytest.mark.parametrize("length", [True, False])
def test_one_byte_at_a_time(length: bool) -> None:
    pictures = [jpeg(bytes([n]) * 50) for n in range(4)]
    stream = HEAD + b"".join(part(p, length=length) for p in pictures) + b"--frame\r\n"
    assert cut(stream, iter(lambda: 1, 0)) == pictures


@given(st.data(), st.booleans())
def test_any_pieces_give_the_same_pictures(data: st.DataObject, length: bool) -> None:
    bodies = st.binary(max_size=200).filter(lambda b: b"\r\n--frame" not in b and b[-1:] != b"\r")
    pictures = [jpeg(body) for body in data.draw(st.lists(bodies, max_size=5))]
    stream = HEAD + b"".join(part(p, length=length) for p in pictures) + b"--frame\r\n"
    assert cut(stream, iter(lambda: data.draw(st.integers(1, 64)), 0)) == pictures


def test_a_boundary_inside_a_measured_part_belongs_to_it() -> None:
    picture = jpeg(b"\r\n--frame\r\n\r\n")
    assert MjpegParser().receive(HEAD + part(picture)) == [picture]


def test_what_is_not_a_jpeg_is_passed_over() -> None:
    parser = MjpegParser()
    assert parser.receive(HEAD + part(b"<html>") + part(jpeg())) == [jpeg()]


@pytest.mark.parametrize("boundary", [b"frame", b"--frame", b'"frame"'])
def test_boundaries_as_cameras_write_them(boundary: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: multipart/x-mixed-replace;boundary=" + boundary
    assert MjpegParser().receive(head + b"\r\n\r\n" + part(jpeg())) == [jpeg()]


@pytest.mark.parametrize(
    "stream",
    [
        b"SSH-2.0-server\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary="
        + b"b" * 71
        + b"\r\n\r\n",
        b"H" * (mjpeg.MAX_HEADER_BYTES + 1),
        HEAD + b"x" * (mjpeg.MAX_PREAMBLE_BYTES + 1),
        HEAD + b"--frame--\r\n",
        HEAD + b"--framework\r\n",
        HEAD + b"--frame\r\nContent-Length: -1\r\n\r\n",
        HEAD + b"--frame\r\nContent-Length: 1e3\r\n\r\n",
        HEAD + b"--frame\r\nContent-Length: %d\r\n\r\n" % (mjpeg.MAX_PART_BYTES + 1),
        HEAD + b"--frame\r\n" + b"h" * (mjpeg.MAX_HEADER_BYTES + 1),
        HEAD + b"--frame\r\n\r\n" + b"p" * (mjpeg.MAX_PART_BYTES + 100),
    ],
)
def test_what_is_not_such_a_stream_is_a_violation(stream: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        MjpegParser().receive(stream)


@given(st.binary(max_size=500), st.booleans())
def test_arbitrary_bytes_raise_only_the_typed_error(data: bytes, after_head: bool) -> None:
    parser = MjpegParser()
    try:
        parser.receive(HEAD if after_head else b"")
        parser.receive(data)
    except ProtocolViolation:
        return


@pytest.mark.parametrize("path", ["/a\r\nX: y", "/a b", "relative", "/\u00e4"])
def test_a_path_cannot_break_out_of_the_request(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        request("127.0.0.1", path)
    with pytest.raises(DeviceRefused):
        MjpegSource(f"http://127.0.0.1:1{path}" if path[0] == "/" else path, lambda: 0)


# --- a real socket --------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_frames_from_a_socket_carry_their_time(server: socket.socket) -> None:
    now = [1_000]
    source = MjpegSource(f"http://127.0.0.1:{server.getsockname()[1]}/live", lambda: now[0])
    assert source.read() is None  # connected, nothing received yet
    peer, _ = server.accept()
    with peer:
        assert peer.recv(4096).startswith(b"GET /live HTTP/1.0\r\nHost: 127.0.0.1")
        peer.sendall(HEAD + part(jpeg(b"old")) + part(jpeg(b"new")))
        now[0] = 2_000
        frame = source.read()
        assert frame is not None
        assert (frame.picture, frame.frame_at_ns) == (jpeg(b"new"), 2_000)
    with pytest.raises(PortLost):
        source.read()
    assert source.read() is None  # it connected again
    again, _ = server.accept()
    again.close()
    source.close()


def test_silence_is_a_fault(server: socket.socket) -> None:
    now = [0]
    source = MjpegSource(f"http://127.0.0.1:{server.getsockname()[1]}/", lambda: now[0])
    assert source.read() is None
    now[0] = 2_000_000_001
    with pytest.raises(NoAnswer):
        source.read()


def test_no_server_is_a_fault(server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    with pytest.raises(PortLost):
        MjpegSource(f"http://127.0.0.1:{port}/", lambda: 0).read()
