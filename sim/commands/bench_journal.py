"""`egate bench journal`: a journal of years, its sizes before and after a trim, and the delay."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any


def register(actions: Any) -> None:
    """Add `egate bench journal` to the benchmarks."""
    journal = actions.add_parser(
        "journal",
        help="trim a journal of three years: sizes, and a commit beside a trim to one without",
    )
    journal.add_argument(
        "--records", type=int, default=200_000, help="how many it has (default: %(default)s)"
    )
    journal.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    journal.add_argument("--json", action="store_true", help="print JSON")
    journal.set_defaults(run=_journal)


def _journal(arguments: argparse.Namespace) -> int:
    from gate_agent.live import monotonic_ns, system_random
    from sim.bench.record.years import measure
    from sync.log.errors import SyncError

    if arguments.records < 1000:
        sys.stderr.write("egate bench journal: --records must be 1000 or more\n")
        return 2
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="egate-bench-") as name:
            result = measure(Path(name), arguments.records, monotonic_ns, system_random)
    except SyncError as error:
        sys.stderr.write(f"egate bench journal: {error.diagnosis}\n")
        return 2
    if arguments.json:
        print(json.dumps(result._asdict()))
    else:
        for key, value in result._asdict().items():
            print(f"{key:<28} {value:>12}")
    return 0 if result.verified else 1
