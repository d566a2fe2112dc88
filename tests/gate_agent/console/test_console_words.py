"""Pure parts of the console: the texts for travellers and officers."""

from __future__ import annotations

import argon2
import msgspec
import pytest
from fake_lane import mantrap, referred, waiting
from hypothesis import given
from hypothesis import strategies as st

from biometrics.types import Guidance, LivenessState
from drivers.types import CHECK_IDS, Check, Condition, Result
from gate_agent.console.alerts import ALERTS, alert
from gate_agent.console.board import lane_board
from gate_agent.console.credentials import NOBODY
from gate_agent.console.display_language import Scene
from gate_agent.console.labels import CHECK_COLOUR, CHECK_TEXT
from gate_agent.console.officers import (
    Officer,
    OfficersFileError,
    hash_password,
    load_officers,
    save_officers,
    verify_password,
)
from gate_agent.console.sentences import SCENES
from gate_agent.console.sessions import MAX_SESSIONS, OfficerSessions
from gate_agent.console.traveller_view import traveller_view
from gate_agent.console.waiting import queue_of
from gate_agent.lane_api.api import (
    ApproachView,
    DeviceView,
    FaceView,
    HolderView,
    LastResult,
    Step,
    SyncView,
    View,
)

ORDINARY = traveller_view(referred(1, reasons=("document_timeout",)))
replace = msgspec.structs.replace


def board(view: View | None, *, personal: bool = True) -> dict:
    return lane_board(view, number=1, away="gone", away_since_utc_ms=0, personal=personal)


def test_two_doors_are_listed_in_the_order_of_the_way_through():
    view = replace(mantrap(1), exit="open", exit_lock="unlocked", beyond_zone="one")
    assert [(row["name"], row["text"]) for row in board(view)["doors"]] == [
        ("Before the entry", "occupied"),
        ("Entry door", "closed, locked"),
        ("Chamber", "one person"),
        ("Exit door", "OPEN"),
        ("Behind the exit", "occupied"),
    ]
    assert board(waiting(1))["doors"] == []


@pytest.mark.parametrize("entry", ["closed", "open", "unknown"])
@pytest.mark.parametrize("lock", ["locked", "unlocked", "unknown"])
def test_only_a_door_that_is_shut_and_locked_looks_right(entry, lock):
    door = board(replace(mantrap(1), entry=entry, entry_lock=lock))["doors"][1]
    assert (door["tone"] == "green") == ((entry, lock) == ("closed", "locked"))
    assert ("unknown" in (entry, lock)) == (door["text"] == "not known")


def test_a_referred_traveller_can_be_let_back_at_any_lane():
    assert board(referred(1))["releasable"] is True
    assert board(replace(referred(1), evidence_sha256=""))["releasable"] is False
    inside = replace(referred(1), topology="mantrap", zone="many")
    assert board(inside)["releasable"] is True
    assert board(replace(inside, zone="empty"))["releasable"] is False


@pytest.mark.parametrize(
    ("step", "zone", "releasable"),
    [
        (Step.LEAVING, "one", True),
        (Step.GOING_BACK, "unknown", True),
        (Step.LEAVING, "empty", False),
        (Step.VERIFYING, "one", False),
    ],
)
def test_a_person_is_let_out_of_a_chamber_only_when_the_crossing_is_over(step, zone, releasable):
    view = replace(mantrap(1), step=step, zone=zone)
    assert board(view)["releasable"] is releasable
    assert board(replace(view, topology="barrier"))["releasable"] is False


@given(
    reasons=st.lists(st.sampled_from(sorted(ALERTS)), max_size=5),
    alarms=st.lists(st.sampled_from(sorted(ALERTS)), max_size=3),
    guidance=st.sampled_from(list(Guidance)),
    pad=st.sampled_from(list(LivenessState)),
    score=st.none() | st.floats(-1, 1),
    document_step=st.text(max_size=5),
)
def test_every_referral_looks_the_same_to_the_traveller(
    reasons, alarms, guidance, pad, score, document_step
):
    view = replace(
        referred(1, reasons=tuple(reasons)),
        alarms=tuple(alarms),
        face=FaceView(guidance=guidance, pad=pad, score=score, threshold=0.5),
        document_step=document_step,
    )
    assert traveller_view(view) == ORDINARY


