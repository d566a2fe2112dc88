"""One direction of a serial line, in virtual time: paced, late, and faulty by seed.

Replace wires, not drivers: the production driver and its peer each hold their own end,
and everything that can go wrong on a line goes wrong here.

Bytes keep their order, as on a line; only `stale` brings something again that was there
before. The caller repeats `wire.send(...)`, waits until `wire.due_ns`, then takes what has
arrived by `wire.take(now_ns)`.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

CHARACTER_BITS = 10
PIECE_MAX_BYTES = 65_536
WAITING_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFaults:
    """How often each fault occurs, per `send`, in 0 to 1; times in milliseconds.

    Attributes:
        flip: one bit of one byte turns over.
        drop: everything is lost, or (half of the time) one byte of it.
        duplicate: everything comes twice, at once.
        slice: it comes in pieces with `slice_ms` between them.
        delay: it comes up to `delay_ms` later, and so does all after it.
        echo: the sender hears itself; taken from `take_echo`.
        stale: a copy of something earlier comes again, up to `stale_ms` later.
        babble: up to 40 random bytes come before it.
        flip_bytes: share of all bytes in which one bit turns over, each on its own.
        drop_bytes: share of all bytes that are lost, each on its own.
    """

    flip: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    slice: float = 0.0
    delay: float = 0.0
    echo: float = 0.0
    stale: float = 0.0
    babble: float = 0.0
    flip_bytes: float = 0.0
    drop_bytes: float = 0.0
    slice_ms: int = 8
    delay_ms: int = 400
    stale_ms: int = 400


NO_FAULTS = WireFaults()


class Wire:
    """One direction of a line.

    Args:
        baud: speed; a character takes ten bits.
        rng: this wire's own stream of chance (unused without faults).
        faults: how often what goes wrong.
        latency_us: of adapters and cables, for every byte.
    """

    def __init__(
        self,
        baud: int,
        rng: random.Random,
        faults: WireFaults = NO_FAULTS,
        *,
        latency_us: int = 0,
    ) -> None:
        self._character_ns = CHARACTER_BITS * 1_000_000_000 // baud
        self._rng = rng
        self._faults = faults
        self._clean = faults == NO_FAULTS
        self._latency_ns = latency_us * 1_000
        self._free_ns = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._ghosts: list[tuple[int, bytes]] = []
        self._past: deque[bytes] = deque(maxlen=16)
        self._echo = bytearray()
        self.plugged = True
        self.occurred: dict[str, int] = {}
        self.carried_bytes = 0
        self.due_ns: int | None = None
        """When something next arrives; None when nothing is under way."""

    @property
    def clean(self) -> bool:
        """Whether nothing can go wrong on this wire now."""
        return self._clean and self.plugged

    def set_baud(self, baud: int) -> None:
        """Change the speed for what is sent from now on."""
        self._character_ns = CHARACTER_BITS * 1_000_000_000 // baud

    def set_faults(self, faults: WireFaults, rng: random.Random | None = None) -> None:
        """Change what goes wrong from now on, with another random source if given."""
        self._rng = rng or self._rng
        self._faults = faults
        self._clean = faults == NO_FAULTS

    def unplug(self) -> None:
        """Pull the plug: what was under way is lost, and so is all that follows."""
        self.plugged = False
        self._waiting.clear()
        self._ghosts.clear()
        self._past.clear()
        self._echo.clear()
        self.due_ns = None

    def replug(self, now_ns: int) -> None:
        """Put the plug back."""
        self.plugged = True
        self._free_ns = now_ns

    @property
    def past(self) -> tuple[bytes, ...]:
        """What was sent last."""
        return tuple(self._past)

    def settle(self, now_ns: int, past: tuple[bytes, ...]) -> None:
        """Be as after this was sent and has arrived; what was under way is forgotten."""
        self._waiting.clear()
        self._past.clear()
        self._past.extend(past)
        self._free_ns = now_ns
        self.due_ns = None

    def send(self, data: bytes, now_ns: int) -> None:
        """Put bytes on the wire.

        Raises:
            ValueError: more at once than any device here sends (a bug of the caller).
        """
        size = len(data)
        if size > PIECE_MAX_BYTES:
            raise ValueError(f"{size} bytes at once")
        if not size or not self.plugged or len(self._waiting) >= WAITING_MAX:
            return
        self.carried_bytes += size
        start_ns = now_ns if now_ns > self._free_ns else self._free_ns
        if self._clean:
            self._past.append(data)
            self._free_ns = end_ns = start_ns + size * self._character_ns
            end_ns += self._latency_ns
            self._waiting.append((end_ns, data))
            if self.due_ns is None or end_ns < self.due_ns:
                self.due_ns = end_ns
            return
        if self._occurs("echo", self._faults.echo):
            self._echo += data
        if self._occurs("delay", self._faults.delay):
            start_ns += self._rng.randrange(1, self._faults.delay_ms + 1) * 1_000_000
        if self._occurs("babble", self._faults.babble):
            start_ns = self._put(self._rng.randbytes(self._rng.randrange(1, 41)), start_ns)
        if self._occurs("stale", self._faults.stale) and self._past:
            later_ns = self._rng.randrange(1, self._faults.stale_ms + 1) * 1_000_000
            self._ghosts.append((now_ns + later_ns, self._rng.choice(self._past)))
            self._see_due()
        self._past.append(data)
        spoilt = self._spoil(data)
        if self._occurs("duplicate", self._faults.duplicate):
            spoilt += spoilt
        if len(spoilt) > 1 and self._occurs("slice", self._faults.slice):
            cut = self._rng.randrange(1, len(spoilt))
            start_ns = self._put(spoilt[:cut], start_ns)
            start_ns += self._faults.slice_ms * 1_000_000
            spoilt = spoilt[cut:]
        self._free_ns = self._put(spoilt, start_ns)

    def take(self, now_ns: int) -> bytes:
        """What has arrived by now."""
        due_ns = self.due_ns
        if due_ns is None or due_ns > now_ns:
            return b""
        waiting = self._waiting
        if not self._ghosts and (len(waiting) == 1 or waiting[1][0] > now_ns):
            arrived = waiting.popleft()[1]
            self.due_ns = waiting[0][0] if waiting else None
            return arrived
        several = bytearray()
        while waiting and waiting[0][0] <= now_ns:
            several += waiting.popleft()[1]
        for ghost in [ghost for ghost in self._ghosts if ghost[0] <= now_ns]:
            self._ghosts.remove(ghost)
            several += ghost[1]
        self._see_due()
        return bytes(several)

    def take_echo(self) -> bytes:
        """The sender's own bytes that it received back."""
        echo = bytes(self._echo)
        self._echo.clear()
        return echo

    def _put(self, data: bytes, start_ns: int) -> int:
        end_ns = start_ns + len(data) * self._character_ns
        if data:
            arrives_ns = end_ns + self._latency_ns
            self._waiting.append((arrives_ns, data))
            if self.due_ns is None or arrives_ns < self.due_ns:
                self.due_ns = arrives_ns
        return end_ns

    def _see_due(self) -> None:
        times = [at for at, _ in self._ghosts]
        if self._waiting:
            times.append(self._waiting[0][0])
        self.due_ns = min(times, default=None)

    def _spoil(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        if self._occurs("flip", self._faults.flip):
            spoilt[self._rng.randrange(len(spoilt))] ^= 1 << self._rng.randrange(8)
        if self._occurs("drop", self._faults.drop):
            if self._rng.random() < 0.5:
                return b""
            del spoilt[self._rng.randrange(len(spoilt))]
        for at in range(len(spoilt) - 1, -1, -1):
            if self._occurs("flip_bytes", self._faults.flip_bytes):
                spoilt[at] ^= 1 << self._rng.randrange(8)
            if self._occurs("drop_bytes", self._faults.drop_bytes):
                del spoilt[at]
        return bytes(spoilt)

    def _occurs(self, fault: str, chance: float) -> bool:
        if chance <= 0.0 or self._rng.random() >= chance:
            return False
        self.occurred[fault] = self.occurred.get(fault, 0) + 1
        return True
