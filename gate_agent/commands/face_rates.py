"""`egate face evaluate | calibrate`: error rates and thresholds from a folder of pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.face_models import addition_pipeline, pipeline_of, refused
from gate_agent.commands.numbers import count, rate

BAR_COLUMNS = 30
DEFAULT_FMRS = ("1e-2", "1e-3", "1e-4")


def register(actions: Any) -> None:
    """Add the actions to `egate face`."""
    _evaluate_arguments(actions.add_parser("evaluate", help="error rates on DIR/NAME/*.jpg"))
    _calibrate_arguments(
        actions.add_parser(
            "calibrate", help="derive thresholds and the likelihood ratio from DIR/NAME/*.jpg"
        )
    )


def _evaluate_arguments(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--images", type=Path, required=True, metavar="DIR")
    evaluate.add_argument(
        "--chip", action="store_true", help="make one picture of each pair a chip photograph"
    )
    evaluate.add_argument(
        "--probes", type=count, default=1, metavar="K", help="combine K live pictures"
    )
    evaluate.add_argument("--fmr", type=rate, nargs="+", default=list(DEFAULT_FMRS))
    evaluate.add_argument("--scores", type=Path, metavar="OUT.npz", help="write all scores")
    evaluate.add_argument("--report", type=Path, metavar="OUT.html", help="write a report")
    evaluate.add_argument("--seed", type=int, default=1, help="of the intervals' draws")
    evaluate.set_defaults(run=_evaluate)


def _calibrate_arguments(calibrate: argparse.ArgumentParser) -> None:
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


class _ProgressBar:
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
        return refused("evaluate", f"{arguments.images}: not a folder", 2)
    try:
        pipeline = pipeline_of(arguments)
        live, chips = galleries(
            (pipeline, pipeline_of(arguments)),
            arguments.images,
            chip=arguments.chip,
            run_tasks=in_parallel(spawn),
            progress=_ProgressBar("templates"),
        )
    except BiometricFault as fault:
        return refused("evaluate", fault.diagnosis, 1)
    if not live.person.size:
        return refused("evaluate", f"{arguments.images}: holds no NAME/*.jpg", 2)
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
        return refused("evaluate", f"{error.filename}: {error.strerror}", 2)
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
        return refused("calibrate", f"{arguments.images}: not a folder", 2)
    try:
        make = addition_pipeline if arguments.addition else pipeline_of
        pipeline = make(arguments)
        live, chips = galleries(
            (pipeline, make(arguments)),
            arguments.images,
            chip=not arguments.live_only,
            run_tasks=in_parallel(spawn),
            progress=_ProgressBar("templates"),
        )
        provenance = arguments.provenance or f"{live.person.size} pictures"
        found = calibrate(live, pipeline.calibration.networks, provenance, chips)
        found = msgspec.structs.replace(found, golden=pipeline.golden())
    except BiometricFault as fault:
        return refused("calibrate", fault.diagnosis, 1)
    except ValueError as error:
        return refused("calibrate", str(error), 2)
    try:
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        return refused("calibrate", f"{arguments.out}: {error.strerror}", 2)
    print(msgspec.json.encode(found).decode() if arguments.json else f"wrote {arguments.out}")
    return 0
