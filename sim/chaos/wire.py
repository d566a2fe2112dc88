"""A listener at the broker that counts what is delivered twice. It can read no body."""

from __future__ import annotations

import socket

from sync.log.encoding import open_batch
from sync.log.errors import BatchMalformed, LinkDown, LinkStolen, NoteRefused
from sync.log.mqtt import MqttLink, Received
from sync.log.notes import open_checkpoint, origin_of
from sync.log.topics import records_topic

RETRY_NS = 200_000_000


class Listener:
    """Subscribes to every gate's records; connects again when the broker was killed."""

    def __init__(self, port: int, prefix: str = "egate") -> None:
        self._link = MqttLink(
            host="127.0.0.1",
            port=port,
            client_id="chaos-listener",
            protocol="5",
            subscriptions=(records_topic(prefix, "+"),),
        )
        self._retry_ns = 0
        self._seen: dict[tuple[str, str], set[int]] = {}
        self.messages = 0
        self.redelivered = 0

    def socket(self) -> socket.socket | None:
        """What to wait on, if anything."""
        return self._link.socket()

    def turn(self, now_ns: int) -> None:
        """Take what has come."""
        if self._link.socket() is None and now_ns >= self._retry_ns:
            self._retry_ns = now_ns + RETRY_NS
            try:
                self._link.connect()
            except LinkDown:
                return
        try:
            events = self._link.pump()
        except LinkStolen:
            return
        for event in events:
            if isinstance(event, Received):
                self._count(event.payload)
                self._link.acknowledge(event.message_id)

    def close(self) -> None:
        """Leave the broker."""
        self._link.close()

    def _count(self, payload: bytes) -> None:
        self.messages += 1
        try:
            batch = open_batch(payload)
            size = open_checkpoint(batch.checkpoint, origin_of(batch.gate, batch.epoch)).size
        except (BatchMalformed, NoteRefused):
            return
        seen = self._seen.setdefault((batch.gate, batch.epoch), set())
        places = range(batch.first_seq, size + 1)
        self.redelivered += sum(place in seen for place in places)
        seen.update(places)
