"""From the vault's MRZ text to the identity of a record and of an officer's page."""

from __future__ import annotations

from datetime import date

from drivers.passport.errors import DocumentError
from drivers.passport.mrz.zone import birth_date, expiry_date, parse_text
from gate_agent.lane_api.api import HolderView


def identity(mrz_text: bytes, today: date) -> dict[str, str]:
    """The holder as the document names them (fields of Regulation (EU) 2017/2226, Art. 16).

    Dates are ISO 8601 where the zone gives whole dates, else as printed. A zone that does
    not parse gives an empty identity: the record then stands without one.
    """
    try:
        mrz = parse_text(mrz_text.decode("utf-8", "replace"))
    except DocumentError:
        return {}
    born, ends = birth_date(mrz, today), expiry_date(mrz, today)
    return {
        "surname": mrz.surname,
        "given_names": mrz.given_names,
        "nationality": mrz.nationality,
        "sex": mrz.sex,
        "birth_date": born.isoformat() if born else mrz.birth_date,
        "document_type": mrz.document_type,
        "document_number": mrz.document_number,
        "issuing_state": mrz.issuing_state,
        "expiry": ends.isoformat() if ends else mrz.expiry,
    }


def holder_view(fields: dict[str, str]) -> HolderView | None:
    """The same for an officer's page; None without an identity."""
    if not fields:
        return None
    shown = HolderView.__struct_fields__
    return HolderView(**{name: value for name, value in fields.items() if name in shown})
