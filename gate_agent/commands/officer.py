"""`egate officer`: who may sign in at a console."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Keeps the officers file of `egate console`. A console reads it when it starts.

  egate officer add siti --file /etc/egate/console/officers.json --second-factor
  egate officer list --file /etc/egate/console/officers.json
  egate officer remove siti --file /etc/egate/console/officers.json

Run it as the console's user, so that the console can read the file. `add` asks for the
password (or reads a line, where the input is no terminal) and replaces an officer of that name.
"""


def register(commands: Any) -> None:
    """Add `egate officer` to the command line."""
    group = commands.add_parser(
        "officer",
        help="add, list and remove the officers of a console",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="let an officer sign in, or replace their password")
    add.add_argument("name", metavar="NAME")
    add_second_factor(add)
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="no longer let an officer sign in")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)
    listed = actions.add_parser("list", help="names, and who has a second factor")
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(run=_list)
    for action in actions.choices.values():
        action.add_argument("--file", type=Path, required=True, help="the officers file")


def add_second_factor(parser: argparse.ArgumentParser) -> None:
    """Add `--second-factor`, which `set_officer` takes."""
    parser.add_argument(
        "--second-factor",
        action="store_true",
        help="also ask for the code of an authenticator (RFC 6238), and print its secret once",
    )


def set_officer(path: Path, name: str, *, second_factor: bool) -> None:
    """Ask for a password and write the officer into the file.

    Raises:
        OfficersFileError: the file cannot be read or written, or the name is malformed.
        ValueError: the password is too short or too long, or was typed differently.
    """
    import msgspec

    from gate_agent.console.officers import (
        Officer,
        OfficersFileError,
        hash_password,
        load_officers,
        save_officers,
    )
    from gate_agent.console.second_factor import enrolment_uri, new_secret
    from gate_agent.live import system_random

    known = load_officers(path) if path.exists() else ()
    fields = {
        "name": name,
        "password_hash": hash_password(_password(), system_random),
        "totp_secret": new_secret(system_random) if second_factor else "",
    }
    try:
        new = msgspec.convert(fields, Officer)
    except msgspec.ValidationError as error:
        raise OfficersFileError(f"{name!r}: a name has letters, digits, and . _ @ -") from error
    save_officers(path, (*(each for each in known if each.name != name), new))
    print(f"{name} can sign in once the console is started again")
    if second_factor:
        print(f"for the authenticator of {name}, shown this once:")
        print(f"  {new.totp_secret}\n  {enrolment_uri(name, new.totp_secret)}")


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("The same again: ") != password:
        raise ValueError("the two passwords differ")
    return password


def _add(arguments: argparse.Namespace) -> int:
    from gate_agent.console.officers import OfficersFileError

    try:
        set_officer(arguments.file, arguments.name, second_factor=arguments.second_factor)
    except (OfficersFileError, ValueError, OSError) as error:
        return _refuse("add", error)
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from gate_agent.console.officers import OfficersFileError, load_officers, save_officers

    try:
        known = load_officers(arguments.file)
        left = tuple(each for each in known if each.name != arguments.name)
        if len(left) == len(known):
            raise OfficersFileError(f"{arguments.file}: no officer is called {arguments.name}")
        save_officers(arguments.file, left)
    except OfficersFileError as error:
        return _refuse("remove", error)
    print(f"{arguments.name} cannot sign in once the console is started again")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from gate_agent.console.officers import OfficersFileError, load_officers

    try:
        known = load_officers(arguments.file)
    except OfficersFileError as error:
        return _refuse("list", error)
    rows = [{"name": each.name, "second_factor": bool(each.totp_secret)} for each in known]
    if arguments.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['name']:<24} {'second factor' if row['second_factor'] else ''}".rstrip())
    return 0


def _refuse(action: str, error: Exception) -> int:
    sys.stderr.write(f"egate officer {action}: {error}\n")
    return 2
