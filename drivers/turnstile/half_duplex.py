"""One question at a time on a half-duplex line: what every sans-IO link to a device shares.

A protocol brings what is asked and how an answer is judged; here is when something may be
sent, when waiting for it ends, and how long the line rests afterwards. Protocols:
`drivers.turnstile.modbus_master` and `drivers.turnstile.swing_link`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

CHARACTER_BITS = 11  # start, eight data, parity or a second stop, stop
NS_PER_MS = 1_000_000

RequestT = TypeVar("RequestT")
OutcomeT = TypeVar("OutcomeT")


def character_ns(baud: int) -> int:
    """Time of one character on the line."""
    return CHARACTER_BITS * 1_000_000_000 // baud


@dataclass(frozen=True, slots=True)
class Silence:
    """No usable answer. `sent` says whether the question ever left."""

    cause: str
    sent: bool


@dataclass(slots=True)
class LineMetrics:
    """What happened on the line since the start, by cause."""

    requests: int = 0
    answers: int = 0
    probes: int = 0
    retries: int = 0
    timeouts: int = 0
    crc: int = 0
    mismatch: int = 0
    late: int = 0
    exceptions: int = 0
    echoes: int = 0
    babble: int = 0


class HalfDuplexLink(Generic[RequestT, OutcomeT]):
    """A host on a line, with at most one open question (`drivers.turnstile.machine.Link`).

    A protocol brings `_send`, `_judge`, `_no_answer` and `_no_quiet`.

    Args:
        answer_ms: how long the device may think.
        backoff_ms: the longest wait for a quiet line.
        quiet_ns: for so long nothing is sent after the line was opened or disturbed.

    Attributes:
        metrics: counts of what happened on the line.
        disturbances: how often anything unexpected happened.
    """

    def __init__(self, *, answer_ms: int, backoff_ms: int, quiet_ns: int) -> None:
        self.metrics = LineMetrics()
        self.disturbances = 0
        self._answer_ns = answer_ms * NS_PER_MS
        self._backoff_ns = backoff_ms * NS_PER_MS
        self._quiet_ns = quiet_ns
        self._out: list[bytes] = []
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """Forget everything in flight: the line was opened again and is not trusted yet."""
        self._request: RequestT | None = None
        self._asked: RequestT | None = None
        self._outcome: OutcomeT | None = None
        self._buffer = bytearray()
        self._send_ns = now_ns + self._quiet_ns
        self._deadline_ns = 0
        self._give_up_ns = 0
        self._out.clear()

    @property
    def busy(self) -> bool:
        """Whether a question is open or its outcome not yet taken."""
        return self._request is not None or self._outcome is not None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        if self._request is None:
            return None
        if self._asked is not None:
            return self._deadline_ns
        send_ns, give_up_ns = self._send_ns, self._give_up_ns
        return send_ns if send_ns < give_up_ns else give_up_ns

    def request(self, request: RequestT, now_ns: int) -> None:
        """Ask. The outcome comes later, by `take`.

        Raises:
            RuntimeError: the question before is still open (a bug of the caller).
        """
        if self._request is not None or self._outcome is not None:
            raise RuntimeError("one question at a time")
        self._request = request
        self._begin(now_ns)
        self.expire(now_ns)

    def take(self) -> OutcomeT | None:
        """The outcome of the question, once; None while it is open."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def output(self) -> list[bytes]:
        """Take the frames to be sent."""
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived, in pieces of any size."""
        if not data:
            return
        if self._asked is None:
            self.metrics.late += 1
            self._disturbed(now_ns)
            return
        self._buffer += data
        self._judge(now_ns)

    def expire(self, now_ns: int) -> None:
        """Time has passed: send what may be sent, give up what is late."""
        if self._request is None:
            return
        if self._asked is not None:
            if now_ns >= self._deadline_ns:
                self._no_answer(now_ns)
        elif now_ns >= self._send_ns:
            self._send(now_ns)
        elif now_ns >= self._give_up_ns:
            self.metrics.babble += 1
            self._no_quiet(now_ns)

    # --- what a protocol brings -------------------------------------------------------

    def _send(self, now_ns: int) -> None:
        """Put a frame into `_out`; set `_asked` and `_deadline_ns`."""
        raise NotImplementedError

    def _judge(self, now_ns: int) -> None:
        """Bytes are in `_buffer` while `_asked` is open; ends in `_finish`, or waits for more."""
        raise NotImplementedError

    def _no_answer(self, now_ns: int) -> None:
        """The deadline of `_asked` has passed."""
        raise NotImplementedError

    def _no_quiet(self, now_ns: int) -> None:
        """The line was not quiet for long enough to ask at all."""
        raise NotImplementedError

    # --- what it may use --------------------------------------------------------------

    def _begin(self, now_ns: int) -> None:
        """A new question: it is asked as soon as the line may be used."""
        self.metrics.requests += 1
        self._schedule(now_ns)

    def _schedule(self, now_ns: int) -> None:
        """Give up where the line is not quiet `backoff_ms` after it should be."""
        send_ns = self._send_ns
        self._give_up_ns = (send_ns if send_ns > now_ns else now_ns) + self._backoff_ns

    def _rest(self, until_ns: int) -> None:
        """Send nothing before `until_ns`."""
        if until_ns > self._send_ns:
            self._send_ns = until_ns

    def _disturbed(self, now_ns: int) -> None:
        """Something unexpected: what is in the buffer counts for nothing."""
        self.disturbances += 1
        self._buffer.clear()
        self._rest(now_ns + self._quiet_ns)

    def _finish(self, outcome: OutcomeT) -> None:
        self._request = self._asked = None
        self._buffer.clear()
        self._outcome = outcome
