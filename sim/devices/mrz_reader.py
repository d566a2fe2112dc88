"""The simulated MRZ line reader: reads the data page and sends its lines, each ended by CR."""

from __future__ import annotations


class MrzLineReader:
    """A reader with one serial line, sans-IO.

    Args:
        scan_ns: from the document in place to the first character.
        noise: bytes sent before the lines, as a bad cable or a half-read page does.
    """

    def __init__(self, scan_ns: int = 300_000_000, *, noise: bytes = b"") -> None:
        self._scan_ns = scan_ns
        self._noise = noise
        self.dead = False
        """The reader sees no document."""
        self._message: bytes | None = None
        self.due_ns: int | None = None
        """When `expire` must be called next; None without a document to scan."""
        self._out = bytearray()

    def place(self, lines: tuple[str, ...], now_ns: int) -> None:
        """A document is laid down; `lines` is what its data page shows."""
        self._message = b"".join(line.encode("ascii") + b"\r" for line in lines)
        self.due_ns = now_ns + self._scan_ns

    def remove(self, now_ns: int) -> None:  # noqa: ARG002 - the shape of a peer
        """The document is taken away; unless it was scanned already, nothing is sent."""
        self._message = None
        self.due_ns = None

    def receive(self, data: bytes, now_ns: int) -> None:
        """This reader takes no commands: whatever arrives is ignored."""

    def expire(self, now_ns: int) -> None:
        """The scan is finished when `due_ns` has come."""
        if self._message is None or self.due_ns is None or now_ns < self.due_ns:
            return
        if self.dead:
            self._message = self.due_ns = None
            return
        self._out += self._noise + self._message
        self._message = None
        self.due_ns = None

    def output(self) -> bytes:
        """Take what is sent now."""
        taken = bytes(self._out)
        self._out.clear()
        return taken
