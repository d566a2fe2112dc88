"""The machine readable zone of a passport, from the issuer's side (ICAO Doc 9303-3 and -4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

_VALUES = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}


@dataclass(frozen=True)
class Holder:
    """What a passport says of its holder; names in the MRZ's alphabet (A-Z and space).

    An invented person: real ones have no place in the simulator.
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

    def with_expiry(self, expiry: date) -> Holder:
        """The same holder in a document that expires on another day."""
        return replace(self, expiry=expiry)


@dataclass(frozen=True)
class Td3:
    """The two lines of 44 characters of a TD3 document."""

    line1: str
    line2: str

    @property
    def text(self) -> str:
        """Both lines as DG1 holds them, without a separator."""
        return self.line1 + self.line2

    @property
    def access_key_text(self) -> str:
        """Number, birth date and expiry with their check digits: the BAC key's seed text."""
        return self.line2[0:10] + self.line2[13:20] + self.line2[21:28]


def check_digit(field: str) -> str:
    """Check digit with weights 7, 3, 1 (Doc 9303-3, 4.9)."""
    total = sum(_VALUES[c] * (7, 3, 1)[i % 3] for i, c in enumerate(field))
    return str(total % 10)


def _pad(text: str, size: int) -> str:
    text = text.upper().replace(" ", "<").replace("-", "<").replace("'", "")
    if len(text) > size or any(c not in _VALUES for c in text):
        raise ValueError("does not fit the machine readable zone")
    return text.ljust(size, "<")


def td3(holder: Holder) -> Td3:
    """The MRZ of a passport with all five check digits (Doc 9303-4, 4.2.2).

    Raises:
        ValueError: a field is too long or has characters the MRZ does not know.
    """
    names = f"{holder.surname}<<{holder.given_names}".rstrip("<")
    line1 = "P<" + _pad(holder.issuing_state, 3) + _pad(names[:39], 39)
    number = _pad(holder.number, 9)
    birth = f"{holder.birth_date:%y%m%d}"
    expiry = f"{holder.expiry:%y%m%d}"
    optional = _pad(holder.optional, 14)
    # An empty optional field may carry a filler as its check digit; a zero is as valid.
    optional_check = check_digit(optional) if holder.optional else "<"
    keyed = (
        number + check_digit(number),
        birth + check_digit(birth),
        expiry + check_digit(expiry) + optional + optional_check,
    )
    return Td3(
        line1,
        keyed[0]
        + _pad(holder.nationality, 3)
        + keyed[1]
        + _pad(holder.sex, 1)
        + keyed[2]
        + check_digit("".join(keyed)),
    )
