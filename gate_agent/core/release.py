"""How far the release of a door between two doors has come."""

from __future__ import annotations

from enum import StrEnum


class ReleaseState(StrEnum):
    """The release of one door, from the command that released it until it is seen shut.

    A vocabulary only: transition table, guard and observer each follow a release on their own.
    """

    NONE = "none"  # no release is out: the door was seen shut after the last one
    RELEASED = "released"  # the release was commanded
    SHUTTING = "shutting"  # shutting was commanded
    READ_BACK = "read_back"  # that command was read back; the door is not yet seen shut