@pytest.mark.parametrize("step", list(Step))
def test_every_step_has_a_scene_and_names_no_one(step):
    view = replace(referred(1), step=step, face=FaceView(guidance="move_left"))
    shown = traveller_view(view)
    assert shown.text == SCENES[shown.scene]
    assert (shown.hint is not None) == (step is Step.VERIFYING)
    text = msgspec.json.encode(shown).decode()
    for value in msgspec.structs.asdict(view.holder).values():
        assert len(value) < 2 or value not in text


@pytest.mark.parametrize(
    ("changes", "scene"),
    [
        ({"fire": True}, Scene.EVACUATE),
        ({"mode": "evacuation", "step": Step.REFERRED}, Scene.EVACUATE),
        ({"mode": "out_of_service"}, Scene.CLOSED),
        ({"mode": "out_of_service", "step": Step.REFERRED}, Scene.OFFICER),
        ({"step": Step.LEAVING, "ticket": 6}, Scene.LEAVE),
        ({"step": Step.READING, "document_step": "another_card"}, Scene.OTHER_CARDS),
        ({"step": Step.REFERRED, "document_step": "another_card"}, Scene.OFFICER),
        ({"zone": "many"}, Scene.ONE_PERSON),
        ({"zone": "many", "step": Step.ENTERING}, Scene.ONE_PERSON),
        ({"zone": "many", "step": Step.CROSSING}, Scene.GO),
        ({"zone": "many", "step": Step.REFERRED}, Scene.OFFICER),
        ({"zone": "many", "mode": "out_of_service"}, Scene.CLOSED),
        (
            {"step": Step.LEAVING, "ticket": 7, "last": LastResult(ticket=7, outcome="refused")},
            Scene.OFFICER,
        ),
    ],
)
def test_scenes_that_depend_on_more_than_the_step(changes, scene):
    assert traveller_view(replace(waiting(1), **changes)).scene is scene


def test_a_lane_that_is_away_is_closed_to_travellers():
    assert traveller_view(None, was_demo=True).scene is Scene.CLOSED
    assert traveller_view(None, was_demo=True).demo


def test_every_reason_of_the_core_has_a_row():
    reasons = pytest.importorskip("gate_agent.core.reasons")
    assert {str(reason) for reason in reasons.Reason} <= set(ALERTS)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mode": "out_of_service"}, "Out of service"),
        (
            {"mode": "out_of_service", "alarms": ("restart",)},
            "Stopped: inspect the lane, then acknowledge",
        ),
        ({"mode": "starting"}, "Starting"),
        (
            {"mode": "starting", "zone": "one", "exit": "open"},
            "Starting, waits for the exit to shut, the lane to be empty",
        ),
        (
            {"mode": "starting", "devices": (DeviceView(device="vision", ready=False),)},
            "Starting, waits for vision",
        ),
        (
            {"mode": "starting", "devices": (DeviceView(device="turnstile", ready=False),)},
            "Starting, waits for turnstile",
        ),
    ],
)
def test_a_lane_that_serves_no_one_says_what_it_waits_for(changes, text):
    at_rest = replace(waiting(1), zone="empty", entry="closed", exit="closed", step=Step.CLOSED)
    assert board(replace(at_rest, **changes))["step_text"] == text


@pytest.mark.parametrize("condition", Condition)
def test_an_officer_sees_why_a_lane_refers_every_traveller(condition):
    lacking = DeviceView(device="reader", ready=True, conditions=(condition.value,))
    shown = board(replace(waiting(1), devices=(lacking,)))
    row = ALERTS[condition.value]
    (alarm,) = shown["alarms"]
    assert (alarm["text"], alarm["todo"]) == (row.text, row.todo)
    assert (shown["tone"], shown["devices"][0]["colour"]) == ("warning", "yellow")
    assert board(waiting(1))["alarms"] == []


