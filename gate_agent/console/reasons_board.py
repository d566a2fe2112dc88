"""Reasons and document checks as an officer reads them: first causes, and what followed under them.

What was not judged is worded as not judged, never as failed; a check that is optional and has no
data to judge by is grey, not amber.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from drivers.types import Check, CheckMode, Result
from gate_agent.console import alerts, labels
from gate_agent.core.causes import findings, unjudged
from gate_agent.core.reasons import Reason, of_check
from gate_agent.core.record_blocks import Finding

Plain = dict[str, Any]

_KNOWN = {reason.value: reason for reason in Reason}
_UNJUDGED = (Result.ABORTED, Result.UNDETERMINED)


def alert_row(code: str, *, judged: bool = True) -> Plain:
    """One alarm or reason; `judged`: false where the check behind it was not judged."""
    row = alerts.alert(code, judged=judged)
    return {
        "code": code,
        "severity": row.severity.value,
        "text": row.text,
        "todo": row.todo,
        "followed": [],
        "followed_text": "",
        "alone": True,
    }


def reason_rows(codes: tuple[str, ...], checks: tuple[Check, ...]) -> list[Plain]:
    """The reasons of a referral; what followed from one is a list under it."""
    found = _found(codes, checks)
    known = tuple(_KNOWN[code] for code in codes if code in _KNOWN)
    not_judged = unjudged(known, checks)
    rows = []
    for code in codes:
        row = alert_row(code, judged=code not in not_judged)
        followed = [_followed(after) for after in found if after.cause == code]
        if followed:
            row |= {
                "followed": followed,
                "followed_text": f"Not judged because of this: {len(followed)}",
                "alone": False,
            }
        rows.append(row)
    return rows


def check_rows(codes: tuple[str, ...], checks: tuple[Check, ...]) -> Plain:
    """The check tree, failed checks first, and how many checks have each result.

    `unmade` has the checks that were not judged because of one of the reasons.
    """
    after = {finding.reason for finding in _found(codes, checks) if finding.cause}
    followed = [c for c in checks if c.result in _UNJUDGED and of_check(c.id) in after]
    made = [check for check in checks if check not in followed]
    rows = sorted(map(_check, made), key=lambda row: labels.COLOUR_ORDER[row["colour"]])
    counts = Counter(row["result"] for row in rows)
    summary = ", ".join(f"{count} {result}" for result, count in counts.items())
    unmade = f"{len(followed)} not judged" if followed else ""
    return {
        "checks": rows,
        "checks_text": ", ".join(part for part in (summary, unmade) if part),
        "unmade": [_check(check) for check in followed],
        "unmade_text": f"{unmade}, because of the reasons for referral",
        "all_made": not followed,
    }


def _found(codes: tuple[str, ...], checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    return findings(tuple(_KNOWN[code] for code in codes if code in _KNOWN), checks)


def _followed(finding: Finding) -> Plain:
    name = labels.CHECK_TEXT.get(finding.reason.value, finding.reason.value.replace("_", " "))
    return {"name": name, "result": labels.RESULT_TEXT[Result(finding.result)]}


def _check(check: Check) -> Plain:
    base, _, group = check.id.partition(".")
    name = labels.CHECK_TEXT.get(base, check.id)
    no_data = check.result is Result.UNDETERMINED and check.mode is not CheckMode.MANDATORY
    return {
        "name": f"{name} ({group})" if group else name,
        "colour": "grey" if no_data else labels.CHECK_COLOUR[check.result],
        "result": labels.RESULT_TEXT[check.result],
        "mode": "" if check.mode is CheckMode.MANDATORY else check.mode.value,
        "detail": check.detail,
        "ms": f"{check.ms:.0f} ms" if check.ms >= 1 else "",
    }
