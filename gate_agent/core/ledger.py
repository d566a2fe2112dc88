"""What the last guard knows by itself, from events and from commands that go out.

Written for `gate_agent.core.permit` alone; it shares no code and no conclusions with the
transition table, nor with the observer of the invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from drivers.types import (
    ActuationDone,
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    OpenEntry,
    OpenExit,
    Plant,
    ReadDocument,
    SetDirection,
)
from firmware_cfg.profile import Profile
from gate_agent.core.facts import (
    ActuationFacts,
    DecisionFacts,
    FinishFacts,
    OfficerFacts,
)
from gate_agent.core.members import (
    DOOR_CLOSED,
    FLAG_CLEAR,
    LOCK_LOCKED,
    OUTCOME_ADMIT,
    RECORD_ACTUATION,
    RELEASE_NONE,
    RELEASE_READ_BACK,
    RELEASE_RELEASED,
    RELEASE_SHUTTING,
    ZONE_EMPTY,
    ZONE_MANY,
    ZONE_ONE,
    ZONE_UNKNOWN,
)
from gate_agent.core.messages import (
    Append,
    Appended,
    Command,
    Event,
    OfficerPresent,
    PlantChanged,
)
from gate_agent.core.release import ReleaseState
from sync.log.types import RecordKind


class Accept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An accept on its way into the journal, bound to one stay in the zone.

    `stay` is None for an accept that was given with no one, or not exactly one, in the
    zone: a person who steps in afterwards is not known to be the one who was judged.
    """

    ticket: int
    stay: int | None
    kind: RecordKind
    expires_ns: int
    accept_durable: bool = False
    release_requested: bool = False
    release_durable: bool = False


