"""What the doors of a mantrap allow, from the plant as last read.

A door is shut when its contacts say closed and its lock says locked; anything else is not
shut, whatever it may be.
"""

from __future__ import annotations

from drivers.types import (
    Close,
    CloseEntry,
    OpenEntry,
    OpenExit,
    Plant,
)
from firmware_cfg.profile import Profile
from gate_agent.core.members import (
    DOOR_CLOSED,
    DOOR_OPEN,
    FLAG_CLEAR,
    LOCK_LOCKED,
    MODE_EVACUATION,
    MODE_MAINTENANCE,
    RELEASE_NONE,
    RELEASE_READ_BACK,
    RELEASE_RELEASED,
    RELEASE_SHUTTING,
    ZONE_EMPTY,
    ZONE_MANY,
    ZONE_ONE,
)
from gate_agent.core.messages import Command
from gate_agent.core.states import (
    Emptying,
    Idle,
    Move,
    State,
    replace,
)
from gate_agent.core.unordered import Forced, moved_by_hand


def reads_outside(profile: Profile) -> bool:
    """Whether the document is read before the entry door."""
    return profile.lane.entry_opens == "after_document"


def entry_shut(state: State) -> bool:
    """Whether the entry door is closed and locked, and no release of it is out."""
    plant = state.plant
    shut = plant.entry is DOOR_CLOSED and plant.entry_lock is LOCK_LOCKED
    return shut and state.entry_release is RELEASE_NONE


def exit_shut(state: State) -> bool:
    """Whether the exit door is closed and locked, and no release of it is out."""
    plant = state.plant
    shut = plant.exit is DOOR_CLOSED and plant.exit_lock is LOCK_LOCKED
    return shut and state.exit_release is RELEASE_NONE


def followed(state: State) -> State:
    """Note which releases are over, now that the plant was read again."""
    plant = state.plant
    entry = plant.entry is DOOR_CLOSED and plant.entry_lock is LOCK_LOCKED
    leave = plant.exit is DOOR_CLOSED and plant.exit_lock is LOCK_LOCKED
    if state.entry_release is RELEASE_READ_BACK and entry:
        state = replace(state, entry_release=RELEASE_NONE)
    if state.exit_release is RELEASE_READ_BACK and leave:
        state = replace(state, exit_release=RELEASE_NONE)
    return state


def answered(state: State, action: str) -> State:
    """Note that shutting a door was read back."""
    if action == "close_entry" and state.entry_release is RELEASE_SHUTTING:
        return replace(state, entry_release=RELEASE_READ_BACK)
    if action == "close" and state.exit_release is RELEASE_SHUTTING:
        return replace(state, exit_release=RELEASE_READ_BACK)
    return state


def refused(state: State, action: str) -> State:
    """Note that a move did not go out after all."""
    match action:
        case "open_entry":
            return replace(state, entry_release=RELEASE_NONE)
        case "close_entry" if state.entry_release is not RELEASE_NONE:
            return replace(state, entry_release=RELEASE_RELEASED)
        case "open_exit":
            return replace(state, exit_release=RELEASE_NONE)
        case "close" if state.exit_release is not RELEASE_NONE:
            return replace(state, exit_release=RELEASE_RELEASED)
    return state


def commanded(state: State, commands: tuple[Command, ...]) -> State:
    """Note which doors are being released and shut."""
    for command in commands:
        match command:
            case OpenEntry():
                state = replace(state, entry_release=RELEASE_RELEASED)
            case OpenExit():
                state = replace(state, exit_release=RELEASE_RELEASED)
            case CloseEntry() if state.entry_release is not RELEASE_NONE:
                state = replace(state, entry_release=RELEASE_SHUTTING)
            case Close() if state.exit_release is not RELEASE_NONE:
                state = replace(state, exit_release=RELEASE_SHUTTING)
    return state


def undisturbed(plant: Plant) -> bool:
    """Whether fire, mains and maintenance switch are all known to be as in service."""
    return (
        plant.fire is FLAG_CLEAR
        and plant.power_loss is FLAG_CLEAR
        and plant.maintenance is FLAG_CLEAR
    )


def shut_and_empty(state: State) -> bool:
    """Whether both doors are shut and neither person nor object is between them."""
    return state.plant.zone is ZONE_EMPTY and entry_shut(state) and exit_shut(state)


def at_rest(state: State) -> bool:
    """Whether the plant is as between two crossings in service."""
    plant = state.plant
    return (
        shut_and_empty(state)
        and undisturbed(plant)
        and plant.obstruction is FLAG_CLEAR
        and plant.entry_obstruction is FLAG_CLEAR
    )


def forced(state: State, profile: Profile) -> Forced:
    """The doors that opened although they were not released."""
    plant, seen = state.plant, state.doors_seen
    entry = seen.entry_shut and plant.entry is DOOR_OPEN
    leave = seen.exit_shut and plant.exit is DOOR_OPEN
    if not (entry or leave) or moved_by_hand(state):
        return ()
    entry_free = state.entry_release is not RELEASE_NONE
    exit_free = state.exit_release is not RELEASE_NONE
    without_mains = plant.power_loss is not FLAG_CLEAR
    lane = profile.lane.on_power_loss
    entry_free |= without_mains and lane.entry == "released"
    exit_free |= without_mains and lane.exit == "released"
    return ("exit",) * (leave and not exit_free) + ("entry",) * (entry and not entry_free)


def next_move(state: State, emptying: Emptying) -> Move:
    """What brings the chamber nearer to rest now; "" where nothing may move or need."""
    plant = state.plant
    if state.mode in (MODE_EVACUATION, MODE_MAINTENANCE) or plant.fire is not FLAG_CLEAR:
        return ""
    empty = plant.zone is ZONE_EMPTY
    exit_out = state.exit_release is not RELEASE_NONE
    if not exit_shut(state) and (empty or (exit_out and plant.exit is DOOR_CLOSED)):
        return "close" if plant.obstruction is FLAG_CLEAR else ""
    if empty:
        unsafe = entry_shut(state) or plant.entry_obstruction is not FLAG_CLEAR
        return "" if unsafe else "close_entry"
    way_back = (
        exit_shut(state)
        and plant.entry is DOOR_CLOSED
        and plant.entry_obstruction is FLAG_CLEAR
        and plant.maintenance is FLAG_CLEAR
    )
    known = plant.zone in (ZONE_ONE, ZONE_MANY) and not state.resync and not emptying.exit_used
    return "open_entry" if way_back and (emptying.ordered or known) else ""


def can_admit_into(state: State) -> bool:
    """Whether the chamber could take the next traveller."""
    return isinstance(state.crossing, Idle) and at_rest(state)
