"""`egate face`: compare two pictures, look at one, and measure error rates on a folder."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate_agent.commands.models import default_store

if TYPE_CHECKING:
    from biometrics.pipeline import Pipeline

BAR_COLUMNS = 30
DEFAULT_FMRS = ("1e-2", "1e-3", "1e-4")
EXPECTED_FACE_PX = 220.0  # only the live lane looks for faces of one size; unused here


def register(commands: Any) -> None:
    """Add `egate face` to the command line."""
    group = commands.add_parser("face", help="compare, inspect, and measure error rates")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    compare = actions.add_parser("compare", help="whether two pictures show one person")
    compare.add_argument("reference", type=Path, metavar="A")
    compare.add_argument("probe", type=Path, metavar="B")
    fmr_help = "false match rate asked for (default: %(default)s)"
    compare.add_argument("--fmr", type=_rate, default="1e-3", help=fmr_help)
    compare.set_defaults(run=_compare)
    inspect = actions.add_parser(
        "inspect", help="faces, pose, quality and attack detection of a picture"
    )
    inspect.add_argument("image", type=Path, metavar="IMAGE")
    inspect.set_defaults(run=_inspect)
    evaluate = actions.add_parser("evaluate", help="error rates on DIR/NAME/*.jpg")
    _evaluate_arguments(evaluate)
    calibrate = actions.add_parser(
        "calibrate", help="derive thresholds and the likelihood ratio from DIR/NAME/*.jpg"
    )
    calibrate.add_argument("--images", type=Path, required=True, metavar="DIR")
    calibrate.add_argument("--out", type=Path, required=True, metavar="FILE")
    calibrate.add_argument(
        "--addition", type=Path, metavar="DIR", help="an authority's models, not sealed yet"
    )
    calibrate.add_argument(
        "--live-only",
        action="store_true",
        help="thresholds without looking at chip photographs (half the time)",
    )
    calibrate.add_argument("--provenance", default="", help="where the pictures come from")
    calibrate.set_defaults(run=_calibrate)
    for action in actions.choices.values():
        action.add_argument(
            "--tier", choices=("packaged", "recommended", "authority"), help="default: best"
        )
        action.add_argument(
            "--store", type=Path, default=default_store(), help="models (default: beside egate)"
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def _evaluate_arguments(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--images", type=Path, required=True, metavar="DIR")
    evaluate.add_argument(
        "--chip", action="store_true", help="make one picture of each pair a chip photograph"
    )
    evaluate.add_argument(
        "--probes", type=_count, default=1, metavar="K", help="combine K live pictures"
    )
    evaluate.add_argument("--fmr", type=_rate, nargs="+", default=list(DEFAULT_FMRS))
    evaluate.add_argument("--scores", type=Path, metavar="OUT.npz", help="write all scores")
    evaluate.add_argument("--report", type=Path, metavar="OUT.html", help="write a report")
    evaluate.add_argument("--seed", type=int, default=1, help="of the intervals' draws")
    evaluate.set_defaults(run=_evaluate)


def _rate(text: str) -> str:
    """A rate as typed, checked to be one."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate between 0 and 1")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100")
    return int(text)


def _refused(action: str, diagnosis: str, code: int) -> int:
    sys.stderr.write(f"egate face {action}: {diagnosis}\n")
    return code


def _pipeline(arguments: argparse.Namespace) -> Pipeline:
    """The tier asked for, without the limits of a gate's camera.

    Raises:
        BiometricFault: it is not installed, or a model is not the manifest's.
    """
    from biometrics.models.store import installed
    from biometrics.pipeline import Pipeline
    from biometrics.types import Tier
    from gate_agent.live import monotonic_ns

    if arguments.tier:
        tier = Tier(arguments.tier)
    else:
        tier = (installed(arguments.store) or (Tier.PACKAGED,))[-1]
    return Pipeline(tier, arguments.store, None, EXPECTED_FACE_PX, monotonic_ns)


