"""What followed is folded under its first cause; nothing folded ever opens a lane."""

from __future__ import annotations

import pytest
from gate_world import ADULT, GOOD_CHECKS, PROFILE, frame
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from drivers.types import CHECK_IDS, Check, CheckMode, Result
from gate_agent.core.causes import BEFORE, FOLLOWS, before, chains, findings, reason_of, successful
from gate_agent.core.messages import ListState
from gate_agent.core.policy import Evidence, decide, document_reasons, policy_settings
from gate_agent.core.reasons import Outcome, Reason
from gate_agent.core.states import replace

RULES = policy_settings(PROFILE)
UNJUDGED = (Result.ABORTED, Result.UNDETERMINED)


def inspection(**results: Result) -> tuple[Check, ...]:
    """Every check once; `rest` is the result of those that are not named."""
    rest = results.pop("rest", Result.SUCCESSFUL)
    return tuple(Check(id=name, result=results.get(name, rest)) for name in CHECK_IDS)


def causes_of(found) -> dict[str, str]:
    return {finding.reason.value: finding.cause for finding in found}


def referred(checks: tuple[Check, ...], **evidence) -> list[str]:
    given_evidence = Evidence(checks=checks, attributes=ADULT, portrait_usable=False, **evidence)
    return [reason.value for reason in decide(given_evidence, RULES).reasons]


@pytest.mark.parametrize("result", [Result.FAILED, Result.ABORTED, Result.UNDETERMINED])
def test_a_chip_that_was_not_opened_is_one_reason(result):
    reason = reason_of("access_control", result)
    ok = {"mrz_consistency": Result.SUCCESSFUL, "expiry": Result.SUCCESSFUL}
    checks = inspection(access_control=result, rest=Result.ABORTED, **ok)
    assert referred(checks) == [reason]
    found = findings((reason,), checks)
    assert (found[0].result, found[0].cause) == (result.value, "")
    assert {finding.cause for finding in found[1:]} == {reason}
    assert len(found) == len(CHECK_IDS) - len(ok)
    assert chains(checks) == found


def test_what_failed_beside_an_unopened_chip_is_a_reason_of_its_own():
    checks = inspection(
        mrz_consistency=Result.SUCCESSFUL,
        access_control=Result.FAILED,
        expiry=Result.FAILED,
        rest=Result.ABORTED,
    )
    assert referred(checks) == ["access_control", "expiry"]


def test_a_zone_that_was_not_read_is_one_reason():
    checks = inspection(mrz_consistency=Result.UNDETERMINED, rest=Result.ABORTED)
    evidence = Evidence(checks=checks, attributes=None, portrait_usable=False)
    assert document_reasons(evidence, RULES.policy) == {Reason.DOCUMENT_UNREADABLE}


def test_an_unknown_issuer_is_one_reason_without_a_comparison():
    checks = inspection(
        ds_chain=Result.UNDETERMINED,
        csca_validity=Result.UNDETERMINED,
        ds_revocation=Result.UNDETERMINED,
        defects=Result.UNDETERMINED,
    )
    assert referred(checks) == ["ds_chain"]
    causes = causes_of(findings((Reason.DS_CHAIN,), checks))
    assert causes == {
        "ds_chain": "",
        "csca_validity": "ds_chain",
        "ds_revocation": "ds_chain",
        "defects": "ds_chain",
    }


def test_an_unknown_issuer_does_not_follow_from_a_zone_that_was_not_read():
    checks = inspection(mrz_consistency=Result.UNDETERMINED, ds_chain=Result.UNDETERMINED)
    assert referred(checks) == ["mrz_consistency", "ds_chain"]
    assert causes_of(chains(checks)) == {"mrz_consistency": "", "ds_chain": ""}
    unverified = inspection(
        mrz_consistency=Result.UNDETERMINED,
        access_control=Result.ABORTED,
        sod_signature=Result.ABORTED,
        ds_chain=Result.ABORTED,
    )
    assert referred(unverified) == ["mrz_consistency"]
    assert causes_of(chains(unverified))["ds_chain"] == "mrz_consistency"


def test_nothing_follows_past_a_check_that_was_successful():
    for first in Reason:
        assert before(first, frozenset()) == BEFORE[first]
        for good in BEFORE[first]:
            left = before(first, {good})
            assert good not in left
            assert left <= BEFORE[first]
    hashed = inspection(dg_hash=Result.UNDETERMINED, mrz_consistency=Result.UNDETERMINED)
    assert causes_of(chains(hashed))["dg_hash"] == ""


