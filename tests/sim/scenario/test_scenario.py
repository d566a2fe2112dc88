"""Scenario files: bounds, contradictions, streams of chance."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sim.chip.forgeries import FORGERIES
from sim.devices.photos import HANDLES
from sim.scenario.folder import SCENARIOS
from sim.scenario.scenario import ScenarioError, load, parse, schema, stream

GOOD = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
[[lanes]]
number = 1
[[travellers]]
name = "Ann Example"
lane = 1
document = { number = "X1", birth_date = 1980-01-01, expiry = 2030-01-01 }
expect = { outcome = "admitted" }
"""
SECOND = GOOD[GOOD.index("[[travellers]]") :]

BAD = {
    "not TOML": ("title = ", "$", "not TOML"),
    "unknown field": (GOOD + "colour = 1", "$.travellers[0]", "colour"),
    "seed below its bound": ("seed = -1\n" + GOOD, "$.seed", ">= 0"),
    "no time zone": (GOOD.replace("06:00:00Z", "06:00:00"), "$.start", "timezone"),
    "no lanes": (GOOD.replace("[[lanes]]\nnumber = 1", "lanes = []"), "$.lanes", "length >= 1"),
    "lane that is not there": (GOOD.replace("lane = 1", "lane = 2"), "$.travellers[0].lane", "2"),
    "lane twice": (GOOD.replace("[[trav", "[[lanes]]\nnumber = 1\n[[trav"), "$.lanes", "same"),
    "name twice": (GOOD + SECOND, "$.travellers[1].name", "twice"),
    "name outside the MRZ": (GOOD.replace("Ann", "Ann-1"), "$.travellers[0].name", "regex"),
    "unknown forgery": (
        GOOD.replace("2030-01-01 }", '2030-01-01, forgeries = ["no"] }'),
        "$.travellers[0].document.forgeries[0]",
        "no",
    ),
    "unknown outcome": (GOOD.replace("admitted", "gone"), "$.travellers[0].expect.outcome", "gone"),
    "a mode that there is not": (
        GOOD + '[[expectations]]\nkind = "never"\nwhat = "mode"\nvalue = "emergency"',
        "$.expectations[0].value",
        "evacuation",
    ),
    "arrives before the one ahead": (
        GOOD.replace("lane = 1\nd", "lane = 1\nat_s = 9\nd")
        + SECOND.replace("Ann", "Bob").replace("lane = 1\nd", "lane = 1\nat_s = 8\nd"),
        "$.travellers[1].at_s",
        "before",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_names_file_field_and_problem(case: str, tmp_path: Path) -> None:
    text, field, problem = BAD[case]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert caught.value.file == str(path)
    assert caught.value.field == field
    assert problem in caught.value.problem


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(Path("nowhere.toml"))


def test_a_file_too_long(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_bytes(b"#" * 1_100_000)
    with pytest.raises(ScenarioError, match="longer than"):
        load(path)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_a_scenario_error(data: bytes) -> None:
    with pytest.raises(ScenarioError):
        parse(data)


def test_the_good_file_is_good() -> None:
    (traveller,) = parse(GOOD.encode()).cast(1)
    assert (traveller.surname, traveller.given_names) == ("EXAMPLE", "ANN")


def test_forgeries_are_those_of_the_chip() -> None:
    listed = next(
        entry["enum"] for entry in _walk(schema()) if "altered_dg2" in entry.get("enum", ())
    )
    assert sorted(listed) == sorted(FORGERIES)


def _walk(node: object) -> list[dict[str, list[str]]]:
    if isinstance(node, dict):
        return [node, *(found for child in node.values() for found in _walk(child))]
    if isinstance(node, list):
        return [found for child in node for found in _walk(child)]
    return []


def test_every_scenario_fits_the_schema_and_another_word_does_not() -> None:
    judge = Draft202012Validator(schema())
    judge.check_schema(judge.schema)
    files = sorted(SCENARIOS.rglob("*.toml"))
    assert len(files) > 50
    for file in files:
        plain = json.loads(msgspec.json.encode(tomllib.loads(file.read_text())))
        assert [error.message for error in judge.iter_errors(plain)] == [], file
    plain["faults"] = [{"kind": "disk_slower", "at_s": 1, "for_s": 1}]
    (error,) = judge.iter_errors(plain)
    assert error.json_path.startswith("$.faults[0]")


def test_the_built_in_scenarios_are_good() -> None:
    found = sorted(SCENARIOS.glob("*.toml"))
    assert found
    for path in found:
        for traveller in load(path).travellers:
            assert traveller.document.portrait in HANDLES


def test_a_stream_depends_on_seed_and_name_alone() -> None:
    assert stream(1, "traveller", "A").random() == stream(1, "traveller", "A").random()
    draws = {
        stream(*names).random()
        for names in ((1, "traveller", "A"), (2, "traveller", "A"), (1, "traveller", "B"), (1, "A"))
    }
    assert len(draws) == 4
    assert stream(1, "ab", "c").random() != stream(1, "a", "bc").random()
