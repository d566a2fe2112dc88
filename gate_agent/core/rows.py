"""Rows of the tables: which handler answers an event, checked against what it takes.

`row` and `region` are the only makers of rows. A handler names the states and events it takes
in its signature, and mypy refuses a row of any other: what the table promises no handler asks
again. In the tables themselves the handlers' types are erased, since a row is found by the
classes of the crossing and of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from firmware_cfg.profile import Profile
from gate_agent.core.ending import Moved
from gate_agent.core.messages import Event
from gate_agent.core.states import CrossingState, State

CrossingT = TypeVar("CrossingT", bound=CrossingState)
EventT = TypeVar("EventT", bound=Event)

Handler = Callable[[State, Any, Any, int, Profile], Moved]
"""Moves a crossing: the lane, its crossing, the event, when, and the profile."""
Table = Mapping[tuple[type[Any], type[Any]], Handler]
"""State class and event class of a crossing -> handler."""

Region = Callable[[State, Any, int, Profile], Moved]
"""Brings the lane's own regions up to date, whatever the crossing is."""
Regions = Mapping[type[Any], Region]
"""Event class -> handler of the lane's own regions."""


def row(
    crossing: type[CrossingT],
    event: type[EventT],
    handler: Callable[[State, CrossingT, EventT, int, Profile], Moved],
) -> tuple[tuple[type[Any], type[Any]], Handler]:
    """One row of a crossing's table."""
    return (crossing, event), handler


def region(
    event: type[EventT], handler: Callable[[State, EventT, int, Profile], Moved]
) -> tuple[type[Any], Region]:
    """One row of the table of regions."""
    return event, handler