def test_every_check_has_a_name_and_every_result_a_colour():
    assert set(CHECK_IDS) == set(CHECK_TEXT)
    assert set(Result) == set(CHECK_COLOUR)
    shown = board(replace(waiting(1), checks=(Check(id="dg_hash.DG2", result=Result.FAILED),)))
    assert shown["checks"][0]["name"] == "Data group unaltered (DG2)"
    assert (shown["checks"][0]["colour"], shown["checks"][0]["result"]) == ("red", "failed")


def test_an_unknown_code_is_shown_as_it_is():
    assert alert("other_thing").text == "other thing"


def test_the_holder_is_on_personal_boards_alone():
    assert board(referred(1))["holder"][0]["value"] == "SANTOSO"
    assert board(referred(1), personal=False)["holder"] is None
    assert "SANTOSO" not in str(board(referred(1), personal=False))


def test_a_date_that_is_not_one_day_is_shown_as_printed_with_what_is_known():
    known = {"birth_date_known": "1919-06-07 or 2019-06-07", "expiry_known": "no date of expiry"}
    open_dates = HolderView(birth_date="190607", expiry="<<<<<<", **known)
    shown = board(replace(referred(1), holder=open_dates))["holder"]
    values = {row["name"]: row["value"] for row in shown}
    assert values["Birth date"] == "190607: 1919-06-07 or 2019-06-07"
    assert values["Expiry"] == "<<<<<<: no date of expiry"
    assert set(values) == {row["name"] for row in board(referred(1))["holder"]}


def test_boards_of_every_state_have_the_same_fields():
    fields = set(board(waiting(1)))
    assert set(board(None)) == fields
    assert set(board(referred(1))) == fields
    for step in Step:
        assert set(board(replace(referred(1), step=step, holder=HolderView()))) == fields


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({}, "idle"),
        ({"step": Step.READING}, "busy"),
        ({"step": Step.REFERRED}, "referred"),
        ({"alarms": ("device_failed",)}, "warning"),
        ({"alarms": ("tailgating",), "step": Step.REFERRED}, "alarm"),
        ({"fire": True}, "alarm"),
        ({"mode": "out_of_service"}, "closed"),
        ({"mode": "starting"}, "closed"),
    ],
)
def test_tones(changes, tone):
    assert board(replace(waiting(1), **changes))["tone"] == tone
    assert board(None)["tone"] == "away"


def queue(*views: View) -> list[tuple[str, str]]:
    boards = [
        lane_board(v, number=v.lane, away="", away_since_utc_ms=0, personal=False) for v in views
    ]
    return [(row["label"], row["tone"]) for row in queue_of(boards)]


def test_many_reasons_are_shown_in_short_the_gravest_first():
    reasons = ("mrz_consistency", "expiry", "defects", "dg_hash")
    reported = board(referred(1, reasons=reasons))["reasons_text"]
    assert reported.startswith("Data on the chip were altered; Check digits")
    assert reported.endswith("has expired and 1 more")
    last = LastResult(ticket=1, outcome="refused", reasons=reasons, officer="budi")
    reported = board(replace(waiting(1), last=last))["last_text"]
    assert reported == "Refused by budi: Data on the chip were altered and 3 more"


def test_a_referral_before_the_entry_is_shown_beside_the_one_in_the_chamber():
    outside = ApproachView(step=Step.REFERRED, ticket=8, reasons=("expiry",))
    view = replace(mantrap(1), approach=outside)
    assert queue(view) == [("Lane 1, before the entry", "referred")]
    assert [row["code"] for row in board(view)["outside"]] == ["expiry"]
    assert queue(replace(view, approach=replace(outside, step=Step.QUEUED))) == []


