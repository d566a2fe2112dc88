"""The body of `egate centre run`: carries messages between broker, collector and store.

A message is acknowledged to the broker after its records are durable, and answered with
a receipt after that. If the store fails, the connection is dropped: nothing of the round
was acknowledged, and the gates send again what they have no receipt for.
"""

from __future__ import annotations

import select
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sync.backoff import Backoff
from sync.centre.collector import Answer, collect, standing
from sync.centre.store import CentreStore
from sync.centre.types import Reason
from sync.errors import LinkDown, StorageFailed
from sync.keys import CentreKeys
from sync.mqtt import Connected, Disconnected, LinkEvent, MqttLink, Received, Refused, Tls
from sync.publisher import receipt_topic, records_topic

LONGEST_WAIT_NS = 1_000_000_000


class BrokerAccess(NamedTuple):
    """Which broker a collector uses, and how. `protocol` is "5" or "3.1.1"."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: str = "5"
    topic_prefix: str = "egate"
    retry_min_ms: int = 500
    retry_max_ms: int = 30_000
    tls: Tls | None = None


class CentreStatus(NamedTuple):
    """What a collector has done since it started. `alarm` is "" if all is well."""

    connected: bool
    stored: int
    known: int
    early: int
    quarantined: dict[Reason, int]
    alarm: str


class CentreService:
    """One collector on one broker, until it is closed. The store stays the owner's."""

    def __init__(
        self,
        *,
        store: CentreStore,
        keys: CentreKeys,
        broker: BrokerAccess,
        random: Callable[[int], bytes],
        client_id: str = "egate-centre",
    ) -> None:
        """Prepare; nothing is opened before the first `turn`.

        Args:
            store: where records go.
            keys: the central system's keys.
            broker: address, protocol, prefix and waits.
            random: source of jitter.
            client_id: unique at this broker.
        """
        self._store = store
        self._keys = keys
        self._prefix = broker.topic_prefix
        self._link = MqttLink(
            host=broker.host,
            port=broker.port,
            client_id=client_id,
            protocol=broker.protocol,
            subscriptions=(records_topic(broker.topic_prefix, "+"),),
            tls=broker.tls,
        )
        self._reconnect = Backoff(broker.retry_min_ms, broker.retry_max_ms, random)
        self._connect_ns = 0
        self._counts: Counter[str] = Counter()
        self._quarantined: Counter[Reason] = Counter()
        self._alarm = ""

    def turn(self, now_ns: int, utc: str) -> None:
        """Do everything that can be done now; `utc` (RFC 3339) is noted beside new records.

        Raises:
            LinkStolen: another client uses this collector's name: stop, raise an alarm.
        """
        if self._link.socket() is None and now_ns >= self._connect_ns:
            self._connect_ns = now_ns + self._reconnect.next_ns()
            try:
                self._link.connect()
            except LinkDown as error:
                self._alarm = error.diagnosis
        received: list[Received] = []
        for event in self._link.pump():
            if isinstance(event, Received):
                received.append(event)
            else:
                self._heed(event, now_ns)
        if not received:
            return
        try:
            self._take(received, utc)
        except StorageFailed as error:
            self._alarm = error.diagnosis
            self._link.close()
            self._connect_ns = now_ns + self._reconnect.next_ns()

    def wait(self, now_ns: int, wake_fd: int | None = None) -> None:
        """Sleep until there is something to do, or `wake_fd` can be read."""
        socket = self._link.socket()
        reading = [fd for fd in (socket, wake_fd) if fd is not None]
        writing = [socket] if socket is not None and self._link.wants_write() else []
        wait_ns = 0 if self._link.pending() else LONGEST_WAIT_NS
        if socket is None:
            wait_ns = min(wait_ns, max(0, self._connect_ns - now_ns))
        select.select(reading, writing, [], wait_ns / 1e9)

    def status(self) -> CentreStatus:
        """What was done so far."""
        return CentreStatus(
            self._link.connected,
            self._counts["stored"],
            self._counts["known"],
            self._counts["early"],
            dict(self._quarantined),
            self._alarm,
        )

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _heed(self, event: LinkEvent, now_ns: int) -> None:
        """Take note of what happened to the connection."""
        match event:
            case Connected():
                self._alarm = ""
                self._reconnect.reset()
                self._answer(standing(self._store, self._keys.signing))
            case Disconnected():
                self._alarm = "the connection to the broker ended"
                self._connect_ns = now_ns + self._reconnect.next_ns()
            case Refused(reason):
                self._alarm = f"the broker denies our messages (reason {reason:#x})"
                self._connect_ns = now_ns + self._reconnect.longest_ns()

    def _take(self, received: Sequence[Received], utc: str) -> None:
        """Store one round of messages, then acknowledge and answer it."""
        outcome = collect(self._store, self._keys, [event.payload for event in received], utc)
        for event in received:
            self._link.acknowledge(event.message_id)
        self._answer(outcome.answers)
        self._counts.update(stored=outcome.stored, known=outcome.known, early=outcome.early)
        self._quarantined.update(outcome.quarantined)
        if outcome.quarantined:
            self._alarm = f"quarantined: {', '.join(sorted(set(outcome.quarantined)))}"

    def _answer(self, answers: Sequence[Answer]) -> None:
        """Send receipts; retained, so that a gate which comes back finds the newest."""
        for gate, receipt in answers:
            self._link.publish(receipt_topic(self._prefix, gate), receipt, retain=True)


def run_centre(
    service: CentreService,
    *,
    clock: Callable[[], int],
    utc: Callable[[], str],
    stop: Callable[[], bool],
    wake_fd: int | None = None,
    on_wake: Callable[[], None] | None = None,
) -> None:
    """Run until `stop` says so, at most a second later, or at once through `wake_fd`.

    Args:
        service: what to run; it is closed at the end, its store is not.
        clock: monotonic nanoseconds.
        utc: the time, RFC 3339.
        stop: asked after every wait.
        wake_fd: a file descriptor whose readability ends a wait.
        on_wake: called after every wait: reads what `wake_fd` has.

    Raises:
        LinkStolen: see `CentreService.turn`.
    """
    try:
        while not stop():
            service.turn(clock(), utc())
            service.wait(clock(), wake_fd)
            if on_wake is not None:
                on_wake()
    finally:
        service.close()
