"""Breadth-first search over controller x environment: every state once, shortest paths.

The controller is the real one: `loop.turn` with core and guard, watched by the invariants.
Time is abstract: every turn happens at one instant, and "the deadline passes" is an event of
its own, which pulls one deadline to now and ticks. Tickets, stays and counters are renamed
to small numbers, so that the search closes. What only colours a record (reasons, scores,
texts, instants) is dropped from a state before it is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from drivers.types import DeviceReady, Lock, Plant, PlantChanged, Zone
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import Times
from gate_agent.core.gate import Tables
from gate_agent.core.invariants import watch
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import Event, OfficerPresent, Tick
from gate_agent.core.onlooker import Ghost
from gate_agent.core.permit import permit
from gate_agent.core.policy import Evidence
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    REQUIRED_DEVICES,
    Admitting,
    CrossingState,
    Deciding,
    Departing,
    Dossier,
    Entering,
    Idle,
    Opening,
    Presenting,
    Queued,
    Reading,
    Shutting,
    State,
    Verifying,
    dossier_of,
    initial,
    ticket_of,
)
from gate_agent.loop import Guard, turn
from gate_agent.safety.environment import Environment, describe
from gate_agent.safety.scene import COUNT, ENOUGH_NS, MS, STALE_NS, T0, Node, at_rest, replace

LIMIT = 300_000
TIMES = Times(started_ns=T0)
BARE = Evidence()
PARTY = Evidence(circumstances=(Reason.SEVERAL_PERSONS,))
MACHINE = (Reading, Verifying, Deciding, Admitting, Opening)
UNDECIDED = (Reading, Verifying, Queued, Entering, Shutting, Presenting)


class Closed(Exception):
    """The search found more states than it should: it does not close."""


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
    node: Node, event: Event, profile: Profile, tables: Tables | None = None, guard: Guard = permit
) -> tuple[Node, tuple[str, ...]]:
    """One turn of the whole, and the invariants that it broke."""
    before, ledger, ghost = node
    state, ledger, commands = turn(before, ledger, event, T0, profile, tables, guard)
    ghost, broken = watch(ghost, before, event, state, commands, T0, profile)
    return Node(state, ledger, ghost), broken


def served_lane(profile: Profile, tables: Tables | None = None, guard: Guard = permit) -> Node:
    """A lane in AUTO, at rest."""
    node = Node(initial(profile), Ledger(), Ghost())
    events: list[Event] = [DeviceReady(device=device) for device in REQUIRED_DEVICES]
    events.append(OfficerPresent(officer="o", until_ns=ENOUGH_NS))
    events.append(PlantChanged(plant=at_rest(profile)))
    for event in events:
        node, _ = advance(node, event, profile, tables, guard)
    return plain(node)


def search(
    environment: Environment,
    *,
    tables: Tables | None = None,
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
        tables: the transitions; others than the topology's own are for tests.
        guard: the last guard, likewise.
        start: where to begin; a lane in service without it.
        stop: end at the first broken invariant.
        stop_at: end as soon as this invariant is broken.
        deepest: do not go deeper than this.
        most: end quietly after so many states, where that is less than `LIMIT`.
        keep: hand back every node.

    Raises:
        Closed: more than `LIMIT` states.
    """
    profile = environment.profile
    first = start if start is not None else served_lane(profile, tables, guard)
    visited = _Visited(first)
    level, nodes = [first], [first]
    depth = edges = 0
    broken: dict[str, list[str]] = {}
    while level and depth < deepest and len(visited.seen) < most:
        following: list[Node] = []
        for node in level:
            here = key(node)
            for name, source, event in _moves(node, environment):
                edges += 1
                after, names = advance(source, event, profile, tables, guard)
                for invariant in names:
                    broken.setdefault(invariant, [*visited.path(here), name])
                if names and (stop or stop_at in names):
                    return visited.found(edges, depth, broken)
                fresh = visited.take(after, here, name)
                if fresh is not None:
                    following.append(fresh)
        if len(visited.seen) > LIMIT:
            raise Closed(f"more than {LIMIT} states: the search does not close")
        level = following
        depth += bool(level)
        if keep:
            nodes += following
    return visited.found(edges, depth, broken, tuple(nodes), closed=not level)


