"""What may happen to a lane: people, documents, officers, hardware, as lists of events.

Each function gives, for one node of the search, every event that this part of the world may
cause there. A search joins a few of them: what varies in one is at rest in the other, so
that each search closes. `ENVIRONMENTS` names them for each topology.

What no search joins: two disturbances at once (fire while the mains fail, an entry door and
an exit door that both do as they like), a crowd in a lane whose hardware fails, and people
who come and go before the entry while the chamber serves a traveller and no one is read out
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from biometrics.types import LivenessState, Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    Door,
    Flag,
    Lock,
    MrzRead,
    PlantChanged,
    PortraitRead,
    Result,
    Zone,
)
from firmware_cfg.codes import Code
from firmware_cfg.profile import Profile
from gate_agent.core.messages import (
    AppendFailed,
    Checked,
    Event,
    ListState,
    OfficerAction,
    OfficerPresent,
)
from gate_agent.core.record import evidence_sha256
from gate_agent.core.release import ReleaseState
from gate_agent.core.states import (
    REQUIRED_DEVICES,
    CrossingState,
    Departing,
    Emptying,
    Entering,
    Idle,
    Leaving,
    Presenting,
    Queued,
    Reading,
    Referred,
    Verifying,
    ticket_of,
)
from gate_agent.safety.list_answers import BARRIER_LISTS, MANTRAP_LISTS, any_answer, first_answer
from gate_agent.safety.officer_moves import inspections, officer
from gate_agent.safety.scene import (
    ADULT,
    BARRIER,
    COUNT,
    ENOUGH_NS,
    MANTRAP,
    MANTRAP_READS_INSIDE,
    MODELS,
    Node,
    at_rest,
    check,
    frame,
    replace,
)
from gate_agent.safety.unordered_moves import other_master, plant_read, stray_passages
from sync.log.types import Appended, RecordKind

Events = Callable[[Node], Iterator[Event]]

SHUT = (Door.CLOSED, Lock.LOCKED)
RELEASED = (Door.OPEN, Lock.UNLOCKED)
ANY_DOOR = (
    SHUT,
    RELEASED,
    (Door.CLOSED, Lock.UNLOCKED),
    (Door.UNKNOWN, Lock.UNKNOWN),
)
CALM = (Zone.EMPTY, Zone.ONE)


def documents(node: Node) -> Iterator[Event]:
    """Documents, faces and records, in any order, also for the ticket before."""
    crossing = node.state.crossing
    ticket = ticket_of(crossing)
    for of in sorted({ticket, max(0, ticket - 1)}) if ticket else [1]:
        if isinstance(crossing, Reading):
            yield MrzRead(ticket=of, attributes=ADULT, holder="h")
            yield PortraitRead(ticket=of, portrait="p")
            yield PortraitPrepared(ticket=of, usable=True, models=MODELS)
            for result in (Result.SUCCESSFUL, Result.FAILED):
                yield DocumentVerified(ticket=of, checks=check(result))
            yield DocumentRemoved(ticket=of)
        if isinstance(crossing, Reading | Verifying):
            yield Checked(ticket=of, state=ListState.NO_HIT, list_age_s=1)
            for live in (LivenessState.BONA_FIDE, LivenessState.ATTACK):
                yield Observed(ticket=of, observation=frame(live))
            yield VerifyEnded(ticket=of, frames=1, dropped=0)
        yield from _answers(of)
    if isinstance(crossing, Idle | Leaving | Referred):
        yield DocumentPresented()
    yield from _words(crossing)


def orderly(node: Node) -> Iterator[Event]:
    """The same, whose devices answer in one order and only to tickets that are served."""
    state = node.state
    if isinstance(state.approach, Idle) or isinstance(state.crossing, Presenting | Leaving):
        yield DocumentPresented()
    for crossing in (state.crossing, state.approach):
        ticket = ticket_of(crossing)
        if isinstance(crossing, Reading):
            yield from _next_of_document(crossing, ticket)
        elif isinstance(crossing, Verifying):
            yield Observed(ticket=ticket, observation=frame())
            yield VerifyEnded(ticket=ticket, frames=1, dropped=0)
        if ticket:
            yield from _answers(ticket)
            yield from _words(crossing)


def _next_of_document(reading: Reading, ticket: int) -> Iterator[Event]:
    dossier = reading.dossier
    if dossier.holder is None:
        yield MrzRead(ticket=ticket, attributes=ADULT, holder="h")
        yield DocumentRemoved(ticket=ticket)
    elif dossier.portrait is None:
        yield PortraitRead(ticket=ticket, portrait="p")
        yield DocumentVerified(ticket=ticket, checks=check(Result.FAILED))
    elif dossier.evidence.portrait_usable is None:
        yield PortraitPrepared(ticket=ticket, usable=True, models=MODELS)
    elif dossier.evidence.list_state is None:
        yield Checked(ticket=ticket, state=ListState.NO_HIT, list_age_s=1)
    else:
        yield DocumentVerified(ticket=ticket, checks=check(Result.SUCCESSFUL))


def _answers(ticket: int) -> Iterator[Event]:
    for kind in (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION):
        yield Appended(ticket=ticket, kind=kind, seq=1)
    for action in ("open_exit", "close", "close_entry"):
        yield ActuationDone(ticket=ticket, action=action, ok=True)


def _words(crossing: CrossingState) -> Iterator[Event]:
    seen = evidence_sha256(crossing) if isinstance(crossing, Referred) else ""
    for action in (OfficerAction.ACCEPT, OfficerAction.REJECT):
        yield officer(action, ticket_of(crossing), seen)


def lease(node: Node) -> Iterator[Event]:
    """An officer is there again."""
    if node.state.lease_until_ns is None:
        yield OfficerPresent(officer="o", until_ns=ENOUGH_NS)


def lane(node: Node) -> Iterator[Event]:
    """An officer closes, opens and turns the lane."""
    del node
    yield officer(OfficerAction.CLOSE_LANE)
    yield officer(OfficerAction.OPEN_LANE)
    yield officer(OfficerAction.REVERSE)


def acknowledgement(node: Node) -> Iterator[Event]:
    """An officer inspected the lane."""
    if node.state.alarms or node.state.fire_latched:
        yield from inspections()
    if isinstance(node.state.crossing, Emptying | Referred):
        yield officer(OfficerAction.RELEASE)


def passages(node: Node) -> Iterator[Event]:
    """At a barrier: who stands where, and who went through."""
    if node.state.plant_stale_ns is None:
        yield from _seen_again(node, BARRIER)
        return
    count = counted(node)
    for zone in Zone:
        yield plant_read(node, zone=zone)
    for more in (1, 2):
        yield plant_read(node, passages_exit=count + more, zone=Zone.EMPTY)


def calm_passages(node: Node) -> Iterator[Event]:
    """The same, with the traveller alone."""
    count = counted(node)
    for event in passages(node):
        if isinstance(event, PlantChanged) and event.plant.passages_exit == count + 2:
            continue
        if not isinstance(event, PlantChanged) or event.plant.zone in CALM:
            yield event


def counted(node: Node) -> int:
    """The exit's counter as last known: where it goes on from, also while it is not read."""
    known = node.state.counters.exit
    return COUNT if known is None else known


