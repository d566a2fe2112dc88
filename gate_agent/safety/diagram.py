"""Which state follows which, read off the handlers of a table."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from gate_agent.core.ended import Ended
from gate_agent.core.rows import Table
from gate_agent.core.states import CROSSING_STATES
from gate_agent.core.topology import Topology

NAMES = {state.__name__: state for state in CROSSING_STATES}
ENDED = Ended.__name__
DEPTH = 6


def transitions(
    table: Table, begins: tuple[Any, ...], topology: Topology
) -> Iterator[tuple[str, str]]:
    """Pairs of states: a row's state, and every state that its handler may build.

    A handler builds a state by calling its class, itself or through functions of the core
    that it calls. Both ends are states of the table, or at rest. `begins` are the functions
    of the core that take a lane at rest into its first state. What follows a crossing that
    ended is what the topology makes of it.
    """
    after_end = _built(topology.after_end, DEPTH, frozenset())
    states = list(dict.fromkeys(state.__name__ for state, _ in table))
    seen: set[tuple[str, str]] = set()
    rows: list[tuple[str, Any]] = [("Idle", begin) for begin in begins]
    rows += [(state.__name__, handler) for (state, _), handler in table.items()]
    for before, handler in rows:
        built = _built(handler, DEPTH, frozenset())
        for after in [*built, *(after_end if ENDED in built else ())]:
            pair = (before, after)
            if pair not in seen and after != before and after in {*states, "Idle"}:
                seen.add(pair)
                yield pair


def _built(function: Any, depth: int, above: frozenset[str]) -> list[str]:
    if depth == 0 or not isinstance(function, FunctionType):
        return []
    if not function.__module__.startswith("gate_agent.core"):
        return []
    if function.__qualname__ in above:
        return []
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = node.func.id
        if name in NAMES or name == ENDED:
            found.append(name)
        else:
            called = function.__globals__.get(name)
            found += _built(called, depth - 1, above | {function.__qualname__})
    return list(dict.fromkeys(found))
