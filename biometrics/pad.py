"""Presentation attack detection: a graded answer, independent of the comparison."""

from __future__ import annotations

import numpy as np

from biometrics import align
from biometrics.detect import Face
from biometrics.image import Picture
from biometrics.models.manifest import Contract
from biometrics.onnx import Session, as_input
from biometrics.types import Liveness, LivenessState

MARGIN = 1.5
NOT_RUN = Liveness(state=LivenessState.NOT_RUN)


class AttackDetector:
    """A network with two classes, the first of them bona fide (contract `minifas`)."""

    def __init__(self, session: Session, contract: Contract, threshold: float) -> None:
        self._session = session
        self._contract = contract
        self._threshold = threshold

    def look(self, picture: Picture, face: Face) -> Liveness:
        """Grade one face: 0 (attack) .. 1 (bona fide)."""
        crop = align.square(picture, face, MARGIN, self._contract.size_px)
        output = self._session.run({self._contract.input: as_input(self._contract, [crop])})
        logits = next(iter(output.values()))[0].astype(np.float64)
        powers = np.exp(logits - logits.max())
        score = float(powers[0] / powers.sum())
        live = score >= self._threshold
        state = LivenessState.BONA_FIDE if live else LivenessState.ATTACK
        return Liveness(state=state, score=score)
