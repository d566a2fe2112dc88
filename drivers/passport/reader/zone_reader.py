"""From the bytes of an MRZ reader's port to the zones that they hold."""

from __future__ import annotations

from drivers.errors import ProtocolViolation
from drivers.passport.errors import MrzError
from drivers.passport.mrz import zone
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.framers import DeskoFramer, ElyctisFramer, RteFramer
from drivers.passport.reader.line_reader import FramingError, LineFramer, MrzAssembler

MAX_BAD_LINES = 16
UNREAD_BYTES = 176
"""Two documents of 88 characters, and not one line."""
UNREAD_LINES = 6
"""Lines of several documents, and not one zone."""


Framer = LineFramer | DeskoFramer | RteFramer | ElyctisFramer

FRAMERS: dict[str, type[Framer]] = {
    "cr": LineFramer,
    "desko": DeskoFramer,
    "rte": RteFramer,
    "elyctis": ElyctisFramer,
}
"""How each `MrzReader.framing` is cut into lines."""


class ZoneReader:
    """Zones from a reader's bytes.

    Args:
        framing: as in the profile of an MRZ reader.

    Attributes:
        framer: cuts the bytes; its `errors` count what was no line.
    """

    def __init__(self, framing: str) -> None:
        self.framer: Framer = FRAMERS[framing]()
        self._assembler = MrzAssembler()
        self._bad_lines = 0
        self._lines = 0

    @property
    def unreadable(self) -> bool:
        """Whether bytes arrive and no zone comes of them: line ends, baud rate or framing."""
        return self.framer.unread_bytes >= UNREAD_BYTES or self._lines >= UNREAD_LINES

    def reset(self) -> bytes:
        """The port is new; what to send."""
        self.framer.reset()
        self._assembler.reset()
        return self.framer.ask()

    def ask(self) -> bytes:
        """What to send when a document is wanted."""
        return self.framer.ask()

    def go_on(self) -> bytes:
        """What to send after a document."""
        return self.framer.go_on()

    def receive(self, data: bytes, now_ns: int) -> list[Mrz]:
        """Take bytes; give the zones that they complete.

        Raises:
            ProtocolViolation: too many lines in a row are none.
        """
        found = []
        for line in self.framer.receive(data):
            if isinstance(line, FramingError):
                self._assembler.reset()
                self._bad_lines += 1
                continue
            self._bad_lines = 0
            self._lines += 1
            lines = self._assembler.add(line, now_ns)
            if lines is None:
                continue
            self._lines = 0
            try:
                found.append(zone.parse(lines))
            except MrzError:
                self.framer.errors[FramingError.BAD_LENGTH] += 1
        if self._bad_lines >= MAX_BAD_LINES:
            self._bad_lines = 0
            raise ProtocolViolation(
                f"MRZ reader: {MAX_BAD_LINES} lines in a row are none; check mrz_reader.framing "
                "and mrz_reader.baud"
            )
        return found
