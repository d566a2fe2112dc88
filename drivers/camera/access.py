"""Name and password of a network camera, and whether a camera asks for them or refuses them.

OpenCV only says that a stream did not open. `rtsp_status` asks the camera itself: one DESCRIBE
(RFC 2326, 10.2), and where it answers 401 another with the credentials, Basic or Digest
(RFC 2617). Neither name nor password is in any message.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from drivers.errors import CredentialsRefused

ANSWER_WAIT_S = 2.0
ANSWER_PIECES = 4
ANSWER_BYTES = 8 * 1024
RTSP_PORT = 554
UNAUTHORISED = (401, 403)
_STATUS = re.compile(rb"RTSP/1\.\d (\d{3})")
_QUOTED = re.compile(r'(\w+)="([^"]*)"')


class Login(NamedTuple):
    """Name and password; shown nowhere."""

    name: str
    password: str

    def __repr__(self) -> str:
        return "Login(hidden)"


def parse_login(data: bytes) -> Login:
    """A file's one line, NAME:PASSWORD, as it is: nothing in it is encoded.

    Raises:
        CredentialsRefused: it is not such a line.
    """
    try:
        name, colon, password = data.decode("utf-8").rstrip("\r\n").partition(":")
    except UnicodeDecodeError:
        name = colon = password = ""
    if not (name and colon and (name + password).isprintable()):
        raise CredentialsRefused("camera: its credentials must be one line, NAME:PASSWORD")
    return Login(name, password)


def with_login(url: str, login: Login | None) -> str:
    """The address with name and password in it, every character that means something encoded."""
    if login is None:
        return url
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{quote(login.name, safe='')}:{quote(login.password, safe='')}@{rest}"


def login_of(url: str) -> Login | None:
    """Name and password in an address (RFC 3986, 3.2.1); None where it has none."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    name, _, password = user.partition(":")
    return Login(unquote(name), unquote(password)) if at else None


def basic(login: Login) -> str:
    """The value of an Authorization header (RFC 7617)."""
    pair = base64.b64encode(f"{login.name}:{login.password}".encode()).decode("ascii")
    return f"Basic {pair}"


def rtsp_status(url: str, login: Login | None) -> int | None:
    """The status of a DESCRIBE of an rtsp:// address; None where there was no answer."""
    parts = urlsplit(url)
    plain = url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1)
    try:
        where = (parts.hostname or "", parts.port or RTSP_PORT)
        status, challenge = _described(where, plain, 1, "")
        if status == 401 and login is not None:
            status, _ = _described(where, plain, 2, _answer(challenge, plain, login))
    except (OSError, ValueError):
        return None
    return status


def _described(where: tuple[str, int], url: str, number: int, proof: str) -> tuple[int | None, str]:
    """Status and challenge of one DESCRIBE, on a connection of its own: some cameras close it."""
    request = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n"
    request += (f"Authorization: {proof}\r\n" if proof else "") + "\r\n"
    data = b""
    with socket.create_connection(where, ANSWER_WAIT_S) as line:
        line.settimeout(ANSWER_WAIT_S)
        line.sendall(request.encode())
        for _ in range(ANSWER_PIECES):  # each waits for ANSWER_WAIT_S at most
            more = line.recv(ANSWER_BYTES)
            data += more
            if not more or b"\r\n\r\n" in data or len(data) >= ANSWER_BYTES:
                break
    status = _STATUS.match(data)
    lines = data.decode("latin-1").split("\r\n")
    asked = [text for text in lines if text.lower().startswith("www-authenticate:")]
    digest = next((text for text in asked if "digest" in text.lower()), None)
    return int(status[1]) if status else None, digest or (asked[0] if asked else "")


def _answer(challenge: str, url: str, login: Login) -> str:
    if "digest" not in challenge.lower():
        return basic(login)
    asked = dict(_QUOTED.findall(challenge))
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    who = _md5(f"{login.name}:{realm}:{login.password}")
    what, quality, count = _md5(f"DESCRIBE:{url}"), "", ""
    qualities = {each.strip() for each in asked.get("qop", "").split(",")}
    if "auth" in qualities:  # a camera that asks for it takes nothing less
        own = _md5(nonce)
        count = f"00000001:{own}:auth:"
        quality = f', qop=auth, nc=00000001, cnonce="{own}"'
    if "opaque" in asked:
        quality += f', opaque="{asked["opaque"]}"'
    response = _md5(f"{who}:{nonce}:{count}{what}")
    return (
        f'Digest username="{login.name}", realm="{realm}", nonce="{nonce}", uri="{url}", '
        f'response="{response}"{quality}'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
