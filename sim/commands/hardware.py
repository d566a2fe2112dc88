"""`egate sim hardware`: one lane's simulated hardware, a process of the demo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import seed


def register(actions: Any) -> None:
    """Add `egate sim hardware`."""
    hardware = actions.add_parser("hardware", help="one lane's simulated hardware on ptys")
    hardware.add_argument("--scenario", type=Path, required=True)
    hardware.add_argument("--lane", type=int, required=True)
    hardware.add_argument("--run-dir", type=Path, required=True)
    hardware.add_argument("--pki-seed", type=Path, required=True)
    hardware.add_argument("--photos", type=Path, required=True)
    hardware.add_argument("--camera-port", type=int, required=True)
    hardware.add_argument("--go", type=Path, required=True, help="begin when this file is there")
    hardware.add_argument("--status-key", type=Path, required=True)
    hardware.add_argument("--seed", type=seed, help="another seed than the file's")
    hardware.add_argument("--once", action="store_true")
    hardware.set_defaults(run=_hardware)


def _hardware(arguments: argparse.Namespace) -> int:
    import msgspec

    from sim.live.hardware import run_hardware
    from sim.scenario.arrivals import expanded
    from sim.scenario.scenario import ScenarioError, load

    try:
        scenario = load(arguments.scenario)
    except ScenarioError as error:
        sys.stderr.write(f"egate sim hardware: {error}\n")
        return 2
    if arguments.seed is not None:
        scenario = msgspec.structs.replace(scenario, seed=arguments.seed)
    return run_hardware(
        expanded(scenario),
        arguments.lane,
        run_dir=arguments.run_dir,
        seed=arguments.pki_seed.read_bytes(),
        photographs=arguments.photos,
        camera_port=arguments.camera_port,
        go=arguments.go,
        status_key=arguments.status_key.read_bytes(),
        once=arguments.once,
    )
