"""The view of a lane that pages show: a pure function of its state.

The holder's identity is not here: the core does not know it. The process that answers an
authorised console adds it.
"""

from __future__ import annotations

from drivers.types import Flag
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import NS_PER_MS
from gate_agent.core.ended import Last
from gate_agent.core.messages import Mode
from gate_agent.core.record import direction, evidence_sha256
from gate_agent.core.states import (
    REQUIRED_DEVICES,
    Admitting,
    Clearing,
    Crossing,
    Deciding,
    Departing,
    Dossier,
    Emptying,
    Entering,
    Idle,
    Leaving,
    OfficerDeciding,
    Opening,
    Presenting,
    Queued,
    Reading,
    Referred,
    Shutting,
    State,
    Verifying,
    dossier_of,
    ticket_of,
)
from gate_agent.lane_api.api import (
    ApproachView,
    DeviceView,
    FaceView,
    LastResult,
    Step,
    SyncView,
    UncheckedView,
    View,
)

_STEPS = {
    Idle: Step.WAITING,
    Reading: Step.READING,
    Verifying: Step.VERIFYING,
    Deciding: Step.DECIDING,
    Admitting: Step.DECIDING,
    Opening: Step.CROSSING,
    Crossing: Step.CROSSING,
    Clearing: Step.CROSSING,
    Referred: Step.REFERRED,
    OfficerDeciding: Step.REFERRED,
    Leaving: Step.LEAVING,
    Queued: Step.QUEUED,
    Entering: Step.ENTERING,
    Shutting: Step.ENTERING,
    Presenting: Step.PRESENTING,
    Departing: Step.CROSSING,
    Emptying: Step.LEAVING,
}


def step_of(state: State) -> Step:
    """The step of the present crossing; an idle lane out of AUTO is closed."""
    crossing = state.shown
    if isinstance(crossing, Idle) and state.mode is not Mode.AUTO:
        return Step.CLOSED
    if isinstance(crossing, Emptying) and crossing.commanded == "open_entry":
        return Step.GOING_BACK
    return _STEPS[type(crossing)]


def _approach(state: State) -> ApproachView | None:
    """The traveller before the entry, where the page is about the one in the chamber."""
    crossing = state.approach
    dossier = dossier_of(crossing)
    if dossier is None or isinstance(state.crossing, Idle):
        return None
    attributes = dossier.evidence.attributes
    decision = dossier.decision
    return ApproachView(
        step=_STEPS[type(crossing)],
        ticket=dossier.ticket,
        document_step=dossier.document_step,
        checks=dossier.evidence.checks or (),
        reasons=tuple(reason.value for reason in decision.reasons) if decision else (),
        evidence_sha256=evidence_sha256(crossing) if isinstance(crossing, Referred) else "",
        issuing_state=attributes.issuing_state if attributes else "",
    )


def face_view(dossier: Dossier | None) -> FaceView:
    """The face so far."""
    if dossier is None:
        return FaceView()
    tier = dossier.models.tier.value if dossier.models else ""
    best, asked = dossier.evidence.best, dossier.evidence.face_asked
    if best is None:
        return FaceView(guidance=dossier.guidance.value, tier=tier, asked=asked)
    return FaceView(
        guidance=dossier.guidance.value,
        score=best.match.score if best.match else None,
        threshold=best.match.threshold if best.match else None,
        pad="attack" if dossier.evidence.attack else best.liveness.state.value,
        pad_score=best.liveness.score,
        faces=best.faces,
        tier=tier,
        asked=asked,
        llr=best.match.llr if best.match else None,
        threshold_llr=best.match.threshold_llr if best.match else None,
    )


def _lists(dossier: Dossier | None) -> str:
    if dossier is None or dossier.evidence.attributes is None:
        return "not_asked"
    state = dossier.evidence.list_state
    return "no_answer" if state is None else state.value


def _last(last: Last | None, utc_offset_ms: int) -> LastResult | None:
    if last is None:
        return None
    return LastResult(
        ticket=last.ticket,
        outcome=last.outcome,
        reasons=last.reasons,
        officer=last.officer,
        at_utc_ms=last.at_ns // NS_PER_MS + utc_offset_ms,
        unjudged=last.unjudged,
    )


def _unchecked(state: State, profile: Profile) -> UncheckedView:
    passed = state.unchecked
    return UncheckedView(
        exit=passed.exit,
        entry=passed.entry,
        unknown=passed.unknown,
        note_due=state.note_due,
        supervisors=profile.policy.supervisors if state.note_due else (),
    )


def _devices(state: State) -> tuple[DeviceView, ...]:
    return tuple(
        DeviceView(
            device=device.device.value,
            ready=device.ready,
            code=device.code,
            diagnosis=device.diagnosis,
            identity=device.identity,
            conditions=tuple(condition.value for condition in device.conditions),
        )
        for device in state.devices
        if device.device in REQUIRED_DEVICES or device.code or device.conditions
    )


def view(state: State, profile: Profile, *, utc_offset_ms: int, sync: SyncView) -> View:
    """The lane as it stands.

    Args:
        state: the core's state.
        profile: the effective profile.
        utc_offset_ms: what to add to monotonic milliseconds to get UTC milliseconds;
            constant while the process runs, so that an unchanged lane is unchanged.
        sync: how far the central system has followed.
    """
    crossing = state.shown
    dossier = dossier_of(crossing)
    referred = any(
        isinstance(one, Referred | OfficerDeciding) for one in (state.crossing, state.approach)
    )
    attributes = dossier.evidence.attributes if dossier else None
    decision = dossier.decision if dossier else None
    plant = state.plant
    return View(
        lane=profile.lane.number,
        gate=profile.lane.gate,
        site=profile.lane.site,
        direction=direction(profile, reverse=plant.reversed),
        topology=profile.lane.topology,
        demo=profile.lane.demo,
        mode=state.mode.value,
        since_utc_ms=state.since_ns // NS_PER_MS + utc_offset_ms,
        step=step_of(state),
        ticket=ticket_of(crossing),
        document_step=dossier.document_step if dossier else "",
        checks=(dossier.evidence.checks or ()) if dossier else (),
        face=face_view(dossier),
        reasons=tuple(reason.value for reason in decision.reasons) if decision else (),
        evidence_sha256=evidence_sha256(crossing) if isinstance(crossing, Referred) else "",
        zone=plant.zone.value,
        entry=plant.entry.value,
        exit=plant.exit.value,
        fire=plant.fire is Flag.ACTIVE or state.fire_latched,
        devices=_devices(state),
        lease=state.lease_until_ns is not None or not profile.lane.officer_lease_required,
        alarms=tuple(alarm.value for alarm in state.alarms),
        sync=sync,
        last=_last(state.last, utc_offset_ms),
        issuing_state=attributes.issuing_state if attributes else "",
        officer_reasons=profile.policy.officer_reasons if referred else (),
        approach=_approach(state),
        entry_lock=plant.entry_lock.value,
        exit_lock=plant.exit_lock.value,
        approach_zone=plant.approach.value,
        beyond_zone=plant.beyond.value,
        maintenance=plant.maintenance is Flag.ACTIVE,
        power_loss=plant.power_loss is Flag.ACTIVE,
        reversed=plant.reversed,
        time_zone=profile.lane.time_zone,
        unchecked=_unchecked(state, profile),
        lists=_lists(dossier),
    )
