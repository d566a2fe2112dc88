"""The state of a lane: a record of regions, each small, none of them one big enum.

    crossing   where the present crossing stands (a union of frozen records)
    plant      the hardware as last read, when that reading turns stale, whose turn it is
    mode       starting, auto, out of service, evacuation, and what it follows from
    lease      until when an officer is known to be at the console
    devices    which are synchronised with the agent

Instants are monotonic nanoseconds. The state asks for one wake-up, `due_ns`.
`occupancy` numbers stays in the zone: it moves on whenever the zone has become empty and
whenever we lost sight of it, so that an accept can be bound to the very stay it was
given for. Tickets number crossings.

Between two doors (a mantrap) `crossing` and `occupancy` are of the chamber; `approach` is a
crossing of its own, of the traveller before the entry door, and `approach_stay` numbers
stays there. A ticket moves from `approach` to `crossing` when the entry is released for it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from biometrics.types import Guidance, ModelsUsed
from drivers.types import Condition, DeviceId, Plant
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import Times
from gate_agent.core.counter import NOTHING_KEPT, Counters, Kept, Unchecked
from gate_agent.core.doors_seen import DoorsSeen
from gate_agent.core.ended import Ended, Last
from gate_agent.core.members import DOOR_CLOSED, FLAG_CLEAR, MODE_OUT_OF_SERVICE, ZONE_EMPTY
from gate_agent.core.messages import Mode
from gate_agent.core.policy import Decision, Evidence
from gate_agent.core.reasons import Reason
from gate_agent.core.release import ReleaseState

replace = msgspec.structs.replace


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the state's records."""


class Dossier(Record, frozen=True, kw_only=True):
    """All that is known of one crossing.

    `occupied` turns true once the zone held a person during this crossing; only then does an
    empty zone mean that the traveller left. `reversed`: entry and exit were swapped when it
    began; they stay as they are while a traveller is served. `inspection_day`: the gate's
    calendar day of the document's reading (ISO 8601), by which the whole crossing is judged, also
    where midnight passes meanwhile; "" until a document is read, or the clock not trusted.
    """

    ticket: int
    occupancy: int
    occupied: bool
    times: Times
    reversed: bool = False
    evidence: Evidence = Evidence()
    inspection_day: str = ""
    holder: str | None = None
    portrait: str | None = None
    document_step: str = ""
    models: ModelsUsed | None = None
    frames: int = 0
    guidance: Guidance = Guidance.NONE
    decision: Decision | None = None
    mishaps: tuple[Reason, ...] = ()
    officer: str = ""
    officer_due_ns: int | None = None


class Idle(Record, frozen=True, kw_only=True, tag=True):
    """No one is being served.

    `presented_ns`: a document came before we could start. `several_due_ns`: until when several
    persons may stand before a barrier before an officer is asked.
    """

    presented_ns: int | None = None
    several_due_ns: int | None = None


class Reading(Record, frozen=True, kw_only=True, tag=True):
    """The document is read and its portrait prepared."""

    dossier: Dossier
    due_ns: int


class Verifying(Record, frozen=True, kw_only=True, tag=True):
    """The live face is compared with the portrait."""

    dossier: Dossier
    due_ns: int


class Deciding(Record, frozen=True, kw_only=True, tag=True):
    """The machine admits; its decision and the intended release are being made durable."""

    dossier: Dossier
    due_ns: int
    expires_ns: int
    decision_durable: bool = False
    actuation_durable: bool = False


class Admitting(Record, frozen=True, kw_only=True, tag=True):
    """A durable accept waits for its traveller to stand alone in the zone."""

    dossier: Dossier
    due_ns: int


class Opening(Record, frozen=True, kw_only=True, tag=True):
    """The release was commanded and is not yet confirmed. `baseline`: counter before it."""

    dossier: Dossier
    due_ns: int
    baseline: int


class Crossing(Record, frozen=True, kw_only=True, tag=True):
    """The exit is released for one passage."""

    dossier: Dossier
    due_ns: int
    baseline: int
    several: bool = False


