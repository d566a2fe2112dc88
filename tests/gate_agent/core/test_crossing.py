"""Whole crossings through loop, core and guard, as stories."""

from __future__ import annotations

import pytest
from gate_world import World, facts

from drivers.types import Close, OpenExit, Zone
from gate_agent.core.messages import Mode, Wipe
from sync.log.types import RecordKind

STATES = (
    "Idle",
    "Reading",
    "Verifying",
    "Deciding",
    "Admitting",
    "Opening",
    "Crossing",
    "Clearing",
    "Referred",
    "OfficerDeciding",
    "Leaving",
)


@pytest.mark.parametrize("step", STATES)
def test_every_state_is_reached(step):
    assert World().to(step).step == step


def test_a_genuine_traveller_crosses():
    world = World().to("Deciding")
    assert not [c for c in world.sent if isinstance(c, OpenExit)]
    assert not world.durable(RecordKind.DECISION)
    assert OpenExit(ticket=1) in world.durable(RecordKind.ACTUATION)
    world.done("open_exit")
    out = world.move(zone=Zone.EMPTY, passages_exit=8)
    finish = facts(out, RecordKind.FINISH)[0]
    assert (finish["outcome"], finish["passages"], finish["reasons"]) == ("admitted", 1, [])
    assert Close(ticket=1) in out
    assert Wipe(ticket=1) in out
    assert world.step == "Idle"
    assert world.state.mode is Mode.AUTO
