"""What `egate sync` says to the central system, and when: a machine without I/O.

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
A record that is written meanwhile is sent a second time, at once, on a topic of its own:
an ordinary signed batch that comes before its turn. No receipt answers it and nothing
depends on it; the ordered way brings the same record with its place in the tree later
(docs/decisions/0050).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from firmware_cfg.profile import Sync
from sync.gate.journal_reader import Outgoing
from sync.gate.pacing import MIN_BATCH_BYTES, Pace
from sync.gate.progress import DrainRate, Progress
from sync.gate.setback import SetBack
from sync.log.backoff import MS, Backoff
from sync.log.encoding import open_receipt, seal_batch
from sync.log.errors import ReceiptAhead, ReceiptBehind, ReceiptForeign
from sync.log.keys import CentrePublic, SigningKey
from sync.log.notes import Checkpoint, origin_of, sign_checkpoint
from sync.log.topics import live_topic, records_topic
from sync.log.types import Batch

PACKET_TOO_LARGE = 0x95  # MQTT 5, table 2-6: reason codes
HEARTBEAT_NS = 60_000 * MS
LIVE_INTERVAL_NS = 200 * MS
UNDER_WAY_BYTES = 8 * 1024 * 1024
"""Without receipts no more goes, whatever the profile says: it fills 60 megabits for a second."""

MAX_LIVE = 50
"""So many at most go before their turn, so often: a busy gate must not fill a slow way."""


class Publish(NamedTuple):
    """Send this to the broker, quality of service 1."""

    topic: str
    payload: bytes


class HandReceipt(NamedTuple):
    """Give this receipt to the agent, which alone may release records."""

    receipt: bytes


class Fetch(NamedTuple):
    """Read the records after `after_seq`, up to `max_bytes`. `live`: before their turn."""

    after_seq: int
    max_bytes: int
    live: bool = False


Output = Publish | HandReceipt


class _Sent(NamedTuple):
    """One batch under way."""

    last_seq: int
    at_ns: int
    size: int


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
        self._key = key
        self._centre = centre
        self._limits = limits
        self._random = random
        self._backoff = Backoff(limits.retry_min_ms, limits.retry_max_ms, random)
        self._topics = {
            False: records_topic(limits.topic_prefix, gate),
            True: live_topic(limits.topic_prefix, gate),
        }
        self._pace = Pace(limits)
        self._drain = DrainRate()
        self._set_back = SetBack(limits.retry_min_ms)
        self._watermark = receipt_seq
        self._sent_seq = receipt_seq
        self._last_seq = receipt_seq
        self._in_flight: deque[_Sent] = deque()
        self._connected = False
        self._probing = True
        self._resent_seq = receipt_seq  # up to here a receipt may be for an earlier attempt
        self._looked = False
        self._live_seq = receipt_seq  # up to here records wait for their turn, or were sent
        self._live_ripe_ns: int | None = None  # when those after it are sent before them
        self._live_next_ns = 0  # no more of them before this
        self._live = 0
        self._ripe_ns: int | None = None  # when the records that wait are sent
        self._hold_until_ns = 0  # nothing is sent before this
        self._give_up_ns: int | None = None  # when a missing receipt means: start again
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
        wishes = (self._give_up_ns, self._send_ns(), self._live_ns(), self._idle_ns())
        return min((t for t in wishes if t is not None), default=None)

    @property
    def progress(self) -> Progress:
        """Where publishing stands."""
        return Progress(
            self._last_seq,
            self._watermark,
            len(self._in_flight),
            self._connected,
            self._resends,
            self._refusal,
            self._unanswered,
            self._live,
            self._drain.seconds(self._last_seq - self._watermark),
            self._set_back.mark,
        )

    def connected(self, now_ns: int) -> None:
        """The broker accepted us: start again from the watermark."""
        self._connected = True
        self._heartbeat_ns = now_ns + HEARTBEAT_NS
        self._drain.restart(now_ns)
        self._rewind()
        self._live_seq, self._live_ripe_ns = self._last_seq, None
        if self._last_seq > self._watermark:
            self._ripe_ns = now_ns

    def disconnected(self, now_ns: int) -> None:  # noqa: ARG002 (one shape for every input)
        """The connection is gone, and with it what was under way."""
        self._connected = False
        if self._in_flight:
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
        if not self._looked:  # what is there at the first look is backlog
            self._looked, self._live_seq = True, last_seq
        elif max(self._live_seq, self._sent_seq) >= self._last_seq:
            self._live_ripe_ns = max(ripe_ns, self._live_next_ns)
        self._last_seq = last_seq
        self._live_seq = max(self._live_seq, last_seq - MAX_LIVE)

    def wants(self, now_ns: int) -> Fetch | None:
        """Which records to read and `supply` now, if any."""
        if not self._connected:
            return None
        send_ns, live_ns, idle_ns = self._send_ns(), self._live_ns(), self._idle_ns()
        if live_ns is not None and live_ns <= now_ns:
            return Fetch(max(self._live_seq, self._sent_seq), self._pace.batch_bytes, live=True)
        if send_ns is not None and send_ns <= now_ns:
            return Fetch(self._sent_seq, self._pace.batch_bytes)
        if idle_ns is not None and idle_ns <= now_ns:
            return Fetch(self._sent_seq, MIN_BATCH_BYTES)
        return None

    def supply(self, fetch: Fetch, outgoing: Outgoing, now_ns: int) -> None:
        """The records that `wants` asked for: makes one batch.

        None of them make a heartbeat, if it is time for one.
        """
        reached = fetch.after_seq + len(outgoing.contents.items)
        if fetch.live:
            self._live += reached - fetch.after_seq
            self._live_seq = max(reached, self._live_seq)
            self._live_next_ns = now_ns + LIVE_INTERVAL_NS
            self._live_ripe_ns = None if reached >= self._last_seq else self._live_next_ns
            self._batch(fetch, outgoing, reached)
            return
        idle_ns = self._idle_ns()
        if reached == fetch.after_seq:
            self._last_seq = self._sent_seq
            self._ripe_ns = None
            if idle_ns is None or idle_ns > now_ns:
                return
        size = self._batch(fetch, outgoing, reached)
        self._heartbeat_ns = now_ns + HEARTBEAT_NS
        self._sent_seq = reached
        if reached == fetch.after_seq:
            return
        self._last_seq = max(self._last_seq, self._sent_seq)
        self._in_flight.append(_Sent(self._sent_seq, now_ns, size))
        self._ripe_ns = now_ns if self._last_seq > self._sent_seq else None
        if self._give_up_ns is None:
            self._give_up_ns = now_ns + max(self._pace.wait_ns, self._backoff.next_ns())

    def _batch(self, fetch: Fetch, outgoing: Outgoing, reached: int) -> int:
        """Make a batch of what was read, with the gate's note about its log; give its bytes."""
        checkpoint = Checkpoint(origin_of(self.gate, self.epoch), reached, outgoing.root)
        batch = Batch(
            gate=self.gate,
            epoch=self.epoch,
            first_seq=fetch.after_seq + 1,
            sealed=b"",
            checkpoint=sign_checkpoint(checkpoint, self._key),
        )
        centre = self._centre.sealing
        payload = seal_batch(batch, outgoing.contents, self._key, centre, self._random)
        self._output.append(Publish(self._topics[fetch.live], payload))
        return len(payload)

    def receive_receipt(self, data: bytes, now_ns: int) -> None:
        """A message came on the receipts' topic.

        Raises:
            ReceiptRefused: it is not the central system's, or not for this journal.
            ReceiptBehind: it lacks what it confirmed; if the rest is ours, `go_back`.
        """
        receipt = open_receipt(data, self._centre.verifying)
        if (receipt.gate, receipt.epoch) != (self.gate, self.epoch):
            raise ReceiptForeign("a receipt is for another gate or journal")
        if receipt.seq > max(self._last_seq, self._sent_seq):
            raise ReceiptAhead(f"a receipt names record {receipt.seq} of {self._last_seq}")
        if receipt.seq < self._watermark:
            if self._set_back.suspects(now_ns):
                raise ReceiptBehind(receipt, self._watermark)
            return
        self._set_back.confirmed(receipt.seq)
        if receipt.seq > self._watermark:
            self._advance(receipt.seq, now_ns)
            self._output.append(HandReceipt(data))
        elif self._in_flight:
            self._repeated(data, now_ns)

    def go_back(self, receipt_seq: int, now_ns: int) -> None:
        """Send again what follows this place, which the central system lacks."""
        self._set_back.begin(self._watermark)
        self._watermark = receipt_seq
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
        if self._give_up_ns is not None and now_ns >= self._give_up_ns:
            self._pace.silent()
            self._unanswered += 1
            self._start_again(now_ns)

    def output(self) -> list[Output]:
        """Take what is to be done, in order; the list is empty afterwards."""
        taken, self._output = self._output, []
        return taken

    def _send_ns(self) -> int | None:
        """When the next batch may go; None when nothing waits or the window is full."""
        window = 1 if self._probing else self._pace.window
        under_way = sum(sent.size for sent in self._in_flight)
        full = len(self._in_flight) >= window or under_way >= UNDER_WAY_BYTES
        if self._ripe_ns is None or full:
            return None
        return max(self._ripe_ns, self._hold_until_ns)

    def _live_ns(self) -> int | None:
        """When records go before their turn; None when their turn has come, or nobody answers.

        While the central system is silent it would only be given more to do later.
        """
        if self._live_ripe_ns is None or self._probing or self._sent_seq >= self._last_seq:
            return None
        if self._sent_seq >= self._live_seq and self._send_ns() is not None:
            return None
        return max(self._live_ripe_ns, self._hold_until_ns)

    def _idle_ns(self) -> int | None:
        """When the next heartbeat is due; None while there are records to send or confirm."""
        idle = self._sent_seq == self._last_seq and not self._in_flight and self._last_seq
        return self._heartbeat_ns if idle else None

    def _advance(self, seq: int, now_ns: int) -> None:
        """The central system has everything up to `seq`."""
        self._drain.moved(seq - self._watermark, now_ns)
        self._watermark = seq
        answered: list[_Sent] = []
        while self._in_flight and self._in_flight[0].last_seq <= seq:
            answered.append(self._in_flight.popleft())
        if answered and answered[-1].last_seq > self._resent_seq:
            self._pace.answered(len(answered), now_ns - answered[-1].at_ns, now_ns)
        self._sent_seq = max(self._sent_seq, seq)  # an earlier attempt's receipt was lost
        if self._sent_seq >= self._last_seq:
            self._ripe_ns = None
        self._probing = False
        self._refusal = self._unanswered = 0
        self._backoff.reset()
        wait_ns = max(self._pace.wait_ns, self._backoff.next_ns())
        self._give_up_ns = now_ns + wait_ns if self._in_flight else None

    def _repeated(self, data: bytes, now_ns: int) -> None:
        """The central system says again where it stands: it misses what follows.

        It may also be an echo, so this is heeded at most once in `retry_min_ms`. The
        agent hears it too, in case it missed the first one.
        """
        if now_ns < self._next_fast_resend_ns:
            return
        self._next_fast_resend_ns = now_ns + self._limits.retry_min_ms * MS
        self._output.append(HandReceipt(data))
        self._start_again(now_ns)

    def _start_again(self, now_ns: int) -> None:
        """Resend from the watermark."""
        self._resends += 1
        self._rewind()
        if self._last_seq > self._watermark:
            self._ripe_ns = now_ns

    def _rewind(self) -> None:
        """Forget what is under way."""
        self._in_flight.clear()
        self._live_seq = max(self._live_seq, self._sent_seq)
        self._resent_seq = max(self._resent_seq, self._sent_seq)
        self._sent_seq = self._watermark
        self._give_up_ns = None
        self._probing = True
