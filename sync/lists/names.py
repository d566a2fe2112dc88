"""Names of persons as lists compare them: tokens without order, and their skeletons.

A name reaches a gate through a machine readable zone (ICAO Doc 9303-3, 4.6 and section 6):
letters A to Z, fillers between parts, and cut where its field ends.
"""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

MIN_CUT_LETTERS: Final = 3
"""A cut last token with fewer letters than this says too little to be compared."""

SKELETON_LETTERS: Final = 5

PLACEHOLDERS: Final = frozenset({"FNU", "LNU", "XXX", "UNKNOWN"})
"""What issuers write where a name has no such part."""

STOP_TOKENS: Final = frozenset({
    "ABD", "ABDEL", "ABU", "AL", "BIN", "BINT", "BINTE", "BINTI", "DA", "DE", "DEL", "DER", "DI",
    "DOS", "EL", "HAJI", "HAJJ", "IBN", "LA", "UL", "VAN", "VON",
})  # fmt: skip
"""Particles and patronymic words, which weigh nothing."""

_LATIN: Final = {
    "Æ": "AE", "Ø": "OE", "Œ": "OE", "ß": "SS", "ẞ": "SS", "Þ": "TH", "Ð": "D", "Đ": "D",
    "Ł": "L", "Ħ": "H", "\u0131": "I", "Ŋ": "N",
}  # fmt: skip

_FOLDINGS: Final = (
    ("TSCH", "C"), ("SHCH", "S"), ("SCH", "S"), ("DZH", "J"), ("DJ", "J"), ("DZ", "Z"),
    ("TCH", "C"), ("CH", "C"), ("SH", "S"), ("KH", "K"), ("GH", "G"), ("ZH", "J"), ("PH", "F"),
    ("TH", "T"), ("DH", "D"), ("CK", "K"), ("QU", "K"), ("X", "KS"), ("Q", "K"), ("W", "V"),
    ("OU", "U"), ("OO", "U"), ("EE", "I"), ("IE", "I"), ("Y", "I"), ("Z", "S"),
)  # fmt: skip


class Name(NamedTuple):
    """A name as it is compared.

    `tokens` are sorted, each once, without stop tokens and placeholders. `joined` is the
    whole name without spaces in its own order. `cut` is the beginning of a last token that
    may go on beyond its field, empty where nothing was cut.
    """

    tokens: tuple[str, ...]
    joined: str
    cut: str

    @property
    def mononym(self) -> bool:
        """Report whether one token is all there is to compare."""
        return len(self.tokens) == 1 and not self.cut


def latin(text: str) -> str:
    """Give text in the letters A to Z, with a space for whatever parts words.

    An apostrophe joins its neighbours (Doc 9303-3, 4.6); letters of no Latin script part words.
    """
    spelled = "".join(_LATIN.get(letter, letter) for letter in text).upper()
    spelled = "".join(_LATIN.get(letter, letter) for letter in spelled)
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c)
    )
    joined = bare.replace("'", "").replace("\u2019", "")
    return "".join(c if "A" <= c <= "Z" else " " for c in joined)


def read_name(primary: str, secondary: str, *, may_be_cut: bool = False) -> Name:
    """Give the name of two identifiers, of a zone or of a list.

    Args:
        primary: the surname, or the only name.
        secondary: the given names, empty where there are none.
        may_be_cut: whether the last position of the name's field holds a letter.
    """
    words = f"{latin(primary)} {latin(secondary)}".split()
    last = words.pop() if may_be_cut and words else ""
    named = [word for word in words if word not in PLACEHOLDERS]
    weighed = {word for word in named if word not in STOP_TOKENS}
    return Name(
        tokens=tuple(sorted(weighed or set(named))),
        joined="".join(named) + last,
        cut=last if len(last) >= MIN_CUT_LETTERS else "",
    )


def skeleton(token: str) -> str:
    """Give what common transliterations of one token share: at most five letters.

    Doubles collapse; vowels and H are dropped after the first letter.
    """
    folded = token
    for spelled, sound in _FOLDINGS:
        folded = folded.replace(spelled, sound)
    kept = folded[:1] + "".join(c for c in folded[1:] if c not in "AEIOUH")
    letters = "".join(c for place, c in enumerate(kept) if place == 0 or c != kept[place - 1])
    return letters[:SKELETON_LETTERS]
