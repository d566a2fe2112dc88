"""What a run keeps of one lane: its trace, what the witness saw, how each crossing ended."""

from __future__ import annotations

from collections import deque

from drivers.types import ReadDocument
from firmware_cfg.profile import Profile
from gate_agent.core.facts import FinishFacts
from gate_agent.core.messages import Append, Command
from gate_agent.lane_api.api import Step
from gate_agent.loop import Loop, Turn
from gate_agent.records.recorder import Recorder, TraceHash
from sim.lane.compose import Finish, World
from sim.lane.journal import finish_of
from sim.lane.witness import Witness
from sim.people.traveller import Person
from sync.log.types import RecordKind

MAX_KEPT = 20_000


class LaneHistory:
    """Follows one lane through every power cut.

    Attributes:
        witness: sees each turn, and writes the timeline.
        finishes: the newest crossings that ended.
    """

    def __init__(self, world: World, lane: int, profile: Profile) -> None:
        self.witness = Witness(lane, profile, world.timeline, world.start_ns)
        self.finishes: deque[Finish] = deque(maxlen=MAX_KEPT)
        self._world = world
        self._lane = lane
        self._persons: dict[int, Person] = {}
        self._hash = TraceHash()
        self._recorder: Recorder | None = None

    @property
    def trace_sha256(self) -> str:
        """Hash over every instant, event and command of this lane so far."""
        return self._hash.trace_sha256

    def open(self, loop: Loop) -> None:
        """The lane's computer starts: record its inbox, if this run is traced."""
        if self._world.traced:
            self._recorder = Recorder(self._world.folder / "traces" / f"lane{self._lane}", loop)

    def close(self) -> None:
        """The lane's computer has no power, or the run is over."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def turned(self, done: Turn, step: Step) -> None:
        """The core has taken a turn; `step` is what the lane shows after it."""
        self._hash.add(done)
        if self._recorder is not None:
            self._recorder(done)
        self.witness.watch(done, step)

    def commanded(self, command: Command, person: Person | None) -> None:
        """The core gave a command while this person was at the lane: whose crossing it is."""
        if person is None:
            return
        if isinstance(command, ReadDocument):
            self._persons[command.ticket] = person
        elif isinstance(command, Append) and command.kind is RecordKind.DECISION:
            self._persons.setdefault(command.ticket, person)

    def finished(self, ticket: int, facts: FinishFacts, now_ns: int) -> None:
        """A FINISH record is durable."""
        finish = finish_of(ticket, facts, self._persons.pop(ticket, None), now_ns)
        self.finishes.append(finish)
        self.witness.finished(finish, now_ns)
        self._world.ended(self._lane, finish)
