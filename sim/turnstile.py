"""A simulated turnstile: a Modbus RTU slave over a barrier, without I/O.

The same object stands behind a virtual wire on the virtual clock and behind a
pseudo-terminal in real time. As the standard has it, a request ends with a silence of t3.5
(Modbus over Serial Line V1.02, 2.5.1.1); a broken one is not answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from struct import pack

from drivers.turnstile.rtu import (
    ENCAPSULATED,
    EXCEPTION,
    FRAME_MAX_BYTES,
    MEI_IDENTITY,
    READ_HOLDING,
    READ_MAX,
    WRITE_MAX,
    WRITE_MULTIPLE,
    seal,
    sealed,
    silence_ns,
)
from firmware_cfg.profile import RegisterMap
from sim.turnstile_barrier import Barrier, Mode, Side

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
START_S_REGISTER = 0x3011
FINISH_S_REGISTER = 0x3012
COUNTER_MAX = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class SimIdentity:
    """What the slave says it is (Modbus Application Protocol V1.1b3, 6.21)."""

    vendor: str = "egate-sim"
    product: str = "turnstile"
    revision: str = "1.0"


class _Exception(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class SimTurnstile:
    """A turnstile that people walk through and a master talks to.

    People act by `arrive`, `leave_back`, `try_pass`; the plant's own faults by `set_fire`,
    `set_error`, `freeze`, `set_identity`, `set_counter`; the line by `receive`, `output`,
    `due_ns`, `expire`.

    Args:
        registers: the register map of the lane's profile.
        unit: Modbus address.
        baud: speed of the line, for the silence between frames.
        latency_us: from the end of a request to its answer.
        barrier: the plant behind; a new one unless given.
    """

    def __init__(
        self,
        registers: RegisterMap | None = None,
        *,
        unit: int = 1,
        baud: int = 115_200,
        latency_us: int = 1_000,
        barrier: Barrier | None = None,
    ) -> None:
        self._map = registers or RegisterMap()
        self._unit = unit
        self._silence_ns = silence_ns(baud)
        self._latency_ns = latency_us * 1_000
        self.barrier = barrier or Barrier()
        self._readable = self._registers()
        self.identity = SimIdentity()
        self.releases = 0
        self._frozen = False
        self._buffer = bytearray()
        self._frame_ends_ns: int | None = None
        self._answers: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()

    # --- people -----------------------------------------------------------------------

    def arrive(self, now_ns: int, persons: int = 1) -> None:
        """People step into the zone from the side of admission."""
        self.expire(now_ns)
        self.barrier.arrive(self.barrier.exit, persons)

    def leave_back(self, now_ns: int, persons: int = 1) -> None:
        """People turn round and leave."""
        self.expire(now_ns)
        self.barrier.leave_back(self.barrier.exit, persons)

    def try_pass(self, now_ns: int, persons: int = 1, stays_ms: int = 0) -> bool:
        """People in the zone walk through; two of them on one release is tailgating.

        Returns whether they are on their way; the counter moves when they are through.
        """
        self.expire(now_ns)
        return self.barrier.start_passage(self.barrier.exit, persons, now_ns, stays_ms)

    @property
    def zone(self) -> int:
        """Persons and things in the zone, those on the way through included."""
        barrier = self.barrier
        return barrier.exit.waiting + barrier.entry.waiting + barrier.things

    @property
    def passing(self) -> bool:
        """Whether somebody is on the way through."""
        return self.barrier.passing

    @property
    def authorised(self) -> int:
        """Passages released in the exit direction."""
        return self.barrier.exit.authorised

    @property
    def open(self) -> bool:
        """Whether the leaf gives way in the exit direction."""
        return self.barrier.lets(self.barrier.exit)

    @property
    def passages(self) -> int:
        """Counter of the exit direction."""
        return self.barrier.exit.counter

    # --- faults -----------------------------------------------------------------------

    def set_fire(self, now_ns: int, *, active: bool) -> None:
        """Work the fire input."""
        self.expire(now_ns)
        self.barrier.set_fire(active=active)

    def set_error(self, code: int) -> None:
        """Show an error code; 0 is none."""
        self.barrier.error = code & 0xFFFF

    def set_counter(self, value: int) -> None:
        """Set the counter of the exit direction, to see it wrap."""
        self.barrier.exit.counter = value & COUNTER_MAX

    def set_identity(self, identity: SimIdentity) -> None:
        """Be another device."""
        self.identity = identity

    def freeze(self, *, frozen: bool) -> None:
        """Stop answering, or answer again; the barrier works on either way."""
        self._frozen = frozen
        self._buffer.clear()
        self._answers.clear()
        self._frame_ends_ns = None

    # --- the line ---------------------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether a question is being heard or answered."""
        return self._frame_ends_ns is not None or bool(self._answers) or bool(self._out)

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self.barrier.due_ns
        frame_ns = self._frame_ends_ns
        if frame_ns is not None:
            # What a request finds is looked up when its answer leaves, as of its end.
            frame_ns += self._latency_ns
            if due_ns is None or frame_ns < due_ns:
                due_ns = frame_ns
        if self._answers and (due_ns is None or self._answers[0][0] < due_ns):
            due_ns = self._answers[0][0]
        return due_ns

    @property
    def moves_ns(self) -> int | None:
        """When the barrier next changes by itself."""
        return self.barrier.due_ns

    def asked_later(self, by_ns: int) -> None:
        """This device does not mind when it was last asked."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived from the master."""
        self.expire(now_ns)
        if self._frozen or not data:
            return
        self._buffer += data
        del self._buffer[: -(FRAME_MAX_BYTES + 1)]
        self._frame_ends_ns = now_ns + self._silence_ns

    def expire(self, now_ns: int) -> None:
        """Let time pass: the barrier moves, a request ends, an answer leaves."""
        ended_ns = self._frame_ends_ns
        if ended_ns is not None and now_ns >= ended_ns:
            self._frame_ends_ns = None
            self.barrier.expire(ended_ns)
            frame = bytes(self._buffer)
            self._buffer.clear()
            answer = self._answer(frame, ended_ns)
            if answer:
                self._answers.append((ended_ns + self._latency_ns, answer))
        self.barrier.expire(now_ns)
        while self._answers and self._answers[0][0] <= now_ns:
            self._out += self._answers.popleft()[1]

    def output(self) -> bytes:
        """Take what leaves for the master."""
        if not self._out:
            return b""
        out = bytes(self._out)
        self._out.clear()
        return out

    # --- requests ---------------------------------------------------------------------

    def _answer(self, frame: bytes, now_ns: int) -> bytes:
        if len(frame) > FRAME_MAX_BYTES or not sealed(frame) or frame[0] != self._unit:
            return b""
        function, body = frame[1], frame[2:-2]
        try:
            return seal(bytes((self._unit, function)) + self._serve(function, body, now_ns))
        except _Exception as refusal:
            return seal(bytes((self._unit, function | EXCEPTION, refusal.code)))

    def _serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        if function == READ_HOLDING:
            return self._serve_read(body)
        if function == WRITE_MULTIPLE:
            return self._serve_write(body, now_ns)
        if function == ENCAPSULATED:
            return self._serve_identity(body)
        raise _Exception(ILLEGAL_FUNCTION)

    def _serve_read(self, body: bytes) -> bytes:
        address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if len(body) != 4 or not 1 <= count <= READ_MAX:
            raise _Exception(ILLEGAL_VALUE)
        readable = self._readable
        try:
            words = [readable[at]() for at in range(address, address + count)]
        except KeyError:
            raise _Exception(ILLEGAL_ADDRESS) from None
        return pack(f">B{count}H", 2 * count, *words)

    def _serve_write(self, body: bytes, now_ns: int) -> bytes:
        address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if not 1 <= count <= WRITE_MAX or len(body) != 5 + 2 * count or body[4] != 2 * count:
            raise _Exception(ILLEGAL_VALUE)
        writable = self._writable(now_ns)
        if any(at not in writable for at in range(address, address + count)):
            raise _Exception(ILLEGAL_ADDRESS)
        for at in range(count):
            writable[address + at](int.from_bytes(body[5 + 2 * at : 7 + 2 * at], "big"))
        return body[:4]

    def _serve_identity(self, body: bytes) -> bytes:
        if len(body) != 3 or body[0] != MEI_IDENTITY:
            raise _Exception(ILLEGAL_FUNCTION)
        if body[1] != 0x01:
            raise _Exception(ILLEGAL_VALUE)
        texts = (self.identity.vendor, self.identity.product, self.identity.revision)
        objects = b"".join(
            bytes((number, len(text))) + text.encode("ascii") for number, text in enumerate(texts)
        )
        return bytes((MEI_IDENTITY, 0x01, 0x01, 0x00, 0x00, len(texts))) + objects

    def registers(self) -> dict[int, int]:
        """What every register holds now."""
        return {address: read() for address, read in self._readable.items()}

    def _registers(self) -> dict[int, Callable[[], int]]:
        """How every register is read."""
        at = self._map
        return {
            at.authorise_exit: lambda: self.barrier.exit.authorised,
            at.authorise_entry: lambda: self.barrier.entry.authorised,
            at.zone_exit: lambda: self.barrier.seen(self.barrier.exit) & 0xFFFF,
            at.zone_entry: lambda: self.barrier.seen(self.barrier.entry) & 0xFFFF,
            at.counter_exit: lambda: self.barrier.exit.counter & 0xFFFF,
            at.counter_exit + 1: lambda: self.barrier.exit.counter >> 16,
            at.counter_entry: lambda: self.barrier.entry.counter & 0xFFFF,
            at.counter_entry + 1: lambda: self.barrier.entry.counter >> 16,
            at.error: lambda: self.barrier.error,
            at.mode: lambda: self.barrier.mode.value,
            START_S_REGISTER: lambda: self.barrier.start_s,
            FINISH_S_REGISTER: lambda: self.barrier.finish_s,
        }

    def _writable(self, now_ns: int) -> dict[int, Callable[[int], None]]:
        return {
            self._map.authorise_exit: lambda n: self._authorise(self.barrier.exit, n, now_ns),
            self._map.authorise_entry: lambda n: self._authorise(self.barrier.entry, n, now_ns),
            self._map.mode: self._set_mode,
            START_S_REGISTER: lambda n: setattr(self.barrier, "start_s", n),
            FINISH_S_REGISTER: lambda n: setattr(self.barrier, "finish_s", n),
        }

    def _authorise(self, side: Side, passages: int, now_ns: int) -> None:
        if side is self.barrier.exit and passages:
            self.releases += 1
        self.barrier.authorise(side, passages, now_ns)

    def _set_mode(self, value: int) -> None:
        if value not in (Mode.NORMAL.value, Mode.BLOCKED.value, Mode.ANTIPANIC.value):
            raise _Exception(ILLEGAL_VALUE)
        self.barrier.set_mode(Mode(value))
