"""`egate models`: what the face is compared with, by hash and contract."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def default_store() -> Path:
    """The default folder of models: beside the installation."""
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
    add.add_argument(
        "--authority-key",
        type=Path,
        metavar="FILE",
        help="the folder is an authority's, sealed: check it with this public key",
    )
    add.set_defaults(run=_add)
    cohort = actions.add_parser(
        "cohort",
        help="make the cohort that live faces are compared with, to know the gate's FMR",
        description="DIR holds one picture (.jpg, .png) of each person, who agreed to it. "
        "Pictures are not kept; their templates are, in the models' folder.",
    )
    cohort.add_argument("--images", type=Path, required=True, metavar="DIR")
    cohort.add_argument("--tier", choices=("packaged", "recommended", "authority"))
    cohort.set_defaults(run=_cohort)
    _register_authority(actions)
    actions.add_parser(
        "verify", help="check every installed model; exits 1 if one differs"
    ).set_defaults(run=_verify)
    for action in actions.choices.values():
        action.add_argument(
            "--store",
            type=Path,
            default=default_store(),
            help="models (default: beside egate)",
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def _register_authority(actions: Any) -> None:
    """An authority's steps with a model of its own, in this order."""
    key = actions.add_parser("key", help="make an authority's key pair: FILE and FILE.pub")
    key.add_argument("file", type=Path)
    key.set_defaults(run=_key)
    describe = actions.add_parser(
        "describe",
        help="print an addition.toml for an embedding network with ArcFace's contract",
        description="Keep it as addition.toml beside the file; correct colour, mean and divisor "
        "where the network was trained with others. Then: egate face calibrate --addition DIR.",
    )
    describe.add_argument("file", type=Path)
    describe.add_argument("--name", required=True)
    describe.add_argument("--licence", default="unknown")
    describe.add_argument("--provenance", default="unknown")
    describe.set_defaults(run=_describe)
    seal = actions.add_parser(
        "seal",
        help="sign an addition and its calibration: writes authority.json into DIR",
        description="Then, on every gate: egate models add DIR --authority-key FILE.pub",
    )
    seal.add_argument("directory", type=Path)
    seal.add_argument("--calibration", type=Path, required=True, metavar="FILE")
    seal.add_argument("--key", type=Path, required=True, metavar="FILE")
    seal.set_defaults(run=_seal)


def _cohort(arguments: argparse.Namespace) -> int:
    from biometrics import cohort, image
    from biometrics.errors import BiometricFault, ImageRefused
    from biometrics.match import Template
    from biometrics.models.store import installed
    from biometrics.pipeline import Pipeline
    from biometrics.types import Tier
    from gate_agent.live import monotonic_ns

    try:
        best = installed(arguments.store)[-1:] or (Tier.PACKAGED,)
        tier = Tier(arguments.tier) if arguments.tier else best[0]
        pipeline = Pipeline(tier, arguments.store, None, 220.0, monotonic_ns)
        templates, without = [], 0
        for path in sorted(arguments.images.iterdir())[: cohort.MAX_FACES]:
            if path.suffix not in (".jpg", ".png"):
                continue
            try:
                made = pipeline.reference(image.decode(path.read_bytes()))
            except ImageRefused:
                made = None
            if isinstance(made, Template):
                templates.append(made)
            else:
                without += 1
        data = cohort.write(templates, pipeline.models.sha256)
        (arguments.store / cohort.file_name(tier)).write_bytes(data)
    except (BiometricFault, ValueError) as error:
        return _refusal(arguments, str(error))
    except OSError as error:
        sys.stderr.write(f"egate models cohort: {error.filename}: {error.strerror}\n")
        return 2
    text = f"cohort of {len(templates)} faces for the {tier} tier; {without} pictures had none"
    _say(arguments, {"ok": True, "faces": len(templates), "without": without}, text)
    return 0


def _key(arguments: argparse.Namespace) -> int:
    from biometrics.models.authority import KEY_BYTES, make_key
    from gate_agent.live import system_random

    private, public = make_key(system_random(KEY_BYTES))
    pub = arguments.file.with_name(arguments.file.name + ".pub")
    try:
        arguments.file.touch(mode=0o600, exist_ok=False)
        arguments.file.write_bytes(private)
        pub.write_bytes(public)
    except OSError as error:
        sys.stderr.write(f"egate models key: {error.filename}: {error.strerror}\n")
        return 2
    _say(arguments, {"ok": True, "public_key": public.decode().strip()}, f"wrote {pub}")
    return 0


