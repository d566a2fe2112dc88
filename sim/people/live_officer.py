"""The officer of an unattended demo: holds each lane's lease and follows instructions.

It is a peer of the lane API like the console, with the same key and the same checks by
the lane: it accepts or rejects a referral only with the ticket and evidence it was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gate_agent.lane_api.api import Action, ActionResult, Lease, Role, Step, View
from gate_agent.lane_api.client import LaneAway, LaneClient
from sim.people.officer import ACKNOWLEDGED, NOTED, Decided, SimOfficer, decision
from sim.scenario.traveller import Officer
from sim.wires.kernel import MS

LEASE_NS = 600_000_000
RECONNECT_NS = 300_000_000
ALARM_PATIENCE_NS = 2_000_000_000
NAME = "demo-officer"


class LiveOfficer(SimOfficer):
    """One officer at one lane.

    Args:
        path: socket of the lane API.
        key: of the role CONSOLE.
        random: makes nonces.
        utc_ms: the wall clock.

    Attributes:
        instruction: what to do with the present traveller if they are referred; None is nothing.
        alarm_patience_ns: an alarm is acknowledged after this long.
        refusals: what the lane answered to actions that it refused.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        random: Callable[[int], bytes],
        utc_ms: Callable[[], int],
    ) -> None:
        super().__init__()
        self._path, self._key, self._random, self._utc_ms = path, key, random, utc_ms
        self._client: LaneClient | None = None
        self._retry_ns = 0
        self._lease_ns = 0
        self._referred: tuple[int, int] | None = None  # ticket, since
        self._acted = 0
        self.instruction: Officer | None = None
        self.alarm_patience_ns = ALARM_PATIENCE_NS
        self._alarm_since_ns: int | None = None
        self.refusals: list[str] = []

    @property
    def view(self) -> View | None:
        """The lane as last seen, None while it is away."""
        return self._client.view if self._client else None

    @property
    def step(self) -> Step | None:
        """The lane's step as last seen, None while it is away."""
        view = self._client.view if self._client else None
        return view.step if view else None

    @property
    def receipt_gap(self) -> int | None:
        """Records that the centre has not yet, None while the lane is away."""
        view = self._client.view if self._client else None
        return view.sync.journal_seq - view.sync.receipt_seq if view else None

    def tend(self, now_ns: int) -> None:
        """Renew the lease, read the view, act when it is time."""
        try:
            if self._client is None:
                if now_ns < self._retry_ns:
                    return
                self._retry_ns = now_ns + RECONNECT_NS
                self._client = LaneClient(self._path, Role.CONSOLE, self._key)
            if self.watching and now_ns >= self._lease_ns:
                self._client.send(Lease(officer=NAME))
                self._lease_ns = now_ns + LEASE_NS
            for message in self._client.receive():
                if isinstance(message, ActionResult) and not message.ok:
                    self.refusals.append(message.error)
            if self.attending:
                self._act(now_ns)
                self._acknowledge(now_ns)
        except LaneAway:
            self.close()
            self._lease_ns = 0

    def close(self) -> None:
        """Leave the lane."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _act(self, now_ns: int) -> None:
        view = self._client.view if self._client else None
        if view is None or view.step is not Step.REFERRED:
            self._referred = None
            return
        if self._referred is None or self._referred[0] != view.ticket:
            self._referred = (view.ticket, now_ns)
        officer = self.instruction
        if officer is None or officer.action == "ignore" or self._acted == view.ticket:
            return
        if now_ns < self._referred[1] + (officer.after_ms + self.slow_ms) * MS:
            return
        self._acted = view.ticket
        shown = view.evidence_sha256
        self._send(decision(officer.action, officer.reason, view.reasons, view.ticket, shown))

    def _acknowledge(self, now_ns: int) -> None:
        view = self._client.view if self._client else None
        if view is None or not (view.alarms or view.fire):
            self._alarm_since_ns = None
        elif self._alarm_since_ns is None:
            self._alarm_since_ns = now_ns
        elif now_ns - self._alarm_since_ns >= self.alarm_patience_ns:
            self._alarm_since_ns = now_ns
            self._send(NOTED if view.unchecked.note_due else ACKNOWLEDGED)

    def _send(self, decided: Decided) -> None:
        if self._client is not None:
            self._client.send(
                Action(
                    nonce=self._random(16).hex(),
                    ticket=decided.ticket,
                    action=decided.action,
                    officer=NAME,
                    reason=decided.reason,
                    evidence_sha256=decided.evidence_sha256,
                    expires_utc_ms=self._utc_ms() + 10_000,
                    note=decided.note,
                )
            )
