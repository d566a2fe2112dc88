"""Vocabulary of documents and plant: what drivers report and what they are commanded to do.

Every name here may enter the core's inbox or the recorded trace. So nothing here
carries a name, a document number, a date of birth or a picture: those travel beside
an event as a payload that the vault keeps under an opaque handle.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType


class DriverMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, gc=False):
    """Base of every event and command: frozen, tagged with its own name on the wire."""


class DeviceId(StrEnum):
    """A part of the lane that can fail on its own."""

    READER = "reader"
    VISION = "vision"
    TURNSTILE = "turnstile"
    JOURNAL = "journal"
    LISTS = "lists"
    INBOX = "inbox"


TRUST_OLD_DAYS = 30
"""Each state issues a CRL at least every 90 days (Doc 9303-12), all together far more often: where
even the newest list is older than this, lists are no longer fetched."""


class Condition(StrEnum):
    """What a ready device lacks: the lane runs, and an officer should know why it refers.

    A condition itself admits and refers no one: the missing evidence does.
    """

    CLOCK_UNTRUSTED = "clock_untrusted"  # dates are undetermined: every document refers
    TRUST_EMPTY = "trust_empty"  # no CSCA certificate: every document refers
    TRUST_OLD = "trust_old"  # the newest list is older than `TRUST_OLD_DAYS`
    PAD_ABSENT = "pad_absent"  # no model finds presentation attacks
    SETTINGS_DRIFTED = "settings_drifted"  # the device's own settings are not the profile's
    MRZ_UNREADABLE = "mrz_unreadable"  # bytes come from the MRZ reader, and no lines
    LIST_ABSENT = "list_absent"  # the profile limits a list's age, and no list is installed


class Result(StrEnum):
    """Outcome of one check (BSI TR-03135-1, 3.5.2 and 5.4)."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    UNDETERMINED = "undetermined"
    NOT_SUPPORTED = "not_supported"
    ABORTED = "aborted"


class CheckMode(StrEnum):
    """Weight of a check (BSI TR-03135-1, 3.5.2): evaluatory is logged, never counted."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"
    EVALUATORY = "evaluatory"


CHECK_IDS = (
    "mrz_consistency",
    "access_control",
    "sod_signature",
    "sod_conformance",
    "ds_chain",
    "ds_validity",
    "csca_validity",
    "ds_revocation",
    "dg_hash",  # one per data group listed in the SOD: dg_hash.DG1, dg_hash.DG2, ...
    "com_sod",
    "issuing_state",
    "active_authentication",
    "chip_authentication",
    "stripping",
    "expiry",
    "mrz_dg1",
    "face_image",
    "defects",
)
"""Ids of document checks; an inspection reports every one of them, `dg_hash` per data group."""


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One check with its outcome. `detail` is technical and free of personal data.

    `codes` say what keeps an undetermined check from success, where that is known: deviations
    that a profile may allow (`policy.deviations_allowed`).
    """

    id: str
    result: Result
    mode: CheckMode = CheckMode.MANDATORY
    detail: str = ""
    ms: float = 0.0
    codes: tuple[str, ...] = ()


class ExpiryKind(StrEnum):
    """What a document says of its expiry.

    PART is a month or a year; OPEN is a date that leaves it open, such as one of two centuries;
    NONE is a document that does not expire.
    """

    DAY = "day"
    PART = "part"
    OPEN = "open"
    NONE = "none"


