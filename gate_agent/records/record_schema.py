"""What a record of version 2 holds, kind by kind, and the JSON Schema that says it.

A record is canonical msgpack; as JSON it is what `egate journal show` prints. Readers ignore
keys of `facts` that they do not know: keys may be added within a version, never removed or
given another meaning.

Fields of a person and a document follow Regulation (EU) 2017/2226, Article 16(1) and (2);
outcome, officer and reason stand for Articles 16(2), 16(3) and 18, as do `crossing_point`,
`authority` and `direction`: the direction is the effective one, of a reversible lane as it was
when the crossing began. Records written before these keys existed have them in the profile
that `profile_sha256` names. Photographs and fingerprints of Articles 16 to 18 are not
recorded: a gate compares, it does not keep.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from drivers.types import HolderAttributes
from gate_agent.core.policy import Outcome
from gate_agent.core.reasons import Reason

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Check = Annotated[
    tuple[str, str, str, float],
    Meta(description="id (BSI TR-03135), result, mode, milliseconds"),
]
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
Authority = Annotated[str, Meta(description="Art. 16(2), 18(6): the border authority")]
CrossingPoint = Annotated[
    str, Meta(description="Art. 16(2), 16(3), 18(6): the border crossing point")
]


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """The best frame's scores; `threshold` is the profile's, `fmr` what it stands for."""

    frames: Annotated[int, Meta(ge=0)]
    guidance: str
    faces: Annotated[int, Meta(ge=0)]
    pad: str
    pad_score: float | None = None
    quality: dict[str, float] = {}
    score: float | None = None
    threshold: float | None = None
    fmr: float | None = None
    llr: float | None = None


class WatchList(msgspec.Struct, frozen=True, kw_only=True):
    """Which state of the list was asked, and how old it was."""

    state: str | None
    age_s: float | None


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """The machine admitted, or referred to an officer; never refused."""

    outcome: Outcome
    reasons: list[Reason]
    checks: list[Check]
    attributes: HolderAttributes | None
    face: Face
    models: Annotated[dict[str, Any], Meta(description="tier, and SHA-256 of each model file")]
    watchlist: WatchList = msgspec.field(name="list")
    spans_ms: Spans
    deadlines: Deadlines
    occupancy: int | None
    direction: Direction = None
    authority: Authority = ""
    crossing_point: CrossingPoint = ""
    profile_sha256: Sha256


class Officer(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="officer"):
    """An officer decided. `evidence_sha256` names what he saw; `reason` is his."""

    action: str
    officer: Annotated[str, Meta(min_length=1, description="the account, not a person's name")]
    reason: str
    evidence_sha256: str
    direction: Direction = None
    authority: Authority = ""
    crossing_point: CrossingPoint = ""
    profile_sha256: Sha256


class Actuation(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="actuation"):
    """A command that moves hardware, on whose word and why; written before it is given."""

    action: str
    by: str
    why: str
    profile_sha256: Sha256


class Finish(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="finish"):
    """How a crossing ended; `passages` is None where the counter is not known."""

    outcome: str
    reasons: list[Reason]
    passages: int | None
    officer: str
    direction: Direction = None
    authority: Authority = ""
    crossing_point: CrossingPoint = ""
    spans_ms: Spans
    deadlines: Deadlines = {}
    profile_sha256: Sha256


class System(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="system"):
    """Start, modes, alarms, refused commands, erasures; details beside `event`."""

    event: Annotated[str, Meta(min_length=1)]


Facts = Decision | Officer | Actuation | Finish | System


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the document says of its holder; sealed in the record, readable with the keys."""

    surname: Annotated[str, Meta(description="Art. 16(1)(a): surname (family name)")]
    given_names: Annotated[str, Meta(description="Art. 16(1)(a): first name or names")]
    birth_date: Annotated[str, Meta(description="Art. 16(1)(a): ISO 8601, or as printed")]
    nationality: Annotated[str, Meta(description="Art. 16(1)(a): ICAO Doc 9303-3 code")]
    sex: Annotated[str, Meta(description="Art. 16(1)(a): M, F, X or <")]
    document_type: Annotated[str, Meta(description="Art. 16(1)(b)")]
    document_number: Annotated[str, Meta(description="Art. 16(1)(b)")]
    issuing_state: Annotated[str, Meta(description="Art. 16(1)(b): three-letter code")]
    expiry: Annotated[str, Meta(description="Art. 16(1)(c): ISO 8601, or as printed")]


class RecordAsJson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record. `facts` repeat `kind` in this form, so that their schema can be chosen."""

    version: Literal[2]
    gate: Annotated[str, Meta(min_length=1, max_length=64)]
    epoch: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    seq: Annotated[int, Meta(ge=1)]
    kind: Literal["decision", "officer", "actuation", "finish", "system"]
    ticket: Annotated[int, Meta(ge=0)]
    at_ns: Annotated[int, Meta(description="the lane's monotonic clock")]
    utc: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    previous: Annotated[Sha256, Meta(description="the commitment to the record before")]
    facts: Facts
    identity: Annotated[bytes | None, Meta(description="sealed; base64 here")] = None
    demo: bool = False


def json_schema() -> dict[str, Any]:
    """The schema of a record as JSON, draft 2020-12, with that of an opened identity."""
    (record, identity), parts = msgspec.json.schema_components(
        (RecordAsJson, Identity), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "egate record, version 2",
        **record,
        "$defs": {**parts, "opened_identity": identity},
    }


def as_json(record: msgspec.Struct) -> dict[str, Any]:
    """A record (`sync.log.types.Record`) in the form that the schema describes."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain | {"facts": {"kind": plain["kind"], **plain["facts"]}}


def check(record: msgspec.Struct) -> RecordAsJson:
    """Read a record by the schema's own types.

    Raises:
        msgspec.ValidationError: it does not fit; names the path.
    """
    return msgspec.convert(as_json(record), RecordAsJson)
