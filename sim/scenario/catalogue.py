"""The scenarios that come with egate, by theme and name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sim.scenario.folder import SCENARIOS
from sim.scenario.scenario import Scenario, ScenarioError, load


class Entry(NamedTuple):
    """One scenario: `theme` is its folder, `name` its file without the ending."""

    theme: str
    name: str
    path: Path
    plan: Scenario

    @property
    def full_name(self) -> str:
        """`theme/name`, as `egate sim run` takes it."""
        return f"{self.theme}/{self.name}" if self.theme else self.name


def catalogue(folder: Path = SCENARIOS) -> list[Entry]:
    """Every scenario of a folder and its themes, in the order of theme and name.

    Raises:
        ScenarioError: one of them is not a scenario.
    """
    entries = []
    for path in sorted(folder.rglob("*.toml")):
        theme = path.parent.relative_to(folder).as_posix()
        entries.append(Entry("" if theme == "." else theme, path.stem, path, load(path)))
    return entries


def find(name: str) -> Path:
    """The file of a scenario given by its path, or by `name` or `theme/name` of the library.

    Raises:
        ScenarioError: there is neither.
    """
    path = Path(name)
    if path.exists() or path.suffix == ".toml":
        return path
    found = [
        candidate
        for candidate in sorted(SCENARIOS.rglob("*.toml"))
        if candidate.relative_to(SCENARIOS).with_suffix("").as_posix() == name
        or candidate.stem == name
    ]
    if len(found) != 1:
        raise ScenarioError(
            name, "$", "no such file, and not one scenario of this name: see `egate sim list`"
        )
    return found[0]
