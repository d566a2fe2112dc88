"""The centre's commands as processes: a gate enrols itself, and the measurement measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from postgres_server import require
from record_support import free_ports

from sim.bench.record.servers import mosquitto_program
from sim.wires.broker import EmbeddedBroker
from sync.log.keys import read_centre_public, read_public_key, read_signing_key

pytestmark = pytest.mark.live
DEADLINE_S = 120


def egate(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gate_agent.cli", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def answer(*arguments: str | Path) -> Any:
    done = egate(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_gate_enrols_itself_with_a_token(tmp_path: Path) -> None:
    centre, gate, thief = tmp_path / "centre", tmp_path / "gate", tmp_path / "thief"
    (port,) = free_ports(1)
    for folder in (gate, thief):
        folder.mkdir()
    assert egate("centre", "init", "--state", centre).returncode == 0
    assert egate("centre", "init", "--state", centre).returncode == 2  # never over old keys
    token = answer("centre", "enrol", "--state", centre, "gate-1", "--token")["token"]
    ask = ("enrol", "--port", str(port), "--token-file", "-", "--keys")
    with EmbeddedBroker(port=port):
        collector = subprocess.Popen(
            [
                *(sys.executable, "-m", "gate_agent.cli", "centre", "run"),
                *("--state", str(centre), "--port", str(port)),
            ]
        )
        try:
            enrolled = egate(*ask, gate, given=token)
            assert (enrolled.returncode, enrolled.stdout) == (0, "gate gate-1 is enrolled\n")
            assert egate(*ask, gate, given=token).returncode == 0
            assert egate(*ask, thief, given="nonsense").returncode == 2
            for _ in range(20):  # the collector may be slow to get it
                stolen = egate(*ask, thief, "--wait-s", "2", given=token)
                assert (stolen.returncode, "was it used" in stolen.stderr) == (2, True)
                if answer("centre", "metrics", "--state", centre)["alarms"]:
                    break
        finally:
            collector.terminate()
            assert collector.wait(DEADLINE_S) == 0
    assert read_signing_key(gate / "gate.key").public == read_public_key(gate / "gate.pub")
    assert read_centre_public(gate) == read_centre_public(centre)
    seen = answer("centre", "metrics", "--state", centre)
    assert [(row["gate"], row["state"]) for row in seen["gates"]] == [("gate-1", "new")]
    assert ["token" in alarm["what"] for alarm in seen["alarms"]] == [True]
    assert answer("centre", "audit", "--state", centre)["ok"] is True
    assert (
        f"gate gate-1 {read_public_key(gate / 'gate.pub').raw.hex()}"
        in (centre / "heads").read_text()
    )


def test_the_measurement_loses_nothing(tmp_path: Path) -> None:
    require()
    if mosquitto_program() is None:
        message = "mosquitto is not installed: apt-get install mosquitto"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    result = answer("bench", "sync", "--records", "3000", "--live-ms", "20", "--folder", tmp_path)
    assert (result["lost"], result["findings"]) == (0, 0)
    assert result["records"] >= 3000
    assert result["live_seen"] == result["live_records"]
    assert egate("bench", "sync", "--records", "0").returncode == 2
    for name in ("end_to_end_to_bare", "end_to_end_to_single", "commit_to_fsync_p99"):
        assert result[name] > 0
