"""The optical half of a passport reader: its port, and the zone that was read last."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.pn532 import MS
from drivers.passport.reader.zone_reader import ZoneReader
from drivers.ports import Output, Write
from drivers.types import Condition

MRZ = "mrz"
HOLD_NS = 5_000 * MS
"""A zone that no command asked for is forgotten after this."""


class MrzPort:
    """Bytes of the line reader's port in and out; holds one zone for a while.

    Args:
        framing: as in the profile of an MRZ reader.

    Attributes:
        is_open: whether the port is there.
        presented: the zone of the document that was put down last.
    """

    def __init__(self, framing: str) -> None:
        self._zones = ZoneReader(framing)
        self._out: list[Output] = []
        self._until_ns = 0
        self.is_open = False
        self.presented: Mrz | None = None

    @property
    def due_ns(self) -> int | None:
        """When the zone is forgotten."""
        return self._until_ns if self.presented else None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What the line reader lacks."""
        return (Condition.MRZ_UNREADABLE,) if self._zones.unreadable else ()

    def opened(self) -> None:
        """The port was opened (again): resynchronise."""
        self.is_open = True
        self._send(self._zones.reset())

    def lost(self) -> None:
        """The port went away."""
        self.is_open = False

    def ask(self) -> None:
        """A document is wanted: make the reader send what lies there."""
        self._send(self._zones.ask())

    def receive(self, data: bytes, now_ns: int) -> Iterator[Mrz]:
        """Take bytes; every zone that they complete.

        Raises:
            ProtocolViolation: the line reader does not speak its protocol.
        """
        for found in self._zones.receive(data, now_ns):
            self._send(self._zones.go_on())
            yield found

    def present(self, found: Mrz, now_ns: int) -> None:
        """Hold a zone until a command asks for it."""
        self.presented = found
        self._until_ns = now_ns + HOLD_NS

    def expire(self, now_ns: int) -> None:
        """Forget a zone that no command asked for."""
        if self.presented and now_ns >= self._until_ns:
            self.presented = None

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        out, self._out = self._out, []
        return out

    def _send(self, data: bytes) -> None:
        if data and self.is_open:
            self._out.append(Write(MRZ, data))
