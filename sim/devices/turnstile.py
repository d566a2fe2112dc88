"""A simulated turnstile: a Modbus RTU slave over a barrier, without I/O.

The same object stands behind a virtual wire on the virtual clock and behind a
pseudo-terminal in real time; its line is `sim.devices.modbus_slave`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from drivers.turnstile.modbus_requests import (
    ENCAPSULATED,
    READ_HOLDING,
    READ_MAX,
    WRITE_MAX,
    WRITE_MULTIPLE,
)
from firmware_cfg.turnstile import RegisterMap
from sim.devices.barrier_plant import BarrierPlant
from sim.devices.modbus_slave import (
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    ModbusSlave,
    Refused,
    identity_answer,
)
from sim.devices.turnstile_barrier import Barrier, Mode, Side

START_S_REGISTER = 0x3011
FINISH_S_REGISTER = 0x3012

Block = tuple[Struct, tuple[Callable[[], int], ...]]
"""How the answer to a read is laid out, and how its words are read."""


@dataclass(frozen=True, slots=True)
class SimIdentity:
    """What the slave says it is (Modbus Application Protocol V1.1b3, 6.21)."""

    vendor: str = "egate-sim"
    product: str = "turnstile"
    revision: str = "1.0"


class SimTurnstile(ModbusSlave, BarrierPlant):
    """A turnstile that people walk through and a master talks to.

    What people do is in `BarrierPlant`; `set_error`, `set_identity` and `freeze` break its line's
    side.

    Args:
        registers: the register map of the lane's profile.
        unit, baud, latency_us: as for `sim.devices.modbus_slave.ModbusSlave`.
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
        ModbusSlave.__init__(self, unit, baud, latency_us)
        BarrierPlant.__init__(self, barrier)
        self._map = registers or RegisterMap()
        self._readable = self._registers()
        self._blocks: dict[bytes, Block] = {}
        self.identity = SimIdentity()

    # --- faults -----------------------------------------------------------------------

    def set_error(self, code: int) -> None:
        """Show an error code; 0 is none."""
        self.barrier.error = code & 0xFFFF

    def set_identity(self, identity: SimIdentity) -> None:
        """Be another device."""
        self.identity = identity

    # --- the line ---------------------------------------------------------------------

    @property
    def changes_ns(self) -> int | None:
        """When the barrier next changes by itself."""
        return self.barrier.due_ns

    @property
    def moves_ns(self) -> int | None:
        """The same, for a line whose repeated polls are skipped."""
        return self.barrier.due_ns

    def asked_later(self, by_ns: int) -> None:
        """Polls of so long a time were skipped; a turnstile does not depend on them."""

    def move(self, now_ns: int) -> None:
        """The barrier moves."""
        self.barrier.expire(now_ns)

    # --- requests ---------------------------------------------------------------------

    def serve(self, function: int, body: bytes, now_ns: int) -> bytes:
        """Answer a good request."""
        if function == READ_HOLDING:
            return self._serve_read(body)
        if function == WRITE_MULTIPLE:
            return self._serve_write(body, now_ns)
        if function == ENCAPSULATED:
            own = self.identity
            return identity_answer(body, (own.vendor, own.product, own.revision))
        raise Refused(ILLEGAL_FUNCTION)

    def _serve_read(self, body: bytes) -> bytes:
        layout, readers = self._blocks.get(body) or self._block(body)
        return layout.pack(2 * len(readers), *[read() for read in readers])

    def _block(self, body: bytes) -> Block:
        """What a read asks for; kept, for a poll asks for the same blocks all day."""
        address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if len(body) != 4 or not 1 <= count <= READ_MAX:
            raise Refused(ILLEGAL_VALUE)
        try:
            readers = tuple(self._readable[at] for at in range(address, address + count))
        except KeyError:
            raise Refused(ILLEGAL_ADDRESS) from None
        block = self._blocks[body] = Struct(f">B{count}H"), readers
        return block

    def _serve_write(self, body: bytes, now_ns: int) -> bytes:
        address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if not 1 <= count <= WRITE_MAX or len(body) != 5 + 2 * count or body[4] != 2 * count:
            raise Refused(ILLEGAL_VALUE)
        writable = self._writable(now_ns)
        if any(at not in writable for at in range(address, address + count)):
            raise Refused(ILLEGAL_ADDRESS)
        for at in range(count):
            writable[address + at](int.from_bytes(body[5 + 2 * at : 7 + 2 * at], "big"))
        return body[:4]

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
            raise Refused(ILLEGAL_VALUE)
        self.barrier.set_mode(Mode(value))
