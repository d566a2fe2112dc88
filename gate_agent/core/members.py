"""Members of enumerations that turns compare with, bound to names once.

In Python 3.11 an attribute of an enumeration costs several times a name: `EnumType` has a
`__getattr__`, so that each look-up runs through its hook. A turn compares some thirty of them.
"""

from __future__ import annotations

from typing import Final

from drivers.types import Door, Flag, Lock, Zone
from gate_agent.core.messages import Mode
from gate_agent.core.release import ReleaseState

ZONE_EMPTY: Final = Zone.EMPTY
ZONE_ONE: Final = Zone.ONE
ZONE_MANY: Final = Zone.MANY
ZONE_UNKNOWN: Final = Zone.UNKNOWN

DOOR_OPEN: Final = Door.OPEN
DOOR_CLOSED: Final = Door.CLOSED

FLAG_CLEAR: Final = Flag.CLEAR
FLAG_ACTIVE: Final = Flag.ACTIVE

LOCK_LOCKED: Final = Lock.LOCKED
LOCK_UNLOCKED: Final = Lock.UNLOCKED

MODE_STARTING: Final = Mode.STARTING
MODE_AUTO: Final = Mode.AUTO
MODE_OUT_OF_SERVICE: Final = Mode.OUT_OF_SERVICE
MODE_EVACUATION: Final = Mode.EVACUATION
MODE_MAINTENANCE: Final = Mode.MAINTENANCE

RELEASE_NONE: Final = ReleaseState.NONE
RELEASE_RELEASED: Final = ReleaseState.RELEASED
RELEASE_SHUTTING: Final = ReleaseState.SHUTTING
RELEASE_READ_BACK: Final = ReleaseState.READ_BACK