def _addition(arguments: argparse.Namespace) -> Pipeline:
    """The tier of an addition that is to be calibrated, its own files beside the store's.

    Raises:
        BiometricFault: the addition is not as it must be, or a model is missing.
    """
    import tempfile

    from biometrics.errors import ModelMissing
    from biometrics.models.authority import merged, read_addition
    from biometrics.pipeline import Pipeline
    from biometrics.types import Tier
    from gate_agent.live import monotonic_ns

    with tempfile.TemporaryDirectory(prefix="egate-models-") as folder:
        try:
            addition = read_addition(arguments.addition)
            own = [(arguments.addition, model.file) for model in addition.models]
            theirs = [(arguments.store, path.name) for path in arguments.store.iterdir()]
            for home, name in (*theirs, *own):
                if (home / name).is_file():
                    (Path(folder) / name).symlink_to((home / name).resolve())
        except OSError as error:
            raise ModelMissing(f"{error.filename}: {error.strerror}") from error
        return Pipeline(
            Tier.AUTHORITY,
            Path(folder),
            None,
            EXPECTED_FACE_PX,
            monotonic_ns,
            manifest=merged(addition),
        )


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

    try:
        found = pipeline.examine(image.decode(data), attacks=True)
        reason = "" if found.faces else "no_face"
    except ImageRefused as refusal:
        found, reason = PictureResult(0), f"unreadable: {refusal.diagnosis}"
    face = found.face
    return {
        "faces": found.faces,
        "reason": reason,
        "box": [round(side, 1) for side in face.box[:4]] if face else None,
        "quality": [msgspec.to_builtins(part) for part in found.quality],
        "pad": msgspec.to_builtins(found.liveness),
    }, found.template


