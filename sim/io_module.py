"""A simulated module of relays and inputs between two doors: a Modbus RTU slave, no I/O.

Powered doors open when their relay frees them and close when it does not; contacts come in
antivalent pairs, danger is a closed circuit that opened, and the module's watchdog drops its
outputs to their safe value when no master has asked for a while. Fire is wired to the
exit's drive and asks nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from drivers.turnstile.rtu import (
    COIL_ON,
    ENCAPSULATED,
    EXCEPTION,
    FRAME_MAX_BYTES,
    MEI_IDENTITY,
    READ_COILS,
    READ_HOLDING,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_MULTIPLE,
    seal,
    sealed,
    silence_ns,
)
from firmware_cfg.profile import IoModule

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
POINTS = 64
CONFIG_WORDS = 3
WATCHDOG_UNIT_NS = 10_000_000
CONTACT_GAP_MS = 20
IDENTITY = ("egate-sim", "io-module", "1.0")


class _Exception(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class SimDoor:
    """A powered door: freed it opens, else it closes, unless somebody stands in its way."""

    travel_ms: int = 600
    freed: bool = False
    blocked: bool = False
    forced: bool = False
    stuck: bool = False
    position: float = 0.0  # 0 closed, 1 open
    _at_ns: int = 0

    def move(self, now_ns: int) -> None:
        """Let time pass."""
        passed = (now_ns - self._at_ns) / (self.travel_ms * 1_000_000)
        self._at_ns = now_ns
        if self.stuck:
            return
        if self.freed or self.forced:
            self.position = min(1.0, self.position + passed)
        elif not self.blocked:
            self.position = max(0.0, self.position - passed)

    @property
    def closed(self) -> bool:
        """Contact that makes when the door is home."""
        return self.position <= 0.0

    @property
    def not_closed(self) -> bool:
        """Contact that makes a little later, when the door has left."""
        return self.position > CONTACT_GAP_MS / self.travel_ms

    @property
    def still(self) -> bool:
        """Whether it has arrived where it goes, or goes nowhere."""
        if self.freed or self.forced:
            return self.stuck or self.position >= 1.0
        return self.stuck or self.blocked or self.position <= 0.0

    @property
    def locked(self) -> bool:
        """The bolt is thrown."""
        return self.closed and not self.freed and not self.forced


class SimIoModule:
    """Two doors, the chamber between them, and the module that a master talks to.

    People act by setting `persons`, `approaching`, `leaving`, `entry.blocked` ...; contacts
    break by `broken`: input number to the value that it then always has.

    Args:
        wiring: of the lane's profile.
        unit, baud, latency_us: as for `sim.turnstile.SimTurnstile`.
    """

    def __init__(
        self,
        wiring: IoModule | None = None,
        *,
        unit: int = 1,
        baud: int = 115_200,
        latency_us: int = 1_000,
    ) -> None:
        self.wiring = wiring or IoModule()
        self.entry, self.exit = SimDoor(), SimDoor()
        self.persons = self.approaching = self.leaving = 0
        self.fire = self.tampered = self.mains_lost = self.key = False
        self.broken: dict[int, bool] = {}
        self.identity = IDENTITY
        self.releases = 0
        self.coils = [False] * POINTS
        self.config = [0, 0, 0]
        self._unit = unit
        self._silence_ns = silence_ns(baud)
        self._latency_ns = latency_us * 1_000
        self._frozen = False
        self._asked_ns = 0
        self._buffer = bytearray()
        self._frame_ends_ns: int | None = None
        self._answers: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()

    def freeze(self, *, frozen: bool) -> None:
        """Stop answering, or answer again; doors and watchdog work on either way."""
        self._frozen = frozen
        self._buffer.clear()
        self._answers.clear()
        self._frame_ends_ns = None

    # --- the line -------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        due_ns = self._strikes_ns
        at_ns = self._frame_ends_ns
        if at_ns is not None and (due_ns is None or at_ns < due_ns):
            due_ns = at_ns
        if self._answers and (due_ns is None or self._answers[0][0] < due_ns):
            due_ns = self._answers[0][0]
        return due_ns

    @property
    def answering(self) -> bool:
        """Whether a question is being heard or answered."""
        return self._frame_ends_ns is not None or bool(self._answers) or bool(self._out)

    @property
    def moves_ns(self) -> int | None:
        """None while both doors are still, else the past: they move all the time."""
        return None if self.entry.still and self.exit.still else 0

    def asked_later(self, by_ns: int) -> None:
        """The questions of so long a time were counted: the watchdog was fed by them."""
        self._asked_ns += by_ns

    @property
    def _strikes_ns(self) -> int | None:
        """When the watchdog drops the outputs; None while it is off or has struck."""
        if not self.config[0] or self.config[2]:
            return None
        return self._asked_ns + self.config[0] * WATCHDOG_UNIT_NS

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived from the master."""
        self.expire(now_ns)
        if self._frozen or not data:
            return
        self._buffer += data
        del self._buffer[: -(FRAME_MAX_BYTES + 1)]
        self._frame_ends_ns = now_ns + self._silence_ns

    def expire(self, now_ns: int) -> None:
        """Let time pass: doors move, the watchdog strikes, an answer leaves."""
        strikes_ns = self._strikes_ns
        if strikes_ns is not None and now_ns >= strikes_ns:
            self.config[2] = 1
            for number in range(16):
                self.coils[number] = bool(self.config[1] >> number & 1)
        self.entry.freed = self.coils[self.wiring.entry.release]
        self.exit.freed = self.coils[self.wiring.exit.release] or self.fire
        for door in (self.entry, self.exit):
            door.move(now_ns)
        if self._frame_ends_ns is not None and now_ns >= self._frame_ends_ns:
            ended_ns, self._frame_ends_ns = self._frame_ends_ns, None
            frame = bytes(self._buffer)
            self._buffer.clear()
            answer = self._answer(frame, ended_ns)
            if answer:
                self._answers.append((ended_ns + self._latency_ns, answer))
        while self._answers and self._answers[0][0] <= now_ns:
            self._out += self._answers.popleft()[1]

    def output(self) -> bytes:
        """Take what leaves for the master."""
        out = bytes(self._out)
        self._out.clear()
        return out

    # --- requests ---------------------------------------------------------------------------

    def inputs(self) -> list[bool]:
        """Every input as it is now."""
        wiring, held = self.wiring, [False] * POINTS
        for door, wires in ((self.entry, wiring.entry), (self.exit, wiring.exit)):
            held[wires.closed], held[wires.not_closed] = door.closed, door.not_closed
            held[wires.locked], held[wires.not_locked] = door.locked, not door.locked
            held[wires.unobstructed] = not door.blocked
        held[wiring.chamber_empty] = self.persons == 0
        held[wiring.chamber_occupied] = self.persons > 0
        held[wiring.chamber_single] = self.persons <= 1
        if wiring.approach_clear is not None:
            held[wiring.approach_clear] = self.approaching == 0
        if wiring.beyond_clear is not None:
            held[wiring.beyond_clear] = self.leaving == 0
        held[wiring.fire_ok] = not self.fire
        held[wiring.closed_housing] = not self.tampered
        held[wiring.mains_ok] = not self.mains_lost
        held[wiring.maintenance_key] = self.key
        for number, value in self.broken.items():
            held[number] = value
        return held

    def _answer(self, frame: bytes, now_ns: int) -> bytes:
        if len(frame) > FRAME_MAX_BYTES or not sealed(frame) or frame[0] != self._unit:
            return b""
        self._asked_ns = now_ns
        function, body = frame[1], frame[2:-2]
        try:
            return seal(bytes((self._unit, function)) + self._serve(function, body))
        except _Exception as refusal:
            return seal(bytes((self._unit, function | EXCEPTION, refusal.code)))

    def _serve(self, function: int, body: bytes) -> bytes:
        if function == ENCAPSULATED:
            return _identity(body, self.identity)
        address, value = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        match function:
            case _ if function in (READ_COILS, READ_INPUTS) and len(body) == 4:
                held = self.coils if function == READ_COILS else self.inputs()
                return _packed(held, address, value)
            case _ if function == READ_HOLDING and len(body) == 4:
                at = self._config_at(address, value)
                words = self.config[at : at + value]
                return bytes((2 * value,)) + b"".join(word.to_bytes(2, "big") for word in words)
            case _ if function == WRITE_COIL and len(body) == 4:
                if value not in (0, COIL_ON):
                    raise _Exception(ILLEGAL_VALUE)
                self._write_coils(address, [value == COIL_ON])
            case _ if function == WRITE_COILS and len(body) == 5 + -(-value // 8):
                packed = int.from_bytes(body[5:], "little")
                self._write_coils(address, [bool(packed >> at & 1) for at in range(value)])
            case _ if function == WRITE_MULTIPLE and len(body) == 5 + 2 * value:
                at = self._config_at(address, value)
                for word in range(value):
                    raw = body[5 + 2 * word : 7 + 2 * word]
                    self.config[at + word] = int.from_bytes(raw, "big")
            case _:
                raise _Exception(ILLEGAL_FUNCTION)
        return body[:4]

    def _config_at(self, address: int, count: int) -> int:
        at = address - self.wiring.config
        if at < 0 or not 1 <= count <= CONFIG_WORDS - at:
            raise _Exception(ILLEGAL_ADDRESS)
        return at

    def _write_coils(self, address: int, bits: list[bool]) -> None:
        if not 0 <= address <= POINTS - len(bits):
            raise _Exception(ILLEGAL_ADDRESS)
        if self.config[2]:
            raise _Exception(ILLEGAL_VALUE)  # the watchdog has struck: clear it first
        for at, on in enumerate(bits):
            if on and address + at == self.wiring.exit.release:
                self.releases += 1
            self.coils[address + at] = on


def _identity(body: bytes, identity: tuple[str, str, str]) -> bytes:
    if len(body) != 3 or body[0] != MEI_IDENTITY:
        raise _Exception(ILLEGAL_FUNCTION)
    objects = b"".join(
        bytes((number, len(text))) + text.encode("ascii") for number, text in enumerate(identity)
    )
    return bytes((MEI_IDENTITY, 0x01, 0x01, 0x00, 0x00, len(identity))) + objects


def _packed(held: list[bool], address: int, count: int) -> bytes:
    if not 1 <= count <= POINTS or address + count > POINTS:
        raise _Exception(ILLEGAL_ADDRESS)
    packed = sum(bit << at for at, bit in enumerate(held[address : address + count]))
    size = -(-count // 8)
    return bytes((size,)) + packed.to_bytes(size, "little")
