"""The table of alarms and reasons: how grave each is, and that each says what to do."""

from __future__ import annotations

from drivers.types import Condition
from gate_agent.console.alerts import ALERTS, AWAY, Severity, alert
from gate_agent.core.reasons import Reason

NEEDS_AN_OFFICER_NOW = {
    # the document may be forged, copied or altered
    "sod_signature",
    "ds_chain",
    "dg_hash",
    "active_authentication",
    "chip_authentication",
    "stripping",
    "mrz_dg1",
    # the traveller is wanted, or is not who stands there
    "list_hit",
    "pad_attack",
    # the lane is not as it must be
    "tailgating",
    "several_persons",
    "record_failed",
    "fire",
    "door_forced",
    "unchecked_passage",
    "door_held",
    "left_object",
    "power_lost",
}
GOOD_TO_KNOW = {"under_age", "age_open", "expiry_none", "walked_away", "not_entered"}


def test_how_grave_each_code_is():
    by_severity = {
        severity: {code for code, row in ALERTS.items() if row.severity is severity}
        for severity in Severity
    }
    assert by_severity[Severity.ALARM] == NEEDS_AN_OFFICER_NOW
    assert by_severity[Severity.INFO] == GOOD_TO_KNOW
    assert by_severity[Severity.WARNING] == {*ALERTS} - NEEDS_AN_OFFICER_NOW - GOOD_TO_KNOW


def test_a_lane_that_does_not_answer_is_an_alarm():
    assert AWAY.severity is Severity.ALARM


def test_every_code_has_its_own_text_and_says_what_to_do():
    rows = {**ALERTS, "away": AWAY}
    assert {code for code, row in rows.items() if len(row.text) < 10 or len(row.todo) < 10} == set()
    assert len({row.text for row in rows.values()}) == len(rows)


def test_an_unknown_code_is_a_warning_for_the_desk():
    row = alert("new_thing")
    assert (row.severity, row.text) == (Severity.WARNING, "new thing")
    assert "desk" in row.todo
    assert alert("fire") is ALERTS["fire"]


def test_the_table_has_every_reason_and_every_lack_of_a_device_and_no_more():
    assert {*ALERTS} == {*map(str, Reason), *map(str, Condition)}


def test_what_was_not_judged_has_its_own_words_where_there_are_any():
    assert alert("away") is AWAY
    assert alert("fire", judged=False) is ALERTS["fire"]
    row = alert("sod_signature", judged=False)
    assert (row.severity, row.text) == (Severity.WARNING, ALERTS["sod_signature"].unjudged)
