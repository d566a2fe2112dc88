"""Which line of a machine readable zone a line is (Doc 9303-4, 4.2.2; -5, 4.2.2; -6, 4.2.2).

Judged by where digits stand, with room for characters that were misread: two upper lines are
no zone, in whatever way they came one after the other.
"""

from __future__ import annotations

DIGITS = frozenset("0123456789")
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<")
TYPES = frozenset("ACDINPV")
"""First letters of the documents' types: a visa, a passport, or another official document."""

_LOWER = (9, *range(13, 20), *range(21, 28))
_MIDDLE = (*range(7), *range(8, 15))
_FEW, _MANY = 1, 4


def role_of(line: str) -> int:
    """The line's place in its zone, from 0: of two for 36 or 44 characters, of three for 30."""
    return _of_three(line) if len(line) == 30 else _of_two(line)


def _of_two(line: str) -> int:
    """The lower line has its dates and check digits; the upper one only letters."""
    count = _digits(line, _LOWER)
    if count <= _FEW:
        return 0
    if count >= _MANY:
        return 1
    names = line[0] in TYPES and LETTERS.issuperset(line[2:5])
    return 0 if names and _digits(line, range(len(line))) < _MANY else 1


def _of_three(line: str) -> int:
    """The middle line begins with dates, the upper with a type, the last has only letters."""
    if _digits(line, _MIDDLE) >= _MANY and line[0] not in TYPES:
        return 1
    if line[0] == "<" and line[6] in DIGITS:  # the date of birth is not known
        return 1
    several = _digits(line, range(len(line))) > _FEW
    return 0 if line[0] in TYPES and (several or line[14] in DIGITS) else 2


def _digits(line: str, columns: tuple[int, ...] | range) -> int:
    return sum(line[column] in DIGITS for column in columns)
