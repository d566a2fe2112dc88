"""`egate profile drift`: what of a device's own configuration is not the profile's."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

LIMIT_NS = 20_000_000_000
DEVICE = 3

DESCRIPTION = """\
Reads the turnstile's identity, firmware and settings and compares them with the profile.
The agent of the lane does this too while it runs, and logs it; this command needs the line
for itself, so stop the agent first:  systemctl stop egate-agent@lane1

With --apply, what differs is written: only while the lane is at rest, read back, followed
by health checks, and rolled back where they fail.

exit codes: 0 as the profile says (or put right), 1 it is not, 3 the device cannot be asked
"""


def register(actions: Any) -> None:
    """Add `egate profile drift` to the command line."""
    drift = actions.add_parser(
        "drift",
        help="compare the turnstile's own settings with the profile; put them right",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    drift.add_argument("overlay", nargs="+", type=Path, help="device, site, gate: later ones win")
    drift.add_argument("--apply", action="store_true", help="write what differs, in stand-by")
    drift.add_argument("--json", action="store_true", help="print JSON")
    drift.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from drivers.serial_port import SerialPort
    from drivers.turnstile.overhaul import OverhaulMachine
    from drivers.types import DeviceFailed
    from gate_agent import live
    from gate_agent.commands.profile_files import load
    from gate_agent.compose.turnstile import REGISTER_MAPS, register_map_of
    from gate_agent.workers.machine_thread import CommandQueue, run_machine

    settings = load(arguments.overlay).turnstile
    if settings.driver not in REGISTER_MAPS:
        sys.stderr.write("egate profile drift: this turnstile has no settings to compare\n")
        return DEVICE
    machine = OverhaulMachine(settings, register_map_of(settings), apply=arguments.apply)
    faults: list[str] = []
    ends_ns = live.monotonic_ns() + LIMIT_NS

    def emit(emission: Any) -> None:
        if isinstance(emission.event, DeviceFailed):
            faults.append(emission.event.diagnosis)

    commands = CommandQueue()
    try:
        run_machine(
            machine,
            lambda _port: SerialPort(settings.port, settings.baud, settings.parity),
            emit,
            lambda: machine.outcome is not None or bool(faults) or live.monotonic_ns() > ends_ns,
            commands,
        )
    finally:
        commands.close()
    return _report(arguments, machine, faults)


def _report(arguments: argparse.Namespace, machine: Any, faults: list[str]) -> int:
    outcome = machine.outcome
    if outcome is None:
        why = faults[0] if faults else "the turnstile did not answer in time"
        if arguments.json:
            print(json.dumps({"ok": False, "error": why}))
        sys.stderr.write(f"egate profile drift: {why}; is the lane's agent stopped?\n")
        return DEVICE
    good = outcome.applied or not outcome.drift
    if arguments.json:
        report = {
            "ok": good,
            "identity": machine.identity,
            "drift": [drift._asdict() for drift in outcome.drift],
            "applied": outcome.applied,
            "rolled_back": outcome.rolled_back,
            "problem": outcome.problem,
        }
        print(json.dumps(report))
        return 0 if good else 1
    print(machine.identity)
    for drift in outcome.drift:
        print(
            f"{drift.name}: register {drift.register:#06x} holds {drift.held}, not {drift.wanted}"
        )
    if outcome.problem:
        print(outcome.problem)
    if outcome.rolled_back:
        print("what it held before was put back")
    print("as the profile says" if good else "not as the profile says")
    return 0 if good else 1
