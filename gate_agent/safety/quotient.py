"""Which nodes of the search are the same: renamed, and without what no longer matters.

`plain` maps a node to the one that stands for all that behave like it: whatever may happen,
two nodes of one class go to nodes of one class and break the same invariants (a
bisimulation, which the property tests check along the search). What it does, and why that
is sound:

- Tickets and stays are compared with one another only: live tickets become 1 and 2 in their
  order, a stay is the present one (1) or not (0). The counters of passages are read as
  differences only, and of those only 0, 1 and more are distinguished. How many passed unchecked
  is read by pages and records alone; that a note is due is kept.
- An opening that is still awaited counts while a release may be out. The observer forgets it as
  soon, and takes a note for due as soon, as the lane does: it is stricter then, never less.
- An instant is now, later, or absent: the search turns "later" into "now" by an event of
  its own.
- What only goes into records (texts, scores, times, who the officer was, holder and portrait
  once the document was read) is read by no condition.
- Evidence counts until the decision, and only by what the policy makes of it: whether a
  usable portrait is there, and whether anything is left that rules the traveller out. After
  it, only whether several persons alone are the reason for a referral.
- That several were seen counts, at a barrier, until the machine has decided: each document
  begins again, and an officer's accept stands for those who are there.
- The stay of a dossier is written again before it is read wherever an officer or the chamber
  takes over.
- Whether everything was seen in order counts for the mode and for who may go back out: not
  while an alarm decides the mode, and an officer who goes back out.
- Of a door that does not follow, the number of attempts is compared with the profile's limit
  only. The search forgets it and takes both ways whenever time runs out: that is more than a
  lane can do, and proves the invariants for every limit.
- Who stands before the entry, or behind the exit, is read in some states only. The
  environments show no one there in the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from drivers.types import Plant, Zone
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import Times
from gate_agent.core.counter import Counters, Unchecked
from gate_agent.core.ledger import Ledger
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.policy import Evidence, document_reasons
from gate_agent.core.reasons import Reason
from gate_agent.core.states import (
    Admitting,
    CrossingState,
    Deciding,
    Departing,
    Dossier,
    Emptying,
    Entering,
    Idle,
    OfficerDeciding,
    Opening,
    Presenting,
    Queued,
    Reading,
    Referred,
    Shutting,
    State,
    Verifying,
    dossier_of,
    ticket_of,
)
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.core.unordered import release_out
from gate_agent.safety.scene import COUNT, ENOUGH_NS, MS, STALE_NS, T0, Node, replace

TIMES = Times(started_ns=T0)
BARE = Evidence()
PARTY = Evidence(circumstances=(Reason.SEVERAL_PERSONS,))
SPOILT = Evidence(circumstances=(Reason.TAILGATING,))
RULED_OUT = Evidence(portrait_usable=True, circumstances=(Reason.TAILGATING,))
MACHINE = (Reading, Verifying, Deciding, Admitting, Opening)
BEFORE_THE_FACE = (Queued, Entering, Shutting, Presenting)
BY_AN_OFFICER = (Referred, OfficerDeciding)
TRIES = (Shutting, Emptying)
"""States that try again to shut a door."""


def plain(node: Node, profile: Profile) -> Node:
    """The node that stands for all that behave like this one."""
    state, ledger, history = node
    live = sorted({ticket_of(state.crossing), ticket_of(state.approach)} - {0})
    small = {ticket: rank for rank, ticket in enumerate(live, 1)}
    shift = Shift(_count(node) - COUNT, state.counters.entry or 0)
    named = _Renaming(small, shift, profile)
    state = replace(
        state,
        crossing=named.crossing(state.crossing, state.occupancy),
        approach=named.crossing(state.approach, state.approach_stay, outside=True),
        plant=replace(named.plant(state.plant, state), read_at_ns=T0),
        plant_stale_ns=None if state.plant_stale_ns is None else STALE_NS,
        had_turn=state.had_turn and not _reads_outside(profile),
        resync=state.resync or _resync_unread(state),
        occupancy=1,
        approach_stay=1,
        next_ticket=len(live) + 1,
        last=None,
        since_ns=0,
        alarms=(Reason.DEVICE_FAILED,) if state.alarms else (),
        counters=shift.counters(state.counters),
        doors_seen=replace(
            state.doors_seen, exit_ordered=state.doors_seen.exit_ordered and release_out(state)
        ),
        unchecked=Unchecked(),
        devices=tuple(replace(device, code=0) for device in state.devices),
    )
    return Node(state, _plain_ledger(ledger, state, named), _plain_history(history, state, named))


def _reads_outside(profile: Profile) -> bool:
    return TOPOLOGIES[profile.lane.topology].begins_outside(profile)


def _count(node: Node) -> int:
    """Passages counted so far, as far as is known."""
    count = node.state.counters.exit
    return COUNT if count is None else count


def _plain_ledger(ledger: Ledger, state: State, named: _Renaming) -> Ledger:
    small = named.small
    accept = ledger.accept
    if accept is not None:
        same = accept.stay == ledger.stay
        accept = replace(accept, ticket=small.get(accept.ticket, 0), stay=1 if same else 0)
    return replace(
        ledger,
        plant=ledger.plant and named.plant(ledger.plant, state),
        stay=1,
        accept=accept if accept is not None and accept.ticket else None,
        spent=small.get(ledger.spent, 0),
        crowd=ledger.crowd and named.crowd_counts(state),
        closing=small.get(ledger.closing, -1),
        entry_opening=small.get(ledger.entry_opening, -1),
        entry_closing=small.get(ledger.entry_closing, -1),
        inside=small.get(ledger.inside, 0),
    )


def _plain_history(history: ObservedHistory, state: State, named: _Renaming) -> ObservedHistory:
    small = named.small
    accept = history.accept
    if accept is not None:
        accept = replace(accept, ticket=small.get(accept.ticket, 0))
    released = small.get(history.released, 0)
    return replace(
        history,
        plant=history.plant and named.plant(history.plant, state),
        accept=accept if accept is not None and accept.ticket else None,
        released=released,
        crowd=history.crowd and named.crowd_counts(state),
        inside=small.get(history.inside, 0),
        passed=history.passed if released else 0,
        opening=history.opening and release_out(state),
        note_due=history.note_due or state.note_due,
        exits=named.shift.exits(history.exits),
        entries=named.shift.entries(history.entries),
        written=tuple(sorted({(small[t], a) for t, a in history.written if t in small})),
    )


def _resync_unread(state: State) -> bool:
    """Whether nothing reads `resync` before it is written again.

    The mode follows from the alarms, whose acknowledgement sets it; a person inside goes out
    on an officer's order or not at all; a lane at rest works it out again.
    """
    emptying = state.crossing
    return (
        isinstance(emptying, Emptying)
        and bool(state.alarms)
        and (emptying.ordered or emptying.exit_used)
    )


def as_seen(plant: Plant, state: State, profile: Profile) -> Plant:
    """The same plant with no one where the core does not look in this state."""
    if plant.beyond is Zone.ONE and not isinstance(state.crossing, Departing):
        plant = replace(plant, beyond=Zone.EMPTY)
    looks = _reads_outside(profile) or isinstance(state.crossing, Idle | Entering)
    if plant.approach is Zone.ONE and not looks:
        plant = replace(plant, approach=Zone.EMPTY)
    return plant


class Shift(NamedTuple):
    """How far the counters have moved from where the scene begins."""

    exit: int
    entry: int

    def exits(self, count: int | None) -> int | None:
        """A value of the exit's counter, as if the lane had just begun."""
        return None if count is None else count - self.exit

    def entries(self, count: int | None) -> int | None:
        """A value of the entry's counter, likewise."""
        return None if count is None else count - self.entry

    def counters(self, known: Counters) -> Counters:
        """Both, read now."""
        at_ns = None if known.at_ns is None else T0
        return Counters(exit=self.exits(known.exit), entry=self.entries(known.entry), at_ns=at_ns)


