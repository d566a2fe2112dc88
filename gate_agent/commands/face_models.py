"""The models that `egate face` works with: an installed tier, or an authority's addition."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_cfg.profile import QualityLimits
from gate_agent.commands.models import default_store

if TYPE_CHECKING:
    from biometrics.pipeline import Pipeline

EXPECTED_FACE_PX = 220.0  # only the live lane looks for faces of one size; unused here
PICTURE_LIMITS = QualityLimits(eye_distance_min_px=10, head_height_max_ratio=1.0)  # any framing


def add_models(action: argparse.ArgumentParser) -> None:
    """Add `--tier` and `--store`."""
    action.add_argument(
        "--tier", choices=("packaged", "recommended", "authority"), help="default: best"
    )
    action.add_argument(
        "--store", type=Path, default=default_store(), help="models (default: beside egate)"
    )


def refused(action: str, diagnosis: str, code: int) -> int:
    """Print one line about a refused action; return its exit code."""
    sys.stderr.write(f"egate face {action}: {diagnosis}\n")
    return code


def pipeline_of(arguments: argparse.Namespace) -> Pipeline:
    """The tier asked for, without the limits of a gate's camera on how large a face is.

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
    return Pipeline(tier, arguments.store, PICTURE_LIMITS, EXPECTED_FACE_PX, monotonic_ns)


def addition_pipeline(arguments: argparse.Namespace) -> Pipeline:
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
