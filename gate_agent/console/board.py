"""From a lane's view to the contents of an officer's pages: plain data, ready for text nodes.

The same data fill the page on the server and update it in the browser, so a text is chosen in one
place. The texts themselves are in `labels` and `alerts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gate_agent.console import alerts, labels
from gate_agent.console.alerts import Severity
from gate_agent.console.chamber import chamber_board
from gate_agent.console.face_board import face_board
from gate_agent.console.gravity import gravity
from gate_agent.console.reasons_board import alert_row, check_rows, reason_rows
from gate_agent.console.unchecked_board import unchecked_board
from gate_agent.lane_api.api import ApproachView, DeviceView, LastResult, Step, SyncView, View

Plain = dict[str, Any]

KNOWN = "_known"
"""What the key ends with that says what is known of a date."""


def lane_board(
    view: View | None, *, number: int, away: str, away_since_utc_ms: int, personal: bool
) -> Plain:
    """Everything an officer sees of one lane; with `personal`, also the holder's data."""
    if view is None:
        return _away_board(number, away, away_since_utc_ms)
    alarms = [alert_row(code) for code in (*view.alarms, *_conditions(view))]
    reasons = reason_rows(view.reasons, view.checks)
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
        "mode": labels.MODE_TEXT.get(view.mode, view.mode),
        "step": view.step.value,
        "step_text": _step_text(view),
        "since_utc_ms": view.since_utc_ms,
        "time_zone": view.time_zone,
        "progress": labels.PROGRESS.get(view.step, 0),
        "ticket": view.ticket,
        "crossing": f"Crossing {view.ticket}" if view.ticket else "No crossing",
        "document_step": labels.DOCUMENT_TEXT.get(view.document_step, view.document_step)
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
        "fire": view.fire or view.mode == "evacuation",
        "alarms": alarms,
        "reasons": reasons,
        "reasons_text": in_short(reasons),
        **check_rows(view.reasons, view.checks),
        "devices": [_device(device) for device in view.devices],
        "sync_text": _sync_text(view.sync),
        "sync_tone": "green" if view.sync.connected else "yellow",
        "lease_text": "Officer present" if view.lease else "No officer present",
        "lease_tone": "green" if view.lease else "yellow",
        "plant": _plant(view),
        **unchecked_board(view),
        **chamber_board(view),
        "open": view.mode == "auto",
        **_last(view.last),
        **face_board(view, in_short(reasons, most=1, count=False)),
        "holder": _holder(view) if personal else None,
    }


def in_short(rows: list[Plain], most: int = 3, *, count: bool = True) -> str:
    """The gravest few in one line, and with `count` how many more there are."""
    texts = [row["text"] for row in sorted(rows, key=gravity)]
    more = f" and {len(texts) - most} more" if count and len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def _outside(approach: ApproachView | None) -> list[Plain]:
    """Why the traveller before the entry is referred; empty without one."""
    if approach is None or approach.step is not Step.REFERRED:
        return []
    return reason_rows(approach.reasons, approach.checks)


def _away_board(number: int, away: str, since_utc_ms: int) -> Plain:
    board = lane_board(
        _NO_VIEW, number=number, away="", away_since_utc_ms=since_utc_ms, personal=False
    )
    return board | {
        "away": True,
        "tone": "away",
        "mode": "Away",
        "step": "away",
        "step_text": "No connection",
        "since_utc_ms": since_utc_ms,
        "crossing": f"Lane API: {away}",
        "alarms": [alert_row("away")],
        "sync_text": "Centre unknown",
        "sync_tone": "grey",
        "lease_text": "Officer unknown",
        "lease_tone": "grey",
        "plant": [],
    }


_NO_VIEW = View(
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
    """What ready devices lack: why the lane refers more travellers than it should."""
    return [condition for device in view.devices for condition in device.conditions]


def _step_text(view: View) -> str:
    """The step as text; while no traveller is served, what the lane is doing instead."""
    if view.fire or view.mode == "evacuation":
        return "Evacuation, exit open"
    if view.mode == "auto" or view.step not in (Step.WAITING, Step.CLOSED):
        return labels.STEP_TEXT[view.step]
    if view.mode == "out_of_service" and view.alarms:
        return "Stopped: inspect the lane, then acknowledge"
    awaited = ", ".join(_awaited(view)) if view.mode == "starting" else ""
    return labels.MODE_TEXT.get(view.mode, view.mode) + (
        f", waits for {awaited}" if awaited else ""
    )


def _awaited(view: View) -> list[str]:
    """What a lane that starts still waits for."""
    devices = [device.device for device in view.devices if not device.ready]
    if "turnstile" in devices:
        return devices
    doors = [f"the {name} to shut" for name in ("entry", "exit") if getattr(view, name) != "closed"]
    return devices + doors + ([] if view.zone == "empty" else ["the lane to be empty"])


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
        {"name": "Inside", "value": labels.AREA_TEXT.get(view.zone, view.zone)},
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
    """A duration in its largest fitting unit."""
    for unit, of_unit in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * of_unit:
            return f"{seconds // of_unit} {unit}"
    return f"{seconds} s"


def _last(last: LastResult | None) -> Plain:
    if last is None:
        return {"last_tone": "grey", "last_text": "No crossing yet", "last_utc_ms": 0}
    tone, text = labels.OUTCOME_TEXT.get(last.outcome, ("grey", last.outcome))
    officer = f" by {last.officer}" if last.officer else ""
    rows = [alert_row(code, judged=code not in last.unjudged) for code in last.reasons]
    reasons = in_short(rows, most=1)
    return {
        "last_tone": tone,
        "last_text": f"{text}{officer}" + (f": {reasons}" if reasons else ""),
        "last_utc_ms": last.at_utc_ms,
    }


def _holder(view: View) -> list[Plain]:
    if view.holder is None:
        return []
    plain = msgspec.structs.asdict(view.holder)
    return [
        {"name": key.replace("_", " ").capitalize(), "value": _with_known(plain, key) or "-"}
        for key in plain
        if not key.endswith(KNOWN)
    ]


def _with_known(plain: dict[str, str], key: str) -> str:
    """A field as printed, and what is known of a date that is not one whole day."""
    known = plain.get(f"{key}{KNOWN}", "")
    return f"{plain[key]}: {known}" if known else plain[key]