class _Renaming:
    """The small numbers of one node."""

    def __init__(self, small: dict[int, int], shift: Shift, profile: Profile) -> None:
        self.small = small
        self.shift = shift
        self._profile = profile
        self._two_doors = profile.lane.two_doors
        self._stale_ns = profile.budgets.plant_stale_ms * MS

    def plant(self, plant: Plant, state: State) -> Plant:
        """The same reading, taken now or too long ago, with the counter near its start."""
        stale = T0 - plant.read_at_ns >= self._stale_ns
        return replace(
            as_seen(plant, state, self._profile),
            read_at_ns=T0 - self._stale_ns if stale else T0,
            passages_exit=self.shift.exits(plant.passages_exit),
            passages_entry=self.shift.entries(plant.passages_entry),
        )

    def crowd_counts(self, state: State) -> bool:
        """Whether it matters that several were seen: at a barrier until the machine decided."""
        return self._two_doors or isinstance(state.crossing, MACHINE)

    def crossing(
        self, crossing: CrossingState, stay: int, *, outside: bool = False
    ) -> CrossingState:
        """The same crossing under its small ticket."""
        changes: dict[str, Any] = {}
        dossier = dossier_of(crossing)
        if dossier is not None:
            changes["dossier"] = self._dossier(crossing, dossier, stay, outside=outside)
        elif not isinstance(crossing, Idle):
            changes["ticket"] = self.small[ticket_of(crossing)]
        if isinstance(crossing, TRIES):
            changes["attempts"] = 0
        if getattr(crossing, "presented_ns", None) is not None:
            changes["presented_ns"] = T0
        if isinstance(crossing, Idle) and crossing.several_due_ns is not None:
            changes["several_due_ns"] = ENOUGH_NS
        if hasattr(crossing, "baseline"):
            changes["baseline"] = max(COUNT - 3, crossing.baseline - self.shift.exit)
        if not isinstance(crossing, Idle) and crossing.due_ns is not None:
            changes["due_ns"] = ENOUGH_NS
        return replace(crossing, **changes) if changes else crossing

    def _dossier(
        self, crossing: CrossingState, dossier: Dossier, stay: int, *, outside: bool
    ) -> Dossier:
        overwritten = isinstance(crossing, Referred | Queued) or (
            outside and isinstance(crossing, OfficerDeciding)
        )
        changes: dict[str, Any] = {}
        if not isinstance(crossing, Reading):
            changes = {"holder": None, "portrait": None, "document_step": ""}
        return replace(
            dossier,
            ticket=self.small[dossier.ticket],
            occupancy=1 if overwritten or dossier.occupancy == stay else 0,
            times=TIMES,
            evidence=self._evidence(crossing, dossier.evidence, outside=outside),
            models=None,
            frames=0,
            decision=None,
            mishaps=(),
            officer="",
            officer_due_ns=None,
            **changes,
        )

    def _evidence(self, crossing: CrossingState, evidence: Evidence, *, outside: bool) -> Evidence:
        if isinstance(crossing, Reading):
            return replace(evidence, circumstances=_any(evidence))
        if isinstance(crossing, Verifying):
            return RULED_OUT if self._ruled_out(evidence) else evidence
        if isinstance(crossing, Referred) and not self._two_doors:
            return PARTY if evidence.circumstances == PARTY.circumstances else BARE
        by_an_officer = outside and isinstance(crossing, BY_AN_OFFICER)
        if not (by_an_officer or isinstance(crossing, BEFORE_THE_FACE)):
            return BARE
        if evidence.portrait_usable is not True:
            spoilt = evidence.circumstances and not _reads_outside(self._profile)
            return SPOILT if spoilt else BARE
        return RULED_OUT if self._ruled_out(evidence) else evidence

    def _ruled_out(self, evidence: Evidence) -> bool:
        return bool(evidence.circumstances or document_reasons(evidence, self._profile.policy))


def _any(evidence: Evidence) -> tuple[Reason, ...]:
    return (Reason.TAILGATING,) if evidence.circumstances else ()


_encoder = msgspec.msgpack.Encoder()


def key(node: Node) -> bytes:
    """What makes a node the same as another."""
    return _encoder.encode(node)
