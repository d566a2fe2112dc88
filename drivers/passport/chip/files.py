"""Reading elementary files of the LDS (Doc 9303-10, 3.6; ISO/IEC 7816-4 READ BINARY).

The TLV head is read first, by short file identifier, which saves a SELECT; then exactly the
length it announces. A chip that refuses the identifier is asked by SELECT from then on. Read
sizes come down a ladder when the chip refuses one. What was read stays in `FileReader` when
a session or the field is lost, and reading goes on at that offset.
"""

from __future__ import annotations

from drivers.passport import tlv
from drivers.passport.chip.apdu import WHAT_THERE_IS, Command, Response, Steps, transmit
from drivers.passport.chip.secure_messaging import SecureMessaging
from drivers.passport.errors import AnotherCard, ApduError, CardRefused, TlvError
from drivers.passport.file_ids import FILE_IDS, FILE_TAGS, SHORT_IDS

LDS_APPLICATION = bytes.fromhex("A0000002471001")

MAX_FILE = 262_144
"""Upper limit of one file: no chip in the field holds more."""

READ_LADDER = (4096, 1000, 223, 160, 112)
"""Read sizes: extended length first, then what fits short length under secure messaging."""

SHORT_READ = 223
"""What short length holds under secure messaging, whatever the cipher."""

MASTER_FILE = (
    Command(0x00, 0xA4, 0x00, 0x0C, b"\x3f\x00"),
    Command(0x00, 0xA4, 0x00, 0x0C),
    Command(0x00, 0xA4, 0x00, 0x00, b"\x3f\x00", le=256),
)

NO_APPLICATION = frozenset({0x6A81, 0x6A82, 0x6A86, 0x6999, 0x6D00, 0x6E00})
"""Answers to SELECT by a card that lacks the application, or the command itself. Others say
that a card which may have it does not do so now: 6982 after a broken session, 6F00."""

KEPT_BACK = frozenset({0x6A82, 0x6A83, 0x6A88, 0x6982, 0x6985})
"""Answers by which a chip in good order keeps a file back: not there, or not to be read."""

HEAD_BYTES = 8
ODD_OFFSET = 0x8000  # above this, READ BINARY takes its offset in a data object (INS B1)
ODD_OVERHEAD = 8
TOO_MUCH = frozenset({0x6700, 0x6B00, 0x6282, 0x6281})
MAX_COMMANDS = 4096


