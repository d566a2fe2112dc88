"""The last guard before the hardware: may this command go out now?

The transition table proposes, `permit` disposes. It is written from the safety
invariants alone and shares no code and no conclusions with the table: a `Ledger` of its
own follows what was read, what was recorded and what was let through. A refusal names
the clause that did not hold.

Opening needs: the lane in service, a plant known and fresh, no fire, nothing in the way,
the entry known to be closed, exactly one person in the zone, an accept that is durably
recorded together with the intended release, given for this very stay, not expired, not
used before, nobody else seen since the document was put down (unless an officer accepted),
and an officer's lease where one is required. Closing needs: its record on the way, no fire
and none awaiting acknowledgement, and a zone known to be empty and unobstructed.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from drivers.types import (
    Close,
    DeviceFailed,
    DeviceId,
    Door,
    Flag,
    OpenExit,
    Plant,
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
    OfficerPresent,
    PlantChanged,
)
from sync.types import RecordKind


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


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """An accept on its way into the journal, bound to one stay in the zone.

    `stay` is None for an accept that was given with nobody, or not exactly one, in the
    zone: whoever steps in afterwards is not known to be the one who was judged.
    """

    ticket: int
    stay: int | None
    kind: RecordKind
    expires_ns: int
    word_durable: bool = False
    release_said: bool = False
    release_durable: bool = False


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard knows by itself.

    `spent`: the highest ticket it let open; `crowd`: more than one person was seen since
    the present document was asked for; `closing`: the ticket whose close is on record.
    """

    plant: Plant | None = None
    stay: int = 0
    lease_until_ns: int = -1
    accept: Accept | None = None
    spent: int = 0
    crowd: bool = False
    closing: int = -1


def heard(ledger: Ledger, event: Event, now_ns: int, profile: Profile) -> Ledger:
    """Follow an event."""
    change = msgspec.structs.replace
    if isinstance(event, PlantChanged):
        was = ledger.plant.zone if ledger.plant is not None else Zone.UNKNOWN
        zone = event.plant.zone
        gone = zone is not was and zone in (Zone.EMPTY, Zone.UNKNOWN)
        crowd = ledger.crowd or zone is Zone.MANY
        return change(ledger, plant=event.plant, stay=ledger.stay + gone, crowd=crowd)
    if isinstance(event, DeviceFailed) and event.device is DeviceId.TURNSTILE:
        return change(ledger, plant=None, stay=ledger.stay + 1, accept=None)
    if isinstance(event, OfficerPresent):
        latest_ns = now_ns + profile.budgets.lease_ms * 1_000_000
        return change(ledger, lease_until_ns=min(event.until_ns, latest_ns))
    accept = ledger.accept
    if isinstance(event, Appended) and accept is not None and event.ticket == accept.ticket:
        if event.kind is accept.kind:
            return change(ledger, accept=change(accept, word_durable=True))
        if event.kind is RecordKind.ACTUATION and accept.release_said:
            return change(ledger, accept=change(accept, release_durable=True))
    return ledger


def said(ledger: Ledger, command: Command, now_ns: int, profile: Profile) -> Ledger:
    """Follow a command that goes out."""
    change = msgspec.structs.replace
    if isinstance(command, OpenExit):
        return change(ledger, spent=max(ledger.spent, command.ticket), accept=None)
    if isinstance(command, ReadDocument):
        crowd = ledger.plant is not None and ledger.plant.zone is Zone.MANY
        return change(ledger, crowd=crowd)
    if not isinstance(command, Append):
        return ledger
    facts = command.facts
    machine = command.kind is RecordKind.DECISION
    if machine and facts.get("outcome") != "admit":
        return change(ledger, accept=None)
    if machine or (command.kind is RecordKind.OFFICER and facts.get("action") == "accept"):
        alone = ledger.plant is not None and ledger.plant.zone is Zone.ONE
        accept = Accept(
            ticket=command.ticket,
            stay=ledger.stay if alone else None,
            kind=command.kind,
            expires_ns=now_ns + profile.budgets.accept_valid_ms * 1_000_000,
        )
        return change(ledger, accept=accept)
    if command.kind is RecordKind.OFFICER and facts.get("action") == "reject":
        return change(ledger, accept=None)
    if command.kind is RecordKind.ACTUATION and facts.get("action") == "close":
        return change(ledger, closing=command.ticket)
    given = ledger.accept
    if command.kind is RecordKind.ACTUATION and given and given.ticket == command.ticket:
        return change(ledger, accept=change(given, release_said=True))
    return ledger


def permit(
    command: OpenExit | Close, ledger: Ledger, mode: Mode, profile: Profile, now_ns: int
) -> Clause | None:
    """The clause that forbids this command now; None lets it out."""
    plant = ledger.plant
    if plant is None:
        return Clause.PLANT_UNKNOWN
    age_ns = now_ns - plant.read_at_ns
    if not 0 <= age_ns < profile.budgets.plant_stale_ms * 1_000_000:
        return Clause.PLANT_STALE
    if plant.fire is not Flag.CLEAR:
        return Clause.FIRE
    if plant.obstruction is not Flag.CLEAR:
        return Clause.OBSTRUCTED
    if isinstance(command, Close):
        if mode is Mode.EVACUATION:
            return Clause.MODE
        if command.ticket != ledger.closing:
            return Clause.NOT_RECORDED
        return None if plant.zone is Zone.EMPTY else Clause.ZONE_NOT_EMPTY
    if mode is not Mode.AUTO:
        return Clause.MODE
    if plant.entry is not Door.CLOSED:
        return Clause.ENTRY_NOT_CLOSED
    if plant.zone is not Zone.ONE:
        return Clause.ZONE_NOT_ONE
    if profile.lane.officer_lease_required and now_ns >= ledger.lease_until_ns:
        return Clause.NO_LEASE
    return _accept_clause(command, ledger, now_ns)


def _accept_clause(command: OpenExit, ledger: Ledger, now_ns: int) -> Clause | None:
    accept = ledger.accept
    if command.ticket <= ledger.spent:
        return Clause.USED
    if accept is None or accept.ticket != command.ticket:
        return Clause.NO_ACCEPT
    if ledger.crowd and accept.kind is RecordKind.DECISION:
        return Clause.SEVERAL_PERSONS
    if not (accept.word_durable and accept.release_durable):
        return Clause.NOT_DURABLE
    if accept.stay != ledger.stay:
        return Clause.OTHER_OCCUPANCY
    return Clause.EXPIRED if now_ns >= accept.expires_ns else None
