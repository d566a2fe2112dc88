"""Two doors, as stories: what opens, what is shut, and who is let back out."""

from __future__ import annotations

import pytest
from gate_world import ADULT, GOOD_CHECKS, MODELS, T0, facts
from mantrap_world import (
    AT_REST,
    MANTRAP,
    ON_APPROACH,
    OPEN_ENTRY,
    OPEN_EXIT,
    SHUT_ENTRY,
    Mantrap,
)

from biometrics.types import PortraitPrepared, StartVerify
from drivers.types import (
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    Door,
    Flag,
    Lock,
    MrzRead,
    OpenEntry,
    OpenExit,
    PortraitRead,
    ReadDocument,
    Result,
    SetDirection,
    Zone,
)
from gate_agent.core.messages import Checked, ListState, Mode, OfficerAction, Tick
from gate_agent.core.reasons import Reason
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import initial, replace
from gate_agent.loop import Loop
from sync.log.types import RecordKind

BAD_CHECKS = tuple(
    replace(check, result=Result.FAILED) if check.id == "sod_signature" else check
    for check in GOOD_CHECKS
)


def read(lane: Mantrap, ticket: int, checks=GOOD_CHECKS) -> None:
    lane.put(MrzRead(ticket=ticket, attributes=ADULT, holder="h"))
    lane.put(Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None))
    lane.put(PortraitRead(ticket=ticket, portrait="p"))
    lane.put(PortraitPrepared(ticket=ticket, usable=True, models=MODELS))
    lane.put(DocumentVerified(ticket=ticket, checks=checks))


def lane_at(step: str, profile=MANTRAP) -> Mantrap:
    """A mantrap brought to a step by the genuine way there."""
    lane = Mantrap(profile)
    lane.serve()
    if step == "Idle":
        return lane
    if profile is ON_APPROACH:
        lane.move(approach=Zone.ONE)
    else:
        lane.arrive()
        read(lane, lane.outside_ticket)
    if step == "Entering":
        return lane
    lane.follow()
    if step == "Shutting":
        lane.move(zone=Zone.ONE, approach=Zone.EMPTY)
        return lane
    lane.come_in()
    if step in ("Presenting", "Verifying"):
        return lane
    if profile is ON_APPROACH:
        lane.put(DocumentPresented())
        if step == "Reading":
            return lane
        read(lane, lane.ticket)
    if step == "Referred":
        lane.later(10_100)
        return lane
    lane.look()
    if step == "Deciding":
        return lane
    lane.durable(RecordKind.DECISION, RecordKind.ACTUATION)
    if step == "Opening":
        return lane
    lane.follow()
    return lane


def finishes(lane: Mantrap) -> list[tuple[int, str, list[str]]]:
    return [
        (c.ticket, c.facts.outcome, list(c.facts.reasons))
        for c in lane.sent
        if getattr(c, "kind", None) is RecordKind.FINISH
    ]


def decide_outside(lane: Mantrap, action: OfficerAction) -> None:
    seen = evidence_sha256(lane.state.approach)
    lane.decide(action, ticket=lane.outside_ticket, evidence_sha256=seen)


STEPS = (
    "Idle",
    "Entering",
    "Shutting",
    "Verifying",
    "Deciding",
    "Opening",
    "Departing",
    "Referred",
)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_a_read_before_the_entry(step):
    lane = lane_at(step)
    assert (lane.step, lane.state.mode) == (step, Mode.AUTO)


@pytest.mark.parametrize(
    "step", ["Entering", "Shutting", "Presenting", "Reading", "Verifying", "Deciding", "Departing"]
)
def test_every_step_of_a_read_inside(step):
    if step == "Verifying":
        lane = lane_at("Reading", ON_APPROACH)
        read(lane, lane.ticket)
    else:
        lane = lane_at(step, ON_APPROACH)
    assert lane.step == step


def test_a_genuine_traveller_passes_two_doors():
    lane = lane_at("Departing")
    lane.go_out()
    assert (lane.step, lane.state.mode) == ("Idle", Mode.AUTO)
    assert finishes(lane) == [(1, "admitted", [])]
    moves = [type(c) for c in lane.sent if type(c) in (OpenEntry, CloseEntry, OpenExit, Close)]
    assert moves == [OpenEntry, CloseEntry, OpenExit, Close]
    actuations = [record["action"] for record in facts(lane.sent, RecordKind.ACTUATION)]
    assert actuations == ["open_entry", "close_entry", "open_exit", "close"]


