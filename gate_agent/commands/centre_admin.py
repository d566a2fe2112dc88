"""`egate centre init | token | officer | page | metrics`: set up, enrol, look."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import tcp_port
from gate_agent.commands.officer import add_second_factor

MAX_DAYS = 30


def register(actions: Any) -> None:
    """Add the actions to `egate centre`."""
    init = actions.add_parser(
        "init",
        help="make the centre's keys, once",
        description="Writes centre.key and centre.seal.key (mode 0400; back them up apart from"
        " the records) and the public halves that gates need.",
    )
    init.add_argument("--state", type=Path, required=True, help="an empty folder")
    init.add_argument(
        "--database",
        metavar="ADDRESS",
        help="keep records in PostgreSQL: postgresql:///egate?host=/run/postgresql; a password"
        " belongs into libpq's password file (default: SQLite in the folder)",
    )
    init.set_defaults(run=_init)
    officer = actions.add_parser("officer", help="let an officer sign in at the page")
    officer.add_argument("--state", type=Path, required=True, help="the centre's folder")
    officer.add_argument("name", metavar="NAME")
    add_second_factor(officer)
    officer.set_defaults(run=_officer)
    page = actions.add_parser(
        "page", help="serve the read-only page of gates, lag and alarms, and /metrics"
    )
    page.add_argument("--state", type=Path, required=True, help="the centre's folder")
    page.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    page.add_argument("--port", type=tcp_port, default=8700, help="port (default: %(default)s)")
    page.set_defaults(run=_page)
    metrics = actions.add_parser(
        "metrics", help="print gates, lag and alarms in Prometheus' text format"
    )
    metrics.add_argument("--state", type=Path, required=True, help="the centre's folder")
    metrics.add_argument("--json", action="store_true", help="print JSON instead")
    metrics.set_defaults(run=_metrics)


def make_token(arguments: argparse.Namespace) -> int:
    """Print a token; nothing is written, so a collector may run at the same time."""
    from gate_agent import live
    from sync.centre.registry import valid_name
    from sync.log.enrolment import issue_token
    from sync.log.errors import EnrolmentRefused
    from sync.log.keys import read_centre_keys

    if not valid_name(arguments.name) or not 1 <= arguments.days <= MAX_DAYS:
        raise EnrolmentRefused(f"a token is for a gate's name, and 1 to {MAX_DAYS} days")
    keys = read_centre_keys(arguments.state, accept_demo=True)
    expires = live.utc_now() + datetime.timedelta(days=arguments.days)
    expires_utc = expires.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    token = issue_token(keys, arguments.name, expires_utc, live.system_random)
    if arguments.json:
        print(json.dumps({"gate": arguments.name, "expires_utc": expires_utc, "token": token}))
    else:
        print(token)
        sys.stderr.write(
            f"Good once, until {expires_utc}, as secret as a password. At the gate:\n"
            "  egate enrol --keys DIR --token-file FILE --host BROKER --ca F --cert F --key F\n"
        )
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from gate_agent.live import system_random
    from sync.log.errors import KeyRefused
    from sync.log.keys import CentreKeys, write_centre_keys, write_centre_public

    keys = CentreKeys.generate(system_random)
    try:
        arguments.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_centre_keys(arguments.state, keys)
        write_centre_public(arguments.state, keys.public)
        if arguments.database:
            handle = os.open(arguments.state / "database", os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(arguments.database + "\n")
    except KeyRefused as error:
        sys.stderr.write(f"egate centre init: {error.diagnosis}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"egate centre init: {arguments.state}: {error.strerror}\n")
        return 2
    print(f"{arguments.state}: centre.key, centre.seal.key and their public halves")
    return 0


def _officer(arguments: argparse.Namespace) -> int:
    from gate_agent.commands.officer import set_officer
    from gate_agent.console.officers import OfficersFileError

    path = arguments.state / "officers.json"
    try:
        set_officer(path, arguments.name, second_factor=arguments.second_factor)
    except (OfficersFileError, ValueError, OSError) as error:
        sys.stderr.write(f"egate centre officer: {error}\n")
        return 2
    return 0


def _page(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre_page import serve_page

    return serve_page(arguments.state, arguments.host, arguments.port)


def _metrics(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import store_place
    from gate_agent.compose.centre_page import look
    from sync.centre.overview import metrics_text
    from sync.centre.store import CentreStore
    from sync.log.errors import SyncError
    from sync.log.keys import read_public_key

    try:
        key = read_public_key(arguments.state / "centre.pub")
        with closing(CentreStore(store_place(arguments.state), read_only=True)) as store:
            seen = look(store, arguments.state, key)
    except SyncError as error:
        sys.stderr.write(f"egate centre metrics: {error.diagnosis}\n")
        return 2
    if arguments.json:
        gates = [row._asdict() for row in seen.gates]
        alarms = [alarm._asdict() for alarm in seen.alarms]
        print(json.dumps({"at_utc": seen.at_utc, "gates": gates, "alarms": alarms}))
    else:
        sys.stdout.write(metrics_text(seen))
    return 0
