"""The verdict on stored evidence: the same checks as at the gate, from files.

Files may be judged on another day or with another trust store than when they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import msgspec

from drivers.passport.inspection.checks import (
    CheckList,
    dg1_checks,
    face_image_check,
    printed_checks,
)
from drivers.passport.inspection.chip_features import ChipFeatures, stored_checks
from drivers.passport.mrz.zone import Mrz
from drivers.passport.trust.passive_authentication import (
    PassiveAuthentication,
    authenticate_sod,
    com_sod_check,
)
from drivers.passport.trust.store import TrustStore
from drivers.types import Check, CheckMode, Result

NOT_GIVEN = "its input was not given"


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What stored files are judged by.

    Attributes:
        trust: anchors, which need not be those of the day of reading.
        at: the day to judge for; None when it is not known for certain.
        utc_day: the day in UTC, by which certificates and lists are valid; None: as `at`.
        clock: nanoseconds, for the time each check took.
        face: decodes DG2 and reports whether it holds a picture; None where no decoder is there.
    """

    trust: TrustStore
    at: date | None
    clock: Callable[[], int]
    utc_day: date | None = None
    face: Callable[[bytes], Check] | None = None

    def verdict(
        self, files: Mapping[str, bytes], printed: Mrz | None, *recorded: Check
    ) -> tuple[Check, ...]:
        """Every check once; what has no input is undetermined.

        Args:
            files: content by name: "COM", "SOD", "DG1" to "DG16".
            printed: the zone as the optical reader gave it.
            recorded: results that only the chip itself could give.
        """
        checks = CheckList(self.clock)
        checks.add(*recorded, *printed_checks(printed, self.at))
        if "SOD" in files:
            found = authenticate_sod(files["SOD"], self.trust, self.utc_day or self.at)
            checks.add(*found.checks)
            self._hashes(checks, files, found)
        else:
            found = PassiveAuthentication(None, None, None, ())
        if "COM" in files and "SOD" in files:
            checks.add(com_sod_check(files["COM"], found.security_object))
        if "DG1" in files:
            chip = dg1_checks(files["DG1"], printed, found, self.at)
            checks.add(*(chip if "SOD" in files else chip[1:]))
        if "DG2" in files:
            checks.add(self._face(files["DG2"], checks.result("dg_hash.DG2")))
        if "SOD" in files:
            checks.add(*stored_checks(ChipFeatures(found, files)))
        return tuple(_offline(check) for check in checks.complete(Result.UNDETERMINED, NOT_GIVEN))

    def _hashes(
        self, checks: CheckList, files: Mapping[str, bytes], found: PassiveAuthentication
    ) -> None:
        listed = found.security_object.hashes if found.security_object is not None else {}
        checks.expect_data_groups(listed)
        for number in sorted(n for n in listed if f"DG{n}" in files):
            checks.add(found.hash_check(number, files[f"DG{number}"]))

    def _face(self, dg2: bytes, hashed: Result | None) -> Check:
        if self.face is None:
            return face_image_check(dg2)
        if hashed is Result.FAILED:
            detail = "not decoded: its hash is wrong"
            return Check(id="face_image", result=Result.UNDETERMINED, detail=detail)
        return self.face(dg2)


def _offline(check: Check) -> Check:
    """No file is protected: access to the chip does not count where it is unknown."""
    if check.id == "access_control" and check.result is Result.UNDETERMINED:
        return msgspec.structs.replace(check, mode=CheckMode.OPTIONAL)
    return check
