"""What goes wrong at a lane, as stories: what is recorded, and what stays shut."""

from __future__ import annotations

import pytest
from gate_world import GOOD_CHECKS, MS, PROFILE, World, facts, frame

from biometrics.types import LivenessState, Observed, StopVerify
from drivers.types import (
    CancelRead,
    Close,
    Condition,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentRemoved,
    Flag,
    OpenExit,
    Result,
    Zone,
)
from gate_agent.core.messages import Mode, OfficerAction, Tick, Wipe
from gate_agent.core.reasons import Reason
from gate_agent.core.record import profile_sha256
from gate_agent.core.states import initial, replace
from gate_agent.lane_api.api import SyncView
from gate_agent.lane_api.view import view
from gate_agent.loop import Loop
from sync.log.types import AppendFailed, RecordKind


def opened(world: World) -> bool:
    return any(isinstance(command, OpenExit) for command in world.sent)


def last_decision(world: World) -> dict:
    return facts(world.sent, RecordKind.DECISION)[-1]


def test_an_officer_accepts_and_the_traveller_crosses():
    world = World().to("Referred")
    assert last_decision(world)["reasons"] == ["face_not_acquired"]
    world.decide(OfficerAction.ACCEPT)
    assert not opened(world)
    assert OpenExit(ticket=1) in world.durable(RecordKind.OFFICER, RecordKind.ACTUATION)
    world.done("open_exit")
    finish = facts(world.move(zone=Zone.EMPTY, passages_exit=8), RecordKind.FINISH)[0]
    assert (finish["outcome"], finish["officer"]) == ("accepted", "o1")


def test_an_officer_refuses_and_the_traveller_steps_back():
    world = World().to("OfficerDeciding")
    finish = facts(world.durable(RecordKind.OFFICER), RecordKind.FINISH)[0]
    assert finish["outcome"] == "refused"
    assert world.step == "Leaving"
    world.move(zone=Zone.EMPTY)
    assert (world.step, world.state.mode, opened(world)) == ("Idle", Mode.AUTO, False)


@pytest.mark.parametrize(
    ("why", "wrong"),
    [
        ("other_ticket", {"ticket": 7}),
        ("other_evidence", {"evidence_sha256": "00"}),
        ("unknown_reason", {"reason": "because"}),
        ("expired", {"expires_at_ns": 1}),
    ],
)
def test_an_officers_word_that_does_not_fit_is_recorded_and_ignored(why, wrong):
    world = World().to("Referred")
    ignored = facts(world.decide(OfficerAction.ACCEPT, **wrong), RecordKind.SYSTEM)[0]
    assert (ignored["event"], ignored["why"]) == ("officer_ignored", why)
    assert world.step == "Referred"


def test_no_one_decides():
    world = World().to("Referred")
    world.later(121_000)
    finish = facts(world.sent, RecordKind.FINISH)[-1]
    assert (finish["outcome"], world.step) == ("referred", "Leaving")


@pytest.mark.parametrize("step", ["Reading", "Verifying", "Deciding", "Admitting", "Referred"])
def test_a_traveller_who_walks_away_ends_the_crossing(step):
    world = World().to(step)
    out = world.move(zone=Zone.EMPTY)
    finish = facts(out, RecordKind.FINISH)[0]
    assert finish["outcome"] == "abandoned"
    assert "walked_away" in finish["reasons"]
    assert "walked_away" in last_decision(world)["reasons"] or step == "Referred"
    assert Wipe(ticket=1) in out
    assert (world.step, opened(world)) == ("Idle", False)


@pytest.mark.parametrize("step", ["Reading", "Verifying", "Deciding", "Admitting"])
def test_a_second_person_asks_for_an_officer(step):
    world = World().to(step)
    world.move(zone=Zone.MANY)
    assert "tailgating" in last_decision(world)["reasons"]
    assert (world.step, opened(world)) == ("Referred", False)


def test_two_passages_on_one_accept_stop_the_lane():
    world = World().to("Crossing")
    world.move(zone=Zone.EMPTY, passages_exit=9)
    finish = facts(world.sent, RecordKind.FINISH)[-1]
    assert (finish["passages"], finish["reasons"]) == (2, ["tailgating"])
    assert world.state.mode is Mode.OUT_OF_SERVICE
    world.move()
    world.decide(OfficerAction.ACKNOWLEDGE)
    assert world.state.mode is Mode.AUTO


