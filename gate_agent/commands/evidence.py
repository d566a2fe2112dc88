"""`egate audit FILE`: check evidence of gates' logs, away from gates and central system."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `egate audit` to the command line."""
    audit = commands.add_parser(
        "audit",
        help="check a file of evidence: contiguity, contents, trees, signatures, erasures",
        description="The file comes from `egate centre export` or `egate journal export`.",
    )
    audit.add_argument("file", type=Path, metavar="FILE")
    audit.add_argument(
        "--centre-key",
        type=Path,
        metavar="FILE",
        help="the key to trust; without it the file's own, which proves less",
    )
    audit.add_argument("--json", action="store_true", help="print JSON")
    audit.set_defaults(run=_audit)


def print_findings(result: dict[str, Any], *, as_json: bool) -> int:
    """Print what an audit found; exit 0 if nothing is wrong, else 1."""
    if as_json:
        print(json.dumps(result))
        return 0 if result["ok"] else 1
    for found in result["findings"]:
        print(f"WRONG  {found['gate']} {found['epoch'][:8]} record {found['seq']}: {found['what']}")
    if result.get("trimmed"):
        print(f"{result['trimmed']} records were trimmed at gates; the central system has them")
    print(f"{result['logs']} logs, {result['records']} records, {len(result['findings'])} wrong")
    return 0 if result["ok"] else 1


def _audit(arguments: argparse.Namespace) -> int:
    from sync.centre.evidence import EvidenceFile
    from sync.log.errors import SyncError
    from sync.log.keys import read_public_key

    try:
        key = None if arguments.centre_key is None else read_public_key(arguments.centre_key)
        evidence = EvidenceFile(arguments.file)
        findings = [finding._asdict() for finding in evidence.audit(key)]
    except SyncError as error:
        sys.stderr.write(f"egate audit: {error.diagnosis}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"egate audit: {arguments.file.name}: {error.strerror}\n")
        return 2
    result = {
        "logs": len(evidence.logs()),
        "records": evidence.records,
        "trimmed": evidence.trimmed,
        "centre_key": evidence.centre.raw.hex() if key is None else key.raw.hex(),
        "pinned": key is not None,
        "findings": findings,
        "ok": not findings,
    }
    return print_findings(result, as_json=arguments.json)
