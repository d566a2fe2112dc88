"""`egate centre`: the central system."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `egate centre` to the command line."""
    group = commands.add_parser("centre", help="the central system: collect records of gates")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    run = actions.add_parser("run", help="collect from a broker until told to stop")
    run.add_argument("--state", type=Path, required=True, help="database and centre.key")
    run.add_argument("--host", default="127.0.0.1", help="broker (default: %(default)s)")
    run.add_argument("--port", type=int, default=1883, help="its port (default: %(default)s)")
    run.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="enrol a gate with its public key; repeat for each gate",
    )
    run.add_argument("--demo", action="store_true", help="accept keys marked as demo material")
    run.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import run

    gates = {}
    for entry in arguments.gate:
        name, _, file = entry.partition("=")
        if not name or not file:
            raise SystemExit(f"egate centre run: --gate {entry}: expected NAME=FILE")
        gates[name] = Path(file)
    return run(arguments.state, (arguments.host, arguments.port), gates, accept_demo=arguments.demo)