@pytest.mark.parametrize("place", range(1, len(CHECK_IDS)))
def test_where_reading_ended_is_the_only_reason_of_what_came_after(place):
    checks = tuple(
        Check(id=name, result=Result.SUCCESSFUL if number < place else Result.ABORTED)
        for number, name in enumerate(CHECK_IDS)
    )
    ended = reason_of(CHECK_IDS[place], Result.ABORTED)
    assert referred(checks)[0] == ended
    assert set(referred(checks)) <= {ended, "portrait_unusable"}
    assert {f.cause for f in chains(checks)[1:]} <= {ended}


def test_only_a_document_that_was_taken_away_is_called_so():
    aborted = tuple(replace(check, result=Result.ABORTED) for check in GOOD_CHECKS)
    assert "document_removed" not in referred(aborted)
    taken = Evidence(circumstances=(Reason.DOCUMENT_REMOVED,))
    assert decide(taken, RULES).reasons == (Reason.DOCUMENT_REMOVED,)


def test_a_check_that_was_cut_short_counts_beside_a_failure_that_is_only_logged():
    logged = Check(id="com_sod", result=Result.FAILED, mode=CheckMode.EVALUATORY)
    cut = Check(id="active_authentication", result=Result.ABORTED, mode=CheckMode.OPTIONAL)
    evidence = Evidence(
        checks=(*GOOD_CHECKS, logged, cut),
        attributes=ADULT,
        list_state=ListState.NO_LIST,
        portrait_usable=True,
        face_asked=True,
        best=frame(),
    )
    assert decide(evidence, RULES).reasons == (Reason.ACTIVE_AUTHENTICATION,)


@pytest.mark.parametrize("cut", [Reason.DEVICE_FAILED, Reason.TAILGATING, Reason.LEASE_LOST])
def test_what_had_not_come_when_a_crossing_was_cut_short_is_no_reason(cut):
    evidence = Evidence(
        checks=GOOD_CHECKS,
        attributes=ADULT,
        portrait_usable=None,
        face_asked=True,
        circumstances=(cut,),
    )
    assert decide(evidence, RULES).reasons == (cut,)
    judged = replace(evidence, list_state=ListState.HIT, best=frame(score=0.1))
    assert set(decide(judged, RULES).reasons) == {cut, Reason.LIST_HIT, Reason.FACE_NO_MATCH}


def test_nothing_follows_from_itself():
    assert all(reason not in BEFORE[reason] for reason in Reason)
    unmade = {reason_of(name, None) for name in CHECK_IDS}
    assert unmade - set(FOLLOWS) == set()


a_check = st.builds(
    Check,
    id=st.sampled_from([*CHECK_IDS, "dg_hash.DG1", "dg_hash.DG2", "made_up"]),
    result=st.sampled_from(list(Result)),
    mode=st.sampled_from(list(CheckMode)),
)


@given(st.lists(a_check, max_size=24).map(tuple))
def test_folding_never_admits_and_never_hides_a_failure(checks):
    evidence = Evidence(checks=checks, attributes=ADULT, portrait_usable=True)
    reasons = document_reasons(evidence, RULES.policy)
    good = {c.id.partition(".")[0] for c in checks if c.mode is CheckMode.MANDATORY}
    bad = {
        c.id.partition(".")[0]
        for c in checks
        if c.mode is CheckMode.MANDATORY and c.result is not Result.SUCCESSFUL
    }
    mandatory = set(RULES.policy.mandatory_checks)
    failed = {
        reason_of(c.id, c.result)
        for c in checks
        if c.result is Result.FAILED and c.mode is not CheckMode.EVALUATORY
    }
    assert failed <= reasons
    missing = (mandatory - good) | (mandatory & bad)
    cut = any(c.result is Result.ABORTED for c in checks)
    assert bool(reasons) == bool(missing or failed or cut)
    admitted = decide(
        replace(evidence, list_state=ListState.NO_LIST, face_asked=True, best=frame()), RULES
    )
    assert (admitted.outcome is Outcome.ADMIT) == (not reasons)