class Ledger(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the guard knows by itself.

    `spent`: the highest ticket it let open; `crowd`: more than one person was seen since
    the present document was asked for, or since the chamber was empty; `closing`: the
    ticket whose close is on record, `entry_opening` and `entry_closing` likewise, `turning`
    for the direction. `inside`: the highest ticket it let in; `synchronised`: two doors were
    seen at rest since the hardware was last lost or disturbed; `entry_release`, `exit_release`:
    the release of each door; `exit_used`: the exit was released since; `release_ordered`: an
    officer's order to let a person out is on record.
    """

    plant: Plant | None = None
    stay: int = 0
    lease_until_ns: int = -1
    accept: Accept | None = None
    spent: int = 0
    crowd: bool = False
    closing: int = -1
    entry_opening: int = -1
    entry_closing: int = -1
    turning: bool = False
    inside: int = 0
    synchronised: bool = False
    entry_release: ReleaseState = ReleaseState.NONE
    exit_release: ReleaseState = ReleaseState.NONE
    exit_used: bool = False
    release_ordered: bool = False


_edit = msgspec.structs.replace


def on_event(ledger: Ledger, event: Event, now_ns: int, profile: Profile) -> Ledger:
    """Follow an event."""
    follow = _FOLLOWED.get(type(event))
    return ledger if follow is None else follow(ledger, event, now_ns, profile)


def _plant_changed(ledger: Ledger, event: PlantChanged, now_ns: int, profile: Profile) -> Ledger:
    return _read(ledger, event.plant, now_ns, profile)


def _device_failed(ledger: Ledger, event: DeviceFailed, _now_ns: int, _profile: Profile) -> Ledger:
    if event.device is not DeviceId.TURNSTILE:
        return ledger
    return _edit(ledger, plant=None, stay=ledger.stay + 1, accept=None, synchronised=False)


def _officer_present(
    ledger: Ledger, event: OfficerPresent, now_ns: int, profile: Profile
) -> Ledger:
    latest_ns = now_ns + profile.budgets.lease_ms * 1_000_000
    return _edit(ledger, lease_until_ns=min(event.until_ns, latest_ns))


def _actuated(ledger: Ledger, event: ActuationDone, _now_ns: int, _profile: Profile) -> Ledger:
    if not event.ok:
        return ledger
    if event.action == "close_entry" and ledger.entry_release is RELEASE_SHUTTING:
        return _edit(ledger, entry_release=RELEASE_READ_BACK)
    if event.action == "close" and ledger.exit_release is RELEASE_SHUTTING:
        return _edit(ledger, exit_release=RELEASE_READ_BACK)
    return ledger


def _appended(ledger: Ledger, event: Appended, _now_ns: int, _profile: Profile) -> Ledger:
    accept = ledger.accept
    if accept is None or event.ticket != accept.ticket:
        return ledger
    if event.kind is accept.kind:
        return _edit(ledger, accept=_edit(accept, accept_durable=True))
    if event.kind is RECORD_ACTUATION and accept.release_requested:
        return _edit(ledger, accept=_edit(accept, release_durable=True))
    return ledger


_FOLLOWED: Mapping[type[Event], Callable[[Ledger, Any, int, Profile], Ledger]] = {
    PlantChanged: _plant_changed,
    DeviceFailed: _device_failed,
    OfficerPresent: _officer_present,
    ActuationDone: _actuated,
    Appended: _appended,
}


def _read(ledger: Ledger, plant: Plant, now_ns: int, profile: Profile) -> Ledger:
    """Follow a reading of the plant."""
    before = ledger.plant
    was = before.zone if before is not None else ZONE_UNKNOWN
    zone = plant.zone
    stay = ledger.stay + (zone is not was and zone in (ZONE_EMPTY, ZONE_UNKNOWN))
    crowd = ledger.crowd or zone is ZONE_MANY
    if not profile.lane.two_doors:
        return _edit(ledger, plant=plant, stay=stay, crowd=crowd)
    entry = plant.entry is DOOR_CLOSED and plant.entry_lock is LOCK_LOCKED
    leave = plant.exit is DOOR_CLOSED and plant.exit_lock is LOCK_LOCKED
    rest = entry and leave and zone is ZONE_EMPTY
    undisturbed = FLAG_CLEAR is plant.fire is plant.power_loss is plant.maintenance
    stale_ns = profile.budgets.plant_stale_ms * 1_000_000
    followed = before is not None and now_ns - before.read_at_ns < stale_ns
    return _edit(
        ledger,
        plant=plant,
        stay=stay,
        crowd=crowd and zone is not ZONE_EMPTY,
        synchronised=undisturbed and (rest or (ledger.synchronised and followed)),
        entry_release=_seen(ledger.entry_release, shut=entry),
        exit_release=_seen(ledger.exit_release, shut=leave),
        exit_used=ledger.exit_used and not rest,
        release_ordered=ledger.release_ordered and not rest,
    )


def _seen(release: ReleaseState, *, shut: bool) -> ReleaseState:
    """A release is over once its door is seen shut after the shutting was read back."""
    return RELEASE_NONE if shut and release is RELEASE_READ_BACK else release


def _shutting(release: ReleaseState) -> ReleaseState:
    """What a close makes of a release; none stays none."""
    return release if release is RELEASE_NONE else RELEASE_SHUTTING


def on_command(ledger: Ledger, command: Command, now_ns: int, profile: Profile) -> Ledger:
    """Follow a command that goes out."""
    if type(command) not in _FOLLOWED_COMMANDS:
        return ledger
    match command:
        case Append():  # most of all commands
            return _recorded(ledger, command, now_ns, profile)
        case OpenExit():
            spent = max(ledger.spent, command.ticket)
            if not profile.lane.two_doors:
                return _edit(ledger, spent=spent, accept=None)
            released = RELEASE_RELEASED
            return _edit(ledger, spent=spent, accept=None, exit_used=True, exit_release=released)
        case OpenEntry():
            inside = max(ledger.inside, command.ticket)
            return _edit(
                ledger,
                inside=inside,
                entry_opening=-1,
                entry_release=RELEASE_RELEASED,
                release_ordered=False,
            )
        case Close():
            return _edit(ledger, closing=-1, exit_release=_shutting(ledger.exit_release))
        case CloseEntry():
            return _edit(ledger, entry_closing=-1, entry_release=_shutting(ledger.entry_release))
        case SetDirection():
            return _edit(ledger, turning=False, synchronised=False)
        case ReadDocument() if not profile.lane.two_doors:
            crowd = ledger.plant is not None and ledger.plant.zone is ZONE_MANY
            return _edit(ledger, crowd=crowd)
    return ledger


_FOLLOWED_COMMANDS = frozenset(
    {Append, OpenExit, OpenEntry, Close, CloseEntry, SetDirection, ReadDocument}
)


def _recorded(ledger: Ledger, command: Append, now_ns: int, profile: Profile) -> Ledger:
    """Follow a record on its way into the journal."""
    facts, ticket = command.facts, command.ticket
    match facts:
        case ActuationFacts():
            return _actuation_requested(ledger, ticket, facts.action)
        case DecisionFacts():
            admits = facts.outcome is OUTCOME_ADMIT
            return _decision_requested(
                ledger, command, now_ns, profile, accepts=admits, revokes=not admits
            )
        case OfficerFacts(action="release"):
            return _edit(ledger, release_ordered=True)
        case OfficerFacts():
            accepts, rejects = facts.action == "accept", facts.action == "reject"
            return _decision_requested(
                ledger, command, now_ns, profile, accepts=accepts, revokes=rejects
            )
        case FinishFacts() if ledger.accept is not None and ledger.accept.ticket == ticket:
            return _edit(ledger, accept=None)
    return ledger


def _actuation_requested(ledger: Ledger, ticket: int, action: str) -> Ledger:
    """Follow the record of an intended actuation."""
    match action:
        case "close":
            return _edit(ledger, closing=ticket)
        case "open_entry":
            return _edit(ledger, entry_opening=ticket)
        case "close_entry":
            return _edit(ledger, entry_closing=ticket)
        case "set_direction":
            return _edit(ledger, turning=True)
    accept = ledger.accept
    if accept is not None and accept.ticket == ticket:
        return _edit(ledger, accept=_edit(accept, release_requested=True))
    return ledger


def _decision_requested(
    ledger: Ledger,
    command: Append,
    now_ns: int,
    profile: Profile,
    *,
    accepts: bool,
    revokes: bool,
) -> Ledger:
    """Follow the record of a decision, the machine's or an officer's.

    A decision that neither accepts nor revokes leaves what was decided before.
    """
    if accepts:
        if profile.lane.two_doors and command.ticket != ledger.inside:
            return ledger
        alone = ledger.plant is not None and ledger.plant.zone is ZONE_ONE
        accept = Accept(
            ticket=command.ticket,
            stay=ledger.stay if alone else None,
            kind=command.kind,
            expires_ns=now_ns + profile.budgets.accept_valid_ms * 1_000_000,
        )
        return _edit(ledger, accept=accept)
    given = ledger.accept
    if revokes and given is not None and given.ticket == command.ticket:
        return _edit(ledger, accept=None)
    return ledger