def test_the_entry_opens_for_a_document_in_order_and_the_face_is_compared_inside():
    lane = Mantrap()
    lane.serve()
    lane.arrive()
    assert not lane.commanded(OpenEntry)
    read(lane, 1)
    assert lane.commanded(OpenEntry) == [1]
    lane.follow()
    assert not [c for c in lane.sent if isinstance(c, StartVerify)]
    lane.move(zone=Zone.ONE, approach=Zone.EMPTY)
    assert lane.commanded(CloseEntry) == [1]
    assert not [c for c in lane.sent if isinstance(c, StartVerify)]
    lane.follow()
    assert [c.ticket for c in lane.sent if isinstance(c, StartVerify)] == [1]


def test_two_travellers_are_served_at_once_one_before_and_one_between_the_doors():
    lane = lane_at("Verifying")
    lane.arrive()
    assert (lane.step, lane.outside, lane.ticket, lane.outside_ticket) == (
        "Verifying",
        "Reading",
        1,
        2,
    )
    read(lane, 2)
    assert (lane.outside, lane.commanded(OpenEntry)) == ("Queued", [1])
    lane.admit()
    lane.go_out()
    assert lane.commanded(OpenEntry) == [1, 2]
    lane.come_in()
    lane.admit()
    lane.go_out()
    assert [row[:2] for row in finishes(lane)] == [(1, "admitted"), (2, "admitted")]


def test_an_answer_for_one_ticket_moves_only_its_own_crossing():
    lane = lane_at("Verifying")
    lane.arrive()
    lane.put(MrzRead(ticket=2, attributes=ADULT, holder="h2"))
    assert lane.state.crossing.dossier.holder == "h"
    assert lane.state.approach.dossier.holder == "h2"


def test_a_document_out_of_order_asks_an_officer_before_the_entry():
    lane = Mantrap()
    lane.serve()
    lane.arrive()
    read(lane, 1, BAD_CHECKS)
    assert (lane.outside, lane.commanded(OpenEntry)) == ("Referred", [])
    decide_outside(lane, OfficerAction.REJECT)
    lane.put_durable(1, RecordKind.OFFICER)
    assert finishes(lane) == [(1, "refused", ["sod_signature"])]
    assert (lane.outside, lane.commanded(OpenEntry)) == ("Idle", [])


def test_an_officers_accept_before_the_entry_lets_in_and_no_further():
    lane = Mantrap()
    lane.serve()
    lane.arrive()
    read(lane, 1, BAD_CHECKS)
    decide_outside(lane, OfficerAction.ACCEPT)
    assert lane.outside == "OfficerDeciding"
    lane.put_durable(1, RecordKind.OFFICER)
    assert lane.commanded(OpenEntry) == [1]
    lane.come_in()
    lane.look()
    assert (lane.step, lane.commanded(OpenExit)) == ("Verifying", [])
    lane.later(10_100)
    assert lane.step == "Referred"
    lane.decide(OfficerAction.ACCEPT)
    lane.durable(RecordKind.OFFICER, RecordKind.ACTUATION)
    assert lane.commanded(OpenExit) == [1]
    lane.go_out()
    assert finishes(lane)[0][:2] == (1, "accepted")


def test_a_page_shows_since_when_a_traveller_is_where_they_are():
    lane = Mantrap()
    lane.serve()
    assert lane.state.since_ns == T0  # in service since then, not since the computer started
    lane.later(3_000)
    lane.arrive()
    read(lane, 1, BAD_CHECKS)
    assert (lane.outside, lane.state.since_ns) == ("Referred", lane.now)
    lane.later(3_000)
    decide_outside(lane, OfficerAction.ACCEPT)
    lane.put_durable(1, RecordKind.OFFICER)
    lane.later(1_000)
    lane.come_in()
    assert (lane.step, lane.state.since_ns) == ("Verifying", lane.now)


def test_only_the_record_of_the_officers_word_lets_in():
    lane = Mantrap()
    lane.serve()
    lane.arrive()
    read(lane, 1, BAD_CHECKS)
    decide_outside(lane, OfficerAction.ACCEPT)
    lane.put_durable(1, RecordKind.DECISION)
    assert (lane.outside, lane.commanded(OpenEntry)) == ("OfficerDeciding", [])
    lane.put_durable(1, RecordKind.OFFICER)
    assert lane.commanded(OpenEntry) == [1]


