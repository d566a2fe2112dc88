"""Access control: PACE or BAC, in the order of the profile (Doc 9303-11, 4.2).

    EF.CardAccess offers PACE -> PACE, select application
    ... and it fails          -> BAC, only where the profile allows it, and always reported
    no EF.CardAccess          -> select application, BAC

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
from drivers.passport.chip.files import FileReader
from drivers.passport.chip.security_infos import PaceInfo, pace_infos, parse_security_infos
from drivers.passport.errors import (
    AccessDenied,
    ApduError,
    CardRefused,
    DocumentError,
    SessionDead,
    TlvError,
)
from drivers.passport.mrz.candidates import Candidate, candidates, doubts
from drivers.passport.mrz.zone import Mrz

ATTEMPTS = 3
OFFERS_NONE = "EF.CardAccess offers no PACE"


class PaceFailed(DocumentError):
    """The chip offers PACE, it failed, and the profile permits no other way."""


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
    """

    mrz: Mrz | None
    random: Callable[[int], bytes]
    can: str | None = None
    order: tuple[str, ...] = ("pace", "bac")
    bac_fallback: bool = True
    times: Multiply = multiply
    reading: Candidate | None = field(default=None, init=False)

    def open(self, reader: FileReader) -> Steps[str]:
        """Open the chip and select the application; returns how, fallbacks included.

        Raises:
            AccessDenied: the chip does not take the password.
            CardRefused, SessionDead, PaceFailed: no way of access succeeded.
        """
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
            data = yield from reader.read("CARDACCESS")
            return pace_infos(parse_security_infos(data)), OFFERS_NONE
        except CardRefused:
            reader.files.pop("CARDACCESS", None)
            return (), "no EF.CardAccess"
        except TlvError as error:
            return (), f"EF.CardAccess is malformed: {error}"

    def _pace(self, reader: FileReader, offered: tuple[PaceInfo, ...]) -> Steps[str]:
        info = strongest(offered, pace.PARAMETERS)
        if info is None:
            raise PaceFailed("not supported: " + ", ".join(map(str, offered)))
        for attempt, reading in enumerate(self._tries(), 1):
            try:
                password = self._password(reading)
                session = yield from pace.authenticate(info, password, self.random, self.times)
            except AccessDenied:
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        self.reading = reading
        reader.new_session(session)
        yield from reader.select_application(protected=True)
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
            except AccessDenied:
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        self.reading = reading
        reader.new_session(session)
        return "BAC"


def _readings(mrz: Mrz) -> Iterator[Candidate]:
    """Each reading that gives other keys; what takes long to find comes last."""
    seen = set()
    first = candidates(mrz.lines) if mrz.failures else (Candidate(mrz, ()),)
    for reading in first:
        if reading.mrz.key_input not in seen:
            seen.add(reading.mrz.key_input)
            yield reading
    if not mrz.failures:
        yield from doubts(mrz)
