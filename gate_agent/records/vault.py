"""The vault: what identifies a traveller, by opaque handle, for as long as a crossing lasts.

The core sees handles only. A handle is resolved when a record is appended, when vision
prepares a portrait, and when an authorised officer looks. Buffers are bytearrays: wiping
overwrites them before they are dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

MAX_TICKETS = 2
"""Crossings held at the same time: one approaching, one in the chamber."""

MAX_PAYLOAD_BYTES = 1_048_576
"""Upper bound of one payload; a DG2 of a passport is 15 to 60 kB."""


MAX_HANDLES = 32
"""Payloads of one crossing; a passport gives two or three."""

WIPED_KNOWN = 64
"""Wiped crossings that are remembered, so that what comes late for them is not kept."""


class VaultError(Exception):
    """A payload was refused; `diagnosis` states why, without its content."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class Vault:
    """Payloads by ticket and handle. Thread-safe: workers put, the loop wipes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[int, dict[str, bytearray]] = {}
        self._wiped: deque[int] = deque(maxlen=WIPED_KNOWN)

    def put(self, ticket: int, payload: Mapping[str, bytes]) -> None:
        """Keep what came with an event. The oldest crossing goes when a third one comes.

        What comes for a crossing that is over is dropped: nothing would wipe it again.

        Raises:
            VaultError: a payload is too large, one too many, or a handle is used twice.
        """
        with self._lock:
            if ticket in self._wiped:
                return
            held = self._tickets.get(ticket)
            if held is None:
                held = self._tickets[ticket] = {}
                while len(self._tickets) > MAX_TICKETS:
                    _overwrite(self._tickets.pop(next(iter(self._tickets))))
            for handle, data in payload.items():
                if len(data) > MAX_PAYLOAD_BYTES:
                    raise VaultError(f"payload of {len(data)} bytes exceeds {MAX_PAYLOAD_BYTES}")
                if len(held) >= MAX_HANDLES:
                    raise VaultError(f"more than {MAX_HANDLES} payloads of one crossing")
                if handle in held:
                    raise VaultError("handle used twice")
                held[handle] = bytearray(data)

    def get(self, handle: str) -> bytes | None:
        """The payload behind a handle, or None once it is wiped."""
        with self._lock:
            for held in self._tickets.values():
                if handle in held:
                    return bytes(held[handle])
        return None

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop everything of one crossing."""
        with self._lock:
            self._wiped.append(ticket)
            held = self._tickets.pop(ticket, None)
            if held is not None:
                _overwrite(held)


def _overwrite(held: dict[str, bytearray]) -> None:
    for buffer in held.values():
        buffer[:] = bytes(len(buffer))
    held.clear()
