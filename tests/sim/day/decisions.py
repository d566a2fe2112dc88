"""What the core decides on every scenario of the library, as text that can be compared.

`golden_decisions.txt` holds what was decided before the core learned of lists, rules and
entitlements ("today's core"). A change that is meant to decide otherwise shows it in this file.

    .venv/bin/python tests/sim/day/decisions.py                  compare the whole library
    .venv/bin/python tests/sim/day/decisions.py document/expired    compare one scenario
    .venv/bin/python tests/sim/day/decisions.py --write          write the file again
"""

from __future__ import annotations

import difflib
import hashlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))  # this checkout, not the installed one

from sim.day.run import RECORDED, Day, Result, run
from sim.scenario.catalogue import Entry, catalogue
from sync.log.types import RecordKind

GOLDEN = Path(__file__).parent / "golden_decisions.txt"
MAX_LINES = 400
"""A scenario with more lines than this is held by their number and digest."""

SHOWN: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.DECISION: ("outcome", "reasons"),
    RecordKind.OFFICER: ("action", "officer", "reason"),
    RecordKind.ACTUATION: ("action", "by"),
    RecordKind.FINISH: ("outcome", "reasons", "passages"),
}


class _DecidingDay(Day):
    """A day that hands out its decisions when its databases are closed."""

    decisions: list[str]

    def close(self) -> None:
        for lane in self.lanes:
            for record in self.store.records(lane.profile.lane.gate):
                if record.kind in SHOWN:
                    facts = [_text(record.facts[name]) for name in SHOWN[record.kind]]
                    kind = record.kind.value
                    self.decisions.append(f"{lane.number} {record.ticket} {kind} {' '.join(facts)}")
        super().close()


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(value) or "-"
    return "-" if value in (None, "") else str(value)


def run_and_decide(entry: Entry) -> tuple[Result, list[str]]:
    """Run a scenario; give its result and its decisions as the file holds them."""
    lines: list[str] = []
    day = type("OneDay", (_DecidingDay,), {"decisions": lines})
    result = run(entry.plan, entry.path.name, None, RECORDED, day)
    if len(lines) <= MAX_LINES:
        return result, lines
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return result, [f"{len(lines)} lines, sha256 {digest}"]


def golden() -> dict[str, list[str]]:
    """The file: scenario to lines."""
    found: dict[str, list[str]] = {}
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("== "):
            found[line[3:]] = []
        elif line:
            found[list(found)[-1]].append(line)
    return found


def main(arguments: list[str]) -> int:
    """Compare, or write; 1 where a decision differs, 2 where there is no such scenario."""
    write = "--write" in arguments
    names = [one for one in arguments if one != "--write"]
    known = golden() if GOLDEN.exists() else {}
    unknown = {*names} - {entry.full_name for entry in catalogue()}
    if unknown:
        print(f"no scenario {', '.join(sorted(unknown))}: see `egate sim list`", file=sys.stderr)
        return 2
    differ = 0
    for entry in catalogue():
        if names and entry.full_name not in names:
            continue
        _, lines = run_and_decide(entry)
        same = lines == known.get(entry.full_name)
        differ += not same
        print(f"{'same  ' if same else 'DIFFER'} {entry.full_name}", flush=True)
        if not same and not write:
            before = known.get(entry.full_name, [])
            print("\n".join(difflib.unified_diff(before, lines, "before", "now", lineterm="")))
        known[entry.full_name] = lines
    if write:
        text = "\n\n".join("\n".join([f"== {name}", *known[name]]) for name in sorted(known))
        GOLDEN.write_text(text + "\n")
        return 0
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
