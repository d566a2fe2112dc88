"""From a lane's view to what an officer's pages show: plain data, ready for text nodes.

The same data fill the page on the server and follow it in the browser, so there is one
place that decides on words.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from drivers.types import Check, CheckMode, Result
from gate_agent.console import alerts
from gate_agent.console.alerts import Severity
from gate_agent.console.chamber import chamber_board
from gate_agent.lane_api.api import ApproachView, DeviceView, LastResult, Step, SyncView, View

STEP_TEXT = {
    Step.CLOSED: "Closed",
    Step.WAITING: "Waiting for a traveller",
    Step.READING: "Reading the document",
    Step.VERIFYING: "Comparing the face",
    Step.DECIDING: "Deciding",
    Step.CROSSING: "Traveller is crossing",
    Step.REFERRED: "Referred to the officer",
    Step.LEAVING: "Leaving the lane",
    Step.ENTERING: "Coming in",
    Step.PRESENTING: "Waiting for the document",
    Step.QUEUED: "Waiting before the entry",
    Step.GOING_BACK: "Going back out",
}

DOCUMENT_TEXT = {
    "access": "access to the chip",
    "sod": "signatures",
    "dg1": "the holder's data",
    "dg2": "the portrait",
}

PROGRESS = {  # of document, face, decision, passage
    Step.READING: 1,
    Step.VERIFYING: 2,
    Step.DECIDING: 3,
    Step.REFERRED: 3,
    Step.CROSSING: 4,
    Step.LEAVING: 4,
}

MODE_TEXT = {
    "starting": "Starting",
    "auto": "In service",
    "out_of_service": "Out of service",
    "evacuation": "EVACUATION",
    "maintenance": "Maintenance",
}

CHECK_TEXT = {
    "mrz_consistency": "MRZ check digits",
    "access_control": "Access to the chip",
    "sod_signature": "Signature of EF.SOD",
    "ds_chain": "Document signer to trusted CSCA",
    "ds_validity": "Document signer in its time",
    "csca_validity": "CSCA in its time",
    "ds_revocation": "Document signer not revoked",
    "dg_hash": "Data group unaltered",
    "com_sod": "EF.COM agrees with EF.SOD",
    "issuing_state": "Issuing state agrees",
    "active_authentication": "Active authentication",
    "chip_authentication": "Chip authentication",
    "stripping": "No protocol stripped",
    "expiry": "Not expired",
    "mrz_dg1": "Printed MRZ equals DG1",
    "face_image": "Portrait of the chip",
    "defects": "No known defects",
}

# BSI TR-03135 shows successful green, failed red, undetermined yellow, not supported grey.
CHECK_COLOUR = {
    Result.SUCCESSFUL: "green",
    Result.FAILED: "red",
    Result.UNDETERMINED: "yellow",
    Result.NOT_SUPPORTED: "grey",
    Result.ABORTED: "yellow",
}

_FIRST = {"red": 0, "yellow": 1, "green": 2, "grey": 3}

RESULT_TEXT = {
    Result.SUCCESSFUL: "successful",
    Result.FAILED: "failed",
    Result.UNDETERMINED: "undetermined",
    Result.NOT_SUPPORTED: "not supported",
    Result.ABORTED: "aborted",
}

PAD_TEXT = {
    "not_run": ("grey", "Attack detection: not run"),
    "bona_fide": ("green", "Attack detection: no sign of an attack"),
    "attack": ("red", "Attack detection: ATTACK"),
}

AREA_TEXT = {
    "empty": "empty",
    "one": "one person",
    "many": "SEVERAL PERSONS",
    "unknown": "not known",
}

OUTCOME_TEXT = {
    "admitted": ("green", "Admitted"),
    "referred": ("yellow", "Referred"),
    "refused": ("red", "Refused"),
    "abandoned": ("grey", "Abandoned"),
}

Plain = dict[str, Any]


def lane_board(
    view: View | None, *, number: int, away: str, away_since_utc_ms: int, personal: bool
) -> Plain:
    """Everything an officer sees of one lane; with `personal`, also who stands there."""
    if view is None:
        return _away_board(number, away, away_since_utc_ms)
    alarms = [_alert(code) for code in (*view.alarms, *_conditions(view))]
    reasons = [_alert(code) for code in view.reasons]
    tone = _tone(view)
    return {
        "lane": number,
        "away": False,
        "outside": (outside := _outside(view.approach)),
        "alone": not outside,
        "demo": view.demo,
        "gate": view.gate,
        "site": view.site,
        "direction": view.direction,
        "tone": tone,
        "mode": MODE_TEXT.get(view.mode, view.mode),
        "step": view.step.value,
        "step_text": _step_text(view),
        "since_utc_ms": view.since_utc_ms,
        "progress": PROGRESS.get(view.step, 0),
        "ticket": view.ticket,
        "crossing": f"Crossing {view.ticket}" if view.ticket else "No crossing",
        "document_step": DOCUMENT_TEXT.get(view.document_step, view.document_step)
        if view.step is Step.READING
        else "",
        "state_of_issue": view.issuing_state,
        "referred": view.step is Step.REFERRED,
        "decidable": view.step is Step.REFERRED and bool(view.evidence_sha256),
        "evidence": view.evidence_sha256,
        "officer_reasons": [
            {"code": code, "label": code.replace("_", " ").capitalize(), "key": str(place)}
            for place, code in enumerate(view.officer_reasons, start=1)
        ],
        "pictures": view.step
        in (Step.VERIFYING, Step.DECIDING, Step.REFERRED, Step.CROSSING, Step.LEAVING),
        "live": view.step in (Step.VERIFYING, Step.DECIDING, Step.REFERRED),
        "alarms": alarms,
        "reasons": reasons,
        "reasons_text": in_short(reasons),
        **_checks(view.checks),
        "devices": [_device(device) for device in view.devices],
        "sync_text": _sync_text(view.sync),
        "sync_tone": "green" if view.sync.connected else "yellow",
        "lease_text": "Officer present" if view.lease else "No officer present",
        "lease_tone": "green" if view.lease else "yellow",
        "plant": _plant(view),
        **chamber_board(view),
        "open": view.mode == "auto",
        **_last(view.last),
        **_face(view),
        "holder": _holder(view) if personal else None,
    }


def in_short(rows: list[Plain], most: int = 3) -> str:
    """The gravest few in one line, and how many more there are."""
    grave = [Severity.ALARM.value, Severity.WARNING.value, Severity.INFO.value]
    texts = [row["text"] for row in sorted(rows, key=lambda row: grave.index(row["severity"]))]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def _outside(approach: ApproachView | None) -> list[Plain]:
    """Why whoever stands before the entry is referred; empty where nobody is."""
    if approach is None or approach.step is not Step.REFERRED:
        return []
    return [_alert(code) for code in approach.reasons]


def _away_board(number: int, away: str, since_utc_ms: int) -> Plain:
    row = alerts.AWAY
    board = lane_board(
        _NOBODY, number=number, away="", away_since_utc_ms=since_utc_ms, personal=False
    )
    return board | {
        "away": True,
        "tone": "away",
        "mode": "Away",
        "step": "away",
        "step_text": "No connection",
        "since_utc_ms": since_utc_ms,
        "crossing": f"Lane API: {away}",
        "alarms": [{"severity": row.severity.value, "text": row.text, "todo": row.todo}],
        "sync_text": "Centre unknown",
        "sync_tone": "grey",
        "lease_text": "Officer unknown",
        "lease_tone": "grey",
        "plant": [],
    }


_NOBODY = View(
    lane=0,
    gate="",
    site="",
    direction="",
    topology="",
    demo=False,
    mode="away",
    since_utc_ms=0,
    step=Step.CLOSED,
)


def _tone(view: View) -> str:
    """The one word by which a lane's card is coloured and marked."""
    grave = any(alerts.alert(code).severity is Severity.ALARM for code in view.alarms)
    if view.fire or view.mode == "evacuation" or grave:
        return "alarm"
    if view.step is Step.REFERRED:
        return "referred"
    if view.mode != "auto" or view.step is Step.CLOSED:
        return "closed"
    if view.alarms or _conditions(view):
        return "warning"
    return "idle" if view.step is Step.WAITING else "busy"


