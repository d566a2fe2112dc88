"""The way to the central system on virtual time: real publisher, real collector, no MQTT.

One `Uplink` carries any number of lanes' journals into one centre's store. The kernel
calls it like any other machine: `expire(now_ns)` when `due_ns` has come, or after an
append to lower the latency.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sim.wires.broker import VirtualBroker
from sync.centre.collector import collect, standing
from sync.centre.store import CentreStore
from sync.gate.journal_reader import Outgoing
from sync.gate.publisher import Publisher
from sync.gate.types import HandReceipt, Publish
from sync.log.backoff import MS
from sync.log.errors import ReceiptBehind, ReceiptRefused
from sync.log.keys import CentreKeys, VerifyingKey
from sync.log.topics import live_topic, receipt_topic, records_topic
from sync.log.types import Receipt

CENTRE = "centre"


class LaneRecords(Protocol):
    """What an uplink reads of a lane's journal; `sync.gate.journal_reader.JournalReader` is one."""

    def last_seq(self) -> int:
        """The newest record's place."""

    def outgoing(self, after_seq: int, max_bytes: int) -> Outgoing:
        """The records after a place as they are sent."""

    def begins_with(self, receipt: Receipt, key: VerifyingKey) -> bool:
        """Whether what a receipt confirms is the beginning of this log."""


class LaneUplink(NamedTuple):
    """One lane's end: what it publishes, from where, and who takes its receipts."""

    publisher: Publisher
    records: LaneRecords
    hand_receipt: Callable[[bytes], None]


class Uplink:
    """Lanes, a virtual broker, and a central system, in lockstep with virtual time.

    Args:
        broker: carries the messages.
        store: the central system's database.
        keys: the central system's keys.
        prefix: first part of every topic.
        poll_ms: how often journals are looked at; with `notified`, only after `appended`.
        notified: whether `appended` will say that there is something to look at.
        utc: gives RFC 3339 for a virtual time.
        on_live: takes what a lane sends before its turn, and when it arrived.
    """

    def __init__(
        self,
        broker: VirtualBroker,
        store: CentreStore,
        keys: CentreKeys,
        *,
        prefix: str = "egate",
        poll_ms: int = 50,
        notified: bool = False,
        utc: Callable[[int], str],
        on_live: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self._broker = broker
        self._store = store
        self._keys = keys
        self._prefix = prefix
        self._poll_ns = poll_ms * MS
        self._notified = notified
        self._utc = utc
        self._on_live = on_live
        self._live_topics: set[str] = set()
        self._lanes: dict[str, LaneUplink] = {}
        self._look_ns: int | None = 0
        self.refusals: list[str] = []

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        times = [self._look_ns, self._broker.due_ns]
        times += [lane.publisher.due_ns for lane in self._lanes.values()]
        return min((t for t in times if t is not None), default=None)

    def appended(self, now_ns: int) -> None:
        """A journal has a new record: look at the journals within the time of a poll."""
        if self._look_ns is None:
            self._look_ns = (now_ns // self._poll_ns + 1) * self._poll_ns

    def add(self, lane: LaneUplink, now_ns: int) -> None:
        """Add a lane and connect it. Its gate must be enrolled in the store."""
        self._lanes[lane.publisher.gate] = lane
        self.restore(lane.publisher.gate, now_ns)
        self.restore(CENTRE, now_ns)  # its subscriptions grow with the lanes

    def cut(self, client: str, now_ns: int) -> None:
        """Cut a gate or `CENTRE` off the broker."""
        self._broker.cut(client)
        if client in self._lanes:
            self._lanes[client].publisher.disconnected(now_ns)

    def restore(self, client: str, now_ns: int) -> None:
        """Connect a gate or `CENTRE` again."""
        if client == CENTRE:
            topics = tuple(records_topic(self._prefix, gate) for gate in self._lanes)
            if self._on_live is not None:
                self._live_topics = {live_topic(self._prefix, gate) for gate in self._lanes}
            self._broker.connect(CENTRE, (*topics, *sorted(self._live_topics)), now_ns)
            for gate, receipt in standing(self._store, self._keys.signing):
                self._send_receipt(gate, receipt, now_ns)
            return
        self._broker.connect(client, (receipt_topic(self._prefix, client),), now_ns)
        self._lanes[client].publisher.connected(now_ns)

    def expire(self, now_ns: int) -> None:
        """Do everything that can be done by now."""
        payloads: list[bytes] = []
        for delivery in self._broker.deliveries(now_ns):
            if delivery.topic in self._live_topics:
                if self._on_live is not None:
                    self._on_live(delivery.payload, now_ns)
                continue
            if delivery.client == CENTRE:
                payloads.append(delivery.payload)
                continue
            self._receive_receipt(self._lanes[delivery.client], delivery.payload, now_ns)
        if payloads:
            outcome = collect(self._store, self._keys, payloads, self._utc(now_ns))
            for gate, receipt in outcome.answers:
                self._send_receipt(gate, receipt, now_ns)
        look_ns = self._look_ns
        looking = look_ns is not None and now_ns >= look_ns
        if looking:
            self._look_ns = None if self._notified else now_ns + self._poll_ns
        for lane in self._lanes.values():
            if look_ns is not None and looking:
                lane.publisher.notice(lane.records.last_seq(), look_ns - self._poll_ns)
            self._serve(lane, now_ns)

    def _receive_receipt(self, lane: LaneUplink, payload: bytes, now_ns: int) -> None:
        """Hand a gate what the central system sent."""
        try:
            lane.publisher.receive_receipt(payload, now_ns)
        except ReceiptRefused as error:
            self.refusals.append(error.diagnosis)
            if isinstance(error, ReceiptBehind) and lane.records.begins_with(
                error.receipt, self._keys.signing.public
            ):
                lane.publisher.go_back(error.receipt.seq, now_ns)

    def _serve(self, lane: LaneUplink, now_ns: int) -> None:
        """Let one lane's publisher do what is due."""
        publisher = lane.publisher
        due = publisher.due_ns
        if due is not None and now_ns >= due:
            publisher.expire(now_ns)
        while (fetch := publisher.wants(now_ns)) is not None:
            outgoing = lane.records.outgoing(fetch.after_seq, fetch.max_bytes)
            publisher.supply(fetch, outgoing, now_ns)
        for operation in publisher.output():
            match operation:
                case Publish(topic, payload):
                    self._broker.publish(publisher.gate, topic, payload, now_ns)
                case HandReceipt(receipt):
                    lane.hand_receipt(receipt)

    def _send_receipt(self, gate: str, receipt: bytes, now_ns: int) -> None:
        """Send a receipt as the central system does."""
        topic = receipt_topic(self._prefix, gate)
        self._broker.publish(CENTRE, topic, receipt, now_ns, retain=True)
