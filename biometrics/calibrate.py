"""Deriving what scores mean from photographs: `DIR/NAME/*.jpg`, one folder a person.

Impostor scores come from one picture of each person (the first by name), every pair; genuine
scores from every pair of one person's pictures. A picture without a usable face counts as a
rejection at every threshold. Only numbers leave this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biometrics.errors import ImageRefused
from biometrics.match import Template
from biometrics.models.manifest import Calibration, Point, Weighting
from biometrics.pipeline import Pipeline

FMRS = (1e-2, 1e-3, 1e-4)
DIGITS = 6
MAX_PICTURES = 100_000

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Gallery:
    """Templates of a folder: one row a picture, `person` numbers the folders.

    `acquired` is False where no template could be made; its embeddings are zero.
    """

    person: NDArray[np.int64]
    acquired: NDArray[np.bool_]
    embeddings: dict[str, NDArray[np.float32]]

    @property
    def first(self) -> NDArray[np.int64]:
        """Rows of the first acquired picture of each person."""
        rows = np.flatnonzero(self.acquired)
        return rows[np.unique(self.person[rows], return_index=True)[1]]


def pictures(folder: Path, per_person: int | None = None) -> Iterator[tuple[int, Path]]:
    """Every picture with the number of its person, in a fixed order."""
    for number, person in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        for path in sorted(person.glob("*.jpg"))[:per_person]:
            yield number, path


def gallery(pipeline: Pipeline, folder: Path, per_person: int | None = None) -> Gallery:
    """Make the template of every picture."""
    persons: list[int] = []
    templates: list[Template | None] = []
    for number, path in pictures(folder, per_person):
        if len(persons) >= MAX_PICTURES:
            break
        try:
            made = pipeline.reference(path.read_bytes())
        except ImageRefused:
            made = None
        persons.append(number)
        templates.append(made if isinstance(made, Template) else None)
    acquired = np.array([t is not None for t in templates], np.bool_)
    return Gallery(np.array(persons, np.int64), acquired, _stack(templates))


def _stack(templates: Sequence[Template | None]) -> dict[str, NDArray[np.float32]]:
    shapes = next((t.embeddings for t in templates if t is not None), {})
    stacked = {name: np.zeros((len(templates), e.size), np.float32) for name, e in shapes.items()}
    for row, template in enumerate(templates):
        if template is not None:
            for name, embedding in template.embeddings.items():
                stacked[name][row] = embedding
    return stacked


def _impostors(gallery_: Gallery, name: str) -> Scores:
    """Cosines of every pair of persons, from the first picture of each."""
    rows = gallery_.embeddings[name][gallery_.first].astype(np.float64)
    upper = np.triu_indices(len(rows), 1)
    return np.asarray((rows @ rows.T)[upper], np.float64)


def weightings(gallery_: Gallery, weights: dict[str, float]) -> tuple[Weighting, ...]:
    """Standardise each network by its impostors; a network alone keeps its cosine."""
    if len(weights) == 1:
        return tuple(Weighting(model=n, mean=0.0, deviation=1.0, weight=1.0) for n in weights)
    found = []
    for name, weight in weights.items():
        cosines = _impostors(gallery_, name)
        mean, deviation = float(cosines.mean()), float(cosines.std())
        found.append(
            Weighting(
                model=name,
                mean=round(mean, DIGITS),
                deviation=round(deviation, DIGITS),
                weight=weight,
            )
        )
    return tuple(found)


def threshold(impostors: Scores, fmr: float) -> float:
    """The least score that at most `fmr` of the impostors reach, rounded up."""
    allowed = math.floor(fmr * impostors.size)
    first_refused = float(np.partition(impostors, -1 - allowed)[-1 - allowed])
    step = 10.0**-DIGITS
    return round((math.floor(first_refused / step) + 1) * step, DIGITS)


def calibrate(gallery_: Gallery, weights: dict[str, float], provenance: str) -> Calibration:
    """Thresholds of the weighed score at each of `FMRS` that the pairs can support.

    A false match rate rests on at least ten impostor pairs above it.

    Raises:
        ValueError: too few persons for even the first.
    """
    networks = weightings(gallery_, weights)
    scores = sum(
        w.weight * (_impostors(gallery_, w.model) - w.mean) / w.deviation for w in networks
    )
    impostors = np.asarray(scores, np.float64)
    points = tuple(
        Point(fmr=fmr, threshold=threshold(impostors, fmr))
        for fmr in FMRS
        if fmr * impostors.size >= 10
    )
    if not points:
        raise ValueError(f"{impostors.size} impostor pairs are too few to calibrate")
    return Calibration(
        provenance=provenance, impostor_pairs=impostors.size, networks=networks, points=points
    )


def genuine_scores(gallery_: Gallery, calibration: Calibration) -> Scores:
    """Scores of every pair of pictures of one person; NaN where either was not acquired."""
    left, right = [], []
    for person in np.unique(gallery_.person):
        rows = np.flatnonzero(gallery_.person == person)
        a, b = np.triu_indices(len(rows), 1)
        left.append(rows[a])
        right.append(rows[b])
    i, j = np.concatenate(left), np.concatenate(right)
    total = np.zeros(i.size)
    for w in calibration.networks:
        rows = gallery_.embeddings[w.model].astype(np.float64)
        total += w.weight * ((rows[i] * rows[j]).sum(1) - w.mean) / w.deviation
    total[~(gallery_.acquired[i] & gallery_.acquired[j])] = np.nan
    return total


def false_non_match_rates(gallery_: Gallery, calibration: Calibration) -> dict[float, float]:
    """Share of genuine pairs below each calibrated threshold, failures to acquire included."""
    scores = genuine_scores(gallery_, calibration)
    return {
        point.fmr: float(1 - (scores >= point.threshold).mean()) for point in calibration.points
    }