def _compare(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault
    from biometrics.match import compare

    try:
        data = [_file(path) for path in (arguments.reference, arguments.probe)]
    except OSError as error:
        return _refused("compare", f"{error.filename}: {error.strerror}", 2)
    try:
        pipeline = _pipeline(arguments)
        point = pipeline.calibration.at(float(arguments.fmr))
    except BiometricFault as fault:
        return _refused("compare", fault.diagnosis, 1)
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
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{decision}   score {_number(result['score'])}, threshold {point.threshold:.4f} "
          f"(FMR {point.fmr:g}), llr {_number(result['llr'])}")  # fmt: skip
    for path, seen in ((arguments.reference, one), (arguments.probe, other)):
        if seen["reason"]:
            print(f"  {path}: {seen['reason']}")
    return 0


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _inspect(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.errors import BiometricFault

    try:
        data = _file(arguments.image)
    except OSError as error:
        return _refused("inspect", f"{arguments.image}: {error.strerror}", 2)
    try:
        pipeline = _pipeline(arguments)
    except BiometricFault as fault:
        return _refused("inspect", fault.diagnosis, 1)
    seen, _ = _seen(pipeline, data)
    native = {part["id"]: part["native"] for part in seen["quality"]}
    seen["pose"] = {name: native.get(name) for name in ("yaw", "pitch", "roll")}
    seen["models"] = msgspec.to_builtins(pipeline.models)
    if arguments.json:
        print(json.dumps(seen))
        return 0
    print(f"faces: {seen['faces']}   {seen['reason']}")
    for part in seen["quality"]:
        print(f"  {part['id']:<28} {part['native']:>10.3f}  {part['value']:>4}/100")
    print(f"  attack detection: {seen['pad']['state']} {_number(seen['pad'].get('score'))}")
    return 0


class _Bar:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = -1

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if percent == self._shown or not sys.stderr.isatty():
            return
        self._shown = percent
        full = BAR_COLUMNS * percent // 100
        bar = "#" * full + "." * (BAR_COLUMNS - full)
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{self._title} [{bar}] {done}/{total}{end}")
        sys.stderr.flush()


def _evaluate(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.evaluate import compare_all, summary
    from biometrics.gallery import galleries
    from gate_agent.live import spawn
    from gate_agent.workers.parallel_tasks import in_parallel

    if not arguments.images.is_dir():
        return _refused("evaluate", f"{arguments.images}: not a folder", 2)
    try:
        pipeline = _pipeline(arguments)
        live, chips = galleries(
            (pipeline, _pipeline(arguments)),
            arguments.images,
            chip=arguments.chip,
            run_tasks=in_parallel(spawn),
            progress=_Bar("templates"),
        )
    except BiometricFault as fault:
        return _refused("evaluate", fault.diagnosis, 1)
    if not live.person.size:
        return _refused("evaluate", f"{arguments.images}: holds no NAME/*.jpg", 2)
    found = compare_all(pipeline.calibration, chips, live, arguments.probes)
    result: dict[str, Any] = {
        "tier": str(pipeline.tier),
        "chip": arguments.chip,
        "probes": arguments.probes,
        **summary(found, pipeline.calibration, arguments.fmr, arguments.seed, arguments.probes),
    }
    try:
        _write_results(arguments, result, found, chips, live)
    except OSError as error:
        return _refused("evaluate", f"{error.filename}: {error.strerror}", 2)
    if arguments.json:
        print(json.dumps(result))
    else:
        _print_rates(result)
    return 0


def _write_results(
    arguments: argparse.Namespace, result: dict[str, Any], found: Any, chips: Any, live: Any
) -> None:
    from biometrics.report import page, write_scores

    if arguments.scores:
        write_scores(arguments.scores, found)
    if arguments.report:
        arguments.report.write_text(page(result, found, chips, live), encoding="utf-8")


def _print_rates(result: dict[str, Any]) -> None:
    print(
        f"{result['tier']} tier: {result['identities']} persons, {result['genuine']} genuine and "
        f"{result['impostor']} impostor comparisons, {result['failures_to_acquire']} pictures "
        f"not acquired"
    )
    if result["eer"] is not None:
        print(f"equal error rate {100 * result['eer']:.2f} %")
    for key, row in result["fnmr"].items():
        if row["value"] is None:
            print(f"FNMR at FMR {key}: cannot be measured on these pictures")
            continue
        low, high = row["ci"]
        note = "" if row["supported"] else "   (fewer than ten impostors above: not supported)"
        print(
            f"FNMR at FMR {key}: {100 * row['value']:.2f} %  "
            f"[{100 * low:.2f}, {100 * high:.2f}]  threshold {row['threshold']:.6f}{note}"
        )


def _calibrate(arguments: argparse.Namespace) -> int:
    import msgspec

    from biometrics.calibrate import calibrate
    from biometrics.errors import BiometricFault
    from biometrics.gallery import galleries
    from gate_agent.live import spawn
    from gate_agent.workers.parallel_tasks import in_parallel

    if not arguments.images.is_dir():
        return _refused("calibrate", f"{arguments.images}: not a folder", 2)
    try:
        make = _addition if arguments.addition else _pipeline
        pipeline = make(arguments)
        live, chips = galleries(
            (pipeline, make(arguments)),
            arguments.images,
            chip=not arguments.live_only,
            run_tasks=in_parallel(spawn),
            progress=_Bar("templates"),
        )
        provenance = arguments.provenance or f"{live.person.size} pictures"
        found = calibrate(live, pipeline.calibration.networks, provenance, chips)
        found = msgspec.structs.replace(found, golden=pipeline.golden())
    except BiometricFault as fault:
        return _refused("calibrate", fault.diagnosis, 1)
    except ValueError as error:
        return _refused("calibrate", str(error), 2)
    try:
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        return _refused("calibrate", f"{arguments.out}: {error.strerror}", 2)
    print(msgspec.json.encode(found).decode() if arguments.json else f"wrote {arguments.out}")
    return 0
