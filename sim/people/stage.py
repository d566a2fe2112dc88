"""One lane as people meet it: readers, the place before the camera, and the way through.

`Stage` has a barrier, `sim.people.mantrap_stage` two doors; `Counter` is what they share.

The same stage stands behind virtual wires and behind pseudo-terminals: its peers are
sans-IO, and what a traveller does to them is a method call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from firmware_cfg.turnstile import Turnstile
from sim.chip.card import Chip
from sim.chip.pn532 import Pn532Peer
from sim.devices.mrz_reader import MrzLineReader
from sim.devices.swing_gate import SimSwingGate
from sim.devices.turnstile import SimTurnstile
from sim.people.cast import Passport
from sim.scenario.parts import PlantName
from sim.scenario.traveller import Face
from sim.wires.links import Peer

Random = Callable[[int], bytes]


class Stand(NamedTuple):
    """Who stands before the camera, since when, and how long walking up takes."""

    face: Face
    portrait: str
    since_ns: int
    walk_in_ns: int

    def approach(self, now_ns: int) -> float:
        """From 0 (far) to 1 (at the stop line)."""
        if self.walk_in_ns <= 0:
            return 1.0
        return min(1.0, max(0.0, (now_ns - self.since_ns) / self.walk_in_ns))


Plant = TypeVar("Plant", bound=Peer)


class Counter(Generic[Plant]):
    """Readers and camera of one lane: what people meet whatever the way through is.

    Args:
        bus: what the lane's bus ends in.
        plant_name: which of the plants that is.
        random: the chip's and the reader's own randomness.
        touched: called after a person did something to a device, with its port.
        touching: called before.
        chip_of: makes the chip in a passport; without it, an emulated one.
    """

    def __init__(
        self,
        bus: Plant,
        plant_name: PlantName,
        random: Random,
        touched: Callable[[str], None],
        touching: Callable[[str], None] = lambda _port: None,
        chip_of: Callable[[Passport], Chip] | None = None,
    ) -> None:
        self.bus = bus
        self.plant_name = plant_name
        self.mrz = MrzLineReader()
        self.chip = Pn532Peer(random)
        self.stand: Stand | None = None
        self.chips_silent = False
        """No chip is felt in the field."""
        self.dark = False
        """The camera sees no one."""
        self.placed_ns = 0
        """When a passport was laid on the reader last."""
        self._chip_of = chip_of or (lambda passport: Chip(passport.card, random))
        self._touched = touched
        self._touching = touching

    def appear(self, face: Face, portrait: str, walk_in_ns: int, now_ns: int) -> None:
        """A traveller walks up to the camera."""
        self.stand = Stand(face, portrait, now_ns, walk_in_ns)

    def disappear(self) -> None:
        """No one is before the camera."""
        self.stand = None

    def place(self, passport: Passport, now_ns: int) -> None:
        """Lay a passport on the reader."""
        self.placed_ns = now_ns
        self._touching("chip")
        self.mrz.place(passport.lines, now_ns)
        self.chip.put_beside(*passport.beside)
        if not self.chips_silent:
            self.chip.put_chip(self._chip_of(passport), now_ns)
        self._touched("mrz")
        self._touched("chip")

    def place_badly(self, now_ns: int) -> None:
        """Lay a passport so that its lines are cut off and its chip is out of reach."""
        self._touching("chip")
        self.mrz.place(("P<UTO",), now_ns)
        self._touched("mrz")

    def take(self, now_ns: int) -> None:
        """Take the passport away."""
        self._touching("chip")
        self.mrz.remove(now_ns)
        self.chip.put_beside()
        self.chip.remove_chip(now_ns)
        self._touched("mrz")
        self._touched("chip")

    def work(self, now_ns: int, action: Callable[[Plant], None]) -> None:
        """Do something to what the bus ends in: walk there, break it, mend it."""
        self._touching("bus")
        self.bus.expire(now_ns)
        action(self.bus)
        self._touched("bus")


class Stage(Counter[SimTurnstile | SimSwingGate]):
    """The simulated hardware of a lane with a barrier.

    Args:
        turnstile: the lane's turnstile: its driver, what its bytes mean, unit and speed.
        random, touched, touching, chip_of: as for `Counter`.
    """

    def __init__(
        self,
        turnstile: Turnstile,
        random: Random,
        touched: Callable[[str], None],
        touching: Callable[[str], None] = lambda _port: None,
        chip_of: Callable[[Passport], Chip] | None = None,
    ) -> None:
        plant: SimTurnstile | SimSwingGate
        if turnstile.driver == "swing":
            name: PlantName = "swing_gate"
            plant = SimSwingGate(turnstile.swing, machine=turnstile.unit)
        else:
            name = "turnstile"
            plant = SimTurnstile(turnstile.registers, unit=turnstile.unit, baud=turnstile.baud)
        super().__init__(plant, name, random, touched, touching, chip_of)
        self.turnstile = plant

    @property
    def releases(self) -> int:
        """How often the way out was released."""
        return self.turnstile.releases

    @property
    def passed(self) -> int:
        """Persons who went out."""
        return self.turnstile.barrier.passed

    @property
    def escaped(self) -> int:
        """Those of them whom no one released: there was fire."""
        return self.turnstile.barrier.escaped

    @property
    def released(self) -> bool:
        """Whether the lamp is green: a person may go through."""
        return self.turnstile.authorised > 0

    @property
    def empty(self) -> bool:
        """Whether no one is in the zone."""
        return self.turnstile.zone == 0

    def step_in(self, persons: int, now_ns: int) -> None:
        """People step into the zone."""
        self.work(now_ns, lambda plant: plant.arrive(now_ns, persons))

    def step_back(self, persons: int, now_ns: int) -> None:
        """People leave the zone the way they came."""
        self.work(now_ns, lambda plant: plant.leave_back(now_ns, persons))

    def walk_through(self, persons: int, now_ns: int, stays_ms: int = 0) -> bool:
        """People try to go through; False when the barrier holds."""
        if not self.turnstile.open:
            return False
        self._touching("bus")
        went = self.turnstile.try_pass(now_ns, persons, stays_ms)
        self._touched("bus")
        return went

    def leave_thing(self, now_ns: int, *, there: bool) -> None:
        """Leave a thing in the zone, or fetch it."""
        self.work(now_ns, lambda plant: setattr(plant.barrier, "things", int(there)))
