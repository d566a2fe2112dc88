"""A sans-IO Modbus RTU master that never mistakes one answer for another.

RTU answers carry no sequence number, so a late answer to one question looks like the
answer to the next of the same shape. What this master relies on instead:

- An answer is compared with the question's unit, function, length and echo
  (`drivers.turnstile.modbus_requests`).
- After anything unexpected (silence, a bad CRC, a foreign answer, unsolicited bytes) the
  master is *not synchronised*: it waits until the line is quiet, then asks a **probe**,
  a read whose answer has a length that no other question in use has. A slave answers in
  order, so the probe's answer proves that nothing older can still arrive.
- One question at a time. Against an answer that comes twice, the caller makes consecutive
  questions differ in shape; `disturbances` counts what was unexpected meanwhile.
- A read is tried again once, at once; after two failures with no good answer in between
  nothing is sent for `backoff_ms`: a slave may sit half a second inside a broken frame.
- A write is **never** repeated here: an unconfirmed write is `Silence(sent=True)`, and
  only a read shows whether it took effect.

What no RTU master can see: an exact copy of an old answer in the place of one that was
lost. So the device above reads twice, and reads back.
"""

from __future__ import annotations

from drivers.turnstile.half_duplex import HalfDuplexLink, Silence, character_ns
from drivers.turnstile.modbus_requests import (
    Answer,
    Mismatch,
    Outcome,
    Read,
    ReadBits,
    ReadIdentity,
    Refusal,
    Request,
    WriteCoils,
    WriteWords,
    answer_length,
    parse_answer,
)
from drivers.turnstile.rtu import FRAME_MAX_BYTES, silence_ns

QUIET_FLOOR_NS = 20_000_000  # cheap USB adapters hold bytes back for up to 16 ms
FAILURES_TO_BACK_OFF = 2
READ_ATTEMPTS_MAX = 2
PROBES_MAX = 5  # for one question
IDENTITY_ANSWER_BYTES = 100  # room for three objects of usual length
KNOWN_MAX = 256
"""Entries of a table of pure results: a poll asks the same all day, and mostly gets the same."""


