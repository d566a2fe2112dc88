"""EF.DG11, personal details: of them the full date of birth alone (Doc 9303-10, 4.7.11)."""

from __future__ import annotations

from drivers.passport import tlv
from drivers.passport.file_ids import FILE_TAGS
from drivers.passport.mrz.dates import Days, full_date

FULL_BIRTH_DATE_TAG = 0x5F2B
BCD_BYTES = 4


def full_birth_date(dg11: bytes) -> Days | None:
    """The date of birth with its century (CCYYMMDD); None where DG11 has none that is a date.

    Issuers write eight digits as text, or as four bytes of BCD.

    Raises:
        TlvError: it is not a DG11.
    """
    objects = tlv.read_all(tlv.unwrap(dg11, FILE_TAGS["DG11"]))
    value = tlv.find(objects, FULL_BIRTH_DATE_TAG)
    if value is None:
        return None
    digits = value.hex() if len(value) == BCD_BYTES else value.decode("ascii", "replace")
    return full_date(digits)
