"""One face followed over the frames of a verification, and the evidence of all of them.

Evidence of attack detection and of comparison counts only while it comes from one face. A face
that jumps across the picture, is missing for a second or resembles another person restarts the
track, so that no person passes attack detection with one face and the comparison with another.
Nothing is decided before `LEAST_FRAMES` frames. The best few live templates are combined for
the comparison.
"""

from __future__ import annotations

import math
from collections import deque

import msgspec
import numpy as np

from biometrics.cohort import ImpostorCount
from biometrics.detect import DetectedFace
from biometrics.image import Picture
from biometrics.match import Template, score
from biometrics.medium import MediumWatch
from biometrics.models.manifest import Calibration
from biometrics.pad import NOT_RUN, fused
from biometrics.plane import PlaneWatch
from biometrics.quality import EYES_OPEN
from biometrics.types import Liveness, LivenessState, QualityComponent

LEAST_FRAMES = 3
GRADES = 5  # of the network's, averaged
BEST = 3  # live templates combined
GAP_MAX_NS = 1_500_000_000
JUMP = 1.2  # widths of a face between two frames
GROWTH = 1.6
EYES_PATIENCE = 8  # frames after which eyes that seem closed are taken to be narrow


class Track:
    """State of the face in front of the camera; wiped at the end of a verification.

    `cohort_count` is of the latest comparison with the cohort of strangers, where there is one.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._last: tuple[DetectedFace, int] | None = None
        self._best: list[tuple[float, Template]] = []
        self.cohort_count = ImpostorCount()
        self._begin()

    def _begin(self) -> None:
        self.wipe()
        self._frames = 0
        self._narrow = 0
        self._grades: deque[float] = deque(maxlen=GRADES)
        self._medium = MediumWatch()
        self._plane = PlaneWatch()
        self._evidence = 0.0

    def wipe(self) -> None:
        """Overwrite the templates."""
        for _, template in self._best:
            template.wipe()
        self._best = []

    @property
    def settled(self) -> bool:
        """Whether enough frames were seen to decide, and no evidence waits for another."""
        return self._frames >= LEAST_FRAMES and not self._evidence

    def add_frame(self, picture: Picture, face: DetectedFace, frame_at_ns: int) -> None:
        """Take a frame with a face into account, compared or not."""
        if self._last is not None and _elsewhere(*self._last, face, frame_at_ns):
            self._begin()
        self._last = (face, frame_at_ns)
        self._frames += 1
        medium, plane = self._medium.look(picture, face), self._plane.look(face)
        self._evidence = 1 - (1 - medium) * (1 - plane)

    def liveness(self, by_model: Liveness, threshold: float) -> Liveness:
        """The network's grades combined with the evidence of all frames: 0 (attack) .. 1.

        Not run while too few frames were seen to call the face bona fide.
        """
        if by_model.score is not None:
            self._grades.append(by_model.score)
            by_model = Liveness(state=by_model.state, score=float(np.mean(self._grades)))
        found = fused(by_model, self._evidence, threshold)
        if self._frames >= LEAST_FRAMES or self._evidence:
            return found
        return NOT_RUN

    def tolerated(self, components: tuple[QualityComponent, ...]) -> tuple[QualityComponent, ...]:
        """Components of this frame, with closed eyes tolerated where they are narrow eyes.

        Eyes that seem closed in many frames, while all other components are good, are taken to be
        narrow by nature: from then on they are good, whatever their value. Eyes that could not
        be measured are none of these.
        """
        missed = [part for part in components if not part.ok]
        if [part.id for part in missed] != [EYES_OPEN] or missed[0].native is None:
            return components
        self._narrow += 1
        if self._narrow <= EYES_PATIENCE:
            return components
        return tuple(
            msgspec.structs.replace(part, ok=True) if part.id == EYES_OPEN else part
            for part in components
        )

    def combined(self, live: Template, quality: float) -> tuple[Template, int]:
        """The best live templates so far as one, and how many they are.

        The track takes `live` over; the combined template is the caller's to wipe.
        """
        if self._best:
            so_far = _mean([template for _, template in self._best])
            loosest = max(self._calibration.points, key=lambda point: point.fmr)
            stranger = score(so_far, live, self._calibration) < loosest.threshold
            so_far.wipe()
            if stranger:
                self._begin()
                self._frames = 1
        self._best.append((quality, live))
        self._best.sort(key=lambda pair: -pair[0])
        for _, dropped in self._best[BEST:]:
            dropped.wipe()
        del self._best[BEST:]
        return _mean([template for _, template in self._best]), len(self._best)


def attacked(liveness: Liveness) -> bool:
    """Whether an attack was found."""
    return liveness.state is LivenessState.ATTACK


def _mean(templates: list[Template]) -> Template:
    means = {}
    for name in templates[0].embeddings:
        total = np.sum([template.embeddings[name] for template in templates], axis=0)
        length = float(np.linalg.norm(total))
        means[name] = np.asarray(total / length if length > 0 else total, np.float32)
    return Template(means)


def _elsewhere(before: DetectedFace, before_ns: int, face: DetectedFace, at_ns: int) -> bool:
    """Whether this cannot be the same face that was seen before."""
    (left, right), (left_now, right_now) = before.eyes, face.eyes
    apart, apart_now = max(before.eye_distance_px, 1.0), max(face.eye_distance_px, 1.0)
    moved = float(math.hypot(*((left_now + right_now) - (left + right)) / 2))
    width = 2.5 * max(apart, apart_now)
    growth = max(apart, apart_now) / min(apart, apart_now)
    return at_ns - before_ns > GAP_MAX_NS or moved > JUMP * width or growth > GROWTH