class ModbusMaster(HalfDuplexLink[Request, Outcome]):
    """One master on one bus, asking one unit.

    Args:
        unit: address of the slave, 1 to 247.
        baud: speed of the line, for t3.5 and deadlines.
        answer_ms: how long the device may think.
        backoff_ms: rest after two failures in a row, and the longest wait for quiet.
        probe: a read whose answer differs in length from every other read in use.
    """

    def __init__(
        self, unit: int, baud: int, *, answer_ms: int, backoff_ms: int, probe: Read
    ) -> None:
        self._unit = unit
        self._character_ns = character_ns(baud)
        self._t35_ns = silence_ns(baud)
        self._probe = probe
        self._prepared: dict[Request, tuple[bytes, int]] = {}
        self._known: dict[tuple[Request, bytes], Answer] = {}
        super().__init__(
            answer_ms=answer_ms,
            backoff_ms=backoff_ms,
            quiet_ns=max(self._t35_ns, QUIET_FLOOR_NS),
        )

    def reset(self, now_ns: int) -> None:
        """Forget everything in flight: the line was opened again and is not trusted yet."""
        super().reset(now_ns)
        self._frame = b""
        self._sent = False
        self._attempts = self._probes = 0
        self._synchronised = False
        self._failures = 0

    @property
    def _attempts_max(self) -> int:
        return 1 if isinstance(self._request, WriteWords | WriteCoils) else READ_ATTEMPTS_MAX

    def _begin(self, now_ns: int) -> None:
        super()._begin(now_ns)
        self._sent = False
        self._attempts = self._probes = 0

    def _send(self, now_ns: int) -> None:
        if self._request is None:
            return
        asked: Request = self._request if self._synchronised else self._probe
        if asked is self._request:
            self._sent = True
            self._attempts += 1
        elif self._probes >= PROBES_MAX:
            self._finish(Silence("disturbed", self._sent))
            return
        else:
            self._probes += 1
            self.metrics.probes += 1
        self._asked = asked
        self._frame, patience_ns = self._prepared.get(asked) or self._prepare(asked)
        self._buffer.clear()
        self._out.append(self._frame)
        self._deadline_ns = now_ns + patience_ns

    def _prepare(self, asked: Request) -> tuple[bytes, int]:
        """A question's frame, and how long after it the answer is late."""
        frame = asked.encode(self._unit)
        characters = len(frame) + _answer_bytes(asked)
        patience_ns = characters * self._character_ns + self._answer_ns + self._t35_ns
        if len(self._prepared) >= KNOWN_MAX:
            self._prepared.clear()
        self._prepared[asked] = frame, patience_ns
        return frame, patience_ns

    def _judge(self, now_ns: int) -> None:
        self._rest(now_ns + self._t35_ns)
        asked = self._asked
        if asked is None or not self._buffer:
            return
        received = bytes(self._buffer)
        answer = self._known.get((asked, received))
        if answer is None:
            try:
                length = answer_length(asked, self._unit, received)
                if length is None or len(received) < length:
                    return
                answer = parse_answer(asked, received[:length])
            except Mismatch as mismatch:
                self._judge_foreign(mismatch.cause, now_ns)
                return
            if len(received) > length:
                self.metrics.late += 1
                self._fail("late", now_ns)
                return
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[asked, received] = answer
        self._answered(answer, now_ns)

    def _judge_foreign(self, cause: str, now_ns: int) -> None:
        """Perhaps it is our own frame, which some RS-485 adapters echo."""
        if len(self._buffer) < len(self._frame) and self._frame.startswith(self._buffer):
            return
        if self._buffer.startswith(self._frame):
            self.metrics.echoes += 1
            del self._buffer[: len(self._frame)]
            self._judge(now_ns)
            return
        if cause == "crc":
            self.metrics.crc += 1
        else:
            self.metrics.mismatch += 1
        self._fail(cause, now_ns)

    def _answered(self, answer: Answer, now_ns: int) -> None:
        self._buffer.clear()
        if isinstance(answer, Refusal):
            self.metrics.exceptions += 1
        if self._asked is self._request:
            self.metrics.answers += 1
            self._asked = None
            self._failures = 0
            self._finish(answer)
        elif isinstance(answer, Refusal):  # any question may be refused alike: no proof
            self._fail("probe refused", now_ns)
        else:
            self._asked = None
            self._synchronised = True
            self._failures = 0
            self._schedule(now_ns)

    def _no_answer(self, now_ns: int) -> None:
        self.metrics.timeouts += 1
        self._fail("timeout", now_ns)

    def _no_quiet(self, now_ns: int) -> None:
        self._failures = FAILURES_TO_BACK_OFF
        self._rest(now_ns + self._backoff_ns)
        self._finish(Silence("babble", self._sent))

    def _fail(self, cause: str, now_ns: int) -> None:
        self._asked = None
        self._disturbed(now_ns)
        self._failures += 1
        if self._failures >= FAILURES_TO_BACK_OFF:
            self._rest(now_ns + self._backoff_ns)
            self._finish(Silence(cause, self._sent))
        elif self._attempts >= self._attempts_max:
            self._finish(Silence(cause, sent=True))
        else:
            self.metrics.retries += 1
            self._schedule(now_ns)

    def _disturbed(self, now_ns: int) -> None:
        super()._disturbed(now_ns)
        self._synchronised = False


def _answer_bytes(request: Request) -> int:
    if isinstance(request, Read):
        return 5 + 2 * request.count
    if isinstance(request, ReadBits):
        return 5 + -(-request.count // 8)
    if isinstance(request, ReadIdentity):
        return min(IDENTITY_ANSWER_BYTES, FRAME_MAX_BYTES)
    return 8
