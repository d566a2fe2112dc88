"""The loop: events in, commands out, through the core and its last guard.

`turn` is one pure step of the whole lane. `Loop` keeps what lies between two turns, and
`run` feeds it from an inbox until it is to stop; a simulator calls `Loop.turn`
itself. `Mailbox` is the inbox's policy without a clock or a lock: what is kept, what is
merged, what has a reserved place, and when a deadline goes before the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from biometrics.types import LivenessState, Observed
from drivers.types import ACTIONS, Actuation, DeviceFailed, DeviceId, PlantChanged, action_of
from firmware_cfg.codes import Code
from firmware_cfg.profile import Profile
from gate_agent.core.gate import step
from gate_agent.core.ledger import Ledger, on_command, on_event
from gate_agent.core.messages import (
    ACTUATIONS,
    NEWEST_WINS,
    SAFETY_EVENTS,
    Command,
    Event,
    Mode,
    PermitRefused,
    Tick,
)
from gate_agent.core.permit import Clause, permit
from gate_agent.core.states import State, due_ns
from gate_agent.core.topology import Topology

CAPACITY = 256
RESERVED = 64

Guard = Callable[[Actuation, Ledger, Mode, Profile, int], Clause | None]
Submit = Callable[[Command, int], None]


class InboxFull(Exception):
    """Even the reserved places are taken: the loop does not follow. The process must end."""


class Inbox(Protocol):
    """The only place where time passes."""

    def put(self, event: Event) -> None:
        """Hand in an event; it is stamped here."""

    def get(self, due_ns: int | None) -> tuple[int, Event]:
        """Wait for the next event; a `Tick` once `due_ns` has come before any event."""


class Mailbox:
    """A bounded queue of stamped events; the caller brings the clock and the lock.

    Of `CAPACITY` places `RESERVED` are for safety events alone. Where only the newest
    event matters, it takes the place of the one before, unless that would hide something:
    a plant reading that differs in more than its age, or a frame that showed an attack,
    is never replaced. A refused event makes the inbox itself report a fault, once, until
    there is room again.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Event]] = deque()
        self._overflow = False
        self._last_ns = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, event: Event, at_ns: int) -> bool:
        """Take an event stamped `at_ns`; False when there was no place for it.

        Raises:
            InboxFull: a safety event found no place.
        """
        if isinstance(event, NEWEST_WINS):
            self._drop_outdated(event)
        room = CAPACITY if isinstance(event, SAFETY_EVENTS) else CAPACITY - RESERVED
        if len(self._queue) < room:
            self._queue.append((at_ns, event))
            return True
        if isinstance(event, SAFETY_EVENTS):
            raise InboxFull(f"{CAPACITY} events wait")
        if not self._overflow:
            self._overflow = True
            fault = DeviceFailed(
                device=DeviceId.INBOX,
                code=Code.INBOX_FULL,
                retryable=True,
                diagnosis="the inbox is full, an event was dropped",
            )
            self.put(fault, at_ns)
        return False

    def _drop_outdated(self, event: Event) -> None:
        for index in range(len(self._queue) - 1, -1, -1):
            waiting = self._queue[index][1]
            if type(waiting) is type(event):
                if _outdated(waiting, event):
                    del self._queue[index]
                return

    def take(self, now_ns: int, due_ns: int | None) -> tuple[int, Event] | None:
        """The head if it came no later than `due_ns`, else the due `Tick`, else None.

        Instants never run backwards: a deadline that is already past ticks at the time of
        the event before.
        """
        head = self._queue[0] if self._queue else None
        if head is not None and (due_ns is None or head[0] <= due_ns):
            self._queue.popleft()
            self._overflow = self._overflow and len(self._queue) >= CAPACITY - RESERVED
            at_ns, event = head
        elif due_ns is not None and (now_ns >= due_ns or head is not None):
            at_ns, event = due_ns, Tick()
        else:
            return None
        self._last_ns = max(self._last_ns, at_ns)
        return self._last_ns, event


def _outdated(old: Event, new: Event) -> bool:
    if isinstance(old, PlantChanged) and isinstance(new, PlantChanged):
        age = new.plant.read_at_ns
        return msgspec.structs.replace(old.plant, read_at_ns=age) == new.plant
    if isinstance(old, Observed) and isinstance(new, Observed):
        attack = old.observation.liveness.state is LivenessState.ATTACK
        return old.ticket == new.ticket and not attack
    return getattr(old, "ticket", 0) == getattr(new, "ticket", 0)


