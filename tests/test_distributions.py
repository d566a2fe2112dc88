"""The two distributions: what a gate in service installs, and the simulator beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gate_agent", "biometrics", "drivers", "sync", "firmware_cfg")
SIMULATOR_COMMANDS = ("bench face --json", "sim run x", "demo --once", "chip --help", "chaos")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built from a copy of the sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "sim"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for project in (source, source / "sim"):
        build = "from setuptools import build_meta as b; import sys; b.build_wheel(sys.argv[1])"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", build, str(out)],
            cwd=project,
            check=True,
            capture_output=True,
            timeout=120,
        )
    return {path.name.split("-")[0]: path for path in out.glob("*.whl")}


def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def test_what_a_gate_installs_holds_no_simulator_and_no_bench(wheels: dict[str, Path]) -> None:
    files = [name for name in names(wheels["egate"]) if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in files} == set(PACKAGES)
    assert [name for name in files if {"bench", "chaos", "sim"} & set(Path(name).parts)] == []
    assert [name for name in files if Path(name).stem.startswith("bench")] == []


def test_the_simulator_brings_every_room_and_the_library(wheels: dict[str, Path]) -> None:
    files = set(names(wheels["egate_sim"]))
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "sim").rglob("*")
        if path.suffix in (".py", ".toml", ".lock") and path.name != "pyproject.toml"
        if "build" not in path.parts
    }
    assert sources - files == set()


def test_both_have_one_version() -> None:
    gate = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    simulator = tomllib.loads((ROOT / "sim" / "pyproject.toml").read_text())["project"]
    version = gate["version"]
    assert simulator["version"] == version
    assert f"egate=={version}" in simulator["dependencies"]
    assert gate["optional-dependencies"]["sim"] == [f"egate-sim=={version}"]


@pytest.mark.parametrize("words", SIMULATOR_COMMANDS)
def test_a_gate_without_the_simulator_names_the_package(
    wheels: dict[str, Path], tmp_path: Path, words: str
) -> None:
    zipfile.ZipFile(wheels["egate"]).extractall(tmp_path)
    # Without site-packages, where egate-sim is installed; the command line itself needs this.
    (tmp_path / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    code = "import sys; from gate_agent.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code, *words.split()],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"egate {words.split()[0]}: not installed here" in done.stderr
    assert "egate-sim" in done.stderr
