"""The machine readable zone, from the issuer's side (ICAO Doc 9303-3 to -6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

_VALUES = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}


@dataclass(frozen=True)
class Holder:
    """What a passport says of its holder; names in the MRZ's alphabet (A-Z and space).

    An invented person: real ones have no place in the simulator. `birth_text` and
    `expiry_text` are six characters that are printed in place of a date: fillers or zeros for
    what the issuer does not know, fillers alone in a document that does not expire.
    """

    surname: str
    given_names: str
    number: str
    birth_date: date
    sex: str
    expiry: date
    nationality: str = "UTO"
    issuing_state: str = "UTO"
    optional: str = ""
    birth_text: str = ""
    expiry_text: str = ""

    @property
    def birth(self) -> str:
        """Date of birth as printed, with its check digit."""
        return _date(self.birth_date, self.birth_text)

    @property
    def expires(self) -> str:
        """Date of expiry as printed, with its check digit."""
        return _date(self.expiry, self.expiry_text)

    def with_expiry(self, expiry: date) -> Holder:
        """The same holder in a document that expires on another day."""
        return replace(self, expiry=expiry, expiry_text="")


@dataclass(frozen=True)
class Zone:
    """Two lines of 44 (TD3) or 36 characters (TD2), or three of 30 (TD1)."""

    line1: str
    line2: str
    line3: str = ""

    @property
    def lines(self) -> list[str]:
        """The lines there are."""
        return [line for line in (self.line1, self.line2, self.line3) if line]

    @property
    def text(self) -> str:
        """All lines as DG1 holds them, without a separator."""
        return "".join(self.lines)

    @property
    def printed(self) -> str:
        """The lines as they stand on the document."""
        return "\n".join(self.lines)

    @property
    def access_key_text(self) -> str:
        """Number, birth date and expiry with their check digits: the BAC key's seed text.

        A TD1 number longer than nine characters goes on in the optional data
        (Doc 9303-5, 4.2.2; Doc 9303-11, 9.7.1.1).
        """
        if not self.line3:
            return self.line2[0:10] + self.line2[13:20] + self.line2[21:28]
        number, rest = self.line1[5:15], self.line1[15:30].split("<")[0]
        if number[9] == "<" and rest:
            number = number[:9] + rest[:-1] + check_digit(number[:9] + rest[:-1])
        return number + self.line2[0:7] + self.line2[8:15]


def check_digit(field: str) -> str:
    """Check digit with weights 7, 3, 1 (Doc 9303-3, 4.9)."""
    total = sum(_VALUES[c] * (7, 3, 1)[i % 3] for i, c in enumerate(field))
    return str(total % 10)


def _pad(text: str, size: int) -> str:
    text = text.upper().replace(" ", "<").replace("-", "<").replace("'", "")
    if len(text) > size or any(c not in _VALUES for c in text):
        raise ValueError("does not fit the machine readable zone")
    return text.ljust(size, "<")


def td3(holder: Holder) -> Zone:
    """The MRZ of a passport with all five check digits (Doc 9303-4, 4.2.2).

    Raises:
        ValueError: a field is too long or has characters the MRZ does not know.
    """
    line1 = "P<" + _pad(holder.issuing_state, 3) + _names(holder, 39)
    number = _pad(holder.number, 9)
    optional = _pad(holder.optional, 14)
    # An empty optional field may carry a filler as its check digit; a zero is as valid.
    optional_check = check_digit(optional) if holder.optional else "<"
    keyed = (
        number + check_digit(number),
        holder.birth,
        holder.expires + optional + optional_check,
    )
    return Zone(
        line1,
        keyed[0]
        + _pad(holder.nationality, 3)
        + keyed[1]
        + _pad(holder.sex, 1)
        + keyed[2]
        + check_digit("".join(keyed)),
    )


def td2(holder: Holder) -> Zone:
    """The MRZ of an official travel document of size TD2 (Doc 9303-6, 4.2.2).

    Raises:
        ValueError: a field is too long or has characters the MRZ does not know.
    """
    number, birth, expiry = _pad(holder.number, 9), holder.birth, holder.expires
    optional = _pad(holder.optional, 7)
    number += check_digit(number)
    composite = check_digit(number + birth + expiry + optional)
    return Zone(
        "I<" + _pad(holder.issuing_state, 3) + _names(holder, 31),
        number
        + _pad(holder.nationality, 3)
        + birth
        + _pad(holder.sex, 1)
        + expiry
        + optional
        + composite,
    )


def td1(holder: Holder) -> Zone:
    """The MRZ of an identity card of size TD1 (Doc 9303-5, 4.2.2).

    A number of more than nine characters is followed by a filler, its rest and check digit
    stand in the optional data, one filler after them.

    Raises:
        ValueError: a field is too long or has characters the MRZ does not know.
    """
    number, optional = _pad(holder.number[:9], 9), holder.optional
    if len(holder.number) > 9:
        optional = f"{holder.number[9:]}{check_digit(holder.number)}<{optional}"
        number += "<"
    else:
        number += check_digit(number)
    line1 = "I<" + _pad(holder.issuing_state, 3) + number + _pad(optional, 15)
    birth, expiry = holder.birth, holder.expires
    composite = check_digit(line1[5:30] + birth + expiry + "<" * 11)
    line2 = birth + _pad(holder.sex, 1) + expiry + _pad(holder.nationality, 3) + "<" * 11
    return Zone(line1, line2 + composite, _names(holder, 30))


def _names(holder: Holder, size: int) -> str:
    names = f"{holder.surname}<<{holder.given_names}".rstrip("<")
    return _pad(names[:size], size)


def _date(day: date, text: str) -> str:
    digits = text or f"{day:%y%m%d}"
    return digits + check_digit(digits)