class HolderAttributes(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """What the core may know of a holder: derived, never identifying.

    `age_years` and `days_to_expiry` are None where the document leaves them open. What is
    known then is in the last three, which are absent otherwise: the youngest and the oldest
    age that the birth date allows; why there is no day of expiry, and the fewest and most
    days left. Without a trusted clock no age and no number of days is known.
    States are ICAO Doc 9303-3 codes with fillers removed.
    """

    document_type: str
    issuing_state: str
    nationality: str
    age_years: int | None
    days_to_expiry: int | None
    age_range_years: tuple[int, int] | UnsetType = UNSET
    expiry: ExpiryKind | UnsetType = UNSET
    days_to_expiry_range: tuple[int, int] | UnsetType = UNSET


# --- any device ----------------------------------------------------------------------


class DeviceReady(DriverMessage, frozen=True, kw_only=True):
    """A device is connected, identified and synchronised; re-sent on change."""

    device: DeviceId
    identity: str = ""
    conditions: tuple[Condition, ...] = ()


class DeviceFailed(DriverMessage, frozen=True, kw_only=True):
    """A device cannot do its work. `code` is stable, `diagnosis` one line for the console."""

    device: DeviceId
    code: int
    retryable: bool
    diagnosis: str


# --- the document: events -------------------------------------------------------------


class DocumentPresented(DriverMessage, frozen=True, kw_only=True):
    """A document was put on the reader; nothing is asked of it until `ReadDocument`."""


class MrzRead(DriverMessage, frozen=True, kw_only=True):
    """The machine readable zone was read. `holder` is the vault's handle of the MRZ text.

    `day` is the day of inspection by the gate's calendar (ISO 8601), by which the whole document
    is judged; "" while the clock is not trusted.
    """

    ticket: int
    attributes: HolderAttributes
    holder: str
    day: str = ""


class ReadStep(DriverMessage, frozen=True, kw_only=True):
    """The chip reached a step (`access`, `sod`, `dg1`, `dg2`): for progress displays only.

    `another_card`: another card is in the field; the traveller takes it away.
    """

    ticket: int
    step: str


class PortraitRead(DriverMessage, frozen=True, kw_only=True):
    """DG2 was read and its hash is good under a trusted SOD. `portrait` is a vault handle."""

    ticket: int
    portrait: str


class DocumentVerified(DriverMessage, frozen=True, kw_only=True):
    """The inspection ended, well or not: every check has exactly one result.

    Where the chip said more of the birth date than the zone, `attributes` and `holder` are
    those of the zone and the chip together, in place of `MrzRead`'s; else they are not there.
    """

    ticket: int
    checks: tuple[Check, ...]
    attributes: HolderAttributes | None = None
    holder: str | None = None


class DocumentRemoved(DriverMessage, frozen=True, kw_only=True):
    """The document left the reader before the inspection ended."""

    ticket: int


# --- the document: commands -----------------------------------------------------------


class ReadDocument(DriverMessage, frozen=True, kw_only=True):
    """Inspect the document that was presented; answer with this ticket within `budget_ms`."""

    ticket: int
    mrz_budget_ms: int
    chip_budget_ms: int


class CancelRead(DriverMessage, frozen=True, kw_only=True):
    """Stop reading for this ticket."""

    ticket: int


# --- the plant ------------------------------------------------------------------------


class Door(StrEnum):
    """Position of a barrier, of a direction of passage, or of a door. UNKNOWN is never CLOSED.

    A door's contacts come as an antivalent pair: one reports closed, the other not
    closed; two that agree are a broken wire, and the door is UNKNOWN.
    """

    CLOSED = "closed"
    OPEN = "open"
    UNKNOWN = "unknown"


class Lock(StrEnum):
    """Feedback of a door's lock. UNKNOWN is never LOCKED."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    UNKNOWN = "unknown"


class Zone(StrEnum):
    """People or objects in an area. UNKNOWN is never EMPTY."""

    EMPTY = "empty"
    ONE = "one"
    MANY = "many"
    UNKNOWN = "unknown"


class Flag(StrEnum):
    """A contact. UNKNOWN is never CLEAR."""

    CLEAR = "clear"
    ACTIVE = "active"
    UNKNOWN = "unknown"


class Plant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The lane's hardware as last read.

    `read_at_ns` (monotonic) is the instant of the oldest signal in it that is not UNKNOWN: a
    driver reports a signal too old to be trusted, or contradicting another, as UNKNOWN, and
    the snapshot as a whole ages by `read_at_ns`.

    `exit` is the way a traveller leaves after an admission; `entry` the other door, or at
    a barrier the opposite direction of passage. `zone` is the passage of a barrier or the
    chamber between two doors. `obstruction` is in the way of the barrier or of the exit
    door. Counters count completed passages and are None while unknown; they wrap at
    `counter_bits`, the width of the device's own counters.

    The lower half is of two doors (a mantrap); a barrier leaves it UNKNOWN. `approach` lies
    before the entry door, `beyond` behind the exit door. `power_loss` is ACTIVE while the
    doors run without mains, `maintenance` while the key is in the maintenance switch.
    `reversed` is read back from the device: entry and exit are swapped against the wiring.
    """

    read_at_ns: int
    entry: Door = Door.UNKNOWN
    exit: Door = Door.UNKNOWN
    zone: Zone = Zone.UNKNOWN
    obstruction: Flag = Flag.UNKNOWN
    fire: Flag = Flag.UNKNOWN
    tamper: Flag = Flag.UNKNOWN
    passages_entry: int | None = None
    passages_exit: int | None = None
    counter_bits: int = 32
    fault_code: int = 0
    entry_lock: Lock = Lock.UNKNOWN
    exit_lock: Lock = Lock.UNKNOWN
    entry_obstruction: Flag = Flag.UNKNOWN
    approach: Zone = Zone.UNKNOWN
    beyond: Zone = Zone.UNKNOWN
    power_loss: Flag = Flag.UNKNOWN
    maintenance: Flag = Flag.UNKNOWN
    reversed: bool = False


class PlantChanged(DriverMessage, frozen=True, kw_only=True):
    """The plant was read. Sent at every change and at least every `heartbeat_ms`."""

    plant: Plant


class ActuationDone(DriverMessage, frozen=True, kw_only=True):
    """A command to the turnstile was written and read back (`ok`) or could not be confirmed.

    `action` is the one of `action_of`. At two doors `ok` says that the output holds what was
    commanded; only the plant shows where a door and its lock stand.
    """

    ticket: int
    action: str
    ok: bool
    detail: str = ""


class OpenExit(DriverMessage, frozen=True, kw_only=True):
    """Release the exit for this ticket: one passage of a barrier, or the exit door.

    A barrier carries a ticket out once: releases add up in it. A door stays released until
    `Close`.
    """

    ticket: int


class Close(DriverMessage, frozen=True, kw_only=True):
    """Withdraw any release of the exit and close it, where the zone allows it."""

    ticket: int


class OpenEntry(DriverMessage, frozen=True, kw_only=True):
    """Release the entry door (two doors only): to come in, or to go back out.

    It stays released until `CloseEntry`; the same ticket may come in and go back.
    """

    ticket: int


class CloseEntry(DriverMessage, frozen=True, kw_only=True):
    """Withdraw the release of the entry door, close and lock it."""

    ticket: int


class SetDirection(DriverMessage, frozen=True, kw_only=True):
    """Swap entry and exit against the wiring, or not. Only ever sent to a lane at rest.

    Answered by `ActuationDone` and by `Plant.reversed`; a device that cannot do it answers
    with `ok` false.
    """

    ticket: int
    reverse: bool


Actuation = OpenExit | Close | OpenEntry | CloseEntry | SetDirection
"""Every command that moves hardware: each passes the last guard and has its own record."""

ACTIONS: dict[type[Actuation], str] = {
    OpenExit: "open_exit",
    Close: "close",
    OpenEntry: "open_entry",
    CloseEntry: "close_entry",
    SetDirection: "set_direction",
}


def action_of(command: Actuation) -> str:
    """The name of a command in `ActuationDone` and in the record."""
    return ACTIONS[type(command)]
