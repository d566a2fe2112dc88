"""The conversation with a 7E/7F swing gate: one question at a time, sans-IO.

All answers look alike, so only its time distinguishes a late answer from the right one:

- after anything unexpected (silence, a bad frame, unsolicited bytes) nothing is asked
  until the line was quiet for `backoff_ms`, and what comes meanwhile is thrown away;
- for a while after that the line is `suspect`: a caller then asks to `SETTLE`, which waits
  with nothing asked, so that an answer still to come shows itself as unsolicited;
- nothing is ever asked twice here. Only a status shows what became of a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.turnstile.half_duplex import NS_PER_MS, HalfDuplexLink, Silence, character_ns
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
    """Nothing came unsolicited."""


SETTLE = Settle()
SwingRequest = Ask | Settle
SwingOutcome = Status | Settled | Silence


class SwingLink(HalfDuplexLink[SwingRequest, SwingOutcome]):
    """A host on the line of one gate.

    Args:
        machine: number of the gate.
        baud: speed of the line, for deadlines.
        answer_ms: how long the gate may think.
        backoff_ms: how long the line must be quiet after anything unexpected.
    """

    def __init__(self, machine: int, baud: int, *, answer_ms: int, backoff_ms: int) -> None:
        self._machine = machine
        self._exchange_ns = (HOST_BYTES + GATE_BYTES) * character_ns(baud)
        super().__init__(
            answer_ms=answer_ms, backoff_ms=backoff_ms, quiet_ns=backoff_ms * NS_PER_MS
        )

    def reset(self, now_ns: int) -> None:
        """Forget everything in flight: the line was opened again and is not trusted yet."""
        super().reset(now_ns)
        self._suspect_ns = now_ns + SUSPECT_NS

    def suspect(self, now_ns: int) -> bool:
        """Whether an old answer might still come."""
        return now_ns < self._suspect_ns

    def _begin(self, now_ns: int) -> None:
        if isinstance(self._request, Settle):
            self._asked = self._request
            self._deadline_ns = now_ns + self._answer_ns
        else:
            super()._begin(now_ns)

    def _send(self, now_ns: int) -> None:
        if isinstance(self._request, Ask):
            self._asked = self._request
            self._buffer.clear()
            self._out.append(self._request.encode(self._machine))
            self._deadline_ns = now_ns + self._exchange_ns + self._answer_ns

    def _judge(self, now_ns: int) -> None:
        if isinstance(self._asked, Settle):
            self.metrics.late += 1
            self._fail("late", now_ns, sent=False)
            return
        if len(self._buffer) < GATE_BYTES:
            return
        try:
            status = parse_status(self._buffer, self._machine)
        except BadFrame as bad:
            if bad.cause == "crc":
                self.metrics.crc += 1
            else:
                self.metrics.mismatch += 1
            self._fail(bad.cause, now_ns)
            return
        self.metrics.answers += 1
        self._rest(now_ns + QUIET_NS)
        self._finish(status)

    def _no_answer(self, now_ns: int) -> None:
        if isinstance(self._asked, Settle):
            self._finish(Settled())
            return
        self.metrics.timeouts += 1
        self._fail("timeout", now_ns)

    def _no_quiet(self, now_ns: int) -> None:  # noqa: ARG002 (nothing more to wait for)
        self._finish(Silence("babble", sent=False))

    def _fail(self, cause: str, now_ns: int, *, sent: bool = True) -> None:
        self._disturbed(now_ns)
        self._finish(Silence(cause, sent=sent))

    def _disturbed(self, now_ns: int) -> None:
        super()._disturbed(now_ns)
        self._suspect_ns = now_ns + self._backoff_ns + SUSPECT_NS
