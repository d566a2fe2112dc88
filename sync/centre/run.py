"""The body of `egate centre run`: carries messages between broker, collector and store.

A message is acknowledged to the broker after its records are durable, and answered with
a receipt after that. If the store fails, the connection is dropped: nothing of the round
was acknowledged, and the gates send again what they have no receipt for.
"""

from __future__ import annotations

import hashlib
import select
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sync.centre.audit import AuditFinding
from sync.centre.collector import GateMessage, GateReceipt, collect, standing
from sync.centre.enrolment import admit
from sync.centre.heads import check_heads, write_heads
from sync.centre.store import CentreStore
from sync.centre.types import QuarantineReason
from sync.log.backoff import MS, Backoff
from sync.log.enrolment import enrolled_topic, enrolment_topic
from sync.log.errors import EnrolmentRefused, LinkDown, StorageError
from sync.log.keys import CentreKeys
from sync.log.mqtt import BrokerRefused, Connected, Disconnected, LinkEvent, MqttLink, Received, Tls
from sync.log.topics import live_topic, receipt_topic, records_topic

CLIENT_ID = "egate-centre"
LONGEST_WAIT_NS = 1_000 * MS
HEADS_NS = 60_000 * MS
GATES_NS = 10_000 * MS
"""How often the heads are written down, and a collector with a shard looks for new gates."""


class Shard(NamedTuple):
    """Which gates one of several collectors serves: those of share `number` of `of`.

    A gate's share is fixed by its name, so that no two collectors take one gate's batches.
    """

    number: int
    of: int

    def has(self, gate: str) -> bool:
        """Whether this collector serves a gate."""
        place = int.from_bytes(hashlib.sha256(gate.encode()).digest()[:8], "big")
        return place % self.of == self.number - 1


