"""The output of `egate document` and `egate mrz`: documents, checks and zones as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from drivers.passport.inspection.checks import overall
from drivers.passport.mrz import zone
from drivers.passport.mrz.candidates import candidates
from drivers.passport.mrz.dates import Days, age_range_years, in_words, known_dates
from drivers.passport.mrz.shown_dates import shown_dates
from drivers.passport.mrz.zone import ELEMENTS, Mrz
from drivers.types import Check, ExpiryKind
from gate_agent.core.causes import chains

DOCUMENT_KEYS = (
    "type",
    "issuer",
    "number",
    "surname",
    "given_names",
    "nationality",
    "birth_date",
    "sex",
    "expiry",
)

DATED = (ExpiryKind.DAY, ExpiryKind.PART)


def document(mrz: Mrz | None, today: date, full_birth: Days | None = None) -> dict[str, str | None]:
    """The document as plain data; every key is there, None where nothing is known.

    Dates are ISO 8601 where the document gives one whole date, else as printed; `dates` has
    what is known of them.
    """
    if mrz is None:
        return dict.fromkeys(DOCUMENT_KEYS)
    shown = shown_dates(mrz, today, full_birth)
    return {
        "type": mrz.document_type,
        "issuer": mrz.issuing_state,
        "number": mrz.document_number,
        "surname": mrz.surname,
        "given_names": mrz.given_names,
        "nationality": mrz.nationality,
        "birth_date": shown.birth,
        "sex": mrz.sex,
        "expiry": shown.expiry,
    }


def dates(mrz: Mrz | None, today: date, full_birth: Days | None = None) -> dict[str, Any] | None:
    """What is known of birth and expiry on a day; None without a zone.

    `readings` are the days from first to last that a date may mean, `age_years` the youngest
    and oldest age,
    `days_left` the fewest and most days to expiry; null is not known.
    """
    if mrz is None:
        return None
    printed = known_dates(mrz.birth_date, mrz.expiry, today)
    known = known_dates(mrz.birth_date, mrz.expiry, today, full_birth)
    ends = known.expiry
    left = [(day - today).days for day in ends.readings[0]] if ends.kind in DATED else None
    return {
        "birth": {
            "printed": mrz.birth_date,
            "readings": _plain(known.births),
            "known": in_words(known.births),
            "age_years": age_range_years(known.births, today),
            "from_dg11": known != printed,
        },
        "expiry": {
            "printed": mrz.expiry,
            "kind": ends.kind.value,
            "readings": _plain(ends.readings),
            "known": in_words(ends.readings),
            "days_left": left,
        },
    }


def _plain(found: tuple[Days, ...]) -> list[list[str]]:
    return [[days.first.isoformat(), days.last.isoformat()] for days in found]


def inspection(
    checks: Sequence[Check],
    mrz: Mrz | None,
    today: date,
    full_birth: Days | None = None,
    **figures: float,
) -> dict[str, Any]:
    """The result of `egate document inspect`; `full_birth` is EF.DG11's, where it is proven."""
    return {
        "overall": overall(checks).value,
        "checks": [
            {
                "id": check.id,
                "result": check.result.value,
                "mode": check.mode.value,
                "detail": check.detail,
                "codes": list(check.codes),
                "ms": check.ms,
            }
            for check in checks
        ],
        "findings": findings(checks),
        "document": document(mrz, today, full_birth),
        "dates": dates(mrz, today, full_birth),
        **figures,
    }


def findings(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """What speaks against a document: first causes, each with the checks that followed from it.

    `check` is the code of the reason, `result` the worst result behind it; `followed` names what
    was not judged because of it. What only lacks data and is optional is not listed.
    """
    found = chains(tuple(checks))
    return [
        {
            "check": first.reason.value,
            "result": first.result,
            "followed": [f.reason.value for f in found if f.cause == first.reason],
        }
        for first in found
        if not first.cause
    ]


def parsed_zone(mrz: Mrz, today: date) -> dict[str, Any]:
    """The result of `egate mrz parse`."""
    optional = [name for name in ("optional_data", "optional_data_2") if name in _elements(mrz)]
    fields = document(mrz, today) | {
        name: mrz.element(name).rstrip(zone.FILLER) for name in optional
    }
    return {
        "format": mrz.format.value,
        "fields": fields,
        "dates": dates(mrz, today),
        "checks": list(_zone_checks(mrz)),
        "candidates": [
            {
                "mrz": item.mrz.text,
                "number": item.mrz.document_number,
                "failures": list(item.mrz.failures),
                "changes": [change._asdict() for change in item.changes],
            }
            for item in candidates(mrz.lines)
        ],
    }


def _elements(mrz: Mrz) -> Iterable[str]:
    return ELEMENTS[mrz.format]


def _zone_checks(mrz: Mrz) -> Iterable[dict[str, str]]:
    judged = ("birth_date", "expiry", "sex", "issuing_state", "nationality")
    for name in _elements(mrz):
        if name.endswith("_check") or name in judged:
            result = "failed" if name in mrz.failures else "successful"
            yield {"id": name, "result": result}
