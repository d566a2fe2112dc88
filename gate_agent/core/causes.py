"""The first cause of a chain of findings, and what only followed from it.

A chip that was not opened leaves every check of its data unmade. Those checks did not fail: they
followed from the first. Only what was judged and failed, and what stands at the beginning of a
chain, is a reason; the rest is listed under its cause.

`FOLLOWS` says what a finding can follow from: which check gives the next one its input (Doc
9303-11, 4 and 9303-12, 6; BSI TR-03135-1, 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Final

from msgspec import UNSET

from drivers.types import CHECK_IDS, Check, CheckMode, Result
from gate_agent.core.reasons import Reason, of_check, ordered
from gate_agent.core.record_blocks import Finding

FOLLOWS: Mapping[Reason, tuple[Reason, ...]] = {
    Reason.MRZ_CONSISTENCY: (Reason.DOCUMENT_UNREADABLE,),
    Reason.EXPIRY_OPEN: (Reason.MRZ_CONSISTENCY,),
    Reason.ACCESS_CONTROL: (Reason.MRZ_CONSISTENCY,),
    Reason.SOD_SIGNATURE: (Reason.ACCESS_CONTROL, Reason.ANOTHER_CARD),
    Reason.SOD_CONFORMANCE: (Reason.SOD_SIGNATURE,),
    Reason.DS_CHAIN: (Reason.SOD_SIGNATURE,),
    Reason.DS_VALIDITY: (Reason.SOD_SIGNATURE,),
    Reason.CSCA_VALIDITY: (Reason.DS_CHAIN,),
    Reason.DS_REVOCATION: (Reason.DS_CHAIN,),
    Reason.DEFECTS: (Reason.DS_CHAIN,),
    Reason.ISSUING_STATE: (Reason.DS_CHAIN,),
    Reason.DG_HASH: (Reason.SOD_SIGNATURE,),
    Reason.COM_SOD: (Reason.SOD_SIGNATURE,),
    Reason.STRIPPING: (Reason.SOD_SIGNATURE,),
    Reason.MRZ_DG1: (Reason.MRZ_CONSISTENCY, Reason.SOD_SIGNATURE),
    Reason.FACE_IMAGE: (Reason.SOD_SIGNATURE,),
    Reason.ACTIVE_AUTHENTICATION: (Reason.SOD_SIGNATURE,),
    Reason.CHIP_AUTHENTICATION: (Reason.SOD_SIGNATURE,),
    Reason.PORTRAIT_UNUSABLE: (Reason.DG_HASH, Reason.DS_CHAIN),
}
"""What a finding that was not judged can directly follow from; never a circle."""


def _before(reason: Reason) -> frozenset[Reason]:
    direct = FOLLOWS.get(reason, ())
    return frozenset(direct).union(*(_before(earlier) for earlier in direct))


BEFORE: Final[Mapping[Reason, frozenset[Reason]]] = {r: _before(r) for r in Reason}
"""Everything that a finding can follow from, directly or by other findings."""


def before(reason: Reason, good: Set[Reason]) -> frozenset[Reason]:
    """What this finding can follow from, where the checks of `good` were successful.

    A check that was successful had its input: what comes after it does not follow from what came
    before it. A signature that was verified needed no printed zone, so that an issuer who is not
    known is a reason of its own beside a zone that was not read.
    """
    if good.isdisjoint(BEFORE[reason]):
        return BEFORE[reason]
    direct = [earlier for earlier in FOLLOWS.get(reason, ()) if earlier not in good]
    return frozenset(direct).union(*(before(earlier, good) for earlier in direct))


_ABORTED, _FAILED = Result.ABORTED, Result.FAILED
_SUCCESSFUL, _UNDETERMINED = Result.SUCCESSFUL, Result.UNDETERMINED
_NOT_SUPPORTED = Result.NOT_SUPPORTED
_MANDATORY, _EVALUATORY = CheckMode.MANDATORY, CheckMode.EVALUATORY
_SEVERITY = {
    Result.NOT_SUPPORTED: 1,
    Result.UNDETERMINED: 2,
    Result.ABORTED: 3,
    Result.FAILED: 4,
}
"""Results that can stand behind a reason, the worst with the highest number."""


_OF_CHECKS: Final = frozenset({*map(of_check, CHECK_IDS), Reason.OTHER_CHECK})
"""Reasons that stand for a check of the document."""

_OF_ACCESS: Mapping[Result | None, Reason] = {
    _UNDETERMINED: Reason.ANOTHER_CARD,
    _NOT_SUPPORTED: Reason.NO_ACCESS_CONTROL,
}


def reason_of(check_id: str, result: Result | None) -> Reason:
    """The reason that stands for a check with this result; None: it was not made.

    That a document expired is said of a failed check alone. Access control that was undetermined
    met another card; where it is not supported, the chip was read without.
    """
    if check_id == Reason.ACCESS_CONTROL:
        return _OF_ACCESS.get(result, Reason.ACCESS_CONTROL)
    if check_id != Reason.EXPIRY or result is _FAILED:
        return of_check(check_id)
    return Reason.EXPIRY_NONE if result is _NOT_SUPPORTED else Reason.EXPIRY_OPEN


@lru_cache(maxsize=16)
def successful(checks: tuple[Check, ...]) -> frozenset[Reason]:
    """Reasons all of whose checks were made and successful, whatever their mode."""
    good = {of_check(check.id) for check in checks if check.result is _SUCCESSFUL}
    return frozenset(good.difference(of_check(c.id) for c in checks if c.result is not _SUCCESSFUL))


def first_causes(
    failed: Set[Reason], not_judged: Set[Reason], aborted: Set[Reason], good: Set[Reason]
) -> frozenset[Reason]:
    """What failed, and of what was not judged the beginning of each chain.

    The result is empty only where `failed` and `not_judged` are. What ended an inspection ended
    every check after it: of `aborted` (a part of `not_judged`) the first is a cause. Nothing
    follows past a check of `good`.
    """
    found = failed | not_judged
    first = [reason for reason in not_judged if before(reason, good).isdisjoint(found)]
    ended = ordered({reason for reason in first if reason in aborted})
    return frozenset(failed).union(first).difference(ended[1:])


def _worst(checks: tuple[Check, ...]) -> dict[Reason, Result]:
    """The worst result of the checks behind each reason; what is only logged does not count."""
    worst: dict[Reason, Result] = {}
    for check in checks:
        severity = _SEVERITY.get(check.result)
        if severity is None or check.mode is _EVALUATORY:
            continue
        reason = reason_of(check.id, check.result)
        if reason not in worst or severity > _SEVERITY[worst[reason]]:
            worst[reason] = check.result
    return worst


@lru_cache(maxsize=64)
def findings(reasons: tuple[Reason, ...], checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    """What stands behind each reason, and after that what followed, each with its cause.

    Args:
        reasons: the decision's reasons: `cause` is "" for each.
        checks: the inspection. Those that were not judged because of one of the reasons come
            after the reasons, with its code as `cause`.
    """
    worst, good = _worst(checks), successful(checks)
    codes = {of_check(c.id): c.codes for c in checks if c.codes and c.result is _UNDETERMINED}
    found = [
        Finding(reason=reason, result=worst.get(reason, ""), codes=codes.get(reason, UNSET))
        for reason in reasons
    ]
    for reason in ordered(set(worst)):
        result = worst[reason]
        if reason in reasons or result not in (_ABORTED, _UNDETERMINED):
            continue
        cause = _cause(reason, reasons, worst, good)
        if cause is not None:
            found.append(Finding(reason=reason, result=result, cause=cause))
    return tuple(found)


def unjudged(reasons: tuple[Reason, ...], checks: tuple[Check, ...]) -> tuple[str, ...]:
    """The codes of those reasons whose check was not judged, or is missing from the inspection."""
    not_judged = ("aborted", "undetermined", "not_supported")
    reported = {of_check(check.id) for check in checks}
    missing = _OF_CHECKS - reported if checks else frozenset()
    return tuple(
        found.reason.value
        for found in findings(reasons, checks)
        if not found.cause
        and (found.result in not_judged or (not found.result and found.reason in missing))
    )


def _cause(
    reason: Reason,
    reasons: tuple[Reason, ...],
    worst: Mapping[Reason, Result],
    good: Set[Reason],
) -> Reason | None:
    """The nearest of the reasons that this finding follows from; None without one."""
    possible = before(reason, good)
    for given in reversed(reasons):
        if given in possible:
            return given
    if worst[reason] is not _ABORTED:
        return None
    for given in reasons:
        if worst.get(given) is _ABORTED:
            return given
    return None


@lru_cache(maxsize=16)
def chains(checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    """The findings of an inspection by itself, without a policy: first causes, then the rest.

    A check counts that failed, that was cut short, that is mandatory and not successful, or that
    names deviations.
    """
    failed: set[Reason] = set()
    not_judged: set[Reason] = set()
    aborted: set[Reason] = set()
    for check in checks:
        if check.mode is _EVALUATORY or check.result is _SUCCESSFUL:
            continue
        reason = reason_of(check.id, check.result)
        if check.result is _FAILED:
            failed.add(reason)
        elif check.result is _ABORTED:
            not_judged.add(reason)
            aborted.add(reason)
        elif check.mode is _MANDATORY or check.codes:
            not_judged.add(reason)
    causes = first_causes(failed, not_judged - failed, aborted - failed, successful(checks))
    return findings(ordered(set(causes)), checks)
