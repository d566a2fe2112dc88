"""The machine readable zone (ICAO Doc 9303 parts 3 to 7): TD1, TD2, TD3, MRV-A, MRV-B.

`parse` refuses only what has not the shape of a zone; wrong check digits and impossible
dates are data in `Mrz.failures`, because a document with them goes to an officer and not
to the floor. Two-digit years become dates only together with a date of reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from drivers.passport.errors import MrzError
from drivers.passport.mrz.dates import plausible

FILLER = "<"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
VALUES = {character: value for value, character in enumerate(ALPHABET)} | {FILLER: 0}
WEIGHTS = (7, 3, 1)
STATE = re.compile(r"[A-Z]{3}|[A-Z]{2}<|[A-Z]<<")


class MrzFormat(StrEnum):
    """Size of document, by Doc 9303 part."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"
    MRV_A = "MRV-A"
    MRV_B = "MRV-B"


class Place(NamedTuple):
    """Where an element stands: line, first character, one past the last."""

    line: int
    start: int
    end: int


def _two_lines(width: int, optional_end: int) -> dict[str, Place]:
    return {
        "document_type": Place(0, 0, 2),
        "issuing_state": Place(0, 2, 5),
        "names": Place(0, 5, width),
        "document_number": Place(1, 0, 9),
        "document_number_check": Place(1, 9, 10),
        "nationality": Place(1, 10, 13),
        "birth_date": Place(1, 13, 19),
        "birth_date_check": Place(1, 19, 20),
        "sex": Place(1, 20, 21),
        "expiry": Place(1, 21, 27),
        "expiry_check": Place(1, 27, 28),
        "optional_data": Place(1, 28, optional_end),
    }


ELEMENTS: dict[MrzFormat, dict[str, Place]] = {
    MrzFormat.TD3: _two_lines(44, 42)
    | {"optional_data_check": Place(1, 42, 43), "composite_check": Place(1, 43, 44)},
    MrzFormat.TD2: _two_lines(36, 35) | {"composite_check": Place(1, 35, 36)},
    MrzFormat.MRV_A: _two_lines(44, 44),
    MrzFormat.MRV_B: _two_lines(36, 36),
    MrzFormat.TD1: {
        "document_type": Place(0, 0, 2),
        "issuing_state": Place(0, 2, 5),
        "document_number": Place(0, 5, 14),
        "document_number_check": Place(0, 14, 15),
        "optional_data": Place(0, 15, 30),
        "birth_date": Place(1, 0, 6),
        "birth_date_check": Place(1, 6, 7),
        "sex": Place(1, 7, 8),
        "expiry": Place(1, 8, 14),
        "expiry_check": Place(1, 14, 15),
        "nationality": Place(1, 15, 18),
        "optional_data_2": Place(1, 18, 29),
        "composite_check": Place(1, 29, 30),
        "names": Place(2, 0, 30),
    },
}
"""Where every element of every format stands."""

COMPOSITE: dict[MrzFormat, tuple[Place, ...]] = {
    MrzFormat.TD3: (Place(1, 0, 10), Place(1, 13, 20), Place(1, 21, 43)),
    MrzFormat.TD2: (Place(1, 0, 10), Place(1, 13, 20), Place(1, 21, 35)),
    MrzFormat.TD1: (Place(0, 5, 30), Place(1, 0, 7), Place(1, 8, 15), Place(1, 18, 29)),
}


@dataclass(frozen=True, slots=True)
class Mrz:
    """A machine readable zone, element by element, fillers removed from its ends.

    Attributes:
        birth_date: YYMMDD as printed; fillers stand for what is unknown.
        expiry: YYMMDD as printed.
        failures: names of the elements whose check digit or content is wrong.
    """

    format: MrzFormat
    lines: tuple[str, ...] = field(repr=False)
    document_type: str = field(repr=False)
    issuing_state: str = field(repr=False)
    document_number: str = field(repr=False)
    document_number_check: str = field(repr=False)
    nationality: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str = field(repr=False)
    expiry: str = field(repr=False)
    surname: str = field(repr=False)
    given_names: str = field(repr=False)
    optional_data: str = field(repr=False)
    failures: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(self.lines)

    @property
    def key_input(self) -> str:
        """MRZ information of Doc 9303-11, 9.7.2: what BAC and PACE derive keys from."""
        number = self.document_number.ljust(9, FILLER)
        return (
            number
            + self.document_number_check
            + self.birth_date
            + check_digit(self.birth_date)
            + self.expiry
            + check_digit(self.expiry)
        )

    def element(self, name: str) -> str:
        """One element as printed; names are those of `ELEMENTS[self.format]`."""
        return _cut(self.lines, ELEMENTS[self.format][name])


def check_digit(text: str) -> str:
    """Check digit of Doc 9303-3, 4.9: weights 7, 3, 1, modulo 10."""
    total = sum(VALUES[c] * WEIGHTS[at % 3] for at, c in enumerate(text))
    return str(total % 10)


