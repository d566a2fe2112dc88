"""Looking at runs: list, lint, judge, replay, reduce, diff, reports; and their exit codes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from decisions import golden as golden_decisions
from decisions import run_and_decide

from gate_agent.cli import main
from sim.day.judge import Judge, Spans, percentile
from sim.day.queueing import erlang_c, mean_wait_s, summary
from sim.scenario.catalogue import Entry, catalogue, find
from sim.scenario.scenario import Scenario, ScenarioError, parse
from sim.scenario.timeline import Timeline

THEMES = {"ordinary", "document", "face", "passage", "hardware", "power", "uplink", "officer"}

DAY = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
limit_s = 200
[[lanes]]
number = 1
[[travellers]]
name = "Ann Example"
lane = 1
document = { number = "X1", birth_date = 1980-01-01, expiry = 2030-01-01 }
expect = { outcome = "admitted" }
[[travellers]]
name = "Bob Example"
lane = 1
document = { number = "X2", birth_date = 1990-01-01, expiry = 2020-01-01 }
expect = { outcome = "refused", reasons = ["expiry"] }
"""


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / "day.toml"
    path.write_text(DAY)
    return path


# --- the library ----------------------------------------------------------------------


def test_the_library_has_its_themes_and_teaches() -> None:
    entries = catalogue()
    assert len(entries) >= 40
    assert THEMES | {"peak"} <= {entry.theme for entry in entries}
    for entry in entries:
        if entry.theme:
            first = entry.path.read_text().splitlines()[0]
            assert first == f"# {entry.plan.learn}"
    assert sum(entry.plan.realtime for entry in entries) >= 3


def test_a_scenario_is_found_by_its_name() -> None:
    assert find("power/fire") == find("fire")
    assert find("first_day").name == "first_day.toml"
    with pytest.raises(ScenarioError, match="egate sim list"):
        find("nowhere")


@pytest.mark.parametrize(
    "entry", [e for e in catalogue() if not e.plan.long], ids=lambda e: e.full_name
)
def test_the_library_passes_and_decides_as_on_record(entry: Entry) -> None:
    result, decided = run_and_decide(entry)
    assert result.problems == ()
    assert decided == golden_decisions()[entry.full_name]


def test_the_decisions_on_record_are_those_of_the_library() -> None:
    assert golden_decisions().keys() == {entry.full_name for entry in catalogue()}


def test_list_and_schema_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "theme", "title", "learn"} <= set(rows[0])
    assert main(["sim", "schema"]) == 0
    assert "Traveller" in json.loads(capsys.readouterr().out)["$defs"]


