"""The bench of a journal of years: what it trims and that the rest is proven."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

from sim.bench.record.years import measure


def test_three_years_become_ninety_days(tmp_path: Path) -> None:
    clock = itertools.count(0, 1000)
    found = measure(tmp_path, 3000, lambda: next(clock), Random(1).randbytes)
    assert found.verified
    assert 2700 <= found.trimmed <= 2760
    assert found.bytes_after < 0.5 * found.bytes_before
    assert found.ratio_p99 == 1.0