class _Visited:
    """The nodes that were met, and how each was reached first."""

    def __init__(self, first: Node) -> None:
        self.seen = {key(first)}
        self._met: set[bytes] = set()
        self._came: dict[bytes, tuple[bytes, str]] = {}
        self._steps = {type(first.state.crossing).__name__}

    def take(self, after: Node, here: bytes, name: str) -> Node | None:
        """The renamed node if it is new. Most turns lead to what was just there: see first."""
        raw = key(after)
        if raw in self._met:
            return None
        self._met.add(raw)
        after = plain(after)
        there = key(after)
        if there in self.seen:
            return None
        self.seen.add(there)
        self._came[there] = (here, name)
        self._steps.add(type(after.state.crossing).__name__)
        self._steps.add(type(after.state.approach).__name__)
        return after

    def path(self, here: bytes) -> list[str]:
        """What led to a node."""
        path: list[str] = []
        while here in self._came:
            here, name = self._came[here]
            path.append(name)
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


def _moves(node: Node, environment: Environment) -> Iterator[tuple[str, Node, Event]]:
    for part in environment.events:
        for event in part(node):
            yield describe(event), node, event
    for name, late in deadlines(node, environment):
        yield name, late, Tick()


def deadlines(node: Node, environment: Environment) -> Iterator[tuple[str, Node]]:
    """Each deadline that runs, pulled to now."""
    state, ledger, ghost = node
    crossing, approach = state.crossing, state.approach
    if isinstance(crossing, Idle) and crossing.several_due_ns is not None:
        late = replace(state, crossing=replace(crossing, several_due_ns=T0))
        yield "several persons stay", node._replace(state=late)
    if not isinstance(crossing, Idle) and crossing.due_ns is not None:
        accept = ledger.accept
        if accept is not None:
            accept = replace(accept, expires_ns=T0)
        word = replace(ghost.word, until_ns=T0) if ghost.word else None
        late = replace(state, crossing=replace(crossing, due_ns=T0))
        yield (
            "the crossing's deadline",
            Node(late, replace(ledger, accept=accept), replace(ghost, word=word)),
        )
    if not isinstance(approach, Idle) and approach.due_ns is not None:
        late = replace(state, approach=replace(approach, due_ns=T0))
        yield "the approach's deadline", node._replace(state=late)
    if state.lease_until_ns is not None and "lease" in environment.clocks:
        yield (
            "the lease lapses",
            Node(
                replace(state, lease_until_ns=T0),
                replace(ledger, lease_until_ns=T0),
                replace(ghost, lease_ns=T0),
            ),
        )
    if state.plant_stale_ns is not None and "plant" in environment.clocks:
        old = T0 - environment.profile.budgets.plant_stale_ms * MS
        yield (
            "the plant turns stale",
            Node(
                replace(state, plant_stale_ns=T0, plant=_aged(state.plant, old)),
                replace(ledger, plant=ledger.plant and _aged(ledger.plant, old)),
                replace(ghost, plant=ghost.plant and _aged(ghost.plant, old)),
            ),
        )


def _aged(plant: Plant, at_ns: int) -> Plant:
    return replace(plant, read_at_ns=at_ns)


def plain(node: Node) -> Node:
    """Rename tickets, stays and counters; drop what only colours records."""
    state, ledger, ghost = node
    live = sorted({ticket_of(state.crossing), ticket_of(state.approach)} - {0})
    small = {ticket: rank for rank, ticket in enumerate(live, 1)}
    shift = (state.plant.passages_exit or COUNT) - COUNT
    named = _Renaming(small, shift)
    state = replace(
        state,
        crossing=named.crossing(state.crossing, state.occupancy),
        approach=named.crossing(state.approach, state.approach_stay),
        plant=_unseen(named.plant(state.plant), state),
        plant_stale_ns=None if state.plant_stale_ns is None else STALE_NS,
        occupancy=1,
        approach_stay=1,
        next_ticket=len(live) + 1,
        last=None,
        since_ns=0,
        alarms=(Reason.DEVICE_FAILED,) if state.alarms else (),
        devices=tuple(replace(device, code=0) for device in state.devices),
    )
    return Node(state, _plain_ledger(ledger, state, named), _plain_ghost(ghost, state, named))


