"""Break every row of the transition tables and every clause of the guard, one at a time.

    python tests/gate_agent/core/mutation.py                 all mutants, as a table (make mutants)
    python tests/gate_agent/core/mutation.py --part 1/12     every twelfth, as in the tests
    python tests/gate_agent/core/mutation.py --trace NAME    how one mutant is caught, step by step

A row of a table is dropped; its handler does nothing but keep its commands (*redirect*: the
crossing stays where it was), or moves without its commands (*silent*), or also answers to
another crossing's ticket (*deaf*: the row without its guard). A clause of the guard is dropped
or negated, and each half of a compound condition is dropped. Killers are the fast tests of the
core, each by its name, those nearest to the mutant first, and then the searches, by the
name of the invariant. `survivors.toml` beside this file lists what nothing catches, each with
the reason: a survivor that is not in it, or one of it that is caught, fails the command.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "records")]

from gate_agent.core import departure, document, emptying, ledger, passage, permit  # noqa: E402
from gate_agent.core.states import replace  # noqa: E402
from gate_agent.core.topologies import TOPOLOGIES  # noqa: E402
from gate_agent.safety.environment import ENVIRONMENTS  # noqa: E402
from gate_agent.safety.search import search  # noqa: E402

KILLERS = (
    "test_permit.py",
    "test_permit_doors.py",
    "test_ledger.py",
    "test_crossing.py",
    "test_stories.py",
    "test_mantrap.py",
    "test_party.py",
    "test_rows.py",
)
SEARCHES = (
    ("barrier", "lease"),
    ("barrier", "fire"),
    ("mantrap", "lease"),
    ("mantrap", "people"),
)
CASE_MAX_CHARS = 60
SEARCH_STATES = 1_000
BREAKS = (AssertionError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What a test of a broken lane may raise."""

SURVIVORS: dict[str, str] = tomllib.loads((HERE / "survivors.toml").read_text())
"""Mutants that nothing catches, each with the reason."""

SILENT_ALREADY = (
    document.presented,
    document.read_step,
    document.lists_checked,
    passage.withdrawn,
    passage.close_refused,
    passage.leaving_late,
    departure.opening_moved,
    emptying.emptying_refused,
)
"""Handlers that command nothing: *silent* is what they are, and no mutant."""


class Mutant(NamedTuple):
    """One way to break the lane: `apply` breaks it and gives what mends it.

    `near`: words in the names of the tests that most likely notice.
    """

    name: str
    apply: Callable[[], Callable[[], None]]
    near: tuple[str, ...] = ()


def mutants() -> list[Mutant]:
    """All of them, in a fixed order."""
    return [*_of_tables(), *_of_guard()]


# --- the tables -----------------------------------------------------------------------


def _of_tables() -> Iterator[Mutant]:
    for title, place, table in (
        ("barrier", "barrier", TOPOLOGIES["barrier"].crossing),
        ("chamber", "mantrap", TOPOLOGIES["mantrap"].crossing),
        ("approach", "approach", TOPOLOGIES["mantrap"].approach),
    ):
        for pair, handler in list(table.items()):
            row = f"{title}: {pair[0].__name__} x {pair[1].__name__}"
            near = (f"{place} {pair[0].__name__}", f"{place}, ", place)
            yield Mutant(f"{row}: dropped", _without(table, pair), near)
            for what, wrong in (("stays", _stays), ("silent", _silent)):
                if wrong is _silent and handler in SILENT_ALREADY:
                    continue
                yield Mutant(f"{row}: {what}", _instead(table, pair, wrong(handler)), near)


def _without(table: Any, pair: Any) -> Callable[[], Callable[[], None]]:
    def apply() -> Callable[[], None]:
        kept = table.pop(pair)
        return lambda: table.__setitem__(pair, kept)

    return apply


def _instead(table: Any, pair: Any, wrong: Any) -> Callable[[], Callable[[], None]]:
    def apply() -> Callable[[], None]:
        kept = table[pair]
        table[pair] = wrong
        return lambda: table.__setitem__(pair, kept)

    return apply


