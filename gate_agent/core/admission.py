"""From a durable accept to the release of the exit: Deciding, OfficerDeciding, Admitting.

    Deciding | OfficerDeciding -> Admitting -> Opening

The exit is released once the accept and the intended release are durable and the traveller
stands alone in the zone. What else must hold of the hardware differs by topology, whose own rows
hand it in as `way_clear`.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.types import DeviceFailed, DeviceId, OpenExit, PlantChanged
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import after
from gate_agent.core.document import failure_reasons
from gate_agent.core.ending import Moved, alarm, finish, refer, standing, walked_away, with_mishaps
from gate_agent.core.members import (
    DOOR_CLOSED,
    FLAG_CLEAR,
    RECORD_ACTUATION,
    RECORD_DECISION,
    RECORD_OFFICER,
    ZONE_EMPTY,
    ZONE_MANY,
    ZONE_ONE,
)
from gate_agent.core.messages import Appended, AppendFailed, PermitRefused, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Admitting,
    Deciding,
    Dossier,
    OfficerDeciding,
    Opening,
    State,
    replace,
)

WayClear = Callable[[State], bool]
"""Whether what the topology adds lets the exit be released now: doors, or a counter."""


def machine_accept_durable(
    state: State,
    deciding: Deciding,
    event: Appended,
    now_ns: int,
    profile: Profile,
    way_clear: WayClear,
) -> Moved:
    """A record of the machine's accept survived; open once both did."""
    deciding = replace(
        deciding,
        decision_durable=deciding.decision_durable or event.kind is RECORD_DECISION,
        actuation_durable=deciding.actuation_durable or event.kind is RECORD_ACTUATION,
    )
    state = replace(state, crossing=deciding)
    if not (deciding.decision_durable and deciding.actuation_durable):
        return state, ()
    return _carry_out(state, deciding.dossier, deciding.expires_ns, now_ns, profile, way_clear)


def officer_accept_durable(
    state: State,
    deciding: OfficerDeciding,
    event: Appended,
    now_ns: int,
    profile: Profile,
    way_clear: WayClear,
) -> Moved:
    """A record of the officer's decision survived: carry the decision out."""
    if not deciding.accept:
        return refusal_durable(state, deciding, event, now_ns, profile)
    deciding = replace(
        deciding,
        officer_durable=deciding.officer_durable or event.kind is RECORD_OFFICER,
        actuation_durable=deciding.actuation_durable or event.kind is RECORD_ACTUATION,
    )
    state = replace(state, crossing=deciding)
    if not (deciding.officer_durable and deciding.actuation_durable):
        return state, ()
    return _carry_out(state, deciding.dossier, deciding.expires_ns, now_ns, profile, way_clear)


def refusal_durable(
    state: State, deciding: OfficerDeciding, event: Appended, now_ns: int, profile: Profile
) -> Moved:
    """The refusal survived: the crossing ends."""
    if event.kind is not RECORD_OFFICER:
        return state, ()
    return finish(state, deciding.dossier, "refused", 0, now_ns, profile)


def _carry_out(
    state: State,
    dossier: Dossier,
    expires_ns: int,
    now_ns: int,
    profile: Profile,
    way_clear: WayClear,
) -> Moved:
    """The accept is durable: release as soon as the traveller stands alone in the zone."""
    dossier = replace(dossier, times=replace(dossier.times, durable_ns=now_ns))
    admitting = Admitting(dossier=dossier, due_ns=expires_ns)
    return _try_release(replace(state, crossing=admitting), admitting, now_ns, profile, way_clear)


def _try_release(
    state: State, admitting: Admitting, now_ns: int, profile: Profile, way_clear: WayClear
) -> Moved:
    """Release now, later, or not at all."""
    dossier = admitting.dossier
    plant = state.plant
    if plant.zone is ZONE_EMPTY and dossier.occupied:
        return walked_away(state, dossier, now_ns, profile)
    obstacles = standing(state, now_ns, profile)
    if state.occupancy != dossier.occupancy:
        obstacles = (*obstacles, Reason.DEVICE_FAILED)
    if now_ns >= admitting.due_ns:
        obstacles = (*obstacles, Reason.PERMIT_REFUSED)
    if obstacles:
        return refer(state, dossier, obstacles, now_ns, profile)
    safe = (
        plant.zone is ZONE_ONE
        and plant.entry is DOOR_CLOSED
        and plant.fire is FLAG_CLEAR
        and plant.obstruction is FLAG_CLEAR
    )
    if not safe or not way_clear(state):
        return state, ()
    dossier = replace(dossier, occupied=True, times=replace(dossier.times, release_ns=now_ns))
    opening = Opening(
        dossier=dossier,
        due_ns=after(now_ns, profile.budgets.actuation_ms),
        baseline=plant.passages_exit or 0,
    )
    return replace(state, crossing=opening), (OpenExit(ticket=dossier.ticket),)


def admit(
    state: State,
    admitting: Admitting,
    _event: PlantChanged | Tick,
    now_ns: int,
    profile: Profile,
    way_clear: WayClear,
) -> Moved:
    """The traveller moved, or time passed, while a durable accept waits."""
    if not admitting.dossier.occupied and state.plant.zone in (ZONE_ONE, ZONE_MANY):
        admitting = replace(admitting, dossier=replace(admitting.dossier, occupied=True))
        state = replace(state, crossing=admitting)
    return _try_release(state, admitting, now_ns, profile, way_clear)


def record_late(
    state: State, crossing: Deciding | OfficerDeciding, _event: Tick, now_ns: int, profile: Profile
) -> Moved:
    """The journal did not answer in time, or what the accept rests on fell away."""
    dossier = crossing.dossier
    if now_ns >= crossing.due_ns:
        return refer(
            alarm(state, Reason.RECORD_FAILED), dossier, (Reason.RECORD_FAILED,), now_ns, profile
        )
    obstacles = standing(state, now_ns, profile)
    if state.occupancy != dossier.occupancy:
        obstacles = (*obstacles, Reason.DEVICE_FAILED)
    if isinstance(crossing, Deciding) and obstacles:
        return refer(state, dossier, obstacles, now_ns, profile)
    return state, ()


def record_failed(
    state: State,
    crossing: Deciding | OfficerDeciding,
    _event: AppendFailed,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """What would have allowed an opening is not on record: an officer must see to it."""
    return refer(state, crossing.dossier, (Reason.RECORD_FAILED,), now_ns, profile)


def accept_device_failed(
    state: State,
    crossing: Deciding | OfficerDeciding | Admitting,
    event: DeviceFailed,
    now_ns: int,
    profile: Profile,
) -> Moved:
    """Turnstile, journal or inbox failed before the release; reader and vision are done."""
    if event.device in (DeviceId.READER, DeviceId.VISION, DeviceId.LISTS):
        return state, ()
    return refer(state, crossing.dossier, failure_reasons(event), now_ns, profile)


def permit_refused(
    state: State, opening: Opening, event: PermitRefused, now_ns: int, profile: Profile
) -> Moved:
    """The last guard stopped the release: nothing opened, an officer must see to it."""
    if event.action != "open_exit":
        return state, ()
    dossier = replace(opening.dossier, times=replace(opening.dossier.times, release_ns=None))
    return refer(state, dossier, (Reason.PERMIT_REFUSED,), now_ns, profile)


def released(dossier: Dossier, reasons: tuple[Reason, ...], now_ns: int) -> Dossier:
    """Note in the dossier that the exit is released, or may be."""
    dossier = with_mishaps(dossier, reasons)
    return replace(dossier, times=replace(dossier.times, opened_ns=now_ns))
