"""The leaf of a powered door: a mass that a drive moves against friction, and that bounces.

A physical model without I/O or chance: time is an argument. Way and speed are in leaf
widths, so 0 is shut and 1 is open. The drive accelerates, holds its speed, brakes, and lands
with what speed is left; at the stop the leaf bounces a few times. Between two orders the
leaf follows parabolas that are known beforehand, so looking at it does not move it: a
position does not depend on how often it was looked at before.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import NamedTuple

S = 1_000_000_000
BOUNCES = 3
WIDE_ENOUGH = 0.8
"""From this share of its way on, a person fits through."""


class Drive(NamedTuple):
    """What moves a leaf, in widths and seconds.

    `force` is the acceleration that the drive alone would give, `friction` what of it the
    guides take, `landing` the speed at the stop, and `restitution` the share of a speed that
    a bounce gives back.
    """

    force: float = 12.0
    friction: float = 1.0
    speed: float = 2.0
    landing: float = 0.2
    restitution: float = 0.35

    @property
    def stalls(self) -> bool:
        """Whether friction takes all of the force."""
        return self.friction >= self.force


def stiff(share: float | None) -> Drive:
    """A drive of whose force friction takes this share, None the usual one."""
    usual = Drive()
    return usual if share is None else usual._replace(friction=usual.force * share)


class _Piece(NamedTuple):
    """From `at_ns` on: `way + speed t + pull t^2 / 2`."""

    at_ns: int
    way: float
    speed: float
    pull: float

    def after(self, seconds: float) -> tuple[float, float]:
        """Way and speed so much later."""
        way = self.way + seconds * (self.speed + seconds * self.pull / 2)
        return way, self.speed + seconds * self.pull


class Leaf:
    """One leaf; at rest and shut at first.

    Args:
        drive: what moves it.
    """

    def __init__(self, drive: Drive | None = None) -> None:
        self.drive = drive or Drive()
        self._pieces = [_Piece(0, 0.0, 0.0, 0.0)]

    def at(self, now_ns: int) -> float:
        """Where the leaf is, 0 shut to 1 open."""
        return self._state(now_ns)[0]

    @property
    def rests_ns(self) -> int:
        """When it comes to rest, if nothing else is ordered."""
        return self._pieces[-1].at_ns

    def move(self, target: float | None, now_ns: int) -> None:
        """Go to 0 or 1 from here, or jam where it is (None)."""
        way, speed = self._state(now_ns)
        if target is None or self.drive.stalls:
            self._pieces = [_Piece(now_ns, way, 0.0, 0.0)]
            return
        # Everything is worked out towards +1; towards 0 it is the mirror image.
        mirrored = target < 0.5
        if mirrored:
            way, speed = 1.0 - way, -speed
        pieces = self._brake(way, speed, now_ns)
        pieces = pieces[:-1] + self._go(pieces[-1])
        self._pieces = [_mirror(piece) for piece in pieces] if mirrored else pieces

    def _state(self, now_ns: int) -> tuple[float, float]:
        piece = self._pieces[0]
        for later in self._pieces[1:]:
            if later.at_ns > now_ns:
                break
            piece = later
        way, speed = piece.after(max(0, now_ns - piece.at_ns) / S)
        return min(1.0, max(0.0, way)), speed

    def _brake(self, way: float, speed: float, now_ns: int) -> list[_Piece]:
        """Come to a stand first if it moves the other way, or at the stop already."""
        if speed >= 0:
            return [_Piece(now_ns, way, speed, 0.0)]
        drive = self.drive
        hold = drive.force + drive.friction
        needed, room = speed * speed / (2 * hold), way
        if needed > room:  # it lands at the other stop, and stays
            seconds = (-speed - sqrt(max(0.0, speed * speed - 2 * hold * room))) / hold
            return [_Piece(now_ns, way, speed, hold), _Piece(now_ns + _ns(seconds), 0.0, 0.0, 0.0)]
        stands_ns = now_ns + _ns(-speed / hold)
        return [_Piece(now_ns, way, speed, hold), _Piece(stands_ns, way - needed, 0.0, 0.0)]

    def _go(self, begin: _Piece) -> list[_Piece]:
        """Accelerate, hold the speed, brake, land."""
        drive = self.drive
        up, down = drive.force - drive.friction, drive.force + drive.friction
        left = 1.0 - begin.way
        if left <= 0:
            return [_Piece(begin.at_ns, 1.0, 0.0, 0.0)]
        now, way = begin.at_ns, begin.way
        first = begin.speed
        landing = min(drive.landing, drive.speed, sqrt(first * first + 2 * up * left))
        top = sqrt((2 * up * down * left + down * first**2 + up * landing**2) / (up + down))
        top = max(first, landing, min(drive.speed, top))
        pieces: list[_Piece] = []
        if top > first:
            pieces.append(_Piece(now, way, first, up))
            way += (top * top - first * first) / (2 * up)
            now += _ns((top - first) / up)
        braking = (top * top - landing * landing) / (2 * down)
        cruising = 1.0 - braking - way
        if cruising > 0:
            pieces.append(_Piece(now, way, top, 0.0))
            way += cruising
            now += _ns(cruising / top)
        if braking > 0:
            pieces.append(_Piece(now, way, top, -down))
            now += _ns((top - landing) / down)
        return pieces + self._bounce(now, landing)

    def _bounce(self, now_ns: int, speed: float) -> list[_Piece]:
        """At the stop: back a little, and pressed on again, ever less."""
        pieces = []
        pull = self.drive.force - self.drive.friction
        for _ in range(BOUNCES):
            speed *= self.drive.restitution
            if speed <= 0:
                break
            pieces.append(_Piece(now_ns, 1.0, -speed, pull))
            now_ns += _ns(2 * speed / pull)
        return [*pieces, _Piece(now_ns, 1.0, 0.0, 0.0)]

    def ns_to(self, way: float) -> int:
        """How long a leaf that is shut and at rest takes to open so far.

        Raises:
            ValueError: it does not move at all.
        """
        if self.drive.stalls:
            raise ValueError("friction takes all of the force")
        trial = Leaf(self.drive)
        trial.move(1.0, 0)
        low, high = 0, trial.rests_ns
        for one, other in pairwise(trial._pieces):  # opening it does not turn round
            if trial.at(other.at_ns) >= way:
                low, high = one.at_ns, other.at_ns
                break
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if trial.at(middle) >= way else (middle, high)
        return high


def _mirror(piece: _Piece) -> _Piece:
    return _Piece(piece.at_ns, 1.0 - piece.way, -piece.speed, -piece.pull)


def _ns(seconds: float) -> int:
    return max(0, round(seconds * S))
