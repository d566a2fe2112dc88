"""The agent's side of the lane API: its view after every turn, and requests that become events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from firmware_cfg.profile import Profile
from gate_agent import live
from gate_agent.core.messages import Event, OfficerAction, OfficerDecided, OfficerPresent, Tick
from gate_agent.core.states import dossier_of
from gate_agent.lane_api.api import Action, Role, SyncView
from gate_agent.lane_api.requests import Callbacks, Reply
from gate_agent.lane_api.server import Clock, LaneServer
from gate_agent.lane_api.view import view
from gate_agent.loop import Turn
from gate_agent.records.identity import holder_view
from gate_agent.records.journal_writer import JournalWriter

log = logging.getLogger("egate.agent")


class AgentLane:
    """Serves the lane API of one agent.

    Args:
        profile: of the lane.
        path: of the socket.
        keys: one for each role.
        put: puts an event into the inbox.
        writer: the journal's writer; it takes receipts, and knows how far the journal is.
        identity_of: the identity behind a holder's handle, by the crossing's day of inspection.
        on_picture: asks vision for a picture: (ticket, kind, reply).

    Attributes:
        server: its `run` is the body of a thread.
    """

    def __init__(
        self,
        profile: Profile,
        path: Path,
        keys: Mapping[Role, bytes],
        put: Callable[[Event], None],
        writer: JournalWriter,
        identity_of: Callable[[str, str], dict[str, str]],
        on_picture: Callable[[int, str, Reply], None],
    ) -> None:
        self._profile = profile
        self._put = put
        self._writer = writer
        self._identity_of = identity_of
        self._offset_ms = live.utc_offset_ms()
        self._link_up, self._link_alarm = False, ""
        self.server = LaneServer(
            path,
            keys,
            Callbacks(
                on_action=self._on_action,
                on_lease=self._on_lease,
                on_picture=on_picture,
                on_receipt=writer.receipt,
                on_link=self._on_link,
            ),
            live.system_random,
            Clock(monotonic_ns=live.monotonic_ns, utc_ms=live.utc_ms),
        )

    def publish(self, turn: Turn, alarm: str) -> None:
        """Show the lane as it stands after a turn; `alarm` is the trace's, "" without one."""
        written = self._writer.written
        oldest = self._writer.oldest_unsent_at_ns
        shown = view(
            turn.after,
            self._profile,
            utc_offset_ms=self._offset_ms,
            sync=SyncView(
                journal_seq=written.last_seq,
                receipt_seq=written.receipt_seq,
                oldest_unsent_s=0 if oldest is None else (turn.at_ns - oldest) // live.NS_PER_S,
                connected=self._link_up,
                alarm=written.alarm or self._link_alarm or alarm,
            ),
        )
        dossier = dossier_of(turn.after.shown)
        if dossier is not None and dossier.holder is not None:
            holder = holder_view(self._identity_of(dossier.holder, dossier.inspection_day))
            shown = msgspec.structs.replace(shown, holder=holder)
        self.server.publish(shown)

    def _on_action(self, action: Action) -> str | None:
        now_ns = live.monotonic_ns()
        left_ms = action.expires_utc_ms - live.utc_ms()
        self._put(
            OfficerDecided(
                ticket=action.ticket,
                officer=action.officer,
                action=OfficerAction(action.action),
                reason=action.reason,
                evidence_sha256=action.evidence_sha256,
                expires_at_ns=now_ns + left_ms * 1_000_000,
                note=action.note.strip(),
            )
        )
        return None

    def _on_lease(self, officer: str) -> None:
        until_ns = live.monotonic_ns() + self._profile.budgets.lease_ms * 1_000_000
        self._put(OfficerPresent(officer=officer, until_ns=until_ns))

    def _on_link(self, connected: bool, alarm: str) -> None:  # noqa: FBT001 - the callback's shape
        if (connected, alarm) == (self._link_up, self._link_alarm):
            return
        if alarm and alarm != self._link_alarm:
            log.error("sync: %s", alarm)
        self._link_up, self._link_alarm = connected, alarm
        self._put(Tick())  # the view is of a turn