def test_a_portrait_that_cannot_be_used_is_referred_before_the_entry_on_record():
    lane = Mantrap()
    lane.serve()
    lane.arrive()
    lane.put(MrzRead(ticket=1, attributes=ADULT, holder="h"))
    lane.put(PortraitRead(ticket=1, portrait="p"))
    lane.put(DocumentVerified(ticket=1, checks=GOOD_CHECKS))
    assert (lane.outside, facts(lane.sent, RecordKind.DECISION)) == ("Reading", [])
    lane.put(PortraitPrepared(ticket=1, usable=False, models=None))
    assert lane.outside == "Referred"
    (decision,) = facts(lane.sent, RecordKind.DECISION)
    assert (decision["outcome"], decision["reasons"]) == ("refer", ["portrait_unusable"])


def test_a_traveller_who_is_out_before_the_release_is_read_back_has_passed():
    lane = lane_at("Opening")
    lane.move(**OPEN_EXIT)
    lane.move(zone=Zone.EMPTY)
    assert finishes(lane) == []
    lane.done_for(1, "open_exit")
    assert finishes(lane) == [(1, "admitted", [])]


def test_a_document_in_order_waits_only_so_long_for_the_chamber():
    lane = lane_at("Referred")
    lane.arrive()
    read(lane, 2)
    lane.later(60_100)
    assert lane.outside == "Referred"
    assert "not_entered" in facts(lane.sent, RecordKind.DECISION)[-1]["reasons"]


@pytest.mark.parametrize("outside", ["Reading", "Queued", "Referred"])
def test_who_goes_away_from_the_entry_ends_that_crossing_only(outside):
    lane = lane_at("Verifying")
    lane.arrive()
    if outside != "Reading":
        read(lane, 2, BAD_CHECKS if outside == "Referred" else GOOD_CHECKS)
    assert lane.outside == outside
    lane.move(approach=Zone.EMPTY)
    assert (lane.outside, lane.step) == ("Idle", "Verifying")
    assert finishes(lane)[0][:2] == (2, "abandoned")


def test_a_queue_before_the_entry_is_no_crowd():
    lane = lane_at("Verifying")
    lane.arrive()
    lane.move(approach=Zone.MANY)
    assert lane.outside == "Reading"


@pytest.mark.parametrize("profile", [MANTRAP, ON_APPROACH])
def test_no_one_comes_in(profile):
    lane = lane_at("Entering", profile)
    lane.follow()
    lane.later(15_100)
    lane.follow()
    assert (lane.step, lane.commanded(CloseEntry)) == ("Idle", [1])
    assert finishes(lane) == [(1, "abandoned", ["not_entered"])]
    lane.later(1_000)
    assert lane.commanded(OpenEntry) == [1]


def test_who_turns_back_in_the_door_has_not_entered():
    lane = lane_at("Entering")
    lane.follow()
    lane.move(zone=Zone.ONE, entry_obstruction=Flag.ACTIVE)
    assert lane.step == "Entering"
    lane.move(zone=Zone.EMPTY, entry_obstruction=Flag.CLEAR)
    lane.follow()
    assert (lane.step, finishes(lane)) == ("Idle", [(1, "abandoned", ["not_entered"])])


def test_who_turns_back_while_the_entry_shuts_goes_back():
    lane = lane_at("Shutting")
    lane.move(zone=Zone.EMPTY)
    assert finishes(lane)[0][1] == "abandoned"
    lane.follow()
    assert lane.step == "Idle"


def test_the_entry_is_not_shut_on_a_person_in_the_doorway():
    lane = lane_at("Entering")
    lane.follow()
    lane.move(zone=Zone.ONE, entry_obstruction=Flag.ACTIVE)
    assert not lane.commanded(CloseEntry)
    lane.later(15_100)
    assert (lane.step, lane.state.alarms) == ("Emptying", (Reason.OBSTRUCTED,))
    assert not lane.commanded(CloseEntry)


