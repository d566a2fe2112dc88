"""Breadth-first search over controller x environment, every state once.

Time is abstract: every turn happens at the same instant, and "the deadline passes" is an
event of its own, which pulls one deadline to now and ticks. Tickets, stays and counters
are renamed to small numbers, so that the search closes. What only colours a record
(reasons, scores, texts, instants) is dropped from a state before it is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from gate_world import ADULT, MODELS, MS, PROFILE, REST, T0, frame

from biometrics.types import LivenessState, Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    Check,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    Door,
    Flag,
    MrzRead,
    Plant,
    PlantChanged,
    PortraitRead,
    Result,
    Zone,
)
from firmware_cfg.profile import Policy
from gate_agent.core.gate import TABLE, Table
from gate_agent.core.invariants import Ghost, watch
from gate_agent.core.messages import (
    AppendFailed,
    Checked,
    Event,
    ListState,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    Tick,
)
from gate_agent.core.permit import Ledger, permit
from gate_agent.core.policy import Evidence
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import (
    REQUIRED_DEVICES,
    Idle,
    Leaving,
    Reading,
    Referred,
    State,
    Times,
    Verifying,
    initial,
    replace,
    ticket_of,
)
from gate_agent.loop import Guard, turn
from sync.types import Appended, RecordKind

SMALL = replace(PROFILE, policy=Policy(mandatory_checks=("sod_signature",)))
COUNT = 10
STALE = T0 + SMALL.budgets.plant_stale_ms * MS
ENOUGH = T0 + 1_000 * MS
BARE = Evidence()
TIMES = Times(started_ns=T0)


class Node(NamedTuple):
    state: State
    ledger: Ledger
    ghost: Ghost


class Found(NamedTuple):
    states: int
    edges: int
    depth: int
    broken: dict[str, list[str]]
    steps: frozenset[str]
    nodes: tuple[Node, ...] = ()


def events_of_people(node: Node) -> Iterator[Event]:
    """Travellers, their documents and faces, and the officer."""
    crossing = node.state.crossing
    ticket = ticket_of(crossing)
    for old in {ticket, max(0, ticket - 1)} if ticket else {1}:
        if isinstance(crossing, Reading):
            yield MrzRead(ticket=old, attributes=ADULT, holder="h")
            yield PortraitRead(ticket=old, portrait="p")
            yield PortraitPrepared(ticket=old, usable=True, models=MODELS)
            for result in (Result.SUCCESSFUL, Result.FAILED):
                check = Check(id="sod_signature", result=result)
                yield DocumentVerified(ticket=old, checks=(check,))
            yield DocumentRemoved(ticket=old)
        if isinstance(crossing, Reading | Verifying):
            yield Checked(ticket=old, state=ListState.NO_HIT, list_age_s=1)
            for live in (LivenessState.BONA_FIDE, LivenessState.ATTACK):
                yield Observed(ticket=old, observation=frame(live=live))
            yield VerifyEnded(ticket=old, frames=1, dropped=0)
        for kind in (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION):
            yield Appended(ticket=old, kind=kind, seq=1)
        yield ActuationDone(ticket=old, action="open_exit", ok=True)
        yield ActuationDone(ticket=old, action="close", ok=True)
    if isinstance(crossing, Idle | Leaving):
        yield DocumentPresented()
    seen = evidence_sha256(crossing) if isinstance(crossing, Referred) else ""
    for action in (OfficerAction.ACCEPT, OfficerAction.REJECT):
        yield _officer(action, ticket, seen)


def events_of_orderly_people(node: Node) -> Iterator[Event]:
    """The same people, whose devices answer in one order and only to the present ticket."""
    crossing = node.state.crossing
    ticket = ticket_of(crossing)
    after = (DocumentPresented,)
    if isinstance(crossing, Reading):
        dossier = crossing.dossier
        if dossier.holder is None:
            after = (MrzRead, DocumentRemoved)
        elif dossier.portrait is None:
            after = (PortraitRead, DocumentVerified)
        elif dossier.evidence.portrait_usable is None:
            after = (PortraitPrepared,)
        elif dossier.evidence.list_state is None:
            after = (Checked,)
        else:
            after = (DocumentVerified,)
    elif isinstance(crossing, Verifying):
        after = (Observed, VerifyEnded)
    rest = (Appended, ActuationDone, OfficerDecided)
    for event in events_of_people(node):
        if isinstance(event, after + rest) and getattr(event, "ticket", ticket) == ticket:
            yield event


def _officer(action: OfficerAction, ticket: int = 0, seen: str = "") -> OfficerDecided:
    return OfficerDecided(
        ticket=ticket,
        officer="o",
        action=action,
        reason="identity",
        evidence_sha256=seen,
        expires_at_ns=ENOUGH,
    )


def events_of_lease(node: Node) -> Iterator[Event]:
    """An officer is there again."""
    if node.state.lease_until_ns is None:
        yield OfficerPresent(officer="o", until_ns=ENOUGH)


def events_of_lane(node: Node) -> Iterator[Event]:
    """An officer closes and opens the lane."""
    del node
    yield _officer(OfficerAction.CLOSE_LANE)
    yield _officer(OfficerAction.OPEN_LANE)


def events_of_plant(node: Node) -> Iterator[Event]:
    """Who stands where, and who went through."""
    plant = node.state.plant
    if node.state.plant_stale_ns is None:
        yield PlantChanged(plant=REST_NOW)
        yield PlantChanged(plant=replace(REST_NOW, zone=Zone.ONE))
        return
    if node.state.alarms:
        yield _officer(OfficerAction.ACKNOWLEDGE)
    for zone in Zone:
        yield PlantChanged(plant=replace(plant, zone=zone))
    for more in (1, 2):
        yield PlantChanged(plant=replace(plant, passages_exit=COUNT + more, zone=Zone.EMPTY))


def events_of_calm_plant(node: Node) -> Iterator[Event]:
    """The same, with nobody but the traveller."""
    calm = (Zone.EMPTY, Zone.ONE)
    for event in events_of_plant(node):
        if not isinstance(event, PlantChanged) or (
            event.plant.zone in calm and event.plant.passages_exit != COUNT + 2
        ):
            yield event


REST_NOW = replace(REST, passages_exit=COUNT)


def events_of_fire(node: Node) -> Iterator[Event]:
    """The fire contact, whatever else is the case."""
    plant = node.state.plant if node.state.plant_stale_ns is not None else REST_NOW
    for fire in Flag:
        yield PlantChanged(plant=replace(plant, fire=fire))
    yield _officer(OfficerAction.ACKNOWLEDGE)


def events_of_hardware(node: Node) -> Iterator[Event]:
    """Turnstile and vision fail and come back, commands stay unconfirmed."""
    ticket = ticket_of(node.state.crossing)
    yield DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis="")
    if isinstance(node.state.crossing, Verifying):
        yield DeviceFailed(device=DeviceId.VISION, code=1, retryable=True, diagnosis="")
    for state in node.state.devices:
        if not state.ready and state.device in REQUIRED_DEVICES:
            yield DeviceReady(device=state.device)
    yield ActuationDone(ticket=ticket, action="open_exit", ok=False)
    yield ActuationDone(ticket=ticket, action="close", ok=False)


def events_of_doors(node: Node) -> Iterator[Event]:
    """A door that is not closed, an object in the way, a journal that fails."""
    ticket = ticket_of(node.state.crossing)
    yield AppendFailed(ticket=ticket, kind=RecordKind.DECISION, detail="")
    for entry in Door:
        yield PlantChanged(plant=replace(node.state.plant, entry=entry))
    for thing in (Flag.CLEAR, Flag.ACTIVE):
        yield PlantChanged(plant=replace(node.state.plant, obstruction=thing))


def deadlines(node: Node, clocks: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
    """Each deadline that runs, pulled to now."""
    state, ledger, ghost = node
    crossing = state.crossing
    if not isinstance(crossing, Idle) and crossing.due_ns is not None:
        late = replace(state, crossing=replace(crossing, due_ns=T0))
        accept = ledger.accept
        if accept is not None:
            accept = replace(accept, expires_ns=T0)
        word = replace(ghost.word, until_ns=T0) if ghost.word else None
        yield (
            "Tick(crossing)",
            Node(late, replace(ledger, accept=accept), replace(ghost, word=word)),
        )
    if state.lease_until_ns is not None and "lease" in clocks:
        yield (
            "Tick(lease)",
            Node(
                replace(state, lease_until_ns=T0),
                replace(ledger, lease_until_ns=T0),
                replace(ghost, lease_ns=T0),
            ),
        )
    if state.plant_stale_ns is not None and "plant" in clocks:
        old = T0 - SMALL.budgets.plant_stale_ms * MS

        def aged(plant: Plant | None) -> Plant | None:
            return replace(plant, read_at_ns=old) if plant else None

        yield (
            "Tick(plant)",
            Node(
                replace(state, plant_stale_ns=T0, plant=aged(state.plant)),
                replace(ledger, plant=aged(ledger.plant)),
                replace(ghost, plant=aged(ghost.plant)),
            ),
        )


def _plain_plant(plant: Plant | None, shift: int) -> Plant | None:
    if plant is None:
        return None
    count = plant.passages_exit
    return replace(plant, read_at_ns=T0, passages_exit=None if count is None else count - shift)


def plain(node: Node) -> Node:
    """Rename tickets, stays and counters; drop what only colours records."""
    state, ledger, ghost = node
    down = state.next_ticket - 2
    stays = state.occupancy - 1
    shift = (state.plant.passages_exit or COUNT) - COUNT
    crossing = state.crossing
    changes: dict[str, object] = {}
    if isinstance(crossing, Idle):
        changes = {"presented_ns": None if crossing.presented_ns is None else T0}
    elif isinstance(crossing, Leaving):
        changes = {
            "ticket": crossing.ticket - down,
            "presented_ns": None if crossing.presented_ns is None else T0,
        }
    else:
        changes = {"dossier": _plain_dossier(crossing, down, stays)}
        if hasattr(crossing, "baseline"):
            changes["baseline"] = max(COUNT - 3, crossing.baseline - shift)
    state = replace(
        state,
        crossing=replace(crossing, **changes),
        plant=_plain_plant(state.plant, shift),
        plant_stale_ns=None if state.plant_stale_ns is None else STALE,
        occupancy=1,
        next_ticket=2,
        last=None,
        since_ns=0,
        alarms=state.alarms[:1],
        devices=tuple(replace(device, code=0) for device in state.devices),
    )
    accept = ledger.accept
    if accept is not None:
        same = accept.stay == ledger.stay
        accept = replace(accept, ticket=accept.ticket - down, stay=1 if same else 0)
    crowd = ledger.crowd and not isinstance(crossing, Idle | Leaving)
    spent = max(0, ledger.spent - down)
    ledger = replace(
        ledger,
        plant=_plain_plant(ledger.plant, shift),
        stay=1,
        accept=accept,
        spent=spent,
        crowd=crowd,
        closing=-1,
    )
    word = ghost.word
    ghost = replace(
        ghost,
        plant=_plain_plant(ghost.plant, shift),
        word=replace(word, ticket=word.ticket - down) if word else None,
        released=max(0, ghost.released - down),
        passed=ghost.passed if ghost.released else 0,
        written=tuple(sorted({(t - down, a) for t, a in ghost.written})) if word else (),
    )
    return Node(state, ledger, ghost)


def _plain_dossier(crossing, down: int, stays: int):
    dossier = crossing.dossier
    evidence = dossier.evidence
    evidence = (
        replace(evidence, circumstances=()) if isinstance(crossing, Reading | Verifying) else BARE
    )
    return replace(
        dossier,
        ticket=dossier.ticket - down,
        occupancy=1 if dossier.occupancy - stays == 1 else 0,
        times=TIMES,
        evidence=evidence,
        models=None,
        frames=0,
        decision=None,
        mishaps=(),
        officer_due_ns=None if dossier.officer_due_ns is None else ENOUGH,
    )


def key(node: Node) -> bytes:
    return msgspec.msgpack.encode(node)


def served_lane(table: Table, guard: Guard) -> Node:
    """A lane in AUTO, at rest."""
    node = Node(initial(SMALL), Ledger(), Ghost())
    events: list[Event] = [DeviceReady(device=device) for device in REQUIRED_DEVICES]
    events += [OfficerPresent(officer="o", until_ns=ENOUGH), PlantChanged(plant=REST_NOW)]
    for event in events:
        node, broken = advance(node, event, table, guard)
        assert not broken
    return plain(node)


SEARCHES = {
    "people": ((events_of_people, events_of_plant), ()),
    "lease": ((events_of_orderly_people, events_of_calm_plant, events_of_lease), ("lease",)),
    "lane": ((events_of_orderly_people, events_of_calm_plant, events_of_lane), ()),
    "fire": ((events_of_orderly_people, events_of_calm_plant, events_of_fire), ()),
    "hardware": (
        (events_of_orderly_people, events_of_calm_plant, events_of_hardware),
        ("plant",),
    ),
    "doors": ((events_of_orderly_people, events_of_calm_plant, events_of_doors), ()),
}


def verifying_lane(table: Table, guard: Guard) -> Node:
    """A lane whose genuine traveller is about to be looked at."""
    node = served_lane(table, guard)
    check = Check(id="sod_signature", result=Result.SUCCESSFUL)
    for event in (
        PlantChanged(plant=replace(REST_NOW, zone=Zone.ONE)),
        DocumentPresented(),
        MrzRead(ticket=2, attributes=ADULT, holder="h"),
        Checked(ticket=2, state=ListState.NO_HIT, list_age_s=1),
        PortraitRead(ticket=2, portrait="p"),
        PortraitPrepared(ticket=2, usable=True, models=MODELS),
        DocumentVerified(ticket=2, checks=(check,)),
    ):
        node, _ = advance(node, event, table, guard)
    return plain(node)


def advance(node: Node, event: Event, table: Table, guard: Guard) -> tuple[Node, tuple[str, ...]]:
    before, ledger, ghost = node
    state, ledger, commands = turn(before, ledger, event, T0, SMALL, table, guard)
    ghost, broken = watch(ghost, before, event, state, commands, T0, SMALL)
    return Node(state, ledger, ghost), broken


def search(
    alphabet,
    clocks: tuple[str, ...] = (),
    *,
    table: Table = TABLE,
    guard: Guard = permit,
    start: Node | None = None,
    stop_at: str | None = None,
    limit: int = 200_000,
    deepest: int = 1_000,
) -> Found:
    """Visit everything that can be reached; stop early once `stop_at` is broken."""
    first = start if start is not None else served_lane(table, guard)
    seen = {key(first)}
    came: dict[bytes, tuple[bytes, str]] = {}
    level = [first]
    nodes = [first]
    depth = edges = 0
    broken: dict[str, list[str]] = {}
    steps = {type(first.state.crossing).__name__}
    while level and depth < deepest:
        following: list[Node] = []
        for node in level:
            here = key(node)
            moves = [(None, node, e) for part in alphabet for e in part(node)]
            moves += [(name, late, Tick()) for name, late in deadlines(node, clocks)]
            for name, source, event in moves:
                edges += 1
                after, names = advance(source, event, table, guard)
                for invariant in names:
                    if invariant not in broken:
                        broken[invariant] = [*_path(came, here), name or describe(event)]
                if stop_at is not None and stop_at in broken:
                    return Found(len(seen), edges, depth, broken, frozenset(steps))
                after = plain(after)
                there = key(after)
                if there not in seen:
                    seen.add(there)
                    assert len(seen) <= limit, "the search does not close"
                    came[there] = (here, name or describe(event))
                    steps.add(type(after.state.crossing).__name__)
                    following.append(after)
                    nodes.append(after)
        level = following
        depth += bool(level)
    return Found(len(seen), edges, depth, broken, frozenset(steps), tuple(nodes))


def _path(came: dict[bytes, tuple[bytes, str]], here: bytes) -> list[str]:
    path: list[str] = []
    while here in came:
        here, name = came[here]
        path.append(name)
    return path[::-1]


def describe(event: Event) -> str:
    name = type(event).__name__
    if isinstance(event, PlantChanged):
        plant = event.plant
        return f"Plant({plant.zone},{plant.passages_exit},fire={plant.fire},{plant.entry})"
    for field in ("action", "kind", "device"):
        if hasattr(event, field):
            return f"{name}({getattr(event, field)},{getattr(event, 'ticket', '')})"
    return f"{name}({getattr(event, 'ticket', '')})"
