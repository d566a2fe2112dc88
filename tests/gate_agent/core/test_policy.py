"""The decision, reason by reason."""

from __future__ import annotations

import pytest
from gate_world import ADULT, GOOD_CHECKS, PROFILE, frame
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from biometrics.types import LivenessState
from drivers.types import CHECK_IDS, Check, CheckMode, ExpiryKind, Result
from firmware_cfg.profile import Policy
from gate_agent.core.messages import ListState
from gate_agent.core.policy import Evidence, better, decide, policy_settings
from gate_agent.core.reasons import Outcome, Reason, of_check, ordered
from gate_agent.core.states import replace

RULES = policy_settings(PROFILE)
GOOD = Evidence(
    checks=GOOD_CHECKS,
    attributes=ADULT,
    list_state=ListState.NO_LIST,
    portrait_usable=True,
    face_asked=True,
    best=frame(),
)
GOOD_PART, BAD_PART = frame().quality[0], frame(ok=False).quality[0]


def with_check(check_id: str, result: Result, mode: CheckMode = CheckMode.MANDATORY):
    others = tuple(c for c in GOOD_CHECKS if c.id.partition(".")[0] != check_id.partition(".")[0])
    return replace(GOOD, checks=(*others, Check(id=check_id, result=result, mode=mode)))


def aged(youngest: int, oldest: int):
    return replace(ADULT, age_years=None, age_range_years=(youngest, oldest))


def expires(kind: ExpiryKind, left: tuple[int, int] | UnsetType = UNSET):
    return replace(ADULT, days_to_expiry=None, expiry=kind, days_to_expiry_range=left)


def reasons(evidence: Evidence, **policy) -> set[str]:
    rules = replace(RULES, policy=replace(RULES.policy, **policy))
    return {reason.value for reason in decide(evidence, rules).reasons}


def of_result(check_id: str, result: Result | None) -> str:
    """Of an expiry only the failed check says that the document expired."""
    if check_id == "access_control":
        other = {Result.UNDETERMINED: "another_card", Result.NOT_SUPPORTED: "no_access_control"}
        return other.get(result, check_id)
    if check_id != "expiry" or result is Result.FAILED:
        return check_id
    return "expiry_none" if result is Result.NOT_SUPPORTED else "expiry_open"


def test_good_evidence_admits():
    assert decide(GOOD, RULES).outcome is Outcome.ADMIT


@pytest.mark.parametrize("check_id", Policy().mandatory_checks)
@pytest.mark.parametrize("result", [r for r in Result if r is not Result.SUCCESSFUL])
def test_a_mandatory_check_that_is_not_successful_refers(check_id, result):
    assert of_result(check_id, result) in reasons(with_check(check_id, result))


@pytest.mark.parametrize("check_id", Policy().mandatory_checks)
def test_a_mandatory_check_that_is_missing_refers(check_id):
    kept = tuple(c for c in GOOD_CHECKS if c.id.partition(".")[0] != check_id)
    assert reasons(replace(GOOD, checks=kept)) == {of_result(check_id, None)}


def test_one_bad_data_group_among_good_ones_refers():
    bad = Check(id="dg_hash.DG2", result=Result.FAILED)
    assert reasons(replace(GOOD, checks=(*GOOD_CHECKS, bad))) == {"dg_hash"}


def test_undetermined_counts_only_where_it_is_allowed():
    evidence = with_check("ds_validity", Result.UNDETERMINED)
    assert reasons(evidence) == {"ds_validity"}
    assert reasons(evidence, undetermined_allowed=("ds_validity",)) == set()
    for result in (Result.ABORTED, Result.NOT_SUPPORTED, Result.FAILED):
        other = with_check("ds_validity", result)
        assert "ds_validity" in reasons(other, undetermined_allowed=("ds_validity",))


def test_a_chip_without_access_control_is_admitted_by_the_profile_alone():
    plain = with_check("access_control", Result.NOT_SUPPORTED)
    assert reasons(plain) == {"no_access_control"}
    assert reasons(plain, without_access_control="admit") == set()
    for result in (Result.UNDETERMINED, Result.ABORTED, Result.FAILED):
        other = with_check("access_control", result)
        assert reasons(other, without_access_control="admit") == reasons(other) != set()


def test_a_document_that_does_not_expire_is_admitted_by_the_profile_alone():
    unlimited = replace(
        with_check("expiry", Result.NOT_SUPPORTED), attributes=expires(ExpiryKind.NONE)
    )
    assert reasons(unlimited) == {"expiry_none"}
    assert reasons(unlimited, without_expiry="admit") == set()
    admit = {"without_expiry": "admit"}
    kept = tuple(check for check in unlimited.checks if check.id != "expiry")
    assert reasons(replace(unlimited, checks=kept), **admit) == {"expiry_open"}
    assert reasons(replace(unlimited, attributes=expires(ExpiryKind.OPEN)), **admit) == {
        "expiry_open"
    }
    for result in (Result.UNDETERMINED, Result.ABORTED):
        other = replace(
            with_check("expiry", result, CheckMode.MANDATORY), attributes=unlimited.attributes
        )
        assert "expiry_open" in reasons(other, **admit)


