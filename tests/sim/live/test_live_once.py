"""The built-in cast, played once on real processes: its result, and its traces replayed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from demo_run import GENUINE, REPOSITORY, DemoRun, scenario

pytestmark = pytest.mark.live

STORE = Path(sys.prefix) / "share" / "egate" / "models"
RECOMMENDED = REPOSITORY.parent / "shared" / "data" / "models"
if not RECOMMENDED.is_dir():  # a work tree beside the repository
    RECOMMENDED = REPOSITORY.parent.parent / "shared" / "data" / "models"
KEYS = {
    "crossings",
    "admitted",
    "referred",
    "refused",
    "cast",
    "records_journal",
    "records_centre",
    "lost",
    "duplicated",
    "steps",
    "tier",
    "pad",
}
LIMIT_S = 600.0


def egate(*arguments, expect):
    done = subprocess.run(
        [sys.executable, "-m", "gate_agent.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Stores with the packaged tier alone, and with the recommended one where it is at hand."""
    home = tmp_path_factory.mktemp("models")
    packaged, both = home / "packaged", home / "both"
    egate("models", "prepare", "--store", packaged, expect=0)
    if RECOMMENDED.is_dir():
        shutil.copytree(packaged, both)
        egate("models", "add", RECOMMENDED, "--store", both, expect=0)
    return {"packaged": packaged, "recommended": both}


@pytest.fixture(scope="session")
def once(models):
    """One run of the built-in cast with the packaged tier, and what it left behind."""
    with DemoRun(3, "--once", "--models", models["packaged"], json=True) as run:
        code = run.wait(LIMIT_S)
        yield "packaged", code, run


def result_of(run):
    assert len(run.lines) == 1, run.state()
    return json.loads(run.lines[0])


def test_the_cast_ends_as_the_scenario_says_and_nothing_is_lost(once):
    tier, code, run = once
    result = result_of(run)
    assert [row for row in result["cast"] if not row["ok"]] == []
    assert code == 0
    assert set(result) >= KEYS
    assert all(
        {"name", "expected", "outcome", "reasons", "ok"} <= set(row) for row in result["cast"]
    )
    assert len(result["cast"]) == result["crossings"] >= 12
    assert (result["lost"], result["duplicated"]) == (0, 0)
    assert result["records_journal"] == result["records_centre"] > 4 * result["crossings"] - 12
    assert result["tier"] == tier
    assert result["pad"] == "not_run"
    outcomes = [row["outcome"] for row in result["cast"]]
    assert outcomes.count("admitted") == result["admitted"]
    assert outcomes.count("refused") == result["refused"]
    assert result["referred"]["expiry"] == 2
    for span in result["steps"].values():
        assert 0 <= span["p50_ms"] <= span["p95_ms"] <= span["p99_ms"]
    assert run.tracebacks() == []


def test_every_lane_replays_to_identical_commands(once):
    _, _, run = once
    for number, lane in run.lanes.items():
        traces = sorted((lane.home / "state" / "trace").iterdir())
        assert traces, f"lane {number} left no trace"
        for trace in traces:
            done = egate("sim", "replay", trace, "--json", expect=0)
            assert json.loads(done.stdout)["identical"] is True


def test_a_changed_event_is_a_difference_and_a_broken_line_no_trace(once, tmp_path):
    _, _, run = once
    (trace,) = sorted((run.lanes[1].home / "state" / "trace").iterdir())
    lines = trace.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if '"DocumentVerified"' in line)
    event = json.loads(lines[number])
    event["event"]["ticket"] += 1
    changed = tmp_path / "changed.jsonl"
    changed.write_text("\n".join([*lines[:number], json.dumps(event), *lines[number + 1 :]]) + "\n")
    done = egate("sim", "replay", changed, "--json", expect=1)
    assert json.loads(done.stdout)["difference"]["line"] > number
    broken = tmp_path / "broken.jsonl"
    broken.write_text("\n".join([*lines[:number], '{"at_ns": 1}', *lines[number + 1 :]]) + "\n")
    assert f"line {number + 1}" in egate("sim", "replay", broken, expect=2).stderr
    assert egate("sim", "replay", tmp_path / "absent.jsonl", expect=2).stderr


def test_the_recommended_tier_admits_with_attack_detection(models, tmp_path):
    if not models["recommended"].is_dir():
        pytest.skip("the recommended models (../shared/data/models) are not at hand")
    people = [[{**GENUINE, "portrait": portrait} for portrait in ("a1", "b1")]]
    cast = scenario(tmp_path / "cast.toml", people, '{ action = "ignore" }')
    arguments = ("--once", "--models", models["recommended"], "--cast", cast)
    with DemoRun(1, *arguments, json=True) as run:
        assert run.wait(LIMIT_S) == 0, run.state()
        result = result_of(run)
    assert (result["tier"], result["pad"]) == ("recommended", "run")
    assert (result["admitted"], result["lost"], result["duplicated"]) == (2, 0, 0)
