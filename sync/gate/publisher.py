"""What `egate sync` sends to the central system, and when: a machine without I/O.

The caller repeats, after every call that may change it:

    fetch = publisher.wants(now_ns)
    if fetch: publisher.supply(fetch, reader.outgoing(fetch.after_seq, fetch.max_bytes), now_ns)
    for op in publisher.output(): carry it out
    wait until publisher.due_ns, then publisher.expire(now_ns)

Records go in batches, closed by size or age, in order, at most `window_batches` ahead of
the newest receipt. Only a receipt moves the watermark. When receipts stay away, or the
connection comes back, it starts again from the watermark with one batch at a time until
a receipt moves on: so a stalled central system is probed, not flooded, and nothing needs
to be kept in memory, because the journal has it all (`sync.gate.setback`: even much later).

Two priorities. The ordered way alone builds the log, and a backlog may fill it for hours.
A record that is written meanwhile is sent a second time, at once (`sync.gate.early_records`).
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_cfg.profile import Sync
from sync.gate.batch_maker import BatchMaker
from sync.gate.early_records import EarlyRecords
from sync.gate.journal_reader import Outgoing
from sync.gate.pacing import MIN_BATCH_BYTES, Pace
from sync.gate.progress import DrainRate, Progress
from sync.gate.send_window import SendWindow
from sync.gate.setback import SetBack
from sync.gate.types import Fetch, HandReceipt, Output
from sync.log.backoff import MS, Backoff
from sync.log.encoding import open_receipt
from sync.log.errors import ReceiptAhead, ReceiptBehind, ReceiptForeign
from sync.log.keys import CentrePublic, SigningKey
from sync.log.types import Receipt

PACKET_TOO_LARGE = 0x95  # MQTT 5, table 2-6: reason codes
HEARTBEAT_NS = 60_000 * MS


class Publisher:
    """Publishes one journal (`gate`, `epoch`) from its newest receipt on."""

    def __init__(
        self,
        *,
        gate: str,
        epoch: str,
        receipt_seq: int,
        key: SigningKey,
        centre: CentrePublic,
        limits: Sync,
        random: Callable[[int], bytes],
    ) -> None:
        """Begin unconnected.

        Args:
            gate: the gate's name.
            epoch: the journal's epoch.
            receipt_seq: how far the journal knows the central system to have followed.
            key: the gate's key, which signs batches and checkpoints.
            centre: the central system's keys, which check receipts and encrypt batches.
            limits: sizes, ages and waits of the profile.
            random: source of jitter and of keys.
        """
        self.gate = gate
        self.epoch = epoch
        self._centre = centre.verifying
        self._limits = limits
        self._batches = BatchMaker((gate, epoch), limits.topic_prefix, key, centre.sealing, random)
        self._backoff = Backoff(limits.retry_min_ms, limits.retry_max_ms, random)
        self._pace = Pace(limits)
        self._window = SendWindow(receipt_seq, self._pace, self._backoff)
        self._early = EarlyRecords(receipt_seq)
        self._drain = DrainRate()
        self._set_back = SetBack(limits.retry_min_ms)
        self._last_seq = receipt_seq
        self._connected = False
        self._ripe_ns: int | None = None  # when the records that wait are sent
        self._hold_until_ns = 0  # nothing is sent before this
        self._next_fast_resend_ns = 0
        self._heartbeat_ns: int | None = None  # when an idle gate states its size
        self._resends = 0
        self._unanswered = 0
        self._refusal = 0
        self._output: list[Output] = []

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when nothing is awaited."""
        if not self._connected:
            return None
        wishes = (self._window.give_up_ns, self._send_ns(), self._early_ns(), self._idle_ns())
        return min((t for t in wishes if t is not None), default=None)

    @property
    def progress(self) -> Progress:
        """Where publishing stands."""
        return Progress(
            self._last_seq,
            self._window.watermark,
            len(self._window),
            self._connected,
            self._resends,
            self._refusal,
            self._unanswered,
            self._early.count,
            self._drain.seconds(self._last_seq - self._window.watermark),
            self._set_back.mark,
        )

    def connected(self, now_ns: int) -> None:
        """The broker accepted us: start again from the watermark."""
        self._connected = True
        self._heartbeat_ns = now_ns + HEARTBEAT_NS
        self._drain.restart(now_ns)
        self._rewind()
        self._early.connected(self._last_seq)
        if self._last_seq > self._window.watermark:
            self._ripe_ns = now_ns

    def disconnected(self, now_ns: int) -> None:  # noqa: ARG002 (one shape for every input)
        """The connection is gone, and with it what was under way."""
        self._connected = False
        if len(self._window):
            self._pace.broken()
        self._rewind()
        self._output = [op for op in self._output if isinstance(op, HandReceipt)]

    def notice(self, last_seq: int, since_ns: int) -> None:
        """The journal has records up to `last_seq`, the new ones from `since_ns` or later.

        `since_ns` is when the caller looked last: the age of a batch counts from there.
        """
        if last_seq <= self._last_seq:
            return
        ripe_ns = since_ns + self._limits.batch_max_age_ms * MS
        if self._ripe_ns is None:
            self._ripe_ns = ripe_ns
        self._early.noticed(self._last_seq, last_seq, self._window.sent_seq, ripe_ns)
        self._last_seq = last_seq

    def wants(self, now_ns: int) -> Fetch | None:
        """Which records to read and `supply` now, if any."""
        if not self._connected:
            return None
        send_ns, early_ns, idle_ns = self._send_ns(), self._early_ns(), self._idle_ns()
        sent_seq = self._window.sent_seq
        if early_ns is not None and early_ns <= now_ns:
            return Fetch(self._early.after_seq(sent_seq), self._pace.batch_bytes, live=True)
        if send_ns is not None and send_ns <= now_ns:
            return Fetch(sent_seq, self._pace.batch_bytes)
        if idle_ns is not None and idle_ns <= now_ns:
            return Fetch(sent_seq, MIN_BATCH_BYTES)
        return None

    def supply(self, fetch: Fetch, outgoing: Outgoing, now_ns: int) -> None:
        """The records that `wants` asked for: makes one batch.

        None of them make a heartbeat, if it is time for one.
        """
        records = len(outgoing.contents.items)
        reached = fetch.after_seq + records
        if fetch.live:
            self._early.supplied(records, reached, now_ns)
            self._output.append(self._batches.make(fetch, outgoing))
            return
        idle_ns = self._idle_ns()
        if not records:
            self._last_seq = self._window.sent_seq
            self._ripe_ns = None
            if idle_ns is None or idle_ns > now_ns:
                return
        batch = self._batches.make(fetch, outgoing)
        self._output.append(batch)
        self._heartbeat_ns = now_ns + HEARTBEAT_NS
        if records:
            self._window.sent(reached, len(batch.payload), now_ns)
            self._last_seq = max(self._last_seq, reached)
            self._ripe_ns = now_ns if self._last_seq > reached else None

    def receive_receipt(self, data: bytes, now_ns: int) -> None:
        """A message came on the receipts' topic.

        Raises:
            ReceiptRefused: it is not the central system's, or not for this journal.
            ReceiptBehind: it lacks what it confirmed; if the rest is ours, `go_back`.
        """
        receipt = self._open(data)
        if receipt.seq < self._window.watermark:
            if self._set_back.suspects(now_ns):
                raise ReceiptBehind(receipt, self._window.watermark)
            return
        self._set_back.confirmed(receipt.seq)
        if receipt.seq > self._window.watermark:
            self._advance(receipt.seq, now_ns)
            self._output.append(HandReceipt(data))
        elif len(self._window):
            self._repeated(data, now_ns)

    def _open(self, data: bytes) -> Receipt:
        """Check that a receipt is the central system's, and for what this journal holds."""
        receipt = open_receipt(data, self._centre)
        if (receipt.gate, receipt.epoch) != (self.gate, self.epoch):
            raise ReceiptForeign("a receipt is for another gate or journal")
        if receipt.seq > max(self._last_seq, self._window.sent_seq):
            raise ReceiptAhead(f"a receipt names record {receipt.seq} of {self._last_seq}")
        return receipt

    def go_back(self, receipt_seq: int, now_ns: int) -> None:
        """Send again what follows this place, which the central system lacks."""
        self._set_back.begin(self._window.watermark)
        self._window.watermark = receipt_seq
        self._start_again(now_ns)

    def refused(self, reason: int, now_ns: int) -> None:
        """The broker denied a publish (MQTT 5 reason code >= 0x80).

        Nothing is dropped: the watermark stays, the longest wait begins, and the refusal
        shows in `progress` until a receipt comes. A packet that was too large is halved.
        """
        self._refusal = reason
        self._rewind()
        if reason == PACKET_TOO_LARGE:
            self._pace.too_large()
        self._ripe_ns = now_ns
        self._hold_until_ns = now_ns + self._backoff.longest_ns()

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come."""
        give_up_ns = self._window.give_up_ns
        if give_up_ns is not None and now_ns >= give_up_ns:
            self._pace.silent()
            self._unanswered += 1
            self._start_again(now_ns)

    def output(self) -> list[Output]:
        """Take what is to be done, in order; the list is empty afterwards."""
        taken, self._output = self._output, []
        return taken

    def _send_ns(self) -> int | None:
        """When the next batch may go; None when nothing waits or the window is full."""
        if self._ripe_ns is None or self._window.full:
            return None
        return max(self._ripe_ns, self._hold_until_ns)

    def _early_ns(self) -> int | None:
        """When records go before their turn; None when there are none, or no receipts come.

        While the central system is silent it would only be given more to do later.
        """
        if self._window.probing:
            return None
        waits = self._send_ns() is not None
        ripe_ns = self._early.ripe_ns(self._window.sent_seq, self._last_seq, ordered_waits=waits)
        return None if ripe_ns is None else max(ripe_ns, self._hold_until_ns)

    def _idle_ns(self) -> int | None:
        """When the next heartbeat is due; None while there are records to send or confirm."""
        idle = self._window.sent_seq == self._last_seq and not len(self._window)
        return self._heartbeat_ns if idle and self._last_seq else None

    def _advance(self, seq: int, now_ns: int) -> None:
        """The central system has everything up to `seq`."""
        self._drain.moved(seq - self._window.watermark, now_ns)
        self._window.confirmed(seq, now_ns)
        if self._window.sent_seq >= self._last_seq:
            self._ripe_ns = None
        self._refusal = self._unanswered = 0

    def _repeated(self, data: bytes, now_ns: int) -> None:
        """The central system says again where it stands: it misses what follows.

        It may also be an echo, so this is followed at most once in `retry_min_ms`. The
        agent gets it too, in case it missed the first one.
        """
        if now_ns < self._next_fast_resend_ns:
            return
        self._next_fast_resend_ns = now_ns + self._limits.retry_min_ms * MS
        self._output.append(HandReceipt(data))
        self._start_again(now_ns)

    def _start_again(self, now_ns: int) -> None:
        """Resend from the watermark, behind which there is something to resend."""
        self._resends += 1
        self._rewind()
        self._ripe_ns = now_ns

    def _rewind(self) -> None:
        """Forget what is under way."""
        self._early.rewound(self._window.sent_seq)
        self._window.rewind()
