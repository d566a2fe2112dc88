"""Everything that can enter the inbox (Event) and everything the core can ask for (Command).

Drivers, biometrics and sync each own their part of the vocabulary; this file adds what
belongs to the agent alone and closes the two unions. On the wire and in a recorded trace
a message is msgpack or JSON, tagged with its class name under `type`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from biometrics.types import (
    Observed,
    PortraitPrepared,
    Prepare,
    StartVerify,
    StopVerify,
    VerifyEnded,
)
from drivers.types import (
    ACTIONS,
    ActuationDone,
    CancelRead,
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    HolderAttributes,
    MrzRead,
    OpenEntry,
    OpenExit,
    PlantChanged,
    PortraitRead,
    ReadDocument,
    ReadStep,
    SetDirection,
)
from gate_agent.core.facts import DecisionFacts, Facts, FinishFacts, OfficerFacts
from sync.log.types import Appended, AppendFailed, RecordKind


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, gc=False):
    """Base of the agent's own events and commands."""


class Mode(StrEnum):
    """Operating mode of the lane."""

    STARTING = "starting"  # resync: devices, plant, journal; nothing opens
    AUTO = "auto"  # travellers cross
    OUT_OF_SERVICE = "out_of_service"  # closed by an officer or a fault
    EVACUATION = "evacuation"  # fire: exit open by hardware, the agent observes
    MAINTENANCE = "maintenance"  # the key is in the switch: doors are moved by hand


class OfficerAction(StrEnum):
    """What an officer can do at a lane."""

    ACCEPT = "accept"  # admit the referred traveller of this ticket
    REJECT = "reject"  # refuse the referred traveller of this ticket
    OPEN_LANE = "open_lane"  # return to AUTO
    CLOSE_LANE = "close_lane"  # go out of service after the present crossing
    ACKNOWLEDGE = "acknowledge"  # after a fire or an alarm: the zone was inspected
    RELEASE = "release"  # a person referred, or between two doors, goes back by the entry
    REVERSE = "reverse"  # swap entry and exit of a reversible lane that is out of service


class ListState(StrEnum):
    """Answer of the check against lists."""

    NO_LIST = "no_list"
    NO_HIT = "no_hit"
    HIT = "hit"


# --- events ---------------------------------------------------------------------------


class Checked(Message, frozen=True, kw_only=True):
    """The lists were asked about this ticket. `list_age_s` is None without a list."""

    ticket: int
    state: ListState
    list_age_s: int | None


class OfficerDecided(Message, frozen=True, kw_only=True):
    """An officer acted. The lane API has checked authentication, nonce, and expiry.

    `ticket` and `evidence_sha256` name what the officer saw; 0 and "" for actions on the
    lane itself. `reason` is a code of the profile's reason list, never free text; `note` is a
    supervisor's own words, where an acknowledgement needs them.
    """

    ticket: int
    officer: str
    action: OfficerAction
    reason: str
    evidence_sha256: str
    expires_at_ns: int
    note: str = ""


class OfficerPresent(Message, frozen=True, kw_only=True):
    """A console with an officer signed in renewed the lease of this lane until `until_ns`."""

    officer: str
    until_ns: int


class Tick(Message, frozen=True, kw_only=True):
    """The wake-up the state asked for has come."""


class PermitRefused(Message, frozen=True, kw_only=True):
    """The last guard before the hardware stopped a command of the core.

    `action` is one of `drivers.types.ACTIONS`, `clause` the condition that did not hold. It never
    waits in the inbox: the loop hands it back to the core in the same turn.
    """

    ticket: int
    action: str
    clause: str


# --- commands -------------------------------------------------------------------------


class CheckLists(Message, frozen=True, kw_only=True):
    """Ask the lists about the holder behind this vault handle."""

    ticket: int
    holder: str


class Append(Message, frozen=True, kw_only=True):
    """Make a record durable. `holder` names the vault's identity to join, if any.

    Answered with `Appended` or `AppendFailed`.
    """

    ticket: int
    facts: Facts
    holder: str | None = None

    @property
    def kind(self) -> RecordKind:
        """What kind of record it asks for."""
        return self.facts.kind

    @property
    def inspection_day(self) -> str:
        """The day by which its crossing is judged (ISO 8601), "" where none is known."""
        facts = self.facts
        if isinstance(facts, DecisionFacts | OfficerFacts | FinishFacts):
            return facts.inspection_day or ""
        return ""


class Wipe(Message, frozen=True, kw_only=True):
    """Overwrite and drop everything held for this ticket, in every process."""

    ticket: int


DocumentEvent = (
    DocumentPresented | MrzRead | ReadStep | PortraitRead | DocumentVerified | DocumentRemoved
)
PlantEvent = PlantChanged | ActuationDone
FaceEvent = PortraitPrepared | Observed | VerifyEnded
RecordEvent = Appended | AppendFailed
AgentEvent = (
    Checked | DeviceReady | DeviceFailed | OfficerDecided | OfficerPresent | Tick | PermitRefused
)
Event = DocumentEvent | PlantEvent | FaceEvent | RecordEvent | AgentEvent

Command = (
    ReadDocument
    | CancelRead
    | Prepare
    | StartVerify
    | StopVerify
    | CheckLists
    | Append
    | OpenExit
    | Close
    | OpenEntry
    | CloseEntry
    | SetDirection
    | Wipe
)

ACTUATIONS = tuple(ACTIONS)
"""Commands that move hardware and pass the last guard."""

SAFETY_EVENTS = (DeviceFailed, PlantChanged, OfficerDecided, AppendFailed)
"""Events with reserved places in the inbox: never dropped by a full one."""

NEWEST_WINS = (Observed, PlantChanged, ReadStep)
"""Events of which only the newest matters while it waits: one slot each."""

__all__ = [
    "ACTUATIONS",
    "NEWEST_WINS",
    "SAFETY_EVENTS",
    "ActuationDone",
    "Append",
    "AppendFailed",
    "Appended",
    "CancelRead",
    "CheckLists",
    "Checked",
    "Close",
    "CloseEntry",
    "Command",
    "DeviceFailed",
    "DeviceId",
    "DeviceReady",
    "DocumentPresented",
    "DocumentRemoved",
    "DocumentVerified",
    "Event",
    "HolderAttributes",
    "ListState",
    "Mode",
    "MrzRead",
    "Observed",
    "OfficerAction",
    "OfficerDecided",
    "OfficerPresent",
    "OpenEntry",
    "OpenExit",
    "PermitRefused",
    "PlantChanged",
    "PortraitPrepared",
    "PortraitRead",
    "Prepare",
    "ReadDocument",
    "ReadStep",
    "SetDirection",
    "StartVerify",
    "StopVerify",
    "Tick",
    "VerifyEnded",
    "Wipe",
]
