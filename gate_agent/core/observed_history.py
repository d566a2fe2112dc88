"""What an observer of a lane remembers, from events and commands alone.

The memory behind `gate_agent.core.invariants`: it takes nothing from the core's states, so
that what is judged cannot mislead the judge.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.types import (
    ActuationDone,
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    Plant,
    PlantChanged,
    ReadDocument,
    Zone,
    action_of,
)
from firmware_cfg.profile import Profile
from gate_agent.core.facts import (
    ActuationFacts,
    DecisionFacts,
    FinishFacts,
    OfficerFacts,
)
from gate_agent.core.messages import (
    ACTUATIONS,
    Append,
    Appended,
    Command,
    Event,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
)
from gate_agent.core.reasons import Outcome
from gate_agent.core.release import ReleaseState
from sync.log.types import RecordKind

MS = 1_000_000

_edit = msgspec.structs.replace


class ObservedAccept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An accept that was given: by whom, and what of it is durable and still true."""

    ticket: int
    by: Literal["machine", "officer"]
    until_ns: int
    durable: bool = False
    same_stay: bool = True


class ObservedHistory(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an observer remembers.

    `entry_release` and `exit_release`: released, shutting, or none once seen shut. `inside`: the
    highest ticket that was let in. `release_ordered`: an officer ordered that a person
    be let out. `entry_shut`, `exit_shut`: the last position known of the door was closed;
    `opening`: the exit of a barrier was ordered to open and not seen open since. `exits`,
    `entries`: the counters as last known. `note_due`: a door was forced, a person passed without a
    release, or there was fire, and no supervisor's note was given since.
    """

    plant: Plant | None = None
    accept: ObservedAccept | None = None
    served: bool = False
    synchronised: bool = False
    fire: bool = False
    crowd: bool = False
    lease_ns: int = -1
    released: int = 0
    passed: int = 0
    written: tuple[tuple[int, str], ...] = ()
    entry_release: ReleaseState = ReleaseState.NONE
    exit_release: ReleaseState = ReleaseState.NONE
    inside: int = 0
    exit_used: bool = False
    release_ordered: bool = False
    entry_shut: bool = False
    exit_shut: bool = False
    opening: bool = False
    exits: int | None = None
    entries: int | None = None
    note_due: bool = False


def on_event(
    history: ObservedHistory, event: Event, now_ns: int, profile: Profile
) -> ObservedHistory:
    """Remember what an event says."""
    if isinstance(event, PlantChanged):
        return _read(history, event.plant, two_doors=profile.lane.two_doors)
    if isinstance(event, DeviceFailed) and event.device is DeviceId.TURNSTILE:
        return _edit(history, plant=None, synchronised=False, accept=None)
    if isinstance(event, OfficerPresent):
        limit_ns = now_ns + profile.budgets.lease_ms * MS
        return _edit(history, lease_ns=min(limit_ns, event.until_ns))
    accept = history.accept
    if isinstance(event, Appended) and accept is not None:
        kind = RecordKind.DECISION if accept.by == "machine" else RecordKind.OFFICER
        if event.ticket == accept.ticket and event.kind is kind:
            return _edit(history, accept=_edit(accept, durable=True))
    elif isinstance(event, ActuationDone) and event.ok:
        return _read_back(history, event.action)
    elif isinstance(event, OfficerDecided) and event.action is OfficerAction.ACKNOWLEDGE:
        return _acknowledged(history, event, now_ns, profile)
    return history


def _read_back(history: ObservedHistory, action: str) -> ObservedHistory:
    """A shutting that was read back; the release is over once the door is seen shut."""
    shutting, read_back = ReleaseState.SHUTTING, ReleaseState.READ_BACK
    if action == "close" and history.exit_release is shutting:
        return _edit(history, exit_release=read_back)
    if action == "close_entry" and history.entry_release is shutting:
        return _edit(history, entry_release=read_back)
    return history


def _acknowledged(
    history: ObservedHistory, event: OfficerDecided, now_ns: int, profile: Profile
) -> ObservedHistory:
    """An officer inspected the lane: it counts without fire, and after one with no one inside."""
    plant, supervisors = history.plant, profile.policy.supervisors
    if plant is None or plant.fire is not Flag.CLEAR or event.expires_at_ns <= now_ns:
        return history
    if history.fire and plant.zone is not Zone.EMPTY:
        return history
    noted = event.note.strip() != "" and (not supervisors or event.officer in supervisors)
    return _edit(history, fire=False, note_due=False) if noted else history


def _read(history: ObservedHistory, plant: Plant, *, two_doors: bool) -> ObservedHistory:
    was = history.plant
    accept = history.accept
    moved = was is None or was.zone is not plant.zone
    if accept is not None and moved and plant.zone in (Zone.EMPTY, Zone.UNKNOWN):
        accept = _edit(accept, same_stay=False)
    passed = history.passed
    counted = was.passages_exit if was is not None else None
    if None not in (counted, plant.passages_exit) and counted != plant.passages_exit:
        passed = min(passed + 1, 1)
    if two_doors and history.exit_release is ReleaseState.RELEASED and plant.zone is Zone.MANY:
        passed = 2
    entry = plant.entry is Door.CLOSED and (not two_doors or plant.entry_lock is Lock.LOCKED)
    leave = plant.exit is Door.CLOSED and (not two_doors or plant.exit_lock is Lock.LOCKED)
    rest = entry and leave and plant.zone is Zone.EMPTY and plant.fire is Flag.CLEAR
    disturbed = two_doors and not Flag.CLEAR is plant.power_loss is plant.maintenance
    return _edit(
        history,
        plant=plant,
        accept=accept,
        passed=passed,
        synchronised=(history.synchronised or rest) and not disturbed,
        fire=history.fire or plant.fire is Flag.ACTIVE,
        crowd=plant.zone is Zone.MANY or (history.crowd and plant.zone is not Zone.EMPTY),
        entry_release=_seen(history.entry_release, shut=entry),
        exit_release=_seen(history.exit_release, shut=leave),
        exit_used=history.exit_used and not rest,
        release_ordered=history.release_ordered and not rest,
        entry_shut=_still_shut(history.entry_shut, plant.entry),
        exit_shut=_still_shut(history.exit_shut, plant.exit),
        opening=history.opening and plant.exit is not Door.OPEN,
        exits=history.exits if plant.passages_exit is None else plant.passages_exit,
        entries=history.entries if plant.passages_entry is None else plant.passages_entry,
        note_due=history.note_due or plant.fire is Flag.ACTIVE,
    )


def _still_shut(before: bool, now: Door) -> bool:  # noqa: FBT001 - what was so before
    return before if now is Door.UNKNOWN else now is Door.CLOSED


def _seen(release: ReleaseState, *, shut: bool) -> ReleaseState:
    return ReleaseState.NONE if shut and release is ReleaseState.READ_BACK else release


def on_command(
    history: ObservedHistory, command: Command, now_ns: int, profile: Profile
) -> ObservedHistory:
    """Remember a command that went out."""
    two_doors = profile.lane.two_doors
    if isinstance(command, Append):
        return _written(history, command, now_ns, profile, two_doors=two_doors)
    if isinstance(command, ReadDocument) and not two_doors:
        return _edit(history, crowd=history.plant is not None and history.plant.zone is Zone.MANY)
    if not isinstance(command, ACTUATIONS):
        return history
    action = (command.ticket, action_of(command))
    history = _edit(history, written=tuple(entry for entry in history.written if entry != action))
    match command:
        case OpenExit():
            out = ReleaseState.RELEASED if two_doors else ReleaseState.NONE
            return _edit(
                history,
                accept=None,
                released=command.ticket,
                passed=0,
                exit_release=out,
                exit_used=two_doors,
                opening=not two_doors,
            )
        case OpenEntry():
            entry = ReleaseState.RELEASED
            return _edit(history, entry_release=entry, inside=command.ticket, release_ordered=False)
        case Close() if history.exit_release is not ReleaseState.NONE:
            return _edit(history, exit_release=ReleaseState.SHUTTING)
        case CloseEntry() if history.entry_release is not ReleaseState.NONE:
            return _edit(history, entry_release=ReleaseState.SHUTTING)
    return history


def _finished(history: ObservedHistory, ticket: int) -> ObservedHistory:
    """A crossing is over: what was intended for it and not done is void."""
    written = tuple(entry for entry in history.written if entry[0] != ticket)
    accept = history.accept
    if accept is not None and accept.ticket == ticket:
        accept = None
    if ticket != history.released:
        return _edit(history, written=written, accept=accept)
    return _edit(history, written=written, accept=accept, released=0, passed=0)


def _written(
    history: ObservedHistory, command: Append, now_ns: int, profile: Profile, *, two_doors: bool
) -> ObservedHistory:
    """Follow a record on its way into the journal."""
    facts, ticket = command.facts, command.ticket
    until_ns = now_ns + profile.budgets.accept_valid_ms * MS
    match facts:
        case ActuationFacts():
            return _edit(history, written=(*history.written, (ticket, facts.action))[-4:])
        case FinishFacts():
            return _finished(history, ticket)
        case DecisionFacts(outcome=Outcome.ADMIT):
            return _edit(
                history, accept=ObservedAccept(ticket=ticket, by="machine", until_ns=until_ns)
            )
        case DecisionFacts():
            other = two_doors and history.accept is not None and history.accept.ticket != ticket
            return history if other else _edit(history, accept=None)
        case OfficerFacts(action="release"):
            return _edit(history, release_ordered=True)
        case OfficerFacts(action="accept") if not (two_doors and ticket != history.inside):
            return _edit(
                history, accept=ObservedAccept(ticket=ticket, by="officer", until_ns=until_ns)
            )
    return history
