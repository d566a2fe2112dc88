"""The travellers of one lane, one after the other, and the queue they come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gate_agent.lane_api.api import Step
from sim.people.cast import Passport
from sim.people.mantrap_stage import MantrapStage
from sim.people.mantrap_traveller import MantrapTraveller
from sim.people.stage import Stage
from sim.people.traveller import LOOK_NS, Person, Phase, TravellerActor
from sim.scenario.scenario import stream
from sim.scenario.traveller import Traveller
from sim.wires.kernel import SECOND


class Departure(NamedTuple):
    """A traveller has left the lane, by whatever way."""

    traveller: Traveller
    at_ns: int


class Queue:
    """People who go to whichever lane is free, in the order in which they come.

    Args:
        travellers: each with their time, in that order.
        start_ns: when the scenario begins.
    """

    def __init__(self, travellers: Iterable[Traveller], start_ns: int) -> None:
        self._waiting = deque(travellers)
        self._start_ns = start_ns

    @property
    def next_ns(self) -> int | None:
        """When the first one in it came, or will; None when no one is left."""
        if not self._waiting:
            return None
        return self._start_ns + (self._waiting[0].at_s or 0) * SECOND

    def take(self) -> Traveller:
        """The first one goes to a lane."""
        return self._waiting.popleft()


class Play:
    """Brings the travellers of a lane to its stage, in order, when their time has come.

    Args:
        travellers: the lane's cast.
        passport: issues a traveller's passport; asked once each, when they come.
        stage: the lane they meet.
        seed: of the scenario; each traveller draws from a stream of their own.
        start_ns: when the scenario begins.
        endless: begin again after the last one.
        queue: others, for whom this lane is one of several.
    """

    def __init__(
        self,
        travellers: tuple[Traveller, ...],
        passport: Callable[[Traveller], Passport],
        stage: Stage | MantrapStage,
        seed: int,
        start_ns: int,
        *,
        endless: bool = False,
        queue: Queue | None = None,
    ) -> None:
        self._travellers = travellers
        self._passport = passport
        self._stage = stage
        self._seed = seed
        self._start_ns = start_ns
        self._endless = endless
        self._queue = queue or Queue((), start_ns)
        self._next = 0
        self._look_ns = start_ns
        self.actor: Person | None = None
        self._bring_next(start_ns, None)

    @property
    def over(self) -> bool:
        """Whether everyone has left."""
        return self.actor is None and self._queue.next_ns is None

    @property
    def present(self) -> Traveller | None:
        """Who is at the lane now."""
        actor = self.actor
        here = actor is not None and actor.phase is not Phase.OUTSIDE
        return actor.traveller if actor is not None and here else None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when it is over."""
        if self.actor is not None:
            return self.actor.due_ns
        queued_ns = self._queue.next_ns
        return None if queued_ns is None else max(queued_ns, self._look_ns)

    def expire(self, now_ns: int, step: Step | None) -> Departure | None:
        """The time has come; `step` is what the lane shows, if that can be seen."""
        actor = self.actor
        if actor is None:
            self._bring_next(now_ns, step)
            return None
        if actor.due_ns is not None and now_ns < actor.due_ns:
            return None
        actor.expire(now_ns, step)
        if not actor.gone:
            return None
        self._bring_next(now_ns, step)
        return Departure(actor.traveller, now_ns)

    def _bring_next(self, now_ns: int, step: Step | None) -> None:
        self.actor = None
        if self._next >= len(self._travellers) and self._endless and self._travellers:
            self._next = 0
            self._start_ns = now_ns
        own_ns = self._own_ns(now_ns)
        queued_ns = self._queue.next_ns
        if queued_ns is not None and (own_ns is None or queued_ns < own_ns):
            self._look_ns = now_ns + LOOK_NS  # no one leaves the queue for a lane that is not free
            if queued_ns <= now_ns and step in (None, Step.WAITING) and self._stage.empty:
                self._bring(self._queue.take(), queued_ns)
        elif own_ns is not None:
            traveller = self._travellers[self._next]
            self._next += 1
            self._bring(traveller, own_ns)

    def _own_ns(self, now_ns: int) -> int | None:
        if self._next >= len(self._travellers):
            return None
        at_s = self._travellers[self._next].at_s
        return now_ns if at_s is None else max(now_ns, self._start_ns + at_s * SECOND)

    def _bring(self, traveller: Traveller, at_ns: int) -> None:
        rng = stream(self._seed, "traveller", traveller.name)
        passport = self._passport(traveller)
        if isinstance(self._stage, MantrapStage):
            self.actor = MantrapTraveller(traveller, passport, self._stage, rng, at_ns)
        else:
            self.actor = TravellerActor(traveller, passport, self._stage, rng, at_ns)
