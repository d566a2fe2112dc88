"""The safety invariants of a lane, as predicates over its events and commands.

Used by the exhaustive search, by the property tests, and at every step of every
simulation. `ObservedHistory` keeps what an observer would see, from events and commands alone; it
takes nothing from the core's conclusions but the mode and the deadlines, which are what
is judged. `watch` gives the history after one turn and the names of the invariants that
the turn broke; `INVARIANTS` says what each name stands for.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from drivers.types import (
    Actuation,
    Close,
    CloseEntry,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    Plant,
    PlantChanged,
    ReadDocument,
    SetDirection,
    Zone,
    action_of,
)
from firmware_cfg.profile import Profile
from gate_agent.core.facts import DecisionFacts, OfficerFacts, SystemFacts
from gate_agent.core.messages import (
    ACTUATIONS,
    Append,
    Command,
    Event,
    ListState,
    Mode,
    OfficerDecided,
    Tick,
)
from gate_agent.core.observed_history import ObservedHistory, on_command, on_event
from gate_agent.core.reasons import Outcome
from gate_agent.core.release import ReleaseState
from gate_agent.core.states import Idle, State, dossier_of

MS = 1_000_000
PLAUSIBLE = 100
"""Passages in one reading that the observer judges; more is a counter that jumped."""


class Invariant(NamedTuple):
    """One predicate: the number of the rule it belongs to, and what it says."""

    number: int
    says: str


INVARIANTS = {
    "entry_and_exit_open": Invariant(
        1, "entry and exit are never both released, and neither while the other is not shut"
    ),
    "open_without_accept": Invariant(
        2, "the exit opens only on a durable, fresh, unused accept of this very stay"
    ),
    "wrong_way": Invariant(
        2,
        "a person who may have come in by the exit leaves by the entry on an officer's order only",
    ),
    "one_accept_one_passage": Invariant(3, "more passages than accepts stop the lane"),
    "fire_vetoed": Invariant(4, "fire puts the lane into evacuation, and nothing closes in it"),
    "unknown_taken_as_good": Invariant(5, "nothing moves on what is unknown or stale"),
    "close_on_occupied": Invariant(6, "no close on an occupied or obstructed zone or doorway"),
    "open_before_resync": Invariant(
        7, "after a loss of the hardware everything is seen in order before anything opens"
    ),
    "power_on_opens": Invariant(8, "power-on opens nothing"),
    "tailgating_admitted": Invariant(9, "two persons or an object never pass without an officer"),
    "traveller_trapped": Invariant(
        10, "while a traveller is served a deadline runs, or the lane is stopped"
    ),
    "moved_after_fire": Invariant(11, "after a fire nothing moves until it was acknowledged"),
    "unrecorded_actuation": Invariant(12, "every actuation is on record before it"),
    "watchdog_fed_sick": Invariant(13, "the watchdog is fed only by a healthy loop"),
    "changed_in_use": Invariant(
        14, "mode and settings change only at rest: no crossing survives, none is cut in"
    ),
    "officer_unchecked": Invariant(
        15, "an officer's accept is in time and names the crossing it is about"
    ),
    "no_lease": Invariant(16, "no service without an officer where the profile asks for one"),
    "admitted_past_lists": Invariant(
        17, "the machine admits only on lists that answered, without a hit and not too old"
    ),
    "opened_unordered": Invariant(
        18, "a door that opens without an order stops the lane and is on record"
    ),
    "passed_unseen": Invariant(
        19, "a passage that no release was out for is on record and leaves no lane in service"
    ),
    "reopened_unnoted": Invariant(
        20,
        "after a forced door, an unchecked passage or a fire the lane serves again only on a "
        "supervisor's note",
    ),
}


def watch(
    history: ObservedHistory,
    before: State,
    event: Event,
    after: State,
    commands: tuple[Command, ...],
    now_ns: int,
    profile: Profile,
) -> tuple[ObservedHistory, tuple[str, ...]]:
    """Follow one turn.

    Args:
        history: what the observer knew before it.
        before: the lane before.
        event: what happened.
        after: the lane after.
        commands: what went out to devices, in order, after the guard.
        now_ns: when.
        profile: the effective profile.

    Returns:
        The observer's history after, and the names of broken invariants, each once.
    """
    broken: set[str] = set()
    if isinstance(event, PlantChanged):
        broken = _count(history, before, event.plant, after)
        unordered = _unordered(history, before, event.plant, profile)
        fresh_ns = profile.budgets.plant_stale_ms * MS
        if unordered and 0 <= now_ns - event.plant.read_at_ns < fresh_ns:
            broken |= _stopped(unordered, after, commands)
            history = msgspec.structs.replace(history, note_due=True)
    history = on_event(history, event, now_ns, profile)
    for command in commands:
        if isinstance(command, WATCHED):
            broken |= _commanded(history, command, before, event, now_ns, profile)
            history = on_command(history, command, now_ns, profile)
    if after.mode is Mode.AUTO:
        broken |= _in_service(history, before, event, after, now_ns)
        history = history if history.served else msgspec.structs.replace(history, served=True)
    elif history.plant is not None and history.plant.fire is Flag.ACTIVE:
        broken |= set() if after.mode is Mode.EVACUATION else {"fire_vetoed"}
    return history, tuple(sorted(broken))


def watch_feeding(
    *, fed: bool, overdue_ns: int, waiting: int, room: int, limit_ns: int
) -> set[str]:
    """Judge one feeding of the watchdog: an overdue deadline or a full inbox is no health."""
    sick = overdue_ns > limit_ns or waiting >= room
    return {"watchdog_fed_sick"} if fed and sick else set()


def _in_service(
    history: ObservedHistory, before: State, event: Event, after: State, now_ns: int
) -> set[str]:
    """What holds whenever the lane says that it is in service."""
    broken: set[str] = set()
    plant = history.plant
    if history.fire:
        broken.add("moved_after_fire")
    if history.note_due:
        broken.add("reopened_unnoted")
    if plant is not None and plant.fire is Flag.ACTIVE:
        broken.add("fire_vetoed")
    if history.entry_release is history.exit_release is ReleaseState.RELEASED:
        broken.add("entry_and_exit_open")
    served = dossier_of(before.crossing)
    still = dossier_of(after.crossing)
    if before.mode is not Mode.AUTO and served is not None and still is not None:
        broken |= {"changed_in_use"} if served.ticket == still.ticket else set()
    for crossing in (after.crossing, after.approach):
        due = None if isinstance(crossing, Idle) else crossing.due_ns
        overdue = isinstance(event, Tick) and due is not None and due <= now_ns
        if overdue or (due is None and not isinstance(crossing, Idle)):
            broken.add("traveller_trapped")
    return broken


def _count(history: ObservedHistory, before: State, plant: Plant, after: State) -> set[str]:
    """Passages against accepts, while the lane is in service."""
    in_service = before.mode is Mode.AUTO and after.mode is Mode.AUTO
    if in_service and history.passed > 1 and plant.zone is Zone.EMPTY:
        return {"one_accept_one_passage"}
    old = history.plant.passages_exit if history.plant is not None else None
    if old is None or plant.passages_exit is None or not in_service:
        return set()
    more = (plant.passages_exit - old) % (1 << plant.counter_bits)
    allowed = 1 - history.passed if history.released else 0
    return {"one_accept_one_passage"} if allowed < more <= PLAUSIBLE else set()


def _unordered(history: ObservedHistory, before: State, plant: Plant, profile: Profile) -> set[str]:
    """What a reading shows that nothing ordered: the records that are due for it."""
    due: set[str] = set()
    opened = _moved(history.exits, plant.passages_exit, plant) and not history.released
    if opened or _moved(history.entries, plant.passages_entry, plant):
        due.add("passage")
    if plant.fire is Flag.ACTIVE or before.mode in (Mode.EVACUATION, Mode.MAINTENANCE):
        return due
    if profile.lane.two_doors:
        dark, lane = plant.power_loss is not Flag.CLEAR, profile.lane.on_power_loss
        exit_free = history.exit_release is not ReleaseState.NONE
        exit_free |= dark and lane.exit == "released"
        entry_free = history.entry_release is not ReleaseState.NONE
        entry_free |= dark and lane.entry == "released"
    else:
        exit_free, entry_free = history.opening, False
    leave = history.exit_shut and plant.exit is Door.OPEN and not exit_free
    come = history.entry_shut and plant.entry is Door.OPEN and not entry_free
    return due | ({"door_forced"} if leave or come else set())


def _moved(known: int | None, now: int | None, plant: Plant) -> bool:
    if known is None or now is None:
        return False
    return 0 < (now - known) % (1 << plant.counter_bits) <= PLAUSIBLE


def _stopped(unordered: set[str], after: State, commands: tuple[Command, ...]) -> set[str]:
    """Whether the lane stopped over what nothing ordered, and put it on record."""
    recorded = {
        command.facts.event
        for command in commands
        if isinstance(command, Append) and isinstance(command.facts, SystemFacts)
    }
    broken = {"door_forced": "opened_unordered", "passage": "passed_unseen"}
    in_service = after.mode is Mode.AUTO
    return {broken[due] for due in unordered if in_service or due not in recorded}


def _commanded(
    history: ObservedHistory,
    command: Command,
    before: State,
    event: Event,
    now_ns: int,
    profile: Profile,
) -> set[str]:
    """What holds for a command at the moment it goes out."""
    if isinstance(command, Append):
        return _recorded(command, before, event, now_ns) | _lists_kept(command, profile)
    leaseless = profile.lane.officer_lease_required and now_ns >= history.lease_ns
    if isinstance(command, ReadDocument):
        return {"no_lease"} if leaseless else set()
    if not isinstance(command, ACTUATIONS):
        return set()
    broken = _moves(history, command, now_ns, profile)
    plant = history.plant
    if plant is None:
        return broken
    match command:
        case OpenExit():
            two_doors = profile.lane.two_doors
            return broken | _opens(
                history, command, now_ns, leaseless=leaseless, two_doors=two_doors
            )
        case OpenEntry():
            return broken | _opens_entry(history, command, leaseless=leaseless)
        case Close():
            withdrawn_only = profile.lane.two_doors and plant.exit is Door.CLOSED
            occupied = plant.zone in (Zone.ONE, Zone.MANY) and not withdrawn_only
            return broken | _closes(plant, plant.obstruction, occupied=occupied)
        case CloseEntry():
            return broken | _closes(plant, plant.entry_obstruction, occupied=False)
        case SetDirection():
            still = before.mode is Mode.OUT_OF_SERVICE and plant.zone is Zone.EMPTY
            return broken if still else broken | {"changed_in_use"}


def _recorded(command: Append, before: State, event: Event, now_ns: int) -> set[str]:
    """An officer's decision that moves a door is from an officer, in time, on a crossing."""
    facts = command.facts
    if not isinstance(facts, OfficerFacts) or facts.action not in ("accept", "release"):
        return set()
    checked = (
        isinstance(event, OfficerDecided)
        and event.expires_at_ns > now_ns
        and event.ticket == command.ticket
        and event.action.value == facts.action
        and not (isinstance(before.crossing, Idle) and isinstance(before.approach, Idle))
    )
    return set() if checked else {"officer_unchecked"}