@pytest.mark.parametrize(
    ("mode", "reason"), [(CheckMode.OPTIONAL, "expiry"), (CheckMode.EVALUATORY, "expiry_open")]
)
def test_an_expiry_that_was_not_mandatory_refers_when_it_failed(mode, reason):
    assert reason in reasons(with_check("expiry", Result.FAILED, mode), without_expiry="admit")


def test_a_date_that_was_misread_is_one_reason():
    misread = with_check("mrz_consistency", Result.FAILED)
    unknown = replace(ADULT, age_years=None, days_to_expiry=None)
    assert reasons(replace(misread, attributes=unknown)) == {"mrz_consistency"}
    expired = replace(ADULT, age_years=16, days_to_expiry=-1)
    assert reasons(replace(misread, attributes=expired)) == {
        "mrz_consistency",
        "expiry",
        "under_age",
    }


@pytest.mark.parametrize(
    ("check_id", "mode"),
    [
        ("sod_conformance", CheckMode.OPTIONAL),
        ("sod_conformance", CheckMode.MANDATORY),
        ("mrz_dg1", CheckMode.MANDATORY),
    ],
)
def test_a_deviation_refers_unless_each_of_its_codes_is_allowed(check_id, mode):
    codes = ("content_type_data", "signed_data_version")
    kept = tuple(c for c in GOOD_CHECKS if c.id != check_id)

    def decided(result, shown, allowed):
        odd = Check(id=check_id, result=result, mode=mode, codes=shown)
        return reasons(replace(GOOD, checks=(*kept, odd)), deviations_allowed=allowed)

    for allowed in ((), codes[:1], codes[1:], ("differ_by_fillers",)):
        assert decided(Result.UNDETERMINED, codes, allowed) == {check_id}
    assert decided(Result.UNDETERMINED, codes, codes) == set()
    for result in (Result.FAILED, Result.ABORTED, Result.NOT_SUPPORTED):
        assert decided(result, codes, codes) == {check_id}
    # Without codes it is not known what keeps it from success: nothing allows that.
    demanded = check_id in Policy().mandatory_checks
    assert decided(Result.UNDETERMINED, (), codes) == ({check_id} if demanded else set())


@pytest.mark.parametrize("first", [True, False])
def test_a_check_of_several_parts_needs_all_of_them(first):
    unread = Check(id="dg_hash.DG2", result=Result.NOT_SUPPORTED)
    checks = (unread, *GOOD_CHECKS) if first else (*GOOD_CHECKS, unread)
    assert reasons(replace(GOOD, checks=checks)) == {"dg_hash"}


@pytest.mark.parametrize("check_id", ["com_sod", "defects", "made_up"])
def test_an_optional_check_refers_only_when_it_failed(check_id):
    optional = CheckMode.OPTIONAL
    expected = check_id if check_id in CHECK_IDS else "other_check"
    assert reasons(with_check(check_id, Result.FAILED, optional)) == {expected}
    assert reasons(with_check(check_id, Result.NOT_SUPPORTED, optional)) == set()
    assert reasons(with_check(check_id, Result.FAILED, CheckMode.EVALUATORY)) == set()


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ((-400, -1), {"expiry"}),
        ((-1, 89), {"expiry_open"}),
        ((0, 89), {"expiry_soon"}),
        ((0, 90), {"expiry_open"}),
        ((90, 120), set()),
    ],
)
def test_a_document_valid_for_too_short_has_not_expired(left, expected):
    part = replace(GOOD, attributes=expires(ExpiryKind.PART, left))
    assert reasons(part, min_days_to_expiry=90) == expected


