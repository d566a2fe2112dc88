"""What waits for an officer: fire first, then alarms, then referrals, the gravest and longest."""

from __future__ import annotations

import msgspec
import pytest
from fake_lane import mantrap, referred, waiting
from hypothesis import given
from hypothesis import strategies as st

from gate_agent.console.alerts import ALERTS, Severity, alert
from gate_agent.console.board import lane_board
from gate_agent.console.gravity import GRAVEST_FIRST, gravity
from gate_agent.console.reasons_board import alert_row
from gate_agent.console.waiting import KINDS, evacuation_of, queue_of
from gate_agent.lane_api.api import ApproachView, Step, View

replace = msgspec.structs.replace


def boards(*views: View | None) -> list[dict]:
    return [
        lane_board(
            view,
            number=view.lane if view else 9,
            away="gone",
            away_since_utc_ms=0,
            personal=False,
        )
        for view in views
    ]


def order(*views: View | None) -> list[tuple[int, str]]:
    return [(row["lane"], row["kind"]) for row in queue_of(boards(*views))]


def test_the_longest_wait_comes_first():
    views = [replace(referred(n), since_utc_ms=100 - n) for n in (1, 2, 3)] + [waiting(4)]
    assert [lane for lane, _ in order(*views)] == [3, 2, 1]


def test_a_lane_in_alarm_comes_before_every_referral():
    alarm = replace(waiting(3), alarms=("door_forced",), since_utc_ms=9_000)
    device = replace(waiting(4), alarms=("device_failed",))
    grave = replace(referred(1), since_utc_ms=1)
    assert order(grave, alarm, device) == [(3, "alarm"), (1, "referral")]
    assert [row["tone"] for row in queue_of(boards(grave, alarm))] == ["alarm", "alarm"]
    paper = queue_of(boards(referred(1, reasons=("under_age",))))
    assert [(row["label"], row["tone"]) for row in paper] == [("Lane 1", "referred")]


@pytest.mark.parametrize("changes", [{"fire": True}, {"mode": "evacuation"}])
def test_fire_and_evacuation_come_first_and_are_said_on_every_page(changes):
    burning = replace(waiting(5), since_utc_ms=9_000, **changes)
    alarm = replace(waiting(3), alarms=("door_forced",), since_utc_ms=1)
    shown = queue_of(boards(referred(1), alarm, burning, None))
    assert [row["kind"] for row in shown][:2] == ["fire", "alarm"]
    assert shown[0]["lane"] == 5
    assert "everyone is out" in shown[0]["reasons_text"]
    assert evacuation_of(boards(alarm, burning)).startswith("FIRE or EVACUATION at lane 5")
    assert evacuation_of(boards(alarm)) == ""


def test_a_graver_referral_comes_before_a_longer_wait():
    paper = replace(referred(1, reasons=("expiry",)), since_utc_ms=1)
    listed = replace(referred(2, reasons=("list_hit",)), since_utc_ms=9)
    assert [lane for lane, _ in order(paper, listed)] == [2, 1]


def test_a_lane_that_does_not_answer_waits_too():
    assert order(None, referred(1, reasons=("expiry",))) == [(9, "alarm"), (1, "referral")]


def test_a_referral_before_the_entry_comes_last():
    outside = ApproachView(step=Step.REFERRED, ticket=8, reasons=("expiry",))
    views = replace(mantrap(1), approach=outside), referred(2, reasons=("under_age",))
    assert order(*views) == [(2, "referral"), (1, "next")]


def test_the_table_of_gravity_names_each_code_once_from_alarms_down():
    assert len(set(GRAVEST_FIRST)) == len(GRAVEST_FIRST)
    assert set(GRAVEST_FIRST) <= {*ALERTS, "away"}
    ranks = [gravity(alert_row(code)) for code in GRAVEST_FIRST]
    assert ranks == sorted(ranks)
    alarms = {code for code, row in ALERTS.items() if row.severity is Severity.ALARM}
    assert alarms <= set(GRAVEST_FIRST)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(sorted(ALERTS)), min_size=1, max_size=3),
            st.lists(st.sampled_from(sorted(ALERTS)), max_size=2),
            st.integers(1, 50),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_the_order_is_kind_then_gravity_then_wait(lanes):
    views = [
        replace(
            referred(number, reasons=tuple(reasons)),
            alarms=tuple(alarms),
            since_utc_ms=since,
            fire=fire,
        )
        for number, (reasons, alarms, since, fire) in enumerate(lanes, start=1)
    ]
    rows = queue_of(boards(*views))
    assert [row["lane"] for row in rows if row["kind"] == "fire"] == [
        row["lane"] for row in rows[: sum(fire for *_, fire in lanes)]
    ]
    keys = [(KINDS.index(r["kind"]), r["gravity"], r["since_utc_ms"], r["lane"]) for r in rows]
    assert keys == sorted(keys)
    assert len(rows) == len(views)


def test_what_was_not_judged_is_never_an_alarm():
    for code in ALERTS:
        row = alert(code, judged=False)
        if ALERTS[code].unjudged:
            assert row.severity is Severity.WARNING
            assert row.text == ALERTS[code].unjudged
