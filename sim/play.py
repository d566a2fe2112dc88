"""The travellers of one lane, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gate_agent.lane_api import Step
from sim.cast import Passport
from sim.kernel import SECOND
from sim.scenario import Traveller, stream
from sim.stage import Stage
from sim.traveller import Phase, TravellerActor


class Left(NamedTuple):
    """A traveller has left the lane, by whatever way."""

    traveller: Traveller
    at_ns: int


class Play:
    """Brings the travellers of a lane to its stage, in order, when their time has come.

    Args:
        travellers: the lane's cast.
        passport: issues a traveller's passport; asked once each, when they come.
        stage: the lane they meet.
        seed: of the scenario; each traveller draws from a stream of their own.
        start_ns: when the scenario begins.
        endless: begin again after the last one.
    """

    def __init__(
        self,
        travellers: tuple[Traveller, ...],
        passport: Callable[[Traveller], Passport],
        stage: Stage,
        seed: int,
        start_ns: int,
        *,
        endless: bool = False,
    ) -> None:
        self._travellers = travellers
        self._passport = passport
        self._stage = stage
        self._seed = seed
        self._start_ns = start_ns
        self._endless = endless
        self._next = 0
        self.actor: TravellerActor | None = None
        self._bring_next(start_ns)

    @property
    def over(self) -> bool:
        """Whether everybody has left."""
        return self.actor is None

    @property
    def present(self) -> Traveller | None:
        """Who is at the lane now."""
        actor = self.actor
        here = actor is not None and actor.phase is not Phase.OUTSIDE
        return actor.traveller if actor is not None and here else None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when it is over."""
        return self.actor.due_ns if self.actor is not None else None

    def expire(self, now_ns: int, step: Step | None) -> Left | None:
        """The time has come; `step` is what the lane shows, if that can be seen."""
        actor = self.actor
        if actor is None:
            return None
        actor.expire(now_ns, step)
        if not actor.gone:
            return None
        self._bring_next(now_ns)
        return Left(actor.traveller, now_ns)

    def _bring_next(self, now_ns: int) -> None:
        self.actor = None
        if self._next >= len(self._travellers):
            if not self._endless or not self._travellers:
                return
            self._next = 0
            self._start_ns = now_ns
        traveller = self._travellers[self._next]
        self._next += 1
        at_ns = now_ns
        if traveller.at_s is not None:
            at_ns = max(now_ns, self._start_ns + traveller.at_s * SECOND)
        rng = stream(self._seed, "traveller", traveller.name)
        self.actor = TravellerActor(traveller, self._passport(traveller), self._stage, rng, at_ns)
