"""A console on a real socket in front of fake lanes, and a small client of it."""

from __future__ import annotations

import http.client
import os
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from fake_lane import KEYS, FakeLane, now_ms

from gate_agent.console.config import ConsoleConfig, LaneAddress, Limits
from gate_agent.console.officers import Officer, hash_password
from gate_agent.console.server import ConsoleServer, build_app
from gate_agent.lane_api.api import Role

PATIENCE_S = 60.0
PASSWORD = "a long enough password"
JPEG = b"\xff\xd8\xff\xe0 not a face"
TOKENS = {1: "kiosk-capability-of-lane-1", 2: "kiosk-capability-of-lane-2"}
random = os.urandom
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238, appendix B
PASSWORD_HASH = hash_password(PASSWORD, random)


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")


class Client:
    """A browser without a screen: keeps cookies by name, whatever their path."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def open(self, method: str, path: str, body: bytes = b"", **headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        fields = {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method, path, body or None, fields)
        return connection, connection.getresponse()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        connection, response = self.open(method, path, body, **headers)
        try:
            answer = Answer(response)
        finally:
            response.close()
            connection.close()
        for cookie in answer.headers.get_all("set-cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        return self.ask("POST", path, urlencode(fields).encode(), **headers)

    def sign_in(self, name: str = "budi", password: str = PASSWORD, code: str = "") -> Answer:
        page = self.get("/signin")
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert token is not None
        fields = {"csrf": token[1], "name": name, "password": password, "code": code}
        return self.post("/signin", fields)

    def csrf(self) -> str:
        token = re.search(r'data-csrf="([0-9a-f]+)"', self.get("/").text)
        assert token is not None
        return token[1]

    def act(self, number: int, **fields: str) -> Answer:
        fields = {"csrf": self.csrf(), **fields}
        return self.post(f"/lane/{number}/action", fields, Accept="application/json")


class Stream:
    """An open stream of server-sent events."""

    def __init__(self, client: Client, path: str) -> None:
        self.connection, self.response = client.open("GET", path)
        assert self.response.status == 200
        assert self.response.headers["content-type"].startswith("text/event-stream")

    def next(self, wanted: str) -> dict:
        """Data of the next event of this name; other events are passed over."""
        name = ""
        for _ in range(3_000):  # lines: a stream never ends by itself
            line = self.response.readline()
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "data" and name == wanted:
                return msgspec.json.decode(value)
        raise AssertionError(f"no {wanted} in the stream")

    def until(self, wanted: str, **fields: object) -> dict:
        """Data of the first event of this name that has these fields."""
        while True:
            data = self.next(wanted)
            if all(data.get(key) == value for key, value in fields.items()):
                return data

    def close(self) -> None:
        self.response.close()
        self.connection.close()


class ConsoleBench:
    """Two fake lanes and a console in front of them; `skip_s` moves the console's clock.

    `third` is the socket of a lane in a process of its own, where a test has one.
    """

    def __init__(
        self, folder: Path, *, secure_cookies: bool = False, third: Path | None = None
    ) -> None:
        self.folder = folder
        self.skip_s = 0
        self.lanes = {n: FakeLane(folder / f"{n}.sock", n, {"live": JPEG}) for n in (1, 2)}
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        sockets = {n: lane.path for n, lane in self.lanes.items()} | ({3: third} if third else {})
        config = ConsoleConfig(
            lanes=tuple(
                LaneAddress(number=n, socket=path, key=KEYS[Role.CONSOLE])
                for n, path in sockets.items()
            ),
            officers=(
                Officer(name="budi", password_hash=PASSWORD_HASH),
                Officer(name="siti", password_hash=PASSWORD_HASH, totp_secret=SECRET),
            ),
            allowed_hosts=(self.host,),
            monotonic_ns=lambda: time.monotonic_ns() + self.skip_s * 1_000_000_000,
            utc_ms=now_ms,
            random=random,
            kiosk_tokens=TOKENS,
            secure_cookies=secure_cookies,
            limits=Limits(beat_ms=200, lease_ms=50),
        )
        self.server = ConsoleServer(build_app(config), "127.0.0.1", self.port)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()
        self.listener = listener

    def client(self) -> Client:
        return Client(self.port)

    def officer(self) -> Client:
        client = self.client()
        assert client.sign_in().status == 303
        return client

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=PATIENCE_S)
        assert not self.thread.is_alive()
        self.listener.close()
        for lane in self.lanes.values():
            lane.close()
