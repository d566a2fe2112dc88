"""Breadth-first search over controller x environment: every state once, shortest paths.

The controller is the real one: `loop.turn` with core and guard, watched by the invariants.
Time is abstract: every turn happens at one instant, and "the deadline passes" is an event of
its own, which pulls one deadline to now and ticks. Nodes that behave alike are visited once:
`gate_agent.safety.quotient` says which they are, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from drivers.types import DeviceReady, Plant, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core.invariants import watch
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import Event, OfficerPresent, Tick
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.permit import permit
from gate_agent.core.states import REQUIRED_DEVICES, Idle, initial
from gate_agent.core.topology import Topology
from gate_agent.loop import Guard, turn
from gate_agent.safety.environment import Environment, describe
from gate_agent.safety.quotient import TRIES, as_seen, key, plain
from gate_agent.safety.scene import ENOUGH_NS, MS, T0, Node, at_rest, replace

LIMIT = 2_000_000
"""States after which a search ends, and says that it did not close."""
USED_UP = 1_000_000
"""More attempts to shut a door than any profile allows."""


class Found(NamedTuple):
    """What a search saw.

    `broken`: invariant -> the shortest way to break it; `closed`: everything was visited.
    """

    states: int
    edges: int
    depth: int
    broken: dict[str, list[str]]
    steps: frozenset[str]
    closed: bool = False
    nodes: tuple[Node, ...] = ()


def advance(
    node: Node,
    event: Event,
    profile: Profile,
    topology: Topology | None = None,
    guard: Guard = permit,
) -> tuple[Node, tuple[str, ...]]:
    """One turn of the whole, and the invariants that it broke."""
    before, ledger, history = node
    state, ledger, commands = turn(before, ledger, event, T0, profile, topology, guard)
    history, broken = watch(history, before, event, state, commands, T0, profile)
    return Node(state, ledger, history), broken


def served_lane(profile: Profile, topology: Topology | None = None, guard: Guard = permit) -> Node:
    """A lane in AUTO, at rest."""
    node = Node(initial(profile), Ledger(), ObservedHistory())
    events: list[Event] = [DeviceReady(device=device) for device in REQUIRED_DEVICES]
    events.append(OfficerPresent(officer="o", until_ns=ENOUGH_NS))
    events.append(PlantChanged(plant=at_rest(profile)))
    for event in events:
        node, _ = advance(node, event, profile, topology, guard)
    return plain(node, profile)


def search(
    environment: Environment,
    *,
    topology: Topology | None = None,
    guard: Guard = permit,
    start: Node | None = None,
    stop: bool = False,
    stop_at: str | None = None,
    deepest: int = 1_000,
    most: int = LIMIT,
    keep: bool = False,
) -> Found:
    """Visit everything that can be reached.

    Args:
        environment: what may happen, and under which profile.
        topology: other transitions than the profile's own, for tests.
        guard: the last guard, likewise.
        start: where to begin; a lane in service without it.
        stop: end at the first broken invariant.
        stop_at: end as soon as this invariant is broken.
        deepest: do not go deeper than this.
        most: end after so many states; `Found.closed` says whether that was the end.
        keep: hand back every node.
    """
    profile = environment.profile
    first = start if start is not None else served_lane(profile, topology, guard)
    visited = _Visited(first, profile)
    level, nodes = [first], [first]
    depth = edges = 0
    broken: dict[str, list[str]] = {}
    while level and depth < deepest and len(visited.seen) < most:
        following: list[Node] = []
        for node in level:
            here = digest(node)
            for why, source, event in moves(node, environment):
                edges += 1
                after, names = advance(source, event, profile, topology, guard)
                for invariant in names:
                    if invariant not in broken:
                        broken[invariant] = [*visited.path(here), why or describe(event)]
                if names and (stop or stop_at in names):
                    return visited.found(edges, depth, broken)
                fresh = visited.take(node, after, here, why or event)
                if fresh is not None:
                    following.append(fresh)
        level = following
        depth += bool(level)
        if keep:
            nodes += following
    return visited.found(edges, depth, broken, tuple(nodes), closed=not level)


def digest(node: Node) -> bytes:
    """What a node is remembered by: 128 bits, so that a million nodes need little memory.

    Of a million nodes two share a digest with a probability below 1e-26.
    """
    return blake2b(key(node), digest_size=16).digest()


class _Visited:
    """The nodes that were met, and how each was reached first."""

    def __init__(self, first: Node, profile: Profile) -> None:
        self.seen = {digest(first)}
        self._profile = profile
        self._met: set[bytes] = set()
        self._came: dict[bytes, tuple[bytes, str | Event]] = {}
        self._steps = {type(first.state.crossing).__name__}

    def take(self, before: Node, after: Node, here: bytes, why: str | Event) -> Node | None:
        """The renamed node if it is new. Most turns lead to what was just there: see first."""
        if after[0] is before[0] and after[1] is before[1] and after[2] is before[2]:
            return None
        raw = digest(after)
        if raw in self._met:
            return None
        self._met.add(raw)
        after = plain(after, self._profile)
        there = digest(after)
        if there in self.seen:
            return None
        self.seen.add(there)
        self._came[there] = (here, why)
        self._steps.add(type(after.state.crossing).__name__)
        self._steps.add(type(after.state.approach).__name__)
        return after

    def path(self, here: bytes) -> list[str]:
        """What led to a node."""
        path: list[str] = []
        while here in self._came:
            here, why = self._came[here]
            path.append(why if isinstance(why, str) else describe(why))
        return path[::-1]

    def found(
        self,
        edges: int,
        depth: int,
        broken: dict[str, list[str]],
        nodes: tuple[Node, ...] = (),
        *,
        closed: bool = False,
    ) -> Found:
        """What was seen so far."""
        steps = frozenset(self._steps)
        return Found(len(self.seen), edges, depth, broken, steps, closed, nodes)


def moves(node: Node, environment: Environment) -> Iterator[tuple[str, Node, Event]]:
    """What may happen to a node: what it is called, "" where the event says it, and the event.

    The node beside it is the one to which it happens: the same, or a deadline of it is now.
    No one is ever seen where the core does not look.
    """
    for part in environment.events:
        for event in part(node):
            if isinstance(event, PlantChanged):
                plant = as_seen(event.plant, node.state, environment.profile)
                yield "", node, PlantChanged(plant=plant)
            else:
                yield "", node, event
    for name, late in deadlines(node, environment):
        yield name, late, Tick()


def deadlines(node: Node, environment: Environment) -> Iterator[tuple[str, Node]]:
    """Each deadline that runs, pulled to now."""
    state, ledger, history = node
    crossing, approach = state.crossing, state.approach
    if isinstance(crossing, Idle) and crossing.several_due_ns is not None:
        stayed = replace(state, crossing=replace(crossing, several_due_ns=T0))
        yield "several persons stay", node._replace(state=stayed)
    if not isinstance(crossing, Idle) and crossing.due_ns is not None:
        accept = ledger.accept
        if accept is not None:
            accept = replace(accept, expires_ns=T0)
        seen = replace(history.accept, until_ns=T0) if history.accept else None
        ledger_late, history_late = replace(ledger, accept=accept), replace(history, accept=seen)
        late = replace(crossing, due_ns=T0)
        tries = (
            {
                "the door's deadline": replace(late, attempts=0),
                "the door's last deadline": replace(late, attempts=USED_UP),
            }
            if isinstance(late, TRIES)
            else {"the crossing's deadline": late}
        )
        for name, crossing_late in tries.items():
            yield name, Node(replace(state, crossing=crossing_late), ledger_late, history_late)
    if not isinstance(approach, Idle) and approach.due_ns is not None:
        late_outside = replace(state, approach=replace(approach, due_ns=T0))
        yield "the approach's deadline", node._replace(state=late_outside)
    if state.lease_until_ns is not None and "lease" in environment.clocks:
        yield (
            "the lease lapses",
            Node(
                replace(state, lease_until_ns=T0),
                replace(ledger, lease_until_ns=T0),
                replace(history, lease_ns=T0),
            ),
        )
    if state.plant_stale_ns is not None and "plant" in environment.clocks:
        old = T0 - environment.profile.budgets.plant_stale_ms * MS
        yield (
            "the plant turns stale",
            Node(
                replace(state, plant_stale_ns=T0, plant=_aged(state.plant, old)),
                replace(ledger, plant=ledger.plant and _aged(ledger.plant, old)),
                replace(history, plant=history.plant and _aged(history.plant, old)),
            ),
        )


def _aged(plant: Plant, at_ns: int) -> Plant:
    return replace(plant, read_at_ns=at_ns)
