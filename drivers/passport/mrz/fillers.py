"""Fillers that a reader took for letters (Doc 9303-3, 4.6: the unused rest of an element is `<`).

Readers of OCR-B mistake a filler for one of a few letters. Neither names nor states carry a check
digit, so that only the chip shows whether such a letter is a true one. Nothing here corrects a
zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drivers.passport.mrz.zone import ELEMENTS, FILLER, Mrz, MrzFormat

FILLER_LIKE = "KCSXEL"
"""Letters that readers give for a filler."""

READ_AS_LETTERS = frozenset(
    {"names", "issuing_state", "nationality", "optional_data", "optional_data_2"}
)
"""Elements that are filled up. A document's number and type are not among them: a letter more is
another number, and PE another type than P."""

_ENDS = ("names", "optional_data", "optional_data_2")
_END = re.compile(rf"(?:(?<=<)[{FILLER_LIKE}<]*[{FILLER_LIKE}]|([{FILLER_LIKE}])\1{{2,}})<*$")
"""Such letters at the end: after a filler, or three or more of one kind."""
_SEPARATOR = re.compile(
    rf"(?<=[A-Z])(?:<[{FILLER_LIKE}]|[{FILLER_LIKE}]<|([{FILLER_LIKE}])\1)(?=[A-Z])"
)
"""What may have been the two fillers between surname and given names."""


def filler_elements(printed: Mrz, chip: Mrz, different: Sequence[str]) -> frozenset[str]:
    """Those of the elements that differ only by fillers of the chip printed as letters."""
    return frozenset(
        name
        for name in different
        if name in READ_AS_LETTERS and _only_fillers(printed.element(name), chip.element(name))
    )


def _only_fillers(printed: str, chip: str) -> bool:
    return all(
        true == FILLER and read in FILLER_LIKE
        for read, true in zip(printed, chip, strict=True)
        if read != true
    )


def filled_up(form: MrzFormat, lines: Sequence[str]) -> tuple[str, ...] | None:
    """The zone with fillers for letters that stand where only fillers can; None without any.

    Surname and given names are parted by two fillers, and after the names come only fillers.
    """
    names = _cut(form, lines, "names")
    parted = names.find("<<")
    if parted <= 0:
        return None
    given = names[parted + 2 : parted + 3] not in (FILLER, "")
    end = names.find("<<", parted + 2) if given else parted
    if end < 0 or not names[end:].strip(FILLER) or names[end:].strip(FILLER + FILLER_LIKE):
        return None
    return _with(form, lines, "names", names[:end] + FILLER * len(names[end:]))


def filler_readings(form: MrzFormat, lines: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Zones that may have been printed: letters at the end or between names as fillers."""
    for name in _ENDS:
        if name in ELEMENTS[form]:
            text = _cut(form, lines, name)
            end = _END.search(text)
            if end:
                yield _with(form, lines, name, text[: end.start()].ljust(len(text), FILLER))
    names = _cut(form, lines, "names")
    if "<<" not in names.rstrip(FILLER):
        for pair in _SEPARATOR.finditer(names.rstrip(FILLER)):
            parted = names[: pair.start()] + "<<" + names[pair.end() :]
            yield _with(form, lines, "names", parted)


def _cut(form: MrzFormat, lines: Sequence[str], name: str) -> str:
    place = ELEMENTS[form][name]
    return lines[place.line][place.start : place.end]


def _with(form: MrzFormat, lines: Sequence[str], name: str, text: str) -> tuple[str, ...]:
    place = ELEMENTS[form][name]
    line = lines[place.line]
    changed = line[: place.start] + text + line[place.end :]
    return tuple(changed if n == place.line else other for n, other in enumerate(lines))
