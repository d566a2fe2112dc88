"""Access control: PACE or BAC, in the order of the profile (Doc 9303-11, 4.2).

    EF.CardAccess offers PACE -> PACE, select application
    ... and it fails          -> BAC, only where the profile allows it, and always reported
    no EF.CardAccess          -> select application, BAC
    neither is possible, and EF.COM can be read without -> plain: no access control

The choice is `drivers.passport.chip.access_choice`. A chip is tried `ATTEMPTS` times; it only
slows down, it does not lock. Where the printed zone may have been misread, the tries are its
likeliest readings; which one opened the chip is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, repeat

from drivers.passport.chip import bac, pace
from drivers.passport.chip.access_choice import AccessWay, strongest, ways_to_open
from drivers.passport.chip.agreement import Multiply, multiply
from drivers.passport.chip.apdu import Steps
from drivers.passport.chip.chip_mapping import MappingProof
from drivers.passport.chip.files import KEPT_BACK, FileReader
from drivers.passport.chip.security_infos import PaceInfo, pace_infos, parse_security_infos
from drivers.passport.errors import (
    AccessDenied,
    ApduError,
    CardRefused,
    DocumentError,
    SessionDead,
    TlvError,
)
from drivers.passport.mrz.candidates import Candidate, doubts, key_candidates
from drivers.passport.mrz.zone import Mrz

ATTEMPTS = 3
OFFERS_NONE = "EF.CardAccess offers no PACE"


WRONG_KEYS = 0x63
"""First byte of the status of a chip that does not take the keys (Doc 9303-11, 4.3 and 4.4)."""

PLAIN = "no access control: the chip was read without"


class PaceFailed(DocumentError):
    """The chip offers PACE, it failed, and the profile permits no other way."""


class PaceUnknown(PaceFailed):
    """The chip offers PACE in no form that is implemented: nothing was tried."""


@dataclass(kw_only=True)
class AccessPlan:
    """How a chip is to be opened.

    Attributes:
        mrz: the printed zone, or None where only a card access number is known.
        can: the card access number, which only PACE takes.
        order: "pace" and "bac", the first preferred.
        bac_fallback: whether BAC may open a chip whose PACE failed.
        random: source of nonces and scalars.
        times: multiplies points of a curve.
        reading: the reading of the zone that opened the chip, once one did.
        card_access_cut_short: whether EF.CardAccess was refused by a fault, not as absent.
        proof: what PACE with chip authentication mapping gave in the present session.
        plain: whether the chip has no access control (Doc 9303-11, 4: it may have none).
    """

    mrz: Mrz | None
    random: Callable[[int], bytes]
    can: str | None = None
    order: tuple[str, ...] = ("pace", "bac")
    bac_fallback: bool = True
    times: Multiply = multiply
    reading: Candidate | None = field(default=None, init=False)
    card_access_cut_short: bool = field(default=False, init=False)
    plain: bool = field(default=False, init=False)
    proof: MappingProof | None = field(default=None, init=False)
    _protected: bool = field(default=False, init=False)

    def open(self, reader: FileReader) -> Steps[str]:
        """Open the chip and select the application; returns how, fallbacks included.

        Raises:
            AccessDenied: the chip does not take the password.
            AnotherCard: the card has no travel document's application.
            CardRefused, SessionDead, PaceFailed: no way of access succeeded.
        """
        self.proof = None
        if self.plain:
            yield from reader.select_application()
            return PLAIN
        try:
            return (yield from self._open_protected(reader))
        except (CardRefused, PaceFailed):
            # A chip that took keys, or refused some as wrong, is never taken for one without.
            if self._protected or not (yield from reader.readable_in_plain()):
                raise
            self.plain = True
            return PLAIN

    def _open_protected(self, reader: FileReader) -> Steps[str]:
        """By PACE or BAC, as the profile prefers."""
        if self._ways(pace_offered=True)[:1] != (AccessWay.PACE,):
            return (yield from self._bac(reader))
        offered, why = yield from self._offered(reader)
        ways = self._ways(pace_offered=bool(offered))
        if not ways:
            raise PaceFailed(f"{why}, and BAC is not possible")
        if ways[0] is AccessWay.BAC:
            done = yield from self._bac(reader)
            return f"{done}; {why}"
        try:
            return (yield from self._pace(reader, offered))
        except (CardRefused, SessionDead, ApduError, PaceFailed) as error:
            if AccessWay.BAC not in ways:
                raise
            failure = error
        done = yield from self._bac(reader)
        return f"{done} after PACE failed: {failure}"

    def _ways(self, *, pace_offered: bool) -> tuple[AccessWay, ...]:
        return ways_to_open(
            self.order,
            pace_offered=pace_offered,
            mrz_known=self.mrz is not None,
            bac_fallback=self.bac_fallback,
        )

    def _offered(self, reader: FileReader) -> Steps[tuple[tuple[PaceInfo, ...], str]]:
        yield from reader.select_master_file()
        try:
            known = reader.files.get("CARDACCESS")
            if known:
                return pace_infos(parse_security_infos(bytes(known))), OFFERS_NONE
        except TlvError:
            reader.files.pop("CARDACCESS")
        try:
            data = yield from self._card_access(reader)
            return pace_infos(parse_security_infos(data)), OFFERS_NONE
        except CardRefused:
            return (), "no EF.CardAccess"
        except TlvError as error:
            return (), f"EF.CardAccess is malformed: {error}"

    def _card_access(self, reader: FileReader) -> Steps[bytes]:
        """EF.CardAccess, asked for again after a refusal that does not say that it is absent."""
        for last in (False, True):
            try:
                data = yield from reader.read("CARDACCESS")
            except CardRefused as refused:
                reader.files.pop("CARDACCESS", None)
                self.card_access_cut_short = refused.sw not in KEPT_BACK
                if last or not self.card_access_cut_short:
                    raise
            else:
                self.card_access_cut_short = False
                break
        return data

    def _pace(self, reader: FileReader, offered: tuple[PaceInfo, ...]) -> Steps[str]:
        info = strongest(offered)
        if info is None:
            raise PaceUnknown("not supported: " + ", ".join(map(str, offered)))
        for attempt, reading in enumerate(self._tries(), 1):
            try:
                password = self._password(reading)
                opened = yield from pace.authenticate(info, password, self.random, self.times)
            except AccessDenied as denied:
                self._protected |= denied.sw >> 8 == WRONG_KEYS
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        self.reading = reading
        self._protected = True
        reader.new_session(opened.session)
        yield from reader.select_application(protected=True)
        self.proof = opened.proof  # of a session that stands; BAC may follow one that does not
        return str(info)

    def _password(self, reading: Candidate | None) -> pace.Password:
        if self.can is not None:
            return pace.can_password(self.can)
        if reading is None:
            raise PaceFailed("neither MRZ nor card access number is known")
        return pace.mrz_password(reading.mrz.key_input)

    def _tries(self) -> Iterator[Candidate | None]:
        """Readings of the zone, the likeliest first; the first again where there are fewer."""
        if self.mrz is None or self.can is not None:
            return repeat(None, ATTEMPTS)
        if self.reading is not None:
            return repeat(self.reading, ATTEMPTS)
        return islice(chain(_readings(self.mrz), repeat(Candidate(self.mrz, ()))), ATTEMPTS)

    def _bac(self, reader: FileReader) -> Steps[str]:
        if self.mrz is None:
            raise PaceFailed("BAC needs the MRZ")
        for attempt, reading in enumerate(self._tries(), 1):
            yield from reader.select_application()
            try:
                keys = self.mrz if reading is None else reading.mrz
                session = yield from bac.authenticate(keys.key_input, self.random)
            except AccessDenied as denied:
                self._protected |= denied.sw >> 8 == WRONG_KEYS
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        self.reading = reading
        self._protected = True
        reader.new_session(session)
        return "BAC"


def _readings(mrz: Mrz) -> Iterator[Candidate]:
    """Each reading that gives other keys; what takes long to find comes last."""
    seen = set()
    first = key_candidates(mrz.lines) if mrz.failures else (Candidate(mrz, ()),)
    for reading in first:
        if reading.mrz.key_input not in seen:
            seen.add(reading.mrz.key_input)
            yield reading
    if not mrz.failures:
        yield from doubts(mrz)