BROKEN = {
    "no one": (DAY[: DAY.index("[[trav")], "$.travellers", "no one"),
    "fault without a time": (
        DAY + '[[faults]]\nkind = "fire"\nfor_s = 1\n',
        "$.faults[0]",
        "at_s or when",
    ),
    "fault at no lane": (
        DAY + '[[faults]]\nkind = "fire"\nat_s = 1\nfor_s = 1\nlane = 9\n',
        "$.faults[0].lane",
        "no lane 9",
    ),
    "claim that ends before it begins": (
        DAY + '[[expectations]]\nkind = "never"\nfrom_s = 9\nuntil_s = 9\n',
        "$.expectations[0].until_s",
        "from_s = 9",
    ),
    "percentile without a bound": (
        DAY + '[[expectations]]\nkind = "percentile"\n',
        "$.expectations[0].max_ms",
        "> 0",
    ),
    "profile out of its bounds": (
        DAY.replace("limit_s", "profile = { turnstile = { poll_ms = 1 } }\nlimit_s"),
        "$.profile.turnstile.poll_ms",
        ">= 10",
    ),
    "profile of the second lane": (
        DAY.replace("limit_s", 'profile = { turnstile = { driver = "modbus" } }\nlimit_s').replace(
            "[[trav", '[[lanes]]\nnumber = 2\ntopology = "mantrap"\n[[trav', 1
        ),
        "$.profile.turnstile.driver",
        "lane 2 speaks relay_io",
    ),
    "profile with no such section": (
        DAY.replace("limit_s", "profile = { doors = {} }\nlimit_s"),
        "$.profile.doors",
        "no such section",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_lint_names_file_field_and_bound(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, field, problem = BROKEN[case]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert main(["sim", "lint", str(path), "--json"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["file"], error["field"]) == (str(path), field)
    assert problem in error["problem"]


def test_lint_is_content_with_a_good_file(day: Path) -> None:
    assert main(["sim", "lint", str(day)]) == 0


def test_the_library_is_run_and_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "library", "face/nobody", "passage/turns_back"]) == 0
    assert "2 scenarios, 0 failed; 3 crossings" in capsys.readouterr().out
    assert main(["sim", "library", "face/nobody", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scenarios"], found["passed"], found["failed"]) == (1, 1, 0)
    assert main(["sim", "library", "nowhere"]) == 2
    assert "egate sim list" in capsys.readouterr().err


def test_a_scenario_of_the_library_that_fails_exits_1(
    day: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day.write_text(DAY.replace('"admitted"', '"refused"'))
    monkeypatch.setattr("sim.scenario.catalogue.catalogue", lambda: catalogue(day.parent))
    assert main(["sim", "library"]) == 1
    assert "wrong: Ann Example: refused expected, admitted" in capsys.readouterr().out


# --- claims ---------------------------------------------------------------------------


def claims(*tables: str) -> Scenario:
    return parse((DAY + "".join(f"[[expectations]]\n{table}\n" for table in tables)).encode())


HELD = {
    'kind = "eventually"\nwhat = "mode"\nvalue = "auto"': True,
    'kind = "eventually"\nwhat = "mode"\nvalue = "evacuation"': False,
    'kind = "eventually"\nwhat = "mode"\nvalue = "auto"\nuntil_s = 2': False,
    'kind = "always"\nwhat = "mode"\nvalue = "auto"\nfrom_s = 4': True,
    'kind = "always"\nwhat = "mode"\nvalue = "auto"': False,
    'kind = "always"\nwhat = "mode"\nvalue = "auto"\nfrom_s = 4\nuntil_s = 99': True,
    'kind = "never"\nwhat = "mode"\nvalue = "starting"\nfrom_s = 4': True,
    'kind = "never"\nwhat = "mode"\nvalue = "starting"\nfrom_s = 1\nuntil_s = 2': False,
    'kind = "never"\nwhat = "alarm"': False,
    'kind = "never"\nwhat = "alarm"\nlane = 1\nuntil_s = 5': True,
    'kind = "count"\nwhat = "alarm"\nleast = 2\nmost = 2': True,
    'kind = "count"\nwhat = "alarm"\nvalue = "fire"\nleast = 2': False,
    'kind = "percentile"\nspan = "total"\npercent = 50\nmax_ms = 20.0': True,
    'kind = "percentile"\nspan = "total"\npercent = 99\nmax_ms = 20.0': False,
    'kind = "percentile"\nspan = "verify"\nmax_ms = 20.0': False,
}


@pytest.mark.parametrize("table", HELD)
def test_what_a_claim_means(table: str) -> None:
    timeline = Timeline()
    judge = Judge(claims(table), timeline)
    timeline.add(0.5, 1, "mode", "starting")
    timeline.add(3.0, 1, "mode", "auto")
    timeline.add(6.0, 1, "alarm", "fire")
    timeline.add(7.0, 1, "alarm", "tailgating")
    spans = Spans()
    for span in (10.0, 20.0, 30.0):
        spans.add({"total": span})
    (verdict,) = judge.verdicts(spans, 10.0)
    assert verdict.ok is HELD[table], verdict
    assert verdict.evidence


def test_percentiles_are_nearest_rank() -> None:
    assert [percentile(range(1, 11), p) for p in (1, 50, 95, 100)] == [1, 5, 10, 10]


# --- queues ---------------------------------------------------------------------------


def test_the_estimate_is_erlangs() -> None:
    assert erlang_c(1, 0.5) == pytest.approx(0.5)  # M/M/1: the chance to wait is the load
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(6, 7.0) == 1.0
    assert mean_wait_s(1, 0.5, 1.0, 1.0) == pytest.approx(1.0)  # M/M/1: load / (mu - lambda)
    assert mean_wait_s(1, 0.5, 1.0, 0.0) == pytest.approx(0.5)  # M/D/1 waits half as long
    assert mean_wait_s(6, 1_200 / 3_600, 20.0, 0.3) is None


def test_a_queue_stands_next_to_its_estimate() -> None:
    found = summary(2, [0.0, 1_000.0, 2_000.0], [4.0, 4.0, 4.0], 10.0)
    assert (found["served"], found["wait_mean_s"], found["wait_max_s"]) == (3, 1.0, 2.0)
    assert summary(2, [], [], 0.0) == {}


# --- a run, reported ------------------------------------------------------------------


def test_a_report_needs_nothing_else(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["sim", "run", str(day), "--report", str(out)]) == 0
    page = (out / "day.html").read_text()
    for text in ("Ann Example", "expiry", "p95 ms", "transition table"):
        assert text in page
    assert "<svg" in page
    assert "http" not in page
    assert "<b>1</b><span>admitted by the machine" in page
    assert "<td>outcome</td><td>admitted</td>" in page
    suite = ET.fromstring((out / "day.xml").read_text())  # noqa: S314 - our own
    assert (suite.get("failures"), len(suite.findall("testcase"))) == ("0", 3)
    assert json.loads((out / "day.json").read_text())["ok"] is True


def test_markup_in_a_title_is_text(day: Path, tmp_path: Path) -> None:
    day.write_text(DAY.replace('title = "One"', 'title = "<script>&"'))
    assert main(["sim", "run", str(day), "--report", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "day.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;&amp;" in page


def test_diff_names_the_knob_and_the_decision(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert main(["sim", "run", str(day), "--report", str(one)]) == 0
    policy = "profile = { policy = { min_age_years = 60, pad_required = false } }\nlimit_s"
    day.write_text(DAY.replace("limit_s", policy))
    assert main(["sim", "run", str(day), "--report", str(other)]) == 1
    capsys.readouterr()
    assert main(["sim", "diff", str(one / "day.json"), str(other / "day.json"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found["knobs"]) == ["profile"]
    assert found["decisions"][0]["name"] == "Ann Example"
    assert "under_age" in found["decisions"][0]["after"]
    assert main(["sim", "diff", str(one), str(day)]) == 2
    assert main(["sim", "diff", str(one / "day.json"), str(one / "day.json")]) == 0


def test_a_trace_of_a_mantrap_is_one_of_a_mantrap(day: Path, tmp_path: Path) -> None:
    day.write_text(DAY.replace("number = 1", 'number = 1\ntopology = "mantrap"', 1))
    assert main(["sim", "run", str(day), "--trace", str(tmp_path / "traces")]) == 0
    small = tmp_path / "reduced.toml"
    ring = str(tmp_path / "traces" / "lane1")
    assert main(["sim", "reduce", ring, "--into", str(small)]) == 0
    found = parse(small.read_bytes())
    assert found.lanes[0].topology == "mantrap"
    assert [one.officer.action for one in found.travellers] == ["ignore", "reject"]


def test_a_trace_replays_varies_and_reduces(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "run", str(day), "--trace", str(tmp_path / "traces")]) == 0
    ring = str(tmp_path / "traces" / "lane1")
    assert main(["sim", "replay", ring]) == 0
    policy = tmp_path / "policy.toml"
    policy.write_text("min_age_years = 50\n")
    capsys.readouterr()
    assert main(["sim", "replay", ring, "--policy", str(policy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["decisions"] == 2
    (flip,) = [flip for flip in found["flips"] if flip["other"] == "refer"]
    assert (flip["recorded"], flip["other_reasons"]) == ("admit", ["under_age"])
    assert found["first_difference"]["event"] == "DocumentVerified"
    small = tmp_path / "reduced.toml"
    assert main(["sim", "reduce", ring, "--into", str(small)]) == 0
    assert main(["sim", "run", str(small)]) == 0
    outcomes = [one.expect.outcome for one in parse(small.read_bytes()).travellers if one.expect]
    assert outcomes == ["admitted", "refused"]


def test_what_is_no_trace_is_broken(day: Path, tmp_path: Path) -> None:
    assert main(["sim", "replay", str(day), "--policy", str(day)]) == 2
    assert main(["sim", "reduce", str(tmp_path)]) == 2