def test_a_follower_who_steps_back_leaves_a_referral():
    lane = lane_at("Entering")
    lane.follow()
    lane.move(zone=Zone.MANY)
    assert not lane.commanded(CloseEntry)
    lane.move(zone=Zone.ONE)
    lane.follow()
    lane.look()
    assert (lane.step, lane.commanded(OpenExit)) == ("Verifying", [])
    lane.later(10_100)
    assert "tailgating" in facts(lane.sent, RecordKind.DECISION)[-1]["reasons"]


def two_stay() -> Mantrap:
    lane = lane_at("Entering")
    lane.follow()
    lane.move(zone=Zone.MANY)
    lane.later(15_100)
    return lane


def test_about_two_who_stay_an_officer_is_asked_with_the_entry_open():
    lane = two_stay()
    assert (lane.step, lane.commanded(CloseEntry)) == ("Referred", [])
    reasons = facts(lane.sent, RecordKind.DECISION)[-1]["reasons"]
    assert reasons == ["tailgating", "several_persons"]
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    lane.later(1_000)
    assert (lane.step, lane.state.mode) == ("Idle", Mode.AUTO)
    assert finishes(lane)[0][1] == "abandoned"


def test_an_open_entry_that_swings_behind_two_who_stay_is_not_forced():
    lane = two_stay()
    lane.move(entry=Door.CLOSED)
    lane.move(entry=Door.OPEN)
    assert lane.state.alarms == ()


def test_an_officer_lets_two_back_and_neither_is_accepted_nor_refused():
    lane = two_stay()
    word = facts(lane.decide(OfficerAction.RELEASE), RecordKind.OFFICER)[0]
    assert (word["action"], word["officer"], word["direction"]) == ("release", "o1", "entry")
    assert lane.step == "Emptying"
    assert finishes(lane) == [(1, "referred", ["tailgating", "several_persons"])]
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    lane.later(1_000)
    assert (lane.step, lane.state.mode, lane.commanded(OpenExit)) == ("Idle", Mode.AUTO, [])


def test_an_officer_lets_the_referred_back_from_between_two_shut_doors():
    lane = lane_at("Referred")
    lane.decide(OfficerAction.RELEASE)
    assert (lane.step, lane.commanded(OpenEntry)) == ("Emptying", [1, 1])


def test_no_one_accepts_two_between_the_doors():
    lane = lane_at("Referred")
    lane.move(zone=Zone.MANY)
    ignored = facts(lane.decide(OfficerAction.ACCEPT), RecordKind.SYSTEM)[0]
    assert (ignored["why"], lane.step) == ("several_persons", "Referred")


def test_a_second_person_behind_the_shut_entry_asks_an_officer():
    lane = lane_at("Shutting")
    lane.move(zone=Zone.MANY)
    lane.follow()
    assert (lane.step, lane.commanded(OpenExit)) == ("Referred", [])


@pytest.mark.parametrize("step", ["Verifying", "Deciding"])
def test_a_second_person_in_the_chamber_asks_an_officer(step):
    lane = lane_at(step)
    lane.move(zone=Zone.MANY)
    assert lane.step == "Referred"


def test_an_entry_that_does_not_shut_is_tried_so_often_and_stops_the_lane():
    lane = lane_at("Shutting")
    lane.later(6_100)
    lane.later(6_100)
    assert lane.commanded(CloseEntry) == [1, 1, 1]
    lane.later(6_100)
    assert Reason.DOOR_HELD in lane.state.alarms
    assert lane.state.mode is Mode.OUT_OF_SERVICE


def test_an_entry_is_not_tried_again_while_a_person_stands_in_it():
    lane = lane_at("Shutting")
    lane.move(entry_obstruction=Flag.ACTIVE)
    lane.later(6_100)
    assert lane.commanded(CloseEntry) == [1]


def test_a_refused_traveller_goes_back_by_the_entry():
    lane = lane_at("Referred")
    lane.decide(OfficerAction.REJECT)
    lane.durable(RecordKind.OFFICER)
    assert (lane.step, lane.commanded(OpenEntry)) == ("Emptying", [1, 1])
    lane.follow()
    assert not lane.commanded(Close)
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    assert (lane.step, lane.state.mode, lane.commanded(OpenExit)) == ("Idle", Mode.AUTO, [])


def test_no_one_decides_and_the_traveller_goes_back():
    lane = lane_at("Referred")
    lane.later(120_100)
    assert finishes(lane)[0][1] == "referred"
    assert lane.commanded(OpenEntry) == [1, 1]


