"""Presentation attack detection: a graded answer, independent of the comparison."""

from __future__ import annotations

import numpy as np

from biometrics import align
from biometrics.detect import DetectedFace
from biometrics.image import Picture
from biometrics.models.manifest import Contract
from biometrics.onnx import OnnxSession, as_input
from biometrics.types import Liveness, LivenessState

MARGIN = 1.5
WITHOUT_MODEL = 0.5  # threshold where no network brings its own
NOT_RUN = Liveness(state=LivenessState.NOT_RUN)


class AttackDetector:
    """A network with two classes, the first of them bona fide (contract `minifas`)."""

    def __init__(self, session: OnnxSession, contract: Contract, threshold: float) -> None:
        self._session = session
        self._contract = contract
        self._threshold = threshold

    @property
    def threshold(self) -> float:
        """The grade from which a face counts as bona fide."""
        return self._threshold

    def look(self, picture: Picture, face: DetectedFace) -> Liveness:
        """Grade one face: 0 (attack) .. 1 (bona fide)."""
        crop = align.square(picture, face, MARGIN, self._contract.size_px)
        output = self._session.run({self._contract.input: as_input(self._contract, [crop])})
        logits = next(iter(output.values()))[0].astype(np.float64)
        powers = np.exp(logits - logits.max())
        score = float(powers[0] / powers.sum())
        return _graded(score, self._threshold)


def _graded(score: float, threshold: float) -> Liveness:
    state = LivenessState.BONA_FIDE if score >= threshold else LivenessState.ATTACK
    return Liveness(state=state, score=score)


def fused(by_model: Liveness, medium: float, threshold: float = WITHOUT_MODEL) -> Liveness:
    """The network's grade lowered by evidence of a medium, 0 (none) .. 1.

    Some evidence that does not reach an attack leaves the frame undecided, which is reported as
    not run: the next frame decides. Where no network ran, absence of a medium proves nothing
    and stays not run; clear evidence of one is an attack all the same.
    """
    graded = _graded((1.0 if by_model.score is None else by_model.score) * (1 - medium), threshold)
    if graded.state is LivenessState.ATTACK:
        return graded
    return NOT_RUN if medium > 0 or by_model.score is None else graded
