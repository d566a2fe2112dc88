"""`egate sim library`: every scenario that comes with egate, one after the other."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NamedTuple

from sim.commands.sim import BROKEN, PASSED, VIOLATED

DESCRIPTION = """\
Runs the scenarios that come with egate on the virtual clock: a line for each, and a summary.
Exits 0 if every one passed, 1 if one did not, 2 if a file or the simulator is broken.

  egate sim library                    all of them, a day of twenty flights too
  egate sim library --short            without the long ones: what the tests run
  egate sim library power passage/family   those of a theme, and one by name
"""


class Ran(NamedTuple):
    """One scenario that was run; `problems` is empty if it passed."""

    name: str
    crossings: int
    virtual_s: float
    took_s: float
    problems: tuple[str, ...]


def register(actions: Any) -> None:
    """Add it to `egate sim`."""
    parser = actions.add_parser(
        "library",
        help="run every scenario of the list; exits 1 if one does not pass",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="THEME|NAME", help="these alone")
    parser.add_argument("--short", action="store_true", help="leave out the long ones")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_library)


def _library(arguments: argparse.Namespace) -> int:
    from sim.scenario.catalogue import catalogue
    from sim.scenario.scenario import ScenarioError
    from sim.wires.kernel import SimulationError

    try:
        entries = [entry for entry in catalogue() if not (arguments.short and entry.plan.long)]
        unknown = [
            name
            for name in arguments.names
            if not any(name in (entry.theme, entry.name, entry.full_name) for entry in entries)
        ]
        if unknown:
            raise ScenarioError(unknown[0], "$", "no theme and no scenario: see `egate sim list`")
        ran = []
        for entry in entries:
            if not arguments.names or {entry.theme, entry.name, entry.full_name} & {
                *arguments.names
            }:
                ran.append(_run(entry))
                if not arguments.json:
                    print(_line(ran[-1]), flush=True)
    except (ScenarioError, SimulationError, OSError) as error:
        if arguments.json:
            print(json.dumps({"error": str(error)}))
        sys.stderr.write(f"egate sim library: {error}\n")
        return BROKEN
    failed = [one for one in ran if one.problems]
    if arguments.json:
        summed = {"scenarios": len(ran), "passed": len(ran) - len(failed), "failed": len(failed)}
        print(json.dumps({**summed, "runs": [one._asdict() for one in ran]}))
    else:
        crossings, hours = sum(one.crossings for one in ran), sum(one.virtual_s for one in ran)
        took_s = sum(one.took_s for one in ran)
        print(
            f"\n{len(ran)} scenarios, {len(failed)} failed; {crossings} crossings, "
            f"{hours / 3600:.1f} hours of virtual time in {took_s:.0f} s"
        )
    return VIOLATED if failed else PASSED


def _run(entry: Any) -> Ran:
    from gate_agent.live import monotonic_ns
    from sim.day.run import run

    if sys.stderr.isatty():
        sys.stderr.write(f"\r{entry.full_name} ...\x1b[K")
        sys.stderr.flush()
    began_ns = monotonic_ns()
    result = run(entry.plan, entry.path.name)
    took_s = round((monotonic_ns() - began_ns) / 1e9, 3)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return Ran(
        entry.full_name, result.counts["crossings"], result.virtual_s, took_s, result.problems
    )


def _line(ran: Ran) -> str:
    mark = "NOT" if ran.problems else "ok"
    text = f"{mark:<4}{ran.name:<40}{ran.crossings:>6} crossings  {ran.virtual_s:>9.1f} s"
    wrong = "".join(f"\n      wrong: {problem}" for problem in ran.problems)
    return f"{text} in {ran.took_s:.1f} s{wrong}"