def _conditions(view: View) -> list[str]:
    """What devices in step lack: why the lane refers more than it should."""
    return [condition for device in view.devices for condition in device.conditions]


def _step_text(view: View) -> str:
    """The step in words; where nobody is served, what the lane is doing instead."""
    if view.fire or view.mode == "evacuation":
        return "Evacuation, exit open"
    if view.mode == "auto" or view.step not in (Step.WAITING, Step.CLOSED):
        return STEP_TEXT[view.step]
    if view.mode == "out_of_service" and view.alarms:
        return "Stopped: inspect the lane, then acknowledge"
    awaited = ", ".join(_awaited(view)) if view.mode == "starting" else ""
    return MODE_TEXT.get(view.mode, view.mode) + (f", waits for {awaited}" if awaited else "")


def _awaited(view: View) -> list[str]:
    """What a lane that goes into service has not seen in order yet."""
    devices = [device.device for device in view.devices if not device.ready]
    if "turnstile" in devices:
        return devices
    doors = [f"the {name} to shut" for name in ("entry", "exit") if getattr(view, name) != "closed"]
    return devices + doors + ([] if view.zone == "empty" else ["the lane to be empty"])


def _alert(code: str) -> Plain:
    row = alerts.alert(code)
    return {"code": code, "severity": row.severity.value, "text": row.text, "todo": row.todo}


