"""How grave a code is: the order in which officers see alarms, reasons and lanes that wait.

One table. Codes that it does not name come after those that it names, by their severity.
"""

from __future__ import annotations

from typing import Any

from gate_agent.console.alerts import Severity

SEVERITIES = (Severity.ALARM, Severity.WARNING, Severity.INFO)

GRAVEST_FIRST = (
    # lives
    "fire",
    # who is in the lane
    "door_forced",
    "unchecked_passage",
    "tailgating",
    "several_persons",
    "left_object",
    "power_lost",
    # who stands there
    "list_hit",
    "pad_attack",
    # what was presented
    "sod_signature",
    "dg_hash",
    "chip_authentication",
    "active_authentication",
    "stripping",
    "mrz_dg1",
    "ds_chain",
    # the lane
    "record_failed",
    "door_held",
    "away",
    # not judged, or a matter of the document's paper
    "face_no_match",
    "no_access_control",
    "access_control",
    "another_card",
    "document_unreadable",
    "mrz_consistency",
    "expiry",
    "expiry_soon",
)
"""Codes from the gravest down; within one severity this order decides."""

_PLACE = {code: place for place, code in enumerate(GRAVEST_FIRST)}


def gravity(row: dict[str, Any]) -> tuple[int, int]:
    """What sorts a row of `severity` and `code`, the gravest first."""
    return (
        SEVERITIES.index(Severity(row["severity"])),
        _PLACE.get(row["code"], len(GRAVEST_FIRST)),
    )
