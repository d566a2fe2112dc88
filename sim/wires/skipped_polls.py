"""A polled device whose line is quiet: polls that repeat are skipped and counted.

A lane at rest asks its turnstile the same three questions twenty times a second and gets
the same answers. Nearly all bytes of a simulated day are these, and they decide nothing.
Once one whole heartbeat of the machine was seen to repeat, bit for bit and nanosecond for
nanosecond, this device stops the machine's clock between two polls and only repeats what
the machine would report, with its time moved on. Before anything touches the plant, the
line or the machine, the clock is set to the last whole heartbeat and what is left of the
present one is carried out. Time is an argument, so the machine sees no difference. A report is
asked of the kernel when the last step before it would have been, so that what happens at the very
same instant keeps its order.

The recorded inbox is the same as with every byte carried, which a test holds against each
other; `skipped_bytes` says how many were not carried. Lines on which something may go
wrong are never skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from drivers.ports import Emission, Machine, Output
from drivers.types import Plant, PlantChanged
from sim.wires.kernel import MS, Kernel
from sim.wires.links import NEVER_NS, Line, Peer, WiredDevice

REST_NS = 10 * MS
"""A longer wait than the silence between frames: the poll is over."""
MAX_ASKED = 64
"""Questions of one poll; a lane's has three or four."""


class PolledPeer(Peer, Protocol):
    """A peer that only answers."""

    @property
    def answering(self) -> bool:
        """Whether a question is being received or answered."""

    @property
    def moves_ns(self) -> int | None:
        """When the plant behind it next changes by itself; the past while it is moving."""

    def asked_later(self, by_ns: int) -> None:
        """Polls of so long a time were skipped."""


class _Orbit(NamedTuple):
    """How the machine goes round while nothing happens.

    `phases`: when a poll ended, after the last report -> how long until the machine acts.
    """

    span_ns: int
    phases: dict[int, int]
    carried_bytes: int


class _Poll(NamedTuple):
    """One poll: what was asked, what was received and how long after the first question.

    Attributes:
        carried_bytes: both ways.
        moves_ns: when the plant next moves by itself.
    """

    asked: list[Output]
    received: list[tuple[int, bytes]]
    carried_bytes: int
    moves_ns: int | None


