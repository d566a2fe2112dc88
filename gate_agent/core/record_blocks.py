"""Parts of a record's facts: typed, bounded, and free of anything that identifies a person.

The blocks that came with version 3 (`Finding` to `OfficerSignature`, and the rules' inputs in
`firmware_cfg.packs.columns`) are optional. A block that nothing filled is absent from the record
(`msgspec.UNSET`), never empty. Each class says which part of the product fills it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from biometrics.types import Guidance, LivenessState, Tier
from drivers.types import CheckMode, Result
from firmware_cfg.types import CodeText, Sha256
from gate_agent.core.reasons import Reason

Spans = Annotated[
    dict[str, Annotated[float, Meta(ge=0)]],
    Meta(description="milliseconds of each step that was reached"),
]
Deadlines = Annotated[
    dict[str, bool], Meta(description="whether each step kept its budget of the profile")
]
Direction = Annotated[
    Literal["entry", "exit"] | None,
    Meta(
        description="which way the traveller crosses at that moment; null for an action on the "
        "lane itself, and for a crossing that a restart cut off"
    ),
]
GateZone = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="the gate's zone in the IANA database"),
]
"""Absent from older records; the centre has a zone for those (`sync.centre.stay`)."""

InspectionDay = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d$",
        description="the gate's calendar day by which document and crossing were judged; absent "
        "without a document, and while the clock was not trusted",
    ),
]
SEALED_LIST_NOTE_BYTES = 256
"""Every note has this length, whether a list matched or not: the length discloses nothing."""

SealedListNote = Annotated[
    bytes, Meta(min_length=SEALED_LIST_NOTE_BYTES, max_length=SEALED_LIST_NOTE_BYTES)
]
"""Class and outcome of the lists' answer, sealed for the lists' owner and padded.

To be filled by the lists' process. The agent stores it unread, and writes one for every traveller
whom the lists were asked about.
"""

CaseCode = Annotated[str, Meta(pattern="^[0-9A-HJKMNP-TV-Z]{6,10}$")]
"""What names this case at the second line (Crockford's base 32: no I, L, O, U).

To be filled when a traveller is sent there.
"""


NOTE_MAX_CHARACTERS = 280

Note = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NOTE_MAX_CHARACTERS,
        description="a supervisor's own words about what was found; no names of travellers",
    ),
]
"""Filled when a supervisor reopens a lane after unchecked passages, a forced door or a fire."""


class CounterFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The device's counters of passages at that moment; null where one is not known.

    They wrap at `bits`. After a restart they show whether anyone passed meanwhile.
    """

    exit: Annotated[int, Meta(ge=0)] | None
    entry: Annotated[int, Meta(ge=0)] | None
    bits: Annotated[int, Meta(ge=8, le=64)]


class UncheckedFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Passages that no decision stands behind, by direction, since the note before.

    `uncounted`: there may have been others, which no counter counted.
    """

    exit: Annotated[int, Meta(ge=0)]
    entry: Annotated[int, Meta(ge=0)]
    uncounted: bool


class CheckFact(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One check of the document as an array: id (BSI TR-03135), result, mode, milliseconds."""

    id: str
    result: Result
    mode: CheckMode
    ms: float


class FaceFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The best frame's scores; `threshold` is the profile's, `fmr` what it stands for.

    Never a picture or a template. Without a frame only the first four are there, without a
    comparison `score` to `llr` are absent.
    """

    frames: Annotated[int, Meta(ge=0)]
    guidance: Guidance
    faces: Annotated[int, Meta(ge=0)]
    pad: LivenessState
    pad_score: float | UnsetType | None = UNSET
    quality: dict[str, float] | UnsetType = UNSET
    score: float | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    fmr: float | UnsetType = UNSET
    llr: float | UnsetType | None = UNSET


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The models behind the comparison: tier, and SHA-256 by role. Empty where none was used."""

    tier: Tier | UnsetType = UNSET
    sha256: dict[str, str] | UnsetType = UNSET
    pad: bool | UnsetType = UNSET


class ListFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The lists' answer as a whole, and the age of the list in seconds."""

    state: str | None
    age_s: int | None


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What stands behind one of the decision's reasons, or followed from one.

    Filled with every referral: first the decision's reasons, in order, then what followed.
    `result` is the worst result of the checks that the code stands for (BSI TR-03135), ""
    where no check stands behind it. `cause` is "" for a reason; else this was not judged, because
    of the reason that `cause` names (`gate_agent.core.causes`). `codes` name the deviations of
    the document that are this reason; absent without any.
    """

    reason: Reason
    result: Annotated[str, Meta(pattern="^(failed|aborted|undetermined|not_supported)?$")]
    cause: CodeText = ""
    codes: Annotated[tuple[CodeText, ...], Meta(max_length=16)] | UnsetType = UNSET


class ListAsked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One list that was asked: whether it answered, in which version, how old. Never what.

    To be filled by the lists' process; what the list answered is in the sealed note alone.
    """

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    source: Literal["national", "site", "gate"]
    answered: bool
    version: CodeText = ""
    age_s: Annotated[int, Meta(ge=0)] | None = None


class LadderFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the lane was degraded: its level, and the rows of the table that set it.

    To be filled by the degradation ladder.
    """

    level: Literal["auto", "auto_officer", "manual", "closed"]
    rows: Annotated[tuple[CodeText, ...], Meta(max_length=16)] = ()


class OfficerSignature(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The officer's own signature over an action, with what an auditor needs to check it.

    To be filled by the agent once it has verified the chain itself: a credential of the signed
    list of officers vouched for the session's key, and that key signed nonce, ticket, evidence,
    action and reason. Absent where a site works with passwords: the console alone vouches then.
    """

    officers_sha256: Annotated[Sha256, Meta(description="the signed list of officers")]
    credential_id: Annotated[bytes, Meta(min_length=1, max_length=1023)]
    session_key: Annotated[bytes, Meta(min_length=65, max_length=65)]
    """P-256, uncompressed point (SEC 1)."""
    session_proof: Annotated[bytes, Meta(min_length=1, max_length=4096)]
    """The credential's assertion (WebAuthn) whose challenge binds the session's key."""
    nonce: Annotated[bytes, Meta(min_length=16, max_length=64)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    """ECDSA with SHA-256, r and s (IEEE P1363)."""
