"""Where a record says that a crossing happened: point, authority, effective direction."""

import pytest
from gate_world import ADULT, PROFILE, World, facts
from mantrap_world import MANTRAP, ON_APPROACH
from test_mantrap import lane_at

from drivers.types import (
    Check,
    CheckMode,
    DeviceFailed,
    DeviceId,
    MrzRead,
    Result,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.causes import findings
from gate_agent.core.messages import OfficerAction
from gate_agent.core.reasons import Reason
from gate_agent.core.record import restart_facts
from gate_agent.core.states import replace
from sync.log.types import RecordKind

POINT = replace(PROFILE.lane, authority="Border police", crossing_point="Hall 2", reversible=True)
DECISIVE = (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.FINISH)


def served(*, swapped: bool) -> World:
    lane = World(replace(PROFILE, lane=POINT))
    lane.serve()
    lane.move(reversed=swapped)
    return lane


def places(lane: World) -> set[tuple[str, str, str]]:
    every = [found for kind in DECISIVE for found in facts(lane.sent, kind)]
    return {(found["direction"], found["authority"], found["crossing_point"]) for found in every}


@pytest.mark.parametrize(("swapped", "direction"), [(False, "entry"), (True, "exit")])
def test_decision_refusal_and_end_name_the_effective_direction(swapped: bool, direction: str):
    lane = served(swapped=swapped)
    lane.present()
    lane.later(5_100)
    lane.decide(OfficerAction.REJECT)
    lane.durable(RecordKind.OFFICER)
    assert [len(facts(lane.sent, kind)) for kind in DECISIVE] == [1, 1, 1]
    assert places(lane) == {(direction, "Border police", "Hall 2")}


def test_a_direction_is_not_forgotten_with_the_hardware():
    lane = served(swapped=True)
    lane.present()
    lane.put(DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""))
    assert not lane.state.plant.reversed
    lane.later(130_000)
    assert len(facts(lane.sent, RecordKind.FINISH)) == 1
    assert places(lane) == {("exit", "Border police", "Hall 2")}


def test_records_of_a_crossing_name_its_day_and_the_zone():
    """The day that came with the zone of the document, whatever the clock says meanwhile."""
    lane = World(replace(PROFILE, lane=replace(POINT, time_zone="Asia/Jayapura")))
    lane.serve()
    lane.present()
    read = MrzRead(ticket=lane.ticket, attributes=ADULT, holder="h", day="2026-02-28")
    lane.put(read)
    lane.put(replace(read, day="2026-03-01"))  # a second zone for one question changes nothing
    lane.later(10_000)
    lane.decide(OfficerAction.REJECT)
    lane.durable(RecordKind.OFFICER)
    every = [found for kind in DECISIVE for found in facts(lane.sent, kind)]
    assert len(every) == 3
    assert {found["inspection_day"] for found in every} == {"2026-02-28"}
    assert {found["time_zone"] for found in every} == {"Asia/Jayapura"}


def test_without_a_document_or_a_trusted_clock_there_is_no_day():
    lane = served(swapped=False)
    lane.present()
    lane.read()  # no day came with it
    lane.later(130_000)
    every = [found for kind in DECISIVE for found in facts(lane.sent, kind)]
    assert every
    assert not any("inspection_day" in found for found in every)
    assert {found["time_zone"] for found in every} == {"Asia/Jakarta"}


@pytest.mark.parametrize("profile", [MANTRAP, ON_APPROACH])
def test_between_two_doors_likewise(profile: Profile):
    lane = lane_at("Idle", profile)
    lane.move(reversed=True)
    if profile is MANTRAP:
        lane.arrive()
    lane.move(approach=Zone.ONE)
    lane.move(approach=Zone.EMPTY)
    lane.follow()
    lane.later(20_000)
    assert {found["direction"] for found in facts(lane.sent, RecordKind.FINISH)} == {"exit"}


def test_an_action_on_the_lane_and_a_forgotten_crossing_have_no_direction():
    lane = served(swapped=True)
    lane.decide(OfficerAction.CLOSE_LANE)
    assert places(lane) == {(None, "Border police", "Hall 2")}
    assert restart_facts(lane.loop.profile).direction is None


def decisions_of_two_travellers() -> tuple[World, list[int]]:
    """Two referred travellers one after the other, and the stay in the zone of each."""
    lane = served(swapped=False)
    stays = []
    for _ in range(2):
        lane.present()
        stays.append(lane.state.occupancy)
        lane.later(5_100)
        lane.decide(OfficerAction.REJECT)
        lane.durable(RecordKind.OFFICER)
        lane.move(zone=Zone.EMPTY)
    return lane, stays


def test_a_decision_names_the_stay_in_the_zone_that_it_is_about():
    lane, stays = decisions_of_two_travellers()
    assert [found["occupancy"] for found in facts(lane.sent, RecordKind.DECISION)] == stays
    assert len(set(stays) - {0}) == 2


def check_of(check_id: str, result: Result, mode: CheckMode = CheckMode.MANDATORY) -> Check:
    return Check(id=check_id, result=result, mode=mode)


@pytest.mark.parametrize(
    ("checks", "result"),
    [
        ((), ""),
        ((check_of("ds_chain", Result.SUCCESSFUL),), ""),
        ((check_of("ds_chain", Result.UNDETERMINED),), "undetermined"),
        ((check_of("com_sod", Result.FAILED),), ""),
        ((check_of("ds_chain", Result.FAILED, CheckMode.EVALUATORY),), ""),
        (
            (
                check_of("ds_chain", Result.NOT_SUPPORTED),
                check_of("ds_chain", Result.FAILED),
                check_of("ds_chain", Result.ABORTED),
            ),
            "failed",
        ),
        ((check_of("ds_chain.2", Result.ABORTED),), "aborted"),
    ],
)
def test_a_finding_has_the_worst_result_of_the_checks_behind_its_reason(checks, result):
    (found,) = findings((Reason.DS_CHAIN,), checks)
    assert (found.reason, found.result, found.cause) == (Reason.DS_CHAIN, result, "")


def test_a_referral_has_a_finding_for_each_reason_and_an_admission_none():
    lane = World().to("Verifying")
    lane.look(score=0.1)
    lane.later(10_000)
    (refused,) = facts(lane.sent, RecordKind.DECISION)
    assert [each["reason"] for each in refused["findings"]] == refused["reasons"] != []
    (admitted,) = facts(World().to("Deciding").sent, RecordKind.DECISION)
    assert (admitted["outcome"], admitted["reasons"]) == ("admit", [])
    assert "findings" not in admitted