def _stays(handler: Any) -> Any:
    """The commands go out, the crossing goes nowhere else."""

    def wrong(state: Any, crossing: Any, event: Any, now_ns: int, profile: Any) -> Any:
        after, commands = handler(state, crossing, event, now_ns, profile)
        if type(after.crossing) is type(state.crossing):
            return state, commands
        return replace(after, crossing=state.crossing, ended=None), commands

    return wrong


def _silent(handler: Any) -> Any:
    """The crossing moves, nothing is commanded."""

    def wrong(state: Any, crossing: Any, event: Any, now_ns: int, profile: Any) -> Any:
        after, _ = handler(state, crossing, event, now_ns, profile)
        return after, ()

    return wrong


# --- the guard ------------------------------------------------------------------------


def _of_guard() -> Iterator[Mutant]:
    for module in (permit, ledger):
        for function in vars(module).values():
            if not isinstance(function, FunctionType) or function.__module__ != module.__name__:
                continue
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
            for number, (what, code) in enumerate(_broken(tree, function)):
                name = f"{module.__name__.rpartition('.')[2]}.{function.__name__}: {number} {what}"
                yield Mutant(name, _recoded(function, code), ("test_permit",))


def _recoded(function: FunctionType, code: CodeType) -> Callable[[], Callable[[], None]]:
    def apply() -> Callable[[], None]:
        kept = function.__code__
        function.__code__ = code
        return lambda: setattr(function, "__code__", kept)

    return apply


def _broken(tree: ast.Module, function: FunctionType) -> Iterator[tuple[str, CodeType]]:
    """Every condition of a function dropped and negated, and halves of compound ones."""
    conditions = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    for node in sorted(conditions, key=lambda node: node.lineno):
        kept = node.test
        said = ast.unparse(kept)
        node.test = ast.Constant(value=False)
        yield f"without ({said})", _compiled(tree, function)
        node.test = ast.UnaryOp(op=ast.Not(), operand=kept)
        yield f"not ({said})", _compiled(tree, function)
        node.test = kept
        if isinstance(kept, ast.BoolOp):
            for index in range(len(kept.values)):
                half = [value for at, value in enumerate(kept.values) if at != index]
                node.test = half[0] if len(half) == 1 else ast.BoolOp(op=kept.op, values=half)
                left_out = ast.unparse(kept.values[index])
                yield f"({said}) but for ({left_out})", _compiled(tree, function)
            node.test = kept


def _compiled(tree: ast.Module, function: FunctionType) -> CodeType:
    future = "from __future__ import annotations\n"
    made = compile(future + ast.unparse(ast.fix_missing_locations(tree)), __file__, "exec")
    codes = [constant for constant in made.co_consts if isinstance(constant, CodeType)]
    return next(code for code in codes if code.co_name == function.__name__)


# --- the hunt -------------------------------------------------------------------------


class Catch(NamedTuple):
    """By what a mutant was caught, "" for a survivor; `trace` where a search found it."""

    mutant: str
    by: str
    trace: tuple[str, ...] = ()


class Killer(NamedTuple):
    """One case of one test of the core."""

    name: str
    run: Callable[[], object]


def killers() -> list[Killer]:
    """Every case of the fast tests, called without pytest: they use no fixtures."""
    found: list[Killer] = []
    for file in KILLERS:
        module = importlib.import_module(file.removesuffix(".py"))
        for name, test in vars(module).items():
            if name.startswith("test_") and isinstance(test, FunctionType):
                found += [
                    Killer(f"{file}::{name}{_shown(case)}", partial(test, **case))
                    for case in _cases(test)
                ]
    return found


def _shown(case: dict[str, Any]) -> str:
    """The values of a case, or the beginning of them."""
    said = str(list(case.values()) or "")
    return said if len(said) <= CASE_MAX_CHARS else f"{said[:CASE_MAX_CHARS]}...]"


def _cases(test: FunctionType) -> list[dict[str, Any]]:
    """The parametrised cases of a test."""
    cases: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", []):
        if mark.name != "parametrize":
            continue
        names, rows = mark.args
        names = [names] if isinstance(names, str) and "," not in names else names
        several = len(names) > 1
        cases = [
            case | dict(zip(names, row if several else (row,), strict=True))
            for case in cases
            for row in rows
        ]
    return cases


