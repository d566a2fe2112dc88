"""Days at the border: whose calendar decides, and which day, where midnight passes meanwhile."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gate_agent.core.facts import DecisionFacts, FinishFacts, facts_of
from sim.day.run import Day, RunOptions, run
from sim.scenario.scenario import ScenarioError, parse
from sim.search.oracle import undeserved
from sim.search.replay import replay
from sync.centre.stay import crossing_of
from sync.log.types import Record


def day(start: str, expiry: str, *, zone: str = "", lane: str = "", born: str = "1980-05-17"):
    return parse(
        f"""
title = "One traveller"
learn = "Whose day it is."
start = {start}
limit_s = 600
{f'time_zone = "{zone}"' if zone else ""}
[[lanes]]
number = 1
{lane}
[[travellers]]
name = "Ines Halvorsen"
lane = 1
document = {{ number = "UT0000001", birth_date = {born}, expiry = {expiry}, portrait = "a1" }}
officer = {{ action = "reject", reason = "document" }}
""".encode()
    )


def ended(scenario) -> tuple[str, tuple[str, ...]]:
    result = run(scenario, "days")
    assert not result.violations
    assert list(undeserved(scenario, result)) == []
    (row,) = result.cast
    return row.outcome, row.reasons


ADMITTED = ("admitted", ())
EXPIRED = ("refused", ("expiry",))


@pytest.mark.parametrize(
    ("start", "expiry", "zone", "expected"),
    [
        ("2027-01-31T16:59:00Z", "2027-01-31", "", ADMITTED),  # 23:59 in Jakarta
        ("2027-01-31T17:00:00Z", "2027-01-31", "", EXPIRED),  # 00:00
        ("2027-01-31T17:00:00Z", "2027-01-31", "Asia/Bangkok", EXPIRED),
        ("2027-01-31T18:00:00Z", "2027-01-31", "Asia/Karachi", ADMITTED),  # 23:00
        ("2027-03-11T03:00:00Z", "2027-03-10", "America/Denver", ADMITTED),  # 20:00 the day before
        ("2027-03-11T07:00:00Z", "2027-03-10", "America/Denver", EXPIRED),
        ("2027-06-15T18:14:00Z", "2027-06-15", "Asia/Kathmandu", ADMITTED),
        ("2027-06-15T18:15:00Z", "2027-06-15", "Asia/Kathmandu", EXPIRED),
        # The file's own offset is another way to write the moment, and no zone.
        ("2027-02-01T00:30:00+09:00", "2027-01-31", "UTC", ADMITTED),
    ],
)
def test_a_document_is_valid_by_the_gates_calendar(start, expiry, zone, expected) -> None:
    assert ended(day(start, expiry, zone=zone)) == expected


@pytest.mark.parametrize(
    ("start", "zone", "expected"),
    [
        ("2027-05-03T16:59:00Z", "", ("refused", ("under_age",))),
        ("2027-05-03T17:00:00Z", "", ADMITTED),  # the birthday begins in Jakarta
        ("2027-05-04T03:00:00Z", "America/Lima", ("refused", ("under_age",))),
    ],
)
def test_a_traveller_comes_of_age_by_the_gates_calendar(start, zone, expected) -> None:
    assert ended(day(start, "2030-01-01", zone=zone, born="2009-05-04")) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2027-02-28T16:59:00Z", ("refused", ("under_age",))),
        ("2027-02-28T17:00:00Z", ADMITTED),  # born on 29 February, of age on 1 March
    ],
)
def test_who_was_born_on_a_leap_day_is_older_on_the_first_of_march(start, expected) -> None:
    assert ended(day(start, "2030-01-01", born="2008-02-29"))[0] == "admitted"
    assert ended(day(start.replace("2027", "2026"), "2030-01-01", born="2008-02-29")) == expected


def test_a_lane_has_its_own_zone_where_it_stands_elsewhere() -> None:
    late = {"start": "2027-01-31T17:30:00Z", "expiry": "2027-01-31", "zone": "Asia/Jakarta"}
    assert ended(day(**late)) == EXPIRED
    assert ended(day(**late, lane='time_zone = "Europe/Lisbon"')) == ADMITTED


def records_of(scenario, folder: Path) -> list[Record]:
    """Every record of the lane's journal at the end of the day."""
    day = Day(scenario, folder, RunOptions(), traced=False)
    assert day.run()
    records = list(day.lanes[0].journal.records())
    day.close()
    return records


