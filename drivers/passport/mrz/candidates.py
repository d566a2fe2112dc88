"""Readings of a zone that the optical reader may have meant, ranked (Doc 9303-3, 4.3 and 4.9).

A character that cannot stand at its position is replaced by the one it is confused with;
then, where a check digit is still wrong, single confusions in the element it covers are
tried. Nothing is corrected silently: a candidate names what it changed, and only access to
the chip and the comparison with DG1 decide which one was printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from drivers.passport.mrz.fillers import filled_up, filler_readings
from drivers.passport.mrz.zone import ELEMENTS, FILLER, Mrz, MrzFormat, check_digit, parse

MAX_CANDIDATES = 8
MAX_TRIED = 400

TO_DIGIT = {
    "O": "0", "Q": "0", "D": "0", "U": "0", "I": "1", "L": "1", "T": "7",
    "Z": "2", "S": "5", "G": "6", "B": "8", "A": "4", "Y": "7",
}  # fmt: skip
TO_LETTER = {"0": "O", "1": "I", "2": "Z", "5": "S", "6": "G", "8": "B", "4": "A", "7": "T"}
CONFUSED = {
    "0": "ODQU", "O": "0QD", "D": "0O", "Q": "0O", "1": "IL", "I": "1L", "L": "1I",
    "2": "Z", "Z": "2", "5": "S", "S": "5", "6": "G", "G": "6", "8": "B", "B": "8",
    "4": "A", "A": "4", "7": "TY", "T": "7", "Y": "7V", "V": "Y", "U": "0V", "C": "G",
}  # fmt: skip
"""What each character is mistaken for by readers of OCR-B, likeliest first."""

NUMERIC = frozenset(
    {
        "document_number_check",
        "birth_date",
        "birth_date_check",
        "expiry",
        "expiry_check",
        "optional_data_check",
        "composite_check",
    }
)
ALPHABETIC = frozenset({"document_type", "issuing_state", "nationality", "names", "sex"})
OPEN = frozenset({"document_number", "optional_data"})
"""Elements with letters and digits: only their check digit decides."""


class Change(NamedTuple):
    """One character read differently; line and column count from 0."""

    line: int
    column: int
    was: str
    now: str


class Candidate(NamedTuple):
    """A reading of the zone, and how it differs from the one given."""

    mrz: Mrz
    changes: tuple[Change, ...]


def candidates(lines: Sequence[str]) -> tuple[Candidate, ...]:
    """Readings of this zone, the likeliest first, those with fillers for letters among them.

    First comes the one whose letters stand where only fillers can; those that may as well be
    names come last.

    Raises:
        MrzError: number, length or alphabet of the lines is none of Doc 9303.
    """
    keyed = key_candidates(lines)
    form, base = keyed[0].mrz.format, keyed[0].mrz.lines
    certain = filled_up(form, base)
    possible = dict.fromkeys(filler_readings(form, certain or base))
    first = [certain] if certain else []
    last = [zone for zone in possible if zone not in (certain, base)]
    made = [Candidate(parse(zone), _changes(lines, zone)) for zone in (*first, *last)]
    most = len(keyed[0].mrz.failures)
    made = [item for item in made if len(item.mrz.failures) <= most]
    fewer = [item for item in made if len(item.mrz.failures) < most or item.mrz.lines == certain]
    rest = [item for item in made if item not in fewer]
    return (*fewer, *keyed, *rest)[:MAX_CANDIDATES]


def key_candidates(lines: Sequence[str]) -> tuple[Candidate, ...]:
    """Readings that may give other keys: fewest wrong checks first, then fewest changes.

    The zone as given is among them where nothing speaks against it.

    Raises:
        MrzError: number, length or alphabet of the lines is none of Doc 9303.
    """
    form = parse(lines).format
    typed = _apply(tuple(lines), _typed(form, lines))
    found: dict[tuple[str, ...], Candidate] = {}
    for tried, reading in enumerate(_readings(form, typed)):
        if tried >= MAX_TRIED:
            break
        if reading not in found:
            found[reading] = Candidate(parse(reading), _changes(lines, reading))
    ranked = sorted(found.values(), key=lambda item: (len(item.mrz.failures), len(item.changes)))
    best = len(ranked[0].mrz.failures)
    return tuple(item for item in ranked if len(item.mrz.failures) == best)[:MAX_CANDIDATES]


def doubts(given: Mrz) -> tuple[Candidate, ...]:
    """Other readings of a zone in which nothing is wrong, for when the chip refuses it.

    Some confusions pass their check digit: 0 and U, 6 and G.
    """
    form, lines = given.format, given.lines
    found = []
    for change in _confusions(form, lines):
        reading = parse(_apply(lines, [change]))
        if not reading.failures and reading.key_input != given.key_input:
            found.append(Candidate(reading, (change,)))
    return tuple(found)


def _typed(form: MrzFormat, lines: Sequence[str]) -> Iterator[Change]:
    """Characters that cannot stand where they are."""
    for name, place in ELEMENTS[form].items():
        table = TO_DIGIT if name in NUMERIC else TO_LETTER if name in ALPHABETIC else {}
        for column in range(place.start, place.end):
            was = lines[place.line][column]
            if was in table:
                yield Change(place.line, column, was, table[was])


def _readings(form: MrzFormat, lines: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The zone itself, then with one confusion, then with two, in the open elements."""
    yield lines
    read = parse(lines)
    if not read.failures:
        return
    if "document_number_check" in read.failures:
        # Not the number but its check digit may be what was misread.
        place = ELEMENTS[form]["document_number_check"]
        digit = check_digit(read.document_number.ljust(9, FILLER))
        was = lines[place.line][place.start]
        if was != FILLER:
            yield _apply(lines, [Change(place.line, place.start, was, digit)])
    single = list(_confusions(form, lines))
    for change in single:
        yield _apply(lines, [change])
    for at, first in enumerate(single):
        for second in single[at + 1 :]:
            if (first.line, first.column) != (second.line, second.column):
                yield _apply(lines, [first, second])


def _confusions(form: MrzFormat, lines: Sequence[str]) -> Iterator[Change]:
    for name in sorted(OPEN & ELEMENTS[form].keys()):
        place = ELEMENTS[form][name]
        for column in range(place.start, place.end):
            was = lines[place.line][column]
            for now in CONFUSED.get(was, ""):
                yield Change(place.line, column, was, now)


def _apply(lines: tuple[str, ...], changes: Iterator[Change] | list[Change]) -> tuple[str, ...]:
    rows = [list(line) for line in lines]
    for change in changes:
        rows[change.line][change.column] = change.now
    return tuple("".join(row) for row in rows)


def _changes(lines: Sequence[str], reading: Sequence[str]) -> tuple[Change, ...]:
    return tuple(
        Change(number, column, was, now)
        for number, (old, new) in enumerate(zip(lines, reading, strict=True))
        for column, (was, now) in enumerate(zip(old, new, strict=True))
        if was != now
    )
