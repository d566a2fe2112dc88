"""Break the product in one place at a time, and see whether a test notices.

    python tests/mutation/mutate.py                       everything (make mutants)
    python tests/mutation/mutate.py --part 3/14 --quick   every fourteenth mutant, tests alone
    python tests/mutation/mutate.py --target policy --only decide

Targets and their tests are in `mutant_targets.py`, the changes in `mutant_operators.py` and
`mutant_rows.py`. `survivors.toml` lists what nothing catches, each with the reason: a survivor
that is not in it, or one of it that is caught or no mutant any more, fails the command, and so
does less than 95 % caught.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from mutant_hunt import Broken, Catch, hunt  # noqa: E402
from mutant_source import Mutant  # noqa: E402
from mutant_targets import TARGETS, Target  # noqa: E402

SURVIVORS: dict[str, str] = tomllib.loads((HERE / "survivors.toml").read_text())
WANTED_SHARE = 0.95
SEARCHED = frozenset(target.name for target in TARGETS if target.search is not None)


class Choice(NamedTuple):
    """Which mutants: those whose name holds `only`, and of them every `parts`-th."""

    only: str
    part: int
    parts: int
    quick: bool


class Judged(NamedTuple):
    """A target with what came of its mutants; `names` are those of all it has."""

    target: str
    catches: list[Catch]
    names: frozenset[str]
    error: str

    @property
    def caught(self) -> int:
        """How many were caught."""
        return sum(1 for catch in self.catches if catch.by)


def judged(target: Target, choice: Choice) -> Judged:
    """Hunt a target in a process of its own, as pytest can be started once in each."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        result = Judged(target.name, [], frozenset(), "the hunt died")
        try:
            result = _hunted(target, choice)
        # A fork must not return into its parent's code by an exception. Nothing is hidden: it is
        # printed, and the parent reads "the hunt died" and ends with an error.
        except Exception:  # noqa: BLE001
            traceback.print_exc()
        finally:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps(result))
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    return pickle.loads(data)  # noqa: S301 (from our own fork)


def _hunted(target: Target, choice: Choice) -> Judged:
    names: list[str] = []
    catches: list[Catch] = []

    def chosen() -> list[Mutant]:
        mutants = target.mutants()
        names.extend(mutant.name for mutant in mutants)
        found = [mutant for mutant in mutants if choice.only in mutant.name]
        return found[choice.part - 1 :: choice.parts]

    search = None if choice.quick else target.search
    try:
        hunt(target.arguments(), chosen, search, catches.append)
    except Broken as error:
        return Judged(target.name, catches, frozenset(names), str(error))
    return Judged(target.name, catches, frozenset(names), "")


def main() -> int:
    """Hunt, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", default="1/1", help="which part of how many (default all)")
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    parser.add_argument("--target", default="", help="of " + ", ".join(t.name for t in TARGETS))
    parser.add_argument("--quick", action="store_true", help="tests alone, no searches")
    parser.add_argument("--all", action="store_true", help="print the caught ones, too")
    arguments = parser.parse_args()
    part, parts = (int(number) for number in arguments.part.split("/"))
    choice = Choice(arguments.only, part, parts, arguments.quick)
    results = []
    for target in TARGETS:
        if not arguments.target or target.name in arguments.target.split(","):
            result = judged(target, choice)
            results.append(result)
            _print(result, every=arguments.all)
    if not any(result.catches for result in results):
        print("no mutant is named so")
        return 2
    return _verdict(results, complete=not arguments.quick)


def _print(result: Judged, *, every: bool) -> None:
    for catch in sorted(result.catches):
        if every and catch.by:
            print(f"caught    {catch.mutant}    {catch.by}")
        if not catch.by:
            print(f"SURVIVES  {catch.mutant}: {SURVIVORS.get(catch.mutant, 'NO REASON GIVEN')}")
    if result.error:
        print(f"{result.target}: {result.error}")
    print(
        f"{result.target:<12}{len(result.catches):>6} mutants{result.caught:>6} caught", flush=True
    )


def _verdict(results: list[Judged], *, complete: bool) -> int:
    """Print the sum, and hold it against the list.

    Where a search is left out, the tests need not catch everything.
    """
    catches = [catch for result in results for catch in result.catches]
    survivors = [catch.mutant for catch in catches if not catch.by]
    unlisted = [name for name in survivors if name not in SURVIVORS]
    excused = {
        catch.mutant
        for result in results
        for catch in result.catches
        if not complete and result.target in SEARCHED
    }
    outdated = [*_outdated(results)]
    for name in outdated:
        print(f"listed in survivors.toml, but caught or no mutant any more: {name}")
    caught = len(catches) - len(survivors)
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(each.ru_utime + each.ru_stime for each in usage)
    print(
        f"in all      {len(catches):>6} mutants{caught:>6} caught ({caught / len(catches):.1%}), "
        f"{len(survivors)} survivors, {len(unlisted)} of them without a reason, "
        f"{cpu_s:.0f} s of CPU"
    )
    well = not outdated and not any(result.error for result in results)
    listed = excused.issuperset(unlisted)
    return 0 if well and listed and caught >= WANTED_SHARE * len(catches) else 1


def _outdated(results: list[Judged]) -> Iterator[str]:
    yield from (
        c.mutant for result in results for c in result.catches if c.by and c.mutant in SURVIVORS
    )
    if len(results) == len(TARGETS):
        yield from sorted(SURVIVORS.keys() - {name for result in results for name in result.names})


if __name__ == "__main__":
    sys.exit(main())
