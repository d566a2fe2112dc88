"""A traveller: sees what the lane shows, and acts on it after a human time.

Time goes in, actions come out, on a `Stage`. A traveller knows no more than people do: the
step that the lane's display shows, the green lamp, and whether they are through. Where no
display is connected, the lamp alone leads, and patience ends the wait.

    Waiting for the lane -> walking in -> passport on the reader -> waiting to be let through
        -> walking through -> gone            or, turned away: -> gone
"""

from __future__ import annotations

import random
from enum import Enum
from typing import Any

from gate_agent.lane_api.api import Step
from sim.people.cast import Passport
from sim.people.stage import Counter, Stage
from sim.scenario.traveller import Traveller
from sim.wires.kernel import MS, SECOND

LOOK_NS = 101 * MS
"""Not a divisor of what machines take: no one looks at the very instant of a change."""
PATIENCE_NS = 150 * SECOND
PLACE_AGAIN_NS = 8 * SECOND
GIVE_UP_NS = 6 * SECOND
"""A lane that shows itself closed is left after so long."""
SLOWNESS = {"slow": 3, "wheelchair": 2}
STAYS_MS = {"wheelchair": 1_500, "holds_door": 15_000}
"""How much longer than others they are on their way through."""
FETCH_NS = 20 * SECOND
"""A thing left behind is fetched after so long."""
OVER = (Step.LEAVING, Step.WAITING, Step.CLOSED)
READ = (Step.VERIFYING, Step.DECIDING, Step.CROSSING, Step.REFERRED, Step.LEAVING)


class Phase(Enum):
    """Where a traveller is."""

    OUTSIDE = "outside"
    WALKING_IN = "walking_in"
    READING = "reading"
    WAITING = "waiting"
    PASSING = "passing"
    FETCHING = "fetching"
    TURNING_AWAY = "turning_away"
    GONE = "gone"
    ENTERING = "entering"  # two doors: these are of `sim.people.mantrap_traveller`
    IN_ENTRY = "in_entry"
    INSIDE = "inside"
    GOING_BACK = "going_back"
    IN_EXIT = "in_exit"


class Person:
    """What a traveller is at any lane: a passport in the hand or on the reader, and patience.

    Args:
        traveller: who they are and how they behave.
        passport: what they carry.
        counter: the readers they meet.
        rng: their own stream of chance, for human times.
        at_ns: not before this time.
    """

    def __init__(
        self,
        traveller: Traveller,
        passport: Passport,
        counter: Counter[Any],
        rng: random.Random,
        at_ns: int,
    ) -> None:
        self.traveller = traveller
        self.phase = Phase.OUTSIDE
        self.due_ns: int | None = at_ns
        self._passport = passport
        self._counter = counter
        self.rng = rng
        self._slow = SLOWNESS.get(traveller.behaviour, 1)
        self.came_ns = at_ns
        self.served_ns: int | None = None
        """When the lane was free for them."""
        self._misplaced = traveller.behaviour == "badly_placed"
        self._holding = True
        self._persons = 0
        self._deadline_ns = 0
        self._placed_ns = 0
        self._served = False
        self._follower_ns: int | None = None
        self._closed_ns: int | None = None

    @property
    def gone(self) -> bool:
        """Whether the traveller has left the lane."""
        return self.phase is Phase.GONE

    def expire(self, now_ns: int, step: Step | None) -> None:
        """The time `due_ns` has come; `step` is what the lane's display shows, if any."""
        raise NotImplementedError

    def _human(self, low_ms: int, high_ms: int) -> int:
        return self.rng.randrange(low_ms, high_ms) * MS * self._slow

    def _tired_of_closed(self, now_ns: int, step: Step | None) -> bool:
        """Whether the lane has shown itself closed for longer than people wait."""
        if step is not Step.CLOSED:
            self._closed_ns = None
        elif self._closed_ns is None:
            self._closed_ns = now_ns
        return self._closed_ns is not None and now_ns - self._closed_ns >= GIVE_UP_NS

    def _turn(self, now_ns: int) -> None:
        self.phase = Phase.TURNING_AWAY
        self.due_ns = now_ns + self._human(600, 1_400)

    def _vanish(self) -> None:
        self._counter.disappear()
        self.phase = Phase.GONE
        self.due_ns = None

    def _place(self, now_ns: int) -> None:
        if self._misplaced:
            self._misplaced = False
            self._counter.place_badly(now_ns)
        else:
            self._counter.place(self._passport, now_ns)
        self._holding = False
        self._placed_ns = now_ns

    def _take(self, now_ns: int) -> None:
        if not self._holding:
            self._holding = True
            self._counter.take(now_ns)


