"""The conversation with a 7E/7F swing gate: one question at a time, sans-IO.

Every answer looks alike, so an answer that comes late can only be told by when it comes:

- after anything unexpected (silence, a bad frame, bytes nobody asked for) nothing is asked
  until the line was quiet for `backoff_ms`, and what comes meanwhile is thrown away;
- for a while after that the line is `suspect`: a caller then asks to `SETTLE`, which waits
  with nothing asked: an answer still to come shows itself, because nobody asked for it;
- nothing is ever asked twice here. What became of a command is for a status to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.turnstile.modbus import Metrics
from drivers.turnstile.rtu import Silence, character_ns
from drivers.turnstile.swing_frames import (
    GATE_BYTES,
    HOST_BYTES,
    Ask,
    BadFrame,
    Status,
    parse_status,
)

QUIET_NS = 20_000_000  # between an answer and the next question, for cheap adapters
SUSPECT_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Settle:
    """Ask nothing for a while; `Settled` if nothing came, else `Silence`."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing came that nobody asked for."""


SETTLE = Settle()
SwingOutcome = Status | Settled | Silence


class SwingLink:
    """A host on the line of one gate.

    Args:
        machine: number of the gate.
        baud: speed of the line, for deadlines.
        answer_ms: how long the gate may think.
        backoff_ms: how long the line must be quiet after anything unexpected.
    """

    def __init__(self, machine: int, baud: int, *, answer_ms: int, backoff_ms: int) -> None:
        self.metrics = Metrics()
        self.disturbances = 0
        self._machine = machine
        self._exchange_ns = (HOST_BYTES + GATE_BYTES) * character_ns(baud)
        self._answer_ns = answer_ms * 1_000_000
        self._backoff_ns = backoff_ms * 1_000_000
        self._out: list[bytes] = []
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """The line was opened anew: nothing on it is believed until it was quiet."""
        self._request: Ask | Settle | None = None
        self._asked = False
        self._outcome: SwingOutcome | None = None
        self._buffer = bytearray()
        self._not_before_ns = now_ns + self._backoff_ns
        self._deadline_ns = 0
        self._give_up_ns = 0
        self._suspect_ns = now_ns + SUSPECT_NS
        self._out.clear()

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        if self._request is None:
            return None
        if self._asked:
            return self._deadline_ns
        return min(self._not_before_ns, self._give_up_ns)

    def suspect(self, now_ns: int) -> bool:
        """Whether an answer of long ago might still come."""
        return now_ns < self._suspect_ns

    def request(self, request: Ask | Settle, now_ns: int) -> None:
        """Ask. The outcome comes later, by `take`.

        Raises:
            RuntimeError: the question before is still open (a bug of the caller).
        """
        if self._request is not None or self._outcome is not None:
            raise RuntimeError("one question at a time")
        self._request = request
        self._asked = False
        if isinstance(request, Settle):
            self._asked = True
            self._deadline_ns = now_ns + self._answer_ns
        else:
            self.metrics.requests += 1
            self._give_up_ns = max(now_ns, self._not_before_ns) + self._backoff_ns
        self.expire(now_ns)

    def take(self) -> SwingOutcome | None:
        """The outcome of the question, once; None while it is open."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def output(self) -> list[bytes]:
        """Take the frames to be sent."""
        out, self._out = self._out, []
        return out

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived, in pieces of any size."""
        if not data:
            return
        if not self._asked or isinstance(self._request, Settle):
            self.metrics.late += 1
            self._disturbed(now_ns)
            if isinstance(self._request, Settle):
                self._finish(Silence("late", sent=False))
            return
        self._buffer += data
        if len(self._buffer) < GATE_BYTES:
            return
        try:
            status = parse_status(self._buffer, self._machine)
        except BadFrame as bad:
            if bad.cause == "crc":
                self.metrics.crc += 1
            else:
                self.metrics.mismatch += 1
            self._disturbed(now_ns)
            self._finish(Silence(bad.cause, sent=True))
            return
        self.metrics.answers += 1
        self._not_before_ns = now_ns + QUIET_NS
        self._finish(status)

    def expire(self, now_ns: int) -> None:
        """Time has passed: send what may be sent, give up what is late."""
        if self._request is None:
            return
        if self._asked:
            if now_ns >= self._deadline_ns:
                self._late(now_ns)
        elif now_ns >= self._not_before_ns:
            self._send(now_ns)
        elif now_ns >= self._give_up_ns:
            self.metrics.babble += 1
            self._finish(Silence("babble", sent=False))

    def _send(self, now_ns: int) -> None:
        if isinstance(self._request, Ask):
            self._asked = True
            self._buffer.clear()
            self._out.append(self._request.encode(self._machine))
            self._deadline_ns = now_ns + self._exchange_ns + self._answer_ns

    def _late(self, now_ns: int) -> None:
        if isinstance(self._request, Settle):
            self._finish(Settled())
            return
        self.metrics.timeouts += 1
        self._disturbed(now_ns)
        self._finish(Silence("timeout", sent=True))

    def _disturbed(self, now_ns: int) -> None:
        self.disturbances += 1
        self._buffer.clear()
        self._not_before_ns = now_ns + self._backoff_ns
        self._suspect_ns = now_ns + self._backoff_ns + SUSPECT_NS

    def _finish(self, outcome: SwingOutcome) -> None:
        self._request = None
        self._asked = False
        self._buffer.clear()
        self._outcome = outcome
