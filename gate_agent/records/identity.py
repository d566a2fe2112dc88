"""From the vault's MRZ text to the identity of a record and of an officer's page."""

from __future__ import annotations

from datetime import date, datetime

from drivers.passport.errors import DocumentError
from drivers.passport.mrz.dates import Days, full_date
from drivers.passport.mrz.shown_dates import shown_dates
from drivers.passport.mrz.zone import parse_text
from firmware_cfg.time_zone import calendar_day
from gate_agent.lane_api.api import HolderView


def judged_on(inspection_day: str, time_zone: str, now: datetime) -> date:
    """The day by which a crossing's dates are read: its day of inspection, else the gate's day.

    Args:
        inspection_day: ISO 8601, "" where the reader could not say it.
        time_zone: IANA name of the gate's zone.
        now: the present moment, in UTC.
    """
    if inspection_day:
        return date.fromisoformat(inspection_day)
    return calendar_day(time_zone, now)


def identity(mrz_text: bytes, today: date) -> dict[str, str]:
    """The holder as the document names them (fields of Regulation (EU) 2017/2226, Art. 16).

    Dates are ISO 8601 where the document gives one whole date, else as printed; what is known
    of them then stands beside them (`birth_date_known`, `expiry_known`). A last line of eight
    digits is the date of birth of EF.DG11. A zone that does not parse gives an empty identity:
    the record then stands without one.
    """
    text, full_birth = _parted(mrz_text.decode("utf-8", "replace"))
    try:
        mrz = parse_text(text)
    except DocumentError:
        return {}
    dates = shown_dates(mrz, today, full_birth)
    fields = {
        "surname": mrz.surname,
        "given_names": mrz.given_names,
        "nationality": mrz.nationality,
        "sex": mrz.sex,
        "birth_date": dates.birth,
        "document_type": mrz.document_type,
        "document_number": mrz.document_number,
        "issuing_state": mrz.issuing_state,
        "expiry": dates.expiry,
    }
    known = {"birth_date_known": dates.birth_known, "expiry_known": dates.expiry_known}
    return fields | {name: value for name, value in known.items() if value}


def holder_view(fields: dict[str, str]) -> HolderView | None:
    """The same for an officer's page; None without an identity."""
    if not fields:
        return None
    shown = HolderView.__struct_fields__
    return HolderView(**{name: value for name, value in fields.items() if name in shown})


def _parted(text: str) -> tuple[str, Days | None]:
    """The zone, and the date of birth of EF.DG11 where one follows it."""
    zone, _, last = text.rpartition("\n")
    return (zone, full_date(last)) if len(last) == 8 and zone else (text, None)
