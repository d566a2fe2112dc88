"""`egate profile`: check and show configuration."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands import profile_drift
from gate_agent.commands.profile_files import load, merge


def register(commands: Any) -> None:
    """Add `egate profile` to the command line."""
    group = commands.add_parser("profile", help="check, show or describe a lane's configuration")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check", help="merge overlays and check every bound; exits 78 naming file and field"
    )
    check.add_argument("overlay", nargs="+", type=Path, help="device, site, gate: later ones win")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="print the effective profile as JSON")
    show.add_argument("overlay", nargs="+", type=Path)
    show.set_defaults(run=_show)
    schema = actions.add_parser("schema", help="print the JSON Schema of a profile")
    schema.set_defaults(run=_schema)
    profile_drift.register(actions)


def _check(arguments: argparse.Namespace) -> int:
    from firmware_cfg.load import ProfileError, sha256

    try:
        effective = merge(arguments.overlay)
    except ProfileError as error:
        if arguments.json:
            print(json.dumps({"ok": False, "error": str(error)}))
        else:
            sys.stderr.write(f"egate: bad profile: {error}\n")
        return os.EX_CONFIG
    if arguments.json:
        print(json.dumps({"ok": True, "sha256": sha256(effective)}))
    else:
        print(f"good: lane {effective.lane.number} of {effective.lane.gate}, {sha256(effective)}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    import msgspec

    effective = load(arguments.overlay)
    print(msgspec.json.format(msgspec.json.encode(effective), indent=2).decode())
    return 0


def _schema(_arguments: argparse.Namespace) -> int:
    from firmware_cfg.load import schema_json

    print(schema_json().decode())
    return 0
