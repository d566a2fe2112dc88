"""What an onlooker remembers of a lane, from events and commands alone.

The memory behind `gate_agent.core.invariants`: it takes nothing from the core's states, so
that what is judged cannot mislead the judge.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.types import (
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


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An accept that was given: by whom, and what of it is durable and still true."""

    ticket: int
    by: Literal["machine", "officer"]
    until_ns: int
    durable: bool = False
    same_stay: bool = True


class Ghost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an onlooker remembers.

    `entry_release` and `exit_release`: released, shutting, or none once seen shut. `inside`: the
    highest ticket that was let in. `order`: an officer said to let somebody out.
    """

    plant: Plant | None = None
    word: Word | None = None
    served: bool = False
    in_step: bool = False
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
    order: bool = False


def hear(ghost: Ghost, event: Event, now_ns: int, profile: Profile) -> Ghost:
    """Remember what an event says."""
    if isinstance(event, PlantChanged):
        return _read(ghost, event.plant, two_doors=profile.lane.two_doors)
    if isinstance(event, DeviceFailed) and event.device is DeviceId.TURNSTILE:
        return _edit(ghost, plant=None, in_step=False, word=None)
    if isinstance(event, OfficerPresent):
        limit_ns = now_ns + profile.budgets.lease_ms * MS
        return _edit(ghost, lease_ns=min(limit_ns, event.until_ns))
    word = ghost.word
    if isinstance(event, Appended) and word is not None:
        kind = RecordKind.DECISION if word.by == "machine" else RecordKind.OFFICER
        if event.ticket == word.ticket and event.kind is kind:
            return _edit(ghost, word=_edit(word, durable=True))
    elif isinstance(event, OfficerDecided) and event.action is OfficerAction.ACKNOWLEDGE:
        plant = ghost.plant
        clear = plant is not None and plant.fire is Flag.CLEAR and plant.zone is Zone.EMPTY
        if clear and event.expires_at_ns > now_ns:
            return _edit(ghost, fire=False)
    return ghost


def _read(ghost: Ghost, plant: Plant, *, two_doors: bool) -> Ghost:
    was = ghost.plant
    word = ghost.word
    moved = was is None or was.zone is not plant.zone
    if word is not None and moved and plant.zone in (Zone.EMPTY, Zone.UNKNOWN):
        word = _edit(word, same_stay=False)
    passed = ghost.passed
    counted = was.passages_exit if was is not None else None
    if None not in (counted, plant.passages_exit) and counted != plant.passages_exit:
        passed = min(passed + 1, 1)
    if two_doors and ghost.exit_release is ReleaseState.RELEASED and plant.zone is Zone.MANY:
        passed = 2
    entry = plant.entry is Door.CLOSED and (not two_doors or plant.entry_lock is Lock.LOCKED)
    leave = plant.exit is Door.CLOSED and (not two_doors or plant.exit_lock is Lock.LOCKED)
    rest = entry and leave and plant.zone is Zone.EMPTY and plant.fire is Flag.CLEAR
    disturbed = two_doors and not Flag.CLEAR is plant.power_loss is plant.maintenance
    return _edit(
        ghost,
        plant=plant,
        word=word,
        passed=passed,
        in_step=(ghost.in_step or rest) and not disturbed,
        fire=ghost.fire or plant.fire is Flag.ACTIVE,
        crowd=plant.zone is Zone.MANY or (ghost.crowd and plant.zone is not Zone.EMPTY),
        entry_release=_seen(ghost.entry_release, shut=entry),
        exit_release=_seen(ghost.exit_release, shut=leave),
        exit_used=ghost.exit_used and not rest,
        order=ghost.order and not rest,
    )


def _seen(release: ReleaseState, *, shut: bool) -> ReleaseState:
    return ReleaseState.NONE if shut and release is ReleaseState.SHUTTING else release


def see(ghost: Ghost, command: Command, now_ns: int, profile: Profile) -> Ghost:
    """Remember a command that went out."""
    two_doors = profile.lane.two_doors
    if isinstance(command, Append):
        return _written(ghost, command, now_ns, profile, two_doors=two_doors)
    if isinstance(command, ReadDocument) and not two_doors:
        return _edit(ghost, crowd=ghost.plant is not None and ghost.plant.zone is Zone.MANY)
    if not isinstance(command, ACTUATIONS):
        return ghost
    action = (command.ticket, action_of(command))
    ghost = _edit(ghost, written=tuple(entry for entry in ghost.written if entry != action))
    match command:
        case OpenExit():
            out = ReleaseState.RELEASED if two_doors else ReleaseState.NONE
            return _edit(
                ghost,
                word=None,
                released=command.ticket,
                passed=0,
                exit_release=out,
                exit_used=two_doors,
            )
        case OpenEntry():
            entry = ReleaseState.RELEASED
            return _edit(ghost, entry_release=entry, inside=command.ticket, order=False)
        case Close() if ghost.exit_release is not ReleaseState.NONE:
            return _edit(ghost, exit_release=ReleaseState.SHUTTING)
        case CloseEntry() if ghost.entry_release is not ReleaseState.NONE:
            return _edit(ghost, entry_release=ReleaseState.SHUTTING)
    return ghost


def _finished(ghost: Ghost, ticket: int) -> Ghost:
    """A crossing is over: what was intended for it and not done is void."""
    written = tuple(entry for entry in ghost.written if entry[0] != ticket)
    word = ghost.word
    if word is not None and word.ticket == ticket:
        word = None
    if ticket != ghost.released:
        return _edit(ghost, written=written, word=word)
    return _edit(ghost, written=written, word=word, released=0, passed=0)


def _written(
    ghost: Ghost, command: Append, now_ns: int, profile: Profile, *, two_doors: bool
) -> Ghost:
    """Follow a record on its way into the journal."""
    facts, ticket = command.facts, command.ticket
    until_ns = now_ns + profile.budgets.accept_valid_ms * MS
    match facts:
        case ActuationFacts():
            return _edit(ghost, written=(*ghost.written, (ticket, facts.action))[-4:])
        case FinishFacts():
            return _finished(ghost, ticket)
        case DecisionFacts(outcome=Outcome.ADMIT):
            return _edit(ghost, word=Word(ticket=ticket, by="machine", until_ns=until_ns))
        case DecisionFacts():
            other = two_doors and ghost.word is not None and ghost.word.ticket != ticket
            return ghost if other else _edit(ghost, word=None)
        case OfficerFacts(action="release"):
            return _edit(ghost, order=True)
        case OfficerFacts(action="accept") if not (two_doors and ticket != ghost.inside):
            return _edit(ghost, word=Word(ticket=ticket, by="officer", until_ns=until_ns))
    return ghost
