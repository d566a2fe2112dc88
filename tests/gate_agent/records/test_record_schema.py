"""Every record of a simulated day fits the schema; what does not is named."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from schema_judge import fits

from gate_agent.records.identity import identity, judged_on
from gate_agent.records.record_schema import Identity, as_json, check, json_schema
from sim.day.run import Day, run
from sim.scenario.scenario import load
from sync.centre.stay import crossing_of
from sync.log.types import Record, RecordKind

DAY = Path(__file__).parents[3] / "sim" / "scenarios" / "first_day.toml"
MRZ = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.fixture(scope="module")
def records() -> list[Record]:
    kept: list[Record] = []

    class Watched(Day):
        def close(self) -> None:
            for lane in self.lanes:
                kept.extend(self.store.records(lane.profile.lane.gate))
            super().close()

    run(load(DAY), "first_day", day_class=Watched)
    return kept


def test_every_record_of_a_day_fits(records: list[Record]) -> None:
    schema = json_schema()
    assert {record.kind.value for record in records} >= {"decision", "finish", "system"}
    for record in records:
        check(record)
        assert fits(schema, as_json(record), schema["$defs"]) == ""


@pytest.mark.parametrize(
    ("kind", "changes", "where"),
    [
        ("decision", {"facts": {"outcome": "refuse"}}, "outcome"),
        ("decision", {"facts": {"reasons": ["because"]}}, "reasons"),
        ("decision", {"facts": {"checks": [["a", "b", "c"]]}}, "checks"),
        ("decision", {"facts": {"spans_ms": {"total": -1.0}}}, "spans_ms"),
        ("decision", {"facts": {"profile_sha256": "ABC"}}, "profile_sha256"),
        ("decision", {"facts": {"direction": "north"}}, "direction"),
        ("decision", {"facts": {"authority": None}}, "authority"),
        ("finish", {"facts": {"crossing_point": 1}}, "crossing_point"),
        ("finish", {"facts": {"passages": "one"}}, "passages"),
        ("decision", {"seq": 0}, "seq"),
        ("decision", {"utc": "2026-01-01"}, "utc"),
        ("decision", {"epoch": "x"}, "epoch"),
        ("decision", {"version": 4}, "version"),
    ],
)
def test_what_does_not_fit_is_named(
    records: list[Record], kind: str, changes: dict[str, Any], where: str
) -> None:
    record = next(each for each in records if each.kind.value == kind)
    facts = record.facts | changes.pop("facts", {})
    changed = msgspec.structs.replace(record, facts=facts, **changes)
    with pytest.raises(msgspec.ValidationError, match=where):
        check(changed)
    schema = json_schema()
    assert where in fits(schema, as_json(changed), schema["$defs"])


@pytest.mark.parametrize("kind", ["decision", "finish"])
def test_a_record_says_where_it_was_and_an_older_one_is_still_read(
    records: list[Record], kind: str
) -> None:
    record = next(each for each in records if each.kind.value == kind)
    where = ("direction", "authority", "crossing_point")
    assert all(record.facts[name] for name in where)
    older = {name: fact for name, fact in record.facts.items() if name not in where}
    changed = msgspec.structs.replace(record, facts=older)
    assert check(changed).facts.authority == ""
    schema = json_schema()
    assert fits(schema, as_json(changed), schema["$defs"]) == ""


def test_an_identity_has_the_regulations_fields() -> None:
    found = identity(MRZ.encode(), datetime.date(2011, 1, 1))
    opened = msgspec.convert(found, Identity)
    assert (opened.surname, opened.given_names) == ("ERIKSSON", "ANNA MARIA")
    assert (opened.document_number, opened.issuing_state) == ("L898902C3", "UTO")
    assert (opened.birth_date, opened.expiry) == ("1974-08-12", "2012-04-15")
    schema = json_schema()["$defs"]
    assert fits(schema["opened_identity"], found, schema) == ""


def test_an_identity_holds_no_guessed_date() -> None:
    lines = "\n".join(
        (
            "I<UTOX1234567<7<<<<<<<<<<<<<<<",
            "1906071M<<<<<<0UTO<<<<<<<<<<<0",
            "NOVAK<<ANNA" + "<" * 19,
        )
    )
    found = identity(lines.encode(), datetime.date(2026, 11, 22))
    opened = msgspec.convert(found, Identity)
    assert (opened.birth_date, opened.expiry) == ("190607", "<<<<<<")
    assert opened.birth_date_known == "1919-06-07 or 2019-06-07"
    assert opened.expiry_known == "no date of expiry"
    settled = identity(f"{lines}\n19190607".encode(), datetime.date(2026, 11, 22))
    assert (settled["birth_date"], "birth_date_known" in settled) == ("1919-06-07", False)
    assert settled["surname"] == "NOVAK"
    schema = json_schema()["$defs"]
    for each in (found, settled):
        assert fits(schema["opened_identity"], each, schema) == ""


def test_the_centre_reads_crossings_from_ends(records: list[Record]) -> None:
    """A person who went through has crossed in the lane's direction; no other person has."""
    ends = [record for record in records if record.kind is RecordKind.FINISH]
    crossings = {(each.gate, each.seq): crossing_of(each, "UTC") for each in records}
    went = [end for end in ends if end.facts["passages"] and end.facts["outcome"] != "abandoned"]
    assert went
    for record in went:
        found = crossings[record.gate, record.seq]
        assert found is not None
        assert found.direction == record.facts["direction"]
        assert record.utc.startswith(found.day.isoformat())
    older = msgspec.structs.replace(went[0], facts={"outcome": "admitted"})
    refused = msgspec.structs.replace(went[0], facts={**went[0].facts, "outcome": "refused"})
    assert [crossing_of(older, "UTC"), crossing_of(refused, "UTC")] == [None, None]
    assert sum(each is not None for each in crossings.values()) == len(went)


def test_dates_are_read_on_the_day_of_inspection_though_it_is_past() -> None:
    after_midnight = datetime.datetime(2027, 12, 31, 17, 0, 5, tzinfo=datetime.UTC)
    day = judged_on("2027-12-31", "Asia/Jakarta", after_midnight)
    assert day == datetime.date(2027, 12, 31)
    assert judged_on("", "Asia/Jakarta", after_midnight) == datetime.date(2028, 1, 1)
