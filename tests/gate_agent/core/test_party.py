"""Several persons at a barrier: never begun with, never a dead end."""

import pytest
from gate_world import PROFILE, World, facts

from drivers.types import DocumentPresented, OpenExit, ReadDocument, Zone
from gate_agent.core.messages import Mode, OfficerAction
from gate_agent.core.states import replace
from sync.log.types import RecordKind

STAY_MS, DOCUMENT_MS = 20_000, 5_000


def lane_with(zone: Zone = Zone.MANY) -> World:
    lane = World()
    lane.serve()
    lane.move(zone=zone)
    return lane


def finishes(lane: World) -> list[tuple[str, list[str]]]:
    return [(end["outcome"], end["reasons"]) for end in facts(lane.sent, RecordKind.FINISH)]


def referred() -> World:
    lane = lane_with()
    lane.later(STAY_MS + 200)
    assert lane.step == "Referred"
    return lane


@pytest.mark.parametrize(("document", "within_ms"), [(False, STAY_MS), (True, DOCUMENT_MS)])
def test_an_officer_is_asked_after_a_bounded_time(document: bool, within_ms: int):
    lane = lane_with()
    if document:
        lane.put(DocumentPresented())
    lane.later(within_ms - 400)
    assert lane.step == "Idle"
    lane.later(600)
    assert lane.step == "Referred"
    word = facts(lane.sent, RecordKind.DECISION)
    assert [(each["outcome"], each["reasons"]) for each in word] == [("refer", ["several_persons"])]
    assert not [command for command in lane.sent if isinstance(command, ReadDocument | OpenExit)]


def test_who_steps_back_in_time_asks_no_one():
    lane = lane_with()
    lane.later(STAY_MS - 400)
    lane.move(zone=Zone.ONE)
    lane.move(zone=Zone.MANY)
    lane.later(STAY_MS - 400)
    lane.move(zone=Zone.EMPTY)
    lane.later(STAY_MS)
    assert (lane.step, facts(lane.sent, RecordKind.DECISION)) == ("Idle", [])


def test_a_lane_that_serves_no_one_asks_no_one():
    lane = lane_with(Zone.EMPTY)
    lane.decide(OfficerAction.CLOSE_LANE)
    lane.move(zone=Zone.MANY)
    lane.later(2 * STAY_MS)
    assert (lane.step, lane.state.mode) == ("Idle", Mode.OUT_OF_SERVICE)
    assert lane.loop.due_ns is None or lane.loop.due_ns > lane.now


def test_they_step_back_out_and_the_lane_is_free():
    lane = referred()
    lane.move(zone=Zone.EMPTY)
    assert (lane.step, finishes(lane)) == (
        "Idle",
        [("abandoned", ["walked_away", "several_persons"])],
    )


def test_who_is_left_alone_is_served_with_their_document():
    lane = referred()
    lane.put(DocumentPresented())
    assert lane.step == "Referred"
    lane.move(zone=Zone.ONE)
    assert lane.step == "Referred"
    lane.put(DocumentPresented())
    assert (lane.step, lane.ticket) == ("Reading", 2)
    assert finishes(lane) == [("abandoned", ["several_persons"])]
    lane.read()
    lane.look()
    lane.durable(RecordKind.DECISION, RecordKind.ACTUATION)
    assert [command.ticket for command in lane.sent if isinstance(command, OpenExit)] == [2]


def test_a_referral_for_another_reason_is_not_begun_again():
    lane = World().to("Referred")
    lane.put(DocumentPresented())
    assert (lane.step, lane.ticket) == ("Referred", 1)


def test_an_officer_sends_them_to_the_desk_without_refusing():
    lane = referred()
    said = lane.decide(OfficerAction.RELEASE)
    word = facts(said, RecordKind.OFFICER)[0]
    assert (word["action"], word["direction"]) == ("release", "entry")
    assert facts(said, RecordKind.FINISH)[0]["officer"] == "o1"
    assert (lane.step, finishes(lane)) == ("Leaving", [("referred", ["several_persons"])])
    lane.move(zone=Zone.EMPTY)
    assert lane.step == "Idle"


def test_an_officer_accepts_no_two_at_once_but_one_who_is_left():
    lane = referred()
    ignored = facts(lane.decide(OfficerAction.ACCEPT), RecordKind.SYSTEM)[0]
    assert (ignored["why"], lane.step) == ("several_persons", "Referred")
    lane.move(zone=Zone.ONE)
    lane.decide(OfficerAction.ACCEPT)
    lane.durable(RecordKind.OFFICER, RecordKind.ACTUATION)
    assert [command.ticket for command in lane.sent if isinstance(command, OpenExit)] == [1]


def test_without_an_officer_they_go_after_the_officers_time():
    lane = World(replace(PROFILE, budgets=replace(PROFILE.budgets, officer_ms=5_000)))
    lane.serve()
    lane.move(zone=Zone.MANY)
    lane.later(STAY_MS + 5_400)
    assert (lane.step, finishes(lane)) == ("Leaving", [("referred", ["several_persons"])])
