"""The processes of a lane: `egate agent | reader | vision | sync`, and the console.

Each is one unit of the service manager; all of them take the same profile and the same
run directory, where their sockets are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import tcp_port
from gate_agent.commands.profile_files import load


def register(commands: Any) -> None:
    """Add the processes to the command line."""
    agent = _process(commands, "agent", "control: the loop, the turnstile, the journal")
    agent.add_argument("--state", type=Path, required=True, help="journal and traces")
    agent.add_argument("--keys", type=Path, required=True, help="the lane's keys, mode 0400")
    agent.set_defaults(run=_agent)
    reader = _process(commands, "reader", "the passport reader: MRZ and chip")
    reader.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="certificates, master lists, CRLs, defect lists, or a folder of them",
    )
    reader.set_defaults(run=_reader)
    vision = _process(commands, "vision", "the camera and the face")
    vision.add_argument("--models", type=Path, help="folder of installed models")
    vision.set_defaults(run=_vision)
    sync = _process(commands, "sync", "records to the central system over MQTT")
    sync.add_argument("--state", type=Path, required=True, help="journal and traces")
    sync.add_argument("--keys", type=Path, required=True, help="the lane's keys, mode 0400")
    sync.add_argument("--metrics", type=Path, metavar="FILE", help="write figures for Prometheus")
    sync.set_defaults(run=_sync)
    console = commands.add_parser("console", help="the officers' console over a bank of lanes")
    console.add_argument(
        "--lane",
        action="append",
        required=True,
        metavar="N=RUNDIR",
        help="lane number and its run directory; repeat for each lane",
    )
    console.add_argument("--keys", type=Path, required=True, help="folder with console.key")
    console.add_argument("--officers", type=Path, required=True, help="officers and their hashes")
    console.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    console.add_argument("--port", type=tcp_port, default=8600, help="port (default: %(default)s)")
    console.set_defaults(run=_console)


def _process(commands: Any, name: str, what: str) -> argparse.ArgumentParser:
    process: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    process.add_argument(
        "--profile",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="device, site, gate overlays; later ones win",
    )
    process.add_argument("--run-dir", type=Path, required=True, help="where the sockets are")
    return process


def _agent(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.agent import run

    return run(load(arguments.profile), arguments.run_dir, arguments.state, arguments.keys)


def _reader(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.reader import run

    return run(load(arguments.profile), arguments.run_dir, arguments.trust)


def _vision(arguments: argparse.Namespace) -> int:
    from gate_agent.commands.models import default_store
    from gate_agent.compose.vision import run

    return run(load(arguments.profile), arguments.run_dir, arguments.models or default_store())


def _sync(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.sync import run

    return run(
        load(arguments.profile),
        arguments.run_dir,
        arguments.state,
        arguments.keys,
        arguments.metrics,
    )


def _console(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.console import run

    lanes = {}
    for entry in arguments.lane:
        number, _, directory = entry.partition("=")
        if not number.isdigit() or not directory:
            sys.stderr.write(f"egate console: --lane {entry}: expected N=RUNDIR\n")
            return 2
        lanes[int(number)] = Path(directory)
    return run(lanes, arguments.keys, arguments.officers, arguments.host, arguments.port)
