"""Evidence that a turning face is flat: parallax of the nose against the plane of the face.

Eyes and mouth lie about in one plane, the tip of the nose before it. An affine map takes the
four outer points of one frame to those of another, however the plane was turned (weak
perspective; Ullman 1979). On a head that turns, the nose leaves the place that this map gives
it; on a picture that turns it does not. A face that does not turn proves nothing. Detectors
draw their points towards the shape of a face they expect, which was seen to look like turns of
up to 30 degrees: only wider ones count, so this finds a picture that is waved about, no more.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from biometrics.detect import DetectedFace

FRAMES = 16
NOSE_DEPTH = 0.5  # of the eyes' distance, before the plane of eyes and mouth
TURN_LEAST = 0.25  # foreshortening from which a turn is sure: about 41 degrees
FLAT, SOLID = 0.25, 0.6  # of the parallax that the turn of a head makes
FULL = 5  # flat frames for full evidence
MOST = 0.9

Points = NDArray[np.float64]


def parallax(before: Points, now: Points) -> tuple[float, float]:
    """How much a face was turned between two frames, and how far its nose left the plane.

    Args:
        before: eye centres, nose tip, mouth corners as rows of x, y.
        now: the same points in the other frame.

    Returns:
        The foreshortening, 0 (none) .. 1, and the nose's distance in eye distances.
    """
    outer = [0, 1, 3, 4]
    known = np.hstack([before, np.ones((5, 1))])
    affine, *_ = np.linalg.lstsq(known[outer], now[outer], rcond=None)
    _, sizes, _ = np.linalg.svd(affine[:2])
    turned = 1 - sizes[1] / max(sizes[0], 1e-9)
    eyes = max(float(np.hypot(*(now[1] - now[0]))), 1e-6)
    return float(turned), float(np.hypot(*(now[2] - known[2] @ affine))) / eyes


class PlaneWatch:
    """Evidence over the frames of one verification."""

    def __init__(self) -> None:
        self._seen: deque[Points] = deque(maxlen=FRAMES)
        self._flat = 0
        self._solid = 0

    def look(self, face: DetectedFace) -> float:
        """Take one frame into account; the evidence of a plane so far, 0 (none) .. `MOST`.

        dlib's five points lie on the eyes and under the nose, too few for this: no evidence.
        """
        if face.layout != "yunet":
            return 0.0
        ratios = []
        for before in self._seen:
            turned, moved = parallax(before, face.points)
            if turned >= TURN_LEAST:
                head = NOSE_DEPTH * np.sqrt(1 - (1 - min(turned, 1.0)) ** 2)
                ratios.append(moved / head)
        self._seen.append(face.points)
        if ratios:
            ratio = float(np.median(ratios))
            self._flat += ratio < FLAT
            self._solid += ratio > SOLID
        return min(MOST, max(0, self._flat - 2 * self._solid) / FULL * MOST)