def _seen_again(node: Node, profile: Profile) -> Iterator[Event]:
    """The plant answers again; no one passed meanwhile."""
    rest = at_rest(profile)
    if rest.passages_exit is not None:
        entries = node.state.counters.entry or 0
        rest = replace(rest, passages_exit=counted(node), passages_entry=entries)
    yield PlantChanged(plant=rest)
    yield PlantChanged(plant=replace(rest, zone=Zone.ONE))


def doors_follow(node: Node) -> Iterator[Event]:
    """Between two doors: they do what is commanded, and people use open ones."""
    yield from _doors(node, node.state.crossing)


def doors_and_queue(node: Node) -> Iterator[Event]:
    """The same, with the reader before the entry."""
    yield from _doors(node, node.state.approach)


def _doors(node: Node, arriving: CrossingState) -> Iterator[Event]:
    state, _, history = node
    plant = state.plant
    if state.plant_stale_ns is None:
        yield from _seen_again(node, MANTRAP)
        return
    if history.entry_release is ReleaseState.RELEASED:
        yield plant_read(node, entry=Door.OPEN, entry_lock=Lock.UNLOCKED)
    else:
        yield plant_read(node, entry=Door.CLOSED, entry_lock=Lock.LOCKED)
    if history.exit_release is ReleaseState.RELEASED:
        yield plant_read(node, exit=Door.OPEN, exit_lock=Lock.UNLOCKED)
    else:
        yield plant_read(node, exit=Door.CLOSED, exit_lock=Lock.LOCKED)
    if Door.OPEN in (plant.entry, plant.exit):
        for zone in CALM:
            yield plant_read(node, zone=zone)
    if isinstance(arriving, Idle | Entering | Queued):
        for zone in CALM:
            yield plant_read(node, approach=zone)


