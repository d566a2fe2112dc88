"""A run of the simulator that SIGTERM ends leaves no folder behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAIT_S = 30.0


def of_process(pid):
    """Folders in which this process has a file open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue
        found |= {place for place in target.parents if place.name.startswith("egate-")}
    return found


@pytest.mark.parametrize("command", [["bench", "sim"], ["bench", "lane", "--idle"]])
def test_a_bench_that_is_terminated_removes_its_folders(command):
    child = subprocess.Popen(
        [sys.executable, "-m", "gate_agent.cli", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = set()
    try:
        until = time.monotonic() + WAIT_S
        while not made and child.poll() is None and time.monotonic() < until:
            made = of_process(child.pid)
        assert made
        child.send_signal(signal.SIGTERM)
        assert child.wait(WAIT_S) == 130
    finally:
        child.kill()
        child.wait()
    assert not [folder for folder in made if folder.exists()]