def _lists_kept(command: Append, profile: Profile) -> set[str]:
    """An admission rests on an answer of the lists that allows it."""
    facts = command.facts
    if not isinstance(facts, DecisionFacts) or facts.outcome is not Outcome.ADMIT:
        return set()
    answer, max_age_s = facts.lists_answer, profile.policy.max_list_age_s
    answered = answer.state in (ListState.NO_HIT, ListState.NO_LIST)
    fresh = max_age_s is None or (
        answer.state is ListState.NO_HIT
        and answer.age_s is not None
        and 0 <= answer.age_s <= max_age_s
    )
    return set() if answered and fresh else {"admitted_past_lists"}


def _moves(history: ObservedHistory, command: Actuation, now_ns: int, profile: Profile) -> set[str]:
    """What holds for whatever moves."""
    broken: set[str] = set()
    if (command.ticket, action_of(command)) not in history.written:
        broken.add("unrecorded_actuation")
    if history.fire:
        broken.add("moved_after_fire")
    plant = history.plant
    stale_ns = profile.budgets.plant_stale_ms * MS
    if plant is None or not 0 <= now_ns - plant.read_at_ns < stale_ns:
        return broken | {"unknown_taken_as_good"}
    of_entry = isinstance(command, OpenEntry | CloseEntry)
    needed = [plant.fire]
    if not isinstance(command, SetDirection):
        needed.append(plant.entry_obstruction if of_entry else plant.obstruction)
    by_order = isinstance(command, OpenEntry) and history.release_ordered
    two_doors = profile.lane.two_doors
    shut_already = two_doors and isinstance(command, Close) and plant.exit is Door.CLOSED
    blind = plant.zone is Zone.UNKNOWN and not (by_order or shut_already)
    other = {OpenExit: plant.entry, OpenEntry: plant.exit}.get(type(command))
    if blind or Flag.UNKNOWN in needed or other is Door.UNKNOWN:
        broken.add("unknown_taken_as_good")
    return broken