class Clearing(Record, frozen=True, kw_only=True, tag=True):
    """The release is being withdrawn, or waits for an empty zone to be withdrawn.

    `commanded`: the close was sent; `withdrawn`: it was read back, and the next reading
    of the plant ends the crossing.
    """

    dossier: Dossier
    due_ns: int
    baseline: int
    commanded: bool
    withdrawn: bool = False


class Queued(Record, frozen=True, kw_only=True, tag=True):
    """Before the entry door: the document is in order, the chamber not yet free."""

    dossier: Dossier
    due_ns: int


class Entering(Record, frozen=True, kw_only=True, tag=True):
    """The entry door is released; the traveller comes in."""

    dossier: Dossier
    due_ns: int


class Shutting(Record, frozen=True, kw_only=True, tag=True):
    """The traveller is inside; the entry door is being shut behind them."""

    dossier: Dossier
    due_ns: int
    attempts: int = 1


class Presenting(Record, frozen=True, kw_only=True, tag=True):
    """Inside and shut; the document is not on the reader yet."""

    dossier: Dossier
    due_ns: int


class Departing(Record, frozen=True, kw_only=True, tag=True):
    """The exit door is released; the traveller goes out.

    `opened`: the exit was seen open. `beyond`: a person was seen behind it. `several`: more
    than one person or object was seen in the chamber meanwhile.
    """

    dossier: Dossier
    due_ns: int
    opened: bool = False
    beyond: bool = False
    several: bool = False


class Referred(Record, frozen=True, kw_only=True, tag=True):
    """An officer is asked."""

    dossier: Dossier
    due_ns: int


class OfficerDeciding(Record, frozen=True, kw_only=True, tag=True):
    """An officer decided; that decision is being made durable."""

    dossier: Dossier
    due_ns: int
    expires_ns: int
    accept: bool
    officer: str
    officer_durable: bool = False
    actuation_durable: bool = False


class Leaving(Record, frozen=True, kw_only=True, tag=True):
    """The crossing is over, the zone not yet empty. `withdraw`: a release is still out."""

    ticket: int
    due_ns: int | None
    withdraw: bool = False
    presented_ns: int | None = None


Move = Literal["", "open_entry", "close_entry", "close"]


class Emptying(Record, frozen=True, kw_only=True, tag=True):
    """The crossing is over; chamber and doors are brought to rest.

    `commanded` is the move under way. A person inside goes back by the entry; no door is shut
    on a person. `exit_used`: the exit was released, and a person inside may have come through
    it: only an officer lets them out. `ordered`: an officer ordered it.
    """

    ticket: int
    due_ns: int | None
    commanded: Move = ""
    attempts: int = 0
    exit_used: bool = False
    ordered: bool = False


CrossingState = (
    Idle
    | Reading
    | Verifying
    | Deciding
    | Admitting
    | Opening
    | Crossing
    | Clearing
    | Referred
    | OfficerDeciding
    | Leaving
    | Queued
    | Entering
    | Shutting
    | Presenting
    | Departing
    | Emptying
)
CROSSING_STATES: tuple[type[Any], ...] = get_args(CrossingState)
RELEASED = (Opening, Crossing, Clearing, Departing)
"""States in which a release is, or may be, out."""


class DeviceState(Record, frozen=True, kw_only=True):
    """One device as it last reported itself."""

    device: DeviceId
    ready: bool = False
    code: int = 0
    diagnosis: str = ""
    identity: str = ""
    conditions: tuple[Condition, ...] = ()


