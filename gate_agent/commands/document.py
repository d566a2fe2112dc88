"""`egate document inspect` and `egate mrz parse`: a travel document at the command line."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.gate_day import GateDay, add_options, day_of
from gate_agent.commands.trust import default_store

BAD_ARGUMENTS = 2
NOT_USABLE = 3
FILE_NAMES = ("COM", "SOD", *(f"DG{n}" for n in range(1, 17)), "CARDACCESS", "CARDSECURITY")
MAX_FILE = 1 << 20


def register(commands: Any) -> None:
    """Add `egate document` and `egate mrz` to the command line."""
    group = commands.add_parser("document", help="inspect a travel document: files or a chip")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    inspect = actions.add_parser(
        "inspect",
        help="every check of ICAO Doc 9303 and BSI TR-03135, from files or a live chip",
        description="Exits 0 when an inspection was carried out, whatever its verdict; "
        "2 for bad arguments or an unreadable path; 3 when reader or chip is not usable.",
    )
    inspect.add_argument(
        "--file",
        type=_named_file,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="COM, SOD, DG1 to DG16, CARDACCESS or CARDSECURITY, as read from a chip",
    )
    inspect.add_argument(
        "--reader",
        metavar="KIND:PATH",
        help="the chip on that reader: pn532:/dev/ttyX, or pcsc or pcsc:NAME (part of the "
        "name of a PC/SC reader; needs the extra egate[pcsc])",
    )
    inspect.add_argument("--can", type=_can, metavar="NNNNNN", help="card access number")
    inspect.add_argument("--out", type=Path, metavar="DIR", help="write what was read there")
    inspect.add_argument(
        "--trust",
        type=Path,
        action="append",
        metavar="PATH",
        help="certificates, master lists, CRLs, defect lists (DER, PEM, p7b, the ICAO PKD's "
        "LDIF), or a folder of them; only these count (default: the installed store)",
    )
    add_options(inspect, "judge for this day")
    inspect.add_argument("--mrz", metavar="LINES", help=r"the printed zone, lines parted by \n")
    inspect.add_argument(
        "--store",
        type=Path,
        default=default_store(),
        help="installed trust (default: beside egate)",
    )
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.set_defaults(run=_inspect)
    zone = commands.add_parser("mrz", help="parse a machine readable zone")
    actions = zone.add_subparsers(title="actions", metavar="ACTION", required=True)
    parse = actions.add_parser("parse", help="elements, check digits and candidate readings")
    parse.add_argument("mrz", help=r"the zone, lines parted by \n")
    add_options(parse, "centuries for this day")
    parse.add_argument("--json", action="store_true", help="print JSON")
    parse.set_defaults(run=_parse)


def _named_file(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name.upper() not in FILE_NAMES or not path:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=PATH, NAME as COM, SOD, DG1")
    return name.upper(), Path(path)


def _can(text: str) -> str:
    if not re.fullmatch(r"[0-9]{6}", text):
        raise argparse.ArgumentTypeError(f"{text}: expected six digits")
    return text


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"egate: {text}\n")
    return code


def _lines(text: str) -> str:
    return text.replace("\\r", "").replace("\\n", "\n")


def _inspect(arguments: argparse.Namespace) -> int:
    from drivers.passport.errors import DemoMaterialRefused, DocumentError
    from firmware_cfg.load import ProfileError
    from gate_agent.live import utc_now

    try:
        today = day_of(arguments, utc_now())
    except ProfileError as error:
        return _complain(f"bad profile: {error}", BAD_ARGUMENTS)
    try:
        files = {name: _read(path) for name, path in arguments.file}
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}", BAD_ARGUMENTS)
    if len(files) < len(arguments.file):
        return _complain("a file is given twice", BAD_ARGUMENTS)
    if arguments.reader and files:
        return _complain("give --file or --reader, not both", BAD_ARGUMENTS)
    if not files and not arguments.mrz and not arguments.reader:
        return _complain("nothing to inspect: give --file or --mrz", BAD_ARGUMENTS)
    try:
        trust = _trust(arguments)
        if arguments.out:
            _store(arguments.out, {})
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}", BAD_ARGUMENTS)
    except DemoMaterialRefused as error:
        return _complain(
            f"{arguments.store}: {error}; name demo material by --trust, or take it out",
            BAD_ARGUMENTS,
        )
    except DocumentError as error:
        where = ", ".join(map(str, arguments.trust or [arguments.store]))
        return _complain(f"{where}: {error}", BAD_ARGUMENTS)
    if arguments.reader:
        return _inspect_reader(arguments, trust, today)
    return _inspect_files(arguments, files, trust, today)


def _inspect_reader(arguments: argparse.Namespace, trust: Any, today: GateDay) -> int:
    from drivers.passport.errors import MrzError
    from drivers.passport.mrz.zone import parse_text
    from gate_agent.inspect import report as document_report
    from gate_agent.inspect.birth_date import proven_birth_date
    from gate_agent.inspect.chip import NotUsable, inspect_chip
    from gate_agent.inspect.pcsc import inspect_pcsc

    kind, _, path = arguments.reader.partition(":")
    if kind != "pcsc" and (kind != "pn532" or not path):
        return _complain(f"{arguments.reader}: expected pn532:PATH or pcsc[:NAME]", BAD_ARGUMENTS)
    if not arguments.mrz and not arguments.can:
        return _complain("a chip needs --mrz or --can", BAD_ARGUMENTS)
    try:
        printed = parse_text(_lines(arguments.mrz)) if arguments.mrz else None
    except MrzError as error:
        return _complain(f"no machine readable zone: {error}", BAD_ARGUMENTS)
    inspect = inspect_pcsc if kind == "pcsc" else inspect_chip
    try:
        found = inspect(
            path,
            mrz=printed,
            can=arguments.can,
            trust=trust,
            at=today.day,
            utc_day=today.utc_day,
        )
    except NotUsable as error:
        return _complain(str(error), NOT_USABLE)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}", BAD_ARGUMENTS)
    report = document_report.inspection(
        found.checks,
        _dg1_zone(found.files) or printed,
        today.day,
        proven_birth_date(found.files, found.checks),
        apdus=found.apdus,
        bytes=found.bytes,
        ms=found.ms,
    )
    return _finish(arguments, report | today.shown(), found.files)


def _finish(arguments: argparse.Namespace, report: dict[str, Any], files: dict[str, bytes]) -> int:
    """Store the evidence where that was asked for, and print the report."""
    if arguments.out:
        try:
            _store(arguments.out, {f"{name}.bin": content for name, content in files.items()})
            _store(arguments.out, {"report.json": json.dumps(report).encode()})
        except OSError as error:
            return _complain(f"{error.filename}: {error.strerror}", BAD_ARGUMENTS)
    show(arguments, report)
    return 0


def _store(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files that only their owner may read.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)


def _dg1_zone(files: dict[str, bytes]) -> Any:
    """The zone in DG1; None where none parses."""
    from drivers.passport.errors import MrzError, TlvError
    from drivers.passport.inspection.checks import parse_dg1

    if "DG1" not in files:
        return None
    try:
        return parse_dg1(files["DG1"])
    except (TlvError, MrzError):
        return None


def _inspect_files(
    arguments: argparse.Namespace, files: dict[str, bytes], trust: Any, today: GateDay
) -> int:
    from drivers.passport.errors import MrzError
    from drivers.passport.inspection.evidence import Judge
    from drivers.passport.mrz.zone import parse_text
    from drivers.types import Check, Result
    from gate_agent.inspect import report as document_report
    from gate_agent.inspect.birth_date import proven_birth_date
    from gate_agent.inspect.face_check import face_check
    from gate_agent.live import monotonic_ns

    printed, recorded = None, []
    if arguments.mrz:
        try:
            printed = parse_text(_lines(arguments.mrz))
        except MrzError as error:
            failed = Check(id="mrz_consistency", result=Result.FAILED, detail=str(error))
            recorded.append(failed)
    started_ns = monotonic_ns()
    judge = Judge(
        trust=trust, at=today.day, clock=monotonic_ns, utc_day=today.utc_day, face=face_check
    )
    checks = judge.verdict(files, printed, *recorded)
    report = document_report.inspection(
        checks,
        _dg1_zone(files) or printed,
        today.day,
        proven_birth_date(files, checks),
        apdus=0,
        bytes=sum(map(len, files.values())),
        ms=round((monotonic_ns() - started_ns) / 1e6, 3),
    )
    return _finish(arguments, report | today.shown(), files)


def show(arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    """Print the report of an inspection, as JSON or as a table."""
    if arguments.json:
        print(json.dumps(report))
        return
    for check in report["checks"]:
        print(f"{check['id']:<24} {check['result']:<14} {check['detail']}")
    _print_known(report["dates"])
    print(f"{'overall':<24} {report['overall']}")
    if "at" in report:
        print(f"{'day of inspection':<24} {report['at']} {report['time_zone'] or ''}".rstrip())
    for first in report["findings"]:
        followed = ", ".join(first["followed"])
        more = f"; not judged because of it: {followed}" if followed else ""
        print(f"{'because of':<24} {first['check']}: {first['result']}{more}")


def _print_known(dates: dict[str, Any] | None) -> None:
    """What is known of the dates that are not one whole day."""
    if dates is None:
        return
    ages = dates["birth"]["age_years"]
    known = dates["birth"]["known"] or "not known"
    if ages:
        known += f", age {ages[0]}" + (f" to {ages[1]}" if ages[0] != ages[1] else "")
    print(f"{'born':<24} {known}")
    none = "no date of expiry" if dates["expiry"]["kind"] == "none" else "not known"
    print(f"{'expires':<24} {dates['expiry']['known'] or none}")


def _read(path: Path) -> bytes:
    """A document's file; an empty one in place of a file larger than a chip could hold."""
    from gate_agent.inspect.bounded_file import TooLarge, read_bounded

    try:
        return read_bounded(path, MAX_FILE)
    except TooLarge as error:
        sys.stderr.write(f"egate: {path}: not read: {error}\n")
        return b""


