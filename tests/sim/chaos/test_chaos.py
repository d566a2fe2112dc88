"""The campaign of kills, and whether its verdict would show a loss, a double or a change."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from postgres_server import require

from sim.chaos.verdict import Comparison, compare
from sync.log.keys import CentreKeys, read_centre_keys

pytestmark = pytest.mark.live

KILLS = 52


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    root = tmp_path_factory.mktemp("chaos")
    command = [sys.executable, "-m", "gate_agent.cli", "chaos", "--kills", str(KILLS), "--sqlite"]
    done = subprocess.run(
        [*command, "--json", "--keep", str(root)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return root, json.loads(done.stdout)


def test_fifty_kills_lose_double_and_alter_nothing(
    campaign: tuple[Path, dict[str, object]],
) -> None:
    _, result = campaign
    assert (result["lost"], result["duplicated"], result["altered"]) == (0, 0, 0), result
    assert result["kills"] == KILLS
    assert set(result["killed"]) == {"agent", "broker", "collector", "sync"}  # type: ignore[call-overload]
    assert result["records"] >= KILLS * 50  # type: ignore[operator]
    assert result["confirmed_under_fire"] > 0  # type: ignore[operator]
    assert result["redelivered"] > 0  # type: ignore[operator]
    assert result["ok"] is True


def test_a_campaign_that_is_asked_to_end_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gate_agent.cli", "chaos", "--sqlite"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}) as run:
        while not list(tmp_path.glob("egate-chaos-*/gate/state/journal.db")):
            assert run.poll() is None
            select.select([], [], [], 0.02)
        run.send_signal(signal.SIGTERM)
        assert run.wait() == 130
    assert list(tmp_path.iterdir()) == []


def test_the_database_is_killed_too(tmp_path: Path) -> None:
    """A PostgreSQL server, with the collector on it, among the victims."""
    require()
    command = [sys.executable, "-m", "gate_agent.cli", "chaos", "--kills", "12", "--seed", "5"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert (result["lost"], result["duplicated"], result["altered"]) == (0, 0, 0), result
    assert result["ok"] is True
    assert result["store"] == "postgresql"
    assert result["killed"]["database"] > 0


CENTRE, JOURNAL = "centre/centre.db", "gate/state/journal.db"
COPIED = "UPDATE {0} SET ({1}) = (SELECT {1} FROM {0} WHERE seq = 3) WHERE seq = 4"
BREAKS = [
    (CENTRE, ["DELETE FROM secrets WHERE seq = 7", "DELETE FROM records WHERE seq = 7"], "lost"),
    (CENTRE, ["UPDATE records SET encoded = substr(encoded, 2) WHERE seq = 9"], "altered"),
    (
        CENTRE,
        [
            COPIED.format("records", "encoded, commitment"),
            COPIED.format("secrets", "salt, wrapped"),
        ],
        "altered",
    ),
    (
        CENTRE,
        ["UPDATE secrets SET wrapped = (SELECT wrapped FROM secrets WHERE seq = 3) WHERE seq = 4"],
        "altered",
    ),
    (
        JOURNAL,
        [
            "DELETE FROM secrets WHERE seq = (SELECT max(seq) FROM records)",
            "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)",
        ],
        "duplicated",
    ),
]


def opened(root: Path) -> tuple[Comparison, CentreKeys]:
    keys = read_centre_keys(root / "centre", accept_demo=True)
    return compare(root / "gate", root / "centre" / "centre.db", keys), keys


@pytest.mark.parametrize(("database", "statements", "counted"), BREAKS)
def test_the_verdict_sees(
    campaign: tuple[Path, dict[str, object]],
    tmp_path: Path,
    database: str,
    statements: list[str],
    counted: str,
) -> None:
    root, _ = campaign
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=lambda *_: ["lane.sock"])
    before, _ = opened(copy)
    assert (before.lost, before.duplicated, before.altered, before.findings) == (0, 0, 0, 0)
    connection = sqlite3.connect(copy / database)
    for statement in statements:
        assert connection.execute(statement).rowcount == 1, statement
    connection.commit()
    connection.close()
    after, _ = opened(copy)
    assert getattr(after, counted) >= 1
    # The wrapped key of an identity is no part of the tree: only decrypting shows it.
    assert after.findings >= 1 or "wrapped" in statements[0]


def test_a_body_that_was_acknowledged_and_is_gone_everywhere_is_lost(
    campaign: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    root, _ = campaign
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=lambda *_: ["lane.sock"])
    with (copy / "gate" / "ledger").open("a") as ledger:
        ledger.write(f"999999 {'0' * 64} .\n")
        ledger.write("1000000 cut off by a ki")
    assert opened(copy)[0].lost == 1
