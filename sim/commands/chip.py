"""The commands `egate chip ...`: specimen documents, forged ones, and chips to read."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  egate chip serve --specimen pace_aa_ca --pn532
      prints /dev/pts/5; then, elsewhere, with zone and card access number of that specimen:
  egate chip specimens --trust-out trust | grep pace_aa_ca
  egate document inspect --reader pn532:/dev/pts/5 --trust trust --mrz 'P<UTO...\\nX000...'
  egate chip serve --specimen aa_ecdsa_plain --fault cloned_ecdsa --pn532
  egate chip serve --personalisation DIR --vpcd 127.0.0.1:35963
"""


def register(commands: Any) -> None:
    """Add the command `chip` to the command line."""
    group = commands.add_parser("chip", help="simulated passport chips: specimens, forgeries")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    specimens = actions.add_parser(
        "specimens", help="genuine documents, each with the results a right reader reports"
    )
    specimens.add_argument("--json", action="store_true", help="print JSON")
    specimens.add_argument(
        "--trust-out", type=Path, metavar="DIR", help="write CSCA certificates and CRLs there"
    )
    specimens.add_argument(
        "--files-out", type=Path, metavar="DIR", help="write each document's files there"
    )
    specimens.set_defaults(run=_specimens)
    faults = actions.add_parser(
        "faults", help="forgeries and faults, each with the check that must catch it"
    )
    faults.add_argument("--json", action="store_true", help="print JSON")
    faults.set_defaults(run=_faults)
    _register_serve(actions)


def _register_serve(actions: Any) -> None:
    serve = actions.add_parser(
        "serve",
        help="serve one chip until ended",
        description="With --pn532 the pseudo-terminal's path is the first line printed; any\n"
        "program for a PN532 on a serial line can open it. Ctrl-C ends it. With --vpcd it ends\n"
        "when the reader hangs up or the chip falls silent.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = serve.add_mutually_exclusive_group(required=True)
    what.add_argument("--specimen", metavar="NAME", help="of `egate chip specimens`")
    what.add_argument(
        "--personalisation",
        type=Path,
        metavar="DIR",
        help="a folder of files as read from a chip: COM.bin, SOD.bin, DG1.bin ..",
    )
    face = serve.add_mutually_exclusive_group(required=True)
    face.add_argument("--pn532", action="store_true", help="a PN532 on a pseudo-terminal")
    face.add_argument(
        "--vpcd",
        metavar="HOST:PORT",
        help="a card in pcscd's virtual reader, vpcd",
    )
    serve.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="of `egate chip faults`: a forgery, or a chip that misbehaves; may be repeated",
    )
    serve.set_defaults(run=_serve)


def _refuse(action: str, reason: str) -> int:
    sys.stderr.write(f"egate chip {action}: {reason}\n")
    return 2


def _specimens(arguments: argparse.Namespace) -> int:
    from sim.chip.specimens import SPECIMENS, named_files, trust_files

    try:
        if arguments.trust_out is not None:
            _write(arguments.trust_out, trust_files())
        if arguments.files_out is not None:
            for specimen in SPECIMENS.values():
                files = named_files(specimen.personalisation())
                _write(arguments.files_out / specimen.name, files)
    except OSError as error:
        return _refuse("specimens", str(error))
    if arguments.json:
        print(json.dumps([specimen.record() for specimen in SPECIMENS.values()]))
    else:
        for name, specimen in SPECIMENS.items():
            made = specimen.personalisation()
            ways = (("PACE", made.features.pace), ("BAC", made.features.bac))
            access = " or ".join(way for way, offered in ways if offered)
            zone = made.printed.printed.replace("\n", "\\n")  # as --mrz takes it
            print(f"{name:<37} {access:<11} {made.features.can or '-':<6} {zone}")
    return 0


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _faults(arguments: argparse.Namespace) -> int:
    from sim.chip.catalogue import records

    found = records()
    if arguments.json:
        print(json.dumps(found))
    else:
        for record in found:
            caught = record["caught_by"] or "(a good reader overcomes it)"
            print(f"{record['name']}  {caught}")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from gate_agent import live
    from sim.chip.card import Chip
    from sim.chip.catalogue import Unsuitable, prepare
    from sim.chip.folder import FolderError
    from sim.chip.serve import serve_pn532, serve_vpcd

    try:
        card = prepare(arguments.specimen, arguments.personalisation, arguments.fault)
        address = _address(arguments.vpcd) if arguments.vpcd else None
    except (FolderError, Unsuitable, OSError) as error:
        return _refuse("serve", str(error))
    stop = live.stop_on_sigterm()
    chip = Chip(card, live.system_random)
    if address is None and sys.stderr.isatty():
        sys.stderr.write("a PN532 with this passport answers at the path below;\n")
        sys.stderr.write("egate document inspect --reader pn532:PATH reads it; Ctrl-C ends it\n")
    try:
        if address is None:
            serve_pn532(chip, live.system_random, live.monotonic_ns, stop.is_set, _say)
        else:
            serve_vpcd(chip, address, live.monotonic_ns, stop.is_set, _say)
    except OSError as error:
        sys.stderr.write(f"egate chip serve: {arguments.vpcd or 'pseudo-terminal'}: {error}\n")
        if address is not None:
            sys.stderr.write("is pcscd running, with vsmartcard-vpcd at that port?\n")
        return 3
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _address(text: str) -> tuple[str, int]:
    from sim.chip.catalogue import Unsuitable

    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise Unsuitable(f"{text} is not HOST:PORT")
    return host, int(port)
