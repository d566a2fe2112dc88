"""Continuous evaluation: live faces against a fixed cohort of strangers (BSI TR-03121-3).

The cohort comes with the installation, from pictures of people who agreed to it; travellers
are never compared with one another. The counts give the false match rate at which this
gate really works: with its camera, its light and its travellers.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from biometrics.errors import ModelRefused
from biometrics.match import Embedding, Template, score
from biometrics.models.manifest import Calibration

MAX_FACES = 1000
MAX_BYTES = 16 * 1024 * 1024


class ImpostorCount(NamedTuple):
    """Comparisons with strangers, and how many of them reached the threshold."""

    comparisons: int = 0
    matches: int = 0


@dataclass(frozen=True)
class Cohort:
    """Templates of strangers: for each network one row a face."""

    rows: Mapping[str, Embedding]

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    def count(self, live: Template, calibration: Calibration, threshold: float) -> ImpostorCount:
        """Compare one live template with every face of the cohort."""
        matches = 0
        for number in range(len(self)):
            stranger = Template({name: rows[number] for name, rows in self.rows.items()})
            matches += score(stranger, live, calibration) >= threshold
        return ImpostorCount(len(self), matches)


def file_name(tier: str) -> str:
    """Where a tier's cohort lies in the store."""
    return f"cohort_{tier}.npz"


def write(templates: Sequence[Template], models: Mapping[str, str]) -> bytes:
    """A cohort as a file, bound to the hashes of the networks that made it.

    Raises:
        ValueError: no templates, or more than `MAX_FACES`.
    """
    if not 0 < len(templates) <= MAX_FACES:
        raise ValueError(f"a cohort has 1 to {MAX_FACES} faces, not {len(templates)}")
    file = io.BytesIO()
    arrays: dict[str, Any] = {
        f"{name} {models[name]}": np.stack([t.embeddings[name] for t in templates])
        for name in templates[0].embeddings
    }
    np.savez(file, **arrays)
    return file.getvalue()


def read(path: Path, models: Mapping[str, str], networks: Sequence[str]) -> Cohort:
    """Read a cohort that these models made.

    Raises:
        ModelRefused: it is not a cohort, or other models made it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ModelRefused(f"{path.name}: longer than {MAX_BYTES} bytes")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            rows = {name: np.asarray(arrays[f"{name} {models[name]}"]) for name in networks}
    except KeyError as error:
        raise ModelRefused(f"{path.name}: was made by other models") from error
    except (ValueError, EOFError, BadZipFile) as error:
        raise ModelRefused(f"{path.name}: is not a cohort") from error
    shapes = {(r.ndim, r.shape[0], r.dtype) for r in rows.values()}
    if len(shapes) != 1 or (2, np.dtype(np.float32)) != next(((n, d) for n, _, d in shapes)):
        raise ModelRefused(f"{path.name}: is not a cohort")
    if not 0 < next(iter(rows.values())).shape[0] <= MAX_FACES:
        raise ModelRefused(f"{path.name}: is not a cohort")
    return Cohort(rows)