def test_what_speaks_against_a_document_comes_first():
    shown = board(referred(1))
    results = [row["result"] for row in shown["checks"]]
    assert results[:3] == ["failed", "undetermined", "aborted"]
    assert shown["checks_text"].startswith("1 failed, 1 undetermined, 1 aborted, 8 successful")


@pytest.mark.parametrize(
    ("seconds", "text"), [(119, "119 s"), (120, "2 min"), (7_200, "2 h"), (216_000, "2 days")]
)
def test_how_old_the_oldest_unsent_record_is_in_a_unit_to_grasp(seconds, text):
    sync = SyncView(journal_seq=2, receipt_seq=1, oldest_unsent_s=seconds)
    assert board(replace(waiting(1), sync=sync))["sync_text"].endswith(f"oldest {text}")


def test_a_referral_without_a_comparison_waits_for_none():
    shown = board(replace(referred(1), face=FaceView()))
    why = "Not compared, because data on the chip were altered"
    assert (shown["score_text"], shown["score_tone"]) == (why, "grey")
    assert board(waiting(1))["score_text"] == "No comparison yet"


def counter():
    numbers = iter(range(100_000))
    return lambda size: next(numbers).to_bytes(size, "big")


def test_presence_needs_a_stream_and_a_fresh_beat():
    sessions = OfficerSessions(counter(), idle_s=1000, absolute_s=2000)
    _, session = sessions.open("budi", 0)
    assert sessions.present(0, 6000) is None
    session.beat_ns = 0
    assert sessions.present(0, 6000) is None
    session.looked_ns = 0  # a page that asks is as good as one that follows a stream
    assert sessions.present(5_999_000_000, 6000) == "budi"
    assert sessions.present(6_000_000_000, 6000) is None
    session.looked_ns, session.streams = None, 1
    assert sessions.present(5_999_000_000, 6000) == "budi"
    assert sessions.present(6_000_000_000, 6000) is None
    session.beat_ns = 999_000_000_000
    assert sessions.present(999_000_000_000, 6000) == "budi"
    assert sessions.present(1000_000_000_000, 6000) is None


def test_sessions_are_bounded_and_their_ids_are_not_kept():
    sessions = OfficerSessions(counter(), idle_s=1000, absolute_s=2000)
    ids = [sessions.open("budi", n)[0] for n in range(MAX_SESSIONS + 1)]
    assert sessions.get(ids[0], 300) is None
    assert sessions.get(ids[1], 300) is not None
    assert ids[1] not in str(vars(sessions))


def test_passwords(tmp_path):
    password_hash = hash_password("a long enough password", counter())
    assert password_hash.startswith("$argon2id$")
    assert verify_password(password_hash, "a long enough password")
    assert not verify_password(password_hash, "another password")
    assert not verify_password("nonsense", "a long enough password")
    with pytest.raises(ValueError, match="12 to 256"):
        hash_password("short", counter())
    officer = Officer(name="budi", password_hash=password_hash)
    assert "argon2" not in repr(officer)
    save_officers(tmp_path / "officers.json", (officer,))
    assert (tmp_path / "officers.json").stat().st_mode & 0o777 == 0o600
    assert load_officers(tmp_path / "officers.json") == (officer,)


def test_an_unknown_name_costs_a_real_comparison():
    known = argon2.extract_parameters(hash_password("a long enough password", counter()))
    assert argon2.extract_parameters(NOBODY) == known
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(NOBODY, "a long enough password")


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"\xff",
        b"{}",
        b'[{"name": "a b", "password_hash": "$argon2id$x"}]',
        b'[{"name": "a", "password_hash": "plain"}]',
        b'[{"name": "a", "password_hash": "$argon2id$x", "more": 1}]',
        b"[%(row)s, %(row)s]" % {b"row": b'{"name": "a", "password_hash": "$argon2id$x"}'},
    ],
)
def test_bad_officers_files_are_refused(tmp_path, content):
    path = tmp_path / "officers.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OfficersFileError, match=r"officers\.json"):
        load_officers(path)
