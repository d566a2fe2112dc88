"""The safety invariants of a lane, as predicates over what it hears and does.

Used by the exhaustive search, by the property tests, and at every step of every
simulation. A `Ghost` remembers what an onlooker would, from events and commands alone; it
takes nothing from the core's conclusions but the mode and the deadlines, which are what
is judged. `watch` gives the ghost after one turn and the names of the invariants that
the turn broke.

    entry_and_exit_open      1  entry and exit are never both open, fire apart
    open_without_accept      2  the exit opens only on a durable, fresh, unused accept
                                of this very stay in the zone
    one_accept_one_passage   3  more passages than accepts stop the lane
    fire_vetoed              4  fire puts the lane into evacuation, and nothing closes it
    unknown_taken_as_good    5  nothing moves on what is unknown or stale
    close_on_occupied        6  no close on an occupied or obstructed zone
    open_before_resync       7  after a loss of the hardware: all seen in order first
    power_on_opens           8  power-on opens nothing
    tailgating_admitted      9  two persons or an object never pass without an officer
    traveller_trapped       10  while somebody is served a deadline runs, or the lane stopped
    moved_after_fire        11  after a fire nothing moves until it was acknowledged
    unrecorded_actuation    12  every actuation is on record before it
    officer_unchecked       15  an officer's accept is in time and names the crossing
    no_lease                16  no service without an officer where the profile asks for one
"""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.types import (
    Close,
    DeviceFailed,
    DeviceId,
    Door,
    Flag,
    OpenExit,
    Plant,
    PlantChanged,
    ReadDocument,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.messages import (
    Append,
    Appended,
    Command,
    Event,
    Mode,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    Tick,
)
from gate_agent.core.states import Idle, State
from sync.types import RecordKind

MS = 1_000_000
COUNTER_SPAN = 1 << 32
PLAUSIBLE = 1 << 16

_edit = msgspec.structs.replace


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """An accept that was given: by whom, and what of it is durable and still true."""

    ticket: int
    by: Literal["machine", "officer"]
    until_ns: int
    durable: bool = False
    same_stay: bool = True


class Ghost(msgspec.Struct, frozen=True, kw_only=True):
    """What an onlooker remembers."""

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


def watch(
    ghost: Ghost,
    before: State,
    event: Event,
    after: State,
    commands: tuple[Command, ...],
    now_ns: int,
    profile: Profile,
) -> tuple[Ghost, tuple[str, ...]]:
    """Follow one turn.

    Args:
        ghost: what was remembered before it.
        before: the lane before.
        event: what happened.
        after: the lane after.
        commands: what went out to devices, in order, after the guard.
        now_ns: when.
        profile: the effective profile.

    Returns:
        The ghost after, and the names of broken invariants, each once.
    """
    ghost, broken = _hear(ghost, before, event, after, now_ns, profile)
    for command in commands:
        ghost, more = _see(ghost, command, before, event, now_ns, profile)
        broken |= more
    if after.mode is Mode.AUTO and ghost.fire:
        broken.add("moved_after_fire")
    burning = ghost.plant is not None and ghost.plant.fire is Flag.ACTIVE
    if burning and after.mode is not Mode.EVACUATION:
        broken.add("fire_vetoed")
    if after.mode is Mode.AUTO and not isinstance(after.crossing, Idle):
        due = after.crossing.due_ns
        overdue = isinstance(event, Tick) and due is not None and due <= now_ns
        if due is None or overdue:
            broken.add("traveller_trapped")
    if after.mode is Mode.AUTO:
        ghost = _edit(ghost, served=True)
    return ghost, tuple(sorted(broken))


def _hear(
    ghost: Ghost, before: State, event: Event, after: State, now_ns: int, profile: Profile
) -> tuple[Ghost, set[str]]:
    broken: set[str] = set()
    if isinstance(event, PlantChanged):
        broken = _count(ghost, before, event.plant, after)
        ghost = _read(ghost, event.plant)
    elif isinstance(event, DeviceFailed) and event.device is DeviceId.TURNSTILE:
        ghost = _edit(ghost, plant=None, in_step=False, word=None)
    elif isinstance(event, OfficerPresent):
        limit_ns = now_ns + profile.budgets.lease_ms * MS
        ghost = _edit(ghost, lease_ns=min(limit_ns, event.until_ns))
    elif isinstance(event, Appended) and ghost.word is not None:
        kind = RecordKind.DECISION if ghost.word.by == "machine" else RecordKind.OFFICER
        if event.ticket == ghost.word.ticket and event.kind is kind:
            ghost = _edit(ghost, word=_edit(ghost.word, durable=True))
    elif isinstance(event, OfficerDecided) and event.action is OfficerAction.ACKNOWLEDGE:
        plant = ghost.plant
        clear = plant is not None and plant.fire is Flag.CLEAR and plant.zone is Zone.EMPTY
        if clear and event.expires_at_ns > now_ns:
            ghost = _edit(ghost, fire=False)
    return ghost, broken


def _count(ghost: Ghost, before: State, plant: Plant, after: State) -> set[str]:
    """Passages against accepts, while the lane is in service."""
    old = ghost.plant.passages_exit if ghost.plant is not None else None
    if old is None or plant.passages_exit is None or before.mode is not Mode.AUTO:
        return set()
    more = (plant.passages_exit - old) % COUNTER_SPAN
    allowed = 1 - ghost.passed if ghost.released else 0
    if allowed < more < PLAUSIBLE and after.mode is Mode.AUTO:
        return {"one_accept_one_passage"}
    return set()


def _read(ghost: Ghost, plant: Plant) -> Ghost:
    was = ghost.plant
    word = ghost.word
    moved = was is None or was.zone is not plant.zone
    if word is not None and moved and plant.zone in (Zone.EMPTY, Zone.UNKNOWN):
        word = _edit(word, same_stay=False)
    passed = ghost.passed
    counted = was.passages_exit if was is not None else None
    if None not in (counted, plant.passages_exit) and counted != plant.passages_exit:
        passed = min(passed + 1, 1)
    rest = (
        plant.entry is Door.CLOSED
        and plant.exit is Door.CLOSED
        and plant.zone is Zone.EMPTY
        and plant.fire is Flag.CLEAR
    )
    return _edit(
        ghost,
        plant=plant,
        word=word,
        passed=passed,
        in_step=ghost.in_step or rest,
        fire=ghost.fire or plant.fire is Flag.ACTIVE,
        crowd=plant.zone is Zone.MANY or (ghost.crowd and plant.zone is not Zone.EMPTY),
    )


def _see(
    ghost: Ghost, command: Command, before: State, event: Event, now_ns: int, profile: Profile
) -> tuple[Ghost, set[str]]:
    if isinstance(command, Append):
        return _written(ghost, command, before, event, now_ns, profile)
    required = profile.lane.officer_lease_required
    if isinstance(command, ReadDocument):
        leaseless = required and now_ns >= ghost.lease_ns
        crowd = ghost.plant is not None and ghost.plant.zone is Zone.MANY
        return _edit(ghost, crowd=crowd), {"no_lease"} if leaseless else set()
    if isinstance(command, OpenExit | Close):
        broken = _moves(ghost, command, now_ns, profile)
        if isinstance(command, Close):
            broken |= _closes(ghost)
        else:
            broken |= _opens(ghost, command, now_ns, required=required)
            ghost = _edit(ghost, word=None, released=command.ticket, passed=0)
        action = "close" if isinstance(command, Close) else "open_exit"
        left = tuple(entry for entry in ghost.written if entry != (command.ticket, action))
        return _edit(ghost, written=left), broken
    return ghost, set()


def _written(
    ghost: Ghost, command: Append, before: State, event: Event, now_ns: int, profile: Profile
) -> tuple[Ghost, set[str]]:
    """Follow a record on its way into the journal."""
    facts = command.facts
    until_ns = now_ns + profile.budgets.accept_valid_ms * MS
    ticket = command.ticket
    if command.kind is RecordKind.ACTUATION:
        entry = (ticket, str(facts["action"]))
        return _edit(ghost, written=(*ghost.written, entry)[-4:]), set()
    if command.kind is RecordKind.FINISH and ticket == ghost.released:
        return _edit(ghost, released=0, passed=0, word=None), set()
    if command.kind is RecordKind.DECISION:
        word = None
        if facts["outcome"] == "admit":
            word = Word(ticket=ticket, by="machine", until_ns=until_ns)
        return _edit(ghost, word=word), set()
    if command.kind is RecordKind.OFFICER and facts["action"] == "accept":
        checked = (
            isinstance(event, OfficerDecided)
            and event.expires_at_ns > now_ns
            and event.ticket == ticket
            and not isinstance(before.crossing, Idle)
        )
        word = Word(ticket=ticket, by="officer", until_ns=until_ns)
        return _edit(ghost, word=word), set() if checked else {"officer_unchecked"}
    return ghost, set()


def _moves(ghost: Ghost, command: OpenExit | Close, now_ns: int, profile: Profile) -> set[str]:
    """What holds for whatever moves."""
    broken: set[str] = set()
    action = "close" if isinstance(command, Close) else "open_exit"
    if (command.ticket, action) not in ghost.written:
        broken.add("unrecorded_actuation")
    if ghost.fire:
        broken.add("moved_after_fire")
    plant = ghost.plant
    stale_ns = profile.budgets.plant_stale_ms * MS
    if plant is None or not 0 <= now_ns - plant.read_at_ns < stale_ns:
        broken.add("unknown_taken_as_good")
        return broken
    if Zone.UNKNOWN in (plant.zone,) or Flag.UNKNOWN in (plant.fire, plant.obstruction):
        broken.add("unknown_taken_as_good")
    if isinstance(command, OpenExit) and plant.entry is Door.UNKNOWN:
        broken.add("unknown_taken_as_good")
    return broken


def _closes(ghost: Ghost) -> set[str]:
    broken: set[str] = set()
    plant = ghost.plant
    if plant is None:
        return broken
    if plant.fire is Flag.ACTIVE:
        broken.add("fire_vetoed")
    if plant.zone in (Zone.ONE, Zone.MANY) or plant.obstruction is Flag.ACTIVE:
        broken.add("close_on_occupied")
    return broken


def _opens(ghost: Ghost, command: OpenExit, now_ns: int, *, required: bool) -> set[str]:
    broken: set[str] = set()
    word = ghost.word
    if (
        word is None
        or word.ticket != command.ticket
        or not word.durable
        or not word.same_stay
        or now_ns >= word.until_ns
    ):
        broken.add("open_without_accept")
    if required and now_ns >= ghost.lease_ns:
        broken.add("no_lease")
    if not ghost.in_step:
        broken.add("open_before_resync" if ghost.served else "power_on_opens")
    plant = ghost.plant
    if plant is None:
        return broken
    if plant.entry is Door.OPEN:
        broken.add("entry_and_exit_open")
    machine = word is None or word.by == "machine"
    if plant.zone is Zone.MANY or plant.obstruction is Flag.ACTIVE or (machine and ghost.crowd):
        broken.add("tailgating_admitted")
    return broken
