"""The barrier of a simulated turnstile and the people in front of it.

A physical model without I/O: time is an argument, there is no chance in it. A passage
takes `opening_ms` for the leaf (more where it is stiff, `sim.devices.leaf`) and `passage_ms` for
the person; when it is over the counter of that direction moves, one release is used up and the
zone is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sim.devices.leaf import WIDE_ENOUGH, Leaf, stiff

FREE = 0xFFFF
COUNTER_MODULO = 1 << 32


class Mode(Enum):
    """Operating mode as in the mode register."""

    NORMAL = 0
    BLOCKED = 1
    ANTIPANIC = 2


@dataclass(slots=True)
class Side:
    """One direction of passage."""

    authorised: int = 0
    counter: int = 0
    waiting: int = 0
    released_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """People are on the way through."""

    side: Side
    persons: int
    ends_ns: int
    escapes: bool = False


class Barrier:
    """A barrier with two directions of passage.

    Args:
        opening_ms: travel of the leaf.
        passage_ms: a person walking through.
        start_s: an unused release lapses after this long.
    """

    def __init__(self, *, opening_ms: int = 300, passage_ms: int = 600, start_s: int = 10) -> None:
        self.exit = Side()
        self.entry = Side()
        self.error = 0
        self.due_ns: int | None = None
        """When the barrier next changes by itself."""
        self._start_s = start_s
        self.finish_s = 5
        self.passed = 0
        """Persons who went through the exit, however often its counter was set."""
        self.escaped = 0
        """Those of them whom fire let through, and no release."""
        self.stuck = False
        """The leaf does not move, whatever is released."""
        self._slowness = 1.0
        self.things = 0
        """What people left in the zone on the side of the exit."""
        self.ghosts = 0
        """Objects the light curtain sees that are not there."""
        self.blind = False
        """The light curtain sees nothing."""
        self._mode = Mode.NORMAL
        self._fire = False
        self._opening_ns = opening_ms * 1_000_000
        self._passage_ns = passage_ms * 1_000_000
        self._passage: Passage | None = None

    @property
    def mode(self) -> Mode:
        """Antipanic while there is fire, else what was set."""
        return Mode.ANTIPANIC if self._fire else self._mode

    def set_mode(self, mode: Mode) -> None:
        """Set the operating mode."""
        self._mode = mode

    def set_fire(self, *, active: bool) -> None:
        """Work the fire input; it is wired to the drives and waits for no host."""
        self._fire = active

    def stiffen(self, share: float | None) -> None:
        """Friction takes this share of the drive's force from now on, None the usual one."""
        drive = stiff(share)
        self.stuck = drive.stalls
        if not self.stuck:
            usual_ns = Leaf().ns_to(WIDE_ENOUGH)
            self._slowness = Leaf(drive).ns_to(WIDE_ENOUGH) / usual_ns

    @property
    def passing(self) -> bool:
        """Whether a person is on the way through."""
        return self._passage is not None

    @property
    def start_s(self) -> int:
        """After so long an unused release lapses."""
        return self._start_s

    @start_s.setter
    def start_s(self, seconds: int) -> None:
        self._start_s = seconds
        self._see_due()

    def _see_due(self) -> None:
        if self._passage is not None:
            self.due_ns = self._passage.ends_ns
            return
        released = [side.released_ns for side in (self.exit, self.entry)]
        first_ns = min((at_ns for at_ns in released if at_ns is not None), default=None)
        self.due_ns = None if first_ns is None else first_ns + self._start_s * 1_000_000_000

    def authorise(self, side: Side, passages: int, now_ns: int) -> None:
        """Release this many passages (0 withdraws, 0xFFFF is free)."""
        side.authorised = passages
        side.released_ns = now_ns if 0 < passages < FREE else None
        self._see_due()

    def arrive(self, side: Side, persons: int) -> None:
        """People step into the zone."""
        side.waiting += persons

    def leave_back(self, side: Side, persons: int) -> None:
        """People step out of the zone the way they came; no one leaves who is not there."""
        side.waiting -= min(persons, side.waiting - self._walking(side))

    def lets(self, side: Side) -> bool:
        """Whether a person may push through in this direction."""
        if self.mode is Mode.ANTIPANIC:
            return True
        return not self.stuck and self.mode is Mode.NORMAL and side.authorised > 0

    def seen(self, side: Side) -> int:
        """Objects that the light curtain reports on one side."""
        if self.blind:
            return 0
        return side.waiting + (self.things + self.ghosts if side is self.exit else 0)

    def start_passage(self, side: Side, persons: int, now_ns: int, stays_ms: int = 0) -> bool:
        """People walk through together if the barrier lets one of them.

        `stays_ms` is how long they stand in the way before they are through.
        """
        self.expire(now_ns)
        if self.passing or not self.lets(side) or not 1 <= persons <= side.waiting:
            return False
        opening_ns = round(self._opening_ns * self._slowness)
        ends_ns = now_ns + opening_ns + self._passage_ns + stays_ms * 1_000_000
        self._passage = Passage(side, persons, ends_ns, self.mode is Mode.ANTIPANIC)
        self._see_due()
        return True

    def expire(self, now_ns: int) -> None:
        """Let time pass."""
        if self.due_ns is None or now_ns < self.due_ns:
            return
        passage = self._passage
        if passage is not None and now_ns >= passage.ends_ns:
            self._passage = None
            side = passage.side
            side.counter = (side.counter + passage.persons) % COUNTER_MODULO
            side.waiting -= passage.persons
            if side is self.exit:
                self.passed += passage.persons
                self.escaped += passage.persons if passage.escapes else 0
            if 0 < side.authorised < FREE:
                self.authorise(side, side.authorised - 1, passage.ends_ns)
            self._see_due()
        if self._passage is None:
            for side in (self.exit, self.entry):
                lapse_ns = self.start_s * 1_000_000_000
                if side.released_ns is not None and now_ns >= side.released_ns + lapse_ns:
                    self.authorise(side, 0, now_ns)

    def _walking(self, side: Side) -> int:
        if self._passage is not None and self._passage.side is side:
            return self._passage.persons
        return 0
