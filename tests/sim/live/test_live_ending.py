"""However a demo ends, nothing of it is left running."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from demo_run import GENUINE, DemoRun, scenario

pytestmark = pytest.mark.live

GONE_S = 30.0  # on a machine that does other things, too


@pytest.fixture
def cast(tmp_path):
    return scenario(tmp_path / "cast.toml", [[GENUINE]], '{ action = "ignore" }')


def alive(pids):
    """Those that still run; a zombie waits for init alone."""
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return [pid for pid, state in states.items() if state != "Z"]


def parts(run):
    found = run.processes()
    assert set(found.values()) == {
        "broker",
        "centre",
        "console",
        *(f"lane1.{part}" for part in ("agent", "hardware", "reader", "sync", "vision")),
    }
    return found


def test_ctrl_c_ends_everything_also_after_a_part_crashed(cast):
    with DemoRun(1, "--cast", cast, "--port", "0") as run:
        run.open()
        found = parts(run)
        os.kill(run.pid_of("lane1.vision"), signal.SIGKILL)
        assert run.interrupt(GONE_S) == 0
        assert alive(found) == []
        assert run.processes() == {}
        assert run.tracebacks() == []


def test_ctrl_c_while_it_starts_ends_everything(cast):
    with DemoRun(1, "--cast", cast, "--port", "0", "--once") as run:
        run.line("^lane 1")
        found = run.processes()
        assert "broker" in found.values()
        assert run.interrupt(GONE_S) == 1  # the cast has not crossed
        assert not any(line.startswith("restarted") for line in run.lines)
        assert alive(found) == []
        assert run.processes() == {}
        assert run.tracebacks() == []


def test_a_demo_that_is_killed_takes_everything_with_it(cast):
    with DemoRun(1, "--cast", cast, "--port", "0") as run:
        run.open()
        found = parts(run)
        run.process.kill()
        run.process.wait()
        run.until(lambda: not alive(found), "the end of every process", GONE_S)
        assert run.processes() == {}
