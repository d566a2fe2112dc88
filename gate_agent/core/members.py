"""Members of enumerations that turns compare with, bound to names once.

In Python 3.11 an attribute of an enumeration costs several times a name: `EnumType` has a
`__getattr__`, so that each look-up runs through its hook. A turn compares some thirty of them.
"""

from __future__ import annotations

from typing import Final

from biometrics.types import LivenessState
from drivers.types import Door, ExpiryKind, Flag, Lock, Zone
from gate_agent.core.messages import ListState, Mode
from gate_agent.core.reasons import Outcome
from gate_agent.core.release import ReleaseState
from sync.log.types import RecordKind

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

EXPIRY_KIND_NONE: Final = ExpiryKind.NONE
LIST_HIT: Final = ListState.HIT
LIST_NO_LIST: Final = ListState.NO_LIST
LIVENESS_ATTACK: Final = LivenessState.ATTACK
LIVENESS_NOT_RUN: Final = LivenessState.NOT_RUN
OUTCOME_ADMIT: Final = Outcome.ADMIT
OUTCOME_REFER: Final = Outcome.REFER
RECORD_ACTUATION: Final = RecordKind.ACTUATION
RECORD_DECISION: Final = RecordKind.DECISION
RECORD_OFFICER: Final = RecordKind.OFFICER
