"""A photograph made into what a travel document's chip would hold of it.

The framing is that of ISO/IEC 19794-5 (full frontal, as ICAO Doc 9303 uses it): upright,
eyes level, the eyes' middle on the vertical centre line and 0.45 of the height from the top,
the eyes a quarter of the width apart. The coding is JPEG 2000 of at most 15 kB, the size that
ICAO recommends for a face. Used to measure what that costs, never on a traveller.
"""

from __future__ import annotations

import math

import numpy as np

from biometrics import image
from biometrics.detect import DetectedFace
from biometrics.image import Picture

COLUMNS, ROWS = 413, 531  # 35 x 45 mm at 300 dpi
EYES_SHARE = 0.25  # of the width; a head is about twice as wide as its eyes are apart
EYES_HEIGHT = 0.45  # from the top, as a share of the height
MAX_BYTES = 15_000


def encode(picture: Picture, face: DetectedFace) -> bytes:
    """The face of a picture as a chip's portrait: JPEG 2000, at most `MAX_BYTES`."""
    left, right = face.eyes
    middle = (left + right) / 2
    along = right - left
    distance = max(float(math.hypot(*along)), 1.0)
    scale = EYES_SHARE * COLUMNS / distance
    cosine, sine = along / distance * scale
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shift = np.array([COLUMNS / 2, ROWS * EYES_HEIGHT]) - turn @ middle
    framed = image.frame(picture, np.hstack([turn, shift[:, None]]), COLUMNS, ROWS)
    return image.encode_jpeg2000(framed, MAX_BYTES)
