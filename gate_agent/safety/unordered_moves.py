"""What no order of the lane stands behind, in the search: openings, and people who pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drivers.types import Door, PlantChanged
from gate_agent.core.messages import Event
from gate_agent.safety.scene import Node, replace


def plant_read(node: Node, **changes: Any) -> PlantChanged:
    """The plant is read with these changes."""
    return PlantChanged(plant=replace(node.state.plant, **changes))


def other_master(node: Node) -> Iterator[Event]:
    """Another master on the line of a barrier opens and shuts either direction."""
    if node.state.plant_stale_ns is None:
        return
    for door in Door:
        yield plant_read(node, exit=door)
        yield plant_read(node, entry=door)


def stray_passages(node: Node) -> Iterator[Event]:
    """People pass a barrier either way, whether anything is released or not; a counter jumps."""
    counters = node.state.counters
    if node.state.plant_stale_ns is None or counters.exit is None or counters.entry is None:
        return
    yield plant_read(node, passages_exit=counters.exit + 1)
    yield plant_read(node, passages_entry=counters.entry + 1)
    yield plant_read(node, passages_exit=None)
    yield plant_read(node, passages_exit=counters.exit + 5_000)
