"""A mantrap: a chamber between two doors, and a crossing of its own before the entry.

`gate_agent.core.chamber`, `departure` and `emptying` have the handlers of the chamber,
`gate_agent.core.approach` those before the entry.
"""

from __future__ import annotations

from biometrics.types import PortraitPrepared
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DocumentPresented,
    DocumentVerified,
    Plant,
    PlantChanged,
)
from firmware_cfg.profile import Profile
from gate_agent.core import (
    admission,
    approach,
    chamber,
    departure,
    document,
    emptying,
    officer,
    regions,
)
from gate_agent.core.approach import serve
from gate_agent.core.budgets import after
from gate_agent.core.doors import (
    answered,
    at_rest,
    commanded,
    followed,
    forced,
    reads_outside,
    refused,
    shut_and_empty,
    undisturbed,
)
from gate_agent.core.emptying import bring_to_rest
from gate_agent.core.ended import Ended
from gate_agent.core.ending import Moved
from gate_agent.core.members import (
    LOCK_UNLOCKED,
    MODE_STARTING,
    ZONE_EMPTY,
    ZONE_MANY,
    ZONE_ONE,
)
from gate_agent.core.messages import OfficerDecided, PermitRefused, Tick
from gate_agent.core.rows import Table, region, row
from gate_agent.core.shared_rows import SHARED_REGIONS, SHARED_ROWS
from gate_agent.core.states import (
    Admitting,
    Deciding,
    Departing,
    Emptying,
    Entering,
    Idle,
    OfficerDeciding,
    Opening,
    Presenting,
    Queued,
    Reading,
    Referred,
    Shutting,
    State,
    replace,
)
from gate_agent.core.topology import Topology
from sync.log.types import Appended, AppendFailed

CHAMBER_ROWS: Table = dict(
    [
        *SHARED_ROWS.items(),
        row(Deciding, Appended, departure.decision_durable),
        row(OfficerDeciding, Appended, departure.officer_durable),
        row(Admitting, PlantChanged, departure.admitting_moved),
        row(Admitting, Tick, departure.admitting_moved),
        row(Entering, PlantChanged, chamber.entering_moved),
        row(Entering, DeviceFailed, chamber.entry_device_failed),
        row(Entering, PermitRefused, chamber.shutting_refused),
        row(Entering, Tick, chamber.entering_late),
        row(Shutting, PlantChanged, chamber.shutting_moved),
        row(Shutting, DeviceFailed, chamber.entry_device_failed),
        row(Shutting, PermitRefused, chamber.shutting_refused),
        row(Shutting, Tick, chamber.shutting_late),
        row(Presenting, DocumentPresented, chamber.presented_inside),
        row(Presenting, PlantChanged, document.watch_zone),
        row(Presenting, DeviceFailed, chamber.entry_device_failed),
        row(Presenting, Tick, chamber.presenting_late),
        row(Opening, ActuationDone, departure.exit_released),
        row(Opening, PlantChanged, departure.opening_moved),
        row(Opening, PermitRefused, admission.permit_refused),
        row(Opening, Tick, departure.exit_unconfirmed),
        row(Departing, PlantChanged, departure.exit_moved),
        row(Departing, Tick, departure.exit_late),
        row(Emptying, PlantChanged, emptying.emptying_moved),
        row(Emptying, ActuationDone, emptying.emptying_moved),
        row(Emptying, PermitRefused, emptying.emptying_refused),
        row(Emptying, Tick, emptying.emptying_late),
    ]
)

APPROACH_ROWS: Table = dict(
    [
        *((pair, handler) for pair, handler in SHARED_ROWS.items() if pair[0] is Reading),
        row(Idle, DocumentPresented, document.presented),
        row(Reading, DocumentVerified, approach.document_verified),
        row(Reading, PortraitPrepared, approach.portrait_prepared),
        row(Queued, PlantChanged, approach.queue_moved),
        row(Queued, Tick, approach.queue_late),
        row(Referred, OfficerDecided, approach.approach_decided),
        row(Referred, PlantChanged, officer.referred_moved),
        row(Referred, Tick, officer.referral_late),
        row(OfficerDeciding, Appended, approach.approach_durable),
        row(OfficerDeciding, AppendFailed, admission.record_failed),
        row(OfficerDeciding, PlantChanged, officer.referred_moved),
        row(OfficerDeciding, DeviceFailed, admission.accept_device_failed),
        row(OfficerDeciding, Tick, admission.record_late),
    ]
)


