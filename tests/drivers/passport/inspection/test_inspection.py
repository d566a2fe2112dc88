"""The procedure of an inspection against arbitrary answers."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.passport.chip.apdu import (
    Emit,
    Reconnect,
    Send,
)
from drivers.passport.errors import (
    BudgetExceeded,
    TagLost,
)
from drivers.passport.inspection.checks import CheckList
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.store import TrustStore
from drivers.types import CHECK_IDS, Check, DocumentRemoved, DocumentVerified, PortraitRead, Result

MRZ = parse(
    (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    )
)


def inspection(**changes):
    return Inspection(
        ticket=4,
        mrz=MRZ,
        trust=TrustStore(),
        at=date(2026, 11, 22),
        random=bytes,
        clock=lambda: 0,
        new_handle=lambda: "handle",
        **changes,
    )


def play(steps, answers, reconnects=True):
    """Feed answers, then lose the chip; the events that came out."""
    events, rest = [], list(answers)
    op = next(steps)
    try:
        for _ in range(5_000):
            if isinstance(op, Emit):
                events.append(op.emission.event)
                op = next(steps)
            elif isinstance(op, Reconnect):
                op = steps.send(reconnects)
            elif rest:
                op = steps.send(rest.pop(0))
            else:
                op = steps.throw(TagLost("gone"))
    except StopIteration:
        return events
    raise AssertionError("the procedure does not end")


def the_verdict(events):
    (verified,) = [event for event in events if isinstance(event, DocumentVerified)]
    assert {check.id.partition(".")[0] for check in verified.checks} == set(CHECK_IDS)
    return {check.id: check.result for check in verified.checks}


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.binary(max_size=60).map(lambda data: data + b"\x90\x00"),
            st.just(b"\x90\x00"),
            st.just(bytes(8) + b"\x90\x00"),
        ),
        max_size=30,
    ),
    st.booleans(),
)
@settings(max_examples=300)
def test_any_chip_ends_in_a_verdict_without_a_portrait(answers, reconnects):
    events = play(inspection().run(), answers, reconnects)
    found = the_verdict(events)
    assert found["access_control"] is not Result.SUCCESSFUL
    assert not any(isinstance(event, PortraitRead) for event in events)


def test_chip_that_is_gone_for_good_was_removed():
    events = play(inspection().run(), [], reconnects=False)
    assert [type(event) for event in events] == [DocumentRemoved, DocumentVerified]
    assert the_verdict(events)["access_control"] is Result.ABORTED


def test_lost_chip_is_looked_for_as_often_as_attempts_allow():
    for attempts in (1, 2, 5):
        steps, looked = inspection(attempts=attempts).run(), 0
        op = next(steps)
        while not isinstance(op, Emit):
            looked += isinstance(op, Reconnect)
            op = steps.send(True) if isinstance(op, Reconnect) else steps.throw(TagLost("gone"))
        assert looked == attempts - 1


def test_budget_aborts_what_is_left_and_no_document_was_removed():
    steps = inspection().run()
    next(steps)
    op = steps.throw(BudgetExceeded("late"))
    assert isinstance(op.emission.event, DocumentVerified)
    assert the_verdict([op.emission.event])["access_control"] is Result.ABORTED


def test_wrong_keys_are_tried_three_times():
    steps, challenges = inspection().run(), 0
    op = next(steps)
    while isinstance(op, Send):
        answers = {0xA4: b"\x90\x00", 0x84: bytes(8) + b"\x90\x00", 0x82: b"\x63\x00"}
        answers[0xB0] = b"\x6a\x82"
        challenges += op.apdu[1] == 0x82
        op = steps.send(answers[op.apdu[1]])
    assert challenges == 3
    assert the_verdict([op.emission.event])["access_control"] is Result.FAILED


@pytest.mark.parametrize("missing", [1, 2])
def test_a_data_group_of_the_gate_that_the_security_object_leaves_out_is_reported(missing):
    checks = CheckList(lambda: 0)
    checks.expect_data_groups({1, 2, 14} - {missing})
    left_out = Check(id=f"dg_hash.DG{missing}", result=Result.FAILED, detail="not listed in EF.SOD")
    checks.add(left_out)
    results = {check.id: check.result for check in checks.complete(Result.SUCCESSFUL, "")}
    assert results[f"dg_hash.DG{missing}"] is Result.FAILED
    assert "dg_hash.DG14" in results