class QuietDevice(WiredDevice):
    """A `WiredDevice` that reports `PlantChanged`, at rest while its line is quiet.

    Args:
        peer: the other end of its one line.

    Attributes:
        skipped_bytes: what was not carried, both ways.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: Machine,
        port: str,
        line: Line,
        peer: PolledPeer,
        emit: Callable[[Emission], None],
    ) -> None:
        super().__init__(kernel, machine, {port: line}, emit)
        self._line, self._peer = line, peer
        self._last_report = PlantChanged(plant=Plant(read_at_ns=0))
        self._last_report_ns = 0
        self._lead_ns = 0
        self._armed = False
        self._last_report_bytes = 0
        self._beat_ns = 0
        self._reported = self._news = self._even = False
        self._asked: list[Output] = []
        self._asked_ns = 0
        self._received: list[tuple[int, bytes]] = []
        self._withheld: list[Output] | None = None
        self._poll: _Poll | None = None
        self._polled_bytes = 0
        self._phases: dict[int, int] = {}
        self._orbit: _Orbit | None = None
        self._asleep_ns: int | None = None
        self._rousing = False

    def rouse(self, now_ns: int) -> None:
        """Set the machine's clock, and carry out what is left of the present heartbeat."""
        self._wind(now_ns)
        self._poll = None  # what is being read now may be from before

    def _wind(self, now_ns: int) -> None:
        asleep_ns, orbit = self._asleep_ns, self._orbit
        if asleep_ns is None or orbit is None:
            return
        self._asleep_ns = None
        self._armed = False
        rounds = (now_ns - asleep_ns) // orbit.span_ns
        self._skew_ns += rounds * orbit.span_ns
        self.skipped_bytes += rounds * orbit.carried_bytes
        self._asked_ns += rounds * orbit.span_ns
        self._peer.asked_later(rounds * orbit.span_ns)
        self._ask()
        self._rousing = True
        poll = self._poll
        while (due_ns := super()._due_ns()) is not None and due_ns < now_ns:
            if poll is not None and due_ns + poll.received[-1][0] < now_ns:
                self._replay(poll, due_ns)
            else:
                self._turn(due_ns)
        self._rousing = False

    def _replay(self, poll: _Poll, now_ns: int) -> None:
        """Let the machine act; if it asks what it asked last, give it what it received then.

        Anything else that it asks is carried.
        """
        machine, skew_ns = self.machine, self._skew_ns
        asked = self._withhold(now_ns, machine.expire, now_ns - skew_ns)
        began_ns, answers = now_ns, iter(poll.received)
        for number, question in enumerate(poll.asked):
            if asked != [question]:
                for op in asked:
                    self._carry(op, now_ns)
                return
            if not number:
                self._peer.asked_later(began_ns - self._asked_ns)
                self._ask()
                self._asked_ns = began_ns
            after_ns, data = next(answers)
            now_ns = began_ns + after_ns
            asked = self._withhold(now_ns, machine.receive, *machine.ports, data, now_ns - skew_ns)
            while not asked and number + 1 < len(poll.asked):
                due_ns = self._machine_ns
                if due_ns == NEVER_NS:
                    return
                now_ns = due_ns + skew_ns
                asked = self._withhold(now_ns, machine.expire, due_ns)
        self.skipped_bytes += poll.carried_bytes

    def _withhold(self, now_ns: int, action: Callable[..., None], *arguments: Any) -> list[Output]:
        """Call the machine; give what it wants to send."""
        withheld: list[Output] = []
        self._withheld = withheld
        super()._call(now_ns, action, *arguments)
        self._withheld = None
        return withheld

    def _due_ns(self) -> int | None:
        if self._asleep_ns is None or self._orbit is None:
            return super()._due_ns()
        report_ns, moves_ns = self._last_report_ns + self._orbit.span_ns, self._peer.moves_ns
        if not self._armed:
            report_ns -= self._lead_ns
        return report_ns if moves_ns is None else min(report_ns, moves_ns)

    def _turn(self, now_ns: int) -> None:
        if self._asleep_ns is None or self._orbit is None:
            super()._turn(now_ns)
            if self._received and not self._under_way(now_ns):
                self._end_poll(now_ns)
        elif (
            not self._armed and now_ns == self._last_report_ns + self._orbit.span_ns - self._lead_ns
        ):
            self._armed = True
        elif now_ns == self._last_report_ns + self._orbit.span_ns:
            self._armed = False
            self._last_report, self._last_report_ns = (
                _later(self._last_report, self._orbit.span_ns),
                now_ns,
            )
            self._emit(Emission(self._last_report, {}))
        else:
            self.rouse(now_ns)
            self._turn(now_ns)

    def _deliver(self, port: str, data: bytes, now_ns: int) -> None:
        self._received.append((now_ns, data))
        super()._deliver(port, data, now_ns)

    def _carry(self, op: Output, now_ns: int) -> None:
        if self._withheld is not None:
            self._withheld.append(op)
            return
        if len(self._asked) >= MAX_ASKED:  # no answer, or a poll has no end: not at rest
            self._asked, self._poll = [], None
            self._received.clear()
        if not self._asked:
            self._asked_ns = now_ns
        self._asked.append(op)
        super()._carry(op, now_ns)

    def _report(self, emission: Emission, now_ns: int) -> None:
        event = emission.event
        if not isinstance(event, PlantChanged):
            self._even = False
            self._emit(emission)
            return
        if self._rousing and now_ns <= self._last_report_ns:
            return  # roused: this one was reported already
        event = _later(event, self._skew_ns)
        self._reported = True
        self._news = _unaged(event) != _unaged(self._last_report)
        self._beat_ns = now_ns - self._last_report_ns
        self._last_report, self._last_report_ns = event, now_ns
        self._lead_ns = now_ns - self._turned_ns
        self._emit(Emission(event, {}))

    # --- watching the machine -----------------------------------------------------------

    def _under_way(self, now_ns: int) -> bool:
        """Whether anything is on the line, or soon will be."""
        due_ns = self._machine_ns
        if due_ns == NEVER_NS or due_ns + self._skew_ns < now_ns + REST_NS:
            return True
        to_peer, to_machine = self._line.to_peer, self._line.to_machine
        return to_peer.due_ns is not None or to_machine.due_ns is not None or self._peer.answering

    def _end_poll(self, now_ns: int) -> None:
        """A poll has ended: compare it with the one before, and rest if nothing is new."""
        carried = self._line.to_peer.carried_bytes + self._line.to_machine.carried_bytes
        received = [(at_ns - self._asked_ns, data) for at_ns, data in self._received]
        poll = _Poll(self._asked, received, carried - self._polled_bytes, self._peer.moves_ns)
        same = poll == self._poll
        self._poll, self._polled_bytes = poll, carried
        self._asked = []
        self._received.clear()
        if self._rousing:
            return
        self._even = self._even and same
        if self._reported:
            if self._even and not self._news:
                self._orbit = _Orbit(self._beat_ns, self._phases, carried - self._last_report_bytes)
            self._even, self._phases, self._last_report_bytes = True, {}, carried
        rests = not (self._reported and self._news) and (
            poll.moves_ns is None or poll.moves_ns > now_ns
        )
        self._reported = False
        since_ns = now_ns - self._last_report_ns
        wait_ns = (self.machine.due_ns or 0) + self._skew_ns - now_ns
        self._phases[since_ns] = wait_ns
        clean = self._line.to_peer.clean and self._line.to_machine.clean
        known = self._orbit is not None and self._orbit.phases.get(since_ns) == wait_ns
        known = known and len(poll.asked) == len(poll.received)
        if rests and same and clean and known:
            self._asleep_ns = now_ns


def _later(event: PlantChanged, by_ns: int) -> PlantChanged:
    """The same reading of the plant, so much later."""
    if not by_ns:
        return event
    plant = event.plant
    return PlantChanged(plant=msgspec.structs.replace(plant, read_at_ns=plant.read_at_ns + by_ns))


def _unaged(event: PlantChanged) -> Plant:
    return msgspec.structs.replace(event.plant, read_at_ns=0)
