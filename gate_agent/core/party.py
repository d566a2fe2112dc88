"""Several persons who stand where one is served: a parent with a child, a couple.

A barrier does not begin with them. Its display asks for one person at a time; if they stay,
an officer is asked about them, without a document. They step back out, or the officer sends
them to the desk; one who remains alone and puts a document down is served again, under a
ticket of their own. Nothing here opens: an exit is released for one person alone.
"""

from __future__ import annotations

from drivers.types import DocumentPresented
from firmware_cfg.profile import Profile
from gate_agent.core.budgets import Times, after
from gate_agent.core.document import in_service
from gate_agent.core.ending import Moved, finish, refer
from gate_agent.core.members import ZONE_MANY, ZONE_ONE
from gate_agent.core.reasons import Reason
from gate_agent.core.states import Dossier, Idle, Referred, State, replace


def stand_together(state: State, now_ns: int, profile: Profile, *, doors_ready: bool) -> Moved:
    """Give several persons time to step back, then ask an officer about them.

    They have `present_ms`; from a document on the reader `mrz_ms`, which is how long one that
    comes too early is kept in mind. `doors_ready`: the doors are where the lane begins to serve.
    """
    idle = state.crossing
    if not isinstance(idle, Idle):
        return state, ()
    budgets = profile.budgets
    due_ns = idle.several_due_ns
    together = state.plant.zone is ZONE_MANY
    if not (together and doors_ready and in_service(state, now_ns, profile)):
        if due_ns is not None:
            state = replace(state, crossing=replace(idle, several_due_ns=None))
        return state, ()
    if due_ns is None:
        due_ns = after(now_ns, budgets.present_ms)
    if idle.presented_ns is not None:
        due_ns = min(due_ns, after(idle.presented_ns, budgets.mrz_ms))
    if now_ns < due_ns:
        if due_ns != idle.several_due_ns:
            state = replace(state, crossing=replace(idle, several_due_ns=due_ns))
        return state, ()
    dossier = Dossier(
        ticket=state.next_ticket,
        occupancy=state.occupancy,
        occupied=True,
        times=Times(started_ns=now_ns),
        reversed=state.plant.reversed,
    )
    state = replace(state, next_ticket=state.next_ticket + 1)
    return refer(state, dossier, (Reason.SEVERAL_PERSONS,), now_ns, profile)


def separated(
    state: State, referred: Referred, _event: DocumentPresented, now_ns: int, profile: Profile
) -> Moved:
    """One of them is left and puts a document down: they are served as any traveller is."""
    if state.plant.zone is not ZONE_ONE:
        return state, ()
    dossier = referred.dossier
    if dossier.evidence.circumstances != (Reason.SEVERAL_PERSONS,):
        return state, ()
    state, commands = finish(state, dossier, "abandoned", 0, now_ns, profile, vacated=True)
    return replace(state, crossing=Idle(presented_ns=now_ns)), commands
