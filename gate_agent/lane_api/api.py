"""The lane API, version 2: the view of a lane, and the requests it accepts.

Transport: length-prefixed msgpack frames (see `gate_agent.lane_api.channel`) over a local socket.
The lane sends `Challenge`; the peer answers `Authenticate` with an HMAC-SHA-256 of the
nonce under the key of its role; then the lane sends one `Snapshot`, and a `Delta` for
every change. `Delta.seq` counts up by one from the snapshot's; after a gap, connect again.

Both sides are of one version: a message is strict, so a field more or less is another version.
A peer that finds another one in the challenge sends nothing and says so; during an upgrade the
lane is shown as away until its agent runs the same version.

Actions carry the ticket and the hash of the evidence that the officer saw, a nonce that
is accepted once, and an expiry; the lane checks all four and does not rely on the console.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Any

import msgspec

from drivers.types import Check

VERSION = 2
"""Grows with every message and field that one of two versions would not know."""

MIN_KEY_BYTES = 32


def proof(key: bytes, nonce: bytes) -> bytes:
    """Answer to a challenge: HMAC-SHA-256 of the API's name, version and the nonce."""
    return hmac.new(key, b"egate lane api %d" % VERSION + nonce, hashlib.sha256).digest()


class LaneMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Base of the lane API's messages; tagged with its own name on the wire."""


class Role(StrEnum):
    """The rights of a peer. Each role has a key of its own."""

    CONSOLE = "console"  # everything an officer sees and does
    SYNC = "sync"  # hand over receipts, read no personal data
    STATUS = "status"  # the view without personal data


class Step(StrEnum):
    """Where the present crossing stands."""

    CLOSED = "closed"
    WAITING = "waiting"
    READING = "reading"
    VERIFYING = "verifying"
    DECIDING = "deciding"
    CROSSING = "crossing"
    REFERRED = "referred"
    LEAVING = "leaving"  # the crossing is over, the zone is not yet empty
    ENTERING = "entering"  # two doors: the entry is open, or being shut behind the traveller
    PRESENTING = "presenting"  # inside, and the document is not on the reader yet
    QUEUED = "queued"  # the document is in order, the chamber not yet free
    GOING_BACK = "going_back"  # the entry is open for a traveller to go back out


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device: ready or not, and why not; what it lacks (`drivers.types.Condition`)."""

    device: str
    ready: bool
    code: int = 0
    diagnosis: str = ""
    identity: str = ""
    conditions: tuple[str, ...] = ()


class FaceView(msgspec.Struct, frozen=True, kw_only=True):
    """The face so far: the best score and what the picture lacks.

    `asked`: the live face was looked for. `llr` and `threshold_llr` are natural logarithms of
    likelihood ratios, of the score and of the threshold; None where the calibration has none.
    """

    guidance: str = "none"
    score: float | None = None
    threshold: float | None = None
    pad: str = "not_run"
    pad_score: float | None = None
    faces: int = 0
    tier: str = ""
    asked: bool = False
    llr: float | None = None
    threshold_llr: float | None = None


class SyncView(msgspec.Struct, frozen=True, kw_only=True):
    """How far the central system has followed the journal.

    `alarm` is one line about what is written down here, "" if all is well.
    """

    journal_seq: int = 0
    receipt_seq: int = 0
    oldest_unsent_s: int = 0
    connected: bool = False
    alarm: str = ""


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """The holder as the document names them. Sent to the role CONSOLE alone.

    A date that is not one whole day is as printed; what is known of it is in the key beside it.
    """

    surname: str = ""
    given_names: str = ""
    nationality: str = ""
    issuing_state: str = ""
    document_number: str = ""
    birth_date: str = ""
    birth_date_known: str = ""
    expiry: str = ""
    expiry_known: str = ""
    sex: str = ""


class LastResult(msgspec.Struct, frozen=True, kw_only=True):
    """The crossing before: how it ended. `unjudged`: reasons whose check was not judged."""

    ticket: int
    outcome: str  # admitted, referred, refused, abandoned
    reasons: tuple[str, ...] = ()
    officer: str = ""
    at_utc_ms: int = 0
    unjudged: tuple[str, ...] = ()


class UncheckedView(msgspec.Struct, frozen=True, kw_only=True):
    """What passed without a decision since the last note, each way; `note_due`: it needs one.

    `unknown`: others may have passed whom no counter counted. `supervisors`: the accounts that
    may give the note; any officer's where none is named.
    """

    exit: int = 0
    entry: int = 0
    unknown: bool = False
    note_due: bool = False
    supervisors: tuple[str, ...] = ()


class ApproachView(msgspec.Struct, frozen=True, kw_only=True):
    """The crossing before the entry door, while another one fills the chamber."""

    step: Step
    ticket: int = 0
    document_step: str = ""
    checks: tuple[Check, ...] = ()
    reasons: tuple[str, ...] = ()
    evidence_sha256: str = ""
    issuing_state: str = ""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a page shows of one lane. `holder` is None for every role but CONSOLE.

    A mantrap may serve two travellers: the view is of the one in the chamber, and `approach`
    of the one before the entry door. While the chamber is empty the view is of the latter.
    """

    lane: int
    gate: str
    site: str
    direction: str
    topology: str
    demo: bool
    mode: str
    since_utc_ms: int
    step: Step
    ticket: int = 0
    document_step: str = ""
    checks: tuple[Check, ...] = ()
    face: FaceView = FaceView()
    reasons: tuple[str, ...] = ()
    evidence_sha256: str = ""
    zone: str = "unknown"
    entry: str = "unknown"
    exit: str = "unknown"
    fire: bool = False
    devices: tuple[DeviceView, ...] = ()
    lease: bool = False
    alarms: tuple[str, ...] = ()
    sync: SyncView = SyncView()
    last: LastResult | None = None
    holder: HolderView | None = None
    issuing_state: str = ""
    officer_reasons: tuple[str, ...] = ()
    approach: ApproachView | None = None
    entry_lock: str = "unknown"
    exit_lock: str = "unknown"
    approach_zone: str = "unknown"
    beyond_zone: str = "unknown"
    maintenance: bool = False
    power_loss: bool = False
    reversed: bool = False
    time_zone: str = ""  # the gate's, an IANA name
    lists: str = "not_asked"  # else no_answer, or a value of `core.messages.ListState`
    unchecked: UncheckedView = UncheckedView()


