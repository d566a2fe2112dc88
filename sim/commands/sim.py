"""The commands `egate sim ...`: look, check, run, and explain."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import seed

PASSED, VIOLATED, BROKEN = 0, 1, 2

DESCRIPTION = """\
A day at the border as one file: lanes, travellers, what goes wrong, what must hold.
The production core, drivers, journal and uplink run in it, hundreds of times faster than
the clock, or in real time as the processes of a gate.

  egate sim list                       what there is to run, and what each one teaches
  egate sim run document/forged_portrait   one of them, by name or by file
  egate sim lint my_day.toml           is this file in order?
  egate sim run my_day.toml --report out   its report, for a browser

Exit codes of a run: 0 everything came as expected, 1 something did not, 2 the file or the
simulator is broken.
"""


def register(commands: Any) -> Any:
    """Add `egate sim`; give its sub-commands, to add more."""
    group = commands.add_parser(
        "sim",
        help="the simulator: any day at the gate, replayed, varied and explained",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the scenarios that come with egate")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)
    schema = actions.add_parser("schema", help="JSON Schema of a scenario file, for editors")
    schema.set_defaults(run=_schema)
    lint = actions.add_parser(
        "lint", help="check scenario files; exits 2 and names file, field and bound"
    )
    lint.add_argument("files", nargs="+", type=Path, metavar="FILE")
    lint.add_argument("--json", action="store_true", help="print JSON")
    lint.set_defaults(run=_lint)
    _register_run(actions)
    return actions


def _register_run(actions: Any) -> None:
    run = actions.add_parser(
        "run",
        help="run a scenario; exits 0 as expected, 1 not, 2 broken file or simulator",
    )
    run.add_argument("file", metavar="FILE|NAME", help="a file, or a name of `egate sim list`")
    run.add_argument("--seed", type=seed, help="another seed than the file's")
    run.add_argument(
        "--chip",
        choices=("live", "recorded"),
        default="recorded",
        help="compute every chip session, or each passport's first one (default: %(default)s)",
    )
    run.add_argument(
        "--every-byte", action="store_true", help="carry also the polls of a quiet line"
    )
    run.add_argument(
        "--realtime", action="store_true", help="unmodified processes on pseudo-terminals"
    )
    run.add_argument("--report", type=Path, metavar="DIR", help="write HTML, JSON and JUnit there")
    run.add_argument("--trace", type=Path, help="keep every lane's recorded inbox there")
    run.add_argument("--json", action="store_true", help="print JSON")
    run.set_defaults(run=_run)


def _list(arguments: argparse.Namespace) -> int:
    from sim.scenario.catalogue import catalogue

    entries = catalogue()
    if arguments.json:
        rows = [
            {
                "name": entry.full_name,
                "theme": entry.theme,
                "title": entry.plan.title,
                "learn": entry.plan.learn,
                "lanes": len(entry.plan.lanes),
                "long": entry.plan.long,
                "realtime": entry.plan.realtime,
            }
            for entry in entries
        ]
        print(json.dumps(rows))
        return PASSED
    theme = None
    for entry in entries:
        if entry.theme != theme:
            theme = entry.theme
            print(f"\n{theme or 'first steps'}")
        print(f"  {entry.full_name:<38} {entry.plan.learn}")
    return PASSED


def _schema(_arguments: argparse.Namespace) -> int:
    from sim.scenario.scenario import schema

    print(json.dumps(schema(), indent=2))
    return PASSED


def _lint(arguments: argparse.Namespace) -> int:
    from sim.lane.compose import profile_of
    from sim.lane.fault_table import check_faults
    from sim.scenario.scenario import ScenarioError, load

    found = []
    for path in arguments.files:
        try:
            scenario = load(path)
            for lane in scenario.lanes:
                profile_of(scenario, lane)
            check_faults(scenario, str(path))
        except ScenarioError as error:
            found.append({"file": str(path), "field": error.field, "problem": error.problem})
    if arguments.json:
        print(json.dumps({"files": len(arguments.files), "errors": found}))
    for one in found:
        sys.stderr.write(f"{one['file']}: {one['field']}: {one['problem']}\n")
    if not found and not arguments.json:
        print(f"{len(arguments.files)} in order")
    return BROKEN if found else PASSED


def _run(arguments: argparse.Namespace) -> int:
    from sim.day.report import write_report
    from sim.scenario.catalogue import find
    from sim.scenario.scenario import ScenarioError
    from sim.wires.kernel import SimulationError

    try:
        path = find(arguments.file)
        if arguments.realtime:
            from sim.live.realtime import run_realtime

            result = run_realtime(path, arguments.seed, arguments.trace)
        else:
            from sim.day.run import RunOptions, run_scenario

            options = RunOptions(arguments.chip, arguments.every_byte)
            result = run_scenario(path, arguments.seed, arguments.trace, options)
        written = write_report(result, arguments.report) if arguments.report else None
    except (ScenarioError, SimulationError, OSError) as error:
        if arguments.json:
            print(json.dumps({"error": str(error)}))
        sys.stderr.write(f"egate sim run: {error}\n")
        return BROKEN
    print(json.dumps(result.json()) if arguments.json else result.text())
    if written is not None:
        sys.stderr.write(f"report: {written}\n")
    return PASSED if result.passed else VIOLATED
