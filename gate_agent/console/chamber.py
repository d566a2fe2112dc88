"""Two doors and the chamber between them as text: an officer's view of a mantrap."""

from __future__ import annotations

from typing import Any

from gate_agent.lane_api.api import Step, View

AREA_TEXT = {
    "empty": ("grey", "empty"),
    "one": ("green", "one person"),
    "many": ("red", "SEVERAL PERSONS"),
    "unknown": ("yellow", "not known"),
}
BEFORE_TEXT = {
    "empty": ("grey", "empty"),
    "one": ("green", "occupied"),
    "many": ("green", "several persons"),
    "unknown": ("yellow", "not known"),
}
DOOR_TEXT = {
    ("closed", "locked"): ("green", "closed, locked"),
    ("closed", "unlocked"): ("yellow", "closed, NOT LOCKED"),
    ("open", "unlocked"): ("yellow", "OPEN"),
    ("open", "locked"): ("red", "OPEN, lock reads locked"),
}
NOT_KNOWN = ("red", "not known")
GOING_BACK = (Step.LEAVING, Step.GOING_BACK)
"""The crossing is over and a traveller may still be inside."""


def _releasable(view: View) -> bool:
    """Whether an officer can let a traveller go back: referred, or still in the chamber."""
    referred = view.step is Step.REFERRED and bool(view.evidence_sha256)
    if view.topology != "mantrap":
        return referred
    return (referred or view.step in GOING_BACK) and view.zone != "empty"


def chamber_board(view: View) -> dict[str, Any]:
    """Rows in the order of a traveller's way, and whether a traveller can be let go back.

    A lane with a barrier has no rows.
    """
    if view.topology != "mantrap":
        return {"doors": [], "releasable": _releasable(view)}
    rows = (
        ("Before the entry", BEFORE_TEXT.get(view.approach_zone, NOT_KNOWN)),
        ("Entry door", DOOR_TEXT.get((view.entry, view.entry_lock), NOT_KNOWN)),
        ("Chamber", AREA_TEXT.get(view.zone, NOT_KNOWN)),
        ("Exit door", DOOR_TEXT.get((view.exit, view.exit_lock), NOT_KNOWN)),
        ("Behind the exit", BEFORE_TEXT.get(view.beyond_zone, NOT_KNOWN)),
    )
    return {
        "doors": [{"name": name, "tone": tone, "text": text} for name, (tone, text) in rows],
        "releasable": _releasable(view),
    }
