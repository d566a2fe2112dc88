"""Mutants of the transition tables: each row dropped, without its move, without its commands.

*stays*: the commands go out, the crossing goes nowhere else. *silent*: the crossing moves,
nothing is commanded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mutant_source import Mutant

from gate_agent.core import departure, document, emptying, passage
from gate_agent.core.states import replace
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.safety.environment import ENVIRONMENTS
from gate_agent.safety.search import search

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

SEARCHES = (
    ("barrier", "lease"),
    ("barrier", "fire"),
    ("mantrap", "lease"),
    ("mantrap", "people"),
)
SEARCH_STATES = 1_000
CRASHES = (AssertionError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


def of_tables() -> list[Mutant]:
    """Every mutant of every row."""
    found = []
    for title, table in (
        ("barrier", TOPOLOGIES["barrier"].crossing),
        ("chamber", TOPOLOGIES["mantrap"].crossing),
        ("approach", TOPOLOGIES["mantrap"].approach),
    ):
        for pair, handler in table.items():
            row = f"{title}: {pair[0].__name__} x {pair[1].__name__}"
            code = inspect.unwrap(handler).__code__
            changes = {"dropped": None, "stays": _stays(handler), "silent": _silent(handler)}
            if handler in SILENT_ALREADY:
                del changes["silent"]
            for what, wrong in changes.items():
                change = _change(table, pair, wrong)
                found.append(Mutant(f"{row}: {what}", row, code.co_filename, range(0), change))
    return found


def _change(table: Any, pair: Any, wrong: Any) -> Callable[[], None]:
    def apply() -> None:
        if wrong is None:
            del table[pair]
        else:
            table[pair] = wrong

    return apply


def _stays(handler: Any) -> Any:
    def wrong(state: Any, crossing: Any, event: Any, now_ns: int, profile: Any) -> Any:
        after, commands = handler(state, crossing, event, now_ns, profile)
        if type(after.crossing) is type(state.crossing):
            return state, commands
        return replace(after, crossing=state.crossing, ended=None), commands

    return wrong


def _silent(handler: Any) -> Any:
    def wrong(state: Any, crossing: Any, event: Any, now_ns: int, profile: Any) -> Any:
        after, _ = handler(state, crossing, event, now_ns, profile)
        return after, ()

    return wrong


def broken_invariant() -> str:
    """The invariant that a search finds broken in a broken core; "" if it finds none."""
    for topology, name in SEARCHES:
        try:
            found = search(ENVIRONMENTS[topology][name], stop=True, most=SEARCH_STATES).broken
        except CRASHES as error:
            return f"crash: {type(error).__name__}"
        if found:
            return f"invariant {next(iter(found))}"
    return ""