def _closes(plant: Plant, obstruction: Flag, *, occupied: bool) -> set[str]:
    broken: set[str] = set()
    if plant.fire is Flag.ACTIVE:
        broken.add("fire_vetoed")
    if occupied or obstruction is Flag.ACTIVE:
        broken.add("close_on_occupied")
    return broken


def _opens(
    history: ObservedHistory, command: OpenExit, now_ns: int, *, leaseless: bool, two_doors: bool
) -> set[str]:
    broken: set[str] = set()
    accept = history.accept
    if (
        accept is None
        or accept.ticket != command.ticket
        or not accept.durable
        or not accept.same_stay
        or now_ns >= accept.until_ns
    ):
        broken.add("open_without_accept")
    if leaseless:
        broken.add("no_lease")
    if not history.synchronised:
        broken.add("open_before_resync" if history.served else "power_on_opens")
    plant = history.plant
    if plant is None:
        return broken
    unlocked = two_doors and plant.entry_lock is not Lock.LOCKED
    if plant.entry is Door.OPEN or unlocked or history.entry_release is ReleaseState.RELEASED:
        broken.add("entry_and_exit_open")
    machine = accept is None or accept.by == "machine"
    if plant.zone is Zone.MANY or plant.obstruction is Flag.ACTIVE or (machine and history.crowd):
        broken.add("tailgating_admitted")
    return broken


def _opens_entry(history: ObservedHistory, command: OpenEntry, *, leaseless: bool) -> set[str]:
    """To come in, or to let a person go back out."""
    broken: set[str] = set()
    plant = history.plant
    if plant is None:
        return broken
    released = history.exit_release is ReleaseState.RELEASED
    if plant.exit is Door.OPEN or plant.exit_lock is not Lock.LOCKED or released:
        broken.add("entry_and_exit_open")
    coming_in = plant.zone is Zone.EMPTY
    if not history.synchronised and (coming_in or not history.release_ordered):
        broken.add("open_before_resync" if history.served else "power_on_opens")
    if coming_in and leaseless:
        broken.add("no_lease")
    if coming_in and command.ticket <= history.inside:
        broken.add("open_without_accept")
    if not coming_in and history.exit_used and not history.release_ordered:
        broken.add("wrong_way")
    return broken


WATCHED = (Append, ReadDocument, *ACTUATIONS)
