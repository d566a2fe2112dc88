"""The last guard before the hardware: may this command go out now?

The transition table proposes, `permit` disposes. It is written from the safety
invariants alone and shares no code and no conclusions with the table: a ledger of its own
(`gate_agent.core.ledger`) follows what was read, what was recorded and what was let
through. A refusal names the clause that did not hold.

Opening needs: the lane in service, a plant known and fresh, no fire, nothing in the way,
the entry known to be closed, exactly one person in the zone, an accept that is durably
recorded together with the intended release, given for this very stay, not expired, not
used before, no other person seen since the document was put down (unless an officer accepted),
and an officer's lease where one is required. Closing needs: its record on the way, no fire
and none awaiting acknowledgement, and a zone known to be empty and unobstructed.

Between two doors: the exit also needs the entry locked and the very ticket that was let in.
The entry opens only while the exit is shut, to come in (chamber empty, lane in service and
synchronised, once a ticket) or to go back out (a person inside who cannot have come by the exit,
or on an officer's order). It is shut on no obstruction, and never without its record. The
direction changes only out of service, at rest.
"""

from __future__ import annotations

from enum import StrEnum

from drivers.types import (
    Actuation,
    Close,
    CloseEntry,
    OpenEntry,
    OpenExit,
    Plant,
    SetDirection,
)
from firmware_cfg.profile import Profile
from gate_agent.core.ledger import Ledger
from gate_agent.core.members import (
    DOOR_CLOSED,
    FLAG_CLEAR,
    LOCK_LOCKED,
    MODE_AUTO,
    MODE_EVACUATION,
    MODE_MAINTENANCE,
    MODE_OUT_OF_SERVICE,
    RELEASE_NONE,
    ZONE_EMPTY,
    ZONE_ONE,
    ZONE_UNKNOWN,
)
from gate_agent.core.messages import Mode
from sync.log.types import RecordKind


class Clause(StrEnum):
    """The condition that did not hold."""

    MODE = "mode"
    PLANT_UNKNOWN = "plant_unknown"
    PLANT_STALE = "plant_stale"
    FIRE = "fire"
    OBSTRUCTED = "obstructed"
    ENTRY_NOT_CLOSED = "entry_not_closed"
    ZONE_NOT_ONE = "zone_not_one"
    ZONE_NOT_EMPTY = "zone_not_empty"
    NO_ACCEPT = "no_accept"
    SEVERAL_PERSONS = "several_persons"
    NOT_RECORDED = "not_recorded"
    NOT_DURABLE = "not_durable"
    OTHER_OCCUPANCY = "other_occupancy"
    EXPIRED = "expired"
    USED = "used"
    NO_LEASE = "no_lease"
    EXIT_NOT_SHUT = "exit_not_shut"
    ZONE_UNKNOWN = "zone_unknown"
    NOT_IN_STEP = "not_in_step"
    NOT_INSIDE = "not_inside"
    EXIT_USED = "exit_used"
    MAINTENANCE = "maintenance"
    NOT_STANDBY = "not_standby"
    ONE_WAY = "one_way"
    NO_SUCH_DOOR = "no_such_door"


def permit(
    command: Actuation, ledger: Ledger, mode: Mode, profile: Profile, now_ns: int
) -> Clause | None:
    """The clause that forbids this command now; None lets it out."""
    plant = ledger.plant
    if plant is None:
        return Clause.PLANT_UNKNOWN
    age_ns = now_ns - plant.read_at_ns
    if age_ns < 0:
        return Clause.PLANT_STALE
    if age_ns >= profile.budgets.plant_stale_ms * 1_000_000:
        return Clause.PLANT_STALE
    if plant.fire is not FLAG_CLEAR:
        return Clause.FIRE
    match command:
        case OpenExit():
            return _open_exit(command, plant, ledger, mode, profile, now_ns)
        case Close():
            return _close(command, plant, ledger, mode)
        case OpenEntry():
            return _open_entry(command, plant, ledger, mode, profile, now_ns)
        case CloseEntry():
            return _close_entry(command, plant, ledger, mode)
        case SetDirection():
            return _set_direction(plant, ledger, mode, profile)


def _open_exit(
    command: OpenExit,
    plant: Plant,
    ledger: Ledger,
    mode: Mode,
    profile: Profile,
    now_ns: int,
) -> Clause | None:
    if plant.obstruction is not FLAG_CLEAR:
        return Clause.OBSTRUCTED
    if mode is not MODE_AUTO:
        return Clause.MODE
    if plant.entry is not DOOR_CLOSED:
        return Clause.ENTRY_NOT_CLOSED
    if plant.zone is not ZONE_ONE:
        return Clause.ZONE_NOT_ONE
    if profile.lane.officer_lease_required and now_ns >= ledger.lease_until_ns:
        return Clause.NO_LEASE
    if profile.lane.two_doors:
        if plant.entry_lock is not LOCK_LOCKED:
            return Clause.ENTRY_NOT_CLOSED
        if ledger.entry_release is not RELEASE_NONE:
            return Clause.ENTRY_NOT_CLOSED
        if not ledger.synchronised:
            return Clause.NOT_IN_STEP
        if command.ticket != ledger.inside:
            return Clause.NOT_INSIDE
    return _accept_clause(command, ledger, now_ns)


