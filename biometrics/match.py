"""Templates and their comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from biometrics.errors import ModelRefused
from biometrics.image import Picture
from biometrics.models.manifest import Calibration, Contract
from biometrics.onnx import OnnxSession, as_input
from biometrics.types import Match

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class Template:
    """One face as the networks see it: an embedding of length 1 per network's name."""

    embeddings: Mapping[str, Embedding] = field(repr=False)

    def wipe(self) -> None:
        """Overwrite every value."""
        for embedding in self.embeddings.values():
            embedding.fill(0.0)


class Embedder:
    """A network that turns an aligned face into an embedding.

    Raises:
        ModelRefused: the contract leaves the embedding's length open.
    """

    def __init__(self, session: OnnxSession, contract: Contract) -> None:
        self._session = session
        self.contract = contract
        extents = next(iter(contract.outputs.values()))
        if not isinstance(extents[-1], int):
            raise ModelRefused(f"{session.name}: an embedding needs a fixed length")
        self._width = extents[-1]

    def embed(self, *chips: Picture) -> Embedding:
        """Mean embedding of chips of one face and of their mirror images, scaled to length 1.

        The mirror image doubles the cost and buys more accuracy than any other repetition; a
        second crop buys about as much again.
        """
        mean = np.zeros(self._width)
        for chip in chips:  # one after the other: a larger batch takes memory and saves no time
            batch = as_input(self.contract, [chip, chip[:, ::-1]])
            both = next(iter(self._session.run({self.contract.input: batch}).values()))
            mean += both.astype(np.float64).sum(0)
            batch.fill(0.0)
            both.fill(0.0)
        length = float(np.linalg.norm(mean))
        embedding = np.asarray(mean / length if length > 0 else mean, np.float32)
        mean.fill(0.0)
        return embedding


def score(a: Template, b: Template, calibration: Calibration) -> float:
    """How alike two templates are: the calibrated networks' cosines, standardised and weighed."""
    return sum(
        w.weight * (float(a.embeddings[w.model] @ b.embeddings[w.model]) - w.mean) / w.deviation
        for w in calibration.networks
    )


def compare(
    a: Template, b: Template, calibration: Calibration, fmr: float, frames: int = 1
) -> Match:
    """Score against the threshold calibrated for `fmr`, with `frames` combined in `b`.

    Raises:
        Uncalibrated: no threshold is as strict as that.
    """
    point = calibration.at(fmr, frames)
    alike = score(a, b, calibration)
    likelihood = calibration.likelihood
    return Match(
        score=alike,
        threshold=point.threshold,
        fmr=point.fmr,
        llr=None if likelihood is None else likelihood.ratio(alike),
        threshold_llr=None if likelihood is None else likelihood.ratio(point.threshold),
    )
