"""`egate models`: what the face is compared with, by hash and contract."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def default_store() -> Path:
    """Where models are kept unless told otherwise: beside the installation."""
    return Path(sys.prefix) / "share" / "egate" / "models"


def register(commands: Any) -> None:
    """Add `egate models` to the command line."""
    group = commands.add_parser("models", help="list, prepare, add and verify face models")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    actions.add_parser("list", help="tiers and models, installed or not").set_defaults(run=_list)
    actions.add_parser(
        "prepare", help="make the packaged tier: convert dlib's network and check it"
    ).set_defaults(run=_prepare)
    add = actions.add_parser("add", help="install models from a folder after checking each")
    add.add_argument("directory", type=Path)
    add.set_defaults(run=_add)
    actions.add_parser(
        "verify", help="check every installed model; exits 1 if one differs"
    ).set_defaults(run=_verify)
    for action in actions.choices.values():
        action.add_argument("--store", type=Path, default=default_store(), help="models' folder")
        action.add_argument("--json", action="store_true", help="print JSON")


def _say(arguments: argparse.Namespace, data: Any, text: str) -> None:
    print(json.dumps(data) if arguments.json else text)


def _refusal(arguments: argparse.Namespace, diagnosis: str) -> int:
    _say(arguments, {"ok": False, "error": diagnosis}, f"refused: {diagnosis}")
    return 1


def _list(arguments: argparse.Namespace) -> int:
    from biometrics.models.manifest import load_manifest
    from biometrics.models.store import installed, verify

    manifest = load_manifest()
    tiers = [str(tier) for tier in installed(arguments.store)]
    faults = verify(arguments.store)
    rows = [
        {
            "name": m.name,
            "role": m.role,
            "sha256": m.sha256,
            "licence": m.licence,
            "state": faults.get(m.name) or "installed",
        }
        for m in manifest.models
    ]
    lines = [f"tiers installed: {', '.join(tiers) or 'none'}   ({arguments.store})"]
    lines += [f"  {r['name']:<28} {r['role']:<10} {r['sha256'][:12]}  {r['state']}" for r in rows]
    _say(arguments, {"tiers": tiers, "models": rows}, "\n".join(lines))
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import prepare

    try:
        made = prepare(arguments.store)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    text = f"models: prepared {', '.join(made)}" if made else "models: packaged tier is ready"
    _say(arguments, {"ok": True, "prepared": list(made)}, text)
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import add

    try:
        added = add(arguments.directory, arguments.store)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    except OSError as error:
        sys.stderr.write(f"egate models add: {arguments.directory}: {error.strerror}\n")
        return 2
    text = f"models: added {', '.join(added)}" if added else "models: nothing new to add"
    _say(arguments, {"ok": True, "added": list(added)}, text)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from biometrics.models.manifest import load_manifest
    from biometrics.models.store import verify

    found = {
        model.name
        for model in load_manifest().models
        if model.source != "added" or (arguments.store / model.file).exists()
    }
    faults = {
        name: fault for name, fault in verify(arguments.store).items() if fault and name in found
    }
    text = "\n".join(f"{name}: {fault}" for name, fault in faults.items()) or "all good"
    _say(arguments, {"ok": not faults, "faults": faults}, text)
    return 1 if faults else 0
