"""Options of a command for its broker: host, port and certificates."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate_agent.commands.numbers import tcp_port

if TYPE_CHECKING:
    from sync.log.mqtt import Tls


def add_broker(parser: Any) -> None:
    """Add `--host`, `--port` and the three files for TLS."""
    parser.add_argument("--host", default="127.0.0.1", help="broker (default: %(default)s)")
    parser.add_argument(
        "--port", type=tcp_port, default=1883, help="its port (default: %(default)s)"
    )
    tls = parser.add_argument_group(
        "TLS",
        "Needed for a broker on another machine, all three, in PEM. In a unit with"
        " LoadCredentialEncrypted=mqtt.key:... the key is %d/mqtt.key.",
    )
    tls.add_argument("--ca", type=Path, metavar="FILE", help="who may vouch for the broker")
    tls.add_argument("--cert", type=Path, metavar="FILE", help="our certificate")
    tls.add_argument("--key", type=Path, metavar="FILE", help="its key, mode 0400")


def tls_of(arguments: argparse.Namespace) -> Tls | None:
    """Give the files for TLS; None for a plain connection to this machine.

    Raises:
        SystemExit: files are missing; a line on stderr says which.
    """
    from firmware_cfg.rules import is_own_machine
    from sync.log.mqtt import Tls

    files = {name: getattr(arguments, name) for name in Tls._fields}
    missing = [f"--{name}" for name, file in files.items() if file is None]
    if not missing:
        return Tls(**files)
    if len(missing) == len(files) and is_own_machine(arguments.host):
        return None
    sys.stderr.write(
        f"egate: {', '.join(missing)} missing: a broker on another machine needs TLS, with all"
        " of --ca, --cert and --key\n"
    )
    raise SystemExit(2)