def _plain_ledger(ledger: Ledger, state: State, named: _Renaming) -> Ledger:
    small = named.small
    accept = ledger.accept
    if accept is not None:
        same = accept.stay == ledger.stay
        accept = replace(accept, ticket=small.get(accept.ticket, 0), stay=1 if same else 0)
    return replace(
        ledger,
        plant=ledger.plant and _unseen(named.plant(ledger.plant), state),
        stay=1,
        accept=accept if accept is not None and accept.ticket else None,
        spent=small.get(ledger.spent, 0),
        crowd=ledger.crowd and _crowd_counts(state),
        closing=small.get(ledger.closing, -1),
        entry_opening=small.get(ledger.entry_opening, -1),
        entry_closing=small.get(ledger.entry_closing, -1),
        inside=small.get(ledger.inside, 0),
    )


def _crowd_counts(state: State) -> bool:
    """Whether it matters that several were seen: at a barrier until the machine has decided."""
    return state.plant.entry_lock is not Lock.UNKNOWN or isinstance(state.crossing, MACHINE)


def _plain_ghost(ghost: Ghost, state: State, named: _Renaming) -> Ghost:
    small = named.small
    word = ghost.word
    if word is not None:
        word = replace(word, ticket=small.get(word.ticket, 0))
    released = small.get(ghost.released, 0)
    return replace(
        ghost,
        plant=ghost.plant and _unseen(named.plant(ghost.plant), state),
        word=word if word is not None and word.ticket else None,
        released=released,
        crowd=ghost.crowd and _crowd_counts(state),
        inside=small.get(ghost.inside, 0),
        passed=ghost.passed if released else 0,
        written=tuple(sorted({(small[t], a) for t, a in ghost.written if t in small})),
    )


def _unseen(plant: Plant, state: State) -> Plant:
    """Drop what nobody looks at in this state."""
    if plant.beyond is Zone.ONE and not isinstance(state.crossing, Departing):
        plant = replace(plant, beyond=Zone.EMPTY)
    waits = isinstance(state.crossing, Idle | Entering) or not isinstance(state.approach, Idle)
    if plant.approach is Zone.ONE and not waits:
        plant = replace(plant, approach=Zone.EMPTY)
    return plant


class _Renaming:
    """The small numbers of one node."""

    def __init__(self, small: dict[int, int], shift: int) -> None:
        self.small = small
        self._shift = shift

    def plant(self, plant: Plant) -> Plant:
        """The same reading, taken now, with the counter near its start."""
        count = plant.passages_exit
        count = None if count is None else count - self._shift
        return replace(plant, read_at_ns=T0, passages_exit=count)

    def crossing(self, crossing: CrossingState, stay: int) -> CrossingState:
        """The same crossing under its small ticket."""
        changes: dict[str, Any] = {}
        dossier = dossier_of(crossing)
        if dossier is not None:
            changes["dossier"] = self._dossier(crossing, dossier, stay)
        elif not isinstance(crossing, Idle):
            changes["ticket"] = self.small[ticket_of(crossing)]
        if getattr(crossing, "presented_ns", None) is not None:
            changes["presented_ns"] = T0
        if isinstance(crossing, Idle) and crossing.several_due_ns is not None:
            changes["several_due_ns"] = ENOUGH_NS
        if hasattr(crossing, "baseline"):
            changes["baseline"] = max(COUNT - 3, crossing.baseline - self._shift)
        if not isinstance(crossing, Idle) and crossing.due_ns is not None:
            changes["due_ns"] = ENOUGH_NS
        return replace(crossing, **changes) if changes else crossing

    def _dossier(self, crossing: CrossingState, dossier: Dossier, stay: int) -> Dossier:
        evidence = dossier.evidence
        if not isinstance(crossing, UNDECIDED):
            evidence = PARTY if evidence.circumstances == PARTY.circumstances else BARE
        elif isinstance(crossing, Reading | Verifying):
            evidence = replace(evidence, circumstances=())
        return replace(
            dossier,
            ticket=self.small[dossier.ticket],
            occupancy=1 if dossier.occupancy == stay else 0,
            times=TIMES,
            evidence=evidence,
            models=None,
            frames=0,
            decision=None,
            mishaps=(),
            officer_due_ns=None if dossier.officer_due_ns is None else ENOUGH_NS,
        )


_encoder = msgspec.msgpack.Encoder()


def key(node: Node) -> bytes:
    """What makes a node the same as another."""
    return _encoder.encode(node)
