"""How long each step may take, in monotonic nanoseconds, from the profile's budgets."""

from __future__ import annotations

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


Step = tuple[str, int, int | None, int]
"""A step that was begun: its name, when, when it ended if it did, its budget in milliseconds."""


def after(now_ns: int, budget_ms: int) -> int:
    """The deadline of something that starts now."""
    return now_ns + budget_ms * NS_PER_MS


def verify_limits(profile: Profile) -> VerifyLimits:
    """What vision may spend on one verification and what it must reach."""
    return VerifyLimits(
        fmr=profile.face.fmr,
        budget_ms=profile.budgets.verify_ms,
        frame_budget_ms=profile.budgets.frame_ms,
    )


AFTER = ("append", "open", "passage")
"""Steps that come after the decision."""


def steps_of(times: Times, budgets: Budgets) -> list[Step]:
    """The steps of a crossing that were begun, in order.

    `mrz` and `document` run from the document in place to the zone read and to the inspection's
    end, `open` from the command to its confirmation, `passage` from there to the counted
    passage; `enter` and `present` are of two doors: from the release of the entry to one
    person behind it shut, and from there to the document on the reader.
    """
    presented_ns, entry_ns, inside_ns = times.presented_ns, times.entry_ns, times.inside_ns
    steps: list[Step] = []
    if entry_ns is not None:
        steps.append(("enter", entry_ns, inside_ns, budgets.entry_ms + budgets.door_ms))
    if presented_ns is not None and inside_ns is not None:
        steps.append(("present", inside_ns, presented_ns, budgets.present_ms))
    if entry_ns is None or presented_ns is not None or times.document_ns is not None:
        # else let in, and the document was not asked for yet
        began_ns = times.started_ns if presented_ns is None else presented_ns
        steps.append(("mrz", began_ns, times.mrz_ns, budgets.mrz_ms))
        document_ms = budgets.mrz_ms + budgets.chip_ms
        steps.append(("document", began_ns, times.document_ns, document_ms))
    if times.prepare_ns is not None:
        steps.append(("prepare", times.prepare_ns, times.prepared_ns, budgets.prepare_ms))
    if times.verify_ns is not None:
        steps.append(("verify", times.verify_ns, times.decided_ns, budgets.verify_ms))
    if times.accepted_ns is not None:
        steps.append(("append", times.accepted_ns, times.durable_ns, budgets.append_ms))
    if times.release_ns is not None:
        steps.append(("open", times.release_ns, times.opened_ns, budgets.actuation_ms))
    if times.opened_ns is not None:
        steps.append(("passage", times.opened_ns, times.passed_ns, budgets.passage_ms))
    return steps


def timing(times: Times, now_ns: int, budgets: Budgets) -> tuple[dict[str, float], dict[str, bool]]:
    """How long each step took, in milliseconds, and whether it kept its budget.

    The spans are of steps that were begun and have ended, and `total` up to now. A step that
    was broken off within its budget has no verdict; one that never ended and is past its
    budget was missed: by now, or by the decision that broke it off.
    """
    spans: dict[str, float] = {}
    met: dict[str, bool] = {}
    decided_ns = times.decided_ns
    for name, began_ns, ended_ns, budget_ms in steps_of(times, budgets):
        budget_ns = budget_ms * NS_PER_MS
        if ended_ns is not None:
            span_ns = ended_ns - began_ns
            spans[name] = _ms(span_ns)
            met[name] = span_ns <= budget_ns
            continue
        broken_off_ns = now_ns if decided_ns is None or name in AFTER else decided_ns
        if broken_off_ns - began_ns >= budget_ns:
            met[name] = False
    spans["total"] = _ms(now_ns - times.started_ns)
    return spans, met


def _ms(span_ns: int) -> float:
    """In milliseconds with three places; `round` costs more, and decides only where it is a tie."""
    micros = (span_ns + 500) // 1_000
    if micros * 1_000 == span_ns + 500:
        return round(span_ns / NS_PER_MS, 3)
    return micros / 1_000
