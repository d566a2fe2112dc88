"""Where the doors were last known to stand, and whether an opening of the exit is still awaited."""

from __future__ import annotations

import msgspec


class DoorsSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What outlasts a reading that does not know a door.

    `entry_shut`, `exit_shut`: the last position known of the door was closed. `exit_ordered`: the
    exit was ordered to open and was not seen open since; a barrier opens once for an order.
    """

    entry_shut: bool = False
    exit_shut: bool = False
    exit_ordered: bool = False
