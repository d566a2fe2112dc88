"""The units of the service manager: they start what there is, and they are locked down."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from gate_agent.cli import parser
from gate_agent.host.priority import YIELDING_NICE

ROOT = Path(__file__).parent.parent
UNITS = sorted((ROOT / "systemd").glob("*.service"))
PROGRAM = "/opt/egate/bin/egate"
PROCESSES = {"agent", "reader", "vision", "sync", "console", "centre"}


def command(unit: Path) -> list[str]:
    lines = unit.read_text().splitlines()
    (line,) = [x.removeprefix("ExecStart=") for x in lines if x.startswith("ExecStart=")]
    for setting in [x.removeprefix("Environment=") for x in lines if x.startswith("Environment=")]:
        name, _, value = setting.strip('"').partition("=")
        line = line.replace(f"${name}", value)
    return shlex.split(line.replace("%i", "lane1"))


def test_there_is_a_unit_for_every_process():
    assert {unit.name.removeprefix("egate-").split("@")[0].split(".")[0] for unit in UNITS} == (
        PROCESSES
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists(unit):
    program, *argv = command(unit)
    assert program == PROGRAM
    parsed = parser().parse_args(argv)
    assert isinstance(parsed, argparse.Namespace)
    assert callable(parsed.run)


@pytest.fixture
def copies(tmp_path) -> list[Path]:
    """The units as if egate and its user were installed here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs the Debian package systemd")
    for file in (ROOT / "systemd").iterdir():
        text = file.read_text().replace(PROGRAM, "/bin/true")
        (tmp_path / file.name).write_text(text)
    return [tmp_path / unit.name for unit in UNITS]


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = ["systemd-analyze", "--man=no", *map(str, arguments)]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)


def instance(unit: Path) -> Path:
    if not unit.name.endswith("@.service"):
        return unit
    return unit.rename(unit.with_name(unit.name.replace("@.", "@lane1.")))


def test_the_service_manager_finds_nothing_to_say(copies):
    for unit in map(instance, copies):
        done = analyze("verify", unit)
        ours = [line for line in done.stderr.splitlines() if "egate" in line]
        assert (done.returncode, ours, done.stdout) == (0, [], ""), unit.name


def test_an_unknown_key_is_seen(copies):
    unit = instance(copies[0])
    unit.write_text(unit.read_text().replace("[Service]\n", "[Service]\nProtectSytem=strict\n"))
    assert "ProtectSytem" in analyze("verify", unit).stderr


def test_every_unit_is_locked_down(copies):
    for unit in map(instance, copies):
        done = analyze("security", "--offline=yes", "--threshold=20", unit)
        assert done.returncode == 0, f"{unit.name}: {done.stdout[-400:]}{done.stderr}"


@pytest.mark.parametrize("name", ["reader", "vision"])
def test_reader_and_vision_give_way_to_the_control_process(name):
    lines = (ROOT / "systemd" / f"egate-{name}@.service").read_text().splitlines()
    assert {f"Nice={YIELDING_NICE}", "CPUWeight=20"} <= set(lines)


@pytest.mark.parametrize("name", ["agent", "reader", "vision", "sync"])
def test_a_process_with_a_loop_is_watched(name):
    lines = (ROOT / "systemd" / f"egate-{name}@.service").read_text().splitlines()
    assert {"Type=notify", "NotifyAccess=main", "Restart=always"} <= set(lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)


def settings(unit: Path) -> dict[str, list[str]]:
    """What a unit sets; device and group lists as words."""
    lines = [x for x in unit.read_text().splitlines() if "=" in x and not x.startswith("#")]
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        found.setdefault(name, []).extend(value.split())
    return found


def test_the_reader_may_ask_whether_the_clock_is_synchronised():
    """Neither filter would let adjtimex(2) pass: the call would end the process, or fail."""
    held = settings(ROOT / "systemd" / "egate-reader@.service")
    assert "ProtectClock" not in held
    assert held["SystemCallFilter"][-1] == "adjtimex"
    assert held["CapabilityBoundingSet"] in ([], [""])


def test_every_process_has_a_user_of_its_own():
    users = [settings(unit)["User"] for unit in UNITS]
    assert len({user for (user,) in users}) == len(UNITS)
    made = (ROOT / "systemd" / "egate.sysusers.conf").read_text().splitlines()
    known = {line.split()[1] for line in made if line[:2] in ("u ", "g ")}
    for unit in UNITS:
        held = settings(unit)
        assert held["User"] == held["Group"]
        groups = {*held["User"], *held.get("SupplementaryGroups", [])}
        assert groups <= known | {"dialout", "video"}, unit.name


def test_only_the_control_process_owns_the_lanes_folders():
    for unit in UNITS:
        held = settings(unit)
        owns = "RuntimeDirectory" in held
        assert owns is unit.name.startswith("egate-agent"), unit.name
        if "StateDirectory" in held:
            assert unit.name.startswith(("egate-agent", "egate-centre"))


def test_operators_are_given_the_figures_of_each_lane():
    held = settings(ROOT / "systemd" / "egate-sync@.service")
    argv = held["ExecStart"]
    assert argv[argv.index("--metrics") + 1] == "/run/egate-metrics/%i.prom"
    assert held["ReadWritePaths"] == ["-/run/egate-metrics"]
    made = (ROOT / "systemd" / "egate.tmpfiles.conf").read_text()
    assert "d /run/egate-metrics 0755 egate-sync egate-sync -" in made.splitlines()


def test_a_console_gets_other_lanes_without_another_unit():
    unit = ROOT / "systemd" / "egate-console@.service"
    assert command(unit)[2:4] == ["--lane", "1=/run/egate/lane1"]
    held = settings(unit)
    assert held["EnvironmentFile"] == ["-/etc/egate/console/lanes"]
    assert held["ExecStart"][2] == "$LANES"  # a word of its own: it becomes as many as it holds


def test_no_process_is_in_the_group_of_another_ones_door():
    members = {
        unit.name.split("@")[0]: set(settings(unit).get("SupplementaryGroups", []))
        for unit in UNITS
        if "@" in unit.name
    }
    assert {"egate-reader", "egate-vision", "egate-lane"} <= members["egate-agent"]
    for worker in ("egate-reader", "egate-vision"):
        assert not any(group.startswith("egate-") for group in members[worker])
    assert members["egate-console"] == {"egate-lane"}


def test_users_and_folders_are_made_by_the_service_managers_own_tools(tmp_path):
    if shutil.which("systemd-sysusers") is None or os.geteuid() != 0:
        pytest.skip("needs the Debian package systemd, and root")
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_text(
            "root:x:0:0::/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n"
        )
    users = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(ROOT / "systemd" / "egate.sysusers.conf")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert users.returncode == 0, users.stderr
    assert "egate-vision" in (tmp_path / "etc" / "passwd").read_text()
    folders = subprocess.run(
        [
            "systemd-tmpfiles",
            "--create",
            f"--root={tmp_path}",
            str(ROOT / "systemd" / "egate.tmpfiles.conf"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert folders.returncode == 0, folders.stderr
    assert (tmp_path / "etc" / "egate" / "keys").stat().st_mode & 0o777 == 0o711
