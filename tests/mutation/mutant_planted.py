"""Mutants by name: bugs that a person planted and that lived until a test was written.

Each puts one expression in the place of another, in one function or one table.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import NamedTuple

from mutant_operators import Edit
from mutant_source import Mutant, of_edit


class Planted(NamedTuple):
    """A bug: in `place` of `module`, `wrong` stands where `right` should."""

    name: str
    module: str
    place: str
    right: str
    wrong: str


PLANTED = (
    Planted(
        "a record's occupancy is always 0",
        "gate_agent.core.record",
        "decision_facts",
        "dossier.occupancy",
        "0",
    ),
    Planted(
        "a slow disk is not slow",
        "sim.lane.fault_table",
        "FAULTS",
        "lane.disk(late_ms=change.fault.delay_ms if change.on else 0)",
        "None",
    ),
    Planted(
        "a gate is silent after five hours alone",
        "sync.centre.overview",
        "SILENT_S",
        "180",
        "18000",
    ),
    Planted(
        "a hit in a list is worth a look",
        "gate_agent.console.alerts",
        "ALERTS",
        "Alert(_A, 'Hit in a list', 'Follow the instructions of the list. Stay discreet.')",
        "Alert(_I, 'Hit in a list', 'Follow the instructions of the list. Stay discreet.')",
    ),
    Planted(
        "PACE takes the weakest cipher",
        "drivers.passport.chip.access_choice",
        "strongest",
        "max",
        "min",
    ),
)


class _Replace(ast.NodeTransformer):
    """Puts an expression in the place of every equal one."""

    def __init__(self, right: str, wrong: str) -> None:
        self.right, self.wrong = ast.unparse(ast.parse(right)), wrong
        self.found = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Replace, or look below."""
        if isinstance(node, ast.expr) and ast.unparse(node) == self.right:
            self.found += 1
            return ast.parse(self.wrong, mode="eval").body
        return super().generic_visit(node)


def planted() -> list[Mutant]:
    """Every bug of the list.

    Raises:
        LookupError: what should be replaced is not there, or more than once.
    """
    return [_mutant(bug) for bug in PLANTED]


def _mutant(bug: Planted) -> Mutant:
    module = importlib.import_module(bug.module)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    statement = _statement(tree, bug.place)
    replace = _Replace(bug.right, bug.wrong)
    probe = ast.parse(ast.unparse(statement))
    replace.visit(probe)
    if replace.found != 1:
        raise LookupError(f"{bug.module}.{bug.place} has {bug.right} {replace.found} times")

    def make() -> None:
        _Replace(bug.right, bug.wrong).visit(statement)

    edit = Edit(bug.name, statement.lineno, statement.end_lineno or statement.lineno, make)
    return of_edit(module, tree, bug.place, edit, f"planted: {bug.name}")


def _statement(tree: ast.Module, place: str) -> ast.stmt:
    for node in tree.body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names = [getattr(node, "name", None), *(getattr(each, "id", None) for each in targets)]
        if place in names:
            return node
    raise LookupError(place)
