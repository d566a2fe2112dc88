"""Golden pairs: a network's output for pictures that are drawn from formulas.

A runtime or processor that computes something else (a broken vector unit, a library built for
another machine) shows before a traveller is compared, not after.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from biometrics import image
from biometrics.errors import ModelRefused
from biometrics.image import Picture
from biometrics.match import Embedder
from biometrics.models.manifest import Calibration

SIZE_PX = 150
PAIRS = tuple(combinations(range(3), 2))
TOLERANCE = 2e-3  # of a cosine; builds of the runtime differ by less than a tenth of that
DIGITS = 6
_WAVES = ((3, 5, 7), (11, 2, 13), (1, 17, 5))


def drawn(number: int = 0, size_px: int = SIZE_PX) -> Picture:
    """A picture with structure at every scale, the same everywhere; three numbers differ."""
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    waves = _WAVES[number:] + _WAVES[:number]
    channels = [
        ((1 + number) * rows * a + columns * b + (rows * columns) // c) % 256 for a, b, c in waves
    ]
    picture = np.ascontiguousarray(np.stack(channels, axis=-1).astype(np.uint8))
    return image.resize(picture, size_px, size_px)


def golden_cosines(embedder: Embedder) -> tuple[float, float, float]:
    """Cosines of `PAIRS` of the drawn pictures."""
    made = [embedder.embed(drawn(n, embedder.contract.size_px)) for n in range(3)]
    first, second, third = (round(float(made[a] @ made[b]), DIGITS) for a, b in PAIRS)
    return first, second, third


def check_golden(embedder: Embedder, name: str, calibration: Calibration) -> None:
    """Compare a network's golden pairs with those of its calibration, where it has any.

    Raises:
        ModelRefused: they differ.
    """
    wanted = calibration.golden.get(name)
    if wanted is None:
        return
    apart = max(abs(a - b) for a, b in zip(golden_cosines(embedder), wanted, strict=True))
    if not apart <= TOLERANCE:
        raise ModelRefused(f"{name}: its golden pairs differ by {apart:.4f} on this machine")
