"""A sans-IO Modbus RTU master that never mistakes one answer for another.

RTU answers carry no sequence number, so a late answer to one question looks like the
answer to the next of the same shape. What this master relies on instead:

- An answer is held against unit, function, length and echo (`drivers.turnstile.rtu`).
- After anything unexpected (silence, a bad CRC, a foreign answer, bytes nobody asked for)
  the master is *out of step*: it waits until the line is quiet, then asks a **probe**,
  a read whose answer has a length that no other question in use has. A slave answers in
  order, so the probe's answer proves that nothing older can still arrive.
- One question at a time, and consecutive questions of different shape are the caller's
  means against an answer that comes twice; `disturbances` tells whether anything
  unexpected happened meanwhile.
- A read is tried again once, fast; after two failures with no good answer in between
  nothing is sent for `backoff_ms`: a slave may sit half a second inside a broken frame.
- A write is **never** repeated here: an unconfirmed write is `Silence(sent=True)`, and
  what became of it is for a read to tell.

What no RTU master can see: an exact copy of an old answer in the very place of one that
was lost. Reading twice and reading back is for the device above.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.turnstile.rtu import (
    FRAME_MAX_BYTES,
    Answer,
    Mismatch,
    Outcome,
    Read,
    ReadBits,
    ReadIdentity,
    Refusal,
    Request,
    Silence,
    WriteCoils,
    WriteWords,
    answer_length,
    character_ns,
    parse_answer,
    silence_ns,
)

QUIET_FLOOR_NS = 20_000_000  # cheap USB adapters hold bytes back for up to 16 ms
STRIKES_TO_BACK_OFF = 2
READ_ATTEMPTS_MAX = 2
PROBES_MAX = 5  # for one question
IDENTITY_ANSWER_BYTES = 100  # room for three objects of usual length


@dataclass(slots=True)
class Metrics:
    """What happened on the bus since the start, by cause."""

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


class Master:
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
        self.metrics = Metrics()
        self.disturbances = 0
        self._unit = unit
        self._character_ns = character_ns(baud)
        self._t35_ns = silence_ns(baud)
        self._floor_ns = max(self._t35_ns, QUIET_FLOOR_NS)
        self._answer_ns = answer_ms * 1_000_000
        self._backoff_ns = backoff_ms * 1_000_000
        self._probe = probe
        self._out: list[bytes] = []
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """Forget everything in flight: the line was opened anew. Nothing is believed yet."""
        self._request: Request | None = None
        self._asked: Request | None = None
        self._outcome: Outcome | None = None
        self._frame = b""
        self._buffer = bytearray()
        self._sent = False
        self._attempts = self._probes = 0
        self._in_step = False
        self._strikes = 0
        self._quiet_ns = now_ns + self._floor_ns
        self._not_before_ns = now_ns
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
        send_ns = self._send_ns
        return send_ns if send_ns < self._give_up_ns else self._give_up_ns

    @property
    def _send_ns(self) -> int:
        quiet_ns, not_before_ns = self._quiet_ns, self._not_before_ns
        return quiet_ns if quiet_ns > not_before_ns else not_before_ns

    def request(self, request: Request, now_ns: int) -> None:
        """Ask. The outcome comes later, by `take`.

        Raises:
            RuntimeError: the question before is still open (a bug of the caller).
        """
        if self.busy:
            raise RuntimeError("one question at a time")
        self.metrics.requests += 1
        self._request = request
        self._sent = False
        self._attempts = self._probes = 0
        self._schedule(now_ns)
        self.expire(now_ns)

    def take(self) -> Outcome | None:
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
        if self._asked is None:
            self.metrics.late += 1
            self._disturbed(now_ns)
            return
        self._quiet_ns = now_ns + self._t35_ns
        self._buffer += data
        self._judge(now_ns)

    def expire(self, now_ns: int) -> None:
        """Time has passed: send what may be sent, give up what is late."""
        if self._request is None:
            return
        if self._asked is not None:
            if now_ns >= self._deadline_ns:
                self.metrics.timeouts += 1
                self._fail("timeout", now_ns)
        elif now_ns >= self._send_ns:
            self._send(now_ns)
        elif now_ns >= self._give_up_ns:
            self.metrics.babble += 1
            self._strikes = STRIKES_TO_BACK_OFF
            self._not_before_ns = now_ns + self._backoff_ns
            self._finish(Silence("babble", self._sent))

    # --- inside -----------------------------------------------------------------------

    @property
    def _attempts_max(self) -> int:
        return 1 if isinstance(self._request, WriteWords | WriteCoils) else READ_ATTEMPTS_MAX

    def _schedule(self, now_ns: int) -> None:
        self._give_up_ns = max(now_ns, self._send_ns) + self._backoff_ns

    def _send(self, now_ns: int) -> None:
        if self._request is None:
            return
        asked: Request = self._request if self._in_step else self._probe
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
        self._frame = asked.encode(self._unit)
        self._buffer.clear()
        self._out.append(self._frame)
        characters = len(self._frame) + _answer_bytes(asked)
        self._deadline_ns = (
            now_ns + characters * self._character_ns + self._answer_ns + self._t35_ns
        )

    def _judge(self, now_ns: int) -> None:
        asked = self._asked
        if asked is None or not self._buffer:
            return
        try:
            length = answer_length(asked, self._unit, self._buffer)
            if length is None or len(self._buffer) < length:
                return
            answer = parse_answer(asked, bytes(self._buffer[:length]))
        except Mismatch as mismatch:
            self._judge_foreign(mismatch.cause, now_ns)
            return
        if len(self._buffer) > length:
            self.metrics.late += 1
            self._fail("late", now_ns)
            return
        self._answered(answer, now_ns)

    def _judge_foreign(self, cause: str, now_ns: int) -> None:
        """Perhaps it is our own frame, which some RS-485 adapters hear themselves send."""
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
            self._strikes = 0
            self._finish(answer)
        elif isinstance(answer, Refusal):  # any question may be refused alike: no proof
            self._fail("probe refused", now_ns)
        else:
            self._asked = None
            self._in_step = True
            self._strikes = 0
            self._schedule(now_ns)

    def _fail(self, cause: str, now_ns: int) -> None:
        self._asked = None
        self._buffer.clear()
        self._disturbed(now_ns)
        self._strikes += 1
        if self._strikes >= STRIKES_TO_BACK_OFF:
            self._not_before_ns = now_ns + self._backoff_ns
            self._finish(Silence(cause, self._sent))
        elif self._attempts >= self._attempts_max:
            self._finish(Silence(cause, sent=True))
        else:
            self.metrics.retries += 1
            self._schedule(now_ns)

    def _disturbed(self, now_ns: int) -> None:
        self.disturbances += 1
        self._in_step = False
        self._quiet_ns = now_ns + self._floor_ns

    def _finish(self, outcome: Outcome) -> None:
        self._request = None
        self._outcome = outcome


def _answer_bytes(request: Request) -> int:
    if isinstance(request, Read):
        return 5 + 2 * request.count
    if isinstance(request, ReadBits):
        return 5 + -(-request.count // 8)
    if isinstance(request, ReadIdentity):
        return min(IDENTITY_ANSWER_BYTES, FRAME_MAX_BYTES)
    return 8