@given(st.lists(a_check, max_size=24).map(tuple))
def test_a_cause_is_a_reason_and_nothing_that_failed_has_one(checks):
    found = chains(checks)
    roots = {f.reason.value for f in found if not f.cause}
    for finding in found:
        assert finding.cause == "" or finding.cause in roots
        assert finding.cause == "" or finding.result in UNJUDGED
    assert len({f.reason for f in found}) == len(found)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Result.UNDETERMINED, "another_card"),
        (Result.NOT_SUPPORTED, "no_access_control"),
        (Result.ABORTED, "access_control"),
        (Result.FAILED, "access_control"),
    ],
)
def test_what_access_control_met_has_a_reason_of_its_own(result, reason):
    plain = result is Result.NOT_SUPPORTED
    rest = Result.SUCCESSFUL if plain else Result.ABORTED
    checks = inspection(access_control=result, rest=rest, mrz_consistency=Result.SUCCESSFUL)
    assert reason in referred(checks)
    assert "sod_signature" not in referred(checks)


def test_deviations_stand_in_the_finding_of_their_reason():
    odd = Check(
        id="sod_conformance",
        result=Result.UNDETERMINED,
        mode=CheckMode.OPTIONAL,
        codes=("content_type_data", "signed_data_version"),
    )
    checks = (Check(id="sod_signature", result=Result.SUCCESSFUL), odd)
    (found,) = chains(checks)
    assert (found.reason, found.result) == (Reason.SOD_CONFORMANCE, "undetermined")
    assert found.codes == odd.codes
    (found,) = findings((Reason.EXPIRY,), checks[:1])
    assert found.codes is UNSET


def test_one_good_data_group_does_not_make_the_others_good():
    dg1 = Check(id="dg_hash.DG1", result=Result.SUCCESSFUL)
    dg2 = Check(id="dg_hash.DG2", result=Result.FAILED)
    assert successful((dg1,)) == {Reason.DG_HASH}
    assert successful((dg1, dg2)) == successful((dg2, dg1)) == successful((dg2,)) == set()
    assert successful(()) == set()


ORDER = (Result.NOT_SUPPORTED, Result.UNDETERMINED, Result.ABORTED, Result.FAILED)


@pytest.mark.parametrize("worse", range(1, len(ORDER)))
def test_of_several_checks_behind_one_reason_the_worst_counts(worse):
    pair = (
        Check(id="dg_hash.DG1", result=ORDER[worse - 1]),
        Check(id="dg_hash.DG2", result=ORDER[worse]),
    )
    for checks in (pair, pair[::-1]):
        (found,) = findings((Reason.DG_HASH,), checks)
        assert found.result == ORDER[worse].value


def test_a_check_that_is_only_logged_stands_behind_nothing():
    logged = Check(id="dg_hash.DG2", result=Result.FAILED, mode=CheckMode.EVALUATORY)
    (found,) = findings((Reason.DG_HASH,), (logged,))
    assert found.result == ""
    assert chains((logged,)) == ()


def test_what_was_cut_short_elsewhere_folds_under_what_was_cut_short_first():
    cut = (
        Check(id="access_control", result=Result.ABORTED),
        Check(id="expiry", result=Result.ABORTED),
        Check(id="active_authentication", result=Result.UNDETERMINED),
    )
    found = findings((Reason.ACCESS_CONTROL,), cut)
    assert [(f.reason, f.cause) for f in found] == [
        (Reason.ACCESS_CONTROL, ""),
        (Reason.ACTIVE_AUTHENTICATION, Reason.ACCESS_CONTROL),
        (Reason.EXPIRY_OPEN, Reason.ACCESS_CONTROL),
    ]
    failed = (Check(id="access_control", result=Result.FAILED), cut[1])
    assert [f.reason for f in findings((Reason.ACCESS_CONTROL,), failed)] == [Reason.ACCESS_CONTROL]


def test_what_failed_is_hidden_under_no_cause():
    checks = (
        Check(id="access_control", result=Result.ABORTED),
        Check(id="mrz_dg1", result=Result.FAILED),
    )
    shown = [(f.reason, f.result, f.cause) for f in chains(checks)]
    assert shown == [(Reason.ACCESS_CONTROL, "aborted", ""), (Reason.MRZ_DG1, "failed", "")]


@pytest.mark.parametrize(
    ("result", "codes", "expected"),
    [
        (Result.UNDETERMINED, ("content_type_data",), ("content_type_data",)),
        (Result.UNDETERMINED, (), UNSET),
        (Result.FAILED, ("content_type_data",), UNSET),
    ],
)
def test_codes_say_why_a_check_was_undetermined(result, codes, expected):
    check = Check(id="sod_conformance", result=result, codes=codes)
    (found,) = findings((Reason.SOD_CONFORMANCE,), (check,))
    assert found.codes == expected
