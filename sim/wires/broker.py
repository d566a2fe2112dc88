"""MQTT brokers to simulate with: a real one in a child process, and one on virtual time.

`EmbeddedBroker` is rumqttd from the `iotcore` wheel. It has one listener for each version
of MQTT, keeps everything in memory, and forgets it when it dies, which the record's way
must survive anyway. It never listens beyond the loopback interface.

Run as a module this file is the child process.
"""

from __future__ import annotations

import heapq
import ipaddress
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 3.0
RETRY_S = 0.02
MAX_PAYLOAD_BYTES = 1024 * 1024
MAX_QUEUED = 10_000
_READY = b"ready\n"


class BrokerFailed(Exception):
    """The embedded broker does not start; `diagnosis` says why."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class EmbeddedBroker:
    """A real broker as a child process, which ends when its parent does.

    Args:
        host: a loopback address.
        port: where it speaks MQTT 5.
        port_311: where it speaks MQTT 3.1.1, if it shall.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 1883, port_311: int | None = None
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise BrokerFailed(f"{host} is not a loopback address")
        self.host = host
        self.port = port
        self.port_311 = port_311
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process, or None when there is none."""
        return None if self._child is None else self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child; return when it accepts connections.

        Raises:
            BrokerFailed: it is not installed, a port is taken, or it takes too long.
        """
        if self.running:
            return
        self._reap()
        reading, writing = os.pipe()
        try:
            self._child = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                [sys.executable, "-m", "sim.wires.broker", str(writing), self.host, *self._ports()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(writing,),
                cwd=Path(__file__).resolve().parents[2],
                start_new_session=True,  # Ctrl-C is for the parent, which ends it in its turn
            )
            os.close(writing)
            writing = -1
            ready = select.select([reading], [], [], START_TIMEOUT_S)[0]
            if not ready or os.read(reading, len(_READY)) != _READY:
                self.kill()
                raise BrokerFailed(f"no broker on {self.host}:{self.port}: is the port taken?")
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def stop(self) -> None:
        """End the child and wait for it. Again is no harm."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
            try:
                self._child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._reap()

    def kill(self) -> None:
        """End the child as a crash would (SIGKILL)."""
        if self._child is not None:
            self._child.kill()
        self._reap()

    def _reap(self) -> None:
        """Collect the child's exit and close our end of its pipe."""
        if self._child is not None:
            self._child.wait()
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child = None

    def _ports(self) -> list[str]:
        """Give the ports as arguments of the child."""
        return [str(port) for port in (self.port, self.port_311) if port is not None]

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Delivery(NamedTuple):
    """A message that reached a client."""

    client: str
    topic: str
    payload: bytes


class VirtualBroker:
    """A broker on virtual time: what is published arrives after `latency_ns()`.

    Several clients, exact topics. A client that is cut receives nothing, and what it
    publishes or what is under way to it is lost; retained messages reach it when it
    subscribes again. `copies` says how often a message arrives (0: it is lost). Both may draw
    from the scenario's seed.
    """

    def __init__(
        self,
        latency_ns: Callable[[], int],
        copies: Callable[[], int] = lambda: 1,
    ) -> None:
        self._latency_ns = latency_ns
        self._copies = copies
        self._subscribers: dict[str, set[str]] = {}
        self._retained: dict[str, bytes] = {}
        self._sessions: dict[str, int] = {}
        self._heap: list[tuple[int, int, int, Delivery]] = []
        self._count = 0

    @property
    def due_ns(self) -> int | None:
        """When the next message arrives."""
        return self._heap[0][0] if self._heap else None

    def connected(self, client: str) -> bool:
        """Whether a client is connected."""
        return client in self._sessions

    def connect(self, client: str, topics: tuple[str, ...], now_ns: int) -> None:
        """Connect a client, subscribe it, and send it what is retained."""
        self._count += 1
        self._sessions[client] = self._count
        for topic in topics:
            self._subscribers.setdefault(topic, set()).add(client)
            if topic in self._retained:
                self._send(Delivery(client, topic, self._retained[topic]), now_ns)

    def cut(self, client: str) -> None:
        """Cut a client off: its session and what is under way to it are gone."""
        self._sessions.pop(client, None)
        for clients in self._subscribers.values():
            clients.discard(client)

    def publish(
        self, client: str, topic: str, payload: bytes, now_ns: int, *, retain: bool = False
    ) -> None:
        """A client sends a message."""
        if client not in self._sessions:
            return
        if retain:
            self._retained[topic] = payload
        for subscriber in sorted(self._subscribers.get(topic, ())):
            self._send(Delivery(subscriber, topic, payload), now_ns)

    def deliveries(self, now_ns: int) -> list[Delivery]:
        """Take what has arrived by now, in the order of arrival."""
        arrived: list[Delivery] = []
        while self._heap and self._heap[0][0] <= now_ns:
            _, _, session, delivery = heapq.heappop(self._heap)
            if self._sessions.get(delivery.client) == session:
                arrived.append(delivery)
        return arrived

    def _send(self, delivery: Delivery, now_ns: int) -> None:
        """Put a message on its way, unless it is lost or too many are."""
        session = self._sessions[delivery.client]
        for _ in range(self._copies()):
            if len(self._heap) < MAX_QUEUED:
                self._count += 1
                at_ns = now_ns + self._latency_ns()
                heapq.heappush(self._heap, (at_ns, self._count, session, delivery))


def configuration(host: str, ports: list[int]) -> str:
    """Give rumqttd's TOML: the first port speaks MQTT 5, the second one 3.1.1."""
    servers = "".join(
        f"""
[{version}.1]
name = "{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 5000
max_payload_size = {MAX_PAYLOAD_BYTES}
max_inflight_count = 200
"""
        for version, port in zip(("v5", "v4"), ports, strict=False)
    )
    return f"""
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
{servers}"""


def _serve(ready_fd: int, host: str, ports: list[int]) -> None:
    """Be the child: serve until the parent closes our standard input."""
    from iotcore.iotcore import IotCoreBroker

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(configuration(host, ports))
        file.flush()
        broker = IotCoreBroker(config_path=file.name)
        broker.check_ports()
        broker.start()
        waiting = deque(ports)
        while waiting:
            with socket.socket() as probe:
                if probe.connect_ex((host, waiting[0])) == 0:
                    waiting.popleft()
                    continue
            if select.select([0], [], [], RETRY_S)[0]:
                os._exit(1)
    os.write(ready_fd, _READY)
    os.close(ready_fd)
    os.read(0, 1)
    os._exit(0)  # the broker's own threads have no way to end


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], [int(port) for port in sys.argv[3:]])
