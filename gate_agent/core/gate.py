"""The transition table of a crossing, and `step`, the whole core.

A traveller puts a document on the reader (`Idle -> Reading`). Chip and portrait are read
and checked; when both are in and the document allows it, the live face is compared
(`-> Verifying`). The first frame that satisfies the policy admits (`-> Deciding`): the
decision and the intended release are made durable, and only then, with the traveller
alone in the zone, the exit is released (`-> Admitting -> Opening -> Crossing`). The
passage counter says who went through; then the lane is free (`-> Idle`). If nobody went
through, the release is withdrawn first (`-> Clearing`).

Whatever is missing, late or wrong asks an officer (`-> Referred`), who accepts or refuses
on the record (`-> OfficerDeciding -> Admitting`, or `-> Leaving`), or sends the traveller to
the desk. About several persons who stay where one is served an officer is asked without a
document (`Idle -> Referred`). A crossing that is over while somebody still stands in the zone
waits for the zone to be empty (`Leaving`).

`TABLE` is that text as data: state class x event class -> handler. A pair that is not in
it changes nothing. An event that carries another ticket than the present crossing's is
dropped before the table is asked. Fire and the maintenance key end every crossing, from
every state. `REGIONS` brings plant, devices, lease and mode up to date before the crossing
moves.

`CHAMBER` and `APPROACH` are the same for two doors: `gate_agent.core.chamber` and
`gate_agent.core.approach` tell their story.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from biometrics.types import Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    MrzRead,
    PlantChanged,
    PortraitRead,
    ReadStep,
)
from firmware_cfg.profile import Profile
from gate_agent.core import (
    approach,
    chamber,
    document,
    doors,
    face,
    officer,
    party,
    passage,
    regions,
)
from gate_agent.core.ending import Moved
from gate_agent.core.messages import (
    Checked,
    Event,
    Mode,
    OfficerDecided,
    OfficerPresent,
    PermitRefused,
    Tick,
)
from gate_agent.core.rows import Regions, Table, region, row
from gate_agent.core.states import (
    Admitting,
    Clearing,
    Crossing,
    Deciding,
    Departing,
    Emptying,
    Entering,
    Idle,
    Leaving,
    OfficerDeciding,
    Opening,
    Presenting,
    Queued,
    Reading,
    Referred,
    Shutting,
    State,
    Verifying,
    dossier_of,
    replace,
    ticket_of,
)
from sync.log.types import Appended, AppendFailed

ENDS_EVERYTHING = (Mode.EVACUATION, Mode.MAINTENANCE)
"""Modes in which no crossing goes on, from whatever state."""

REGIONS: Regions = dict(
    [
        region(PlantChanged, regions.plant_changed),
        region(ActuationDone, regions.actuated),
        region(DeviceReady, regions.device_ready),
        region(DeviceFailed, regions.device_failed),
        region(AppendFailed, regions.append_failed),
        region(PermitRefused, regions.permit_refused),
        region(OfficerDecided, officer.officer_acted),
        region(OfficerPresent, officer.officer_present),
        region(Tick, regions.time_passed),
    ]
)

TABLE: Table = dict(
    [
        row(Idle, DocumentPresented, document.presented),
        row(Reading, MrzRead, document.mrz_read),
        row(Reading, ReadStep, document.read_step),
        row(Reading, PortraitRead, document.portrait_read),
        row(Reading, PortraitPrepared, document.portrait_prepared),
        row(Reading, DocumentVerified, document.document_verified),
        row(Reading, DocumentRemoved, document.document_removed),
        row(Reading, Checked, document.lists_checked),
        row(Reading, PlantChanged, document.watch_zone),
        row(Reading, DeviceFailed, document.reading_device_failed),
        row(Reading, Tick, document.reading_late),
        row(Verifying, Observed, face.observed),
        row(Verifying, VerifyEnded, face.verify_ended),
        row(Verifying, Checked, face.lists_checked),
        row(Verifying, PlantChanged, document.watch_zone),
        row(Verifying, DeviceFailed, face.verifying_device_failed),
        row(Verifying, Tick, face.verifying_late),
        row(Deciding, Appended, passage.decision_durable),
        row(Deciding, AppendFailed, passage.record_failed),
        row(Deciding, PlantChanged, document.watch_zone),
        row(Deciding, DeviceFailed, passage.accept_device_failed),
        row(Deciding, Tick, passage.record_late),
        row(Admitting, PlantChanged, passage.admitting_moved),
        row(Admitting, DeviceFailed, passage.accept_device_failed),
        row(Admitting, Tick, passage.admitting_moved),
        row(Opening, ActuationDone, passage.opened),
        row(Opening, PlantChanged, passage.passage_moved),
        row(Opening, PermitRefused, passage.permit_refused),
        row(Opening, Tick, passage.opening_late),
        row(Crossing, PlantChanged, passage.passage_moved),
        row(Crossing, Tick, passage.passage_late),
        row(Clearing, ActuationDone, passage.withdrawn),
        row(Clearing, PermitRefused, passage.close_refused),
        row(Clearing, PlantChanged, passage.clearing_moved),
        row(Clearing, Tick, passage.clearing_late),
        row(Referred, DocumentPresented, party.separated),
        row(Referred, OfficerDecided, officer.officer_decided),
        row(Referred, PlantChanged, officer.referred_moved),
        row(Referred, Tick, officer.referral_late),
        row(OfficerDeciding, Appended, officer.officer_durable),
        row(OfficerDeciding, AppendFailed, passage.record_failed),
        row(OfficerDeciding, PlantChanged, officer.referred_moved),
        row(OfficerDeciding, DeviceFailed, passage.accept_device_failed),
        row(OfficerDeciding, Tick, passage.record_late),
        row(Leaving, DocumentPresented, document.presented),
        row(Leaving, PlantChanged, passage.left),
        row(Leaving, Tick, passage.leaving_late),
    ]
)


WORDS: Table = {
    pair: TABLE[pair]
    for pair in TABLE
    if pair[0] in (Reading, Verifying, Deciding, Admitting, Referred, OfficerDeciding)
    and pair[1] is not DocumentPresented
}
"""Rows that a chamber shares with a barrier: from the document to the durable accept."""

CHAMBER: Table = dict(
    [
        *WORDS.items(),
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
        row(Opening, ActuationDone, chamber.exit_released),
        row(Opening, PlantChanged, chamber.opening_moved),
        row(Opening, PermitRefused, passage.permit_refused),
        row(Opening, Tick, chamber.exit_unconfirmed),
        row(Departing, PlantChanged, chamber.exit_moved),
        row(Departing, Tick, chamber.exit_late),
        row(Emptying, PlantChanged, chamber.emptying_moved),
        row(Emptying, ActuationDone, chamber.emptying_moved),
        row(Emptying, PermitRefused, chamber.emptying_refused),
        row(Emptying, Tick, chamber.emptying_late),
    ]
)

APPROACH: Table = dict(
    [
        *((pair, TABLE[pair]) for pair in TABLE if pair[0] in (Idle, Reading)),
        row(Queued, PlantChanged, approach.queue_moved),
        row(Queued, Tick, approach.queue_late),
        row(Referred, OfficerDecided, approach.approach_decided),
        row(Referred, PlantChanged, officer.referred_moved),
        row(Referred, Tick, officer.referral_late),
        row(OfficerDeciding, Appended, approach.approach_durable),
        row(OfficerDeciding, AppendFailed, passage.record_failed),
        row(OfficerDeciding, PlantChanged, officer.referred_moved),
        row(OfficerDeciding, DeviceFailed, passage.accept_device_failed),
        row(OfficerDeciding, Tick, passage.record_late),
    ]
)


class Tables(NamedTuple):
    """The transitions of one topology: of the crossing, and of the approach to two doors."""

    crossing: Table
    approach: Table


TABLES: Mapping[str, Tables] = {
    "barrier": Tables(TABLE, {}),
    "mantrap": Tables(CHAMBER, APPROACH),
}
"""The transitions of each topology of a profile."""


def step(
    state: State, event: Event, now_ns: int, profile: Profile, tables: Tables | None = None
) -> Moved:
    """Take one event.

    Args:
        state: the lane before.
        event: what happened.
        now_ns: when, on the lane's monotonic clock.
        profile: the effective profile.
        tables: the transitions; others than the topology's own are for tests.

    Returns:
        The lane after, and the commands in the order in which they are to be carried out.
    """
    rows, approach_rows = tables if tables is not None else TABLES[profile.lane.topology]
    mode_before, shown_before = state.mode, state.shown
    region = REGIONS.get(type(event))
    state, commands = region(state, event, now_ns, profile) if region else (state, ())
    mode = regions.mode_of(state)
    if mode is not mode_before:
        state = replace(state, mode=mode)
    state, more = _moved(state, event, now_ns, profile, rows)
    commands += more
    if not isinstance(state.approach, Idle) or (
        (Idle, type(event)) in approach_rows and doors.reads_outside(profile)
    ):

        def act(outside: State) -> Moved:
            return _moved(outside, event, now_ns, profile, approach_rows)

        state, more = approach.seen_from_outside(state, act)
        commands += more
    state, more = regions.settle(state, mode_before, now_ns, profile)
    commands += more
    if approach_rows and commands:
        state = doors.commanded(state, commands)
    if type(state.shown) is not type(shown_before) or state.mode is not mode_before:
        state = replace(state, since_ns=now_ns)
    return state, commands


def _moved(state: State, event: Event, now_ns: int, profile: Profile, rows: Table) -> Moved:
    """Move one crossing: by what ends every crossing, or by its row."""
    crossing = state.crossing
    if state.mode in ENDS_EVERYTHING:
        dossier = dossier_of(crossing)
        if dossier is not None:
            return regions.evacuate(state, dossier, now_ns, profile)
    ticket = ticket_of(crossing)
    if getattr(event, "ticket", ticket) != ticket:
        return state, ()
    handler = rows.get((type(crossing), type(event)))
    if handler is None:
        return state, ()
    return handler(state, crossing, event, now_ns, profile)