def _checks(checks: tuple[Check, ...]) -> Plain:
    """The check tree, what speaks against the document first, and how many of each."""
    rows = sorted((_check(check) for check in checks), key=lambda row: _FIRST[row["colour"]])
    counts = Counter(row["result"] for row in rows)
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    return {"checks": rows, "checks_text": words}


def _check(check: Check) -> Plain:
    base, _, group = check.id.partition(".")
    name = CHECK_TEXT.get(base, check.id)
    return {
        "name": f"{name} ({group})" if group else name,
        "colour": CHECK_COLOUR[check.result],
        "result": RESULT_TEXT[check.result],
        "mode": "" if check.mode is CheckMode.MANDATORY else check.mode.value,
        "detail": check.detail,
        "ms": f"{check.ms:.0f} ms" if check.ms >= 1 else "",
    }


def _plant(view: View) -> list[Plain]:
    fire = {"name": "Fire", "value": "ALARM" if view.fire else "no"}
    if view.topology == "mantrap":
        return [
            {"name": "Mains", "value": "LOST" if view.power_loss else "present"},
            {"name": "Maintenance key", "value": "IN" if view.maintenance else "out"},
            {"name": "Direction", "value": view.direction},
            fire,
        ]
    return [
        {"name": "Entry", "value": _known(view.entry)},
        {"name": "Exit", "value": _known(view.exit)},
        {"name": "Inside", "value": AREA_TEXT.get(view.zone, view.zone)},
        fire,
    ]


def _known(position: str) -> str:
    return "not known" if position == "unknown" else position


def _device(device: DeviceView) -> Plain:
    fault = f"{device.code}: {device.diagnosis}" if device.code else device.diagnosis
    good = "yellow" if device.conditions else "green"
    return {
        "name": device.device,
        "colour": good if device.ready else "red",
        "text": device.identity or "ready" if device.ready else fault or "not ready",
    }


def _sync_text(sync: SyncView) -> str:
    behind = max(0, sync.journal_seq - sync.receipt_seq)
    link = "Centre connected" if sync.connected else "Centre not connected"
    alarm = f"; {sync.alarm}" if sync.alarm else ""
    if behind == 0:
        return f"{link}, up to date{alarm}"
    return f"{link}, {behind} to send, oldest {_span(sync.oldest_unsent_s)}{alarm}"


def _span(seconds: int) -> str:
    """How long, in the unit that a person would take."""
    for unit, of_unit in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * of_unit:
            return f"{seconds // of_unit} {unit}"
    return f"{seconds} s"


def _last(last: LastResult | None) -> Plain:
    if last is None:
        return {"last_tone": "grey", "last_text": "No crossing yet", "last_utc_ms": 0}
    tone, text = OUTCOME_TEXT.get(last.outcome, ("grey", last.outcome))
    officer = f" by {last.officer}" if last.officer else ""
    reasons = in_short([_alert(code) for code in last.reasons], most=1)
    return {
        "last_tone": tone,
        "last_text": f"{text}{officer}" + (f": {reasons}" if reasons else ""),
        "last_utc_ms": last.at_utc_ms,
    }


def _face(view: View) -> Plain:
    face = view.face
    pad_tone, pad_text = PAD_TEXT.get(face.pad, ("grey", face.pad))
    if face.score is None or face.threshold is None:
        word = "Not compared" if view.reasons else "No comparison yet"
        score_tone, score_text, meter = "grey", word, {}
    else:
        matched = face.score >= face.threshold
        score_tone = "green" if matched else "red"
        word = "match" if matched else "no match"
        score_text = f"{face.score:.3f}, threshold {face.threshold:.3f}: {word}"
        meter = {"score": face.score, "threshold": face.threshold}
    return {
        "pad_tone": pad_tone,
        "pad_text": pad_text + ("" if face.pad_score is None else f" ({face.pad_score:.2f})"),
        "score_tone": score_tone,
        "score_text": score_text,
        "score_percent": _percent(meter.get("score", 0.0)),
        "threshold_percent": _percent(meter.get("threshold", 0.0)),
        "uncompared": not meter,
        "faces_text": f"{face.faces} face{'' if face.faces == 1 else 's'} in the picture,",
        "tier": f"models: {face.tier or 'none'}",
    }


def _percent(value: float) -> float:
    return round(100.0 * min(1.0, max(0.0, value)), 1)


def _holder(view: View) -> list[Plain]:
    if view.holder is None:
        return []
    plain = msgspec.structs.asdict(view.holder)
    return [
        {"name": key.replace("_", " ").capitalize(), "value": value or "-"}
        for key, value in plain.items()
    ]
