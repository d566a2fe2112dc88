"""`egate stats`: figures of a lane's work, from its records."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MACHINE_STEPS = ("document", "prepare", "verify", "append")
"""Steps before the release that are the machine's alone: an admission may miss none."""


def register(commands: Any) -> None:
    """Add `egate stats` to the command line."""
    group = commands.add_parser("stats", help="figures of a lane's crossings, from its records")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    deadlines = actions.add_parser(
        "deadlines",
        help="how often each step of a crossing missed its budget",
        description=(
            "Reads the FINISH record of every crossing: how long each step took, and whether "
            "it kept the budget of the profile that was in force. PATH is a journal "
            "(journal.db), a recorded trace (trace-*.jsonl) or a folder of either; where a "
            "folder holds both, the journal is read, since both hold the same crossings."
        ),
    )
    deadlines.add_argument("path", nargs="+", type=Path, metavar="PATH")
    deadlines.add_argument("--json", action="store_true", help="print JSON")
    deadlines.set_defaults(run=_deadlines)


class Ended(NamedTuple):
    """What the FINISH record of a crossing states about time; older ones have no deadlines."""

    outcome: str
    spans_ms: Mapping[str, float]
    deadlines: Mapping[str, bool]


def finishes(path: Path) -> Iterator[Ended]:
    """The crossings that ended in a journal, a trace, or a folder of either.

    A trace beside or below a journal is left out: it holds the same crossings.

    Raises:
        StorageError: a journal cannot be read.
        TraceError: a trace cannot be replayed.
        FileNotFoundError: there is nothing to read.
    """
    if path.is_dir():
        journals = sorted(path.rglob("journal.db"))
        covered = {journal.parent for journal in journals}
        traces = sorted(path.rglob("trace-*.jsonl"))
        inside = [*journals, *(trace for trace in traces if covered.isdisjoint(trace.parents))]
        if not inside:
            raise FileNotFoundError(f"{path} holds neither a journal nor a trace")
        for file in inside:
            yield from finishes(file)
    elif path.suffix == ".jsonl":
        yield from _of_trace(path)
    elif path.exists():
        yield from _of_journal(path)
    else:
        raise FileNotFoundError(f"{path} does not exist")


def _of_journal(path: Path) -> Iterator[Ended]:
    from sync.gate.journal_reader import JournalReader
    from sync.log.encoding import decode_record
    from sync.log.types import RecordKind

    reader = JournalReader(path)
    try:
        for row in reader.stored(reader.last_seq()):
            if row.encoded:
                record = decode_record(row.encoded)
                if record.kind is RecordKind.FINISH:
                    facts = record.facts
                    kept = facts.get("deadlines", {})
                    yield Ended(facts["outcome"], facts["spans_ms"], kept)
    finally:
        reader.close()


def _of_trace(path: Path) -> Iterator[Ended]:
    from gate_agent.core.facts import FinishFacts
    from gate_agent.core.messages import Append
    from gate_agent.records.recorder import turns

    for turn in turns(path):
        for command in turn.commands:
            if isinstance(command, Append) and isinstance(command.facts, FinishFacts):
                facts = command.facts
                yield Ended(facts.outcome, facts.spans_ms, facts.deadlines)


def summary(ends: Iterable[Ended]) -> dict[str, Any]:
    """Count steps and misses.

    `late_admits`: travellers let through by the machine although one of `MACHINE_STEPS` was
    late; there must be none.
    """
    spans: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    crossings = crossings_missed = late_admits = 0
    for end in ends:
        crossings += 1
        kept = end.deadlines
        for step, ok in kept.items():
            counts[step] += 1
            missed[step] += not ok
        for step, span in end.spans_ms.items():
            spans[step].append(span)
        crossings_missed += not all(kept.values())
        late = any(kept.get(step) is False for step in MACHINE_STEPS)
        late_admits += late and end.outcome == "admitted"
    total, late_steps = sum(counts.values()), sum(missed.values())
    return {
        "crossings": crossings,
        "crossings_with_a_miss": crossings_missed,
        "deadlines": total,
        "missed": late_steps,
        "miss_rate": late_steps / total if total else 0.0,
        "late_admits": late_admits,
        "steps": {
            step: {
                "deadlines": counts[step],
                "missed": missed[step],
                "miss_rate": missed[step] / counts[step] if counts[step] else 0.0,
                "p50_ms": _percentile(spans[step], 0.50),
                "p95_ms": _percentile(spans[step], 0.95),
                "p99_ms": _percentile(spans[step], 0.99),
            }
            for step in sorted({*counts, *spans})
        },
    }


def _percentile(values: list[float], part: float) -> float | None:
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def _deadlines(arguments: argparse.Namespace) -> int:
    from gate_agent.records.recorder import TraceError
    from sync.log.errors import StorageError

    try:
        result = summary(end for path in arguments.path for end in finishes(path))
    except (StorageError, TraceError) as error:
        sys.stderr.write(f"egate: {error.diagnosis}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"egate: {error}\n")
        return 2
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{'step':<10} {'deadlines':>9} {'missed':>7} {'rate':>8} {'p50 ms':>9} {'p95 ms':>9}")
    for step, row in result["steps"].items():
        times = "".join(
            f" {'-' if row[name] is None else format(row[name], '.0f'):>9}"
            for name in ("p50_ms", "p95_ms")
        )
        print(
            f"{step:<10} {row['deadlines']:>9} {row['missed']:>7} {row['miss_rate']:>8.2%}{times}"
        )
    print(
        f"{result['crossings']} crossings, {result['missed']} of {result['deadlines']} deadlines "
        f"missed ({result['miss_rate']:.3%}), {result['late_admits']} late admits"
    )
    return 0
