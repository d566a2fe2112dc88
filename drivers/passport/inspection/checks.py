"""The checks of an inspection and their verdict (BSI TR-03135-1, 3.5.2 and 5.4).

Everything here judges evidence that is already at hand, so the verdict on stored files
is made by the same functions as the verdict at the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from drivers.passport import tlv
from drivers.passport.errors import FormatUnknown, MrzError, TlvError
from drivers.passport.file_ids import FILE_TAGS
from drivers.passport.inspection.face_image import parse_dg2
from drivers.passport.mrz import zone
from drivers.passport.mrz.dates import FILLER, expiry
from drivers.passport.mrz.fillers import filler_elements
from drivers.passport.mrz.zone import Mrz
from drivers.passport.trust.passive_authentication import PassiveAuthentication, issuing_state_check
from drivers.types import CHECK_IDS, Check, CheckMode, ExpiryKind, Result

MRZ_IN_DG1 = 0x5F1F
OPTIONAL_ELEMENTS = frozenset(
    {"optional_data", "optional_data_2", "optional_data_check", "composite_check"}
)
OPTIONAL_CHECKS = frozenset(
    {
        "sod_conformance",
        "ds_revocation",
        "active_authentication",
        "chip_authentication",
        "stripping",
        "face_image",
        "defects",
    }
)
DIFFER_BY_FILLERS = "differ_by_fillers"
"""Code of a printed zone whose only differences from DG1 are fillers read as letters."""

GATE_DATA_GROUPS = frozenset({1, 2})
"""Data groups whose hash a self-service gate must have checked."""


class CheckList:
    """Collects results as the inspection goes; each id has one, the first.

    Args:
        clock: nanoseconds, for the time each check took.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._since = clock()
        self._found: dict[str, Check] = {}
        self._data_groups: tuple[int, ...] = ()

    def begin(self) -> None:
        """Start timing the next check here."""
        self._since = self._clock()

    def add(self, *checks: Check) -> None:
        """Take results; they share the time since the last."""
        now = self._clock()
        ms = round((now - self._since) / 1e6, 3)
        self._since = now
        for check in checks:
            stamped = msgspec.structs.replace(check, ms=ms, mode=_mode(check.id, check.result))
            self._found.setdefault(check.id, stamped)

    def expect_data_groups(self, numbers: Iterable[int]) -> None:
        """The data groups whose hash is to be reported."""
        self._data_groups = tuple(sorted(numbers))

    def result(self, check_id: str) -> Result | None:
        """The result of a check, if it has one yet."""
        found = self._found.get(check_id)
        return found.result if found is not None else None

    def complete(self, result: Result, detail: str) -> tuple[Check, ...]:
        """Every check once, in the order of `CHECK_IDS`; those without result get this one."""
        # Those of the gate are reported even where EF.SOD does not list them: then they failed.
        groups = sorted(GATE_DATA_GROUPS.union(self._data_groups)) if self._data_groups else []
        numbers = [f"dg_hash.DG{n}" for n in groups] or ["dg_hash"]
        ids = [i for name in CHECK_IDS for i in (numbers if name == "dg_hash" else [name])]
        return tuple(
            self._found.get(i) or Check(id=i, result=result, mode=_mode(i, result), detail=detail)
            for i in ids
        )


def overall(checks: Iterable[Check]) -> Result:
    """The verdict on a group of checks (BSI TR-03135-1, 5.4), over its mandatory ones.

    Failed if any failed, aborted if any was aborted, successful only if all were.
    """
    results = {check.result for check in checks if check.mode is CheckMode.MANDATORY}
    for decisive in (Result.FAILED, Result.ABORTED):
        if decisive in results:
            return decisive
    return Result.SUCCESSFUL if results == {Result.SUCCESSFUL} else Result.UNDETERMINED


def printed_checks(printed: Mrz | None, at: date | None) -> tuple[Check, ...]:
    """Consistency of the printed zone, and expiry by it; without a zone, neither."""
    if printed is None:
        return (Check(id="mrz_consistency", result=Result.UNDETERMINED, detail="no MRZ"),)
    wrong = ", ".join(printed.failures)
    return (
        Check(
            id="mrz_consistency",
            result=Result.FAILED if wrong else Result.SUCCESSFUL,
            detail=wrong or printed.format.value,
        ),
        expiry_check(printed, at),
    )