def plant_changed(state: State, event: PlantChanged, now_ns: int, profile: Profile) -> Moved:
    """The hardware was read: note it and both areas, doors opened by force, what it forbids."""
    before = state.plant
    state = regions.plant_read(state, event.plant, now_ns, profile)
    if state.plant is event.plant:
        state = regions.plant_forbids(_doors_changed(state, before))
        return regions.unordered(state, before, forced(state, profile), profile)
    return state, ()


def _doors_changed(state: State, before: Plant) -> State:
    """Note what two doors add: the area before the entry, mains, maintenance."""
    plant = state.plant
    state = replace(
        followed(state),
        approach_stay=state.approach_stay + regions.stay_over(before.approach, plant.approach),
        had_turn=state.had_turn and plant.approach is not ZONE_EMPTY,
    )
    if not undisturbed(plant):
        state = replace(state, resync=True)
    return state


def actuated(state: State, event: ActuationDone, now_ns: int, profile: Profile) -> Moved:
    """Shutting that was read back is noted; a command that is not confirmed leaves doubt."""
    state, commands = regions.actuated(state, event, now_ns, profile)
    return (answered(state, event.action) if event.ok else state), commands


def permit_refused(state: State, event: PermitRefused, now_ns: int, profile: Profile) -> Moved:
    """Record that the last guard stopped a command, and that its door did not move."""
    return regions.permit_refused(refused(state, event.action), event, now_ns, profile)


def after_end(state: State, ended: Ended, now_ns: int, profile: Profile) -> State:
    """Bring the doors to rest and the chamber to be empty, unless they are."""
    if shut_and_empty(state):
        return state
    emptying = Emptying(
        ticket=ended.ticket,
        due_ns=after(now_ns, profile.budgets.officer_ms),
        exit_used=ended.exit_used,
        ordered=ended.ordered,
    )
    return replace(state, crossing=emptying)


def settle(state: State, now_ns: int, profile: Profile) -> Moved:
    """Bring the chamber to rest whenever no one is served in it."""
    crossing, plant = state.crossing, state.plant
    if isinstance(crossing, Idle):
        if plant.zone in (ZONE_ONE, ZONE_MANY) or _left_released(state):
            due_ns = after(now_ns, profile.budgets.officer_ms)
            stray = Emptying(ticket=state.next_ticket, due_ns=due_ns)
            return replace(
                state, crossing=stray, next_ticket=state.next_ticket + 1, resync=True
            ), ()
        if not state.resync and not at_rest(state):
            state = replace(state, resync=True)
        return state, ()
    if isinstance(crossing, Emptying) and not crossing.commanded:
        return bring_to_rest(state, crossing, now_ns, profile)
    return state, ()


def _left_released(state: State) -> bool:
    """Whether a door of an empty chamber was unlocked by something other than the agent.

    So it is after a fire in which the module's watchdog tripped: its outputs stand at their safe
    value, and the driver withdraws nothing against a fire.
    """
    plant = state.plant
    return (
        state.mode is MODE_STARTING
        and plant.zone is ZONE_EMPTY
        and undisturbed(plant)
        and LOCK_UNLOCKED in (plant.entry_lock, plant.exit_lock)
    )


MANTRAP = Topology(
    crossing=CHAMBER_ROWS,
    approach=APPROACH_ROWS,
    regions=dict(
        [
            *SHARED_REGIONS.items(),
            region(PlantChanged, plant_changed),
            region(ActuationDone, actuated),
            region(PermitRefused, permit_refused),
        ]
    ),
    begins_outside=reads_outside,
    after_end=after_end,
    settle=settle,
    at_rest=at_rest,
    serve=serve,
    commanded=commanded,
)
