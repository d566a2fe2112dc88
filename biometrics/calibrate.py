"""Deriving thresholds and weights from photographs: `DIR/NAME/*.jpg`, one folder a person.

Impostor scores come from one picture of each person (the first by name), every pair; genuine
scores from every pair of one person's pictures. A picture without a usable face counts as a
rejection at every threshold. Only numbers leave this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from biometrics.evaluate import compare_all
from biometrics.gallery import Gallery
from biometrics.models.manifest import Calibration, Likelihood, Point, Weighting

FMRS = (1e-2, 1e-3, 1e-4)
FRAMES = (1, 2, 3)
DIGITS = 6
LEAST_PERSONS = 3
LEAST_GENUINE = 30
LLR_DIGITS = 3
IMPOSTOR_QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
GENUINE_QUANTILES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4)

_NOTHING = Point(fmr=0.5, threshold=0.0)
Scores = NDArray[np.float64]


def _impostors(gallery_: Gallery, name: str) -> Scores:
    """Cosines of every pair of persons, from the first picture of each."""
    rows = gallery_.embeddings[name][gallery_.first].astype(np.float64)
    upper = np.triu_indices(len(rows), 1)
    return np.asarray((rows @ rows.T)[upper], np.float64)


def weightings(gallery_: Gallery, weighed: Sequence[Weighting]) -> tuple[Weighting, ...]:
    """Standardise each network by its impostors; a network alone keeps its cosine.

    Weights and crops are taken as they are.
    """
    if len(weighed) == 1:
        return (msgspec.structs.replace(weighed[0], mean=0.0, deviation=1.0, weight=1.0),)
    found = []
    for w in weighed:
        cosines = _impostors(gallery_, w.model)
        mean, deviation = float(cosines.mean()), float(cosines.std())
        found.append(
            msgspec.structs.replace(w, mean=round(mean, DIGITS), deviation=round(deviation, DIGITS))
        )
    return tuple(found)


def threshold(impostors: Scores, fmr: float) -> float:
    """The least score that at most `fmr` of the impostors reach, rounded up."""
    allowed = math.floor(fmr * impostors.size)
    first_refused = float(np.partition(impostors, -1 - allowed)[-1 - allowed])
    step = 10.0**-DIGITS
    return round((math.floor(first_refused / step) + 1) * step, DIGITS)


def calibrate(
    gallery_: Gallery,
    weighed: Sequence[Weighting],
    provenance: str,
    chips: Gallery | None = None,
) -> Calibration:
    """Thresholds of the weighed score at each of `FMRS` that the pairs can support.

    A false match rate rests on at least ten impostor pairs above it. There is a threshold for
    each number of `FRAMES` combined, and none is lower than for a single one: photographs of
    different days differ more than frames of one walk do. With `chips`, the pictures as
    chip photographs, a threshold holds for references of either kind.

    Raises:
        ValueError: too few persons for even the first.
    """
    if gallery_.first.size < LEAST_PERSONS:
        raise ValueError(f"{gallery_.first.size} persons are too few to calibrate")
    networks = weightings(gallery_, weighed)
    bare = Calibration(
        provenance=provenance, impostor_pairs=1, networks=networks, points=(_NOTHING,)
    )
    references = [gallery_] if chips is None else [gallery_, chips]
    single = [made(compare_all(bare, side, gallery_).impostor) for side in references]
    points = []
    for frames in FRAMES:
        sides = (
            single
            if frames == 1
            else [made(compare_all(bare, side, gallery_, frames).impostor) for side in references]
        )
        for fmr in FMRS:
            scores = [s for side in (sides, single) for s in side if fmr * s.size >= 10]
            if all(fmr * s.size >= 10 for s in sides):
                at = max(threshold(s, fmr) for s in scores)
                points.append(Point(fmr=fmr, threshold=at, frames=frames))
    if not points:
        raise ValueError(f"{single[0].size} impostor pairs are too few to calibrate")
    plain = msgspec.structs.replace(bare, impostor_pairs=single[0].size, points=tuple(points))
    genuine = genuine_scores(gallery_, plain)
    found = likelihood(genuine[~np.isnan(genuine)], single[0])
    return msgspec.structs.replace(plain, likelihood=found)


def made(scores: NDArray[np.float32]) -> Scores:
    """The scores of comparisons that could be made."""
    return scores[~np.isnan(scores)].astype(np.float64)


def likelihood(genuine: Scores, impostors: Scores) -> Likelihood | None:
    """The log-likelihood ratio by score: counts in bins, pooled until it rises (PAV).

    Bins lie at quantiles of either kind of pairs, and half a pair is added to each count, so
    that no ratio is infinite. None where there are too few genuine pairs.
    """
    if genuine.size < LEAST_GENUINE:
        return None
    inner = np.concatenate(
        [np.quantile(impostors, IMPOSTOR_QUANTILES), np.quantile(genuine, GENUINE_QUANTILES)]
    )
    inner = np.unique(np.round(inner, DIGITS))
    right = np.bincount(np.searchsorted(inner, genuine), minlength=inner.size + 1)
    wrong = np.bincount(np.searchsorted(inner, impostors), minlength=inner.size + 1)
    pools: list[tuple[float, float, list[int]]] = []
    for number, (r, w) in enumerate(zip(right.tolist(), wrong.tolist(), strict=True)):
        pool: tuple[float, float, list[int]] = (r + 0.5, w + 0.5, [number])
        while pools and pools[-1][0] * pool[1] >= pool[0] * pools[-1][1]:
            last = pools.pop()
            pool = (last[0] + pool[0], last[1] + pool[1], last[2] + pool[2])
        pools.append(pool)
    if len(pools) < 2:
        return None
    low, high = float(min(genuine.min(), impostors.min())), float(max(genuine.max(), inner[-1]))
    edges = np.concatenate([[low], inner, [high]])
    middles = [float(edges[p[2][0]] + edges[p[2][-1] + 1]) / 2 for p in pools]
    scale = math.log(impostors.size / genuine.size)
    return Likelihood(
        scores=tuple(round(at, DIGITS) for at in middles),
        llrs=tuple(round(math.log(p[0] / p[1]) + scale, LLR_DIGITS) for p in pools),
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
