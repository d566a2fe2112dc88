"""How long each step may take, in monotonic nanoseconds, from the profile's budgets."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from biometrics.types import VerifyLimits
from firmware_cfg.profile import Budgets, Profile

NS_PER_MS = 1_000_000


class Times(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When the steps of a crossing were reached.

    `decided_ns`: the machine's first decision; `accepted_ns`: an accept, the machine's or an
    officer's, went to the journal.
    """

    started_ns: int
    presented_ns: int | None = None
    entry_ns: int | None = None
    inside_ns: int | None = None
    mrz_ns: int | None = None
    document_ns: int | None = None
    prepare_ns: int | None = None
    prepared_ns: int | None = None
    verify_ns: int | None = None
    decided_ns: int | None = None
    accepted_ns: int | None = None
    durable_ns: int | None = None
    release_ns: int | None = None
    opened_ns: int | None = None
    passed_ns: int | None = None


class Step(NamedTuple):
    """One step: None where it was not begun or has not ended."""

    began_ns: int | None
    ended_ns: int | None
    budget_ms: int


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


AFTER = ("append", "open", "passage")
"""Steps that come after the decision."""


def steps_of(times: Times, budgets: Budgets) -> dict[str, Step]:
    """The steps of a crossing: when each began and ended, and its budget in milliseconds.

    `mrz` and `document` run from the document in place to the zone read and to the inspection's
    end, `open` from the command to its confirmation, `passage` from there to the counted
    passage; `enter` and `present` are of two doors: from the release of the entry to one
    person behind it shut, and from there to the document on the reader.
    """
    began: int | None = times.started_ns if times.presented_ns is None else times.presented_ns
    if times.entry_ns is not None and times.presented_ns is None and times.document_ns is None:
        began = None  # let in, and the document was not asked for yet
    return {
        "enter": Step(times.entry_ns, times.inside_ns, budgets.entry_ms + budgets.door_ms),
        "present": Step(
            times.inside_ns if times.presented_ns is not None else None,
            times.presented_ns,
            budgets.present_ms,
        ),
        "mrz": Step(began, times.mrz_ns, budgets.mrz_ms),
        "document": Step(began, times.document_ns, budgets.mrz_ms + budgets.chip_ms),
        "prepare": Step(times.prepare_ns, times.prepared_ns, budgets.prepare_ms),
        "verify": Step(times.verify_ns, times.decided_ns, budgets.verify_ms),
        "append": Step(times.accepted_ns, times.durable_ns, budgets.append_ms),
        "open": Step(times.release_ns, times.opened_ns, budgets.actuation_ms),
        "passage": Step(times.opened_ns, times.passed_ns, budgets.passage_ms),
    }


def spans_ms(times: Times, now_ns: int, budgets: Budgets) -> dict[str, float]:
    """How long each step took that was reached and ended, and `total` up to now."""
    spans = {
        name: ms_between(step.began_ns, step.ended_ns)
        for name, step in steps_of(times, budgets).items()
    }
    spans["total"] = ms_between(times.started_ns, now_ns)
    return {name: span for name, span in spans.items() if span is not None}


def deadlines_met(times: Times, now_ns: int, budgets: Budgets) -> dict[str, bool]:
    """For each step that was begun, whether it kept its budget.

    A step that was broken off within its budget is left out; one that never ended and is
    past its budget was missed: by now, or by the decision that broke it off.
    """
    met: dict[str, bool] = {}
    decided_ns = times.decided_ns
    for name, step in steps_of(times, budgets).items():
        if step.began_ns is None:
            continue
        limit_ns = step.began_ns + step.budget_ms * NS_PER_MS
        if step.ended_ns is not None:
            met[name] = step.ended_ns <= limit_ns
        elif (now_ns if decided_ns is None or name in AFTER else decided_ns) >= limit_ns:
            met[name] = False
    return met
