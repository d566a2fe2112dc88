"""Which gates may send: their keys, since when, until when, and tokens that were used."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sync.centre.schema import Tables
from sync.centre.types import Enrolled
from sync.log.errors import EnrolmentRefused
from sync.log.keys import VerifyingKey
from sync.log.types import GATE_NAME


def valid_name(gate: str) -> bool:
    """Whether a gate may have this name."""
    return re.search(GATE_NAME, gate) is not None


class Registry:
    """The part of the central system's store that knows the gates."""

    def __init__(self, tables: Tables) -> None:
        self._db = tables

    def enrol(self, gate: str, key: VerifyingKey, utc: str) -> None:
        """Accept records of this gate, signed with this key. Enrolling again is no change.

        Raises:
            EnrolmentRefused: the gate is enrolled with another key, or its name cannot
                stand in a topic.
            StorageFailed: it could not be written.
        """
        if not valid_name(gate):
            raise EnrolmentRefused("a gate's name has 1 to 64 letters, digits, dots and dashes")
        self._db.run(
            "INSERT INTO gates (gate, public_key, enrolled_utc) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (gate, key.raw, utc),
        )
        if self.key_of(gate) != key:
            raise EnrolmentRefused(f"gate {gate} is enrolled with another key")

    def revoke(self, gate: str, utc: str) -> None:
        """Accept nothing from this gate any more; what it sent stays.

        Raises:
            EnrolmentRefused: it is not enrolled.
        """
        query = "UPDATE gates SET revoked_utc = coalesce(revoked_utc, ?) WHERE gate = ?"
        if not self._db.run(query, (utc, gate)):
            raise EnrolmentRefused(f"gate {gate} is not enrolled")

    def use_token(self, sha256: bytes, gate: str, utc: str) -> bool:
        """Note that an enrolment token was used; False if it was before."""
        query = "INSERT INTO tokens VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        return bool(self._db.run(query, (sha256, gate, utc)))

    def key_of(self, gate: str) -> VerifyingKey | None:
        """The key that a gate was enrolled with, or None."""
        raw = self._db.value("SELECT public_key FROM gates WHERE gate = ?", (gate,))
        return None if raw is None else VerifyingKey(raw)

    def gates(self) -> list[str]:
        """The gates that are enrolled."""
        return [gate for (gate,) in self._db.rows("SELECT gate FROM gates ORDER BY gate")]

    def registry(self) -> list[Enrolled]:
        """The gates that are enrolled, with their keys."""
        rows = self._db.rows(
            "SELECT gate, public_key, enrolled_utc, coalesce(revoked_utc, '')"
            " FROM gates ORDER BY gate"
        )
        return [Enrolled(gate, VerifyingKey(key), *times) for gate, key, *times in rows]

    def hold(self, gates: Iterable[str]) -> dict[str, Enrolled]:
        """Keep other collectors off these gates' logs until the transaction ends.

        Gives those that are enrolled. All collectors take them in the same order, so
        that no two wait for each other.
        """
        columns = ("gate", "public_key", "enrolled_utc", "revoked_utc")
        rows = self._db.hold("gates", columns, sorted(set(gates)))
        return {
            gate: Enrolled(gate, VerifyingKey(key), enrolled, revoked or "")
            for gate, key, enrolled, revoked in rows
        }
