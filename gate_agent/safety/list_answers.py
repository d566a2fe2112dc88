"""What the lists may answer: every state, of every age that a profile distinguishes."""

from __future__ import annotations

from collections.abc import Iterator

from firmware_cfg.profile import Profile
from gate_agent.core.messages import Checked, Event, ListState
from gate_agent.core.states import CrossingState, Reading, Verifying, ticket_of
from gate_agent.safety.scene import BARRIER, MANTRAP_READS_INSIDE, Node, replace

MAX_AGE_S = 60
AGES_S = (None, MAX_AGE_S, MAX_AGE_S + 1)
"""No age, the greatest that is fresh, the least that is too old."""


def _limited(profile: Profile) -> Profile:
    return replace(profile, policy=replace(profile.policy, max_list_age_s=MAX_AGE_S))


BARRIER_LISTS = _limited(BARRIER)
MANTRAP_LISTS = _limited(MANTRAP_READS_INSIDE)
"""Lanes whose lists must be fresh."""


def any_answer(node: Node) -> Iterator[Event]:
    """Lists that answer anything, at any moment, more than once, also for the ticket before."""
    crossing = node.state.crossing
    ticket = ticket_of(crossing)
    if isinstance(crossing, Reading | Verifying):
        for of in sorted({ticket, max(0, ticket - 1)}):
            yield from _answers(of)


def first_answer(node: Node) -> Iterator[Event]:
    """Lists that answer anything, at any moment, once."""
    for crossing in (node.state.crossing, node.state.approach):
        if _waits(crossing):
            yield from _answers(ticket_of(crossing))


def _waits(crossing: CrossingState) -> bool:
    if not isinstance(crossing, Reading | Verifying):
        return False
    return crossing.dossier.evidence.list_state is None


def _answers(ticket: int) -> Iterator[Event]:
    for state in ListState:
        for age_s in AGES_S:
            yield Checked(ticket=ticket, state=state, list_age_s=age_s)