def test_a_counter_wraps():
    world = World()
    world.plant = replace(world.plant, passages_exit=2**32 - 1)
    world.to("Crossing")
    out = world.move(zone=Zone.EMPTY, passages_exit=0)
    assert facts(out, RecordKind.FINISH)[0]["outcome"] == "admitted"


def test_a_release_that_no_one_uses_is_withdrawn():
    world = World().to("Crossing")
    out = world.move(zone=Zone.EMPTY)
    assert Close(ticket=1) in out
    assert facts(out, RecordKind.ACTUATION)[0]["action"] == "close"
    world.done("close")
    finish = facts(world.move(), RecordKind.FINISH)[0]
    assert (finish["outcome"], finish["reasons"]) == ("abandoned", ["walked_away"])


def test_an_occupied_zone_is_never_closed_upon():
    world = World().to("Crossing")
    world.later(13_000)
    assert world.step == "Clearing"
    assert not [command for command in world.sent if isinstance(command, Close)]
    assert Close(ticket=1) in world.move(zone=Zone.EMPTY)


def test_no_one_is_left_standing_before_a_release_that_was_never_confirmed():
    world = World().to("Opening")
    for _ in range(17):
        world.later(1_000)
    assert (world.step, world.state.mode) == ("Leaving", Mode.OUT_OF_SERVICE)
    finish = facts(world.sent, RecordKind.FINISH)[0]
    assert (finish["outcome"], finish["passages"]) == ("abandoned", 0)
    assert finish["reasons"] == ["device_failed", "passage_timeout"]
    assert not [command for command in world.sent if isinstance(command, Close)]
    world.decide(OfficerAction.ACKNOWLEDGE)
    assert Close(ticket=1) in world.move(zone=Zone.EMPTY)


def test_a_document_pulled_away():
    world = World().to("Reading")
    out = world.put(DocumentRemoved(ticket=1))
    assert CancelRead(ticket=1) in out
    assert last_decision(world)["reasons"] == ["document_removed"]


def test_a_bad_document_is_referred_without_the_face():
    world = World().to("Reading")
    bad = tuple(
        replace(check, result=Result.FAILED) if check.id == "sod_signature" else check
        for check in GOOD_CHECKS
    )
    world.read(checks=bad)
    assert (world.step, last_decision(world)["reasons"]) == ("Referred", ["sod_signature"])


def test_an_attack_in_one_frame_refers_for_good():
    world = World().to("Verifying")
    out = world.look(live=LivenessState.ATTACK, score=0.1)
    assert StopVerify(ticket=1) in out
    assert "pad_attack" in last_decision(world)["reasons"]
    world.put(Observed(ticket=1, observation=frame()))
    assert world.step == "Referred"


def test_fire_ends_everything_and_nothing_closes():
    world = World().to("Crossing")
    out = world.move(fire=Flag.ACTIVE)
    assert facts(out, RecordKind.FINISH)[0]["reasons"] == ["fire"]
    assert world.state.mode is Mode.EVACUATION
    world.move(zone=Zone.EMPTY)
    world.move(fire=Flag.CLEAR)
    assert world.state.mode is Mode.EVACUATION
    assert not [command for command in world.sent if isinstance(command, Close)]
    world.decide(OfficerAction.ACKNOWLEDGE)
    assert Close(ticket=1) in world.move()
    assert world.state.mode is Mode.AUTO


def test_a_lapsed_lease_refers_a_pending_admission_and_comes_back():
    world = World().to("Verifying")
    for wait_ms in (900, 900):
        world.now += wait_ms * MS
        world.move()
    world.look()
    world.now += 200 * MS
    world.move()
    assert world.step == "Deciding"
    world.put(Tick())
    assert "lease_lost" in last_decision(world)["reasons"]
    assert (world.step, opened(world)) == ("Referred", False)
    world.move(zone=Zone.EMPTY)
    world.present()
    assert world.step == "Idle"
    world.lease()
    assert world.step == "Reading"


def test_what_is_not_on_record_does_not_happen():
    world = World().to("Deciding")
    world.put(AppendFailed(ticket=1, kind=RecordKind.DECISION, detail="disk full"))
    assert (world.step, world.state.mode) == ("Referred", Mode.OUT_OF_SERVICE)
    assert not opened(world)


def test_a_silent_journal_is_a_failed_one():
    world = World().to("Deciding")
    world.later(2_100)
    assert world.state.alarms == (Reason.RECORD_FAILED,)
    assert not opened(world)


