"""Checks of an officer's action before it reaches the lane's core.

The console may be broken into, out of date, or slow: the lane checks by itself that the
action is known, fresh, not repeated, and about the evidence of the present referral.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict

import msgspec

from gate_agent.core.messages import OfficerAction
from gate_agent.core.record_blocks import NOTE_MAX_CHARACTERS
from gate_agent.lane_api.api import Action, Step, View

MAX_EXPIRY_MS = 30_000
MAX_NONCES = 4096
MAX_DONE = 64
SENT_BEFORE_AND_DONE = "The action was sent before and was taken. It is not done twice."

DECISIONS = (OfficerAction.ACCEPT, OfficerAction.REJECT)

_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_OFFICER = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class ActionChecks:
    """Checks actions against the view; remembers every nonce until its action has expired.

    The last `MAX_DONE` actions that were taken are remembered for longer: an officer who got no
    answer gives the same decision again, and learns that it was taken.
    """

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, int] = OrderedDict()
        self._done: OrderedDict[str, Action] = OrderedDict()

    def note_done(self, action: Action) -> None:
        """An action was taken."""
        self._done[action.nonce] = action
        if len(self._done) > MAX_DONE:
            self._done.popitem(last=False)

    def was_done(self, action: Action) -> bool:
        """Whether this very action was taken before; only its expiry may differ."""
        before = self._done.get(action.nonce)
        return before is not None and before == msgspec.structs.replace(
            action, expires_utc_ms=before.expires_utc_ms
        )

    def refuse(self, action: Action, view: View, now_utc_ms: int) -> str | None:
        """Say why the action is not taken and what to do next, or None when it is in order.

        A nonce is spent by any action that is fresh and well formed, also by a refused one.
        """
        if action.action not in tuple(OfficerAction):
            return "Unknown action. Update the console."
        if not _OFFICER.fullmatch(action.officer):
            return "The officer's name is missing. Sign in again."
        if not _NONCE.fullmatch(action.nonce):
            return "The action's nonce is malformed. Update the console."
        error = self._not_fresh(action, now_utc_ms)
        if error is not None:
            return error
        if action.action in DECISIONS:
            return _not_decidable(action, view)
        if action.ticket != 0 or action.evidence_sha256:
            return "An action on the lane names no crossing. Update the console."
        if action.reason and action.reason not in view.officer_reasons:
            return "Unknown reason code. Reload the page."
        return _not_noted(action, view)

    def _not_fresh(self, action: Action, now_utc_ms: int) -> str | None:
        if action.expires_utc_ms <= now_utc_ms:
            return "The action has expired. Look again and repeat it."
        if action.expires_utc_ms > now_utc_ms + MAX_EXPIRY_MS:
            return "The action is valid for too long. Check the console's clock."
        for nonce in [n for n, until in self._nonces.items() if until <= now_utc_ms]:
            del self._nonces[nonce]
        if action.nonce in self._nonces:
            return "The action was sent before. Look at the lane and repeat it if needed."
        if len(self._nonces) >= MAX_NONCES:
            return "Too many actions at once. Wait half a minute."
        self._nonces[action.nonce] = action.expires_utc_ms
        return None


def _not_noted(action: Action, view: View) -> str | None:
    """Say why a note does not do, or why there must be one, or None."""
    if len(action.note) > NOTE_MAX_CHARACTERS or not action.note.isprintable():
        return f"Write the note in one line of at most {NOTE_MAX_CHARACTERS} characters."
    unchecked = view.unchecked
    if action.action != OfficerAction.ACKNOWLEDGE or not unchecked.note_due:
        return None
    if unchecked.supervisors and action.officer not in unchecked.supervisors:
        return "Only a supervisor can reopen this lane. Call one to sign in and write the note."
    if not action.note.strip():
        return "Write a note about what was found in the lane, then acknowledge."
    return None


def _not_decidable(action: Action, view: View) -> str | None:
    """Say why a decision does not fit the present referral and its evidence, or None."""
    before_entry = view.approach is not None and view.approach.ticket == action.ticket
    asked = view.approach if before_entry and view.approach is not None else view
    if asked.step is not Step.REFERRED or action.ticket == 0 or action.ticket != asked.ticket:
        return "This referral is over. Look at the lane again."
    if not asked.evidence_sha256 and action.evidence_sha256:
        return "The evidence has changed since, or this referral is being decided. Look again."
    if not asked.evidence_sha256 or not hmac.compare_digest(
        action.evidence_sha256.encode(), asked.evidence_sha256.encode()
    ):
        return "The evidence has changed since. Look again, then decide."
    if action.reason not in view.officer_reasons:
        return "Choose a reason from the list."
    if action.action == OfficerAction.ACCEPT and asked is view and view.zone == "many":
        return "Several persons stand in the lane. Let all but one step back, then accept."
    return None
