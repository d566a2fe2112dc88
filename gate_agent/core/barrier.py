"""A barrier: one door to pass, and a counter that says who did.

A traveller puts a document on the reader (`Idle -> Reading`). Chip and portrait are read
and checked; when both are in and the document allows it, the live face is compared
(`-> Verifying`). The first frame that satisfies the policy admits (`-> Deciding`): the
decision and the intended release are made durable, and only then, with the traveller
alone in the zone, the exit is released (`-> Admitting -> Opening -> Crossing`). The
passage counter says who went through; then the lane is free (`-> Idle`). If no one went
through, the release is withdrawn first (`-> Clearing`).

Whatever is missing, late or wrong asks an officer (`-> Referred`), who accepts or refuses
on the record (`-> OfficerDeciding -> Admitting`, or `-> Leaving`), or sends the traveller to
the desk. About several persons who stay where one is served an officer is asked without a
document (`Idle -> Referred`). A crossing that is over while a person still stands in the zone
waits for the zone to be empty (`Leaving`).
"""

from __future__ import annotations

from drivers.types import ActuationDone, DocumentPresented, OpenExit, Plant, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core import admission, document, party, passage
from gate_agent.core.budgets import after
from gate_agent.core.document import start
from gate_agent.core.ended import Ended
from gate_agent.core.ending import Commands, Moved
from gate_agent.core.members import DOOR_CLOSED, DOOR_OPEN, FLAG_CLEAR, ZONE_EMPTY, ZONE_MANY
from gate_agent.core.messages import PermitRefused, Tick
from gate_agent.core.party import stand_together
from gate_agent.core.rows import Table, row
from gate_agent.core.shared_rows import SHARED_REGIONS, SHARED_ROWS
from gate_agent.core.states import (
    Admitting,
    Clearing,
    Crossing,
    Deciding,
    Idle,
    Leaving,
    OfficerDeciding,
    Opening,
    Referred,
    State,
    replace,
)
from gate_agent.core.topology import Topology
from sync.log.types import Appended

BARRIER_ROWS: Table = dict(
    [
        *SHARED_ROWS.items(),
        row(Idle, DocumentPresented, document.presented),
        row(Deciding, Appended, passage.decision_durable),
        row(Admitting, PlantChanged, passage.admitting_moved),
        row(Admitting, Tick, passage.admitting_moved),
        row(Opening, ActuationDone, passage.opened),
        row(Opening, PlantChanged, passage.passage_moved),
        row(Opening, PermitRefused, admission.permit_refused),
        row(Opening, Tick, passage.opening_late),
        row(Crossing, PlantChanged, passage.passage_moved),
        row(Crossing, Tick, passage.passage_late),
        row(Clearing, ActuationDone, passage.withdrawn),
        row(Clearing, PermitRefused, passage.close_refused),
        row(Clearing, PlantChanged, passage.clearing_moved),
        row(Clearing, Tick, passage.clearing_late),
        row(Referred, DocumentPresented, party.separated),
        row(OfficerDeciding, Appended, passage.officer_durable),
        row(Leaving, DocumentPresented, document.presented),
        row(Leaving, PlantChanged, passage.left),
        row(Leaving, Tick, passage.leaving_late),
    ]
)


def after_end(state: State, ended: Ended, now_ns: int, profile: Profile) -> State:
    """Wait for the zone to be empty, or for a release that is out to be withdrawn."""
    occupied = state.plant.zone is not ZONE_EMPTY and not ended.vacated
    withdraw = ended.withdraw or _opened_by_others(state)
    if not occupied and not withdraw:
        return state
    leaving = Leaving(
        ticket=ended.ticket,
        due_ns=after(now_ns, profile.budgets.officer_ms),
        withdraw=withdraw,
    )
    return replace(state, crossing=leaving)


def _opened_by_others(state: State) -> bool:
    """Whether a direction stands open while the lane is stopped over it."""
    plant = state.plant
    opened = DOOR_OPEN in (plant.entry, plant.exit)
    return opened and state.note_due and plant.fire is FLAG_CLEAR


def serve(state: State, now_ns: int, profile: Profile) -> Moved:
    """Ask several persons to step back, and serve the document that was presented."""
    idle = state.crossing
    if not isinstance(idle, Idle):
        return state, ()
    together = state.plant.zone is ZONE_MANY or idle.several_due_ns is not None
    if not together and idle.presented_ns is None:
        return state, ()
    ready = _closed(state.plant)
    state, first = stand_together(state, now_ns, profile, doors_ready=ready)
    state, commands = start(state, now_ns, profile, doors_ready=ready)
    return state, first + commands


def at_rest(state: State) -> bool:
    """Whether the barrier is as between two crossings."""
    plant = state.plant
    return (
        _closed(plant)
        and plant.zone is ZONE_EMPTY
        and plant.fire is FLAG_CLEAR
        and plant.obstruction is FLAG_CLEAR
    )


def _closed(plant: Plant) -> bool:
    return plant.entry is DOOR_CLOSED and plant.exit is DOOR_CLOSED


def _reads_outside(_profile: Profile) -> bool:
    return False


def _settle(state: State, _now_ns: int, _profile: Profile) -> Moved:
    return state, ()


def _commanded(state: State, commands: Commands) -> State:
    """Note that the exit is about to open."""
    if not any(isinstance(command, OpenExit) for command in commands):
        return state
    return replace(state, doors_seen=replace(state.doors_seen, exit_ordered=True))


BARRIER = Topology(
    crossing=BARRIER_ROWS,
    approach={},
    regions=SHARED_REGIONS,
    begins_outside=_reads_outside,
    after_end=after_end,
    settle=_settle,
    at_rest=at_rest,
    serve=serve,
    commanded=_commanded,
)
