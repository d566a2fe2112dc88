"""What an operator sees: how each gate stands, and what every alarm means."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import pytest
from plain_record import plain_record

from sync.centre.audit import AuditFinding
from sync.centre.overview import Overview, metrics_text, overview, seconds_between
from sync.centre.types import Enrolled, LogStanding, Quarantined, QuarantineReason
from sync.log.encoding import encode_record

HEARD = "2026-11-22T10:00:00.000Z"


class Stood:
    """A store that stands still."""

    def __init__(self, logs=(), gates=(), quarantined=()):
        self._logs, self._gates, self._quarantined = list(logs), list(gates), list(quarantined)
        self.quarantine = self

    def snapshot(self):
        return contextlib.nullcontext()

    def standing(self):
        return self._logs

    def registry(self):
        return self._gates

    def messages(self):
        return self._quarantined


def gate(name: str, revoked_utc: str = "") -> Enrolled:
    return Enrolled(name, None, HEARD, revoked_utc)


def log(name: str, **changes) -> LogStanding:
    return LogStanding(name, "aa", 7, 7, HEARD, "", 2)._replace(**changes)


def after(seconds: int) -> str:
    moment = datetime.fromisoformat(HEARD) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seen(at_s: int, *logs: LogStanding, revoked_utc: str = "") -> Overview:
    return overview(Stood(logs, [gate("g", revoked_utc)]), (), after(at_s))


@pytest.mark.parametrize(
    ("at_s", "head_size", "revoked_utc", "state", "lag"),
    [
        (0, 7, "", "well", 0),
        (180, 7, "", "well", 0),
        (181, 7, "", "silent", 0),
        (180, 8, "", "behind", 1),
        (180, 6, "", "well", 0),
        (181, 9, "", "silent", 2),
        (0, 7, HEARD, "revoked", 0),
        (181, 9, HEARD, "revoked", 2),
    ],
)
def test_how_a_gate_stands(at_s, head_size, revoked_utc, state, lag):
    found = seen(at_s, log("g", head_size=head_size), revoked_utc=revoked_utc)
    (row,) = found.gates
    assert (row.gate, row.state, row.records, row.lag) == ("g", state, 7, lag)
    assert (row.silent_s, row.heard_utc, row.erased) == (at_s, HEARD, 2)
    alarms = [(alarm.gate, alarm.since_utc, alarm.times) for alarm in found.alarms]
    assert alarms == ([("g", HEARD, 1)] if state == "silent" else [])
    assert all("no message" in alarm.what for alarm in found.alarms)


@pytest.mark.parametrize(("revoked_utc", "state"), [("", "new"), (HEARD, "revoked")])
def test_a_gate_without_a_log(revoked_utc, state):
    (row,) = seen(0, revoked_utc=revoked_utc).gates
    assert row == ("g", state, 0, 0, None, "", 0)


def test_a_gate_whose_time_cannot_be_read_is_silent():
    (row,) = seen(0, log("g", heard_utc="once")).gates
    assert (row.state, row.silent_s) == ("silent", None)
    assert seconds_between("2026-11-22T10:00:00", HEARD) is None


def test_what_was_signed_and_is_lost_is_an_alarm():
    lost = AuditFinding("g", "aa", 3, "the log ends at 3 of 7")
    (alarm,) = overview(Stood(), (lost,), HEARD).alarms
    assert alarm == ("g", lost.what, "", 1)


def test_every_reason_of_quarantine_has_a_meaning_of_its_own():
    kept = [Quarantined(reason, "g", HEARD, 3, "") for reason in QuarantineReason]
    alarms = overview(Stood(quarantined=kept), (), HEARD).alarms
    assert len(alarms) == len(QuarantineReason)
    assert len({alarm.what for alarm in alarms}) == len(alarms)
    assert min(len(alarm.what) for alarm in alarms) > 15
    assert {(alarm.gate, alarm.since_utc, alarm.times) for alarm in alarms} == {("g", HEARD, 3)}


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("malformed", "no batch"),
        ("unknown_gate", "enrolled"),
        ("forged", "not signed"),
        ("inconsistent", "do not match their batch"),
        ("conflict", "known place"),
        ("broken_chain", "do not follow"),
        ("unreadable", "not encrypted"),
        ("revoked", "revoked"),
        ("fork", "another history"),
        ("enrolment", "request to enrol"),
        ("damaged", "our own copy"),
    ],
)
def test_what_an_alarm_says(reason, word):
    kept = [Quarantined(reason, "g", HEARD, 1, "")]
    (alarm,) = overview(Stood(quarantined=kept), (), HEARD).alarms
    assert word in alarm.what


def test_the_metrics_have_the_figures_of_the_overview():
    text = metrics_text(seen(60, log("g", head_size=9)))
    lines = text.splitlines()
    assert text.endswith("\n")
    assert 'egate_centre_gates{state="behind"} 1' in lines
    for state in ("well", "silent", "new", "revoked"):
        assert f'egate_centre_gates{{state="{state}"}} 0' in lines
    helps = [line.split(maxsplit=3) for line in lines if line.startswith("# HELP")]
    assert [name for _, _, name, _ in helps] == [
        line.split()[2] for line in lines if line.startswith("# TYPE")
    ]
    assert len({what for *_, what in helps}) == len(helps) == 6
    for name, value in (("records", 7), ("lag_records", 2), ("silent_seconds", 60)):
        assert f'egate_centre_{name}{{gate="g"}} {value}' in lines
        assert f"# TYPE egate_centre_{name} gauge" in lines
    assert 'egate_centre_erased_records{gate="g"} 2' in lines
    assert "egate_centre_alarms 0" in lines
    assert "silent_seconds{" not in metrics_text(seen(0))


def of_zone(**facts: object) -> bytes:
    """A gate's newest record."""
    return encode_record(plain_record(HEARD, seq=7, event="mode", **facts))


@pytest.mark.parametrize(
    ("newest", "zone"),
    [
        (of_zone(time_zone="Pacific/Kiritimati"), "Pacific/Kiritimati"),
        (of_zone(), ""),
        (of_zone(time_zone="Mars/Olympus"), ""),
        (b"", ""),  # erased
        (b"\xff", ""),  # damaged: the audit says so
    ],
)
def test_the_zone_of_a_gate_is_that_of_its_newest_record(newest, zone):
    assert seen(5, log("g", newest=newest)).zones == ({"g": zone} if zone else {})
