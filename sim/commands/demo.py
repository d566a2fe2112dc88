"""`egate demo`: three lanes on this machine, with simulated hardware and a console."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import tcp_port
from sim.devices.photos import default_photographs
from sim.scenario.folder import SCENARIOS

CAST = SCENARIOS / "first_day.toml"


def register(commands: Any) -> None:
    """Add `egate demo` to the command line."""
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
    demo.add_argument("--port", type=tcp_port, default=8600, help="the console's (default: 8600)")
    demo.add_argument("--camera", type=_camera_number, metavar="N", help="a real camera for lane 1")
    demo.add_argument("--models", type=Path, help="folder of installed models")
    demo.add_argument("--photos", type=Path, default=default_photographs(), help="photographs")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep journals, traces and logs")
    demo.set_defaults(run=_demo)


def _unfit_to_keep(root: Path) -> str:
    """Make the folder for a demo; what is wrong with it, "" if nothing."""
    from gate_agent.compose.folders import too_long

    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (root / "centre").exists():
            return f"{root}: holds an earlier demo; name a new folder"
    except OSError as error:
        return f"{root}: {error.strerror}"
    if not os.access(root, os.W_OK | os.X_OK):
        return f"{root}: cannot be written"
    return too_long(root / "lane10")


def _camera_number(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of a camera, such as 0")
    return text


def _demo(arguments: argparse.Namespace) -> int:
    from biometrics.models.store import installed, prepare
    from biometrics.types import Tier
    from gate_agent.commands.models import default_store
    from sim.devices.photos import PhotoError, fetch
    from sim.live.demo import Demo, DemoFailed, Options
    from sim.scenario.arrivals import expanded
    from sim.scenario.scenario import ScenarioError, load
    from sim.wires.broker import BrokerFailed

    def say(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    models = arguments.models or default_store()
    if arguments.keep is not None and (trouble := _unfit_to_keep(arguments.keep)):
        sys.stderr.write(f"egate demo: --keep {trouble}\n")
        return 2
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
    return _report(arguments, result)


def _report(arguments: argparse.Namespace, result: dict[str, Any] | None) -> int:
    """Print what a demo came to; give the exit code. Without a result it was ended early."""
    if result is None:
        if arguments.once:
            sys.stderr.write("egate demo: ended before the cast came to its end\n")
        return int(arguments.once)
    good = all(row["ok"] for row in result["cast"]) and not (
        result["lost"] or result["duplicated"] or result["problems"]
    )
    if arguments.json:
        print(json.dumps(result))
    else:
        verdict = "as expected" if good else "NOT as expected"
        print(f"{result['crossings']} crossings, {result['admitted']} admitted: {verdict}")
    return 0 if good else 1
