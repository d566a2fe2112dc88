"""The command line: `egate`.

Exit codes: 0 done, 1 the answer is no (a check failed, an expectation was violated),
2 bad arguments or a bad file, 3 a device is not usable, 78 a bad profile (EX_CONFIG).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from gate_agent.commands import (
    centre,
    codes,
    doctor,
    document,
    enrol,
    evidence,
    face,
    journal,
    lane,
    models,
    officer,
    profile,
    rules,
    safety,
    stats,
    trust,
)
from gate_agent.commands.teaching import teach

DESCRIPTION = """\
egate: software for smart-border e-gates.

Start here:
{start}  egate COMMAND --help       what a command does, with an example

Exit codes, where a command says nothing else: 0 done; 1 the answer is no (a check failed, an
expectation was violated); 2 bad arguments or a bad file; 3 a device is not usable; 78 a bad
profile or key; 130 ended by Ctrl-C.
"""

START_ON_A_GATE = """\
  egate doctor               ports, permissions, models, clock, disk, broker: what to do
"""
START_WITH_THE_SIMULATOR = """\
  egate demo                 three lanes on this machine, at http://127.0.0.1:8600
  egate demo --once --json   the demo's travellers once, as JSON
  egate sim run FILE         a day at the border on a virtual clock
"""

SIMULATOR = "egate-sim"
"""The distribution of the simulator; a gate in service is installed without it."""

SIMULATOR_COMMANDS = {
    "bench": "measure: ratios in one run, on this machine",
    "chaos": "campaigns of faults against the way of a record",
    "chip": "be a passport: emulated chips, genuine and forged",
    "demo": "three lanes on this machine, with simulated hardware and a console",
    "sim": "a day at the border on a virtual clock",
}
"""Commands that `egate-sim` adds, and what they do."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="egate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--log",
        choices=("debug", "info", "warning", "error"),
        default="warning",
        help="how much to say on standard error (default: %(default)s)",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        lane,
        officer,
        journal,
        centre,
        enrol,
        evidence,
        profile,
        doctor,
        rules,
        codes,
        safety,
        stats,
        models,
        document,
        trust,
        face,
    ):
        module.register(commands)
    for entry in entry_points(group="egate.commands"):
        entry.load()(commands)
    absent = [name for name in SIMULATOR_COMMANDS if name not in commands.choices]
    for name in absent:
        _register_absent(commands, name)
    top.set_defaults(interruptible=False)
    start = START_ON_A_GATE if absent else START_WITH_THE_SIMULATOR
    top.description = DESCRIPTION.format(start=start)
    teach(top)
    return top


def _register_absent(commands: Any, name: str) -> None:
    """A command that is not installed: it says which package has it, whatever follows it."""
    command = commands.add_parser(
        name,
        help=f"not installed here ({SIMULATOR}): {SIMULATOR_COMMANDS[name]}",
        add_help=False,
        prefix_chars="\0",
    )
    command.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    command.set_defaults(run=lambda _: _absent(name))


def _absent(name: str) -> int:
    sys.stderr.write(
        f"egate {name}: not installed here; it is part of the package {SIMULATOR}, "
        f"which a gate in service does without: pip install {SIMULATOR}\n"
    )
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    top, words = parser(), sys.argv[1:] if argv is None else argv
    if not words:
        top.print_help(sys.stderr)
        return 2
    arguments = top.parse_args(words)
    logging.basicConfig(
        level=arguments.log.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    if arguments.interruptible:
        from gate_agent.live import interrupt_on_sigterm

        interrupt_on_sigterm()
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        return 0  # the reader of our output has seen enough
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