class Hunt:
    """Runs the killers for each mutant: the nearest, then the last successful ones first."""

    def __init__(self, *, searching: bool = True) -> None:
        self._order = killers()
        self._searching = searching

    def first_failure(self, near: tuple[str, ...] = ()) -> str:
        """The name of the first test that fails, "" if none does."""
        for killer in sorted(
            self._order, key=lambda killer: -sum(word in killer.name for word in near)
        ):
            try:
                killer.run()
            except BREAKS:
                self._order.remove(killer)
                self._order.insert(0, killer)
                return killer.name
        return ""

    def catch(self, mutant: Mutant) -> Catch:
        """Hunt one mutant."""
        mend = mutant.apply()
        try:
            failed = self.first_failure(mutant.near)
            if failed or not self._searching:
                return Catch(mutant.name, failed)
            for topology, name in SEARCHES:
                found = _found(topology, name, SEARCH_STATES)
                for invariant, path in found.items():
                    return Catch(mutant.name, f"invariant {invariant}", tuple(path))
        finally:
            mend()
        return Catch(mutant.name, "")


def _found(topology: str, name: str, most: int) -> dict[str, list[str]]:
    try:
        return search(ENVIRONMENTS[topology][name], stop=True, most=most).broken
    except BREAKS as error:
        return {f"crash: {type(error).__name__}": []}


def main() -> int:
    """Hunt, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", default="1/1", help="which part of how many (default all)")
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    parser.add_argument("--trace", default="", help="the shortest trace of mutants named so")
    parser.add_argument("--quick", action="store_true", help="tests only, no searches")
    arguments = parser.parse_args()
    part, parts = (int(number) for number in arguments.part.split("/"))
    chosen = [mutant for mutant in mutants() if arguments.only in mutant.name]
    chosen = [mutant for mutant in chosen if arguments.trace in mutant.name][part - 1 :: parts]
    if not chosen:
        print("no mutant is named so")
        return 2
    if arguments.trace:
        return _trace(chosen)
    began = time.process_time()
    hunt = Hunt(searching=not arguments.quick)
    clean = hunt.first_failure()
    if clean:
        print(f"the tests fail without a mutant: {clean}")
        return 2
    catches: list[Catch] = []
    for number, mutant in enumerate(chosen, 1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number}/{len(chosen)} {mutant.name[:70]}\x1b[K")
        catch = hunt.catch(mutant)
        catches.append(catch)
        print(f"{'caught  ' if catch.by else 'SURVIVES'} {mutant.name:<70} {catch.by}", flush=True)
    return _judged(catches, time.process_time() - began, complete=not arguments.quick)


def _judged(catches: list[Catch], cpu_s: float, *, complete: bool) -> int:
    """Print the sum, and hold it against the list; tests alone need not find everything."""
    survivors = [catch.mutant for catch in catches if not catch.by]
    unlisted = [name for name in survivors if name not in SURVIVORS]
    outdated = [catch.mutant for catch in catches if catch.by and catch.mutant in SURVIVORS]
    outdated += SURVIVORS.keys() - {mutant.name for mutant in mutants()}
    for name in survivors:
        print(f"survivor: {name}: {SURVIVORS.get(name, 'NO REASON GIVEN')}")
    for name in outdated:
        print(f"listed in survivors.toml, but caught or no mutant any more: {name}")
    caught = len(catches) - len(survivors)
    print(
        f"{len(catches)} mutants, {caught} caught ({caught / len(catches):.1%}), "
        f"{len(survivors)} survivors, {len(unlisted)} of them without a reason, "
        f"{cpu_s:.0f} s of CPU"
    )
    listed = not outdated and not (complete and unlisted)
    return 0 if listed and caught >= 0.95 * len(catches) else 1


def _trace(chosen: list[Mutant]) -> int:
    for mutant in chosen:
        print(mutant.name)
        mend = mutant.apply()
        try:
            for topology, name in SEARCHES:
                found = _found(topology, name, 10 * SEARCH_STATES)
                for invariant, path in found.items():
                    print(f"  breaks {invariant} in {topology} {name}:")
                    print("".join(f"    {step}\n" for step in path), end="")
        finally:
            mend()
    return 0


if __name__ == "__main__":
    sys.exit(main())