def test_the_days_asked_for_count_from_the_day_of_inspection():
    for days, expected in (
        (-1, {"expiry"}),
        (0, {"expiry_soon"}),
        (179, {"expiry_soon"}),
        (180, set()),
    ):
        exact = replace(GOOD, attributes=replace(ADULT, days_to_expiry=days))
        assert reasons(exact, min_days_to_expiry=180) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"attributes": replace(ADULT, age_years=17)}, {"under_age"}),
        ({"attributes": replace(ADULT, age_years=None)}, {"age_open"}),
        ({"attributes": aged(1, 101)}, {"age_open"}),
        ({"attributes": aged(17, 18)}, {"age_open"}),
        ({"attributes": aged(16, 17)}, {"under_age"}),
        ({"attributes": aged(18, 118)}, set()),
        ({"attributes": expires(ExpiryKind.PART, (0, 30))}, set()),
        ({"attributes": expires(ExpiryKind.PART, (-1, 29))}, {"expiry_open"}),
        ({"attributes": expires(ExpiryKind.PART, (-31, -1))}, {"expiry"}),
        ({"attributes": expires(ExpiryKind.OPEN)}, {"expiry_open"}),
        ({"attributes": expires(ExpiryKind.NONE)}, {"expiry_none"}),
        ({"attributes": replace(ADULT, days_to_expiry=-1)}, {"expiry"}),
        ({"attributes": replace(ADULT, days_to_expiry=None)}, {"expiry_open"}),
        ({"attributes": replace(ADULT, age_years=18, days_to_expiry=0)}, set()),
        ({"attributes": None}, {"document_unreadable"}),
        ({"checks": None}, {"document_timeout"}),
        ({"list_state": None}, {"list_unavailable"}),
        ({"list_state": ListState.HIT}, {"list_hit"}),
        ({"portrait_usable": None}, {"portrait_unusable"}),
        ({"portrait_usable": False}, {"portrait_unusable"}),
        ({"attack": True}, {"pad_attack"}),
        ({"best": None}, {"face_not_acquired"}),
        ({"best": frame(faces=0, compared=False)}, {"face_not_acquired"}),
        ({"best": frame(faces=0)}, {"face_not_acquired"}),
        ({"best": frame(faces=2)}, {"several_faces"}),
        ({"best": frame(ok=False)}, {"face_quality"}),
        ({"best": replace(frame(), quality=())}, {"face_quality"}),
        ({"best": replace(frame(), quality=(GOOD_PART, BAD_PART))}, {"face_quality"}),
        ({"best": frame(score=0.5)}, set()),
        ({"best": frame(score=0.49)}, {"face_no_match"}),
        ({"best": frame(score=float("nan"))}, {"face_no_match"}),
        ({"best": frame(fmr=1e-2)}, {"face_no_match"}),
        ({"best": frame(compared=False)}, {"face_not_acquired"}),
        ({"best": frame(live=LivenessState.ATTACK)}, {"pad_attack"}),
        ({"best": frame(live=LivenessState.NOT_RUN)}, {"pad_not_run"}),
        ({"circumstances": (Reason.WALKED_AWAY,)}, {"walked_away"}),
        (
            {"circumstances": (Reason.FIRE,), "best": None, "list_state": None},
            {"fire"},
        ),
        (
            {"circumstances": (Reason.FIRE,), "best": None, "portrait_usable": None},
            {"fire"},
        ),
        (
            {"circumstances": (Reason.FIRE,), "list_state": ListState.HIT, "attack": True},
            {"fire", "list_hit", "pad_attack"},
        ),
        (
            {"circumstances": (Reason.FIRE,), "portrait_usable": False},
            {"fire", "portrait_unusable"},
        ),
        ({"circumstances": (Reason.FIRE,), "best": frame(live=LivenessState.NOT_RUN)}, {"fire"}),
        ({"circumstances": (Reason.FIRE,), "best": frame(compared=False)}, {"fire"}),
        ({"best": frame(compared=False), "portrait_usable": False}, {"portrait_unusable"}),
        ({"circumstances": (Reason.FIRE,), "best": frame(score=0.1)}, {"fire", "face_no_match"}),
        ({"face_asked": False}, {"face_not_acquired"}),
        ({"face_asked": False, "portrait_usable": False}, {"portrait_unusable"}),
        ({"checks": None, "face_asked": False, "circumstances": (Reason.FIRE,)}, {"fire"}),
    ],
)
def test_one_flaw_gives_one_reason(changes, expected):
    assert reasons(replace(GOOD, **changes)) == expected


def test_an_age_counts_only_where_the_lane_has_a_least_age():
    evidence = replace(GOOD, attributes=replace(ADULT, age_years=None))
    assert reasons(evidence, min_age_years=0) == set()


def test_attack_detection_may_be_missing_only_in_a_demonstration():
    blind = replace(GOOD, best=frame(live=LivenessState.NOT_RUN))
    lax = replace(RULES, policy=replace(RULES.policy, pad_required=False))
    assert decide(blind, lax).reasons == (Reason.PAD_NOT_RUN,)
    assert decide(blind, replace(lax, demo=True)).outcome is Outcome.ADMIT
    assert decide(blind, replace(RULES, demo=True)).reasons == (Reason.PAD_NOT_RUN,)


LIST_ANSWERS = [
    (ListState.NO_HIT, 0, set()),
    (ListState.NO_HIT, 10, set()),
    (ListState.NO_HIT, 11, {"list_too_old"}),
    (ListState.NO_HIT, -1, {"list_too_old"}),
    (ListState.NO_HIT, None, {"list_unavailable"}),
    (ListState.NO_LIST, None, {"list_unavailable"}),
    (ListState.NO_LIST, 5, {"list_unavailable"}),
    (ListState.HIT, 5, {"list_hit"}),
]


