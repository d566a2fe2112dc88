"""Modbus over a line that flips and loses bytes: is a wrong value ever taken for a right one?

The production master asks a simulated turnstile over two virtual wires. Before every
question the plant is set again from the seed, so an answer that is old, torn or damaged is
seen as such: it is not what the device held while it was asked.
"""

from __future__ import annotations

from typing import Any

from drivers.turnstile.half_duplex import Silence
from drivers.turnstile.modbus_master import ModbusMaster
from drivers.turnstile.modbus_requests import Outcome, Read, Registers, Request, WriteWords, Written
from firmware_cfg.turnstile import Turnstile
from sim.devices.turnstile import SimTurnstile
from sim.scenario.scenario import stream
from sim.wires.wire import Wire, WireFaults

NOISE = WireFaults(flip_bytes=0.002, drop_bytes=0.0005, drop=0.005)
"""0.2 % of all bytes flipped; half a per mille of bytes and some whole frames lost."""

GAP_NS = 2_000_000
TURNS_MAX = 100_000


class NoisyBus:
    """A master, a turnstile and the wires between them, in virtual time."""

    def __init__(self, seed: int, faults: WireFaults) -> None:
        settings = Turnstile(port="virtual")
        self.rng = stream(seed, "noise")
        self.peer = SimTurnstile(settings.registers, baud=settings.baud)
        self.master = ModbusMaster(
            settings.unit,
            settings.baud,
            answer_ms=settings.answer_ms,
            backoff_ms=settings.backoff_ms,
            probe=Read(settings.registers.authorise_exit, 2),
        )
        self.there = Wire(settings.baud, stream(seed, "noise", "there"), faults)
        self.back = Wire(settings.baud, stream(seed, "noise", "back"), faults)
        self.now_ns = 0
        self._map = settings.registers

    def shake(self) -> None:
        """Set the plant from the seed."""
        for side in (self.peer.barrier.exit, self.peer.barrier.entry):
            side.waiting = self.rng.randrange(5)
            side.counter = self.rng.randrange(1 << 32)
        self.peer.barrier.error = self.rng.randrange(0x10000)

    def question(self) -> Request:
        """One of the shapes that the lane's driver uses; consecutive ones differ."""
        shapes: tuple[Request, ...] = (
            Read(self._map.authorise_exit, 9),
            Read(self._map.zone_exit, 1),
            Read(self._map.counter_exit, 4),
            WriteWords(self._map.authorise_exit, (self.rng.randrange(2),)),
        )
        return self.rng.choice(shapes)

    def truth(self, question: Read) -> tuple[int, ...]:
        """What the device holds where a question reads."""
        held = self.peer.registers()
        return tuple(held[question.address + at] for at in range(question.count))

    def ask(self, question: Request) -> Outcome:
        """Ask, and let time pass until there is an outcome.

        Raises:
            RuntimeError: none ever comes.
        """
        self.now_ns += GAP_NS
        self.master.request(question, self.now_ns)
        for _ in range(TURNS_MAX):
            outcome = self.master.take()
            if outcome is not None:
                return outcome
            self._turn()
        raise RuntimeError("the master gives no outcome")

    def _turn(self) -> None:
        for frame in self.master.output():
            self.there.send(frame, self.now_ns)
        dues = (self.master.due_ns, self.peer.due_ns, self.there.due_ns, self.back.due_ns)
        next_ns = min((due for due in dues if due is not None), default=self.now_ns)
        self.now_ns = max(self.now_ns, next_ns)
        self.peer.receive(self.there.take(self.now_ns), self.now_ns)
        self.peer.expire(self.now_ns)
        self.back.send(self.peer.output(), self.now_ns)
        self.master.receive(self.back.take(self.now_ns), self.now_ns)
        self.master.expire(self.now_ns)


def judge(bus: NoisyBus, question: Request, outcome: Outcome) -> bool | None:
    """Whether an outcome is true of the device; None where it claims nothing."""
    if isinstance(outcome, Silence):
        return None
    if isinstance(question, Read):
        return isinstance(outcome, Registers) and outcome.words == bus.truth(question)
    if isinstance(question, WriteWords):
        return isinstance(outcome, Written) and bus.peer.authorised == question.words[0]
    return False


def noise(transactions: int, seed: int, faults: WireFaults = NOISE) -> dict[str, Any]:
    """Ask so many questions over noise and judge every answer.

    Returns:
        `wrong`: answers with a value that the device did not hold, and acknowledgements of
        writes that it did not take; `unresolved`: questions that ended without an answer,
        which a driver takes for UNKNOWN; and what happened on the wire.
    """
    bus = NoisyBus(seed, faults)
    wrong = unresolved = 0
    for _ in range(transactions):
        bus.shake()
        question = bus.question()
        right = judge(bus, question, bus.ask(question))
        unresolved += right is None
        wrong += right is False
    return {
        "transactions": transactions,
        "wrong": wrong,
        "unresolved": unresolved,
        "seed": seed,
        "struck": {"there": bus.there.occurred, "back": bus.back.occurred},
        "virtual_s": round(bus.now_ns / 1e9, 3),
    }
