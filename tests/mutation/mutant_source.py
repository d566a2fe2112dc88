"""Mutants of a module's source text: made in the module as it is imported, without a reload.

A changed function gets the changed code in the same object, so everything that imported it
runs the mutant. A changed constant or table of the module is computed again, with what is
computed from it, and put in the place of the old one wherever that was imported to.
"""

from __future__ import annotations

import ast
import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from mutant_operators import Edit, edits

Nested = ast.FunctionDef | ast.AsyncFunctionDef


class Mutant(NamedTuple):
    """One way to break the product.

    Attributes:
        name: unique and stable: the place and what is changed there.
        place: module and function; tests that caught one mutant of a place come first for the next.
        file: where its lines are.
        lines: tests that run none of them cannot notice; empty where any test may.
        apply: breaks the product of this process for good.
    """

    name: str
    place: str
    file: str
    lines: range
    apply: Callable[[], None]


def of_module(name: str, only: Sequence[str] = ()) -> list[Mutant]:
    """Every mutant of a module's functions and tables.

    Args:
        name: the module, dotted.
        only: functions ("f", "Class.f") and constants; empty for all of them.
    """
    module = importlib.import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    found = [*_of_functions(module, tree), *_of_constants(module, tree)]
    missing = set(only) - {place for place, _, _ in found}
    if missing:
        raise LookupError(f"{name} has nothing to break in {', '.join(sorted(missing))}")
    seen: Counter[str] = Counter()
    made = []
    for place, edit, apply in found:
        if only and place not in only:
            continue
        title = f"{name.rpartition('.')[2]}.{place}: {edit.what}"
        seen[title] += 1
        title += f" ({seen[title]})" if seen[title] > 1 else ""
        lines = range(edit.first_line, edit.last_line + 1) if apply.needs_line else range(0)
        made.append(Mutant(title, f"{name}.{place}", str(module.__file__), lines, apply))
    return made


def of_edit(module: ModuleType, tree: ast.Module, place: str, edit: Edit, name: str) -> Mutant:
    """One change of a function or a constant of a module, by a name of its own.

    Raises:
        LookupError: the module has no such place.
    """
    function = dict(_functions(tree.body)).get(place)
    if function is not None:
        install = _in_function(module, tree, place)
    else:
        index, names = next(
            (index, names)
            for index, names in enumerate(map(_assigned, tree.body))
            if place in names
        )
        install = partial(_compute_again, module, tree, index, {*names})
    if install is None:
        raise LookupError(f"{module.__name__}.{place}")
    apply = Applied(edit, install, needs_line=False)
    return Mutant(name, name, str(module.__file__), range(0), apply)


class Applied(NamedTuple):
    """Makes the change in the tree and puts the outcome in the module's place."""

    edit: Edit
    install: Callable[[], None]
    needs_line: bool

    def __call__(self) -> None:
        """Break the product of this process."""
        self.edit.make()
        self.install()


# --- functions ------------------------------------------------------------------------


def _of_functions(module: ModuleType, tree: ast.Module) -> Iterator[tuple[str, Edit, Applied]]:
    for place, node in _functions(tree.body):
        install = _in_function(module, tree, place)
        if install is not None:
            for edit in edits(node.body, vars(module)):
                yield place, edit, Applied(edit, install, needs_line=True)


def _in_function(module: ModuleType, tree: ast.Module, place: str) -> Callable[[], None] | None:
    """What puts a changed tree's code into a function; None where it is bound to its scope."""
    function = _function(module, place)
    if function is None or function.__code__.co_freevars:
        return None

    def install() -> None:
        function.__code__ = _code(_compiled(tree, module), place)

    return install


def _functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Nested]]:
    """Functions of a module and methods of its classes, by qualified name."""
    for node in body:
        if isinstance(node, Nested):
            yield owner + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{owner}{node.name}.")


def _function(module: ModuleType, place: str) -> FunctionType | None:
    """The function object of a qualified name, under property, method kinds and wrappers."""
    found: Any = module
    for name in place.split("."):
        found = vars(found)[name]
    while not isinstance(found, FunctionType):
        inner = (getattr(found, name, None) for name in ("fget", "__func__", "__wrapped__"))
        found = next((each for each in inner if each is not None), None)
        if found is None:
            return None
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


def _compiled(tree: ast.Module, module: ModuleType) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(ast.fix_missing_locations(tree), str(module.__file__), "exec")


def _code(code: CodeType, place: str) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == place:
                return constant
            if place.startswith(f"{constant.co_qualname}."):
                return _code(constant, place)
    raise LookupError(place)


# --- constants and tables of a module -------------------------------------------------


def _of_constants(module: ModuleType, tree: ast.Module) -> Iterator[tuple[str, Edit, Applied]]:
    for index, statement in enumerate(tree.body):
        names = _assigned(statement)
        if not names or "__all__" in names:
            continue
        install = partial(_compute_again, module, tree, index, {*names})
        for edit in edits([statement], vars(module)):
            yield names[0], edit, Applied(edit, install, needs_line=False)


def _assigned(statement: ast.stmt) -> tuple[str, ...]:
    """The names that a statement of a module gives values to."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets: list[ast.expr] = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return ()
    stored = (node for target in targets for node in ast.walk(target))
    return tuple(node.id for node in stored if isinstance(node, ast.Name))


def _compute_again(module: ModuleType, tree: ast.Module, index: int, names: set[str]) -> None:
    """Run a changed statement, and those after it that use what it gives."""
    changed = set(names)
    before = dict(vars(module))
    for at, statement in enumerate(tree.body[index:]):
        given = _assigned(statement)
        uses = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if given and (at == 0 or uses & changed):
            changed |= {*given}
            alone = ast.Module(body=[statement], type_ignores=[])
            exec(_compiled(alone, module), vars(module))  # noqa: S102 (our own source text)
    for name in changed:
        _replace_everywhere(name, before[name], vars(module)[name])


def _replace_everywhere(name: str, old: object, new: object) -> None:
    """Put a module's new value in the place of the old one, in every module that imported it."""
    if isinstance(old, dict) and isinstance(new, dict):
        kept = dict(new)
        old.clear()
        old.update(kept)
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(name) is old:
            vars(other)[name] = new
