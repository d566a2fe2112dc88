"""The inspection of one chip: a procedure of named steps (BSI TR-03135-1, 4.5; Doc 9303-11, 4).

    access control (PACE or BAC) -> EF.COM -> EF.SOD -> DG1 -> DG2 -> others

EF.SOD and DG1 are judged while DG2 is on its way; the portrait is reported as soon as its hash is
good, before whatever else the chip has to prove.

A generator that yields `Send`, `Emit` and `Reconnect` (see `apdu`) and ends with all
checks. It owns no transport and no time; its caller ends it early by throwing a
`LinkEnded`, and it then reports what is missing as aborted. What was read is evidence in
`FileReader.files`; the verdict on it is in `checks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

import msgspec

from drivers.passport.chip.access import AccessPlan, PaceFailed
from drivers.passport.chip.apdu import Emit, Later, Steps, overlap
from drivers.passport.chip.files import KEPT_BACK, FileReader
from drivers.passport.errors import (
    AccessDenied,
    ApduError,
    CardRefused,
    DocumentError,
    LinkEnded,
    SessionDead,
    TagLost,
    TlvError,
)
from drivers.passport.inspection.checks import (
    CheckList,
    dg1_checks,
    face_image_check,
    printed_checks,
)
from drivers.passport.inspection.chip_access import ChipAccess, refused_keys
from drivers.passport.inspection.chip_features import CHIP, FEATURE_FILES, ChipFeatures
from drivers.passport.inspection.crypto_backend import COMPUTED, CryptoBackend
from drivers.passport.inspection.personal_details import full_birth_date
from drivers.passport.inspection.read_step import report_step
from drivers.passport.mrz.attributes import attributes
from drivers.passport.mrz.dates import Days, ccyymmdd, century_is_asked, known_dates
from drivers.passport.mrz.zone import Mrz
from drivers.passport.trust.passive_authentication import (
    PassiveAuthentication,
    com_sod_check,
)
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission
from drivers.types import (
    Check,
    DocumentRemoved,
    DocumentVerified,
    PortraitRead,
    Result,
)

CHALLENGE_BYTES = 8
ANOTHER_CARD = "another_card"
"""The step of an inspection that met another card: the traveller is asked to take it away."""
EXTRA_DATA_GROUPS = (14, 15)
"""Read beside DG1 and DG2 where EF.SOD lists them. Personal details are not the gate's, but for
the date of birth of DG11 where the zone leaves its century, month or day open."""
PERSONAL_DETAILS = 11

T = TypeVar("T")


@dataclass(kw_only=True)
class Inspection:
    """One inspection of one chip.

    Attributes:
        ticket: echoed in every event.
        mrz: the printed zone, whose keys open the chip; None where the CAN does.
        trust: the anchors.
        at: the day of inspection by the gate's calendar; None when the clock is not trusted.
        random: source of nonces, challenges and scalars.
        clock: nanoseconds, for the time each check took.
        new_handle: makes opaque handles for the vault.
        attempts: how often a lost chip or session may be taken up again.
        reader: reads files and keeps them; the caller wipes it.
        can: card access number, for PACE.
        access, bac_fallback: as in the profile of a chip reader.
        extra: data groups to read beside DG1 and DG2, where EF.SOD lists them.
        crypto: carries out what takes longest to compute.
        utc_day: the day in UTC, by which certificates and revocation lists state when they are
            valid (RFC 5280, 4.1.2.5); None: as `at`.
    """

    ticket: int
    mrz: Mrz | None
    trust: TrustStore
    at: date | None
    random: Callable[[int], bytes]
    clock: Callable[[], int]
    new_handle: Callable[[], str]
    attempts: int = 3
    reader: FileReader = field(default_factory=FileReader)
    can: str | None = None
    access: tuple[str, ...] = ("pace", "bac")
    bac_fallback: bool = True
    extra: tuple[int, ...] = EXTRA_DATA_GROUPS
    crypto: CryptoBackend = COMPUTED
    utc_day: date | None = None
    _plan: AccessPlan = field(init=False)
    _chip: ChipAccess = field(init=False)
    _judged: Later[PassiveAuthentication] | None = field(default=None, init=False)
    _checks: CheckList = field(init=False)
    _full_birth: Days | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._plan = AccessPlan(
            mrz=self.mrz,
            can=self.can,
            order=self.access,
            bac_fallback=self.bac_fallback,
            random=self.random,
            times=self.crypto.multiply,
        )
        self._chip = ChipAccess(
            plan=self._plan,
            reader=self.reader,
            attempts=self.attempts,
            ask=partial(report_step, self.ticket, ANOTHER_CARD),
        )

    def run(self) -> Steps[tuple[Check, ...]]:
        """Inspect; ends with every check, after `DocumentVerified` was emitted."""
        self._checks = CheckList(self.clock)
        removed = False
        rest, why = Result.UNDETERMINED, "not examined"
        try:
            yield from self._procedure()
        except LinkEnded as error:
            removed = isinstance(error, TagLost)
            rest, why = Result.ABORTED, str(error) or type(error).__name__
            self._checks.add(*self._chip.another_card())
            error.__traceback__ = None  # its frames hold it, and the holder's zone
        except DocumentError as error:
            rest, why = Result.ABORTED, str(error)
            error.__traceback__ = None
        if self._judged is not None:
            self._judged()
        self._checks.add(*self._printed())
        if removed:
            yield Emit(Emission(DocumentRemoved(ticket=self.ticket), {}))
        checks = self._checks.complete(rest, why)
        yield Emit(self._verified(checks))
        return checks

    def _verified(self, checks: tuple[Check, ...]) -> Emission:
        """The end of the inspection, with what DG11 says of the holder's birth."""
        verified = DocumentVerified(ticket=self.ticket, checks=checks)
        if self.mrz is None or self._full_birth is None:
            return Emission(verified, {})
        handle, birth = self.new_handle(), ccyymmdd(self._full_birth)
        settled = msgspec.structs.replace(
            verified, attributes=attributes(self.mrz, self.at, self._full_birth), holder=handle
        )
        return Emission(settled, {handle: f"{self.mrz.text}\n{birth}".encode()})

    def _procedure(self) -> Steps[None]:
        yield from self._access_control()
        self._checks.add(*self._printed())
        yield from report_step(self.ticket, "access")
        com = yield from self._file("COM")
        sod = yield from self._file("SOD")
        if isinstance(sod, DocumentError):
            self._checks.begin()
            self._checks.add(_not_given("sod_signature", sod))
            raise sod
        yield from report_step(self.ticket, "sod")
        dg1 = yield from self._file("DG1")
        if not isinstance(dg1, DocumentError):
            yield from report_step(self.ticket, "dg1")
        self._judged = Later(partial(self._judge, com, sod, dg1))
        dg2 = yield from overlap(self._file("DG2"), self._judged)
        found = self._judged()
        yield from self._dg2(dg2, found)
        listed = found.security_object.hashes if found.security_object is not None else {}
        if found.trusted and PERSONAL_DETAILS in listed:
            yield from self._birth_date(found)
        missing = yield from self._others(found, listed)
        yield from self._features(found, missing)

    def _access_control(self) -> Steps[None]:
        self._checks.begin()
        try:
            yield from self._chip.persist(_nothing)
        except (CardRefused, SessionDead, ApduError, PaceFailed) as error:
            result = Result.FAILED if refused_keys(error) else Result.ABORTED
            self._checks.add(Check(id="access_control", result=result, detail=str(error)))
            raise
        result = Result.NOT_SUPPORTED if self._plan.plain else Result.SUCCESSFUL
        detail = self._chip.how + self._other_reading("; ")
        self._checks.add(Check(id="access_control", result=result, detail=detail))

    def _printed(self) -> tuple[Check, ...]:
        """Checks of the printed zone; a zone that was misread is never reported as consistent."""
        reading = self._plan.reading
        if self.mrz is None or reading is None or not reading.changes:
            return printed_checks(self.mrz, self.at)
        wrong = ", ".join(self.mrz.failures)
        misread = Check(
            id="mrz_consistency",
            result=Result.FAILED if wrong else Result.UNDETERMINED,
            detail=(wrong or self.mrz.format.value) + self._other_reading("; the chip opened "),
        )
        return (misread, *printed_checks(reading.mrz, self.at)[1:])

    def _other_reading(self, before: str) -> str:
        """Where the reading that opened the chip differs from the one given, in words."""
        changes = self._plan.reading.changes if self._plan.reading is not None else ()
        places = ", ".join(f"line {c.line + 1} column {c.column + 1}" for c in changes)
        return f"{before}by another reading of the printed zone: {places}" if places else ""

    def _judge(
        self, com: bytes | DocumentError, sod: bytes, dg1: bytes | DocumentError
    ) -> PassiveAuthentication:
        """Everything that EF.COM, EF.SOD and DG1 prove."""
        self._checks.begin()
        found = self.crypto.authenticate_sod(bytes(sod), self.trust, self.utc_day or self.at)
        self._checks.add(*found.checks)
        self._com_sod(com, found)
        listed = found.security_object.hashes if found.security_object is not None else {}
        self._checks.expect_data_groups(listed)
        self._dg1(dg1, found)
        return found

    def _com_sod(self, com: bytes | DocumentError, found: PassiveAuthentication) -> None:
        if isinstance(com, DocumentError):
            self._checks.add(_not_given("com_sod", com))
        else:
            self._checks.add(com_sod_check(com, found.security_object))

    def _dg1(self, dg1: bytes | DocumentError, found: PassiveAuthentication) -> None:
        if isinstance(dg1, DocumentError):
            self._checks.add(_not_given("dg_hash.DG1", dg1))
            for name in ("mrz_dg1", "issuing_state"):
                self._checks.add(Check(id=name, result=Result.ABORTED, detail=str(dg1)))
            return
        if self.mrz is None:
            detail = "opened without the printed MRZ"
            self._checks.add(Check(id="mrz_dg1", result=Result.NOT_SUPPORTED, detail=detail))
        reading = self._plan.reading
        printed = reading.mrz if reading is not None else self.mrz
        for check in dg1_checks(dg1, printed, found, self.at):
            how = self._other_reading(", " if check.detail else "")
            detailed = msgspec.structs.replace(check, detail=check.detail + how)
            self._checks.add(detailed if check.id == "mrz_dg1" else check)

    def _dg2(self, dg2: bytes | DocumentError, found: PassiveAuthentication) -> Steps[None]:
        self._checks.begin()
        if isinstance(dg2, DocumentError):
            self._checks.add(_not_given("dg_hash.DG2", dg2))
            self._checks.add(Check(id="face_image", result=Result.ABORTED, detail=str(dg2)))
            return
        hashed = found.hash_check(2, dg2)
        self._checks.add(hashed, face_image_check(dg2))
        yield from report_step(self.ticket, "dg2")
        if found.trusted and hashed.result is Result.SUCCESSFUL:
            handle = self.new_handle()
            portrait = PortraitRead(ticket=self.ticket, portrait=handle)
            yield Emit(Emission(portrait, {handle: dg2}))

    def _birth_date(self, found: PassiveAuthentication) -> Steps[None]:
        """The date of birth of DG11, where the zone's is open and DG11's agrees with it.

        A chip that does not give DG11 leaves the date open; its session may die of the attempt.
        """
        if self.mrz is None or self.at is None:
            return
        birth, ends = self.mrz.birth_date, self.mrz.expiry
        known = known_dates(birth, ends, self.at)
        if not century_is_asked(birth, known):
            return
        content = yield from self._chip.persist(self._personal_details)
        self._checks.begin()
        if isinstance(content, DocumentError):
            detail = f"not read: {content}"
            unread = Check(id="dg_hash.DG11", result=Result.UNDETERMINED, detail=detail)
            self._checks.add(unread)
            return
        hashed = found.hash_check(PERSONAL_DETAILS, content)
        self._checks.add(hashed)
        if hashed.result is not Result.SUCCESSFUL:
            return
        try:
            full = full_birth_date(content)
        except TlvError:
            return
        if known_dates(birth, ends, self.at, full) != known:
            self._full_birth = full

    def _personal_details(self) -> Steps[bytes | DocumentError]:
        try:
            return (yield from self.reader.read("DG11"))
        except (CardRefused, TlvError, ApduError) as error:
            return error
        except SessionDead as dead:
            self._chip.session_died()
            return dead

    def _others(
        self, found: PassiveAuthentication, listed: dict[int, bytes]
    ) -> Steps[dict[int, Result]]:
        """The other data groups, where listed; of those that the chip did not give, why."""
        missing: dict[int, Result] = {}
        for number in self.extra:
            if number not in listed or self._checks.result(f"dg_hash.DG{number}") is not None:
                continue
            content = yield from self._file(f"DG{number}")
            self._checks.begin()
            if isinstance(content, DocumentError):
                check = _not_given(f"dg_hash.DG{number}", content)
                missing[number] = check.result
            else:
                check = found.hash_check(number, content)
            self._checks.add(check)
        return missing

    def _features(self, found: PassiveAuthentication, missing: dict[int, Result]) -> Steps[None]:
        """Stripping, active authentication, and chip authentication last: it ends a session."""
        read = self.reader.files
        files = {name: bytes(read[name]) for name in FEATURE_FILES if name in read}
        files = {name: files[name] for name in files if name[2:] not in map(str, missing)}
        cut_short = {n for n, why in missing.items() if why is Result.ABORTED}
        hidden = {14, 15} & set(missing) - cut_short
        features = ChipFeatures(
            found, files, frozenset(cut_short), self._plan.card_access_cut_short
        )
        known = self.access[0] == "pace"
        self._checks.add(features.stripping(frozenset(hidden), card_access_known=known))
        active = yield from self._chip.persist(
            lambda: features.active(self.reader, self.random(CHALLENGE_BYTES))
        )
        self._checks.add(active)
        chip = features.chip_mapping(self._plan.proof)
        if chip is None:
            chip = yield from self._chip.persist(self._twice(features))
        self._checks.add(chip)

    def _twice(self, features: ChipFeatures) -> Callable[[], Steps[Check]]:
        """Chip authentication, failed once the session of its new keys died for the second time.

        A command that arrived twice, or an answer that was hit, ends a session as a cloned
        chip does. A clone does so again. A session that died before the new keys were in use, or
        once only, says nothing of the chip's key.
        """
        died = False

        def attempt() -> Steps[Check]:
            nonlocal died
            session = self.reader.session
            try:
                return (yield from features.chip(self.reader, self.random))
            except SessionDead as dead:
                if self.reader.session is session:
                    raise
                if died:
                    return Check(id=CHIP, result=Result.FAILED, detail=str(dead))
                died = True
                raise

        return attempt

    def _file(self, name: str) -> Steps[bytes | DocumentError]:
        """A file, or why the chip does not give it."""
        try:
            return (yield from self._chip.persist(lambda: self.reader.read(name)))
        except AccessDenied:
            raise
        except (CardRefused, TlvError, ApduError) as error:
            return error


def _not_given(check_id: str, error: DocumentError) -> Check:
    """The check of a file that was not given whole: failed only where the chip kept it back.

    A malformed file is failed, too. Any other refusal is a fault of chip or link.
    """
    kept_back = isinstance(error, CardRefused) and error.sw in KEPT_BACK
    failed = kept_back or isinstance(error, TlvError)
    result = Result.FAILED if failed else Result.ABORTED
    return Check(id=check_id, result=result, detail=str(error))


def _nothing() -> Steps[None]:
    return
    yield  # makes this a generator