# --- from the lane --------------------------------------------------------------------


class Challenge(LaneMessage, frozen=True, kw_only=True):
    """First message of a lane: the nonce that the peer's proof is about."""

    version: int
    nonce: bytes


class Snapshot(LaneMessage, frozen=True, kw_only=True):
    """The whole view."""

    seq: int
    view: View


class Delta(LaneMessage, frozen=True, kw_only=True):
    """The fields of the view that changed, by name, in plain data.

    Without changes it is a heartbeat; the lane is never silent for longer than
    `lane_api.server.HEARTBEAT_MS`.
    """

    seq: int
    changes: dict[str, Any]


class ActionResult(LaneMessage, frozen=True, kw_only=True):
    """Whether an action was taken; `error` says what to do next.

    `done`: the same action with the same nonce was taken before; it is not done twice.
    """

    nonce: str
    ok: bool
    error: str = ""
    done: bool = False


class BeatAnswer(LaneMessage, frozen=True, kw_only=True):
    """Answer to `Beat`: the lane reads what it is sent."""

    number: int


class Picture(LaneMessage, frozen=True, kw_only=True):
    """Answer to `PictureRequest`; `jpeg` is empty when there is nothing to show."""

    request: int
    jpeg: bytes


class Refused(LaneMessage, frozen=True, kw_only=True):
    """The lane refuses this peer and closes the connection."""

    reason: str


# --- to the lane ----------------------------------------------------------------------


class Authenticate(LaneMessage, frozen=True, kw_only=True):
    """HMAC-SHA-256 over b"egate lane api 2" + nonce, under the role's key."""

    role: Role
    mac: bytes


class Action(LaneMessage, frozen=True, kw_only=True):
    """An officer's action; `action` is one of `OfficerAction`'s values.

    `note`: a supervisor's own words, where an acknowledgement needs them.
    """

    nonce: str
    ticket: int
    action: str
    officer: str
    reason: str
    evidence_sha256: str
    expires_utc_ms: int
    note: str = ""


class Beat(LaneMessage, frozen=True, kw_only=True):
    """Ask for a sign of life; answered at once by `BeatAnswer` with the same number."""

    number: int


class Lease(LaneMessage, frozen=True, kw_only=True):
    """An officer is at the console: renew the lane's lease."""

    officer: str


class PictureRequest(LaneMessage, frozen=True, kw_only=True):
    """Ask for the live or the chip portrait of a ticket (`kind`: "live" or "chip")."""

    request: int
    ticket: int
    kind: str


class HandReceipt(LaneMessage, frozen=True, kw_only=True):
    """Sync hands over a receipt of the central system, in its own signed encoding."""

    receipt: bytes


class ReportLink(LaneMessage, frozen=True, kw_only=True):
    """Whether sync is connected to the broker; `alarm` is one line, "" if all is well."""

    connected: bool
    alarm: str = ""


FromLane = Challenge | Snapshot | Delta | ActionResult | BeatAnswer | Picture | Refused
ToLane = Authenticate | Action | Beat | Lease | PictureRequest | HandReceipt | ReportLink
