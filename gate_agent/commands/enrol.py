"""`egate enrol`: make this gate's key and have the central system accept it, with a token."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.broker import add_broker, tls_of


def register(commands: Any) -> None:
    """Add `egate enrol` to the command line."""
    enrol = commands.add_parser(
        "enrol",
        help="at a gate: make its key and enrol it at the central system with a token",
        description="The token comes from `egate centre enrol GATE --token`. The gate's key is"
        " made here and never leaves this machine. After a lost answer, run it again.",
    )
    enrol.add_argument("--keys", type=Path, required=True, help="the lane's folder of keys")
    enrol.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="a file, or - for input"
    )
    enrol.add_argument("--wait-s", type=int, default=60, help="for the answer (%(default)s)")
    add_broker(enrol)
    enrol.set_defaults(run=_enrol)


def _enrol(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.enrol import run
    from sync.log.enrolment import MAX_TOKEN_CHARACTERS

    try:
        if str(arguments.token_file) == "-":
            text = sys.stdin.read(MAX_TOKEN_CHARACTERS + 1)
        else:
            with arguments.token_file.open() as file:
                text = file.read(MAX_TOKEN_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError):
        sys.stderr.write(f"egate enrol: {arguments.token_file} cannot be read\n")
        return 2
    broker = (arguments.host, arguments.port)
    return run(text, arguments.keys, broker, tls_of(arguments), arguments.wait_s)
