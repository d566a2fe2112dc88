"""A traveller at a lane with two doors.

    Waiting for the lane -> passport on the reader before the entry -> in by the entry
        -> before the camera, between shut doors -> out by the exit -> gone
        or, turned away: -> back by the entry -> gone

Like `sim.people.traveller`, they know what people know: what the display shows, and which door is
open. Between two shut doors there is nothing to do but wait.
"""

from __future__ import annotations

import random

from gate_agent.lane_api.api import Step
from sim.people.cast import Passport
from sim.people.mantrap_stage import MantrapStage
from sim.people.traveller import (
    FETCH_NS,
    LOOK_NS,
    OVER,
    PATIENCE_NS,
    PLACE_AGAIN_NS,
    READ,
    STAYS_MS,
    Person,
    Phase,
)
from sim.scenario.traveller import Traveller
from sim.wires.kernel import MS

TAKES = (Step.QUEUED, Step.ENTERING, *READ)
"""Once the lane shows one of these the document has been read."""
BACK = (Step.GOING_BACK, *OVER)
"""The lane lets no one through any more."""
BETWEEN = (
    Phase.ENTERING,
    Phase.IN_ENTRY,
    Phase.INSIDE,
    Phase.GOING_BACK,
    Phase.PASSING,
    Phase.IN_EXIT,
)
"""In a doorway, or between the doors."""
CLEAR_OF_DOOR_NS = 300 * MS
WALK_ON_NS = 1_000 * MS
CHANGES_MIND_NS = 200 * MS
"""Who turns back does it so long after the doorway, in the closing door."""


