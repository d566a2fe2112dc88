"""Messages that cannot be stored, with the reason, within limits.

A flood of them cannot fill the disk: beyond the limits they are counted by reason alone.
"""

from __future__ import annotations

import hashlib

from sync.centre.schema import Tables
from sync.centre.types import Quarantined, QuarantineReason

MAX_QUARANTINED = (10_000, 256 * 1024 * 1024)
"""Once so many messages or bytes are kept, later ones are counted by their reason alone."""


class Quarantine:
    """One table of the central system's store."""

    def __init__(self, tables: Tables, limits: tuple[int, int]) -> None:
        """Keep at most so many messages, and so many bytes of them."""
        self._db = tables
        self._most, self._most_bytes = limits
        kept = self._db.rows("SELECT count(*), coalesce(sum(length(payload)), 0) FROM quarantine")
        self._kept, self._kept_bytes = map(int, kept[0])

    def keep(self, reason: QuarantineReason, gate: str, payload: bytes, utc: str) -> None:
        """Quarantine a message. The same one again is counted, not kept twice."""
        digest = hashlib.sha256(payload).digest()
        again = "UPDATE quarantine SET times = times + 1 WHERE reason = ? AND sha256 = ?"
        if self._db.run(again, (reason.value, digest)):
            return
        if self._kept >= self._most or self._kept_bytes + len(payload) > self._most_bytes:
            digest, gate, payload = b"", "", b""
        self._kept_bytes += len(payload)
        self._kept += self._db.run(
            "INSERT INTO quarantine VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (reason, sha256)"
            " DO UPDATE SET times = quarantine.times + 1",
            (reason.value, digest, gate, utc, payload),
        )

    def messages(self) -> list[Quarantined]:
        """The messages that are quarantined, and one row a reason for those beyond the limits."""
        rows = self._db.rows(
            "SELECT reason, gate, first_utc, times, sha256 FROM quarantine"
            " ORDER BY first_utc, reason, sha256"
        )
        return [
            Quarantined(reason, gate, utc, times, sha256.hex())
            for reason, gate, utc, times, sha256 in rows
        ]
