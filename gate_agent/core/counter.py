"""The counter of passages through the exit."""

from __future__ import annotations

COUNTER_SPAN = 1 << 32
PLAUSIBLE_PASSAGES = 1 << 16


def passages_since(baseline: int, counter: int | None) -> int | None:
    """Passages counted since `baseline`; None where the counter is unknown or ran back."""
    if counter is None:
        return None
    passages = (counter - baseline) % COUNTER_SPAN
    return passages if passages < PLAUSIBLE_PASSAGES else None
