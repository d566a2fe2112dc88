"""The body of `egate sync`: carries what the publisher asks for between journal, broker and agent.

It reads the journal beside its writer and never writes it: receipts go to the agent. The
loop sleeps in `select` until the broker speaks, the owner wakes it, the publisher's time
comes, or the journal is due for a look.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from firmware_cfg.profile import Sync
from sync.gate.journal_reader import JournalReader
from sync.gate.progress import Progress
from sync.gate.publisher import Publisher
from sync.gate.types import HandReceipt, Publish
from sync.log.backoff import MS, Backoff
from sync.log.errors import (
    LinkDown,
    ReceiptAhead,
    ReceiptBehind,
    ReceiptRefused,
    StorageUnavailable,
)
from sync.log.keys import CentrePublic, SigningKey
from sync.log.mqtt import BrokerRefused, Connected, Disconnected, LinkEvent, MqttLink, Received, Tls
from sync.log.topics import receipt_topic

LONGEST_WAIT_NS = 1_000 * MS
SHORT_LIFE_NS = 5_000 * MS
UNANSWERED_TO_SUSPECT = 3
"""A broker may drop what it denies, or grant a subscription it denies, without a word."""

SHORT_LIVES_TO_SUSPECT = 5
"""So many connections in a row that ended this soon: another client has our name."""


class SyncStatus(NamedTuple):
    """How the way to the central system stands.

    `alarm` is one line for the operator, "" if all is well. `oldest_wait_ns` is how long
    the oldest record without receipt has been known here.
    """

    progress: Progress
    oldest_wait_ns: int
    alarm: str


class SyncService:
    """Publishes one gate's journal over one broker, until it is closed."""

    def __init__(
        self,
        *,
        journal: Path,
        gate: str,
        key: SigningKey,
        centre: CentrePublic,
        limits: Sync,
        random: Callable[[int], bytes],
        hand_receipt: Callable[[bytes], None],
        report_link: Callable[[bool], None],
        tls: Tls | None = None,
    ) -> None:
        """Prepare; nothing is opened before the first `turn`.

        Args:
            journal: the journal's file, which may not exist yet.
            gate: the gate's name.
            key: the gate's key.
            centre: the central system's public keys.
            limits: the profile's section.
            random: source of jitter and of keys.
            hand_receipt: gives a signed receipt to the agent; must not block.
            report_link: reports to the agent whether the broker is connected; must not block.
            tls: certificates for the broker; None for a plain connection.

        Raises:
            KeyRefused: the certificates cannot be used.
        """
        self._journal = journal
        self._gate = gate
        self._key = key
        self._centre = centre
        self._limits = limits
        self._random = random
        self._hand_receipt = hand_receipt
        self._report_link = report_link
        self._link = MqttLink(
            host=limits.host,
            port=limits.port,
            client_id=f"{limits.topic_prefix}-gate-{gate}",
            protocol=limits.protocol,
            subscriptions=(receipt_topic(limits.topic_prefix, gate),),
            tls=tls,
        )
        self._reconnect = Backoff(limits.retry_min_ms, limits.retry_max_ms, random)
        self._connect_ns = 0
        self._connected_ns = 0
        self._short_lives = 0
        self._accepted = False
        self._reader: JournalReader | None = None
        self._publisher: Publisher | None = None
        self._look_ns = 0
        self._waiting_since_ns: int | None = None
        self._newest_receipt: bytes | None = None
        self._alarm = ""

    def turn(self, now_ns: int) -> None:
        """Do everything that can be done now.

        Raises:
            LinkStolen: another client uses this gate's name: stop, and raise an alarm.
            StorageForeign: the journal is of another kind or version.
            StorageFailed: the journal cannot be read.
        """
        if self._publisher is None or now_ns >= self._look_ns:
            self._look(now_ns)
        if self._publisher is None:
            return
        if self._link.socket() is None and now_ns >= self._connect_ns:
            self._connect(now_ns)
        for event in self._link.pump():
            self._take(event, self._publisher, now_ns)
        due = self._publisher.due_ns
        if due is not None and now_ns >= due:
            self._publisher.expire(now_ns)
        self._publish(self._publisher, now_ns)

    def wait(self, now_ns: int, wake_fd: int | None = None) -> None:
        """Sleep until there is something to do, or `wake_fd` can be read."""
        socket = self._link.socket()
        reading = [fd for fd in (socket, wake_fd) if fd is not None]
        writing = [socket] if socket is not None and self._link.wants_write() else []
        select.select(reading, writing, [], max(0, self.due_ns(now_ns) - now_ns) / 1e9)

    def due_ns(self, now_ns: int) -> int:
        """When `turn` must be called next at the latest."""
        if self._link.pending():
            return now_ns
        times = [self._look_ns, now_ns + LONGEST_WAIT_NS]
        if self._publisher is not None and self._link.socket() is None:
            times.append(self._connect_ns)
        due = None if self._publisher is None else self._publisher.due_ns
        if due is not None and not self._link.wants_write():
            times.append(due)  # while the socket is full, only its readiness counts
        return min(times)

    def repeat(self) -> None:
        """The agent came (back): send it the link's state and the newest receipt again."""
        self._report_link(self._link.connected)
        if self._newest_receipt is not None:
            self._hand_receipt(self._newest_receipt)

    def status(self, now_ns: int) -> SyncStatus:
        """How the way to the central system stands."""
        progress = Progress(0, 0, 0, connected=False, resends=0, refusal=0)
        if self._publisher is not None:
            progress = self._publisher.progress
        waited = 0 if self._waiting_since_ns is None else now_ns - self._waiting_since_ns
        alarm = self._alarm
        if progress.refusal:
            alarm = f"the broker denies our messages (reason {progress.refusal:#x})"
        elif progress.unanswered >= UNANSWERED_TO_SUSPECT and not alarm:
            alarm = "no receipt comes: is the centre there, may we publish and subscribe?"
        elif progress.again_to and not alarm:
            alarm = f"the centre was set back: records up to {progress.again_to} are sent again"
        return SyncStatus(progress, waited, alarm)

    def close(self) -> None:
        """Close the connection and the journal."""
        self._link.close()
        self._drop_journal()

    def _look(self, now_ns: int) -> None:
        """See whether the journal has more, or is another one now."""
        interval_ns = self._limits.batch_max_age_ms * MS
        looked_ns = self._look_ns - interval_ns if self._look_ns else now_ns
        self._look_ns = now_ns + interval_ns
        if self._reader is not None and self._reader.replaced():
            self._drop_journal()
        if self._reader is None:
            try:
                self._reader = JournalReader(self._journal)
            except StorageUnavailable as error:
                self._alarm = error.diagnosis
                return
            self._alarm = ""
            self._begin(self._reader, now_ns)
        if self._publisher is not None:
            self._publisher.notice(self._reader.last_seq(), looked_ns)
            progress = self._publisher.progress
            if progress.last_seq <= progress.receipt_seq:
                self._waiting_since_ns = None
            elif self._waiting_since_ns is None:
                self._waiting_since_ns = now_ns

    def _begin(self, reader: JournalReader, now_ns: int) -> None:
        """Follow this journal from where its receipts end."""
        if reader.gate != self._gate:
            self._alarm = "the journal is another gate's"
            return
        self._newest_receipt = None
        self._publisher = Publisher(
            gate=reader.gate,
            epoch=reader.epoch,
            receipt_seq=reader.receipt_seq(),
            key=self._key,
            centre=self._centre,
            limits=self._limits,
            random=self._random,
        )
        if self._link.connected:
            self._publisher.connected(now_ns)

    def _drop_journal(self) -> None:
        """Forget the journal; the next look opens what is there then."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._publisher = None

    def _connect(self, now_ns: int) -> None:
        """Try the broker; on failure wait longer each time."""
        self._connect_ns = now_ns + self._reconnect.next_ns()
        try:
            self._link.connect()
        except LinkDown as error:
            self._alarm = error.diagnosis

    def _take(self, event: LinkEvent, publisher: Publisher, now_ns: int) -> None:
        """Pass on what happened on the link."""
        match event:
            case Connected():
                self._alarm = ""
                self._accepted = True
                self._connected_ns = now_ns
                publisher.connected(now_ns)
                self._report_link(self._link.connected)
            case Disconnected():
                publisher.disconnected(now_ns)
                self._ended(now_ns)
                self._report_link(self._link.connected)
            case BrokerRefused(reason):
                publisher.refused(reason, now_ns)
            case Received(_, payload, message_id):
                self._link.acknowledge(message_id)
                try:
                    publisher.receive_receipt(payload, now_ns)
                    self._alarm = ""
                except ReceiptBehind as error:
                    self._alarm = self._go_back(error, publisher, now_ns)
                except ReceiptAhead as error:
                    self._alarm = error.diagnosis
                    self._hand_receipt(payload)  # the agent alone can judge: our look may be old
                except ReceiptRefused as error:
                    self._alarm = error.diagnosis

    def _go_back(self, behind: ReceiptBehind, publisher: Publisher, now_ns: int) -> str:
        """Send again what the central system lost; give an alarm if it holds another log."""
        try:
            ours = self._reader is not None and self._reader.begins_with(
                behind.receipt, self._centre.verifying
            )
        except ReceiptRefused as error:
            return error.diagnosis
        if not ours:
            return f"{behind.diagnosis}, and holds another log than ours: audit both"
        publisher.go_back(behind.receipt.seq, now_ns)
        return ""

    def _ended(self, now_ns: int) -> None:
        """Choose when to connect again. MQTT 3.1.1 does not say that a name was taken."""
        accepted, self._accepted = self._accepted, False
        if not accepted:
            self._alarm = "the broker does not accept us: certificate, name or rights"
            self._connect_ns = now_ns + self._reconnect.next_ns()
            return
        if now_ns - self._connected_ns >= SHORT_LIFE_NS:
            self._short_lives = 0
            self._reconnect.reset()
        else:
            self._short_lives += 1
        if self._short_lives >= SHORT_LIVES_TO_SUSPECT:
            self._alarm = "connections end at once: does another client use our name?"
            self._connect_ns = now_ns + self._reconnect.longest_ns()
        else:
            self._alarm = "the connection to the broker ended"
            self._connect_ns = now_ns + self._reconnect.next_ns()

    def _publish(self, publisher: Publisher, now_ns: int) -> None:
        """Read what is wanted, send what is made."""
        if self._reader is None:
            return
        for _ in range(self._limits.window_batches):
            fetch = publisher.wants(now_ns)
            if fetch is None or self._link.wants_write():
                break
            outgoing = self._reader.outgoing(fetch.after_seq, fetch.max_bytes)
            publisher.supply(fetch, outgoing, now_ns)
            self._carry_out(publisher)
        self._carry_out(publisher)

    def _carry_out(self, publisher: Publisher) -> None:
        """Send batches to the broker and receipts to the agent."""
        for operation in publisher.output():
            match operation:
                case Publish(topic, payload):
                    self._link.publish(topic, payload)
                case HandReceipt(receipt):
                    self._newest_receipt = receipt
                    self._hand_receipt(receipt)


def run_sync(
    service: SyncService,
    *,
    clock: Callable[[], int],
    stop: Callable[[], bool],
    wake_fd: int | None = None,
    on_wake: Callable[[], None] | None = None,
) -> None:
    """Run until `stop` says so, at most a second later, or at once through `wake_fd`.

    Args:
        service: what to run; it is closed at the end.
        clock: monotonic nanoseconds.
        stop: asked after every wait.
        wake_fd: a file descriptor whose readability ends a wait, e.g. the agent's socket.
        on_wake: called after every wait: reads what `wake_fd` has.

    Raises:
        LinkStolen, StorageError: see `SyncService.turn`.
    """
    try:
        while not stop():
            service.turn(clock())
            service.wait(clock(), wake_fd)
            if on_wake is not None:
                on_wake()
    finally:
        service.close()
