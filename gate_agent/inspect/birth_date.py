"""The date of birth of EF.DG11, as far as checks prove it, for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.passport.errors import TlvError
from drivers.passport.inspection.personal_details import full_birth_date
from drivers.passport.mrz.dates import Days
from drivers.types import Check, Result

PROOF = ("sod_signature", "ds_chain", "dg_hash.DG11")


def proven_birth_date(files: Mapping[str, bytes], checks: Sequence[Check]) -> Days | None:
    """The date with its century; None where it is absent, or its hash or signer is not good."""
    good = {check.id for check in checks if check.result is Result.SUCCESSFUL}
    if "DG11" not in files or not good.issuperset(PROOF):
        return None
    try:
        return full_birth_date(files["DG11"])
    except TlvError:
        return None