@pytest.mark.parametrize(("state", "age", "expected"), LIST_ANSWERS)
def test_lists_that_answered_count_also_where_a_crossing_was_cut_short(state, age, expected):
    evidence = replace(GOOD, list_state=state, list_age_s=age, circumstances=(Reason.WALKED_AWAY,))
    assert reasons(evidence, max_list_age_s=10) == expected | {"walked_away"}


@pytest.mark.parametrize(("state", "age", "expected"), LIST_ANSWERS)
def test_lists_have_an_age_where_it_is_limited(state, age, expected):
    evidence = replace(GOOD, list_state=state, list_age_s=age)
    assert reasons(evidence, max_list_age_s=10) == expected


def test_a_check_that_is_only_logged_is_no_reason_whatever_it_found():
    logged = Check(
        id="sod_conformance",
        result=Result.UNDETERMINED,
        mode=CheckMode.EVALUATORY,
        codes=("content_type_data",),
    )
    assert reasons(replace(GOOD, checks=(*GOOD_CHECKS, logged))) == set()


@pytest.mark.parametrize(
    "reason",
    [Reason.ANOTHER_CARD, Reason.NO_ACCESS_CONTROL, Reason.EXPIRY_OPEN, Reason.EXPIRY_NONE],
)
def test_what_stands_for_one_result_is_no_check_of_its_own(reason):
    assert of_check(reason.value) is Reason.OTHER_CHECK


def test_every_check_has_its_reason():
    assert [of_check(check_id).value for check_id in CHECK_IDS] == list(CHECK_IDS)


@given(st.sets(st.sampled_from(list(Reason))))
def test_reasons_are_in_fixed_order(chosen):
    evidence = replace(GOOD, circumstances=tuple(chosen))
    decision = decide(evidence, RULES)
    assert decision.reasons == ordered(chosen)
    assert (decision.outcome is Outcome.ADMIT) == (not chosen)


@given(
    st.lists(
        st.builds(
            frame,
            score=st.floats(0, 1) | st.just(float("nan")),
            faces=st.integers(0, 3),
            ok=st.booleans(),
            live=st.sampled_from([LivenessState.BONA_FIDE, LivenessState.NOT_RUN]),
            compared=st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_best_frame_is_one_that_matches_if_there_is_any(frames):
    best = None
    for seen in frames:
        best = better(best, seen, RULES)
    usable = [
        f for f in frames if f.faces == 1 and f.match and f.quality[0].ok and f.match.score >= 0.5
    ]
    if usable:
        assert best in usable


@pytest.mark.parametrize(
    ("better_one", "other"),
    [
        (frame(score=0.5), frame(score=0.49)),
        (frame(score=0.5), frame(score=0.9, fmr=1e-2)),
        (frame(score=0.1), frame(score=0.9, faces=2)),
        (frame(score=0.1), frame(score=0.9, faces=0)),
        (frame(score=0.1), frame(score=0.9, ok=False)),
        (frame(score=0.1), frame(compared=False)),
        (frame(score=0.2), frame(score=0.1)),
        (frame(score=0.2), frame(score=float("nan"))),
        (frame(score=0.2, ok=False), frame(score=0.1, ok=False)),
        (frame(compared=False), frame(faces=2)),
        (frame(compared=False), frame(faces=0)),
        (frame(score=0.1, faces=2), frame(compared=False, faces=0)),
    ],
)
def test_the_better_of_two_frames_whichever_came_first(better_one, other):
    assert better(other, better_one, RULES) is better_one
    assert better(better_one, other, RULES) is better_one


def test_of_two_equal_frames_the_earlier_one_stays():
    one, other = frame(), frame()
    assert better(one, other, RULES) is one
    assert better(None, other, RULES) is other


def test_several_faces_are_as_good_as_one_where_the_lane_allows_them():
    rules = replace(RULES, policy=replace(RULES.policy, max_faces=2))
    assert better(frame(score=0.1), pair := frame(score=0.9, faces=2), rules) is pair
    assert better(pair, frame(score=0.1), rules) is pair


def test_a_data_group_that_no_one_may_read_does_not_refer():
    unread = Check(id="dg_hash.DG3", result=Result.UNDETERMINED, mode=CheckMode.OPTIONAL)
    evidence = replace(GOOD, checks=(*GOOD.checks, unread))
    assert decide(evidence, RULES).outcome is Outcome.ADMIT


def test_a_mandatory_check_reported_as_optional_refers():
    assert "sod_signature" in reasons(
        with_check("sod_signature", Result.SUCCESSFUL, CheckMode.OPTIONAL)
    )
