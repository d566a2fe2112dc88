"""What is kept of the documents of the last crossings, until it is wiped."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_CROSSINGS = 2


@dataclass(slots=True)
class DocumentData:
    """Personal data of one crossing, in buffers that can be overwritten.

    Attributes:
        mrz: the text of the zone, in ASCII.
        files: the chip's files by name, as far as they were read.
    """

    mrz: bytearray
    files: dict[str, bytearray] = field(default_factory=dict)

    def wipe(self) -> None:
        """Overwrite and drop everything."""
        for buffer in (self.mrz, *self.files.values()):
            buffer[:] = bytes(len(buffer))
        self.files.clear()


class HeldDocuments:
    """The data of at most `MAX_CROSSINGS` crossings by ticket; the oldest is wiped first."""

    def __init__(self) -> None:
        self._by_ticket: dict[int, DocumentData] = {}

    def hold(self, ticket: int, mrz_text: str) -> DocumentData:
        """Begin to hold a document; what is beyond the limit is wiped."""
        data = self._by_ticket[ticket] = DocumentData(bytearray(mrz_text.encode("ascii")))
        while len(self._by_ticket) > MAX_CROSSINGS:
            self._by_ticket.pop(next(iter(self._by_ticket))).wipe()
        return data

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop the data of a crossing."""
        data = self._by_ticket.pop(ticket, None)
        if data is not None:
            data.wipe()
