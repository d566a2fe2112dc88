"""What a peer of the lane API may ask, by its role, and what the agent does with it.

A peer first proves its role. After that each role has its own requests; personal data and
decisions belong to the console's role alone, and an action is checked (`lane_api.actions`)
before the agent gets it.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gate_agent.lane_api.actions import SENT_BEFORE_AND_DONE, ActionChecks
from gate_agent.lane_api.api import (
    MIN_KEY_BYTES,
    Action,
    ActionResult,
    Authenticate,
    Beat,
    BeatAnswer,
    FromLane,
    HandReceipt,
    LaneMessage,
    Lease,
    Picture,
    PictureRequest,
    Refused,
    ReportLink,
    Role,
    ToLane,
    View,
    proof,
)
from gate_agent.lane_api.peer import Cause, Dropped, Peer

MAX_PENDING_PICTURES = 8
PICTURE_KINDS = ("live", "chip")

log = logging.getLogger("egate.lane_api")

Reply = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """The agent's part of each request that is in order. All run on the server's thread.

    `on_action` returns None for an action that was taken, else a message for the officer.
    `on_picture` gets (ticket, kind, reply) and calls `reply(jpeg)` once, from any thread, with
    b"" where there is no picture. `on_link` gets whether sync is connected, and its alarm.
    """

    on_action: Callable[[Action], str | None]
    on_lease: Callable[[str], None]
    on_picture: Callable[[int, str, Reply], None]
    on_receipt: Callable[[bytes], None]
    on_link: Callable[[bool, str], None]


_ALLOWED: dict[Role, tuple[type[LaneMessage], ...]] = {
    Role.CONSOLE: (Action, Beat, Lease, PictureRequest),
    Role.SYNC: (HandReceipt, ReportLink),
    Role.STATUS: (),
}


class Requests:
    """Answers what peers ask, on the server's thread.

    Args:
        keys: one key per role, at least `MIN_KEY_BYTES` long; a role without a key is refused.
        callbacks: see `Callbacks`.
        utc_ms: UTC in milliseconds, for the expiry of actions.
        send: sends a message to a peer.
        reply: queues the answer to a request for a picture: (peer, request, jpeg).

    Attributes:
        view: the newest view of the lane; actions and pictures are about it.

    Raises:
        ValueError: a key is too short.
    """

    def __init__(
        self,
        keys: Mapping[Role, bytes],
        callbacks: Callbacks,
        utc_ms: Callable[[], int],
        send: Callable[[Peer, FromLane], None],
        reply: Callable[[Peer, int, bytes], None],
    ) -> None:
        for role, key in keys.items():
            if len(key) < MIN_KEY_BYTES:
                raise ValueError(f"key of role {role} is shorter than {MIN_KEY_BYTES} bytes")
        self._keys = dict(keys)
        self._callbacks = callbacks
        self._utc_ms = utc_ms
        self._send = send
        self._reply = reply
        self._checks = ActionChecks()
        self.view: View | None = None

    def authenticate(self, peer: Peer, message: ToLane) -> None:
        """Give a peer the role whose key it proves to hold.

        Raises:
            Dropped: it proved none.
        """
        if isinstance(message, Authenticate):
            key = self._keys.get(message.role)
            if key is not None and hmac.compare_digest(proof(key, peer.nonce), message.mac):
                peer.role = message.role
                log.info("lane API: peer authenticated: role=%s", peer.role)
                return
        self._send(peer, Refused(reason="authentication failed"))
        raise Dropped(Cause.REFUSED, type(message).__name__)

    def serve(self, peer: Peer, role: Role, message: ToLane) -> None:
        """Do what an authenticated peer asks.

        Raises:
            Dropped: its role may not ask that.
        """
        if not isinstance(message, _ALLOWED[role]):
            raise Dropped(Cause.FORBIDDEN, type(message).__name__)
        match message:
            case Action():
                self._send(peer, self._act(message))
            case Beat():
                self._send(peer, BeatAnswer(number=message.number))
            case Lease():
                self._callbacks.on_lease(message.officer[:64])
            case PictureRequest():
                self._picture(peer, message)
            case HandReceipt():
                self._callbacks.on_receipt(message.receipt)
            case ReportLink():
                self._callbacks.on_link(message.connected, message.alarm)

    def sync_lost(self, cause: Cause) -> None:
        """Report that the sync process is no longer connected."""
        does = "answer" if cause is Cause.SILENT else "run"
        self._callbacks.on_link(False, f"egate sync does not {does}: look at its service")

    def _act(self, action: Action) -> ActionResult:
        if self._checks.was_done(action):
            error = SENT_BEFORE_AND_DONE
            return ActionResult(nonce=action.nonce, ok=False, error=error, done=True)
        refusal = self._refuse(action)
        if refusal is None:
            self._checks.note_done(action)
        return ActionResult(nonce=action.nonce, ok=refusal is None, error=refusal or "")

    def _refuse(self, action: Action) -> str | None:
        """Hand an action to the agent; say why it was not taken."""
        if self.view is None:
            return "The lane is still starting. Wait a moment."
        error = self._checks.refuse(action, self.view, self._utc_ms())
        return self._callbacks.on_action(action) if error is None else error

    def _picture(self, peer: Peer, message: PictureRequest) -> None:
        known = (
            self.view is not None
            and message.ticket != 0
            and message.ticket == self.view.ticket
            and message.kind in PICTURE_KINDS
        )
        if not known or peer.pictures >= MAX_PENDING_PICTURES:
            self._send(peer, Picture(request=message.request, jpeg=b""))
            return
        peer.pictures += 1
        self._callbacks.on_picture(
            message.ticket, message.kind, lambda jpeg: self._reply(peer, message.request, jpeg)
        )