class State(Record, frozen=True, kw_only=True):
    """Everything the core knows. See the module's docstring.

    `resync` holds until devices and plant were all seen in order; `closed` is an
    officer's wish, `closing` the same while a crossing is finished first; `fire_latched`
    outlasts the fire until an officer acknowledged; `alarms` keep the lane out of service
    until an officer acknowledged. `unfinished` are tickets a restart cut off. `had_turn`:
    the entry was opened for the person before it, who did not come in. `entry_release`
    and `exit_release` follow the releases of two doors. `ended` is set within a step only.
    `unchecked` passed without a decision; `note_due`: to acknowledge takes a supervisor's note.
    """

    crossing: CrossingState = Idle()
    plant: Plant = Plant(read_at_ns=0)
    plant_stale_ns: int | None = None
    occupancy: int = 0
    approach: CrossingState = Idle()
    approach_stay: int = 0
    had_turn: bool = False
    entry_release: ReleaseState = ReleaseState.NONE
    exit_release: ReleaseState = ReleaseState.NONE
    mode: Mode = Mode.STARTING
    resync: bool = True
    closed: bool = False
    closing: bool = False
    fire_latched: bool = False
    alarms: tuple[Reason, ...] = ()
    counters: Counters = Counters()
    doors_seen: DoorsSeen = DoorsSeen()
    unchecked: Unchecked = Unchecked()
    note_due: bool = False
    lease_until_ns: int | None = None
    devices: tuple[DeviceState, ...] = tuple(DeviceState(device=device) for device in DeviceId)
    next_ticket: int = 1
    unfinished: tuple[int, ...] = ()
    started: bool = False
    ended: Ended | None = None
    last: Last | None = None
    since_ns: int = 0

    @property
    def shown(self) -> CrossingState:
        """The crossing that a page is about: of the chamber, or else of the one before it."""
        return self.approach if isinstance(self.crossing, Idle) else self.crossing


REQUIRED_DEVICES = (DeviceId.READER, DeviceId.VISION, DeviceId.TURNSTILE, DeviceId.JOURNAL)
"""Devices without which the lane does not serve."""


def initial(
    profile: Profile,
    unfinished_tickets: tuple[int, ...] = (),
    next_ticket: int = 1,
    kept: Kept = NOTHING_KEPT,
) -> State:
    """The state at power-on: nothing known, nothing opens.

    Args:
        profile: the effective profile.
        unfinished_tickets: crossings without a FINISH record; an officer sees to them.
        next_ticket: first ticket to give, above every ticket of the journal.
        kept: what the journal holds of passages; an open note keeps the lane stopped.
    """
    del profile
    first = max((next_ticket, *(ticket + 1 for ticket in unfinished_tickets)))
    return State(
        next_ticket=first,
        unfinished=tuple(sorted(unfinished_tickets)),
        counters=kept.counters,
        unchecked=kept.unchecked,
        note_due=kept.note_due,
        alarms=kept.alarms or ((Reason.RESTART,) if kept.note_due else ()),
    )


def ticket_of(crossing: CrossingState) -> int:
    """The ticket of a crossing, 0 when no one is being served."""
    if isinstance(crossing, Idle):
        return 0
    if isinstance(crossing, Leaving | Emptying):
        return crossing.ticket
    return crossing.dossier.ticket


def dossier_of(crossing: CrossingState) -> Dossier | None:
    """The dossier of a crossing that has not ended."""
    return None if isinstance(crossing, Idle | Leaving | Emptying) else crossing.dossier


def due_ns(state: State) -> int | None:
    """The one instant at which the state wants to be woken next."""
    due: int | None = None
    crossing = state.crossing
    crossing_due = crossing.several_due_ns if isinstance(crossing, Idle) else crossing.due_ns
    approach = state.approach
    approach_due = None if isinstance(approach, Idle) else approach.due_ns
    for instant in (crossing_due, approach_due, state.plant_stale_ns, state.lease_until_ns):
        if instant is not None and (due is None or instant < due):
            due = instant
    return due


def standby(state: State) -> bool:
    """Whether the lane is at rest and out of service: mode and settings may change."""
    plant = state.plant
    return (
        state.mode is MODE_OUT_OF_SERVICE
        and isinstance(state.crossing, Idle)
        and isinstance(state.approach, Idle)
        and plant.entry is DOOR_CLOSED
        and plant.exit is DOOR_CLOSED
        and plant.zone is ZONE_EMPTY
        and plant.fire is FLAG_CLEAR
    )


def all_ready(state: State) -> bool:
    """Whether every device that the lane cannot serve without is there and synchronised."""
    required = [entry for entry in state.devices if entry.device in REQUIRED_DEVICES]
    return len(required) == len(REQUIRED_DEVICES) and all(entry.ready for entry in required)


def lease_live(state: State, now_ns: int, profile: Profile) -> bool:
    """Whether an officer is known to be present, or none is required."""
    if not profile.lane.officer_lease_required:
        return True
    return state.lease_until_ns is not None and now_ns < state.lease_until_ns
