"""The commands `egate sim`, `chip`, `chaos` and `demo`; there only with the extra `egate[sim]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate_agent.commands import bench, bench_document
from sim import bench_eyes, bench_lane, bench_sim_cli, chip_cli, library_cli, sim_cli, tools_cli
from sim.chaos import cli as chaos_cli

SCENARIOS = Path(__file__).parent / "scenarios"
CAST = SCENARIOS / "first_day.toml"


def register(commands: Any) -> None:
    """Add the commands to the command line."""
    _register_demo(commands)
    chip_cli.register(commands)
    chaos_cli.register(commands)
    benches = bench.actions_of(commands)
    bench_document.register(benches, _measure_document)
    bench_eyes.register(benches)
    bench_lane.register(benches)
    bench_sim_cli.register(benches)
    actions = sim_cli.register(commands)
    library_cli.register(actions)
    tools_cli.register(actions)
    photos = actions.add_parser("photos", help="fetch the demo's photographs through pip")
    photos.add_argument("--into", type=Path, default=_photographs())
    photos.set_defaults(run=_photos)
    _register_hardware(actions)


def _measure_document(rounds: int, cpu_ns: Callable[[], int]) -> bench_document.ChipFigures:
    from sim.bench_document import measure

    return measure(rounds, cpu_ns)


def _register_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="three lanes on this machine, with simulated hardware and a console",
        description="Prints the console's address, the officer's name and a one-time password, "
        "then a line per crossing. Everything is on loopback, and nothing of it fit for a border. "
        "Ctrl-C ends it.",
    )
    demo.add_argument("--once", action="store_true", help="play the cast once, then end")
    demo.add_argument("--json", action="store_true", help="print the result as one JSON object")
    demo.add_argument("--cast", type=Path, default=CAST, help="another scenario file")
    demo.add_argument("--port", type=int, default=8600, help="the console's (default: 8600)")
    demo.add_argument("--camera", metavar="N", help="a real camera for lane 1")
    demo.add_argument("--models", type=Path, help="folder of installed models")
    demo.add_argument("--photos", type=Path, default=_photographs(), help="photographs")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep journals, traces and logs")
    demo.set_defaults(run=_demo)


def _register_hardware(actions: Any) -> None:
    hardware = actions.add_parser("hardware", help="one lane's simulated hardware on ptys")
    hardware.add_argument("--scenario", type=Path, required=True)
    hardware.add_argument("--lane", type=int, required=True)
    hardware.add_argument("--run-dir", type=Path, required=True)
    hardware.add_argument("--pki-seed", type=Path, required=True)
    hardware.add_argument("--photos", type=Path, required=True)
    hardware.add_argument("--camera-port", type=int, required=True)
    hardware.add_argument("--go", type=Path, required=True, help="begin when this file is there")
    hardware.add_argument("--status-key", type=Path, required=True)
    hardware.add_argument("--seed", type=int, help="another seed than the file's")
    hardware.add_argument("--once", action="store_true")
    hardware.set_defaults(run=_hardware)


def _photographs() -> Path:
    return Path(sys.prefix) / "share" / "egate" / "photos"


def _photos(arguments: argparse.Namespace) -> int:
    from sim.photos import PhotoError, fetch

    try:
        found = fetch(arguments.into)
    except PhotoError as error:
        sys.stderr.write(f"egate sim photos: {error}\n")
        return 2
    print(f"photos: {len(found)} photographs are ready")
    return 0


def _hardware(arguments: argparse.Namespace) -> int:
    import msgspec

    from sim.arrivals import expanded
    from sim.hardware import run_hardware
    from sim.scenario import load

    scenario = load(arguments.scenario)
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


def _demo(arguments: argparse.Namespace) -> int:
    from biometrics.models.store import installed, prepare
    from biometrics.types import Tier
    from gate_agent.commands.models import default_store
    from sim.arrivals import expanded
    from sim.broker import BrokerFailed
    from sim.demo import Demo, DemoFailed, Options
    from sim.photos import PhotoError, fetch
    from sim.scenario import ScenarioError, load

    def say(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    models = arguments.models or default_store()
    try:
        scenario = expanded(load(arguments.cast))
        fetch(arguments.photos)
        tiers = installed(models)
        if not tiers:
            say("preparing the packaged face models")
            prepare(models)
            tiers = installed(models)
        options = Options(
            scenario=scenario,
            scenario_path=arguments.cast,
            models=models,
            photographs=arguments.photos,
            pad=Tier.RECOMMENDED in tiers,
            port=arguments.port,
            once=arguments.once,
            camera=arguments.camera,
            keep=arguments.keep,
            console=not (arguments.once and arguments.json),
        )
        result = Demo(options, say).run()
    except (ScenarioError, PhotoError) as error:
        sys.stderr.write(f"egate demo: {error}\n")
        return 2
    except (DemoFailed, BrokerFailed) as error:
        sys.stderr.write(f"egate demo: {error}\n")
        return 1
    if result is None:
        return 0
    good = all(row["ok"] for row in result["cast"]) and not (
        result["lost"] or result["duplicated"] or result["problems"]
    )
    if arguments.json:
        print(json.dumps(result))
    else:
        say(
            f"{result['crossings']} crossings, {result['admitted']} admitted: "
            f"{'as expected' if good else 'NOT as expected'}"
        )
    return 0 if good else 1
