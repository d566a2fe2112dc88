"""What a record of version 3 holds, kind by kind, and its JSON Schema.

The facts are those of `gate_agent.core.facts`; records of versions 1 and 2 fit the same schema:
they lack the blocks of version 3, and in version 1 the identity is readable.

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

from firmware_cfg.types import Sha256
from gate_agent.core.facts import Facts
from sync.log.types import RECORD_VERSION, Record


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The holder as the document names them; sealed in the record, readable with the keys."""

    surname: Annotated[str, Meta(description="Art. 16(1)(a): surname (family name)")]
    given_names: Annotated[str, Meta(description="Art. 16(1)(a): first name or names")]
    birth_date: Annotated[str, Meta(description="Art. 16(1)(a): ISO 8601, or as printed")]
    nationality: Annotated[str, Meta(description="Art. 16(1)(a): ICAO Doc 9303-3 code")]
    sex: Annotated[str, Meta(description="Art. 16(1)(a): M, F, X or <")]
    document_type: Annotated[str, Meta(description="Art. 16(1)(b)")]
    document_number: Annotated[str, Meta(description="Art. 16(1)(b)")]
    issuing_state: Annotated[str, Meta(description="Art. 16(1)(b): three-letter code")]
    expiry: Annotated[str, Meta(description="Art. 16(1)(c): ISO 8601, or as printed")]
    birth_date_known: Annotated[
        str, Meta(description="where the birth date is as printed: the days that it may be")
    ] = ""
    expiry_known: Annotated[
        str, Meta(description="where the expiry is as printed: the days that it may be")
    ] = ""


class RecordAsJson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record. `facts` repeat `kind` in this form, so that their schema can be chosen."""

    version: Literal[1, 2, 3]
    gate: Annotated[str, Meta(min_length=1, max_length=64)]
    epoch: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    seq: Annotated[int, Meta(ge=1)]
    kind: Literal["decision", "officer", "actuation", "finish", "system"]
    ticket: Annotated[int, Meta(ge=0)]
    at_ns: Annotated[int, Meta(description="the lane's monotonic clock")]
    utc: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    previous: Annotated[Sha256, Meta(description="the commitment to the record before")]
    facts: Facts
    identity: Annotated[
        bytes | dict[str, str] | None,
        Meta(description="sealed, base64 here; an object in records of version 1 alone"),
    ] = None
    demo: bool = False


def json_schema() -> dict[str, Any]:
    """The schema of a record as JSON, draft 2020-12, with that of an opened identity."""
    (record, identity), parts = msgspec.json.schema_components(
        (RecordAsJson, Identity), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"egate record, version {RECORD_VERSION}",
        **record,
        "$defs": {**parts, "opened_identity": identity},
    }


def as_json(record: Record) -> dict[str, Any]:
    """A record in the form that the schema describes."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain | {"facts": {**plain["facts"], "kind": plain["kind"]}}


def check(record: Record) -> RecordAsJson:
    """Read a record by the schema's own types.

    Raises:
        msgspec.ValidationError: it does not fit, names the path; or an identity is readable
            in a record that must seal it.
    """
    checked = msgspec.convert(as_json(record), RecordAsJson)
    if checked.version > 1 and isinstance(checked.identity, dict):
        raise msgspec.ValidationError("a readable identity - at `$.identity`")
    return checked
