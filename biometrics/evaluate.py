"""Error rates of a tier on photographs (terms of ISO/IEC 19795-1).

Genuine comparisons: every pair of one person's pictures, the earlier one as the reference.
Impostor comparisons: every pair of persons, by the first picture of each. With several probes
one picture is compared with as many others of a person, combined into one template. **A
failure to acquire is a non-match at every threshold**; thresholds come from the impostor
comparisons that could be made. Intervals come from drawing persons again with replacement, at
the threshold found, because one person's comparisons are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics.gallery import Gallery
from biometrics.models.manifest import Calibration

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]

DRAWS = 1000
INTERVAL_PERCENT = (2.5, 97.5)
BLOCK = 256
UNIT = 1e-6  # thresholds are rounded up to this


@dataclass(frozen=True)
class Comparisons:
    """Scores of an evaluation, NaN where either side was not acquired.

    For every genuine comparison: the row of its reference and of its (first) probe, and the
    number of the person.
    """

    genuine: Scores
    impostor: Scores
    reference: Rows
    probe: Rows
    person: Rows
    identities: int
    failures_to_acquire: int


def combined(gallery: Gallery, groups: Sequence[Rows]) -> Gallery:
    """One row per group: the mean of the group's acquired templates, at length 1."""
    person = np.array([gallery.person[rows[0]] for rows in groups], np.int64)
    acquired = np.array([bool(gallery.acquired[rows].any()) for rows in groups], np.bool_)
    embeddings = {}
    for name, values in gallery.embeddings.items():
        means = np.zeros((len(groups), values.shape[1]), np.float32)
        for number, rows in enumerate(groups):
            means[number] = values[rows].sum(0)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        embeddings[name] = (means / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    quality = np.array([gallery.quality[rows].max() for rows in groups], np.float32)
    return Gallery(person, acquired, embeddings, quality)


def pair_scores(
    calibration: Calibration, left: Gallery, i: Rows, right: Gallery, j: Rows
) -> Scores:
    """Scores of rows `i` of one gallery against rows `j` of another, one by one."""
    total = np.zeros(len(i))
    for w in calibration.networks:
        a, b = left.embeddings.get(w.model), right.embeddings.get(w.model)
        if a is None or b is None:  # nothing at all was acquired
            continue
        for start in range(0, len(i), 8192):
            part = slice(start, start + 8192)
            cosine = (a[i[part]].astype(np.float64) * b[j[part]]).sum(1)
            total[part] += w.weight * (cosine - w.mean) / w.deviation
    total[~(left.acquired[i] & right.acquired[j])] = np.nan
    return total.astype(np.float32)


def cross_scores(
    calibration: Calibration, left: Gallery, i: Rows, right: Gallery, j: Rows
) -> Scores:
    """Scores of every pair of two lists of different persons, each pair of persons once."""
    parts = []
    for start in range(0, len(i), BLOCK):
        rows = i[start : start + BLOCK]
        block = np.zeros((len(rows), len(j)))
        for w in calibration.networks:
            a, b = left.embeddings.get(w.model), right.embeddings.get(w.model)
            if a is None or b is None:
                continue
            cosine = a[rows].astype(np.float64) @ b[j].astype(np.float64).T
            block += w.weight * (cosine - w.mean) / w.deviation
        block[~(left.acquired[rows][:, None] & right.acquired[j][None])] = np.nan
        once = left.person[rows][:, None] < right.person[j][None]
        parts.append(block[once].astype(np.float32))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _rows_of_persons(person: Rows) -> list[Rows]:
    order = np.argsort(person, kind="stable")
    cuts = np.flatnonzero(np.diff(person[order])) + 1
    return [rows.astype(np.int64) for rows in np.split(order, cuts) if rows.size]


def compare_all(
    calibration: Calibration, references: Gallery, live: Gallery, probes: int = 1
) -> Comparisons:
    """Every comparison of an evaluation.

    Args:
        calibration: how networks are weighed.
        references: templates of reference pictures (chip portraits, or `live` itself).
        live: templates of the same pictures as seen live.
        probes: how many live pictures are combined; with more than one, only persons with
            more pictures than that have genuine comparisons.
    """
    persons = _rows_of_persons(live.person)
    if probes <= 1:
        left, right = _every_pair(persons)
        side = live
        chosen = np.array([rows[0] for rows in persons], np.int64)
    else:
        left, groups, first = _turns(persons, probes)
        side = combined(live, groups) if groups else live
        right = np.arange(len(groups), dtype=np.int64)
        chosen = np.array(first, np.int64)
    genuine = pair_scores(calibration, references, left, side, right)
    firsts = np.array([rows[0] for rows in persons], np.int64)
    impostor = cross_scores(calibration, references, firsts, side, chosen)
    if probes > 1:
        right = np.array([rows[0] for rows in groups], np.int64)
    return Comparisons(
        genuine=genuine,
        impostor=impostor,
        reference=left,
        probe=right,
        person=live.person[left],
        identities=len(persons),
        failures_to_acquire=int((~(live.acquired & references.acquired)).sum()),
    )


def _every_pair(persons: Sequence[Rows]) -> tuple[Rows, Rows]:
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for rows in persons:
        a, b = np.triu_indices(len(rows), 1)
        left.append(rows[a])
        right.append(rows[b])
    return np.concatenate(left), np.concatenate(right)


def _turns(persons: Sequence[Rows], probes: int) -> tuple[Rows, list[Rows], list[int]]:
    """Each picture against the next `probes` of its person, in a circle.

    Returns:
        Rows of references, the groups of probes, and the first group of each person.
    """
    left: list[int] = []
    groups: list[Rows] = []
    first: list[int] = []
    for rows in persons:
        if len(rows) <= probes:
            continue
        first.append(len(groups))
        for at in range(len(rows)):
            left.append(int(rows[at]))
            groups.append(rows[(at + 1 + np.arange(probes)) % len(rows)])
    return np.array(left, np.int64), groups, first


def threshold_at(impostor: Scores, fmr: float) -> float | None:
    """The least threshold that at most `fmr` of the impostors reach; None without any."""
    scores = impostor[~np.isnan(impostor)].astype(np.float64)
    if not scores.size:
        return None
    allowed = min(math.floor(fmr * scores.size * (1 + 1e-12)), scores.size - 1)
    first_refused = float(np.partition(scores, -1 - allowed)[-1 - allowed])
    return (math.floor(first_refused / UNIT) + 1) * UNIT


def equal_error_rate(genuine: Scores, impostor: Scores) -> float | None:
    """Where false matches and false non-matches are as frequent; failures never match."""
    wrong = np.sort(impostor[~np.isnan(impostor)])
    right = np.sort(genuine[~np.isnan(genuine)])
    if not wrong.size or not genuine.size:
        return None
    at = np.unique(np.concatenate([right, wrong]))
    missed = (np.searchsorted(right, at) + (genuine.size - right.size)) / genuine.size
    matched = 1 - np.searchsorted(wrong, at) / wrong.size
    best = int(np.argmin(np.abs(missed - matched)))
    return float((missed[best] + matched[best]) / 2)


def rate(
    missed: NDArray[np.bool_], person: Rows, generator: np.random.Generator
) -> tuple[float, tuple[float, float]] | None:
    """Share of comparisons missed and its 95 % interval, persons drawn again; None without any."""
    if not missed.size:
        return None
    _, number = np.unique(person, return_inverse=True)
    count = np.bincount(number).astype(np.float64)
    wrong = np.bincount(number, weights=missed.astype(np.float64))
    drawn = generator.integers(0, count.size, (DRAWS, count.size))
    rates = wrong[drawn].sum(1) / count[drawn].sum(1)
    low, high = np.percentile(rates, INTERVAL_PERCENT)
    return float(missed.mean()), (float(low), float(high))


def summary(
    found: Comparisons,
    calibration: Calibration,
    fmrs: Sequence[str],
    seed: int,
    probes: int = 1,
) -> dict[str, Any]:
    """The result as plain data; the keys of the rates are as they were given.

    Without impostors (or genuine pairs) a rate is None. `supported` says whether at least ten
    impostor comparisons lie above the threshold: a stricter rate than that is not measured.
    `calibrated` has the error rates of the shipped thresholds on these pictures.
    """
    acquired = ~np.isnan(found.genuine)
    made = found.impostor[~np.isnan(found.impostor)]
    result: dict[str, Any] = {
        "eer": equal_error_rate(found.genuine, found.impostor),
        "fnmr": {},
        "fnmr_acquired": {},
        "calibrated": {},
        "failures_to_acquire": found.failures_to_acquire,
        "genuine": int(found.genuine.size),
        "genuine_failed": int((~acquired).sum()),
        "impostor": int(found.impostor.size),
        "identities": found.identities,
    }
    for key in fmrs:
        fmr = float(key)
        threshold = threshold_at(found.impostor, fmr)
        supported = bool(fmr * made.size >= 10)
        for name, only in (("fnmr", np.ones_like(acquired)), ("fnmr_acquired", acquired)):
            result[name][key] = {
                **_measured(found, only, threshold, seed),
                "supported": supported,
            }
    for point in calibration.points:
        if point != calibration.at(point.fmr, probes):
            continue
        result["calibrated"][f"{point.fmr:g}"] = {
            "threshold": point.threshold,
            "fmr": float((made >= point.threshold).mean()) if made.size else None,
            "fnmr": _measured(found, np.ones_like(acquired), point.threshold, seed)["value"],
        }
    return result


def _measured(
    found: Comparisons, only: NDArray[np.bool_], threshold: float | None, seed: int
) -> dict[str, Any]:
    got = None
    if threshold is not None:
        missed = ~(found.genuine[only].astype(np.float64) >= threshold)
        got = rate(missed, found.person[only], np.random.default_rng(seed))
    value, interval = got if got else (None, None)
    return {"value": value, "ci": list(interval) if interval else None, "threshold": threshold}