class BrokerAccess(NamedTuple):
    """Which broker a collector uses, and how. `protocol` is "5" or "3.1.1"."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: str = "5"
    topic_prefix: str = "egate"
    retry_min_ms: int = 500
    retry_max_ms: int = 30_000
    tls: Tls | None = None


ALONE = Shard(1, 1)


class CentreStatus(NamedTuple):
    """What a collector has done since it started.

    `alarm` is the newest trouble, "" if all is well; `lost` is what the store lacks of what
    was signed earlier, which stays until the collector is started again.
    """

    connected: bool
    messages: int
    stored: int
    known: int
    early: int
    quarantined: dict[QuarantineReason, int]
    alarm: str
    lost: tuple[AuditFinding, ...]


class CentreService:
    """One collector on one broker, until it is closed. The store stays the owner's."""

    def __init__(
        self,
        *,
        store: CentreStore,
        keys: CentreKeys,
        broker: BrokerAccess,
        random: Callable[[int], bytes],
        client_id: str = CLIENT_ID,
        shard: Shard = ALONE,
        heads: Path | None = None,
    ) -> None:
        """Prepare; nothing is opened before the first `turn`.

        Args:
            store: where records go.
            keys: the central system's keys.
            broker: address, protocol, prefix and waits.
            random: source of jitter.
            client_id: unique at this broker.
            shard: which gates to serve.
            heads: where the heads of logs are kept beside the keys; see `sync.centre.heads`.

        Raises:
            StorageError: the store cannot be read.
        """
        self._store = store
        self._keys = keys
        self._broker = broker
        self._client_id = client_id
        self._shard = shard
        self._heads = heads
        self._heads_ns: int | None = None
        self._changed = False
        self._lost = () if heads is None else tuple(check_heads(heads, store, keys.signing.public))
        self._topics = self._wanted_topics()
        self._topics_ns = 0
        self._link = self._new_link()
        self._reconnect = Backoff(broker.retry_min_ms, broker.retry_max_ms, random)
        self._connect_ns = 0
        self._counts: Counter[str] = Counter()
        self._quarantined: Counter[QuarantineReason] = Counter()
        self._alarm = ""

    def turn(self, now_ns: int, utc: str) -> None:
        """Do everything that can be done now; `utc` (RFC 3339) is noted beside new records.

        Raises:
            LinkStolen: another client uses this collector's name: stop, raise an alarm.
        """
        try:
            self._look_around(now_ns)
            received: list[Received] = []
            for event in self._link.pump():
                if isinstance(event, Received):
                    received.append(event)
                else:
                    self._handle(event, now_ns)
            if received:
                self._take(received, utc)
        except StorageError as error:
            self._alarm = error.diagnosis
            self._link.close()
            self._connect_ns = now_ns + self._reconnect.next_ns()

    def _look_around(self, now_ns: int) -> None:
        """Do what its time has come for: connect, notice new gates, write the heads down."""
        if self._shard.of > 1 and now_ns >= self._topics_ns:
            self._topics_ns = now_ns + GATES_NS
            topics = self._wanted_topics()
            if topics != self._topics:
                self._topics = topics
                self._link.close()
                self._link = self._new_link()
        if self._heads_ns is None:
            self._heads_ns = now_ns + HEADS_NS
        elif now_ns >= self._heads_ns:
            self._heads_ns = now_ns + HEADS_NS
            self._write_heads()
        if self._link.socket() is None and self._topics and now_ns >= self._connect_ns:
            self._connect_ns = now_ns + self._reconnect.next_ns()
            try:
                self._link.connect()
            except LinkDown as error:
                self._alarm = error.diagnosis

    def _wanted_topics(self) -> tuple[str, ...]:
        """Say what to subscribe to: alone everything, so that unknown gates are noticed, too."""
        prefix = self._broker.topic_prefix
        requests = (enrolment_topic(prefix, "+"),) if self._shard.number == 1 else ()
        if self._shard.of == 1:
            return (records_topic(prefix, "+"), live_topic(prefix, "+"), *requests)
        gates = [gate for gate in self._store.gates() if self._shard.has(gate)]
        topics = [topic(prefix, gate) for gate in gates for topic in (records_topic, live_topic)]
        return (*topics, *requests)

    def _new_link(self) -> MqttLink:
        """Make the client, unconnected."""
        return MqttLink(
            host=self._broker.host,
            port=self._broker.port,
            client_id=self._client_id,
            protocol=self._broker.protocol,
            subscriptions=self._topics,
            tls=self._broker.tls,
        )

    def _write_heads(self) -> None:
        """Write down what is signed so far, unless the store lacks what was written before."""
        if self._heads is not None and self._changed and not self._lost:
            write_heads(self._heads, self._store, self._keys.signing)
            self._changed = False

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
            self._counts["messages"],
            self._counts["stored"],
            self._counts["known"],
            self._counts["early"],
            dict(self._quarantined),
            self._alarm or (f"{self._lost[0].gate}: {self._lost[0].what}" if self._lost else ""),
            self._lost,
        )

    def close(self) -> None:
        """Close the connection; write the heads down."""
        self._link.close()
        try:
            self._write_heads()
        except StorageError as error:
            self._alarm = error.diagnosis

    def _handle(self, event: LinkEvent, now_ns: int) -> None:
        """Take note of what happened to the connection."""
        match event:
            case Connected():
                self._alarm = ""
                self._reconnect.reset()
                answers = standing(self._store, self._keys.signing)
                self._answer([each for each in answers if self._shard.has(each.gate)])
            case Disconnected():
                self._alarm = "the connection to the broker ended"
                self._connect_ns = now_ns + self._reconnect.next_ns()
            case BrokerRefused(reason):
                self._alarm = f"the broker denies our messages (reason {reason:#x})"
                self._connect_ns = now_ns + self._reconnect.longest_ns()

    def _take(self, received: Sequence[Received], utc: str) -> None:
        """Store one round of messages, then acknowledge and answer it."""
        asking = enrolment_topic(self._broker.topic_prefix, "")
        for event in received:
            if event.topic.startswith(asking):
                self._enrol(event, utc)
        received = [event for event in received if not event.topic.startswith(asking)]
        if received:
            self._collect(received, utc)

    def _enrol(self, event: Received, utc: str) -> None:
        """Answer a request for enrolment, or quarantine it."""
        try:
            gate, answer = admit(self._store, self._keys, event.payload, utc)
        except EnrolmentRefused as error:
            with self._store.transaction():
                self._store.quarantine.keep(QuarantineReason.ENROLMENT, "", event.payload, utc)
            self._quarantined[QuarantineReason.ENROLMENT] += 1
            self._alarm = error.diagnosis
        else:
            topic = enrolled_topic(self._broker.topic_prefix, gate)
            self._link.publish(topic, answer, retain=True)
            self._changed = True
        self._link.acknowledge(event.message_id)

    def _collect(self, received: Sequence[Received], utc: str) -> None:
        """Store one round of batches, then acknowledge and answer it."""
        live = live_topic(self._broker.topic_prefix, "")
        messages = [GateMessage(event.payload, event.topic.startswith(live)) for event in received]
        outcome = collect(self._store, self._keys, messages, utc)
        for event in received:
            self._link.acknowledge(event.message_id)
        self._answer(outcome.answers)
        self._counts.update(
            messages=len(received),
            stored=outcome.stored,
            known=outcome.known,
            early=outcome.early,
        )
        self._changed = self._changed or bool(outcome.stored)
        self._quarantined.update(outcome.quarantined)
        if outcome.quarantined:
            self._alarm = f"quarantined: {', '.join(sorted(set(outcome.quarantined)))}"

    def _answer(self, answers: Sequence[GateReceipt]) -> None:
        """Send receipts; retained, so that a gate which comes back finds the newest."""
        for gate, receipt in answers:
            self._link.publish(receipt_topic(self._broker.topic_prefix, gate), receipt, retain=True)


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
