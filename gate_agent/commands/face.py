"""`egate face compare | inspect`: two pictures, or one. The group `face` has `face_rates`, too."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate_agent.commands import face_rates
from gate_agent.commands.face_models import add_models, pipeline_of, refused
from gate_agent.commands.numbers import rate

if TYPE_CHECKING:
    from biometrics.pipeline import Pipeline

UNREADABLE = "unreadable: "
"""How the reason begins where a file is no picture."""


def register(commands: Any) -> None:
    """Add `egate face` to the command line."""
    group = commands.add_parser("face", help="compare, inspect, and measure error rates")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    compare = actions.add_parser("compare", help="whether two pictures show one person")
    compare.add_argument("reference", type=Path, metavar="A")
    compare.add_argument("probe", type=Path, metavar="B")
    fmr_help = "false match rate asked for (default: %(default)s)"
    compare.add_argument("--fmr", type=rate, default="1e-3", help=fmr_help)
    compare.set_defaults(run=_compare)
    inspect = actions.add_parser(
        "inspect", help="faces, pose, quality and attack detection of a picture"
    )
    inspect.add_argument("image", type=Path, metavar="IMAGE")
    inspect.set_defaults(run=_inspect)
    face_rates.register(actions)
    for action in actions.choices.values():
        add_models(action)
        action.add_argument("--json", action="store_true", help="print JSON")


def _file(path: Path) -> bytes:
    """A file, or as much of it as shows that it is longer than any picture may be.

    Raises:
        OSError: it cannot be read.
    """
    from biometrics.image import MAX_CODED_BYTES

    with path.open("rb") as file:
        return file.read(MAX_CODED_BYTES + 1)


def _seen(pipeline: Pipeline, data: bytes) -> tuple[dict[str, Any], Any]:
    """The result of one picture as plain data, and its template where there is one."""
    import msgspec

    from biometrics import image
    from biometrics.errors import ImageRefused
    from biometrics.pipeline import PictureResult
    from biometrics.quality import guidance

    try:
        found = pipeline.examine(image.decode(data), attacks=True)
        reason = "" if found.faces else "no_face"
    except ImageRefused as refusal:
        found, reason = PictureResult(0), UNREADABLE + refusal.diagnosis
    face = found.face
    return {
        "faces": found.faces,
        "reason": reason,
        "box": [round(side, 1) for side in face.box[:4]] if face else None,
        "quality": [msgspec.to_builtins(part) for part in found.quality],
        "guidance": str(guidance(found.quality)) if face else "no_face",
        "pad": msgspec.to_builtins(found.liveness),
    }, found.template


def _compare(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault
    from biometrics.match import compare

    try:
        data = [_file(path) for path in (arguments.reference, arguments.probe)]
    except OSError as error:
        return refused("compare", f"{error.filename}: {error.strerror}", 2)
    try:
        pipeline = pipeline_of(arguments)
        point = pipeline.calibration.at(float(arguments.fmr))
    except BiometricFault as fault:
        return refused("compare", fault.diagnosis, 1)
    (one, a), (other, b) = (_seen(pipeline, part) for part in data)
    match = None if a is None or b is None else compare(a, b, pipeline.calibration, point.fmr)
    if match is None:
        decision = "undetermined"
    else:
        decision = "match" if match.score >= match.threshold else "no_match"
    result = {
        "decision": decision,
        "score": match.score if match else None,
        "llr": match.llr if match else None,
        "threshold": point.threshold,
        "fmr": point.fmr,
        "reasons": [one["reason"], other["reason"]],
        "faces": [one["faces"], other["faces"]],
        "quality": [one["quality"], other["quality"]],
        "pad": [one["pad"], other["pad"]],
        "models": msgspec.to_builtins(pipeline.models),
    }
    pictures = ((arguments.reference, one), (arguments.probe, other))
    if arguments.json:
        print(json.dumps(result))
        return _unreadable("compare", *pictures)
    print(f"{decision}   score {_number(result['score'])}, threshold {point.threshold:.4f} "
          f"(FMR {point.fmr:g}), llr {_number(result['llr'])}")  # fmt: skip
    for path, seen in pictures:
        if seen["reason"]:
            print(f"  {path}: {seen['reason']}")
    return _unreadable("compare", *pictures)


def _unreadable(action: str, *pictures: tuple[Path, dict[str, Any]]) -> int:
    """The exit code; a line for each file that is no picture."""
    code = 0
    for path, seen in pictures:
        if seen["reason"].startswith(UNREADABLE):
            code = refused(action, f"{path}: {seen['reason']}", 2)
    return code


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _inspect(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault

    try:
        data = _file(arguments.image)
    except OSError as error:
        return refused("inspect", f"{arguments.image}: {error.strerror}", 2)
    try:
        pipeline = pipeline_of(arguments)
    except BiometricFault as fault:
        return refused("inspect", fault.diagnosis, 1)
    seen, _ = _seen(pipeline, data)
    native = {part["id"]: part["native"] for part in seen["quality"]}
    seen["pose"] = {name: native.get(name) for name in ("yaw", "pitch", "roll")}
    seen["unmeasurable"] = list(pipeline.unmeasurable)
    seen["models"] = msgspec.to_builtins(pipeline.models)
    if arguments.json:
        print(json.dumps(seen))
        return _unreadable("inspect", (arguments.image, seen))
    print(f"faces: {seen['faces']}   {seen['reason']}")
    for part in seen["quality"]:
        native_text = "not measured" if part["native"] is None else f"{part['native']:.3f}"
        limit = "" if part["ok"] else "   beyond the limit"
        print(f"  {part['id']:<28} {native_text:>12}  {part['value']:>4}/100{limit}")
    if seen["faces"]:
        print(f"  asked of the traveller: {seen['guidance']}")
    for name in seen["unmeasurable"]:
        print(f"  {name:<28} no part of this tier: its models cannot measure it")
    print(f"  attack detection: {seen['pad']['state']} {_number(seen['pad'].get('score'))}")
    return _unreadable("inspect", (arguments.image, seen))
