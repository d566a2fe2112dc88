"""`egate sim replay`, `reduce`, `diff`, `shrink` and `soak`: explain, vary, and search."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import MAX_SEED, seed
from sim.commands.sim import BROKEN, PASSED, VIOLATED

MAX_SEEDS = 1_000_000


def register(actions: Any) -> None:
    """Add them to `egate sim`."""
    replay = actions.add_parser(
        "replay",
        help="run a recorded inbox again, or ask what another profile would have decided",
        description="Exits 1 at the first difference; with --profile or --policy, where a "
        "decision would flip. A ring of traces is given by its folder.",
    )
    replay.add_argument("trace", type=Path)
    replay.add_argument("--profile", type=Path, metavar="OTHER", help="TOML laid over its profile")
    replay.add_argument("--policy", type=Path, metavar="OTHER", help="TOML laid over its policy")
    replay.add_argument("--json", action="store_true", help="print JSON")
    replay.set_defaults(run=_replay)
    reducing = actions.add_parser(
        "reduce", help="make a scenario of a trace; exits 1 if it does not come true"
    )
    reducing.add_argument("trace", type=Path)
    reducing.add_argument("--into", type=Path, metavar="FILE", help="write it there")
    reducing.set_defaults(run=_reduce)
    diff = actions.add_parser(
        "diff", help="two runs by their JSON: which knobs and decisions differ; exits 1 if any"
    )
    meaning = "what `egate sim run --report` wrote, or a file of its JSON"
    diff.add_argument("one", type=Path, metavar="A", help=meaning)
    diff.add_argument("other", type=Path, metavar="B", help="the same of another run")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(run=_diff)
    shrinking = actions.add_parser(
        "shrink", help="minimise a scenario that fails; without FILE the random day of the seed"
    )
    shrinking.add_argument("file", nargs="?", metavar="FILE|NAME")
    shrinking.add_argument("--seed", type=seed, help="the seed that fails")
    shrinking.add_argument("--into", type=Path, metavar="OUT", help="write the small one there")
    shrinking.set_defaults(run=_shrink)
    soaking = actions.add_parser(
        "soak", help="random days, invariants on; exits 1 and names each seed that fails"
    )
    soaking.add_argument("--seeds", type=int, default=100, help="how many (default: %(default)s)")
    soaking.add_argument("--first", type=seed, default=1, help="first seed (default: %(default)s)")
    soaking.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    soaking.add_argument("--json", action="store_true", help="print JSON")
    soaking.set_defaults(run=_soak)


def _replay(arguments: argparse.Namespace) -> int:
    from sim.search.replay import TraceError, replay
    from sim.search.trace_file import files_of, what_if

    try:
        if arguments.profile is not None or arguments.policy is not None:
            return _what_if(
                arguments, what_if(arguments.trace, arguments.profile, arguments.policy)
            )
        difference = None
        for file in files_of(arguments.trace):
            difference = difference or replay(file)
    except TraceError as error:
        return _broken("replay", error)
    if arguments.json:
        found = {"line": difference.line, "at_ns": difference.at_ns} if difference else None
        print(json.dumps({"identical": difference is None, "difference": found}))
    elif difference is None:
        print("identical")
    else:
        print(f"line {difference.line}: other commands after {difference.event}")
    return PASSED if difference is None else VIOLATED


def _what_if(arguments: argparse.Namespace, found: Any) -> int:
    if arguments.json:
        first = None
        if found.first_line is not None:
            at_ns, event = found.first_at_ns, found.first_event
            first = {"line": found.first_line, "at_ns": at_ns, "event": event}
        flips = [flip._asdict() for flip in found.flips]
        print(json.dumps({"decisions": found.decisions, "first_difference": first, "flips": flips}))
    else:
        if found.first_line is not None:
            print(f"first other command: line {found.first_line}, after {found.first_event}")
        for flip in found.flips:
            before = " ".join((flip.recorded, *flip.recorded_reasons))
            after = " ".join((flip.other, *flip.other_reasons))
            print(f"ticket {flip.ticket}: {before} -> {after}")
        print(f"{len(found.flips)} of {found.decisions} decisions would flip")
    return VIOLATED if found.flips else PASSED


def _reduce(arguments: argparse.Namespace) -> int:
    from gate_agent.records.recorder import TraceError
    from sim.scenario.toml_text import toml_text
    from sim.search.reduce import fit, reduce

    try:
        scenario = reduce(arguments.trace)
    except TraceError as error:
        return _broken("reduce", error)
    if not scenario.travellers:
        return _broken("reduce", "no one crossed in this trace")
    problems: tuple[str, ...] = ()
    for attempt, found in fit(scenario):
        scenario, problems = attempt, found
    try:
        _write(toml_text(scenario), arguments.into)
    except OSError as error:
        return _broken("reduce", f"{arguments.into}: {error.strerror}")
    for problem in problems:
        sys.stderr.write(f"differs from the trace: {problem}\n")
    return VIOLATED if problems else PASSED


def _diff(arguments: argparse.Namespace) -> int:
    from sim.search.compare import CompareError, compare, read_run

    try:
        found = compare(read_run(arguments.one), read_run(arguments.other))
    except CompareError as error:
        return _broken("diff", error)
    if arguments.json:
        print(json.dumps(found))
    else:
        for knob, values in found["knobs"].items():
            print(f"{knob}: {values['before']} -> {values['after']}")
        for change in found["decisions"]:
            print(f"{change['name']}: {change['before']} -> {change['after']}")
        for name, values in found["counts"].items():
            print(f"{name}: {values['before']} -> {values['after']}")
        same = "the same to the last bit" if found["same"] else "not the same"
        print(f"{len(found['decisions'])} decisions differ; the runs are {same}")
    return VIOLATED if found["decisions"] else PASSED


def _shrink(arguments: argparse.Namespace) -> int:
    import msgspec

    from sim.scenario.catalogue import find
    from sim.scenario.scenario import ScenarioError, load
    from sim.scenario.toml_text import toml_text
    from sim.search.random_day import random_day
    from sim.search.shrink import shrink

    if arguments.file is None and arguments.seed is None:
        return _broken("shrink", "name a file, or the --seed of a random day")
    try:
        if arguments.file is None:
            scenario = random_day(arguments.seed)
        else:
            scenario = load(find(arguments.file))
            if arguments.seed is not None:
                scenario = msgspec.structs.replace(scenario, seed=arguments.seed)
    except ScenarioError as error:
        return _broken("shrink", error)
    small = shrink(scenario, progress=lambda runs: _bar("shrink", f"{runs} runs"))
    _bar("shrink", None)
    if small is None:
        print("it does not fail")
        return PASSED
    try:
        _write(toml_text(small.scenario), arguments.into)
    except OSError as error:
        return _broken("shrink", f"{arguments.into}: {error.strerror}")
    for problem in small.problems:
        sys.stderr.write(f"still wrong after {small.runs} runs: {problem}\n")
    return VIOLATED


def _soak(arguments: argparse.Namespace) -> int:
    from sim.search.soak import soak
    from sim.wires.kernel import SimulationError

    if not 1 <= arguments.seeds <= MAX_SEEDS or arguments.jobs < 1:
        return _broken("soak", f"--seeds 1 to {MAX_SEEDS}, --jobs 1 or more")
    if arguments.first + arguments.seeds > MAX_SEED:
        return _broken("soak", f"the last seed would be over {MAX_SEED}: see --first")

    def progress(done: int, failed: int) -> None:
        _bar("soak", f"{done} of {arguments.seeds} seeds, {failed} failed")

    try:
        failures = soak(arguments.first, arguments.seeds, jobs=arguments.jobs, progress=progress)
    except SimulationError as error:
        return _broken("soak", error)
    _bar("soak", None)
    if arguments.json:
        listed = [
            {"seed": one.seed, "problems": list(one.problems), "command": one.command}
            for one in failures
        ]
        failed = len(failures)
        passed = arguments.seeds - failed
        found = {"seeds": arguments.seeds, "passed": passed, "failed": failed, "failures": listed}
        print(json.dumps(found))
    else:
        for one in failures:
            print(f"seed {one.seed}: {'; '.join(one.problems)}")
            print(f"  again: {one.command}    smaller: egate sim shrink --seed {one.seed}")
        print(f"{arguments.seeds} seeds, {len(failures)} failed")
    return VIOLATED if failures else PASSED


def _bar(name: str, text: str | None) -> None:
    """Progress on a terminal; None ends the line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{name}: {text}\x1b[K" if text is not None else "\n")
        sys.stderr.flush()


def _write(text: str, into: Path | None) -> None:
    if into is None:
        print(text, end="")
    else:
        into.write_text(text)


def _broken(command: str, problem: object) -> int:
    sys.stderr.write(f"egate sim {command}: {problem}\n")
    return BROKEN
