"""The safety document is as the code, and deadlines are counted."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from gate_world import PROFILE, World
from mantrap_world import ON_APPROACH

from drivers.types import Zone
from firmware_cfg.profile import Budgets
from gate_agent.cli import main
from gate_agent.commands.stats import Ended, summary
from gate_agent.core.budgets import Times, timing
from gate_agent.core.states import initial
from gate_agent.loop import Loop
from gate_agent.records.recorder import Recorder
from gate_agent.safety.document import document
from gate_agent.safety.scene import MS, T0
from sync.gate.journal import Journal

ROOT = Path(__file__).parents[3]


def test_the_safety_document_is_as_the_code():
    stale = "docs/safety.md is stale: run `make safety-doc` and read what changed"
    assert (ROOT / "docs" / "safety.md").read_text() == document(), stale


def test_a_search_from_the_command_line(capsys):
    assert main(["safety", "search", "--topology", "barrier", "--only", "lease", "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["ok"]
    assert reported["searches"][0]["closed"]
    assert reported["totals"]["barrier"]["states"] > 200
    assert main(["safety", "search", "--only", "nowhere"]) == 2


def test_a_search_that_was_cut_short_is_no_proof(capsys):
    cut = ["safety", "search", "--topology", "mantrap", "--only", "exit", "--most", "50"]
    assert main(cut) == 1
    reported = capsys.readouterr().out
    assert "ended early" in reported
    assert "every invariant holds" in reported
    assert main([*cut, "--json"]) == 1
    reported = json.loads(capsys.readouterr().out)
    assert (reported["ok"], reported["searches"][0]["closed"]) == (False, False)


BUDGETS = Budgets()


@pytest.mark.parametrize(
    ("times", "now_ms", "expected"),
    [
        ({"mrz_ns": 4_999, "document_ns": 11_999}, 20_000, {"mrz": True, "document": True}),
        ({"mrz_ns": 5_001, "document_ns": 12_001}, 20_000, {"mrz": False, "document": False}),
        ({}, 4_999, {}),
        ({}, 12_000, {"mrz": False, "document": False}),
        ({"decided_ns": 3_000}, 90_000, {}),
        (
            {"mrz_ns": 1, "document_ns": 1, "prepare_ns": 1, "decided_ns": 9_000},
            9_000,
            {"prepare": False},
        ),
        (
            {"mrz_ns": 1, "document_ns": 1, "accepted_ns": 1, "durable_ns": 2_002},
            9_000,
            {"append": False},
        ),
        (
            {"mrz_ns": 1, "document_ns": 1, "opened_ns": 10, "decided_ns": 5},
            12_010,
            {"passage": False},
        ),
    ],
)
def test_a_step_meets_its_budget_or_not(times, now_ms, expected):
    at = {name: T0 + ms * MS for name, ms in times.items()}
    _, met = timing(Times(started_ns=T0, **at), T0 + now_ms * MS, BUDGETS)
    assert met | expected == met
    assert {step for step, ok in met.items() if not ok} == {
        step for step, ok in expected.items() if not ok
    }


def test_steps_of_two_doors_have_spans():
    assert ON_APPROACH.lane.entry_opens == "on_approach"
    times = Times(
        started_ns=T0,
        entry_ns=T0,
        inside_ns=T0 + 4_000 * MS,
        presented_ns=T0 + 6_000 * MS,
        document_ns=T0 + 8_000 * MS,
    )
    spans, _ = timing(times, T0 + 9_000 * MS, BUDGETS)
    assert spans == {"enter": 4_000, "present": 2_000, "document": 2_000, "total": 9_000}


def test_the_miss_rate_of_a_trace(tmp_path, capsys):
    loop = Loop(initial(PROFILE), PROFILE)
    recorder = Recorder(tmp_path, loop)
    world = World(loop=loop)
    world.to("Crossing")
    world.move(zone=Zone.EMPTY, passages_exit=8)
    world.present()
    world.later(15_000)
    world.move(zone=Zone.EMPTY)
    for turn in world.turns:
        recorder(turn)
    recorder.close()
    assert main(["stats", "deadlines", str(tmp_path), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert (reported["crossings"], reported["missed"], reported["late_admits"]) == (2, 1, 0)
    assert reported["steps"]["mrz"]["missed"] == 1
    assert 0 < reported["miss_rate"] < 0.2
    assert main(["stats", "deadlines", str(tmp_path)]) == 0
    assert "2 crossings, 1 of" in capsys.readouterr().out
    assert main(["stats", "deadlines", str(tmp_path / "none")]) == 2


def test_a_trace_beside_a_journal_is_not_counted_again(tmp_path, capsys):
    Journal.open(tmp_path / "journal.db", gate="g-1", random=bytes).close()
    recorder = Recorder(tmp_path / "trace", loop := Loop(initial(PROFILE), PROFILE))
    world = World(loop=loop)
    world.to("Crossing")
    world.move(zone=Zone.EMPTY, passages_exit=8)
    for turn in world.turns:
        recorder(turn)
    recorder.close()
    assert main(["stats", "deadlines", str(tmp_path / "trace")]) == 0
    assert "1 crossings" in capsys.readouterr().out
    assert main(["stats", "deadlines", str(tmp_path)]) == 0
    assert "0 crossings" in capsys.readouterr().out


def test_an_admission_after_a_late_step_is_counted():
    late = Ended("admitted", {"document": 9.0}, {"document": False})
    fine = Ended("referred", {}, {"document": True})
    found = summary([late, fine])
    assert (found["late_admits"], found["crossings_with_a_miss"], found["miss_rate"]) == (1, 1, 0.5)
    assert msgspec.json.encode(found)