def test_who_does_not_go_back_stops_the_lane():
    lane = lane_at("Referred")
    lane.decide(OfficerAction.REJECT)
    lane.durable(RecordKind.OFFICER)
    lane.follow()
    lane.later(120_100)
    assert (lane.step, lane.state.alarms) == ("Emptying", (Reason.PASSAGE_TIMEOUT,))


def test_no_one_inside_presents_a_document():
    lane = lane_at("Presenting", ON_APPROACH)
    lane.later(20_100)
    assert lane.step == "Referred"
    assert "document_timeout" in facts(lane.sent, RecordKind.DECISION)[-1]["reasons"]


def test_nothing_is_read_inside_without_an_officer():
    lane = lane_at("Presenting", ON_APPROACH)
    lane.now = lane.state.lease_until_ns
    lane.put(DocumentPresented())
    assert lane.step == "Referred"
    assert not [c for c in lane.sent if isinstance(c, ReadDocument)]


def test_an_exit_that_no_one_uses_is_not_shut_on_them():
    lane = lane_at("Departing")
    lane.later(12_100)
    assert (lane.step, lane.state.alarms) == ("Emptying", (Reason.PASSAGE_TIMEOUT,))
    assert not lane.commanded(Close)
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    assert (lane.step, lane.commanded(Close)) == ("Idle", [1])


def test_a_bag_left_behind_stops_the_lane_by_its_name():
    lane = lane_at("Departing")
    lane.move(beyond=Zone.ONE)
    lane.move(beyond=Zone.EMPTY)
    lane.later(12_100)
    assert lane.state.alarms == (Reason.LEFT_OBJECT,)
    assert "left_object" in finishes(lane)[0][2]


def test_an_exit_that_was_never_seen_open_counts_no_passage():
    lane = lane_at("Opening")
    lane.done_for(1, "open_exit")
    lane.move(zone=Zone.EMPTY)
    assert finishes(lane) == [(1, "abandoned", ["device_failed"])]
    assert lane.state.mode is Mode.OUT_OF_SERVICE


def test_a_release_that_is_not_confirmed_is_watched_and_never_repeated():
    lane = lane_at("Opening")
    lane.later(2_100)
    assert (lane.step, lane.state.resync, lane.commanded(OpenExit)) == ("Departing", True, [1])


def test_a_release_that_failed_is_watched_too():
    lane = lane_at("Opening")
    lane.done_for(1, "open_exit", ok=False)
    assert lane.step == "Departing"
    assert lane.state.crossing.dossier.mishaps == (Reason.DEVICE_FAILED,)


def test_two_in_the_chamber_while_the_exit_is_open_stop_the_lane():
    lane = lane_at("Departing")
    lane.move(zone=Zone.MANY)
    lane.move(zone=Zone.EMPTY)
    assert finishes(lane) == [(1, "admitted", ["several_persons"])]
    assert lane.state.alarms == (Reason.SEVERAL_PERSONS,)


def test_who_came_in_by_the_exit_is_let_out_by_an_officer_only():
    lane = lane_at("Departing")
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    lane = lane_at("Departing")
    lane.move(zone=Zone.EMPTY)
    lane.done_for(1, "close")
    lane.move(zone=Zone.ONE, exit=Door.CLOSED, exit_lock=Lock.LOCKED)
    lane.later(1_000)
    assert (lane.step, lane.commanded(OpenEntry)) == ("Emptying", [1])
    lane.decide(OfficerAction.RELEASE)
    assert lane.commanded(OpenEntry) == [1, 1]
    assert facts(lane.sent, RecordKind.ACTUATION)[-1]["by"] == "officer"


def test_an_exit_that_does_not_shut_is_tried_so_often_and_stops_the_lane():
    lane = lane_at("Departing")
    lane.move(zone=Zone.EMPTY)
    for _ in range(3):
        lane.later(6_100)
    assert lane.commanded(Close) == [1, 1, 1]
    assert Reason.DOOR_HELD in lane.state.alarms
    lane.decide(OfficerAction.ACKNOWLEDGE)
    assert lane.commanded(Close) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("step", "forced"),
    [("Idle", OPEN_ENTRY), ("Idle", OPEN_EXIT), ("Verifying", OPEN_EXIT), ("Entering", OPEN_EXIT)],
)
def test_a_door_by_force_is_an_alarm(step, forced):
    lane = lane_at(step)
    lane.move(**forced)
    assert lane.state.alarms == (Reason.DOOR_FORCED,)
    assert lane.state.mode is Mode.OUT_OF_SERVICE


