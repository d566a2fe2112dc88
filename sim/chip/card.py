"""The passport chip: a pure function from state and command to state and response.

ICAO Doc 9303-10 (application and files) and 9303-11 (access control, secure messaging),
over ISO/IEC 7816-4 commands. Nothing is readable before access control. A plain command
ends a secure messaging session, as does one whose protection is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sim.chip.apdu import Command, Response, Status, is_extended, parse_command
from sim.chip.bac import CHALLENGE_SIZE, KEY_SIZE, access_keys, mutual_authenticate
from sim.chip.der import tlv
from sim.chip.keys import Random
from sim.chip.model import (
    EF_CARD_ACCESS,
    AfterError,
    Behaviour,
    Card,
    CardState,
    Latency,
    Tampering,
)
from sim.chip.personalise import Personalisation
from sim.chip.protocols import general_authenticate, internal_authenticate, manage_security
from sim.chip.secure_messaging import Refusal, SecureSession, wrapped_size
from sim.chip.tlv import read_length

APPLICATION_ID = bytes.fromhex("A0000002471001")
MASTER_FILE = b"\x3f\x00"

_SELECT = 0xA4
_GET_CHALLENGE = 0x84
_EXTERNAL_AUTHENTICATE = 0x82
_MANAGE_SECURITY = 0x22
_GENERAL_AUTHENTICATE = 0x86
_INTERNAL_AUTHENTICATE = 0x88
_READ_BINARY = 0xB0
_READ_BINARY_ODD = 0xB1

_WHAT_THERE_IS = (256, 65_536)
"""Le of zeros, short and extended: as much as there is and as the answer holds."""

_OPEN_TO_ALL = (EF_CARD_ACCESS, 0x2F01)
"""EF.CardAccess and EF.ATR/INFO, of the master file; no chip here has the latter."""

_TERMINALS_ONLY = (0x0103, 0x0104)
"""EF.DG3 and EF.DG4 are read after terminal authentication, which no reader passes here."""


def card_of(
    personalisation: Personalisation,
    behaviour: Behaviour | None = None,
    latency: Latency | None = None,
) -> Card:
    """The chip of a personalised passport."""
    keys = access_keys(personalisation.access_key_text)
    return Card(
        personalisation.files,
        keys,
        behaviour or Behaviour(),
        latency or Latency(),
        personalisation.features,
        personalisation.master_files,
        personalisation.access_key_text,
    )


def transact(
    card: Card, state: CardState, raw: bytes, random: Random
) -> tuple[CardState, bytes | None]:
    """Carry out one command APDU; the response is None when the chip does not answer.

    `random` gives RND.IC and K.IC. Any bytes are a command: nonsense gets a status word.
    """
    if card.behaviour.mute or state.lost:
        return state, None
    after, response = _answer(card, state, raw, random)
    broken = state.session is not None and after.session is None
    if state.stuck or (broken and card.behaviour.after_error in _STUCK):
        # A plain command that broke the session is not carried out, either.
        refused = state.stuck or not raw or raw[0] & 0x0C != 0x0C
        response = Response(Status.SECURITY_STATUS).encode() if refused else response
        after = CardState(reads=after.reads, bytes_read=after.bytes_read, stuck=True)
    return after, response


_STUCK = (AfterError.STUCK, AfterError.STUCK_FOR_GOOD)


def _answer(
    card: Card, state: CardState, raw: bytes, random: Random
) -> tuple[CardState, bytes | None]:
    command = parse_command(raw)
    if command is None:
        return replace(state, session=None), Response(Status.WRONG_LENGTH).encode()
    if is_extended(raw) and not card.behaviour.extended_length:
        refusal = Response(Status.WRONG_LENGTH).encode()
        mute = card.behaviour.extended_length_mutes
        return replace(state, session=None), None if mute else refusal
    if command.cla == 0x0C:
        state, response = _protected(card, state, command, random)
    elif command.cla == 0x00 or (command.cla == 0x10 and command.ins == _GENERAL_AUTHENTICATE):
        state, response = _dispatch(card, replace(state, session=None), command, random)
    elif command.cla & 0xF0 == 0x10:
        return replace(state, session=None), Response(Status.CHAINING_NOT_SUPPORTED).encode()
    else:
        return replace(state, session=None), Response(Status.CLA_NOT_SUPPORTED).encode()
    limit = card.behaviour.lost_at_byte
    if limit is not None and state.bytes_read > limit:
        return replace(state, lost=True), None
    return state, response.encode()


def _protected(
    card: Card, state: CardState, outer: Command, random: Random
) -> tuple[CardState, Response]:
    if state.session is None:
        return state, Response(Status.SM_OBJECT_INCORRECT)
    session, command = _unwrapped(state.session, outer, recounts=state.recounts)
    if isinstance(command, Refusal):
        return replace(state, session=None), Response(command.status)
    before = replace(state, session=session, recounts=False)
    room = outer.le or 256
    if command.ins == _READ_BINARY_ODD:
        # Its answer is one data object, which cannot be cut afterwards.
        command = command._replace(le=_fitting(command.le, room, session.BLOCK))
    after, response = _dispatch(card, before, command, random)
    if card.behaviour.session_ends_after_reads == after.reads != state.reads:
        return replace(after, session=None), Response(Status.SM_OBJECT_INCORRECT)
    if command.ins == _READ_BINARY:
        response = _cut(response, _fitting(len(response.data), room, session.BLOCK))
    if wrapped_size(len(response.data), session.BLOCK) > room:
        after, response = before, Response(Status.WRONG_LENGTH)
    if card.behaviour.errors_in_plain and not response.data and response.status != Status.OK:
        goes_on = card.behaviour.after_error is AfterError.GOES_ON
        kept = state.session if goes_on else None
        return replace(after, session=kept, next_session=None, recounts=goes_on), response
    session, wrapped = session.wrap(response, odd=bool(command.ins & 1))
    after = replace(after, session=after.next_session or session, next_session=None)
    return _tampered(card.behaviour.tampering, after, response, wrapped)


def _unwrapped(
    session: SecureSession, outer: Command, *, recounts: bool
) -> tuple[SecureSession, Command | Refusal]:
    """Check and decrypt; `recounts`: a reader may have counted up to two messages more."""
    found = session.unwrap(outer)
    for more in (1, 2) if recounts else ():
        if isinstance(found[1], Refusal):
            found = session.counted(more).unwrap(outer)
    return found


def _cut(response: Response, size: int) -> Response:
    """A response of at most so many bytes; one that was cut is not the end of the file."""
    if len(response.data) <= size or not size:
        return response
    return Response(Status.OK, response.data[:size])


def _fitting(size: int, room: int, block: int) -> int:
    """How many bytes of so many a protected answer of `room` bytes holds."""
    size = min(size, room)
    while size and wrapped_size(size, block) > room:
        size -= 1
    return size


def _tampered(
    tampering: Tampering, state: CardState, plain: Response, wrapped: Response
) -> tuple[CardState, Response]:
    """What reaches the reader, where an attacker sits between it and the chip."""
    seen, state = state.last_answer or wrapped, replace(state, last_answer=wrapped)
    if tampering is Tampering.REPLAYED:
        return state, seen
    if tampering is Tampering.ALTERED and wrapped.data:
        flipped = wrapped.data[:-1] + bytes((wrapped.data[-1] ^ 1,))
        return state, Response(wrapped.status, flipped)
    return state, plain if tampering is Tampering.PLAIN else wrapped


_Handler = Callable[[Card, CardState, Command, Random], tuple[CardState, Response]]


def _dispatch(
    card: Card, state: CardState, command: Command, random: Random
) -> tuple[CardState, Response]:
    handler = _HANDLERS.get(command.ins)
    if handler is None:
        return state, Response(Status.INS_NOT_SUPPORTED)
    return handler(card, state, command, random)


def _select(
    card: Card, state: CardState, command: Command, _random: Random
) -> tuple[CardState, Response]:
    if command.le and card.behaviour.le_refused:
        return state, Response(Status.WRONG_LENGTH)
    if command.p1 == 0x04:
        if command.data != APPLICATION_ID:
            return state, Response(Status.FILE_NOT_FOUND)
        return replace(state, application=True, file=None), Response(Status.OK)
    if command.p1 not in (0x00, 0x02):
        return state, Response(Status.WRONG_P1_P2)
    if command.p1 == 0x00 and command.data in (b"", MASTER_FILE):
        return replace(state, application=False, file=None), Response(Status.OK)
    if len(command.data) != 2:
        return state, Response(Status.WRONG_LENGTH)
    return _open(card, state, int.from_bytes(command.data, "big"))


def _open(card: Card, state: CardState, fid: int) -> tuple[CardState, Response]:
    """Make a file current; its access condition is checked here and at each read."""
    files = card.files if state.application else card.master_files
    if not files or (fid in _OPEN_TO_ALL and fid not in files):
        return state, Response(Status.FILE_NOT_FOUND)
    if not _readable(state, fid):
        return state, Response(Status.SECURITY_STATUS)
    if fid not in files:
        return state, Response(Status.FILE_NOT_FOUND)
    if state.application and fid in _TERMINALS_ONLY:
        return state, Response(Status.SECURITY_STATUS)
    return replace(state, file=fid), Response(Status.OK)


def _readable(state: CardState, fid: int) -> bool:
    """What is always open, and all else after access control."""
    return state.session is not None or (fid in _OPEN_TO_ALL and not state.application)


def _get_challenge(
    card: Card, state: CardState, command: Command, random: Random
) -> tuple[CardState, Response]:
    if command.p1 or command.p2:
        return state, Response(Status.WRONG_P1_P2)
    if not card.features.bac:
        return state, Response(Status.CONDITIONS_OF_USE)
    if command.le < CHALLENGE_SIZE:
        return state, Response(Status.WRONG_LENGTH)
    challenge = random(CHALLENGE_SIZE)
    return replace(state, challenge=challenge), Response(Status.OK, challenge)


def _external_authenticate(
    card: Card, state: CardState, command: Command, random: Random
) -> tuple[CardState, Response]:
    if not state.application or state.challenge is None or state.session is not None:
        return state, Response(Status.CONDITIONS_OF_USE)
    if len(command.data) != 40:
        return state, Response(Status.WRONG_LENGTH)
    answer = mutual_authenticate(card.keys, command.data, state.challenge, random(KEY_SIZE))
    state = replace(state, challenge=None)
    if answer is None:
        return state, Response(Status.NO_INFORMATION)
    token, session = answer
    return replace(state, session=session), Response(Status.OK, token)


def _read_binary(
    card: Card, state: CardState, command: Command, _random: Random
) -> tuple[CardState, Response]:
    if command.p1 & 0x80:
        if command.p1 & 0x60:
            return state, Response(Status.WRONG_P1_P2)
        state, opened = _open(card, state, 0x0100 | command.p1 & 0x1F)
        if opened.status != Status.OK:
            return state, opened
        return _read(card, state, command.p2, command.le)
    return _read(card, state, command.p1 << 8 | command.p2, command.le)


def _read_binary_odd(
    card: Card, state: CardState, command: Command, _random: Random
) -> tuple[CardState, Response]:
    """READ BINARY with an offset data object 54 and a discretionary data object 53."""
    identifier = command.p1 << 8 | command.p2
    if identifier:
        fid = identifier if identifier > 0x1F else 0x0100 | identifier
        state, opened = _open(card, state, fid)
        if opened.status != Status.OK:
            return state, opened
    size, start = read_length(command.data, 1)
    if command.data[:1] != b"\x54" or size is None or len(command.data) != start + size:
        return state, Response(Status.WRONG_DATA)
    if not 1 <= size <= 4:
        return state, Response(Status.WRONG_DATA)
    offset = int.from_bytes(command.data[start:], "big")
    room = _room_in_object(command.le)
    if command.le and not room:
        _, whole = _read(card, state, offset, _LEAST_OBJECT)
        least = len(tlv(0x53, whole.data)) if whole.data else 0
        return state, Response(Status.EXACT_LENGTH | least) if least else whole
    state, response = _read(card, state, offset, room)
    if not response.data:
        return state, response
    return state, Response(response.status, tlv(0x53, response.data))


_LEAST_OBJECT = 1
"""Bytes of a file in the smallest data object that is worth asking for."""


def _room_in_object(le: int) -> int:
    """How many bytes a data object 53 of at most `le` bytes holds."""
    for overhead in (2, 3, 4):
        room = le - overhead
        if room > 0 and len(tlv(0x53, bytes(room))) <= le:
            return room
    return 0


def _read(card: Card, state: CardState, offset: int, size: int) -> tuple[CardState, Response]:
    if state.file is None:
        refusal = Status.SECURITY_STATUS if state.session is None else Status.NO_CURRENT_FILE
        return state, Response(refusal)
    if not _readable(state, state.file):
        return state, Response(Status.SECURITY_STATUS)
    content = (card.files if state.application else card.master_files)[state.file]
    if not 0 < size <= card.behaviour.largest_read:
        return state, Response(Status.WRONG_LENGTH)
    if offset >= len(content):
        return state, Response(Status.WRONG_OFFSET)
    part = content[offset : offset + size]
    state = replace(state, reads=state.reads + 1, bytes_read=state.bytes_read + len(part))
    whole = len(part) == size or size in _WHAT_THERE_IS
    return state, Response(Status.OK if whole else Status.END_OF_FILE, part)


_HANDLERS: dict[int, _Handler] = {
    _SELECT: _select,
    _GET_CHALLENGE: _get_challenge,
    _EXTERNAL_AUTHENTICATE: _external_authenticate,
    _MANAGE_SECURITY: manage_security,
    _GENERAL_AUTHENTICATE: general_authenticate,
    _INTERNAL_AUTHENTICATE: internal_authenticate,
    _READ_BINARY: _read_binary,
    _READ_BINARY_ODD: _read_binary_odd,
}


class Chip:
    """A card with its state, as a reader's field holds it."""

    def __init__(self, card: Card, random: Random) -> None:
        self.card = card
        self._random = random
        self._state = CardState()
        self._broken = False

    @property
    def silent(self) -> bool:
        """The chip has fallen silent for good; it cannot even be activated."""
        return self._state.lost

    def power_up(self) -> None:
        """The field came on: the chip forgets everything but that it is lost.

        What broke a session happens once, however often a reader takes the power afterwards.
        """
        for_good = self.card.behaviour.after_error is AfterError.STUCK_FOR_GOOD
        stuck = self._state.stuck
        self._broken = self._broken or stuck
        reads = self._state.reads if self._broken else 0
        self._state = CardState(lost=self._state.lost, reads=reads, stuck=stuck and for_good)

    def transmit(self, raw: bytes) -> tuple[bytes | None, int]:
        """Response APDU (None: no answer) and the nanoseconds the chip computes for it."""
        self._state, response = transact(self.card, self._state, raw, self._random)
        computing_ns = self.card.latency.of(raw, response or b"")
        return response, computing_ns + self.card.behaviour.extra_ns(raw)