class FileReader:
    """Reads files of one chip, plainly or under the session it is given.

    Attributes:
        session: secure messaging, or None before access control.
        files: what was read, whole or in part, by name ("COM", "DG1"); wipe it after use.
        extended: whether extended length may be used: no session has died of it.
    """

    def __init__(self, ladder: tuple[int, ...] = READ_LADDER) -> None:
        self.session: SecureMessaging | None = None
        self.files: dict[str, bytearray] = {}
        self.extended = True
        self._ladder = ladder
        self._rung = 0
        self._proven = False
        self._short_ids = True
        self._asked_by_short_id = False
        self._asked_for = 0
        self._selected: str | None = None
        self._in_application = False

    def whole(self) -> dict[str, bytes]:
        """The files that were read to their ends."""
        found = {}
        for name, content in self.files.items():
            try:
                if content and len(content) >= _announced(name, content):
                    found[name] = bytes(content)
            except TlvError:
                continue
        return found

    def new_session(self, session: SecureMessaging) -> None:
        """Go on under a new session; no file is selected in it."""
        self.session = session
        self._selected = None
        self._asked_by_short_id = False

    def field_lost(self) -> None:
        """The chip lost its power: it begins again, in the master file.

        It may have left, or have fallen silent over extended length.
        """
        if self._asked_for > SHORT_READ:
            self.session_died()
        self._asked_for = 0
        self.session = None
        self._selected = None
        self._in_application = False
        self._asked_by_short_id = False

    def session_died(self) -> None:
        """The session is over: what it died of is not asked for again.

        That is a short file identifier, or else the read size, unless one of that size was
        answered before; a chip that dies of extended length is read in short length at once.
        """
        asked, self._asked_for = self._asked_for, 0
        if self._asked_by_short_id:
            self._short_ids = False
        elif asked <= self._ladder[self._lower()]:
            return  # it died of something else
        elif self._proven:
            self._proven = False
        else:
            self.extended = self.extended and asked <= SHORT_READ
            self._rung = self._lower()

    def _lower(self) -> int:
        """The rung to go down to: of short length, where this one is not; the last stays."""
        long = self._ladder[self._rung] > SHORT_READ
        for rung in range(self._rung + 1, len(self._ladder)):
            if not long or self._ladder[rung] <= SHORT_READ:
                return rung
        return self._rung

    def shorten(self) -> bool:
        """One rung down; False when there is none."""
        if self._rung + 1 >= len(self._ladder):
            return False
        self._rung += 1
        self._proven = False
        return True

    def select_master_file(self) -> Steps[None]:
        """Go on in the master file, in the clear; a chip begins there.

        Chips in the field take one of three forms and refuse the others; one that refuses
        all of them is left where it is.
        """
        self.session = None
        self._selected = None
        if not self._in_application:
            return
        for form in MASTER_FILE:
            response = yield from transmit(form)
            if response.ok:
                self._in_application = False
                return

    def select_application(self, *, protected: bool = False) -> Steps[None]:
        """SELECT the LDS application (Doc 9303-10, 3.6.2): in the clear, or after PACE.

        Raises:
            AnotherCard: there is no such application, on a card that asks for nothing first.
            CardRefused: it is not selected.
        """
        if not protected:
            self.session = None
        self._selected = None
        response = yield from self._transmit(Command(0x00, 0xA4, 0x04, 0x0C, LDS_APPLICATION))
        if not response.ok and not protected and response.sw in NO_APPLICATION:
            raise AnotherCard(f"another card answers: SELECT application: status {response.sw:04X}")
        if not response.ok:
            raise CardRefused("SELECT application", response.sw)
        self._in_application = True

    def readable_in_plain(self) -> Steps[bool]:
        """Whether EF.COM can be read without access control, by either way of reading it."""
        yield from self.select_application()
        head = Command(0x00, 0xB0, 0x80 | SHORT_IDS["COM"], 0, le=HEAD_BYTES)
        response = yield from transmit(head)
        if not response.data:
            file_id = FILE_IDS["COM"].to_bytes(2, "big")
            selected = yield from transmit(Command(0x00, 0xA4, 0x02, 0x0C, file_id))
            if not selected.ok:
                return False
            response = yield from transmit(Command(0x00, 0xB0, 0, 0, le=HEAD_BYTES))
        return response.data[:1] == bytes([FILE_TAGS["COM"]])

    def read(self, name: str) -> Steps[bytes]:
        """Read one file whole, from where an earlier attempt stopped.

        Raises:
            CardRefused: not found, not allowed, or no read size is accepted.
            TlvError: the file does not begin with its tag, or announces too much.
            SessionDead: secure messaging is not synchronised.
        """
        content = self.files.setdefault(name, bytearray())
        if content and len(content) >= _announced(name, content):
            return bytes(content)
        if self._selected != name:
            tried = not content and self._short_ids and name in SHORT_IDS
            if tried:
                yield from self._read_head(name, content)
            if self._selected != name:
                yield from self._select(name)
                self._short_ids = self._short_ids and not tried
        for _ in range(MAX_COMMANDS):
            total = _announced(name, content)
            if len(content) >= total:
                del content[total:]
                return bytes(content)
            wanted = min(total - len(content), self._ladder[self._rung])
            data = yield from self._read_binary(name, len(content), wanted)
            content += data
        raise ApduError(f"{name}: not read after {MAX_COMMANDS} commands")

    def _read_head(self, name: str, content: bytearray) -> Steps[None]:
        """The first bytes by short file identifier; nothing where the chip does not take it."""
        self._asked_by_short_id = True
        command = Command(0x00, 0xB0, 0x80 | SHORT_IDS[name], 0, le=HEAD_BYTES)
        response = yield from self._transmit(command)
        self._asked_by_short_id = False
        if response.data:
            self._selected = name
            content += response.data[:HEAD_BYTES]

    def _select(self, name: str) -> Steps[None]:
        file_id = FILE_IDS[name].to_bytes(2, "big")
        response = yield from self._transmit(Command(0x00, 0xA4, 0x02, 0x0C, file_id))
        if not response.ok:
            raise CardRefused(f"SELECT {name}", response.sw)
        self._selected = name

    def _read_binary(self, name: str, offset: int, wanted: int) -> Steps[bytes]:
        odd = offset >= ODD_OFFSET
        # The answer's own data object must fit into the read size too.
        overhead = ODD_OVERHEAD if odd else 0
        le = min(wanted + overhead, self._ladder[self._rung])
        if le == WHAT_THERE_IS:
            le -= 1
        wanted = le - overhead
        if odd:
            raw = offset.to_bytes(3, "big").lstrip(b"\x00")
            command = Command(0x00, 0xB1, 0, 0, tlv.encode(0x54, raw), le=le)
        else:
            command = Command(0x00, 0xB0, offset >> 8, offset & 0xFF, le=le)
        response = yield from self._transmit(command)
        data = response.data
        if odd and data:
            data = tlv.unwrap(data, 0x53)
        if data:
            self._proven = self._proven or le > self._ladder[self._lower()]
            return data[:wanted]
        if (response.sw >> 8 == 0x6C or response.sw in TOO_MUCH) and self.shorten():
            return b""
        raise CardRefused(f"READ BINARY {name}", response.sw)

    def probe(self) -> Steps[None]:
        """Select EF.COM, for the sake of an answer under the session.

        Raises:
            SessionDead: the answer is not under it.
        """
        self._selected = None
        yield from self._transmit(
            Command(0x00, 0xA4, 0x02, 0x0C, FILE_IDS["COM"].to_bytes(2, "big"))
        )

    def transmit(self, command: Command) -> Steps[Response]:
        """Send a command, under the session where there is one."""
        return (yield from self._transmit(command))

    def _transmit(self, command: Command) -> Steps[Response]:
        self._asked_for = 0 if command.le == WHAT_THERE_IS else command.le or 0
        send = transmit if self.session is None else self.session.transmit
        response = yield from send(command)
        self._asked_for = 0
        return response


def _announced(name: str, content: bytearray) -> int:
    """Length of the whole file, or of its head while that is not yet read."""
    if len(content) < HEAD_BYTES:
        try:
            head = tlv.read_head(content)
        except TlvError:
            return HEAD_BYTES
        if head.total > HEAD_BYTES and len(content) < HEAD_BYTES:
            return HEAD_BYTES
    head = tlv.read_head(content)
    if head.tag != FILE_TAGS[name]:
        raise TlvError(f"{name}: tag {head.tag:X} instead of {FILE_TAGS[name]:X}")
    if head.total > MAX_FILE:
        raise TlvError(f"{name}: announces {head.total} bytes")
    return head.total
