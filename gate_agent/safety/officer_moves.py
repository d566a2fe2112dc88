"""What officers do in the search: always in time, with and without a note."""

from __future__ import annotations

from collections.abc import Iterator

from gate_agent.core.messages import Event, OfficerAction, OfficerDecided
from gate_agent.safety.scene import ENOUGH_NS


def officer(
    action: OfficerAction, ticket: int = 0, seen: str = "", note: str = ""
) -> OfficerDecided:
    """An officer acts, in time."""
    return OfficerDecided(
        ticket=ticket,
        officer="o",
        action=action,
        reason="identity",
        evidence_sha256=seen,
        expires_at_ns=ENOUGH_NS,
        note=note,
    )


def inspections() -> Iterator[Event]:
    """An officer acknowledges: without a note, and with one."""
    yield officer(OfficerAction.ACKNOWLEDGE)
    yield officer(OfficerAction.ACKNOWLEDGE, note="inspected")