def expiry_check(document: Mrz, at: date | None) -> Check:
    """Whether the document is valid on a day: by the earliest and the latest day it may mean.

    A document that does not expire is not judged: "not supported". What the zone leaves open is
    undetermined, never failed.
    """
    if document.expiry == FILLER * 6:
        detail = "the document has no date of expiry"
        return Check(id="expiry", result=Result.NOT_SUPPORTED, detail=detail)
    if at is None:
        return Check(id="expiry", result=Result.UNDETERMINED, detail="the clock is not trusted")
    ends = expiry(document.expiry, at)
    if ends.kind is ExpiryKind.OPEN:
        known = "century of the date of expiry" if ends.readings else "date of expiry"
        return Check(id="expiry", result=Result.UNDETERMINED, detail=f"{known} is unknown")
    first, last = ends.readings[0]
    if first < at <= last:
        detail = "the day is unknown and may have passed"
        return Check(id="expiry", result=Result.UNDETERMINED, detail=detail)
    expired = at > last
    result = Result.FAILED if expired else Result.SUCCESSFUL
    return Check(id="expiry", result=result, detail="expired" if expired else "")


def unread(clock: Callable[[], int], detail: str) -> tuple[Check, ...]:
    """Every check of a document whose zone was never read."""
    checks = CheckList(clock)
    checks.add(*printed_checks(None, None))
    checks.add(Check(id="expiry", result=Result.UNDETERMINED, detail="no MRZ"))
    return checks.complete(Result.ABORTED, detail)


def parse_dg1(dg1: bytes) -> Mrz:
    """The machine readable zone of DG1.

    Raises:
        TlvError, MrzError: DG1 does not hold one.
    """
    raw = tlv.find(tlv.read_all(tlv.unwrap(dg1, FILE_TAGS["DG1"])), MRZ_IN_DG1)
    if raw is None:
        raise TlvError("DG1: no machine readable zone")
    if not raw.isascii():
        raise MrzError("DG1: characters beyond ASCII")
    return zone.parse_text(raw.decode("ascii"))


def dg1_checks(
    dg1: bytes, printed: Mrz | None, found: PassiveAuthentication, at: date | None
) -> tuple[Check, ...]:
    """DG1's hash, its zone against the printed one, its state against the signer's, expiry.

    Expiry is the printed zone's wherever there is one: it is judged before.
    """
    hashed = found.hash_check(1, dg1)
    try:
        chip = parse_dg1(dg1)
    except (TlvError, MrzError) as error:
        detail = str(error)
        return (
            hashed,
            Check(id="mrz_dg1", result=Result.FAILED, detail=detail),
            Check(id="issuing_state", result=Result.UNDETERMINED, detail=detail),
        )
    return (
        hashed,
        _mrz_dg1(printed, chip),
        issuing_state_check(chip.issuing_state, found),
        expiry_check(chip, at),
    )


def face_image_check(dg2: bytes) -> Check:
    """Whether DG2 is malformed; a picture it is only once the vision process decoded it."""
    try:
        image = parse_dg2(dg2)
    except TlvError as error:
        return Check(id="face_image", result=Result.FAILED, detail=str(error))
    except FormatUnknown as error:
        return Check(id="face_image", result=Result.UNDETERMINED, detail=str(error))
    size = f"{image.width_px}x{image.height_px}, {len(image.data)} bytes"
    detail = f"{image.coding}, {size}; not decoded here"
    return Check(id="face_image", result=Result.UNDETERMINED, detail=detail)


def _mrz_dg1(printed: Mrz | None, chip: Mrz) -> Check:
    if printed is None:
        return Check(id="mrz_dg1", result=Result.UNDETERMINED, detail="no printed MRZ")
    different = zone.differences(printed, chip)
    if not different:
        return Check(id="mrz_dg1", result=Result.SUCCESSFUL)
    fillers = filler_elements(printed, chip, different)
    others = [name for name in different if name not in fillers]
    failed = not OPTIONAL_ELEMENTS.issuperset(others)
    words = [f"{', '.join(others)} differ"] if others else []
    if fillers:
        words.append(f"{', '.join(n for n in different if n in fillers)} differ by fillers")
    return Check(
        id="mrz_dg1",
        result=Result.FAILED if failed else Result.UNDETERMINED,
        detail="; ".join(words),
        codes=() if others else (DIFFER_BY_FILLERS,),
    )


def _mode(check_id: str, result: Result) -> CheckMode:
    """Mandatory is what every document must pass, and what a document did not pass.

    A document need not have an optional feature; one that has it and fails it, or lets it
    be cut short, must not count as good.
    """
    name, _, group = check_id.partition(".DG")
    optional = name in OPTIONAL_CHECKS or (group and int(group) not in GATE_DATA_GROUPS)
    if optional and result not in (Result.FAILED, Result.ABORTED):
        return CheckMode.OPTIONAL
    return CheckMode.MANDATORY
