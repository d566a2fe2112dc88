"""A simulated swing gate that speaks 7E/7F: eight bytes in, eighteen out, no I/O.

Behind the frames stands the same barrier as behind the register map
(`sim.devices.turnstile_barrier`): its exit is the gate's left, or its right, as the profile says.
"""

from __future__ import annotations

from collections import deque

from drivers.turnstile.swing_frames import (
    DONE,
    GATE_START,
    HOST_BYTES,
    HOST_START,
    Order,
    checksum,
)
from firmware_cfg.turnstile import SwingGate
from sim.devices.barrier_plant import BarrierPlant
from sim.devices.turnstile_barrier import FREE, Barrier, Mode, Side

SILENCE_NS = 15_000_000  # a frame that is not whole by then never will be
COUNTER_BYTES = 3
VERSION = 0x12
VOLTS = 0x7F  # 12.7 V: the first byte of a frame, in the middle of one


class SimSwingGate(BarrierPlant):
    """A gate that people walk through and a host talks to.

    Args:
        settings: what the profile says the status bytes mean.
        machine: its number on the line.
        latency_us: from a command to its answer.
        barrier: the plant behind; a new one unless given.
    """

    def __init__(
        self,
        settings: SwingGate | None = None,
        *,
        machine: int = 1,
        latency_us: int = 2_000,
        barrier: Barrier | None = None,
    ) -> None:
        super().__init__(barrier)
        self.settings = settings or SwingGate()
        self.fault = 0
        self.alarm = 0
        self._machine = machine
        self._latency_ns = latency_us * 1_000
        self._frozen = False
        self._buffer = bytearray()
        self._drop_ns: int | None = None
        self._answers: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()

    def set_fault(self, code: int) -> None:
        """Show a fault code; 0 is none."""
        self.fault = code & 0xFF

    def freeze(self, *, frozen: bool) -> None:
        """Stop answering, or answer again."""
        self._frozen = frozen
        self._buffer.clear()
        self._answers.clear()
        self._drop_ns = None

    # --- the line -------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        times = [self._drop_ns, self.barrier.due_ns]
        if self._answers:
            times.append(self._answers[0][0])
        return min((at for at in times if at is not None), default=None)

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived from the host."""
        self.expire(now_ns)
        if self._frozen or not data:
            return
        self._buffer += data
        del self._buffer[: -4 * HOST_BYTES]
        self._drop_ns = now_ns + SILENCE_NS
        while len(self._buffer) >= HOST_BYTES:
            frame = bytes(self._buffer[:HOST_BYTES])
            if frame[0] != HOST_START or checksum(frame[:-1]) != frame[-1]:
                del self._buffer[0]
                continue
            del self._buffer[:HOST_BYTES]
            if frame[2] == self._machine:
                done = self._obey(frame[3], frame[4], now_ns)
                self._answers.append((now_ns + self._latency_ns, self._status(done=done)))

    def expire(self, now_ns: int) -> None:
        """Let time pass: the barrier moves, a torn frame is forgotten, an answer leaves."""
        self.barrier.expire(now_ns)
        if self._drop_ns is not None and now_ns >= self._drop_ns:
            self._drop_ns = None
            self._buffer.clear()
        while self._answers and self._answers[0][0] <= now_ns:
            self._out += self._answers.popleft()[1]

    def output(self) -> bytes:
        """Take what leaves for the host."""
        out = bytes(self._out)
        self._out.clear()
        return out

    # --- inside -----------------------------------------------------------------------------

    @property
    def _sides(self) -> tuple[Side, Side]:
        """Left and right."""
        leave, come = self.barrier.exit, self.barrier.entry
        return (leave, come) if self.settings.exit == "left" else (come, leave)

    def _obey(self, order: int, passages: int, now_ns: int) -> bool:
        left, right = self._sides
        match order:
            case Order.STATUS:
                return True
            case Order.OPEN_LEFT | Order.OPEN_RIGHT:
                side = left if order == Order.OPEN_LEFT else right
                self.releases += side is self.barrier.exit
                self.barrier.authorise(side, min(side.authorised + passages, FREE - 1), now_ns)
            case Order.HOLD_LEFT | Order.HOLD_RIGHT:
                side = left if order == Order.HOLD_LEFT else right
                self.barrier.authorise(side, FREE, now_ns)
            case Order.CLOSE:
                for side in (left, right):
                    self.barrier.authorise(side, 0, now_ns)
            case Order.FORBID_LEFT | Order.FORBID_RIGHT:
                self.barrier.authorise(left if order == Order.FORBID_LEFT else right, 0, now_ns)
            case Order.RESET_LEFT:
                left.counter = 0
            case Order.RESET_RIGHT:
                right.counter = 0
            case _:
                return False
        return True

    def _status(self, *, done: bool) -> bytes:
        left, right = self._sides
        settings = self.settings
        gate = settings.gate_closed
        if self.barrier.stuck:
            pass  # the position is the leaf's own: a release that it does not follow is not seen
        elif left.authorised:
            gate = settings.gate_open_left
        elif right.authorised:
            gate = settings.gate_open_right
        alarm = self.alarm
        if self.barrier.mode is Mode.ANTIPANIC:
            alarm |= settings.alarm_fire
        seen = self.barrier.seen(left) + self.barrier.seen(right)
        beams = {0: 0, 1: 0b11}.get(seen, 0b11011)
        body = bytes((GATE_START, VERSION, self._machine, self.fault, gate, alarm))
        for side in (left, right):
            body += (side.counter % (1 << 24)).to_bytes(COUNTER_BYTES, "big")
        body += bytes((beams ^ settings.infrared_idle, DONE if done else 0, VOLTS, 0, 0))
        return body + bytes((checksum(body),))