def test_doors_that_the_mains_release_are_not_forced():
    lane = lane_at("Idle")
    lane.move(power_loss=Flag.ACTIVE)
    assert lane.state.mode is Mode.STARTING
    lane.move(**OPEN_ENTRY)
    assert lane.state.alarms == ()
    lane.move(power_loss=Flag.CLEAR)
    assert lane.state.mode is Mode.STARTING
    lane.move(**SHUT_ENTRY)
    assert lane.state.mode is Mode.AUTO


def test_a_door_that_the_mains_must_hold_is_forced():
    keeps = replace(MANTRAP.lane.on_power_loss, entry="locked")
    lane = Mantrap(replace(MANTRAP, lane=replace(MANTRAP.lane, on_power_loss=keeps)))
    lane.serve()
    lane.move(power_loss=Flag.ACTIVE)
    lane.move(**OPEN_ENTRY)
    assert lane.state.alarms == (Reason.DOOR_FORCED,)


def test_without_mains_no_one_is_admitted():
    lane = lane_at("Verifying")
    lane.move(power_loss=Flag.ACTIVE)
    lane.look()
    assert (lane.step, lane.commanded(OpenExit)) == ("Referred", [])
    assert "power_lost" in facts(lane.sent, RecordKind.DECISION)[-1]["reasons"]


@pytest.mark.parametrize("step", STEPS)
def test_the_maintenance_key_ends_everything(step):
    lane = lane_at(step)
    if step == "Entering":
        lane.follow()
    lane.move(maintenance=Flag.ACTIVE)
    assert lane.state.mode is Mode.MAINTENANCE
    assert lane.step in ("Idle", "Emptying")
    sent = len(lane.sent)
    lane.move(zone=Zone.ONE, **OPEN_ENTRY, **OPEN_EXIT)
    lane.move(zone=Zone.EMPTY)
    moves = (OpenEntry, CloseEntry, OpenExit, Close)
    assert not [c for c in lane.sent[sent:] if isinstance(c, moves)]
    lane.plant = replace(AT_REST, read_at_ns=lane.now)
    lane.move()
    for ticket in lane.commanded(CloseEntry)[-1:]:
        lane.done_for(ticket, "close_entry")
    lane.later(500)
    lane.follow()
    assert lane.state.mode is Mode.OUT_OF_SERVICE  # a person stood between two open doors
    assert lane.state.unchecked.unknown
    lane.decide(OfficerAction.ACKNOWLEDGE)
    lane.follow()
    assert lane.state.mode is Mode.AUTO


@pytest.mark.parametrize("step", STEPS)
def test_fire_ends_everything_and_nothing_closes(step):
    lane = lane_at(step)
    if step == "Entering":
        lane.follow()
    lane.arrive()
    lane.move(fire=Flag.ACTIVE)
    assert lane.state.mode is Mode.EVACUATION
    assert (lane.step in ("Idle", "Emptying"), lane.outside) == (True, "Idle")
    sent = len(lane.sent)
    lane.move(zone=Zone.EMPTY, approach=Zone.EMPTY, **OPEN_EXIT)
    lane.move(fire=Flag.CLEAR)
    lane.later(1_000)
    moves = (OpenEntry, CloseEntry, OpenExit, Close)
    assert not [c for c in lane.sent[sent:] if isinstance(c, moves)]
    lane.decide(OfficerAction.ACKNOWLEDGE)
    lane.move(exit=Door.CLOSED, exit_lock=Lock.LOCKED, entry=Door.CLOSED, entry_lock=Lock.LOCKED)
    lane.follow()
    lane.later(500)
    lane.follow()
    assert (lane.step, lane.state.mode) == ("Idle", Mode.AUTO)


