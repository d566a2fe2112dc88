"""`egate bench eyes`: how well open and closed eyes are distinguished, on photographs.

Each photograph is looked at as it is, and with lids painted over its eyes: crisp, and blurred
as much as a soft photograph is. What photographs of people who blink would give is not known
from this; that the share of false alarms counts people who really blink, is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gate_agent.commands.models import default_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from biometrics.image import Picture
    from biometrics.pipeline import Pipeline

COMPONENT = "eyes_open"
SOFT = 0.02  # blur of a soft photograph, in distances of the eyes
KINDS = ("open", "painted", "painted_soft")


class Counted(NamedTuple):
    """Of one kind of picture: how many were looked at, had no answer, and were called closed."""

    pictures: int
    undetermined: int
    closed: int

    @property
    def closed_share(self) -> float | None:
        """Of the answers, how many were `closed`."""
        answers = self.pictures - self.undetermined
        return round(self.closed / answers, 4) if answers else None


def register(benches: Any) -> None:
    """Add `egate bench eyes`."""
    eyes = benches.add_parser(
        "eyes",
        help="false alarms on open eyes, and painted lids found",
        description="Looks at DIR/NAME/*.jpg, people with open eyes, as they are and with "
        "painted lids, in each installed tier, at the profile's own limit.",
    )
    eyes.add_argument("--images", type=Path, required=True, metavar="DIR")
    eyes.add_argument("--every", type=int, default=5, metavar="N", help="each N-th picture")
    eyes.add_argument("--store", type=Path, default=default_store(), help="models' folder")
    eyes.add_argument("--json", action="store_true", help="print JSON")
    eyes.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import installed
    from biometrics.pipeline import Pipeline
    from gate_agent.live import monotonic_ns

    paths = sorted(arguments.images.glob("*/*.jpg"))[:: max(1, arguments.every)]
    if not paths:
        sys.stderr.write(f"egate bench eyes: {arguments.images}: holds no NAME/*.jpg\n")
        return 2
    result = {}
    try:
        for tier in installed(arguments.store):
            pipeline = Pipeline(tier, arguments.store, None, 110, monotonic_ns)
            result[str(tier)] = _plain(measure(pipeline, paths, show_progress))
    except BiometricFault as fault:
        sys.stderr.write(f"egate bench eyes: {fault.diagnosis}\n")
        return 1
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{'tier':<14}{'eyes':<14}{'pictures':>9}{'no answer':>11}{'called closed':>15}")
    for tier_name, kinds in result.items():
        for kind, row in kinds.items():
            share = "-" if row["closed_share"] is None else f"{100 * row['closed_share']:.1f} %"
            print(
                f"{tier_name:<14}{kind:<14}{row['pictures']:>9}{row['undetermined']:>11}{share:>15}"
            )
    return 0


def _plain(counted: dict[str, Counted]) -> dict[str, dict[str, Any]]:
    return {
        kind: {**row._asdict(), "closed_share": row.closed_share} for kind, row in counted.items()
    }


def show_progress(done: int, total: int) -> None:
    """A counter on standard error, where that is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()


def measure(
    pipeline: Pipeline, paths: list[Path], progress: Callable[[int, int], None]
) -> dict[str, Counted]:
    """Look at every photograph in each way. Unreadable ones, and those without a face, are left.

    Args:
        pipeline: of the tier, without limits.
        paths: of photographs.
        progress: called with how many are done, and of how many.
    """
    from biometrics import image
    from biometrics.errors import ImageRefused
    from sim.devices.camera import shut

    values: dict[str, list[int | None]] = {kind: [] for kind in KINDS}
    for number, path in enumerate(paths, 1):
        progress(number, len(paths))
        try:
            picture = image.decode(path.read_bytes())
        except ImageRefused:
            continue
        face = pipeline.face(picture)
        if face is None:
            continue
        (x0, y0), (x1, y1) = (eye.tolist() for eye in face.eyes)
        soft_px = SOFT * face.eye_distance_px
        for kind, shown in (
            ("open", picture),
            ("painted", shut(picture, ((x0, y0), (x1, y1)))),
            ("painted_soft", shut(picture, ((x0, y0), (x1, y1)), soft_px)),
        ):
            values[kind].append(_value(pipeline, shown))
    return {kind: _counted(found) for kind, found in values.items()}


def _value(pipeline: Pipeline, picture: Picture) -> int | None:
    seen = pipeline.observe(picture, 0, None, pipeline.calibration.fmr_ceiling).observation
    found = (part for part in seen.quality if part.id == COMPONENT and part.native is not None)
    return next((part.value for part in found), None)


def _counted(values: list[int | None]) -> Counted:
    from firmware_cfg.profile import QualityLimits

    answers = [value for value in values if value is not None]
    closed = sum(value < QualityLimits().eyes_open_min for value in answers)
    return Counted(len(values), len(values) - len(answers), closed)
