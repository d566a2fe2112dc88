"""Motion JPEG over HTTP: `multipart/x-mixed-replace`, as network cameras serve it.

`MjpegParser` is sans-IO: bytes in pieces of any size go in, whole JPEG pictures come out.
The response is HTTP/1.x with a multipart body (RFC 2046); a part ends by its Content-Length
where it has one, else at the next boundary. Chunked transfer coding is not spoken: the request
is HTTP/1.0, which forbids it.
"""

from __future__ import annotations

import re

from drivers.errors import CredentialsRefused, ProtocolViolation

MAX_PART_BYTES = 4 * 1024 * 1024
MAX_HEADER_BYTES = 8 * 1024
MAX_BOUNDARY_CHARS = 70  # RFC 2046, 5.1.1
MAX_PREAMBLE_BYTES = 4 * 1024

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |$)")
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)


def request(host: str, path: str, authorization: str = "") -> bytes:
    """The request for a stream.

    Raises:
        ValueError: host or path would break out of the request's lines.
    """
    if not (host + path).isprintable() or " " in host + path or not path.startswith("/"):
        raise ValueError("not a path of a stream")
    return (
        f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: multipart/x-mixed-replace\r\n"
        + (f"Authorization: {authorization}\r\n" if authorization else "")
        + "\r\n"
    ).encode("ascii", "strict")


class MjpegParser:
    """Cuts a response into JPEG pictures."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._boundary = b""
        self._state = self._response
        self._length: int | None = None
        self._searched = 0
        self._ready: list[bytes] = []

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes, give the pictures that are now whole, in order.

        Raises:
            ProtocolViolation: this is not such a stream, or a part exceeds its limit; nothing
                after it can be trusted to be synchronised.
        """
        self._buffer += data
        while self._state():
            pass
        ready, self._ready = self._ready, []
        return ready

    def _block(self) -> dict[str, str] | None:
        """Take header lines up to an empty one; the first under the key ''."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER_BYTES or (end < 0 and len(self._buffer) > MAX_HEADER_BYTES):
            raise ProtocolViolation("camera: header too long")
        if end < 0:
            return None
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        headers = {"": lines[0]}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _response(self) -> bool:
        headers = self._block()
        if headers is None:
            return False
        status = _STATUS.match(headers[""].encode("latin-1"))
        if status is None:
            raise ProtocolViolation("camera: not an HTTP response")
        if status[1] in (b"401", b"403"):
            raise CredentialsRefused(
                "camera: it asks for a name and a password, or does not take those it was given"
            )
        if status[1] != b"200":
            raise ProtocolViolation(f"camera: HTTP status {status[1].decode()}")
        kind = headers.get("content-type", "")
        found = _BOUNDARY.search(kind)
        if not kind.lower().startswith("multipart/x-mixed-replace") or found is None:
            raise ProtocolViolation("camera: not a stream of pictures")
        name = (found[1] or found[2]).removeprefix("--")
        if not 0 < len(name) <= MAX_BOUNDARY_CHARS or not name.isascii():
            raise ProtocolViolation("camera: boundary not allowed")
        self._boundary = b"--" + name.encode("ascii")
        self._state = self._delimiter
        return True

    def _delimiter(self) -> bool:
        """Skip to the line of the next boundary."""
        at = self._buffer.find(self._boundary)
        if at > MAX_PREAMBLE_BYTES or (at < 0 and len(self._buffer) > MAX_PREAMBLE_BYTES):
            raise ProtocolViolation("camera: no boundary between pictures")
        after = at + len(self._boundary)
        if at < 0 or len(self._buffer) < after + 2:
            return False
        if self._buffer[after : after + 2] == b"--":
            raise ProtocolViolation("camera: the stream ended")
        if self._buffer[after : after + 2] != b"\r\n":
            raise ProtocolViolation("camera: no line end after a boundary")
        del self._buffer[:after]  # the line end stays: it begins the part's headers
        self._state = self._part
        return True

    def _part(self) -> bool:
        headers = self._block()
        if headers is None:
            return False
        length = headers.get("content-length")
        if length is not None and not re.fullmatch(r"[0-9]{1,10}", length):
            raise ProtocolViolation("camera: length of a part is not a number")
        self._length = None if length is None else int(length)
        if self._length is not None and self._length > MAX_PART_BYTES:
            raise ProtocolViolation(f"camera: picture exceeds {MAX_PART_BYTES} bytes")
        self._searched = 0
        self._state = self._body
        return True

    def _body(self) -> bool:
        if self._length is not None:
            if len(self._buffer) < self._length:
                return False
            self._emit(self._length)
            return True
        mark = b"\r\n" + self._boundary
        end = self._buffer.find(mark, self._searched)
        if end > MAX_PART_BYTES or (end < 0 and len(self._buffer) > MAX_PART_BYTES + len(mark)):
            raise ProtocolViolation(f"camera: picture exceeds {MAX_PART_BYTES} bytes")
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(mark))
            return False
        self._emit(end)
        return True

    def _emit(self, length: int) -> None:
        picture = bytes(self._buffer[:length])
        del self._buffer[:length]
        if picture[:2] == b"\xff\xd8":
            self._ready.append(picture)
        self._state = self._delimiter