def test_one_crossing_is_judged_by_the_day_on_which_its_document_was_read(tmp_path) -> None:
    """Read at 23:59:59, at the far side of the door after midnight: the day before decides."""
    scenario = day("2027-01-31T16:59:55Z", "2027-01-31")
    assert ended(scenario) == ADMITTED
    records = records_of(scenario, tmp_path)
    decision = next(f for f in map(facts_of, records) if isinstance(f, DecisionFacts))
    assert decision.attributes is not None
    assert decision.inspection_day == "2027-01-31"
    end = next(r for r in records if isinstance(facts_of(r), FinishFacts))
    assert end.utc > "2027-01-31T17:00"
    assert end.facts["inspection_day"] == "2027-01-31"
    crossing = crossing_of(end, "UTC")
    assert crossing is not None
    assert crossing.day == datetime.date(2027, 1, 31)


def test_every_record_carries_utc_and_the_zone(tmp_path) -> None:
    scenario = day("2027-01-31T17:30:00Z", "2027-02-01", lane='time_zone = "Asia/Kathmandu"')
    records = records_of(scenario, tmp_path)
    assert {record.kind.value for record in records} >= {
        "decision",
        "actuation",
        "finish",
        "system",
    }
    assert {record.facts["time_zone"] for record in records} == {"Asia/Kathmandu"}
    assert all(record.utc.endswith("Z") for record in records)


@contextmanager
def a_computer_in(zone: str) -> Iterator[None]:
    """Give this process another time zone of its own."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def test_a_trace_is_the_same_on_computers_of_any_zone(tmp_path) -> None:
    """What the inbox recorded holds the day, so no zone is looked up when it is replayed."""
    scenario = day("2027-01-31T16:59:55Z", "2027-01-31")
    hashes = set()
    for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
        with a_computer_in(zone):
            hashes.add(run(scenario, "days", trace=tmp_path / zone).trace_sha256)
    assert len(hashes) == 1
    traces = sorted(tmp_path.rglob("*.jsonl"))
    assert len(traces) == 3
    for zone, trace in zip(("UTC", "Pacific/Niue", "Asia/Kathmandu"), traces, strict=True):
        assert '"day":"2027-01-31"' in trace.read_text()
        with a_computer_in(zone):
            assert replay(trace) is None


@pytest.mark.parametrize(
    ("field", "zone", "lane"),
    [
        ("$.time_zone", "WIB", ""),
        ("$.time_zone", "Asia", ""),
        ("$.lanes[0].time_zone", "UTC", 'time_zone = "Asia/Jakart"'),
        ("$.time_zone", "GMT +7", ""),
    ],
)
def test_what_is_no_zone_is_refused_with_its_field(field, zone, lane) -> None:
    with pytest.raises(ScenarioError) as refused:
        day("2027-01-31T17:30:00Z", "2027-02-01", zone=zone, lane=lane)
    assert refused.value.field == field


def test_the_profile_of_a_file_names_the_zone_too_but_not_besides() -> None:
    text = (Path(__file__).parents[3] / "sim/scenarios/document/expired.toml").read_text()
    laid = "\n[profile.lane]\ntime_zone = {!r}\n"
    scenario = parse((text + laid.format("Asia/Tokyo")).encode())
    assert scenario.zone_of(scenario.lanes[0]) == "Asia/Tokyo"
    for broken in (text + laid.format("Tokyo"), 'time_zone = "UTC"\n' + text + laid.format("UTC")):
        with pytest.raises(ScenarioError) as refused:
            parse(broken.encode())
        assert refused.value.field == "$.profile.lane.time_zone"
