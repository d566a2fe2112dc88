"""Who passed without a decision, and the note that reopens the lane, as an officer reads it."""

from __future__ import annotations

from typing import Any

from gate_agent.lane_api.api import UncheckedView, View


def unchecked_board(view: View) -> dict[str, Any]:
    """Whether a note is due, how many passed unchecked each way, and who may write the note."""
    passed = view.unchecked
    return {
        "noteless": not passed.note_due,
        "unchecked_text": _passed(passed),
        "note_by": _who(passed),
    }


def _passed(passed: UncheckedView) -> str:
    if not (passed.exit or passed.entry or passed.unknown):
        return "No one is known to have passed unchecked."
    text = f"Passed unchecked: {passed.exit} through the exit, {passed.entry} through the entry."
    return f"{text} Others may have passed uncounted." if passed.unknown else text


def _who(passed: UncheckedView) -> str:
    if not passed.supervisors:
        return "Inspect the lane, write what was found, then acknowledge."
    return f"A supervisor writes the note: {', '.join(passed.supervisors)}."
