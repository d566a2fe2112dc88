"""What an officer reads of a referral: what failed, what was not judged, and what only followed."""

from __future__ import annotations

import msgspec
import pytest
from fake_lane import referred, waiting

from drivers.types import CHECK_IDS, Check, CheckMode, Result
from gate_agent.console.alerts import ALERTS
from gate_agent.console.board import lane_board
from gate_agent.console.face_board import NO_SCALE, STRENGTHS, face_board, strength
from gate_agent.console.labels import CHECK_TEXT
from gate_agent.core.causes import reason_of
from gate_agent.lane_api.api import FaceView, LastResult, View

replace = msgspec.structs.replace
PRINTED = ("mrz_consistency", "expiry")
BLAMING = ("altered", "not valid", "copy", "hides", "differ", "not trusted", "wrong", "failed")


def board(view: View) -> dict:
    return lane_board(view, number=1, away="", away_since_utc_ms=0, personal=False)


def unopened(result: Result = Result.FAILED) -> View:
    """A lane whose traveller's chip was not opened: all the rest was aborted."""
    checks = tuple(
        Check(
            id=name,
            result=Result.SUCCESSFUL
            if name in PRINTED
            else result
            if name == "access_control"
            else Result.ABORTED,
        )
        for name in CHECK_IDS
    )
    face = FaceView()
    return replace(referred(1, reasons=("access_control",)), checks=checks, face=face)


@pytest.mark.parametrize("result", [Result.FAILED, Result.ABORTED])
def test_an_unopened_chip_says_so_once_and_what_to_do(result):
    shown = board(unopened(result))
    (row,) = shown["reasons"]
    assert row["text"] == "The chip was not opened"
    assert row["todo"].count(".") == 1
    assert len(row["followed"]) == len(CHECK_IDS) - 3
    assert {each["result"] for each in row["followed"]} == {"aborted"}
    assert len(shown["unmade"]) == len(CHECK_IDS) - 3
    assert not any(word in row["text"] + row["todo"] for word in BLAMING)
    assert shown["score_text"] == "Not compared, because the chip was not opened"
    assert "0 faces" not in shown["faces_text"]
    assert shown["pad_text"] == "Attack detection: not asked"
    assert shown["tone"] == "referred"


@pytest.mark.parametrize("check_id", CHECK_IDS)
@pytest.mark.parametrize("result", [Result.ABORTED, Result.UNDETERMINED])
def test_what_was_not_judged_is_never_worded_as_failed(check_id, result):
    checks = (Check(id=check_id, result=result),)
    reason = reason_of(check_id, result).value
    (row,) = board(replace(referred(1, reasons=(reason,)), checks=checks))["reasons"]
    by_itself = reason != check_id  # `expiry_open`, `another_card`: the reason is worded so
    alert = ALERTS[reason]
    assert row["text"] == (alert.text if by_itself else alert.unjudged or alert.text)
    assert (row["severity"], row["alone"]) == ("warning", True)
    failed = (Check(id=check_id, result=Result.FAILED),)
    (judged,) = board(replace(referred(1, reasons=(check_id,)), checks=failed))["reasons"]
    assert judged["text"] == ALERTS[check_id].text


def test_every_check_has_a_text_for_what_was_not_judged():
    named = {code for code, row in ALERTS.items() if row.unjudged}
    assert named == {*CHECK_TEXT, "other_check"} - {"expiry", "access_control"}
    # `expiry_open` is shown instead, and "was not opened" says no more than that.


def test_the_crossing_before_is_worded_in_the_same_way():
    last = LastResult(ticket=6, outcome="refused", reasons=("sod_signature",), officer="budi")
    assert board(replace(waiting(1), last=last))["last_text"].endswith("is not valid")
    unjudged = replace(last, unjudged=("sod_signature",))
    assert board(replace(waiting(1), last=unjudged))["last_text"].endswith("was not checked")


def test_a_check_without_data_on_a_genuine_passport_is_not_amber():
    checks = tuple(
        Check(id=name, result=Result.UNDETERMINED, mode=CheckMode.OPTIONAL, detail="no CRL")
        for name in ("ds_revocation", "defects", "face_image")
    )
    rows = board(replace(waiting(1), checks=checks))["checks"]
    assert {row["colour"] for row in rows} == {"grey"}
    assert {(row["result"], row["detail"]) for row in rows} == {("undetermined", "no CRL")}


def test_an_expired_document_says_why_no_face_was_compared():
    expired = (Check(id="expiry", result=Result.FAILED),)
    view = replace(referred(1, reasons=("expiry",)), checks=expired, face=FaceView())
    shown = board(view)
    assert shown["score_text"] == "Not compared, because the document has expired"
    assert shown["faces_text"] == "The live picture was not judged,"


@pytest.mark.parametrize(
    ("face", "text"),
    [
        (FaceView(asked=True), "no face was found"),
        (FaceView(asked=True, faces=1), "not good enough"),
    ],
)
def test_a_face_that_was_looked_for_and_not_compared_says_why(face, text):
    shown = board(replace(referred(1, reasons=("face_not_acquired",)), face=face))
    assert text in shown["score_text"]
    assert "match" not in shown["score_text"].lower()


@pytest.mark.parametrize(
    ("llr", "words"),
    [
        (12.0, "Supports strongly"),
        (5.0, "Supports moderately"),
        (1.0, "Supports weakly"),
        (0.0, "Says nothing"),
        (-1.0, "Contradicts weakly"),
        (-5.0, "Contradicts that"),
        (-9.0, "Contradicts strongly"),
    ],
)
def test_support_is_said_by_the_likelihood_ratio(llr, words):
    assert strength(llr).startswith(words)


def test_the_scale_of_support_falls_and_what_has_none_says_so():
    least = [step for step, _ in STRENGTHS]
    assert least == sorted(least, reverse=True)
    assert strength(None) == strength(float("nan")) == NO_SCALE


def shown_face(**face) -> dict:
    view = replace(referred(1), face=FaceView(faces=1, asked=True, **face))
    return face_board(view, "")


@pytest.mark.parametrize(
    ("score", "threshold", "llr", "limit"),
    [(0.93, 0.95, 2.7, 7.4), (5.1, 3.2, 12.8, 4.2), (-0.8, 3.2, -5.8, 4.2)],
)
def test_the_bar_lives_on_the_scale_of_every_tier(score, threshold, llr, limit):
    shown = shown_face(score=score, threshold=threshold, llr=llr, threshold_llr=limit)
    assert not shown["uncompared"]
    assert 0 < shown["score_percent"] < 100
    assert 0 < shown["threshold_percent"] < 100
    assert (shown["score_percent"] >= shown["threshold_percent"]) == (score >= threshold)
    assert f"score {score:.3f}, threshold {threshold:.3f}" in shown["score_text"]


def test_a_tier_without_a_scale_shows_the_number_alone():
    shown = shown_face(score=0.61, threshold=0.42)
    assert shown["uncompared"]
    assert NO_SCALE in shown["score_text"]
    assert "0.610" in shown["score_text"]
