"""`step`, the whole core: one event in, the lane after it and its commands out.

A lane's topology brings the transitions as data (`gate_agent.core.topologies`): state class x
event class -> handler. A pair that is not in a table changes nothing. An event that carries
another ticket than the present crossing's is dropped before the table is asked. Fire and the
maintenance key end every crossing, from every state. Before any crossing moves, the topology's
regions bring plant, devices, lease and mode up to date.
"""

from __future__ import annotations

from firmware_cfg.profile import Profile
from gate_agent.core.approach import seen_from_outside
from gate_agent.core.ending import Moved
from gate_agent.core.members import MODE_EVACUATION, MODE_MAINTENANCE
from gate_agent.core.messages import Event
from gate_agent.core.regions import evacuate, mode_of, settle
from gate_agent.core.rows import Table
from gate_agent.core.states import Idle, State, dossier_of, replace, ticket_of
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.core.topology import Topology

ENDS_EVERYTHING = (MODE_EVACUATION, MODE_MAINTENANCE)
"""Modes in which no crossing goes on, from whatever state."""


def step(
    state: State, event: Event, now_ns: int, profile: Profile, topology: Topology | None = None
) -> Moved:
    """Take one event.

    Args:
        state: the lane before.
        event: what happened.
        now_ns: when, on the lane's monotonic clock.
        profile: the effective profile.
        topology: other transitions than the profile's own, for tests.

    Returns:
        The lane after, and the commands in the order in which they are to be carried out.
    """
    if topology is None:
        topology = TOPOLOGIES[profile.lane.topology]
    before, mode_before = state, state.mode
    region = topology.regions.get(type(event))
    state, commands = region(state, event, now_ns, profile) if region else (state, ())
    mode = mode_of(state)
    if mode is not mode_before:
        state = replace(state, mode=mode)
    state, more = _moved(state, event, now_ns, profile, topology.crossing)
    commands += more
    if state.ended is not None:
        state = topology.after_end(replace(state, ended=None), state.ended, now_ns, profile)
    if _concerns_approach(state, event, profile, topology):

        def act(outside: State) -> Moved:
            return _moved(outside, event, now_ns, profile, topology.approach)

        state, more = seen_from_outside(state, act)
        commands += more
    state, more = settle(state, mode_before, now_ns, profile, topology)
    commands += more
    if commands:
        state = topology.commanded(state, commands)
    if state.mode is not mode_before or _shows_another(before, state):
        state = replace(state, since_ns=now_ns)
    return state, commands


def _shows_another(before: State, after: State) -> bool:
    """Whether the crossing that a page is about came to another state."""
    if after.crossing is before.crossing and after.approach is before.approach:
        return False
    return type(after.shown) is not type(before.shown)


def _concerns_approach(state: State, event: Event, profile: Profile, topology: Topology) -> bool:
    """Whether a crossing before the entry may move, or begin, by this event."""
    if not isinstance(state.approach, Idle):
        return True
    return (Idle, type(event)) in topology.approach and topology.begins_outside(profile)


def _moved(state: State, event: Event, now_ns: int, profile: Profile, rows: Table) -> Moved:
    """Move one crossing: by what ends every crossing, or by its row."""
    crossing = state.crossing
    if state.mode in ENDS_EVERYTHING:
        dossier = dossier_of(crossing)
        if dossier is not None:
            return evacuate(state, dossier, now_ns, profile)
    handler = rows.get((type(crossing), type(event)))
    if handler is None:
        return state, ()
    ticket = ticket_of(crossing)
    if getattr(event, "ticket", ticket) != ticket:
        return state, ()
    return handler(state, crossing, event, now_ns, profile)
