"""What makes one kind of lane: the tables of its crossings, and its part of the shared steps.

`gate_agent.core.topologies` holds one entry for each; nothing else of the core asks which
topology a lane has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from firmware_cfg.profile import Profile
from gate_agent.core.ended import Ended
from gate_agent.core.ending import Commands, Moved
from gate_agent.core.rows import Regions, Table
from gate_agent.core.states import State


class Topology(NamedTuple):
    """One kind of lane.

    Attributes:
        crossing: rows of the crossing.
        approach: rows of the crossing before the entry; empty where there is none.
        regions: rows of the lane's own regions, asked before any crossing moves.
        begins_outside: whether a document is read before the entry.
        after_end: what follows a crossing that ended in this step.
        settle: once crossings have moved: what brings a lane in which no one is served to rest.
        at_rest: whether the plant is as between two crossings; it ends a resync.
        serve: once the mode is settled: start what can start.
        commanded: note the moves of doors that were commanded.
    """

    crossing: Table
    approach: Table
    regions: Regions
    begins_outside: Callable[[Profile], bool]
    after_end: Callable[[State, Ended, int, Profile], State]
    settle: Callable[[State, int, Profile], Moved]
    at_rest: Callable[[State], bool]
    serve: Callable[[State, int, Profile], Moved]
    commanded: Callable[[State, Commands], State]
