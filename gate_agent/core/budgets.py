"""How long each step may take, in monotonic nanoseconds, from the profile's budgets."""

from __future__ import annotations

from biometrics.types import VerifyLimits
from firmware_cfg.profile import Budgets, Profile

NS_PER_MS = 1_000_000


def after(now_ns: int, budget_ms: int) -> int:
    """The deadline of something that starts now."""
    return now_ns + budget_ms * NS_PER_MS


def ms_between(start_ns: int | None, end_ns: int | None) -> float | None:
    """The time between two instants in milliseconds, None where one is unknown."""
    if start_ns is None or end_ns is None:
        return None
    return round((end_ns - start_ns) / NS_PER_MS, 3)


def verify_limits(profile: Profile) -> VerifyLimits:
    """What vision may spend on one verification and what it must reach."""
    return VerifyLimits(
        fmr=profile.face.fmr,
        budget_ms=profile.budgets.verify_ms,
        frame_budget_ms=profile.budgets.frame_ms,
    )


def deadlines_met(spans_ms: dict[str, float | None], budgets: Budgets) -> dict[str, bool]:
    """For each step that was measured, whether it kept its budget."""
    limits = {
        "document": budgets.mrz_ms + budgets.chip_ms,
        "prepare": budgets.prepare_ms,
        "verify": budgets.verify_ms,
        "append": budgets.append_ms,
        "open": budgets.actuation_ms,
        "passage": budgets.passage_ms,
    }
    met: dict[str, bool] = {}
    for step, limit in limits.items():
        span = spans_ms.get(step)
        if span is not None:
            met[step] = span <= limit
    return met