class MantrapTraveller(Person):
    """One traveller at a lane with two doors.

    Args:
        stage: the lane they meet.
        traveller, passport, rng, at_ns: as for `sim.people.traveller.Person`.
    """

    def __init__(
        self,
        traveller: Traveller,
        passport: Passport,
        stage: MantrapStage,
        rng: random.Random,
        at_ns: int,
    ) -> None:
        super().__init__(traveller, passport, stage, rng, at_ns)
        self._stage = stage
        self._shut_in = False
        self._out = False

    def expire(self, now_ns: int, step: Step | None) -> None:
        """The time `due_ns` has come; `step` is what the lane's display shows, if any."""
        if self._follower_ns is not None and now_ns >= self._follower_ns:
            self._follow(now_ns)
        if self.phase in BETWEEN:
            self._between(now_ns, step)
        else:
            self._before(now_ns, step)

    def _before(self, now_ns: int, step: Step | None) -> None:
        match self.phase:
            case Phase.OUTSIDE:
                self._outside(now_ns, step)
            case Phase.WALKING_IN:
                self._present(now_ns)
            case Phase.READING:
                self._reading(now_ns)
            case Phase.WAITING:
                self._waiting(now_ns, step)
            case Phase.TURNING_AWAY:
                self._walk_off(now_ns)
            case Phase.FETCHING:
                self._stage.leave_thing(now_ns, there=False)
                self._vanish()
            case _:
                self.due_ns = None

    def _between(self, now_ns: int, step: Step | None) -> None:
        match self.phase:
            case Phase.ENTERING:
                self._enter(now_ns)
            case Phase.IN_ENTRY:
                self._leave_entry(now_ns)
            case Phase.INSIDE:
                self._inside(now_ns, step)
            case Phase.GOING_BACK:
                self._go_back(now_ns)
            case Phase.PASSING:
                self._pass(now_ns)
            case _:
                self._leave_exit(now_ns)

    # --- before the entry ---------------------------------------------------------------

    def _outside(self, now_ns: int, step: Step | None) -> None:
        if step not in (None, Step.WAITING) or not self._stage.empty:
            self.due_ns = now_ns + LOOK_NS
            return
        self.phase = Phase.WALKING_IN
        self.served_ns = now_ns
        self.due_ns = now_ns + self.traveller.walk_in_ms * MS * self._slow

    def _present(self, now_ns: int) -> None:
        behaviour = self.traveller.behaviour
        self._persons = 2 if behaviour == "child" else 1
        self._stage.walk_up(self._persons, now_ns)
        self._place(now_ns)
        self.phase = Phase.READING
        self._deadline_ns = now_ns + PATIENCE_NS
        early = behaviour in ("walks_away", "pulls_passport_away")
        self.due_ns = now_ns + (self.traveller.leaves_after_ms * MS if early else LOOK_NS)

    def _reading(self, now_ns: int) -> None:
        if self.traveller.behaviour == "walks_away":
            self._walk_off(now_ns)
            return
        if self.traveller.behaviour == "pulls_passport_away":
            self._take(now_ns)
            self._served = True
        self.phase = Phase.WAITING
        self.due_ns = now_ns + LOOK_NS

    def _waiting(self, now_ns: int, step: Step | None) -> None:
        if step in TAKES:
            self._served = True
            self._take(now_ns)
        if self._stage.lets("entry") and step in (None, Step.ENTERING):
            self._take(now_ns)
            self._stage.stand_in("entry", now_ns, there=True)
            self.phase = Phase.ENTERING
            self.due_ns = now_ns + self._human(400, 800)
            return
        over = self._served and step in OVER
        if over or now_ns >= self._deadline_ns or self._tired_of_closed(now_ns, step):
            self._turn(now_ns)
            return
        if step is Step.WAITING and now_ns >= self._placed_ns + PLACE_AGAIN_NS:
            self._take(now_ns)
            self._place(now_ns)
        self.due_ns = now_ns + LOOK_NS

    def _walk_off(self, now_ns: int) -> None:
        self._take(now_ns)
        self._stage.walk_off(self._persons, now_ns)
        self._vanish()

    # --- between the doors --------------------------------------------------------------

    def _enter(self, now_ns: int) -> None:
        document = self.traveller.document
        self._stage.step_in(self._persons, now_ns)
        self._stage.appear(self.traveller.face, document.portrait, 0, now_ns)
        self.phase = Phase.IN_ENTRY
        self.due_ns = now_ns + CLEAR_OF_DOOR_NS * self._slow
        if self.traveller.behaviour == "tailgated":
            self._follower_ns = self.due_ns

    def _follow(self, now_ns: int) -> None:
        """A person slips in before the entry is shut."""
        self._follower_ns = None
        self._stage.walk_up(1, now_ns)
        self._stage.step_in(1, now_ns)
        self._persons += 1

    def _leave_entry(self, now_ns: int) -> None:
        self._stage.stand_in("entry", now_ns, there=False)
        self.phase = Phase.INSIDE
        turns = self.traveller.behaviour == "turns_back"
        self.due_ns = now_ns + (CHANGES_MIND_NS if turns else LOOK_NS)

    def _inside(self, now_ns: int, step: Step | None) -> None:
        if self.traveller.behaviour == "turns_back" and not self._shut_in:
            self._start_back(now_ns)
            return
        entry = self._stage.lets("entry")
        self._shut_in = self._shut_in or not entry
        if self._stage.lets("exit"):
            self._stage.stand_in("exit", now_ns, there=True)
            self.phase = Phase.PASSING
            stays_ms = STAYS_MS.get(self.traveller.behaviour, 0)
            self.due_ns = now_ns + self._human(500, 1_100) + stays_ms * MS
            return
        if entry and (self._shut_in or step in BACK):
            self._start_back(now_ns)
            return
        self.due_ns = now_ns + LOOK_NS

    def _start_back(self, now_ns: int) -> None:
        self._stage.stand_in("entry", now_ns, there=True)
        self.phase = Phase.GOING_BACK
        self.due_ns = now_ns + self._human(500, 900)

    def _go_back(self, now_ns: int) -> None:
        if not self._out:
            self._out = True
            self._stage.step_back(self._persons, now_ns)
            self._stage.disappear()
            self.due_ns = now_ns + CLEAR_OF_DOOR_NS * self._slow
            return
        self._stage.stand_in("entry", now_ns, there=False)
        self._turn(now_ns)

    # --- out by the exit ----------------------------------------------------------------

    def _pass(self, now_ns: int) -> None:
        self._stage.step_out(self._persons, now_ns)
        self._stage.disappear()
        if self.traveller.behaviour == "leaves_bag":
            self._stage.leave_thing(now_ns, there=True)
        self.phase = Phase.IN_EXIT
        self.due_ns = now_ns + CLEAR_OF_DOOR_NS * self._slow

    def _leave_exit(self, now_ns: int) -> None:
        if not self._out:
            self._out = True
            self._stage.stand_in("exit", now_ns, there=False)
            self.due_ns = now_ns + WALK_ON_NS
            return
        self._stage.walk_on(self._persons, now_ns)
        if self.traveller.behaviour == "leaves_bag":
            self.phase = Phase.FETCHING
            self.due_ns = now_ns + FETCH_NS
            return
        self._vanish()