@pytest.mark.parametrize("step", ["Verifying", "Deciding", "Referred"])
def test_a_lost_turnstile_leaves_the_traveller_to_an_officer(step):
    lane = lane_at(step)
    lane.put(DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""))
    assert lane.step == "Referred"
    lane.put(DeviceReady(device=DeviceId.TURNSTILE))
    lane.move()
    lane.decide(OfficerAction.REJECT)
    lane.durable(RecordKind.OFFICER)
    lane.later(1_000)
    assert (lane.step, lane.commanded(OpenEntry)) == ("Emptying", [1])
    lane.decide(OfficerAction.RELEASE)
    assert lane.commanded(OpenEntry) == [1, 1]


@pytest.mark.parametrize("step", ["Entering", "Shutting"])
def test_a_lost_turnstile_while_the_entry_is_out_stops_the_lane(step):
    lane = lane_at(step)
    lane.put(DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""))
    assert (lane.step, lane.state.alarms) == ("Emptying", (Reason.DEVICE_FAILED,))


@pytest.mark.parametrize("step", ["Entering", "Shutting", "Presenting"])
def test_a_plant_that_turns_stale_stops_who_comes_in(step):
    lane = lane_at(step, ON_APPROACH)
    lane.now += 1_000_000_000
    lane.put(Tick())
    assert lane.state.resync
    assert lane.step in ("Emptying", "Referred")


def test_who_is_inside_after_a_restart_waits_for_an_officer():
    loop = Loop(initial(MANTRAP, unfinished_tickets=(4,)), MANTRAP)
    lane = Mantrap(loop=loop)
    lane.plant = replace(AT_REST, zone=Zone.ONE)
    lane.serve()
    assert (lane.step, lane.state.mode) == ("Emptying", Mode.OUT_OF_SERVICE)
    lane.later(5_000)
    assert not lane.commanded(OpenEntry)
    lane.decide(OfficerAction.RELEASE)
    assert lane.commanded(OpenEntry) == [lane.ticket]
    lane.follow()
    lane.move(zone=Zone.EMPTY)
    lane.follow()
    lane.decide(OfficerAction.ACKNOWLEDGE)
    lane.move()
    assert (lane.step, lane.state.mode) == ("Idle", Mode.AUTO)


def test_an_officer_has_no_one_to_release():
    lane = lane_at("Verifying")
    ignored = facts(lane.decide(OfficerAction.RELEASE), RecordKind.SYSTEM)[0]
    assert (ignored["why"], lane.commanded(OpenEntry)) == ("nobody_to_release", [1])


def test_the_direction_changes_only_in_standby():
    lane = lane_at("Idle")
    ignored = facts(lane.decide(OfficerAction.REVERSE), RecordKind.SYSTEM)[0]
    assert ignored["why"] == "not_in_standby"
    lane.decide(OfficerAction.CLOSE_LANE)
    assert SetDirection(ticket=0, reverse=True) in lane.decide(OfficerAction.REVERSE)
    lane.decide(OfficerAction.OPEN_LANE)
    lane.move(reversed=True)
    assert lane.state.mode is Mode.AUTO


def test_a_one_way_lane_keeps_its_direction():
    lane = Mantrap(replace(MANTRAP, lane=replace(MANTRAP.lane, reversible=False)))
    lane.serve()
    lane.decide(OfficerAction.CLOSE_LANE)
    ignored = facts(lane.decide(OfficerAction.REVERSE), RecordKind.SYSTEM)[0]
    assert ignored["why"] == "not_reversible"


def test_the_lane_closes_after_both_travellers():
    lane = lane_at("Verifying")
    lane.arrive()
    lane.decide(OfficerAction.CLOSE_LANE)
    lane.admit()
    lane.go_out()
    assert lane.state.mode is Mode.AUTO
    lane.move(approach=Zone.EMPTY)
    assert lane.state.mode is Mode.OUT_OF_SERVICE


def test_the_exit_opens_only_behind_a_locked_entry():
    lane = lane_at("Deciding")
    lane.move(entry_lock=Lock.UNLOCKED)
    lane.durable(RecordKind.DECISION, RecordKind.ACTUATION)
    assert (lane.step, lane.commanded(OpenExit)) == ("Admitting", [])
    lane.move(entry_lock=Lock.LOCKED)
    assert lane.commanded(OpenExit) == [1]


def test_an_entry_not_known_to_be_shut_takes_the_lane_out_of_service():
    lane = lane_at("Idle")
    lane.move(entry=Door.UNKNOWN)
    assert lane.state.mode is Mode.STARTING
    lane.arrive()
    assert lane.outside == "Idle"
