"""Facts of any content: what is written is what is read, by the core's types and by the schema."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from any_facts import instances
from example_facts import facts_of
from hypothesis import HealthCheck, given, settings
from schema_judge import fits

from firmware_cfg.packs.columns import RuleInputs
from gate_agent.core.facts import DecisionFacts, Facts, OfficerFacts, plain_facts
from gate_agent.core.facts import facts_of as facts_of_record
from gate_agent.core.reasons import Reason
from gate_agent.core.record_blocks import (
    SEALED_LIST_NOTE_BYTES,
    Finding,
    LadderFacts,
    ListAsked,
    OfficerSignature,
)
from gate_agent.records.record_schema import as_json, check, json_schema
from sync.log.encoding import GENESIS, decode_record, encode_record, record_sha256
from sync.log.types import RECORD_VERSION, Record, RecordKind

SCHEMA = json_schema()

INPUTS = RuleInputs(
    rules_sha256="ab" * 32,
    document_type="P",
    issuing_state="UTO",
    nationality="UTO",
    age=(34, 34),
    days_to_expiry=(900, 900),
    direction="entry",
    hour=23,
)
SIGNATURE = OfficerSignature(
    officers_sha256="cd" * 32,
    credential_id=b"\x01" * 32,
    session_key=b"\x04" + bytes(64),
    session_proof=b"\x02" * 300,
    nonce=b"\x03" * 32,
    signature=b"\x05" * 64,
)
WHOLE = facts_of(
    RecordKind.DECISION,
    reasons=(Reason.DS_CHAIN,),
    findings=(Finding(reason=Reason.DS_CHAIN, result="failed"),),
    inputs=INPUTS,
    lists=(ListAsked(name="persons", source="site", answered=True, version="7", age_s=60),),
    ladder=LadderFacts(level="auto_officer", rows=("persons-list-age",)),
    sealed_list_note=bytes(SEALED_LIST_NOTE_BYTES),
    case_code="7Q2K4M",
)


def record_of(facts: Facts, **given: object) -> Record:
    """A record with these facts, at some place of a log."""
    record = Record(
        gate="gate-1",
        epoch="0a" * 16,
        seq=1,
        kind=facts.kind,
        ticket=3,
        at_ns=1,
        utc="2026-01-01T00:00:00.000Z",
        previous=GENESIS,
        facts=plain_facts(facts),
    )
    return msgspec.structs.replace(record, **given)


@given(instances(Facts))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_facts_come_back_from_a_record_and_fit_the_schema(facts: Facts) -> None:
    record = record_of(facts)
    data = encode_record(record)
    again = decode_record(data)
    assert encode_record(again) == data
    assert check(again).facts == facts_of_record(again) == facts
    shown = json.loads(json.dumps(as_json(again)))
    assert fits(SCHEMA, shown, SCHEMA["$defs"]) == ""


def test_what_nothing_filled_is_absent() -> None:
    plain = plain_facts(facts_of(RecordKind.DECISION))
    assert {"findings", "inputs", "lists", "ladder", "sealed_list_note", "case_code"}.isdisjoint(
        plain
    )
    assert "signature" not in plain_facts(facts_of(RecordKind.OFFICER))
    assert plain["face"] == {"frames": 0, "guidance": "none", "faces": 0, "pad": "not_run"}
    assert plain["list"] == {"state": None, "age_s": None}


def test_every_block_of_version_3_is_read_again() -> None:
    assert RECORD_VERSION == 3
    found = check(decode_record(encode_record(record_of(WHOLE)))).facts
    assert isinstance(found, DecisionFacts)
    assert found == WHOLE
    signed = facts_of(RecordKind.OFFICER, signature=SIGNATURE, case_code="7Q2K4M")
    officer = check(decode_record(encode_record(record_of(signed)))).facts
    assert isinstance(officer, OfficerFacts)
    assert officer.signature == SIGNATURE


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        (msgspec.structs.replace(WHOLE, sealed_list_note=bytes(255)), "sealed_list_note"),
        (msgspec.structs.replace(WHOLE, sealed_list_note=bytes(260)), "sealed_list_note"),
        (msgspec.structs.replace(WHOLE, case_code="7Q2K4O"), "case_code"),
        (
            msgspec.structs.replace(WHOLE, inputs=msgspec.structs.replace(INPUTS, hour=24)),
            "inputs",
        ),
        (
            msgspec.structs.replace(
                WHOLE, lists=(ListAsked(name="", source="gate", answered=False),)
            ),
            "lists",
        ),
        (
            msgspec.structs.replace(WHOLE, findings=(Finding(reason=Reason.FIRE, result="no"),)),
            "findings",
        ),
        (
            msgspec.structs.replace(WHOLE, ladder=LadderFacts(level="auto", rows=("x",) * 17)),
            "ladder",
        ),
        (
            facts_of(
                RecordKind.OFFICER,
                signature=msgspec.structs.replace(SIGNATURE, signature=bytes(63)),
            ),
            "signature",
        ),
    ],
)
def test_a_block_beyond_its_bounds_is_named(facts: Facts, where: str) -> None:
    record = decode_record(encode_record(record_of(facts)))
    with pytest.raises(msgspec.ValidationError, match=where):
        check(record)
    assert where in fits(SCHEMA, as_json(record), SCHEMA["$defs"])


def test_a_readable_identity_is_of_version_1_alone() -> None:
    facts = facts_of(RecordKind.DECISION)
    readable = {"surname": "ERIKSSON"}
    assert check(record_of(facts, version=1, identity=readable)).identity == readable
    for version in (2, 3):
        with pytest.raises(msgspec.ValidationError, match="identity"):
            check(record_of(facts, version=version, identity=readable))


def test_facts_cannot_claim_to_be_of_another_kind() -> None:
    record = record_of(facts_of(RecordKind.SYSTEM))
    posing = msgspec.structs.replace(record, facts={**record.facts, "kind": "officer"})
    assert as_json(posing)["facts"]["kind"] == "system"


GOLDEN = {
    "decision": "2d09acaeb30eb1b837e22e0e4a659e503f89355cfebf087e393f889744dac583",
    "officer": "5dd612c75202b41301f4ba23f57a153eea8672f26b7f7ad222edf7b9b80e22e4",
    "actuation": "be2ea42a87b66d8e994d2dc469d4dc36c7ad6ac65fc509e2111838dac7aee49c",
    "finish": "925d505fdb4547db3d0cb92186390bac8c23342402284a6dd2b8f6d86eda045a",
    "system": "1af12004c93debc5b76d615c1b02de498f8e0a45ed8b18e4b15eb3c91f24d568",
}
"""SHA-256 of the canonical bytes of a record of version 3; another hash is another version."""


def test_the_bytes_of_version_3_stay_as_they_are() -> None:
    signed = facts_of(RecordKind.OFFICER, signature=SIGNATURE, case_code="7Q2K4M")
    least = [facts_of(kind) for kind in list(RecordKind)[2:]]
    found = {
        facts.kind.value: record_sha256(encode_record(record_of(facts)))
        for facts in (WHOLE, signed, *least)
    }
    assert found == GOLDEN


@pytest.mark.parametrize("kind", [DecisionFacts, OfficerFacts])
def test_every_optional_block_is_in_the_document(kind: type[msgspec.Struct]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "record.md").read_text()
    optional = [each for each in msgspec.structs.fields(kind) if each.default is msgspec.UNSET]
    assert optional
    for each in optional:
        assert f"| `{each.encode_name}` |" in text
