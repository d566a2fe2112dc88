"""How a crossing ended: what follows from it, and what is kept of it."""

from __future__ import annotations

import msgspec


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A crossing that ended in this step; the topology says what follows (`Topology.after_end`).

    No step leaves one behind. `vacated`: the zone was empty since the release, so that a person
    there is the next traveller. `withdraw`: a release is still out and is closed once the zone is
    empty. `exit_used`: the exit was released. `ordered`: an officer ordered the person out.
    """

    ticket: int
    vacated: bool = False
    withdraw: bool = False
    exit_used: bool = False
    ordered: bool = False


class Last(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How the crossing before ended. `unjudged`: reasons whose check was not judged."""

    ticket: int
    outcome: str
    reasons: tuple[str, ...]
    officer: str
    at_ns: int
    unjudged: tuple[str, ...] = ()
