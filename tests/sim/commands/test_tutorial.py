"""The tutorial's scenario is taken out of the document and does what the document says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from gate_agent.cli import main
from sim.scenario.parts import FaultKind
from sim.scenario.traveller import Behaviour

DOCUMENT = Path(__file__).parents[3] / "docs" / "simulator.md"


@pytest.fixture
def tutorial() -> str:
    return DOCUMENT.read_text()


@pytest.fixture
def day(tutorial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("my_day.toml")
    path.write_text("\n".join(re.findall(r"```toml\n(.*?)```", tutorial, re.DOTALL)))
    return path


def test_the_scenario_is_in_order_and_passes(
    day: Path, tutorial: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "lint", str(day)]) == 0
    assert f"`{capsys.readouterr().out.strip()}`" in tutorial
    assert main(["sim", "run", str(day), "--report", "out", "--trace", "traces"]) == 0
    for name in ("out/my_day.html", "out/my_day.json", "out/my_day.xml", "traces/lane2"):
        assert Path(name).exists()


def test_the_message_shown_is_the_one_that_lint_prints(
    day: Path, tutorial: str, capsys: pytest.CaptureFixture[str]
) -> None:
    day.write_text(day.read_text().replace("uplink_down", "uplink_gone"))
    assert main(["sim", "lint", str(day)]) == 2
    assert capsys.readouterr().err.strip() in tutorial


def test_every_fault_there_is_is_explained(tutorial: str) -> None:
    for name in (*get_args(FaultKind), *get_args(Behaviour)):
        assert f"`{name}`" in tutorial
