"""Whole days on the virtual clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from drivers.types import OpenExit
from gate_agent.cli import main
from gate_agent.core.messages import Append
from gate_agent.loop import Turn
from gate_agent.records.recorder import TraceError
from sim.day.run import Result, run, run_scenario
from sim.lane.virtual_lane import VirtualLane
from sim.scenario.folder import SCENARIOS
from sim.scenario.scenario import Scenario, load, parse
from sim.search.replay import replay
from sim.wires.kernel import MS
from sync.log.types import RecordKind

FIRST_DAY = SCENARIOS / "first_day.toml"

ONE = """
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
"""


def one(**changes: object) -> Scenario:
    scenario = parse(ONE.encode())
    traveller = msgspec.structs.replace(scenario.travellers[0], **changes)
    return msgspec.structs.replace(scenario, travellers=(traveller,))


def outcome(result: Result) -> tuple[str, tuple[str, ...]]:
    (row,) = result.cast
    return row.outcome, row.reasons


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    traces = tmp_path_factory.mktemp("traces")
    return run_scenario(FIRST_DAY, trace=traces), traces


def test_the_first_day_passes(first_day: tuple[Result, Path]) -> None:
    result, _ = first_day
    assert result.problems == ()
    assert result.passed
    assert len(result.cast) >= 12
    assert len(result.finishes) == 3
    assert (result.lost, result.duplicated) == (0, 0)
    assert result.records_journal == result.records_centre > 40


def test_every_kind_of_end_is_in_the_first_day(first_day: tuple[Result, Path]) -> None:
    tally = first_day[0].json()
    for kind in ("admitted", "accepted", "refused", "abandoned"):
        assert tally[kind] >= 1
    wanted = "face_no_match expiry dg_hash ds_chain access_control document_removed tailgating"
    assert set(wanted.split()) <= set(tally["referred"])
    json.dumps(tally)


def test_every_lane_replays_to_the_same_commands(first_day: tuple[Result, Path]) -> None:
    _, traces = first_day
    files = sorted(traces.glob("lane*/trace-*.jsonl"))
    assert len(files) == 3
    for file in files:
        assert replay(file) is None


def test_a_changed_trace_is_found(first_day: tuple[Result, Path], tmp_path: Path) -> None:
    _, traces = first_day
    lines = (traces / "lane1" / "trace-00000001.jsonl").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"DocumentVerified"' in line)
    lines[place] = lines[place].replace('"result":"successful"', '"result":"failed"', 1)
    changed = tmp_path / "changed.jsonl"
    changed.write_text("\n".join(lines) + "\n")
    difference = replay(changed)
    assert difference is not None
    assert difference.line == place + 1


def test_no_trace_at_all(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        replay(tmp_path / "none.jsonl")


def test_nothing_that_identifies_is_in_a_trace(first_day: tuple[Result, Path]) -> None:
    text = "".join(file.read_text() for file in first_day[1].glob("lane*/*.jsonl"))
    for traveller in load(FIRST_DAY).travellers:
        assert traveller.surname not in text.upper()
        assert traveller.document.number not in text


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_trace_does_not_depend_on_the_hash_seed(
    first_day: tuple[Result, Path], hash_seed: str
) -> None:
    command = [sys.executable, "-m", "gate_agent.cli", "sim", "run", str(FIRST_DAY), "--json"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": f"UTC{hash_seed}"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["trace_sha256"] == first_day[0].trace_sha256


def test_another_seed_is_another_day_with_the_same_ends(first_day: tuple[Result, Path]) -> None:
    other = run_scenario(FIRST_DAY, seed=7)
    assert other.passed, other.problems
    assert other.trace_sha256 != first_day[0].trace_sha256


def test_another_lane_shifts_no_one_in_this_one() -> None:
    alone = parse(ONE.encode())
    more = ONE + ONE[ONE.index("[[travellers]]") :].replace("lane = 1", "lane = 2").replace(
        "Ann", "Bob"
    )
    both = parse(more.replace("[[trav", "[[lanes]]\nnumber = 2\n[[trav", 1).encode())
    assert run(alone, "alone").finishes[1] == run(both, "both").finishes[1]


def test_a_person_behind_shifts_no_one_ahead() -> None:
    more = ONE + ONE[ONE.index("[[travellers]]") :].replace("Ann", "Bob")
    alone, both = parse(ONE.encode()), parse(more.encode())
    assert run(alone, "alone").finishes[1] == run(both, "both").finishes[1][:1]


def test_an_expectation_that_does_not_hold_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(ONE.replace('"admitted"', '"refused"'))
    result = run_scenario(path)
    assert not result.passed
    assert "Ann Example: refused expected, admitted" in result.problems
    assert main(["sim", "run", str(path)]) == 1


def test_a_bad_file_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(ONE.replace("lane = 1", "lane = 3"))
    assert main(["sim", "run", str(path), "--json"]) == 2
    assert "$.travellers[0].lane" in capsys.readouterr().err


def test_a_day_that_does_not_end_is_a_problem() -> None:
    result = run(msgspec.structs.replace(one(), limit_s=3), "short")
    assert "not over after 3 s" in result.problems


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"behaviour": "turns_back"}, ("abandoned", ("walked_away",))),
        ({"behaviour": "slow"}, ("admitted", ())),
    ],
)
def test_behaviours(changes: dict[str, str], expected: tuple[str, tuple[str, ...]]) -> None:
    assert outcome(run(one(**changes), "behaviour")) == expected


def test_a_print_and_no_one_and_two_faces_are_referred() -> None:
    face = parse(ONE.encode()).travellers[0].face
    for change, reason in (
        ({"live": "print"}, "pad_attack"),
        ({"faces": 0}, "face_not_acquired"),
        ({"faces": 2}, "several_faces"),
        ({"settle_frames": 200}, "face_quality"),
        ({"score": 0.1}, "face_no_match"),
    ):
        ended, reasons = outcome(run(one(face=msgspec.structs.replace(face, **change)), "face"))
        assert ended == "refused"
        assert reason in reasons


def test_without_an_answer_the_referral_runs_out() -> None:
    scenario = one()
    traveller = scenario.travellers[0]
    ignored = msgspec.structs.replace(traveller.officer, action="ignore")
    forged = msgspec.structs.replace(traveller.document, forgeries=("altered_dg2",))
    result = run(one(officer=ignored, document=forged), "ignored")
    assert outcome(result)[0] == "referred"


def test_an_opening_no_one_decided_is_seen_by_the_invariants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Rash(VirtualLane):
        """A lane whose loop opens by itself on the first referral."""

        def turned(self, done: Turn) -> None:
            rash = [OpenExit(ticket=c.ticket) for c in done.commands if _is_decision(c)]
            super().turned(done._replace(commands=(*done.commands, *rash)))

    monkeypatch.setattr("sim.day.run.Day.lane_class", Rash)
    document = msgspec.structs.replace(one().travellers[0].document, forgeries=("altered_dg2",))
    result = run(one(document=document), "rash")
    assert "lane 1: invariant open_without_accept" in result.problems


def _is_decision(command: object) -> bool:
    return isinstance(command, Append) and command.kind is RecordKind.DECISION


def test_a_turnstile_that_is_silent_is_a_device_that_failed() -> None:
    class Silent(VirtualLane):
        def start(self) -> None:
            super().start()
            self._kernel.after(2_500 * MS, lambda _: self.stage.turnstile.freeze(frozen=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.day.run.Day.lane_class", Silent)
        result = run(one(), "silent")
    assert ("device", "turnstile") in {(row.what, row.value) for row in result.rows}
    assert result.cast[0].outcome != "admitted"
    assert result.violations == []
