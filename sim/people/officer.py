"""What every simulated officer has in common: presence at the console, and how a case is decided.

On the virtual clock an officer writes into the lane's inbox (`sim.people.virtual_officer`), in
real time into the lane API (`sim.people.live_officer`).
"""

from __future__ import annotations

from typing import NamedTuple

from sim.scenario.traveller import action_on


class Decided(NamedTuple):
    """What an officer decided: about a ticket with its evidence, or about the lane (ticket 0)."""

    ticket: int
    action: str
    reason: str
    evidence_sha256: str
    note: str = ""


class SimOfficer:
    """An officer at one lane's console.

    Attributes:
        watching: whether the console renews the lease.
        attending: whether the officer does anything else.
        slow_ms: added to every delay.
    """

    def __init__(self, *, present: bool = True, slow_ms: int = 0) -> None:
        self.watching = present
        self.attending = present
        self.slow_ms = slow_ms


def decision(
    action: str, reason: str, reasons: tuple[str, ...], ticket: int, evidence_sha256: str
) -> Decided:
    """What an officer decides about a referral that the lane gives these reasons for.

    To let people back is about the lane: it names neither a ticket nor evidence.
    """
    action = action_on(action, reasons)
    if action == "release":
        return Decided(0, action, reason, "")
    return Decided(ticket, action, reason, evidence_sha256)


ACKNOWLEDGED = Decided(0, "acknowledge", "", "")
NOTED = ACKNOWLEDGED._replace(note="zone inspected")
"""An acknowledgement where a supervisor's note is due."""
RELEASED = Decided(0, "release", "", "")
