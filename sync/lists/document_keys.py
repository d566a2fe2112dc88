"""Keys of documents on a list: keyed hashes of the whole number, exact and folded."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

KEY_BYTES: Final = 8

_ALIASES: Final = {
    "D": "DEU", "GBD": "GBR", "GBN": "GBR", "GBO": "GBR", "GBP": "GBR", "GBS": "GBR",
    "ROM": "ROU", "ZAR": "COD", "TMP": "TLS", "RKS": "UNK", "XKX": "UNK",
}  # fmt: skip
"""Codes under which one issuing state is written (Doc 9303-3, section 5, and former codes)."""

_MISREAD: Final = str.maketrans("OQDUILZSGB", "0000112568")
"""Letters that reading and typing take for digits."""


class DocumentKeys(NamedTuple):
    """The keys under which one document is sought, each a number of 64 bits.

    Only `exact` names one document. A hit under another key is possible, never strong.
    """

    exact: int
    folded: int
    stateless: int


def whole_number(number: str) -> str:
    """Give a document number in capitals, without fillers, spaces and hyphens."""
    return "".join(c for c in number.upper() if c.isascii() and c.isalnum())


def issuing_state(code: str) -> str:
    """Give the code of a state under which all its codes are sought."""
    bare = code.upper().strip().rstrip("<")
    return _ALIASES.get(bare, bare)


def document_keys(list_key: bytes, state: str, number: str) -> DocumentKeys:
    """Give the keys of a document.

    Args:
        list_key: the list's secret key, 16 to 64 bytes.
        state: the issuing state's code, as printed or as listed.
        number: the whole number, also beyond nine characters, without its check digit.

    Raises:
        ValueError: the key's length is unusable, or the number holds no character.
    """
    whole = whole_number(number)
    if not whole:
        raise ValueError("the document number is empty: give the number as printed")
    if not 16 <= len(list_key) <= 64:
        raise ValueError("the list's key must hold 16 to 64 bytes")
    issuer = issuing_state(state)
    return DocumentKeys(
        exact=_key(list_key, b"exact", f"{issuer}|{whole}"),
        folded=_key(list_key, b"folded", f"{issuer}|{whole.translate(_MISREAD)}"),
        stateless=_key(list_key, b"stateless", whole),
    )


def _key(list_key: bytes, purpose: bytes, text: str) -> int:
    hashed = hashlib.blake2b(text.encode(), digest_size=KEY_BYTES, key=list_key, person=purpose)
    return int.from_bytes(hashed.digest(), "big")
