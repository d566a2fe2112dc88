"""What forgeries are made with: a document issued again, its files taken away, a forger's keys."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sim.chip.keys import Algorithm, KeySource
from sim.chip.personalise import EF_COM, EF_SOD, Personalisation, personalise
from sim.chip.pki import Country


def forger(genuine: Personalisation, purpose: str) -> tuple[KeySource, Country]:
    """Keys for a forger, and the country with an algorithm whose keys a seed can give."""
    seed = hashlib.sha256(purpose.encode() + genuine.files[EF_SOD]).digest()
    country = genuine.country
    if country.algorithm in (Algorithm.RSA_PKCS1, Algorithm.RSA_PSS):
        # A forger of his own spares himself the search for primes.
        country = replace(country, algorithm=Algorithm.ECDSA_P256)
    return KeySource.seeded(seed), country


def issue_again(genuine: Personalisation, **changes: Any) -> Personalisation:
    """The document as its state would issue it with another recipe, chip included.

    Changes are `holder`, `portrait_jpeg`, `country`, `hash_name`, `features`, `layout` and `at`.
    """
    recipe = {
        "holder": genuine.holder,
        "portrait_jpeg": genuine.portrait_jpeg,
        "country": genuine.country,
        "hash_name": genuine.hash_name,
        "features": genuine.features,
        "layout": genuine.layout,
    }
    return personalise(**{**recipe, **changes})


def without_files(genuine: Personalisation, *fids: int) -> Personalisation:
    """The same chip, which denies having these files."""
    files = {fid: content for fid, content in genuine.files.items() if fid not in fids}
    return replace(genuine, files=MappingProxyType(files))


def groups_of(genuine: Personalisation) -> list[int]:
    """Numbers of the data groups on the chip."""
    return sorted(fid & 0xFF for fid in genuine.files if fid not in (EF_COM, EF_SOD))


def issued_by(genuine: Personalisation, country: Country) -> Personalisation:
    """The document as another country, or the same with another signer, would issue it."""
    at = max(country.at, genuine.country.at)
    return issue_again(genuine, country=country, at=at)
