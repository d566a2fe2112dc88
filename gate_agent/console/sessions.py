"""Officers' sessions: kept here, known to the browser only by a random id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

MAX_SESSIONS = 256
ID_BYTES = 32


@dataclass(eq=False)
class OfficerSession:
    """One signed-in officer at one browser.

    `active_ns` is the last thing a person did; `beat_ns` the last beat of an open page, None
    before the first; `looked_ns` when a page last asked for the state of the lanes; `streams`
    counts open streams.
    """

    officer: str
    csrf: str
    started_ns: int
    active_ns: int
    beat_ns: int | None = None
    looked_ns: int | None = None
    streams: int = 0
    notice: str = ""
    ended: bool = False


class OfficerSessions:
    """All sessions, bounded; ids are stored as hashes, so that a dump opens nothing."""

    def __init__(self, random: Callable[[int], bytes], idle_s: int, absolute_s: int) -> None:
        self._random = random
        self._idle_ns = idle_s * 1_000_000_000
        self._absolute_ns = absolute_s * 1_000_000_000
        self._sessions: dict[str, OfficerSession] = {}

    def open(self, officer: str, now_ns: int) -> tuple[str, OfficerSession]:
        """Start a session; return the id for the cookie. At the limit the idlest session ends."""
        self._prune(now_ns)
        if len(self._sessions) >= MAX_SESSIONS:
            idlest = min(self._sessions, key=lambda key: self._sessions[key].active_ns)
            self._sessions.pop(idlest).ended = True
        session_id = self._random(ID_BYTES).hex()
        session = OfficerSession(officer, self._random(ID_BYTES).hex(), now_ns, now_ns)
        self._sessions[_key(session_id)] = session
        return session_id, session

    def get(self, session_id: str, now_ns: int) -> OfficerSession | None:
        """The session behind a cookie; None without one, or after its time."""
        session = self._sessions.get(_key(session_id))
        return session if session is not None and self.alive(session, now_ns) else None

    def alive(self, session: OfficerSession, now_ns: int) -> bool:
        """Whether neither sign-out, idling nor age has ended this session."""
        if (
            now_ns - session.active_ns >= self._idle_ns
            or now_ns - session.started_ns >= self._absolute_ns
        ):
            session.ended = True
        return not session.ended

    def close(self, session_id: str) -> None:
        """Sign out."""
        session = self._sessions.pop(_key(session_id), None)
        if session is not None:
            session.ended = True

    def present(self, now_ns: int, within_ms: int) -> str | None:
        """The officer who most recently did something at a page that is open and answers."""
        self._prune(now_ns)
        watching = [
            session
            for session in self._sessions.values()
            if (session.streams > 0 or _within(session.looked_ns, now_ns, within_ms))
            and _within(session.beat_ns, now_ns, within_ms)
        ]
        return max(watching, key=lambda s: s.active_ns).officer if watching else None

    def _prune(self, now_ns: int) -> None:
        dead = [key for key, s in self._sessions.items() if not self.alive(s, now_ns)]
        for key in dead:
            del self._sessions[key]


def _within(at_ns: int | None, now_ns: int, within_ms: int) -> bool:
    return at_ns is not None and now_ns - at_ns < within_ms * 1_000_000


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
