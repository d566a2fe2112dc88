"""A lane with two doors as people meet it: readers before the entry, the camera inside.

People stand in four places: before the entry, in a doorway, in the chamber, behind the exit.
The doors move as the module's relays let them (`sim.devices.io_module`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from firmware_cfg.turnstile import Turnstile
from sim.chip.card import Chip
from sim.devices.io_module import SimDoor, SimIoModule
from sim.devices.leaf import WIDE_ENOUGH
from sim.people.cast import Passport
from sim.people.stage import Counter, Random

DoorName = Literal["entry", "exit"]


class MantrapStage(Counter[SimIoModule]):
    """The simulated hardware of a lane with two doors.

    Args:
        turnstile: the lane's module, for its wiring, unit and speed.
        random, touched, touching, chip_of: as for `sim.people.stage.Counter`.

    Attributes:
        passed: persons who went out by the exit.
        escaped: those of them who found it open without a release that stood: by fire, by
            force, by the module's safe value, or by a leaf that hung.
    """

    def __init__(
        self,
        turnstile: Turnstile,
        random: Random,
        touched: Callable[[str], None],
        touching: Callable[[str], None] = lambda _port: None,
        chip_of: Callable[[Passport], Chip] | None = None,
    ) -> None:
        module = SimIoModule(turnstile.io, unit=turnstile.unit, baud=turnstile.baud)
        super().__init__(module, "mantrap", random, touched, touching, chip_of)
        self.module = module
        self.passed = self.escaped = 0
        self._released = False

    @property
    def releases(self) -> int:
        """How often the exit was released."""
        return self.module.releases

    @property
    def empty(self) -> bool:
        """Whether no one and nothing is before the entry or in the chamber."""
        return self.module.persons == 0 and self.module.approaching == 0

    def lets(self, name: DoorName) -> bool:
        """Whether a door is open wide enough to walk through."""
        return self._door(name).position >= WIDE_ENOUGH

    def walk_up(self, persons: int, now_ns: int) -> None:
        """People come to stand before the entry."""
        self.work(now_ns, lambda _: self._stand(approaching=persons))

    def walk_off(self, persons: int, now_ns: int) -> None:
        """People before the entry go away."""
        self.work(now_ns, lambda _: self._stand(approaching=-persons))

    def stand_in(self, name: DoorName, now_ns: int, *, there: bool) -> None:
        """A person stands in a doorway, or has left it."""
        if name == "exit" and there:
            self._released = self.module.exit_released
        self.work(now_ns, lambda _: setattr(self._door(name), "blocked", there))

    def step_in(self, persons: int, now_ns: int) -> None:
        """People step from before the entry into the chamber."""
        self.work(now_ns, lambda _: self._stand(approaching=-persons, inside=persons))

    def step_back(self, persons: int, now_ns: int) -> None:
        """People step from the chamber back before the entry."""
        self.work(now_ns, lambda _: self._stand(approaching=persons, inside=-persons))

    def step_out(self, persons: int, now_ns: int) -> None:
        """People step from the chamber behind the exit."""
        self.passed += persons
        self.escaped += 0 if self._released else persons
        self.work(now_ns, lambda _: self._stand(inside=-persons, leaving=persons))

    def walk_on(self, persons: int, now_ns: int) -> None:
        """People behind the exit go on their way."""
        self.work(now_ns, lambda _: self._stand(leaving=-persons))

    def leave_thing(self, now_ns: int, *, there: bool) -> None:
        """Leave a thing in the chamber, or fetch it."""
        self.work(now_ns, lambda _: self._stand(inside=1 if there else -1))

    def _door(self, name: DoorName) -> SimDoor:
        return self.module.entry if name == "entry" else self.module.exit

    def _stand(self, *, approaching: int = 0, inside: int = 0, leaving: int = 0) -> None:
        self.module.approaching += approaching
        self.module.persons += inside
        self.module.leaving += leaving
