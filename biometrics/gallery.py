"""Templates of a folder of photographs, `DIR/NAME/*.jpg`, one folder a person.

For measuring and calibrating only: nothing of a crossing passes here. A picture that does
not decode, or shows no face, keeps its row and is marked as not acquired.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biometrics import chip_photograph, image
from biometrics.errors import ImageRefused
from biometrics.image import Picture
from biometrics.match import Template
from biometrics.pipeline import Pipeline, run_in_order
from biometrics.quality import usefulness

MAX_PICTURES = 100_000

Progress = Callable[[int, int], None]
"""Called with the number of pictures done, and of all."""


def silent(done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Gallery:
    """Templates of a folder: one row a picture, `person` numbers the folders.

    `acquired` is False where no template could be made; its embeddings are zero. `quality`
    is `quality.usefulness`, 0..100 (0: not acquired).
    """

    person: NDArray[np.int64]
    acquired: NDArray[np.bool_]
    embeddings: dict[str, NDArray[np.float32]]
    quality: NDArray[np.float32]

    @property
    def first(self) -> NDArray[np.int64]:
        """Rows of the first acquired picture of each person."""
        rows = np.flatnonzero(self.acquired)
        return rows[np.unique(self.person[rows], return_index=True)[1]]


@dataclass(frozen=True)
class _Row:
    """What is kept of one picture."""

    template: Template | None = None
    quality: float = 0.0


def pictures(folder: Path) -> Iterator[tuple[int, Path]]:
    """Every picture with the number of its person, in a fixed order."""
    for number, person in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        for path in sorted(person.glob("*.jpg")):
            yield number, path


def galleries(
    pipelines: Sequence[Pipeline],
    folder: Path,
    *,
    chip: bool = False,
    run_tasks: Callable[[Sequence[Callable[[], None]]], None] = run_in_order,
    progress: Progress = silent,
) -> tuple[Gallery, Gallery]:
    """Templates of every picture as it is, and as a chip's portrait made of it.

    Without `chip` both are the same gallery. Each picture goes to the next of `pipelines`
    (all of one tier) that is free; `run_tasks` runs them, in parallel where it can.
    """
    found = list(pictures(folder))[:MAX_PICTURES]
    live = [_Row()] * len(found)
    chips = [_Row()] * len(found)
    waiting = iter(range(len(found)))
    finished = itertools.count(1)

    def work(pipeline: Pipeline) -> None:
        for row in waiting:
            picture = _decoded(found[row][1])
            live[row] = _row(pipeline, picture)
            if chip:
                chips[row] = _row(pipeline, _as_chip(pipeline, picture))
            progress(next(finished), len(found))

    run_tasks([partial(work, pipeline) for pipeline in pipelines])
    person = np.array([number for number, _ in found], np.int64)
    made = _gathered(person, live)
    return made, _gathered(person, chips) if chip else made


def _decoded(path: Path) -> Picture | None:
    try:
        return image.decode(path.read_bytes())
    except (ImageRefused, OSError):
        return None


def _as_chip(pipeline: Pipeline, picture: Picture | None) -> Picture | None:
    face = None if picture is None else pipeline.face(picture)
    if picture is None or face is None:
        return None
    return image.decode(chip_photograph.encode(picture, face))


def _row(pipeline: Pipeline, picture: Picture | None) -> _Row:
    if picture is None:
        return _Row()
    seen = pipeline.examine(picture)
    if seen.template is None:
        return _Row()
    return _Row(seen.template, usefulness(seen.quality))


def _gathered(person: NDArray[np.int64], rows: Sequence[_Row]) -> Gallery:
    acquired = np.array([row.template is not None for row in rows], np.bool_)
    qualities = np.array([row.quality for row in rows], np.float32)
    return Gallery(person, acquired, _stack([row.template for row in rows]), qualities)


def _stack(templates: Sequence[Template | None]) -> dict[str, NDArray[np.float32]]:
    shapes = next((t.embeddings for t in templates if t is not None), {})
    stacked = {name: np.zeros((len(templates), e.size), np.float32) for name, e in shapes.items()}
    for row, template in enumerate(templates):
        if template is not None:
            for name, embedding in template.embeddings.items():
                stacked[name][row] = embedding
    return stacked
