"""The officer of a simulated lane: renews its lease, judges referrals, acknowledges alarms.

Acts as people at the console do: with a delay, on what the lane shows, and only while
present. A decision names the evidence that was shown; the core checks it.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.types import Zone
from gate_agent.core.messages import OfficerAction, OfficerDecided, OfficerPresent
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import Emptying, Referred, State
from sim.people.officer import ACKNOWLEDGED, NOTED, RELEASED, Decided, SimOfficer, decision
from sim.scenario.parts import OfficerModel
from sim.scenario.traveller import Officer, Traveller
from sim.wires.kernel import MS, SECOND, Kernel

LEASE_NS = 700 * MS
LEASE_VALID_NS = 2_000 * MS
ACTION_VALID_NS = 10 * SECOND
ACKNOWLEDGE_AGAIN_NS = 2 * SECOND
NAME = "sim-officer"

Put = Callable[[OfficerPresent | OfficerDecided], None]


class VirtualOfficer(SimOfficer):
    """One officer at one lane.

    Args:
        kernel: the virtual clock.
        model: how this officer is.
        state: gives the lane's state.
        put: hands an event to the lane; nothing happens while the lane is without power.
    """

    def __init__(
        self, kernel: Kernel, model: OfficerModel, state: Callable[[], State], put: Put
    ) -> None:
        super().__init__(present=model.present, slow_ms=model.after_ms)
        self._kernel = kernel
        self._model = model
        self._state = state
        self._put = put
        self._asked = 0
        self._alarmed = False

    def start(self) -> None:
        """Sit down at the console."""
        self._renew(self._kernel.now_ns)

    def look(self, traveller: Traveller | None, now_ns: int) -> None:
        """The lane has moved: see whether there is something to do."""
        state = self._state()
        patience_ms = self._model.acknowledge_ms
        alarmed = bool(state.alarms) or state.fire_latched
        if alarmed and not self._alarmed and patience_ms is not None:
            self._alarmed = True
            self._kernel.at(now_ns + (patience_ms + self.slow_ms) * MS, self._acknowledge)
        referred = _referred(state)
        if referred is None or traveller is None:
            return
        ticket, officer = referred.dossier.ticket, traveller.officer
        if ticket == self._asked or officer.action == "ignore":
            return
        self._asked = ticket
        decided = referred.dossier.decision
        reasons = tuple(reason.value for reason in decided.reasons) if decided else ()
        self._kernel.at(
            now_ns + (officer.after_ms + self.slow_ms) * MS,
            lambda then_ns: self._decide(ticket, officer, reasons, then_ns),
        )

    def _renew(self, now_ns: int) -> None:
        if self.watching:
            self._put(OfficerPresent(officer=NAME, until_ns=now_ns + LEASE_VALID_NS))
        self._kernel.at(now_ns + LEASE_NS, self._renew)

    def _decide(self, ticket: int, officer: Officer, reasons: tuple[str, ...], now_ns: int) -> None:
        referred = _referred(self._state())
        if referred is None or referred.dossier.ticket != ticket:
            return
        if not self.attending:
            self._asked = 0
            again_ns = now_ns + ACKNOWLEDGE_AGAIN_NS
            self._kernel.at(again_ns, lambda then: self._decide(ticket, officer, reasons, then))
            return
        shown = evidence_sha256(referred)
        self._act(decision(officer.action, officer.reason, reasons, ticket, shown), now_ns)

    def _acknowledge(self, now_ns: int) -> None:
        state = self._state()
        if not (state.alarms or state.fire_latched):
            self._alarmed = False
            return
        if self.attending:
            self._act(NOTED if state.note_due else ACKNOWLEDGED, now_ns)
            if isinstance(state.crossing, Emptying) and state.plant.zone is not Zone.EMPTY:
                self._act(RELEASED, now_ns)
        self._kernel.at(now_ns + ACKNOWLEDGE_AGAIN_NS, self._acknowledge)

    def _act(self, decided: Decided, now_ns: int) -> None:
        self._put(
            OfficerDecided(
                ticket=decided.ticket,
                officer=NAME,
                action=OfficerAction(decided.action),
                reason=decided.reason,
                evidence_sha256=decided.evidence_sha256,
                expires_at_ns=now_ns + ACTION_VALID_NS,
                note=decided.note,
            )
        )


def _referred(state: State) -> Referred | None:
    """The traveller an officer is asked about: between two doors, or before them."""
    for crossing in (state.crossing, state.approach):
        if isinstance(crossing, Referred):
            return crossing
    return None