def parse(lines: Sequence[str]) -> Mrz:
    """Parse a zone of two or three lines.

    Raises:
        MrzError: number, length or alphabet of the lines is none of Doc 9303.
    """
    form = _format(lines)
    raw = {name: _cut(lines, place) for name, place in ELEMENTS[form].items()}
    number, check, optional = _document_number(form, raw)
    surname, _, given = raw["names"].partition("<<")
    return Mrz(
        format=form,
        lines=tuple(lines),
        document_type=raw["document_type"].rstrip(FILLER),
        issuing_state=raw["issuing_state"].rstrip(FILLER),
        document_number=number,
        document_number_check=check,
        nationality=raw["nationality"].rstrip(FILLER),
        birth_date=raw["birth_date"],
        sex=raw["sex"],
        expiry=raw["expiry"],
        surname=_words(surname),
        given_names=_words(given),
        optional_data=optional,
        failures=tuple(_failures(form, lines, raw, number, check)),
    )


def parse_text(text: str) -> Mrz:
    """Parse a zone given as one text: lines joined by newlines, or end to end as in DG1.

    Raises:
        MrzError: as `parse`.
    """
    lines = text.split()
    if len(lines) == 1:
        width = {88: 44, 72: 36, 90: 30}.get(len(text.strip()))
        if width is None:
            raise MrzError(f"zone of {len(text)} characters")
        lines = [lines[0][at : at + width] for at in range(0, len(lines[0]), width)]
    return parse(lines)


def differences(printed: Mrz, chip: Mrz) -> tuple[str, ...]:
    """Names of the elements that differ between the printed zone and DG1's."""
    if printed.format is not chip.format:
        return ("format",)
    return tuple(
        name for name in ELEMENTS[printed.format] if printed.element(name) != chip.element(name)
    )


def _format(lines: Sequence[str]) -> MrzFormat:
    shape = (len(lines), {len(line) for line in lines})
    for line in lines:
        if not VALUES.keys() >= set(line):
            raise MrzError("character outside A-Z, 0-9 and filler")
    visa = bool(lines) and lines[0].startswith("V")
    if shape == (3, {30}):
        return MrzFormat.TD1
    if shape == (2, {44}):
        return MrzFormat.MRV_A if visa else MrzFormat.TD3
    if shape == (2, {36}):
        return MrzFormat.MRV_B if visa else MrzFormat.TD2
    raise MrzError(f"{len(lines)} lines of {sorted(shape[1])} characters")


def _cut(lines: Sequence[str], place: Place) -> str:
    return lines[place.line][place.start : place.end]


def _words(name: str) -> str:
    return " ".join(name.replace(FILLER, " ").split())


def _document_number(form: MrzFormat, raw: dict[str, str]) -> tuple[str, str, str]:
    """Number, check digit, and the optional data without what belongs to the number.

    TD1 and TD2 carry long numbers on into the optional data.

    Doc 9303-5, 4.2.2: a filler in the place of the check digit says that the number goes on
    in the optional data, up to a filler, its last character being the check digit.
    """
    number, check = raw["document_number"], raw["document_number_check"]
    optional = raw["optional_data"].rstrip(FILLER)
    if check == FILLER and form in (MrzFormat.TD1, MrzFormat.TD2):
        rest = raw["optional_data"].partition(FILLER)[0]
        if len(rest) >= 2:
            return number + rest[:-1], rest[-1], optional[len(rest) :].lstrip(FILLER)
    return number.rstrip(FILLER), check, optional


def _failures(
    form: MrzFormat, lines: Sequence[str], raw: dict[str, str], number: str, check: str
) -> list[str]:
    wrong = []
    # Of a number that goes on in the optional data, some cards count the filler between, too.
    split = number[:9] + FILLER + number[9:] if len(number) > 9 else number
    if check not in (check_digit(number.ljust(9, FILLER)), check_digit(split)):
        wrong.append("document_number_check")
    for name in ("birth_date", "expiry"):
        if check_digit(raw[name]) != raw[f"{name}_check"]:
            wrong.append(f"{name}_check")
        if not plausible(raw[name]):
            wrong.append(name)
    if "optional_data_check" in raw:
        optional, digit = raw["optional_data"], raw["optional_data_check"]
        empty = not optional.strip(FILLER) and digit == FILLER
        if not empty and check_digit(optional) != digit:
            wrong.append("optional_data_check")
    if form in COMPOSITE:
        covered = "".join(_cut(lines, place) for place in COMPOSITE[form])
        if check_digit(covered) != raw["composite_check"]:
            wrong.append("composite_check")
    if raw["sex"] not in "MFX<":
        wrong.append("sex")
    if not STATE.fullmatch(raw["issuing_state"]):
        wrong.append("issuing_state")
    if not STATE.fullmatch(raw["nationality"]):
        wrong.append("nationality")
    return wrong
