"""What happens at the doors without an order of this lane: openings, and passages.

A door that opens without one was forced, or was released by something other than the agent: the
lane stops, and what is still released is withdrawn. A passage that no release was out for is
counted by direction and recorded in every mode; outside an evacuation it stops the lane. Either
needs a supervisor's note before the lane serves again (`State.note_due`). Nothing here moves a
door, and no door waits for it.
"""

from __future__ import annotations

from drivers.types import Plant
from firmware_cfg.profile import Profile
from gate_agent.core.counter import (
    Unchecked,
    counters_read,
    most_since,
    passages_since,
)
from gate_agent.core.doors_seen import DoorsSeen
from gate_agent.core.ending import Commands, Moved, alarm, append_system
from gate_agent.core.facts import SystemFacts
from gate_agent.core.members import (
    DOOR_CLOSED,
    DOOR_OPEN,
    FLAG_ACTIVE,
    MODE_AUTO,
    MODE_EVACUATION,
    MODE_MAINTENANCE,
    RELEASE_NONE,
    ZONE_EMPTY,
    ZONE_MANY,
    ZONE_ONE,
)
from gate_agent.core.reasons import Reason
from gate_agent.core.record import counter_facts
from gate_agent.core.states import (
    RELEASED,
    Clearing,
    Crossing,
    Idle,
    Leaving,
    Opening,
    State,
    replace,
)

Forced = tuple[str, ...]
"""Names of doors that opened without an order."""


def moved_by_hand(state: State) -> bool:
    """Whether doors open without an order as they should: fire, or the maintenance key."""
    return state.plant.fire is FLAG_ACTIVE or state.mode in (MODE_EVACUATION, MODE_MAINTENANCE)


def release_out(state: State) -> bool:
    """Whether a release of a barrier's exit may be out."""
    crossing = state.crossing
    return isinstance(crossing, RELEASED) or (isinstance(crossing, Leaving) and crossing.withdraw)


def forced_at_barrier(state: State) -> Forced:
    """The directions of a barrier that opened without an order; one order opens the exit once."""
    plant, seen = state.plant, state.doors_seen
    if moved_by_hand(state):
        return ()
    ordered = seen.exit_ordered and release_out(state)
    leave = seen.exit_shut and plant.exit is DOOR_OPEN and not ordered
    come = seen.entry_shut and plant.entry is DOOR_OPEN
    return ("exit",) * leave + ("entry",) * come


def doors_followed(seen: DoorsSeen, plant: Plant) -> DoorsSeen:
    """Where the doors stand after a reading; one that is not known stays where it was."""
    entry = seen.entry_shut if plant.entry is not DOOR_OPEN else False
    leave = seen.exit_shut if plant.exit is not DOOR_OPEN else False
    now = DoorsSeen(
        entry_shut=entry or plant.entry is DOOR_CLOSED,
        exit_shut=leave or plant.exit is DOOR_CLOSED,
        exit_ordered=seen.exit_ordered and plant.exit is not DOOR_OPEN,
    )
    return seen if now == seen else now


def door_forced(state: State, forced: Forced, profile: Profile) -> Moved:
    """Stop the lane over doors that opened without an order, and record each."""
    if not forced:
        return state, ()
    state = replace(alarm(state, Reason.DOOR_FORCED), note_due=True)
    return state, tuple(
        append_system(SystemFacts(event="door_forced", door=door, mode=state.mode.value), profile)
        for door in forced
    )


def forced_withdrawn(state: State, forced: Forced) -> State:
    """At a barrier where no one is served: shut it once, as soon as its zone is empty."""
    if not forced or not isinstance(state.crossing, Idle):
        return state
    shutting = Leaving(ticket=state.next_ticket, due_ns=None, withdraw=True)
    return replace(state, crossing=shutting, next_ticket=state.next_ticket + 1)


def passages_followed(state: State, before: Plant, profile: Profile) -> Moved:
    """Count the passages of a reading, and stop the lane over those that no release was out for."""
    plant, known = state.plant, state.counters
    state = replace(state, counters=counters_read(known, plant))
    most = most_since(known, plant.read_at_ns)
    bits = plant.counter_bits
    leave = passages_since(known.exit, plant.passages_exit, bits, most)
    come = passages_since(known.entry, plant.passages_entry, bits, most)
    jumped = leave is None or come is None
    if isinstance(state.crossing, Opening | Crossing | Clearing):
        leave = 0
    walked, unseen = _from_chamber(state, before, profile)
    new = Unchecked(
        exit=(leave or 0) + walked,
        entry=come or 0,
        unknown=unseen or (jumped and not _stayed_shut(before, plant)),
    )
    if new == Unchecked():
        if not jumped:
            return state, ()
        return state, _recorded(state, "counter_jumped", new, profile)
    if not (plant.fire is FLAG_ACTIVE or state.fire_latched):
        followed = state.mode is MODE_AUTO and not new.entry and not new.unknown
        state = alarm(state, Reason.TAILGATING if followed else Reason.UNCHECKED_PASSAGE)
    state = replace(state, unchecked=state.unchecked.plus(new), note_due=True)
    return state, _recorded(state, "passage", new, profile)


def _stayed_shut(before: Plant, plant: Plant) -> bool:
    """Whether both directions were seen closed before and after: no one walked through."""
    doors = (before.entry, before.exit, plant.entry, plant.exit)
    return all(door is DOOR_CLOSED for door in doors)


def _from_chamber(state: State, before: Plant, profile: Profile) -> tuple[int, bool]:
    """Who left a chamber by an exit that was not released: how many, and whether unknown.

    Two doors have no counter. One person who is gone through the exit while the entry was closed
    is one passage; any other change behind an exit that is not closed is a number not known.
    """
    plant = state.plant
    ways = (before.exit, plant.exit)
    released = state.exit_release is not RELEASE_NONE and not moved_by_hand(state)
    if not profile.lane.two_doors or released:
        return 0, False
    if DOOR_OPEN not in ways or before.zone is plant.zone:
        return 0, False
    left = before.zone in (ZONE_ONE, ZONE_MANY) and plant.zone is ZONE_EMPTY
    closed_behind = before.entry is DOOR_CLOSED and plant.entry is DOOR_CLOSED
    if left and before.zone is ZONE_ONE and closed_behind:
        return 1, False
    return 0, True


def _recorded(state: State, event: str, new: Unchecked, profile: Profile) -> Commands:
    facts = SystemFacts(
        event=event,
        mode=state.mode.value,
        passages_exit=new.exit,
        passages_entry=new.entry,
        uncounted=new.unknown,
        counters=counter_facts(state.counters),
    )
    return (append_system(facts, profile),)
