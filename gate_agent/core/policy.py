"""What the machine may admit by itself: one pure function, called at one place.

`decide` looks at the evidence of one crossing and gives every reason against admitting,
in a fixed order. No reason means admit; anything missing, late, unreadable or stale is a
reason. The machine never refuses: a referral goes to an officer.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from biometrics.types import Match, Observation
from drivers.types import Check, CheckMode, HolderAttributes, Result
from firmware_cfg.profile import Policy, Profile
from gate_agent.core.causes import before, first_causes, reason_of, successful
from gate_agent.core.holder import ages, days_left
from gate_agent.core.members import (
    EXPIRY_KIND_NONE,
    LIST_HIT,
    LIST_NO_LIST,
    LIVENESS_ATTACK,
    LIVENESS_NOT_RUN,
    OUTCOME_ADMIT,
    OUTCOME_REFER,
)
from gate_agent.core.messages import ListState
from gate_agent.core.reasons import Outcome, Reason, of_check, ordered


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything a decision may rest on. None means: not (yet) known.

    `face_asked` says whether the live face was looked for: a document that already rules
    admission out is referred without it, and the face is then no reason. `best` is the
    most useful frame so far; `attack` stays true once any frame showed an attack.
    `circumstances` are reasons that lie outside document, lists and face.
    """

    checks: tuple[Check, ...] | None = None
    attributes: HolderAttributes | None = None
    list_state: ListState | None = None
    list_age_s: int | None = None
    portrait_usable: bool | None = None
    face_asked: bool = False
    best: Observation | None = None
    attack: bool = False
    circumstances: tuple[Reason, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The machine's decision with all reasons against admitting, in fixed order."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part of a profile that decisions depend on."""

    policy: Policy
    fmr: float
    demo: bool


@lru_cache(maxsize=16)
def policy_settings(profile: Profile) -> PolicySettings:
    """Take from a profile what decisions depend on."""
    return PolicySettings(policy=profile.policy, fmr=profile.face.fmr, demo=profile.lane.demo)


def decide(evidence: Evidence, settings: PolicySettings) -> Decision:
    """Decide on the evidence of one crossing."""
    reasons = set(evidence.circumstances)
    reasons |= document_reasons(evidence, settings.policy)
    if evidence.face_asked:
        more = list_reasons(evidence, settings.policy) | face_reasons(evidence, settings)
        # What cut a crossing short is why the rest is not known.
        reasons |= more - _not_known(evidence) if evidence.circumstances else more
    elif not reasons:
        reasons.add(Reason.FACE_NOT_ACQUIRED)
    return Decision(
        outcome=OUTCOME_REFER if reasons else OUTCOME_ADMIT,
        reasons=ordered(reasons),
    )


def document_reasons(evidence: Evidence, policy: Policy) -> set[Reason]:
    """Reasons that lie in the document."""
    if evidence.checks is None:
        return set() if evidence.circumstances else {Reason.DOCUMENT_TIMEOUT}
    holder = evidence.attributes
    reasons = set(_check_reasons(evidence.checks, policy, zone_known=holder is not None))
    if holder is None:
        return reasons
    known = _age_reasons(holder, policy.min_age_years) | _expiry_reasons(holder, policy)
    misread = Reason.MRZ_CONSISTENCY in reasons  # then why a date is not known is no reason
    reasons |= known - _OPEN if misread else known
    if evidence.portrait_usable is False:
        possible = before(Reason.PORTRAIT_UNUSABLE, successful(evidence.checks))
        if reasons.isdisjoint(possible):
            reasons.add(Reason.PORTRAIT_UNUSABLE)
    return reasons


def _age_reasons(holder: HolderAttributes, min_years: int) -> set[Reason]:
    """The youngest age that the document allows decides; under age is who is so at any."""
    if not min_years:
        return set()
    known = ages(holder)
    if known is None:
        return {Reason.AGE_OPEN}
    youngest, oldest = known
    if youngest >= min_years:
        return set()
    return {Reason.UNDER_AGE} if oldest < min_years else {Reason.AGE_OPEN}


def _expiry_reasons(holder: HolderAttributes, policy: Policy) -> set[Reason]:
    """The earliest day that the document allows decides; expired is what is so on any.

    A document that is valid on every day that it allows, and of none for as long as the gate
    asks, has not expired.
    """
    if holder.expiry is EXPIRY_KIND_NONE:
        return set() if policy.without_expiry == "admit" else {Reason.EXPIRY_NONE}
    known = days_left(holder)
    if known is None:
        return {Reason.EXPIRY_OPEN}
    fewest, most = known
    if fewest >= policy.min_days_to_expiry:
        return set()
    if most < 0:
        return {Reason.EXPIRY}
    soon = fewest >= 0 and most < policy.min_days_to_expiry
    return {Reason.EXPIRY_SOON} if soon else {Reason.EXPIRY_OPEN}


_MANDATORY, _EVALUATORY = CheckMode.MANDATORY, CheckMode.EVALUATORY
_SUCCESSFUL, _FAILED = Result.SUCCESSFUL, Result.FAILED
_UNDETERMINED, _ABORTED = Result.UNDETERMINED, Result.ABORTED
_OPEN = frozenset({Reason.AGE_OPEN, Reason.EXPIRY_OPEN})


@lru_cache(maxsize=2)
def _check_reasons(
    checks: tuple[Check, ...], policy: Policy, *, zone_known: bool
) -> frozenset[Reason]:
    """Reasons that lie in the checks; remembered, for every frame of a crossing asks again.

    What was not judged is a reason only where it is the first of its chain
    (`gate_agent.core.causes`). `zone_known`: the printed zone gave the holder's attributes.
    """
    failed: set[Reason] = set()
    unjudged: set[Reason] = set() if zone_known else {Reason.DOCUMENT_UNREADABLE}
    aborted: set[Reason] = set()
    allowed, deviations = policy.undetermined_allowed, frozenset(policy.deviations_allowed)
    made: set[str] = set()  # mandatory checks
    spoilt: dict[str, Result] = {}  # mandatory checks, with a result that will not do
    for check in checks:
        result, mode = check.result, check.mode
        name = check.id.partition(".")[0]
        # Codes say why it is undetermined: each must be allowed, of an optional check as well.
        known = bool(check.codes) and deviations.issuperset(check.codes)
        passed = result is _SUCCESSFUL or (result is _UNDETERMINED and (name in allowed or known))
        if mode is _MANDATORY:
            # A data group that is not read (DG3 of a foreign state) is an optional check.
            made.add(name)
            if not passed:
                spoilt[name] = result
        if check.codes and not passed and mode is not _EVALUATORY:
            unjudged.add(reason_of(check.id, result))
        if result is _FAILED:
            if mode is not _EVALUATORY:
                failed.add(of_check(check.id))
        elif result is _ABORTED:
            aborted.add(reason_of(check.id, result))
    for check_id in policy.mandatory_checks:
        if check_id not in made or check_id in spoilt:
            unjudged.add(reason_of(check_id, spoilt.get(check_id)))
    if policy.without_expiry == "admit":
        unjudged.discard(Reason.EXPIRY_NONE)
    if policy.without_access_control == "admit":
        unjudged.discard(Reason.NO_ACCESS_CONTROL)
    return first_causes(failed, (unjudged | aborted) - failed, aborted, successful(checks))


def _not_known(evidence: Evidence) -> set[Reason]:
    """Reasons of evidence that had not come: without what cut the crossing short it might have."""
    missing = {Reason.PAD_NOT_RUN}
    if evidence.list_state is None:
        missing.add(Reason.LIST_UNAVAILABLE)
    if evidence.portrait_usable is None:
        missing.add(Reason.PORTRAIT_UNUSABLE)
    if evidence.best is None or evidence.best.match is None:
        missing.add(Reason.FACE_NOT_ACQUIRED)
    return missing


def list_reasons(evidence: Evidence, policy: Policy) -> set[Reason]:
    """Reasons that lie in the lists. A hit always refers; age counts where it is limited."""
    if evidence.list_state is None:
        return {Reason.LIST_UNAVAILABLE}
    reasons: set[Reason] = set()
    if evidence.list_state is LIST_HIT:
        reasons.add(Reason.LIST_HIT)
    if policy.max_list_age_s is not None:
        if evidence.list_state is LIST_NO_LIST or evidence.list_age_s is None:
            reasons.add(Reason.LIST_UNAVAILABLE)
        elif not 0 <= evidence.list_age_s <= policy.max_list_age_s:
            reasons.add(Reason.LIST_TOO_OLD)
    return reasons


def face_reasons(evidence: Evidence, settings: PolicySettings) -> set[Reason]:
    """Reasons that lie in the face, judged on the best frame."""
    reasons: set[Reason] = set()
    if evidence.portrait_usable is not True:
        reasons.add(Reason.PORTRAIT_UNUSABLE)
    if evidence.attack:
        reasons.add(Reason.PAD_ATTACK)
    best = evidence.best
    if best is None or best.faces < 1:
        reasons.add(Reason.FACE_NOT_ACQUIRED)
        return reasons
    if best.faces > settings.policy.max_faces:
        reasons.add(Reason.SEVERAL_FACES)
    if not quality_ok(best):
        reasons.add(Reason.FACE_QUALITY)
    elif best.match is None and evidence.portrait_usable is True:
        reasons.add(Reason.FACE_NOT_ACQUIRED)
    if best.match is not None and not matches(best.match, settings.fmr):
        reasons.add(Reason.FACE_NO_MATCH)
    reasons |= _liveness_reasons(best, settings)
    return reasons


def _liveness_reasons(best: Observation, settings: PolicySettings) -> set[Reason]:
    state = best.liveness.state
    if state is LIVENESS_ATTACK:
        return {Reason.PAD_ATTACK}
    required = settings.policy.pad_required or not settings.demo
    if state is LIVENESS_NOT_RUN and required:
        return {Reason.PAD_NOT_RUN}
    return set()


def quality_ok(observation: Observation) -> bool:
    """Whether quality was measured and every component of it is acceptable."""
    for part in observation.quality:
        if not part.ok:
            return False
    return bool(observation.quality)


def matches(match: Match, fmr: float) -> bool:
    """Whether a comparison reaches its threshold, calibrated at the error rate asked for.

    A score that is not a number never matches.
    """
    return match.score >= match.threshold and match.fmr <= fmr


def better(one: Observation | None, other: Observation, settings: PolicySettings) -> Observation:
    """The frame that says more in favour of admitting; the earlier one on a tie."""
    if one is None or _use(other, settings) > _use(one, settings):
        return other
    return one


def _use(frame: Observation, settings: PolicySettings) -> tuple[bool, bool, bool, float]:
    found = 1 <= frame.faces <= settings.policy.max_faces
    compared = frame.match is not None
    score = frame.match.score if frame.match is not None else float("-inf")
    matched = frame.match is not None and matches(frame.match, settings.fmr)
    usable = found and quality_ok(frame)
    return (usable and matched, usable and compared, found, score if score == score else 0.0)
