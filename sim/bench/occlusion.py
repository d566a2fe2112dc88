"""`egate bench occlusion`: hidden eyes and mouths found, and false alarms on faces in the open.

False alarms are counted on photographs that people looked at: a list names each one and says
whether it is `clear`, or its `eyes` or `mouth` are hidden. Over the clear ones dark glasses and
masks are painted, to count how many are found.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gate_agent.commands.models import default_store
from sim.bench.eyes import show_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from biometrics.image import Picture
    from biometrics.pipeline import Pipeline
    from sim.devices.covers import Eyes

LABELS = ("clear", "eyes", "mouth")
LABELLED = Path(__file__).with_name("occlusion_labels.txt")
COLOURS = {"black": (20, 20, 22), "brown": (60, 45, 35)}
CLOTH = {
    "white": (235, 235, 235),
    "blue": (120, 170, 215),
    "black": (25, 25, 28),
    "grey": (130,) * 3,
}


class Counted(NamedTuple):
    """Of one kind of picture: how many were looked at, had no face, and were called hidden."""

    pictures: int = 0
    no_face: int = 0
    hidden: int = 0

    def with_one(self, *, hidden: bool | None) -> Counted:
        """One picture more; None had no face."""
        return Counted(
            self.pictures + 1, self.no_face + (hidden is None), self.hidden + bool(hidden)
        )

    @property
    def hidden_share(self) -> float | None:
        """Of the faces, how many were called hidden."""
        faces = self.pictures - self.no_face
        return round(self.hidden / faces, 4) if faces else None


def register(benches: Any) -> None:
    """Add `egate bench occlusion`."""
    parser = benches.add_parser(
        "occlusion",
        help="false alarms on faces in the open; painted glasses and masks found",
        description="Looks at the listed pictures of DIR in each installed tier, at the "
        "profile's own limits, as they are and with dark glasses and masks painted over.",
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--labels",
        type=Path,
        default=LABELLED,
        metavar="FILE",
        help="lines of NAME/FILE.jpg and clear, eyes or mouth (default: the list that comes along)",
    )
    parser.add_argument("--store", type=Path, default=default_store(), help="models' folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def read_labels(text: str) -> dict[str, str]:
    """Pictures and what was seen in them.

    Raises:
        ValueError: a line is neither empty, a remark (`#`) nor a picture with its label.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, label = line.rpartition(" ")
        if not name or label not in LABELS or ".." in name:
            raise ValueError(f"line {number}: a picture, then one of {', '.join(LABELS)}")
        found[name] = label
    return found


def _run(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import installed
    from biometrics.pipeline import Pipeline
    from gate_agent.commands.face_models import PICTURE_LIMITS
    from gate_agent.live import monotonic_ns

    try:
        labels = read_labels(arguments.labels.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"egate bench occlusion: {arguments.labels}: {error}\n")
        return 2
    if not any((arguments.images / name).is_file() for name in labels):
        sys.stderr.write(f"egate bench occlusion: {arguments.images}: holds no listed picture\n")
        return 2
    result = {}
    try:
        for tier in installed(arguments.store):
            pipeline = Pipeline(tier, arguments.store, PICTURE_LIMITS, 110, monotonic_ns)
            counted = measure(pipeline, arguments.images, labels, show_progress)
            result[str(tier)] = {
                kind: {**row._asdict(), "hidden_share": row.hidden_share}
                for kind, row in counted.items()
            }
    except BiometricFault as fault:
        sys.stderr.write(f"egate bench occlusion: {fault.diagnosis}\n")
        return 1
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{'tier':<14}{'pictures':<20}{'number':>8}{'no face':>9}{'called hidden':>15}")
    for tier_name, kinds in result.items():
        for kind, row in kinds.items():
            share = "-" if row["hidden_share"] is None else f"{100 * row['hidden_share']:.1f} %"
            print(f"{tier_name:<14}{kind:<20}{row['pictures']:>8}{row['no_face']:>9}{share:>15}")
    return 0


def measure(
    pipeline: Pipeline, folder: Path, labels: dict[str, str], progress: Callable[[int, int], None]
) -> dict[str, Counted]:
    """Look at every listed photograph; those without a face are counted, unreadable ones left.

    Args:
        pipeline: of the tier, with limits.
        folder: of the photographs.
        labels: by name under the folder.
        progress: called with how many are done, and of how many.
    """
    from biometrics import image
    from biometrics.errors import ImageRefused

    counted: dict[str, Counted] = {}

    def count(kind: str, picture: Picture) -> None:
        counted[kind] = counted.get(kind, Counted()).with_one(hidden=hidden(pipeline, picture))

    for number, (name, label) in enumerate(labels.items(), 1):
        progress(number, len(labels))
        try:
            picture = image.decode((folder / name).read_bytes())
        except (OSError, ImageRefused):
            continue
        count(label, picture)
        face = pipeline.face(picture)
        if label != "clear" or face is None:
            continue
        (x0, y0), (x1, y1) = (eye.tolist() for eye in face.eyes)
        for kind, covered in _covered(picture, ((x0, y0), (x1, y1))).items():
            count(kind, covered)
    return counted


def _covered(picture: Picture, eyes: Eyes) -> dict[str, Picture]:
    from sim.devices.covers import glasses, mask

    worn = {}
    for name, colour in COLOURS.items():
        worn[f"glasses, {name}"] = glasses(picture, eyes, colour, round_lenses=name == "brown")
    for name, colour in CLOTH.items():
        worn[f"mask, {name}"] = mask(picture, eyes, colour)
    return worn


def hidden(pipeline: Pipeline, picture: Picture) -> bool | None:
    """Whether eyes or mouth are called hidden, or the eyes gave no answer; None without a face."""
    seen = pipeline.examine(picture)
    if not seen.faces:
        return None
    by_name = {part.id: part for part in seen.quality}
    unanswered = "eyes_open" in by_name and by_name["eyes_open"].native is None
    return unanswered or not (by_name["eyes_visible"].ok and by_name["mouth_visible"].ok)