class Pulse(NamedTuple):
    """What shows whether the loop keeps up: see `healthy`.

    `due_ns`: when the lane wanted to be woken next; `waiting`: events in the inbox; `turned`:
    whether a turn was completed since the watchdog was last fed.
    """

    due_ns: int | None
    waiting: int
    turned: bool


def healthy(pulse: Pulse, now_ns: int, *, limit_ms: int) -> bool:
    """Whether the watchdog may be fed: turns are made, none is overdue, the inbox has room.

    A pure function, so that what feeds the watchdog can be tested without one. A lane whose
    plant is read has a turn at every heartbeat; a loop that only idles is not fed.

    Args:
        pulse: taken after a turn was recorded and its commands were handed on.
        now_ns: on the lane's monotonic clock.
        limit_ms: how far a deadline may be overdue; the profile's `plant_stale_ms`.
    """
    overdue = pulse.due_ns is not None and now_ns - pulse.due_ns > limit_ms * 1_000_000
    return pulse.turned and not overdue and pulse.waiting < CAPACITY - RESERVED


class Turn(NamedTuple):
    """One event taken: the lane before and after, the guard after, and what goes out."""

    at_ns: int
    event: Event
    before: State
    after: State
    ledger: Ledger
    commands: tuple[Command, ...]


def turn(
    state: State,
    ledger: Ledger,
    event: Event,
    now_ns: int,
    profile: Profile,
    topology: Topology | None = None,
    guard: Guard = permit,
) -> tuple[State, Ledger, tuple[Command, ...]]:
    """Take one event through the core, and every actuation through the guard.

    A refused command does not go out; the refusal goes back into the core at once.
    """
    ledger = on_event(ledger, event, now_ns, profile)
    state, proposed = step(state, event, now_ns, profile, topology)
    if not proposed:
        return state, ledger, ()
    out: list[Command] = []
    waiting = list(proposed)
    for command in waiting:  # grows where a refusal makes the core command something else
        # One look into a dictionary answers what `isinstance` would ask five classes for.
        if type(command) in ACTIONS and isinstance(command, ACTUATIONS):
            clause = guard(command, ledger, state.mode, profile, now_ns)
            if clause is not None:
                refused = PermitRefused(
                    ticket=command.ticket, action=action_of(command), clause=clause.value
                )
                state, more = step(state, refused, now_ns, profile, topology)
                waiting.extend(more)
                continue
        ledger = on_command(ledger, command, now_ns, profile)
        out.append(command)
    return state, ledger, tuple(out)


class Loop:
    """A lane's core between two events."""

    def __init__(
        self,
        state: State,
        profile: Profile,
        *,
        ledger: Ledger | None = None,
        topology: Topology | None = None,
        guard: Guard = permit,
    ) -> None:
        self.state = state
        self.profile = profile
        self.ledger = ledger if ledger is not None else Ledger()
        self._topology = topology
        self._guard = guard

    @property
    def due_ns(self) -> int | None:
        """When the lane wants to be woken next."""
        return due_ns(self.state)

    def turn(self, at_ns: int, event: Event) -> Turn:
        """Take one event; the caller carries out `commands`, in order."""
        before = self.state
        self.state, self.ledger, commands = turn(
            before, self.ledger, event, at_ns, self.profile, self._topology, self._guard
        )
        return Turn(at_ns, event, before, self.state, self.ledger, commands)


def run(
    loop: Loop,
    inbox: Inbox,
    submit: Submit,
    recorded: Callable[[Turn], None],
    stop: Callable[[], bool],
    turned: Callable[[Turn], None] | None = None,
) -> None:
    """Turn until `stop` says so. Each turn is recorded before its commands go out.

    Args:
        loop: the lane.
        inbox: where events come from.
        submit: carries out one command; must not block.
        recorded: called once a turn (trace).
        stop: asked between two turns.
        turned: called once a turn's commands are on their way (view, watchdog): nothing that
            moves waits for it.
    """
    while not stop():
        at_ns, event = inbox.get(loop.due_ns)
        done = loop.turn(at_ns, event)
        recorded(done)
        for command in done.commands:
            submit(command, at_ns)
        if turned is not None:
            turned(done)