@pytest.mark.parametrize("device", [DeviceId.VISION, DeviceId.TURNSTILE, DeviceId.JOURNAL])
def test_a_device_that_fails_asks_for_an_officer(device):
    world = World().to("Verifying")
    world.put(DeviceFailed(device=device, code=1, retryable=True, diagnosis=""))
    assert (world.step, opened(world)) == ("Referred", False)
    assert world.state.mode is (Mode.AUTO if device is DeviceId.VISION else world.state.mode)


def test_after_a_lost_turnstile_everything_is_seen_in_order_first():
    world = World().to("Idle")
    world.put(DeviceFailed(device=DeviceId.TURNSTILE, code=100, retryable=True, diagnosis=""))
    assert world.state.mode is Mode.STARTING
    world.put(DeviceReady(device=DeviceId.TURNSTILE))
    world.move(zone=Zone.ONE)
    assert world.state.mode is Mode.STARTING
    world.move(zone=Zone.EMPTY)
    assert world.state.mode is Mode.AUTO


def test_a_reading_too_old_is_unknown():
    world = World().to("Reading")
    world.now += 1_000 * MS
    world.put(Tick())
    assert world.state.plant.zone is Zone.UNKNOWN
    assert (world.step, world.state.mode) == ("Referred", Mode.STARTING)


def test_a_restart_hands_unfinished_crossings_to_an_officer():
    loop = Loop(initial(PROFILE, unfinished_tickets=(4, 5)), PROFILE)
    world = World(loop=loop)
    world.serve()
    finishes = [c for c in world.sent if getattr(c, "kind", None) is RecordKind.FINISH]
    assert [(c.ticket, c.facts.reasons) for c in finishes] == [
        (4, (Reason.RESTART,)),
        (5, (Reason.RESTART,)),
    ]
    assert world.state.mode is Mode.OUT_OF_SERVICE
    world.decide(OfficerAction.ACKNOWLEDGE)
    assert (world.state.mode, world.state.next_ticket) == (Mode.AUTO, 6)


def test_an_officer_closes_the_lane_after_the_present_crossing():
    world = World().to("Reading")
    world.decide(OfficerAction.CLOSE_LANE)
    assert world.state.mode is Mode.AUTO
    world.move(zone=Zone.EMPTY)
    assert world.state.mode is Mode.OUT_OF_SERVICE
    world.decide(OfficerAction.OPEN_LANE)
    assert world.state.mode is Mode.AUTO


def test_every_record_names_the_profile_and_no_one():
    world = World().to("Crossing")
    world.move(zone=Zone.EMPTY, passages_exit=8)
    records = [c for c in world.sent if hasattr(c, "facts")]
    assert {r.facts.profile_sha256 for r in records} == {profile_sha256(PROFILE)}
    decision = last_decision(world)
    assert decision["face"]["score"] == 0.9
    assert set(decision["spans_ms"]) <= {"mrz", "document", "prepare", "verify", "total"}
    assert all(decision["deadlines"].values())


def test_what_a_device_lacks_is_recorded_once_and_shown_until_it_is_mended():
    world = World().to("Idle")
    lacks = DeviceReady(device=DeviceId.READER, conditions=(Condition.CLOCK_UNTRUSTED,))
    for _ in range(2):
        world.put(lacks)
    world.put(DeviceFailed(device=DeviceId.READER, code=1, retryable=True, diagnosis="x"))
    world.put(lacks)
    world.put(DeviceReady(device=DeviceId.READER))
    reported = [f for f in facts(world.sent, RecordKind.SYSTEM) if f["event"] == "conditions"]
    assert [(f["device"], f["conditions"]) for f in reported] == [
        ("reader", ["clock_untrusted"]),
        ("reader", []),
    ]
    world.put(lacks)
    shown = view(world.state, PROFILE, utc_offset_ms=0, sync=SyncView())
    assert [d.conditions for d in shown.devices if d.device == "reader"] == [("clock_untrusted",)]
    assert world.state.mode is Mode.AUTO


def test_a_list_that_is_not_there_is_shown_though_no_crossing_needs_its_device():
    world = World().to("Idle")
    world.put(DeviceReady(device=DeviceId.LISTS, conditions=(Condition.LIST_ABSENT,)))
    shown = view(world.state, PROFILE, utc_offset_ms=0, sync=SyncView())
    assert shown.devices[-1].conditions == ("list_absent",)