def crowd(node: Node) -> Iterator[Event]:
    """Any number of persons between the doors, at any moment; a person behind them."""
    if node.state.plant_stale_ns is None:
        return
    for zone in Zone:
        yield plant_read(node, zone=zone)
    if isinstance(node.state.crossing, Departing):
        yield plant_read(node, beyond=Zone.ONE)


def any_entry(node: Node) -> Iterator[Event]:
    """An entry door that does as it likes, and things in its way."""
    for door, lock in ANY_DOOR:
        yield plant_read(node, entry=door, entry_lock=lock)
    for thing in (Flag.CLEAR, Flag.ACTIVE):
        yield plant_read(node, entry_obstruction=thing)


def any_exit(node: Node) -> Iterator[Event]:
    """An exit door that does as it likes, and things in its way."""
    for door, lock in ANY_DOOR:
        yield plant_read(node, exit=door, exit_lock=lock)
    for thing in (Flag.CLEAR, Flag.ACTIVE):
        yield plant_read(node, obstruction=thing)


def barrier_doors(node: Node) -> Iterator[Event]:
    """A barrier that is not closed, and something in its way."""
    for door in Door:
        yield plant_read(node, entry=door)
    for thing in (Flag.CLEAR, Flag.ACTIVE):
        yield plant_read(node, obstruction=thing)


def journal(node: Node) -> Iterator[Event]:
    """The journal cannot write."""
    ticket = ticket_of(node.state.crossing)
    yield AppendFailed(ticket=ticket, kind=RecordKind.DECISION, detail="")


def fire(node: Node) -> Iterator[Event]:
    """The fire contact, whatever else is the case."""
    for contact in Flag:
        yield plant_read(node, fire=contact)
    yield from inspections()


def mains(node: Node) -> Iterator[Event]:
    """The mains and the maintenance switch."""
    for contact in Flag:
        yield plant_read(node, power_loss=contact)
        yield plant_read(node, maintenance=contact)


def hardware(node: Node) -> Iterator[Event]:
    """Turnstile and vision fail and come back, commands stay unconfirmed."""
    state = node.state
    ticket = ticket_of(state.crossing)
    yield DeviceFailed(device=DeviceId.TURNSTILE, code=Code.NO_ANSWER, retryable=True, diagnosis="")
    if isinstance(state.crossing, Verifying):
        yield DeviceFailed(
            device=DeviceId.VISION, code=Code.NO_ANSWER, retryable=True, diagnosis=""
        )
    for device in state.devices:
        if not device.ready and device.device in REQUIRED_DEVICES:
            yield DeviceReady(device=device.device)
    for action in ("open_exit", "close", "open_entry", "close_entry"):
        yield ActuationDone(ticket=ticket, action=action, ok=False)