class TravellerActor(Person):
    """One traveller at a lane with a barrier.

    Args:
        stage: the lane they meet.
        traveller, passport, rng, at_ns: as for `Person`.
    """

    def __init__(
        self,
        traveller: Traveller,
        passport: Passport,
        stage: Stage,
        rng: random.Random,
        at_ns: int,
    ) -> None:
        super().__init__(traveller, passport, stage, rng, at_ns)
        self._stage = stage

    def expire(self, now_ns: int, step: Step | None) -> None:
        """The time `due_ns` has come; `step` is what the lane's display shows, if any."""
        if self._follower_ns is not None and now_ns >= self._follower_ns:
            self._follower_ns = None
            self._persons += 1
            self._stage.step_in(1, now_ns)
        match self.phase:
            case Phase.OUTSIDE:
                self._outside(now_ns, step)
            case Phase.WALKING_IN:
                self._present(now_ns)
            case Phase.READING:
                self._reading(now_ns, step)
            case Phase.WAITING:
                self._waiting(now_ns, step)
            case Phase.PASSING:
                self._passing(now_ns)
            case Phase.TURNING_AWAY:
                self._leave(now_ns)
            case Phase.FETCHING:
                self._stage.leave_thing(now_ns, there=False)
                self._vanish()
            case Phase.GONE:
                self.due_ns = None

    def _outside(self, now_ns: int, step: Step | None) -> None:
        if step not in (None, Step.WAITING) or not self._stage.empty:
            self.due_ns = now_ns + LOOK_NS
            return
        walk_ns = self.traveller.walk_in_ms * MS * self._slow
        document = self.traveller.document
        self._stage.appear(self.traveller.face, document.portrait, walk_ns, now_ns)
        self.phase = Phase.WALKING_IN
        self.served_ns = now_ns
        self.due_ns = now_ns + walk_ns

    def _present(self, now_ns: int) -> None:
        self._persons = 2 if self.traveller.behaviour == "child" else 1
        self._stage.step_in(self._persons, now_ns)
        self._place(now_ns)
        self.phase = Phase.READING
        self._deadline_ns = now_ns + PATIENCE_NS
        if self.traveller.behaviour == "tailgated":
            self._follower_ns = now_ns + self._human(450, 700)
        if self.traveller.behaviour in ("walks_away", "pulls_passport_away"):
            self.due_ns = now_ns + self.traveller.leaves_after_ms * MS
        else:
            self.due_ns = now_ns + LOOK_NS

    def _reading(self, now_ns: int, step: Step | None) -> None:
        if self.traveller.behaviour == "walks_away":
            self._leave(now_ns)
            return
        if self.traveller.behaviour == "pulls_passport_away":
            self._take(now_ns)
        self._served = self._served or step in READ
        self.phase = Phase.WAITING
        self.due_ns = now_ns + LOOK_NS

    def _waiting(self, now_ns: int, step: Step | None) -> None:
        if self._tired_of_closed(now_ns, step) and not self._stage.released:
            self._turn(now_ns)
            return
        if step in READ:
            self._served = True
            self._take(now_ns)
        if self._stage.released and step in (None, Step.CROSSING):
            self._take(now_ns)
            if self.traveller.behaviour == "turns_back":
                self._turn(now_ns)
                return
            self.phase = Phase.PASSING
            self.due_ns = now_ns + self._human(500, 1_100)
            return
        if (self._served and step in OVER) or now_ns >= self._deadline_ns:
            self._turn(now_ns)
            return
        if step is Step.WAITING and now_ns >= self._placed_ns + PLACE_AGAIN_NS:
            self._take(now_ns)
            self._place(now_ns)
        self.due_ns = now_ns + LOOK_NS

    def _passing(self, now_ns: int) -> None:
        if self._stage.turnstile.passing or self._stage.empty:
            if self._stage.empty:
                self._through(now_ns)
                return
        elif not self._walk(now_ns) and now_ns >= self._deadline_ns:
            self._turn(now_ns)
            return
        self.due_ns = now_ns + LOOK_NS

    def _walk(self, now_ns: int) -> bool:
        stays_ms = STAYS_MS.get(self.traveller.behaviour, 0)
        return self._stage.walk_through(self._persons, now_ns, stays_ms)

    def _through(self, now_ns: int) -> None:
        if self.traveller.behaviour != "leaves_bag":
            self._vanish()
            return
        self._stage.leave_thing(now_ns, there=True)
        self._stage.disappear()
        self.phase = Phase.FETCHING
        self.due_ns = now_ns + FETCH_NS

    def _leave(self, now_ns: int) -> None:
        self._take(now_ns)
        if self._persons:
            self._stage.step_back(self._persons, now_ns)
        self._vanish()
