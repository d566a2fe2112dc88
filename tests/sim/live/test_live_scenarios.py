"""The library's scenarios for real time: the same files, unmodified processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate_agent.cli import main
from sim.live.realtime import run_realtime
from sim.scenario.catalogue import catalogue

REALTIME = [entry for entry in catalogue() if entry.plan.realtime]


@pytest.mark.live
@pytest.mark.parametrize("entry", REALTIME, ids=lambda entry: entry.name)
def test_the_same_file_in_real_time(entry) -> None:  # type: ignore[no-untyped-def]
    result = run_realtime(entry.path)
    assert result.problems == ()
    assert result.clock == "real"
    assert {row.what for row in result.rows} >= {"step", "mode", "zone", "record"}


def test_what_cannot_be_done_to_a_process_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "disk.toml"
    text = REALTIME[0].path.read_text()
    path.write_text(text + '\n[[faults]]\nkind = "disk_full"\nat_s = 1\nfor_s = 1\n')
    assert main(["sim", "run", str(path), "--realtime"]) == 2
    assert "$.faults[0].kind" in capsys.readouterr().err