def _describe(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault
    from biometrics.models.authority import Addition
    from biometrics.models.store import describe

    try:
        name, licence = arguments.name, arguments.licence
        model = describe(arguments.file, name, licence, arguments.provenance)
        required = ("yunet_n", model.name)
        optional = ("minifas", "lightqnet", "dlib_landmarks68")
        addition = Addition(models=(model,), required=required, optional=optional)
        plain = msgspec.to_builtins(addition)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    except OSError as error:
        sys.stderr.write(f"egate models describe: {arguments.file}: {error.strerror}\n")
        return 2
    _say(arguments, plain, _toml(plain))
    return 0


def _toml(plain: dict[str, Any]) -> str:
    """An addition as TOML; JSON's strings, numbers and arrays of them are TOML's too."""
    rows = [f"{key} = {json.dumps(plain[key])}" for key in ("required", "optional")]
    for model in plain["models"]:
        contract = model.pop("contract")
        outputs = contract.pop("outputs")
        for head, table in (
            ("[[models]]", model),
            ("[models.contract]", contract),
            ("[models.contract.outputs]", outputs),
        ):
            rows += ["", head]
            rows += [
                f"{json.dumps(key) if head.endswith('outputs]') else key} = {json.dumps(value)}"
                for key, value in table.items()
                if value not in (None, "")
            ]
    return "\n".join(rows)


def _seal(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault
    from biometrics.models.authority import SEALED, parse_key, read_addition, seal
    from biometrics.models.manifest import Calibration

    try:
        addition = read_addition(arguments.directory)
        found = msgspec.json.decode(arguments.calibration.read_bytes(), type=Calibration)
        calibrated = msgspec.structs.replace(addition, calibration=found)
        sealed = seal(calibrated, parse_key(arguments.key.read_bytes()))
        (arguments.directory / SEALED).write_bytes(sealed)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    except msgspec.DecodeError as error:
        return _refusal(arguments, f"{arguments.calibration.name}: {error}")
    except OSError as error:
        sys.stderr.write(f"egate models seal: {error.filename}: {error.strerror}\n")
        return 2
    _say(arguments, {"ok": True, "file": SEALED}, f"wrote {arguments.directory / SEALED}")
    return 0


def _say(arguments: argparse.Namespace, data: Any, text: str) -> None:
    print(json.dumps(data) if arguments.json else text)


def _refusal(arguments: argparse.Namespace, diagnosis: str) -> int:
    _say(arguments, {"ok": False, "error": diagnosis}, f"refused: {diagnosis}")
    return 1


def _list(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.authority import manifest_of
    from biometrics.models.store import installed, verify

    try:
        manifest = manifest_of(arguments.store)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
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
    for row in rows:
        state = row["state"].removeprefix(f"{row['name']}: ")
        lines.append(f"  {row['name']:<28} {row['role']:<10} {row['sha256'][:12]}  {state}")
    _say(arguments, {"tiers": tiers, "models": rows}, "\n".join(lines))
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import prepare

    try:
        made = prepare(arguments.store)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    except OSError as error:
        sys.stderr.write(f"egate models prepare: {error.filename}: {error.strerror}\n")
        return 2
    text = f"models: prepared {', '.join(made)}" if made else "models: packaged tier is ready"
    _say(arguments, {"ok": True, "prepared": list(made)}, text)
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.authority import parse_key
    from biometrics.models.store import add, add_authority

    if not arguments.directory.is_dir():
        sys.stderr.write(f"egate models add: {arguments.directory}: there is no such folder\n")
        return 2
    try:
        if arguments.authority_key is None:
            added = add(arguments.directory, arguments.store)
        else:
            key = parse_key(arguments.authority_key.read_bytes())
            added = add_authority(arguments.directory, arguments.store, key)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    except OSError as error:
        sys.stderr.write(f"egate models add: {error.filename}: {error.strerror}\n")
        return 2
    text = f"models: added {', '.join(added)}" if added else "models: nothing new to add"
    _say(arguments, {"ok": True, "added": list(added)}, text)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.authority import manifest_of
    from biometrics.models.store import verify

    try:
        manifest = manifest_of(arguments.store)
    except BiometricFault as error:
        return _refusal(arguments, error.diagnosis)
    found = {
        model.name
        for model in manifest.models
        if model.source != "added" or (arguments.store / model.file).exists()
    }
    faults = {
        name: fault for name, fault in verify(arguments.store).items() if fault and name in found
    }
    text = "\n".join(faults.values()) or "all good"
    _say(arguments, {"ok": not faults, "faults": faults}, text)
    return 1 if faults else 0