def _trust(arguments: argparse.Namespace) -> Any:
    """The store to judge by; demo material counts where it was given by name.

    Raises:
        OSError: a path cannot be read.
        DemoMaterialRefused: demo material was not given by name.
        DocumentError: more certificates than a store holds.
    """
    from drivers.passport.trust.files import assemble
    from gate_agent.inspect.trust_store import installed, read

    given = arguments.trust is not None
    loaded = read(arguments.trust) if given else installed(arguments.store)
    for file, why in loaded.refused:
        sys.stderr.write(f"egate: {file}: not used: {why}\n")
    return assemble(loaded.parsed(), accept_demo=given)


def _parse(arguments: argparse.Namespace) -> int:
    from drivers.passport.errors import MrzError
    from drivers.passport.mrz.zone import parse_text
    from firmware_cfg.load import ProfileError
    from gate_agent.inspect.report import parsed_zone
    from gate_agent.live import utc_now

    try:
        today = day_of(arguments, utc_now())
        report = parsed_zone(parse_text(_lines(arguments.mrz)), today.day)
    except ProfileError as error:
        return _complain(f"bad profile: {error}", BAD_ARGUMENTS)
    except MrzError as error:
        if arguments.json:
            print(json.dumps({"format": None, "fields": {}, "checks": [], "candidates": []}))
        return _complain(f"no machine readable zone: {error}", BAD_ARGUMENTS)
    if arguments.json:
        print(json.dumps(report))
        return 0
    print(f"{'format':<24} {report['format']}")
    for name, value in report["fields"].items():
        print(f"{name:<24} {value}")
    _print_known(report["dates"])
    for check in report["checks"]:
        print(f"{check['id']:<24} {check['result']}")
    return 0