def describe(event: Event) -> str:
    """An event in one line, for a path to read."""
    name = type(event).__name__
    if isinstance(event, PlantChanged):
        plant = event.plant
        said = [
            f"{field}={getattr(plant, field)}"
            for field in plant.__struct_fields__
            if field not in ("read_at_ns", "tamper", "fault_code")
            and getattr(plant, field) not in (None, False, "clear", "closed", "locked", "empty")
            and getattr(plant, field) != "unknown"
        ]
        watched = ("entry", "exit", "zone", "fire")
        unknown = [field for field in watched if getattr(plant, field) == "unknown"]
        return f"plant: {' '.join(said + [f'{field}=?' for field in unknown]) or 'at rest'}"
    for field in ("action", "kind", "device", "state"):
        if hasattr(event, field):
            return f"{name} {getattr(event, field)}"
    return name


class Environment(NamedTuple):
    """One search: a topology's profile, what may happen, and which clocks may run out."""

    profile: Profile
    events: tuple[Events, ...]
    clocks: tuple[str, ...] = ()


_ONE = (orderly, calm_passages)
_TWO = (orderly, doors_follow)

ENVIRONMENTS: dict[str, dict[str, Environment]] = {
    "barrier": {
        "people": Environment(BARRIER, (documents, passages, acknowledgement)),
        "lease": Environment(BARRIER, (*_ONE, lease), ("lease",)),
        "lane": Environment(BARRIER, (*_ONE, acknowledgement, lane)),
        "fire": Environment(BARRIER, (*_ONE, fire)),
        "hardware": Environment(BARRIER, (*_ONE, acknowledgement, hardware), ("plant",)),
        "doors": Environment(BARRIER, (*_ONE, acknowledgement, barrier_doors, journal)),
        "other master": Environment(BARRIER, (*_ONE, acknowledgement, other_master)),
        "stray passages": Environment(BARRIER, (*_ONE, acknowledgement, lane, stray_passages)),
        "lists": Environment(BARRIER_LISTS, (documents, passages, acknowledgement, any_answer)),
        "lists and lease": Environment(BARRIER_LISTS, (*_ONE, first_answer, lease), ("lease",)),
        "lists and hardware": Environment(
            BARRIER_LISTS, (*_ONE, acknowledgement, first_answer, hardware), ("plant",)
        ),
    },
    "mantrap": {
        "people": Environment(MANTRAP_READS_INSIDE, (*_TWO, crowd, acknowledgement)),
        "queue": Environment(MANTRAP, (orderly, doors_and_queue, acknowledgement)),
        "lease": Environment(MANTRAP_READS_INSIDE, (*_TWO, lease), ("lease",)),
        "lane": Environment(MANTRAP_READS_INSIDE, (*_TWO, acknowledgement, lane, journal)),
        "fire": Environment(MANTRAP_READS_INSIDE, (*_TWO, fire)),
        "mains": Environment(MANTRAP_READS_INSIDE, (*_TWO, acknowledgement, mains)),
        "hardware": Environment(
            MANTRAP_READS_INSIDE, (*_TWO, acknowledgement, hardware), ("plant",)
        ),
        "entry": Environment(MANTRAP_READS_INSIDE, (*_TWO, acknowledgement, any_entry)),
        "exit": Environment(MANTRAP_READS_INSIDE, (*_TWO, acknowledgement, any_exit)),
        "lists": Environment(MANTRAP_LISTS, (*_TWO, first_answer, acknowledgement)),
        "lists and lease": Environment(MANTRAP_LISTS, (*_TWO, first_answer, lease), ("lease",)),
        "lists and crowd": Environment(MANTRAP_LISTS, (*_TWO, first_answer, crowd)),
    },
}
"""The searches of each topology, by name."""
