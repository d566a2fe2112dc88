"""One lane of a running demo, followed as an officer would through its lane API."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from gate_agent.core.states import REQUIRED_DEVICES
from gate_agent.lane_api.api import Action, ActionResult, Lease, Role, Step, View
from gate_agent.lane_api.client import LaneAway, LaneClient

OFFICER = "inspector"
NOTE = "The lane was inspected; no one is in it"
NEEDED = tuple(device.value for device in REQUIRED_DEVICES)


class LaneWatch:
    """One lane as an officer sees it; keeps connecting while the agent is away."""

    def __init__(self, root: Path, number: int) -> None:
        self.number = number
        self.home = root / f"lane{number}"
        self.client: LaneClient | None = None
        self.seen: list[View] = []
        self.refusals: list[str] = []
        self._lease_at = 0.0
        self._retry_at = 0.0
        self._nonce = 0

    @property
    def view(self) -> View | None:
        """The lane now, None while the agent is away."""
        return self.client.view if self.client else None

    def tend(self) -> None:
        now = time.monotonic()
        try:
            if self.client is None:
                if now < self._retry_at:
                    return
                self._retry_at = now + 0.2
                key = (self.home / "keys" / "console.key").read_bytes()
                self.client = LaneClient(self.home / "lane.sock", Role.CONSOLE, key)
            if now >= self._lease_at:
                self._lease_at = now + 0.5
                self.client.send(Lease(officer=OFFICER))
            for message in self.client.receive():
                if isinstance(message, ActionResult) and not message.ok:
                    self.refusals.append(message.error)
        except (LaneAway, FileNotFoundError):
            self.close()
            return
        if self.view is not None and (not self.seen or self.seen[-1] != self.view):
            self.seen.append(self.view)

    def act(self, action: str, reason: str = "") -> None:
        """Act as an officer, on the referral on the table or on the lane itself.

        An acknowledgement has a note: after fire or a forced door the lane asks for one.
        """
        view = self.view
        if self.client is None or view is None:
            return
        decides = action in ("accept", "reject")
        self._nonce += 1
        with contextlib.suppress(LaneAway):
            self.client.send(
                Action(
                    nonce=os.urandom(16).hex(),
                    ticket=view.ticket if decides else 0,
                    action=action,
                    officer=OFFICER,
                    reason=reason,
                    evidence_sha256=view.evidence_sha256 if decides else "",
                    expires_utc_ms=round(time.time() * 1000) + 10_000,
                    note=NOTE if action == "acknowledge" else "",
                )
            )

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None


def confirmed(lane: LaneWatch) -> bool:
    """Whether the centre has confirmed every record of a lane."""
    view = lane.view
    return view is not None and view.sync.journal_seq == view.sync.receipt_seq


def in_service(view: View | None) -> bool:
    """Whether a lane serves travellers, and everything it needs is there."""
    return (
        view is not None
        and view.mode == "auto"
        and not view.alarms
        and all(device.ready for device in view.devices if device.device in NEEDED)
    )


def at(lane: LaneWatch, *steps: Step) -> bool:
    """Whether a lane stands at one of these steps."""
    return lane.view is not None and lane.view.step in steps
