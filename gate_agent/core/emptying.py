"""Handlers of a chamber that is brought to rest: `Emptying`, after every crossing.

A person who is still inside goes back by the entry, no door moves onto anyone, and a door that
does not follow stops the lane.
"""

from __future__ import annotations

from drivers.types import ActuationDone, Close, CloseEntry, OpenEntry, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.doors import next_move, shut_and_empty
from gate_agent.core.ending import Moved, alarm, append_actuation
from gate_agent.core.members import ZONE_EMPTY
from gate_agent.core.messages import PermitRefused, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.states import Emptying, Idle, Move, State, replace


def emptying_moved(
    state: State,
    emptying: Emptying,
    _event: PlantChanged | ActuationDone,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """The plant was read, or a move was answered: command the next one."""
    return bring_to_rest(state, emptying, now_ns, profile)


def bring_to_rest(state: State, emptying: Emptying, now_ns: int, profile: Profile) -> Moved:
    """One step towards an empty chamber between two shut doors."""
    if shut_and_empty(state):
        return replace(state, crossing=Idle()), ()
    move = next_move(state, emptying)
    if move == emptying.commanded or not move:
        return state, ()
    return _command(state, emptying, move, 1, now_ns, profile)


def _command(
    state: State, emptying: Emptying, move: Move, attempts: int, now_ns: int, profile: Profile
) -> Moved:
    ticket = emptying.ticket
    going_back = move == "open_entry"
    budget_ms = profile.budgets.officer_ms if going_back else profile.budgets.door_ms
    commanded = replace(
        emptying, commanded=move, attempts=attempts, due_ns=after(now_ns, budget_ms)
    )
    why = "go back" if going_back else "zone empty"
    by = "officer" if going_back and emptying.ordered else "machine"
    record = append_actuation(ticket, move, by, why, profile)
    command: OpenEntry | CloseEntry | Close
    if going_back:
        command = OpenEntry(ticket=ticket)
    elif move == "close":
        command = Close(ticket=ticket)
    else:
        command = CloseEntry(ticket=ticket)
    return replace(state, crossing=commanded), (record, command)


def emptying_late(
    state: State, emptying: Emptying, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """A door does not follow, or a person stays: try again so often, then stop the lane."""
    if emptying.due_ns is None or now_ns < emptying.due_ns:
        return state, ()
    move = next_move(state, emptying)
    closing = move in ("close", "close_entry")
    if closing and emptying.attempts < profile.lane.door_close_attempts:
        return _command(state, emptying, move, emptying.attempts + 1, now_ns, profile)
    reason = Reason.DOOR_HELD if state.plant.zone is ZONE_EMPTY else Reason.PASSAGE_TIMEOUT
    return alarm(replace(state, crossing=replace(emptying, due_ns=None)), reason), ()


def emptying_refused(
    state: State, _emptying: Emptying, _event: PermitRefused, _now_ns: int, _profile: Profile
) -> Moved:
    """The last guard stopped a move: it is tried again when an officer has acknowledged."""
    return alarm(state, Reason.PERMIT_REFUSED), ()
