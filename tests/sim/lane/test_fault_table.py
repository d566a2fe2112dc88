"""The table of faults: complete, documented, and strict about what it cannot do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from gate_agent.cli import main
from sim.chip.catalogue import ALL_FAULTS
from sim.day.run import run
from sim.lane.fault_table import FAULTS, breaks, check_faults, in_real_time, listing
from sim.scenario.catalogue import catalogue
from sim.scenario.parts import PLANTS, FaultKind, Part
from sim.scenario.scenario import Scenario, ScenarioError, parse
from sim.scenario.traveller import Document, Face, Traveller

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"

DAY = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
[[lanes]]
number = 1
[[lanes]]
number = 2
topology = "mantrap"
[[lanes]]
number = 3
barrier = "swing_gate"
[[travellers]]
name = "Ann Example"
lane = 1
document = { number = "X1", birth_date = 1980-01-01, expiry = 2030-01-01 }
"""


def day(fault: str, realtime: str = "false") -> Scenario:
    """A day at a lane with each plant, with one fault."""
    text = DAY.replace("[[lanes]]", f"realtime = {realtime}\n[[lanes]]", 1)
    return parse(f"{text}[[faults]]\nfor_s = 1\n{fault}\n".encode())


def test_the_table_has_an_action_for_every_kind_and_no_other() -> None:
    assert list(FAULTS) == list(get_args(FaultKind))


def test_the_manual_lists_the_faults_as_the_table_has_them() -> None:
    text = DOCS.read_text()
    section = text[text.index("\n## Faults\n") :]
    rows = re.findall(r"^\|.*\|$", section[: section.index("\n## ", 5)], re.MULTILINE)
    assert rows == listing()


@pytest.mark.parametrize("part", [Traveller, Document, Face])
def test_the_manual_names_everything_that_a_traveller_may_have(part: type[Part]) -> None:
    text = DOCS.read_text()
    shown = set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"`[^`\n]+`", text))))
    shown |= set(re.findall(r"\b([a-z_]+) = ", text))
    assert set(part.__struct_fields__) - shown == set()


@pytest.mark.parametrize("field", ["beside", "access", "full_birth_date"])
def test_the_manual_names_every_choice_of_a_document(field: str) -> None:
    text, choices = DOCS.read_text(), get_args(get_type_hints(Document)[field])
    assert choices
    assert [value for value in choices if f"`{value}`" not in text] == []


def test_the_manual_names_every_fault_of_a_chip_with_what_catches_it() -> None:
    rows = re.findall(r"^\| (?:cannot|reads).*\|$", DOCS.read_text(), re.MULTILINE)
    listed = {
        name: "" if row.startswith("| reads") else row.split("`")[1]
        for row in rows
        for name in re.findall(r"`([^`]+)`", row.split(" | ")[1])
    }
    assert listed == {name: fault.caught_by for name, fault in ALL_FAULTS.items()}


def test_every_plant_can_break_and_every_kind_breaks_a_plant() -> None:
    for kind in FAULTS:
        assert any(breaks(kind, plant) for plant in PLANTS), kind
    assert not breaks("counter_wrap", "mantrap")
    assert not breaks("stray_passage", "mantrap")
    assert not breaks("wrong_identity", "swing_gate")


IMPOSSIBLE = {
    'kind = "counter_wrap"\nat_s = 1': "lane 2 is a mantrap, which has no counter_wrap",
    'kind = "counter_wrap"\nat_s = 1\nlane = 2': "turnstile, swing_gate has",
    'kind = "stray_passage"\nat_s = 1\nlane = 2': "turnstile, swing_gate has",
    'kind = "wrong_identity"\nat_s = 1\nlane = 3': "lane 3 is a swing_gate",
}


@pytest.mark.parametrize("fault", IMPOSSIBLE)
def test_a_fault_without_an_action_is_an_error_of_the_file(fault: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        check_faults(day(fault), "day.toml")
    assert caught.value.field == "$.faults[0].kind"
    assert IMPOSSIBLE[fault] in caught.value.problem
    with pytest.raises(ScenarioError):
        run(day(fault), "day")
    path = tmp_path / "day.toml"
    path.write_text(f"{DAY}[[faults]]\nfor_s = 1\n{fault}\n")
    assert main(["sim", "lint", str(path)]) == 2


NOT_IN_REAL_TIME = {
    'kind = "disk_slow"\nat_s = 1': "for the virtual clock only",
    'kind = "fire"\nlane = 1\nwhen = { step = "waiting", lane = 2 }': "a step of its own lane",
}


@pytest.mark.parametrize("fault", NOT_IN_REAL_TIME)
def test_what_real_time_cannot_play_is_refused_by_name(fault: str) -> None:
    check_faults(day(fault), "day.toml")
    for scenario, asked in ((day(fault), True), (day(fault, "true"), False)):
        with pytest.raises(ScenarioError, match=NOT_IN_REAL_TIME[fault]):
            check_faults(scenario, "day.toml", real_time=asked)


def test_the_scenarios_of_the_library_have_no_fault_that_does_nothing() -> None:
    for entry in catalogue():
        check_faults(entry.plan, entry.full_name)


def test_only_what_is_inside_a_computer_is_left_to_the_virtual_clock() -> None:
    assert {kind for kind in FAULTS if not in_real_time(kind)} == {
        "bus_unplugged",
        "bus_noise",
        "camera_failed",
        "reader_unplugged",
        "reader_noise",
        "disk_full",
        "disk_slow",
        "clock_step",
        "clock_untrusted",
    }
