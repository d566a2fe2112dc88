"""A swing gate behind 7E/7F frames (`drivers.turnstile.swing_frames`).

A poll is two answers in a row that agree; for a while after any disturbance a third
condition is added, that nothing more comes. What the bytes mean is the profile's
(`firmware_cfg.turnstile.SwingGate`).

The order to open *adds* passages and no status reports how many stand, so it is written once
and never again: read back, it took effect, or the traveller goes to an officer.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from drivers.turnstile.half_duplex import LineMetrics, Silence
from drivers.turnstile.machine import Job, PlantMachine
from drivers.turnstile.passage_counter import counter_read
from drivers.turnstile.swing_frames import Ask, Order, Status
from drivers.turnstile.swing_link import SETTLE, Settled, SwingLink, SwingOutcome, SwingRequest
from drivers.types import Actuation, Close, Door, Flag, OpenExit, Plant, Zone
from firmware_cfg.turnstile import SwingGate, Turnstile

COUNTER_BITS = 24
CLOSE_WRITES_MAX = 5
BEAMS = 8

TOO_DISTURBED = "the gate's line is too disturbed to be trusted"

STATUS = Ask(Order.STATUS)

Poll = Generator[SwingRequest, SwingOutcome, Status | None]


class SwingGateMachine(PlantMachine):
    """Polls a swing gate, releases its exit once, closes.

    Args:
        profile: the lane's turnstile.
        actuation_ms: after this long nothing is written (again) for one command.
    """

    carries_out: ClassVar[tuple[type[Actuation], ...]] = (OpenExit, Close)

    def __init__(self, profile: Turnstile, *, actuation_ms: int = 2_000) -> None:
        self._gate = profile.swing
        self._line = SwingLink(
            profile.unit,
            profile.baud,
            answer_ms=profile.answer_ms,
            backoff_ms=profile.backoff_ms,
        )
        super().__init__(self._line, profile, actuation_ms=actuation_ms, additive=True)

    def _forget(self) -> None:
        self._status: Status | None = None
        self._status_ns = 0

    @property
    def metrics(self) -> LineMetrics:
        """Counts of what happened on the line, by cause."""
        return self._line.metrics

    def _identify(self) -> Job:
        """The frames name a machine number and a firmware version, no vendor."""
        outcome = yield STATUS
        if isinstance(outcome, Status):
            self._known(f"swing gate {self._profile.unit}, firmware {outcome.version}")
        elif isinstance(outcome, Silence):
            self._miss(outcome.cause)

    def _poll(self) -> Job:
        yield from self._read()

    def _read(self) -> Poll:
        """Two answers that agree, and nothing that comes after them; None on failure."""
        began_ns, disturbances = self._now_ns, self._line.disturbances
        answers: list[Status] = []
        for _ in range(2):
            outcome = yield STATUS
            if isinstance(outcome, Silence):
                self._miss(outcome.cause)
                return None
            if isinstance(outcome, Status):
                answers.append(outcome)
        if self._line.suspect(self._now_ns):
            settled = yield SETTLE
            if not isinstance(settled, Settled):
                self._disturbed(TOO_DISTURBED)
                return None
        first, second = answers
        if first != second or disturbances != self._line.disturbances:
            self._disturbed(TOO_DISTURBED)
            return None
        before, self._status = self._status, second
        self._status_ns = began_ns
        self._took(plant_of(self._gate, second, before, began_ns))
        return second

    # --- actions ----------------------------------------------------------------------

    def _carry_out(self, command: Actuation) -> Job:
        return self._open_exit(command) if isinstance(command, OpenExit) else self._close(command)

    def _open_exit(self, command: Actuation) -> Job:
        give_up_ns = self._now_ns + self._actuation_ns
        before = self._fresh() or (yield from self._read())
        if before is None:
            self._actions.finish("the state before is not known", ok=False)
            return
        if before.gate != self._gate.gate_closed:
            self._actions.finish("the gate is not closed: a release may be standing", ok=False)
            return
        if not self._may_write(command, give_up_ns):
            self._actions.finish("withdrawn, or too late to be written", ok=False)
            return
        left = self._gate.exit == "left"
        yield Ask(Order.OPEN_LEFT if left else Order.OPEN_RIGHT, passages=1)
        opened = self._gate.gate_open_left if left else self._gate.gate_open_right
        while self._now_ns < give_up_ns:
            after = yield from self._read()
            if after is not None and (
                after.gate == opened or self._exits(after) != self._exits(before)
            ):
                self._actions.finish("", ok=True)
                return
        self._actions.finish("written once, but the gate was not seen to open", ok=False)

    def _close(self, command: Actuation) -> Job:
        status = self._status
        if status is not None and status.alarm & self._gate.alarm_fire:
            self._actions.finish("nothing is closed while the fire alarm lasts", ok=False)
            return
        give_up_ns = self._now_ns + self._actuation_ns
        for _ in range(CLOSE_WRITES_MAX):
            if self._actions.acting is not command or self._now_ns >= give_up_ns:
                break
            yield Ask(Order.CLOSE)
            after = yield from self._read()
            if after is not None and after.gate == self._gate.gate_closed:
                self._actions.finish("", ok=True)
                return
        self._actions.finish("the gate is not seen to be closed", ok=False)

    def _exits(self, status: Status) -> int:
        return status.left if self._gate.exit == "left" else status.right

    def _fresh(self) -> Status | None:
        if self._status is None or self._now_ns - self._status_ns > 2 * self._poll_ns:
            return None
        return self._status


def plant_of(gate: SwingGate, now: Status, before: Status | None, at_ns: int) -> Plant:
    """What a status says of the lane; `before` is the one before it, for the counters.

    A fault makes what the motor says doubtful: then both directions are UNKNOWN.
    """
    left, right = _doors(gate, now)
    leave, come = (left, right) if gate.exit == "left" else (right, left)
    out, into = (now.left, now.right) if gate.exit == "left" else (now.right, now.left)
    past = before and ((before.left, before.right) if gate.exit == "left" else _swapped(before))
    fire = Flag.ACTIVE if now.alarm & gate.alarm_fire else Flag.CLEAR
    if fire is Flag.ACTIVE:
        leave, come = Door.OPEN, Door.UNKNOWN if come is Door.CLOSED else come
    return Plant(
        read_at_ns=at_ns,
        entry=come,
        exit=leave,
        zone=zone_of((now.infrared ^ gate.infrared_idle) & gate.infrared_zone),
        obstruction=Flag.ACTIVE if now.alarm & gate.alarm_obstruction else Flag.CLEAR,
        fire=fire,
        tamper=Flag.ACTIVE if now.alarm & gate.alarm_tamper else Flag.CLEAR,
        passages_entry=counter_read(into, past[1] if past else None, COUNTER_BITS),
        passages_exit=counter_read(out, past[0] if past else None, COUNTER_BITS),
        counter_bits=COUNTER_BITS,
        fault_code=now.fault,
    )


def zone_of(beams: int) -> Zone:
    """People by interrupted beams: one run of neighbours is one, two runs are more."""
    runs = 0
    previous = False
    for beam in range(BEAMS):
        broken = bool(beams >> beam & 1)
        runs += broken and not previous
        previous = broken
    return {0: Zone.EMPTY, 1: Zone.ONE}.get(runs, Zone.MANY)


def _doors(gate: SwingGate, now: Status) -> tuple[Door, Door]:
    if now.fault:
        return Door.UNKNOWN, Door.UNKNOWN
    return {
        gate.gate_closed: (Door.CLOSED, Door.CLOSED),
        gate.gate_open_left: (Door.OPEN, Door.CLOSED),
        gate.gate_open_right: (Door.CLOSED, Door.OPEN),
    }.get(now.gate, (Door.UNKNOWN, Door.UNKNOWN))


def _swapped(status: Status) -> tuple[int, int]:
    return status.right, status.left