def _accept_clause(command: OpenExit, ledger: Ledger, now_ns: int) -> Clause | None:
    accept = ledger.accept
    if command.ticket <= ledger.spent:
        return Clause.USED
    if accept is None:
        return Clause.NO_ACCEPT
    if accept.ticket != command.ticket:
        return Clause.NO_ACCEPT
    if ledger.crowd and accept.kind is RecordKind.DECISION:
        return Clause.SEVERAL_PERSONS
    if not accept.accept_durable:
        return Clause.NOT_DURABLE
    if not accept.release_durable:
        return Clause.NOT_DURABLE
    if accept.stay != ledger.stay:
        return Clause.OTHER_OCCUPANCY
    if now_ns >= accept.expires_ns:
        return Clause.EXPIRED
    return None


def _close(command: Close, plant: Plant, ledger: Ledger, mode: Mode) -> Clause | None:
    if plant.obstruction is not FLAG_CLEAR:
        return Clause.OBSTRUCTED
    if mode is MODE_EVACUATION or mode is MODE_MAINTENANCE:
        return Clause.MODE
    if command.ticket != ledger.closing:
        return Clause.NOT_RECORDED
    released = ledger.exit_release is not RELEASE_NONE
    withdrawn_only = released and plant.exit is DOOR_CLOSED
    if plant.zone is not ZONE_EMPTY and not withdrawn_only:
        return Clause.ZONE_NOT_EMPTY
    return None


def _open_entry(
    command: OpenEntry,
    plant: Plant,
    ledger: Ledger,
    mode: Mode,
    profile: Profile,
    now_ns: int,
) -> Clause | None:
    if not profile.lane.two_doors:
        return Clause.NO_SUCH_DOOR
    if plant.exit is not DOOR_CLOSED:
        return Clause.EXIT_NOT_SHUT
    if plant.exit_lock is not LOCK_LOCKED:
        return Clause.EXIT_NOT_SHUT
    if ledger.exit_release is not RELEASE_NONE:
        return Clause.EXIT_NOT_SHUT
    if plant.entry_obstruction is not FLAG_CLEAR:
        return Clause.OBSTRUCTED
    if plant.maintenance is not FLAG_CLEAR:
        return Clause.MAINTENANCE
    if command.ticket != ledger.entry_opening:
        return Clause.NOT_RECORDED
    if plant.zone is ZONE_EMPTY:
        return _come_in(command, ledger, mode, profile, now_ns)
    return _go_back(plant, ledger, mode)


def _come_in(
    command: OpenEntry, ledger: Ledger, mode: Mode, profile: Profile, now_ns: int
) -> Clause | None:
    if mode is not MODE_AUTO:
        return Clause.MODE
    if not ledger.synchronised:
        return Clause.NOT_IN_STEP
    if profile.lane.officer_lease_required and now_ns >= ledger.lease_until_ns:
        return Clause.NO_LEASE
    if command.ticket <= ledger.inside:
        return Clause.USED
    return None


def _go_back(plant: Plant, ledger: Ledger, mode: Mode) -> Clause | None:
    if mode is MODE_EVACUATION or mode is MODE_MAINTENANCE:
        return Clause.MODE
    if ledger.release_ordered:
        return None
    if plant.zone is ZONE_UNKNOWN:
        return Clause.ZONE_UNKNOWN
    if not ledger.synchronised:
        return Clause.NOT_IN_STEP
    if ledger.exit_used:
        return Clause.EXIT_USED
    return None


def _close_entry(command: CloseEntry, plant: Plant, ledger: Ledger, mode: Mode) -> Clause | None:
    if plant.entry_obstruction is not FLAG_CLEAR:
        return Clause.OBSTRUCTED
    if mode is MODE_EVACUATION or mode is MODE_MAINTENANCE:
        return Clause.MODE
    if command.ticket != ledger.entry_closing:
        return Clause.NOT_RECORDED
    if plant.zone is ZONE_UNKNOWN:
        return Clause.ZONE_UNKNOWN
    return None


def _set_direction(plant: Plant, ledger: Ledger, mode: Mode, profile: Profile) -> Clause | None:
    if mode is not MODE_OUT_OF_SERVICE:
        return Clause.NOT_STANDBY
    if not ledger.turning:
        return Clause.NOT_RECORDED
    if plant.entry is not DOOR_CLOSED:
        return Clause.ENTRY_NOT_CLOSED
    if plant.exit is not DOOR_CLOSED:
        return Clause.EXIT_NOT_SHUT
    if plant.zone is not ZONE_EMPTY:
        return Clause.ZONE_NOT_EMPTY
    if not profile.lane.reversible:
        return Clause.ONE_WAY
    return None
